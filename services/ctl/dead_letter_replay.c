#include "dead_letter_replay.h"

#include "alloc.h"
#include "command.h"
#include "ctl_db.h"

#include <stdint.h>
#include <stdlib.h>

/* Letters of one transaction: their payloads are in memory together. */
enum { CHUNK_MAX = 64 };

struct chunk {
    size_t count;
    struct dead_letter_message messages[CHUNK_MAX];
    struct delivery deliveries[CHUNK_MAX];
    int64_t ids[CHUNK_MAX];
};

static void read_messages(const PGresult *result, struct chunk *chunk)
{
    chunk->count = (size_t)PQntuples(result);
    for (size_t i = 0; i < chunk->count; i++) {
        dead_letter_store_message(result, (int)i, &chunk->messages[i]);
        chunk->ids[i] = chunk->messages[i].id;
    }
}

/* Sends one letter; `*row` walks along the headers, which are in the order of the letters. */
static void send_letter(struct producer *producer, const struct dead_letter_message *letter,
                        const PGresult *headers, int *row, struct delivery *delivery)
{
    int rows = PQntuples(headers);
    struct producer_header *list = alloc_zeroed((size_t)(rows - *row) + 1, sizeof(*list));
    size_t count = 0;
    for (; *row < rows; (*row)++) {
        struct dead_letter_header header;
        dead_letter_store_header(headers, *row, &header);
        if (header.id != letter->id)
            break;
        list[count++] = (struct producer_header){header.name, header.value};
    }
    struct producer_message message = {letter->topic, letter->key, letter->payload, list, count};
    producer_send(producer, &message, delivery);
    free(list);
}

static bool send_all(PGconn *conn, struct producer *producer, struct chunk *chunk,
                     struct error *err)
{
    AUTO_RELEASE(ctl_db_clear)
    PGresult *headers = dead_letter_store_headers(conn, chunk->ids, chunk->count, err);
    if (!headers)
        return false;
    int row = 0;
    for (size_t i = 0; i < chunk->count; i++)
        send_letter(producer, &chunk->messages[i], headers, &row, &chunk->deliveries[i]);
    producer_flush(producer);
    return true;
}

static bool mark(PGconn *conn, const struct chunk *chunk, struct slice by,
                 struct replay_result *out, struct error *err)
{
    int64_t delivered[CHUNK_MAX];
    size_t count = 0;
    for (size_t i = 0; i < chunk->count; i++) {
        if (chunk->deliveries[i].is_delivered)
            delivered[count++] = chunk->ids[i];
        else
            command_note("dead letter %lld was not delivered to %.*s: %s", (long long)chunk->ids[i],
                         (int)chunk->messages[i].topic.len, chunk->messages[i].topic.data,
                         chunk->deliveries[i].problem);
    }
    out->failed += chunk->count - count;
    if (!dead_letter_store_mark_replayed(conn, delivered, count, by, err))
        return false;
    out->replayed += count;
    return true;
}

/* What one transaction does. `*after_id` moves on; `*out_more` tells whether there may be more. */
static bool replay_chunk(PGconn *conn, struct producer *producer,
                         const struct dead_letter_filter *filter, struct slice by,
                         int64_t newest_id, int64_t *after_id, bool *out_more,
                         struct replay_result *out, struct error *err)
{
    struct chunk chunk;
    AUTO_RELEASE(ctl_db_clear)
    PGresult *claimed = dead_letter_store_claim(conn, filter, *after_id, newest_id, CHUNK_MAX, err);
    if (!claimed)
        return false;
    read_messages(claimed, &chunk);
    *out_more = chunk.count == CHUNK_MAX;
    if (chunk.count == 0)
        return true;
    *after_id = chunk.ids[chunk.count - 1];
    return send_all(conn, producer, &chunk, err) && mark(conn, &chunk, by, out, err);
}

bool dead_letter_replay(PGconn *conn, struct producer *producer,
                        const struct dead_letter_filter *filter, struct slice by,
                        struct replay_result *out, struct error *err)
{
    int64_t newest_id = 0;
    int64_t after_id = 0;
    bool more = true;
    *out = (struct replay_result){0, 0};
    /* A letter that cannot be applied comes back as a new one: without a bound, --all would chase
     * it. */
    if (!dead_letter_store_newest(conn, &newest_id, err))
        return false;
    while (more) {
        if (!ctl_db_script(conn, "BEGIN", err) ||
            !replay_chunk(conn, producer, filter, by, newest_id, &after_id, &more, out, err) ||
            !ctl_db_script(conn, "COMMIT", err))
            return false;
    }
    return true;
}

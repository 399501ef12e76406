#include "micro_batch.h"

#include "alloc.h"
#include "arena.h"
#include "bisection.h"
#include "fingerprint.h"
#include "utf8.h"

#include <stdlib.h>
#include <string.h>

struct batch_item {
    rd_kafka_message_t *message;
    int64_t epoch;
    const struct event *event;         /* NULL: a dead letter */
    const struct rejection *rejection; /* NULL: an event */
};

struct micro_batch {
    size_t max_event_bytes;
    struct batch_item *items;
    size_t count;
    size_t cap;
    size_t bytes;
    uint64_t replaced_nuls;
    struct arena arena; /* events and rejections */
    struct fold *fold;  /* of the window */
    size_t
        folded_to; /* items before this index have been folded, while the batch is being gathered */

    struct bisection window;
    struct arena window_arena; /* offsets and dead letters of the window */
    struct store_offset *offsets;
    struct store_transaction txn;
};

struct micro_batch *micro_batch_new(size_t max_event_bytes)
{
    struct micro_batch *batch = alloc_zeroed(1, sizeof *batch);
    batch->max_event_bytes = max_event_bytes;
    batch->fold = fold_new();
    arena_init(&batch->arena);
    arena_init(&batch->window_arena);
    return batch;
}

void micro_batch_reset(struct micro_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++)
        rd_kafka_message_destroy(batch->items[i].message);
    batch->count = 0;
    batch->bytes = 0;
    batch->window = (struct bisection){0};
    batch->folded_to = 0;
    batch->replaced_nuls = 0;
    fold_reset(batch->fold);
    arena_reset(&batch->arena);
    arena_reset(&batch->window_arena);
}

void micro_batch_free(struct micro_batch **batch)
{
    struct micro_batch *self = *batch;
    if (!self)
        return;
    *batch = NULL;
    micro_batch_reset(self);
    fold_free(&self->fold);
    arena_done(&self->arena);
    arena_done(&self->window_arena);
    free(self->items);
    free(self);
}

/* --- gathering --------------------------------------------------------------------------- */

static size_t header_count(rd_kafka_message_t *message, rd_kafka_headers_t **headers)
{
    return rd_kafka_message_headers(message, headers) ? 0 : rd_kafka_header_cnt(*headers);
}

/* The headers as slices into the message, in the arena. */
static const struct message_header *read_headers(rd_kafka_message_t *message, struct arena *arena,
                                                 size_t *out_count)
{
    rd_kafka_headers_t *headers = NULL;
    size_t count = header_count(message, &headers);
    *out_count = count;
    if (count == 0)
        return NULL;
    struct message_header *list = arena_alloc(arena, count * sizeof *list);
    for (size_t i = 0; i < count; i++) {
        const char *name = NULL;
        const void *value = NULL;
        size_t size = 0;
        if (rd_kafka_header_get_all(headers, i, &name, &value, &size)) {
            *out_count = i;
            break;
        }
        list[i] = (struct message_header){slice_of(name), {value, size}};
    }
    return list;
}

static struct slice message_value(const rd_kafka_message_t *message)
{
    return message->payload ? (struct slice){message->payload, message->len} : SLICE_NONE;
}

static struct slice message_key(const rd_kafka_message_t *message)
{
    return message->key ? (struct slice){message->key, message->key_len} : SLICE_NONE;
}

static void decode_item(struct micro_batch *batch, struct batch_item *item)
{
    struct message message = {.value = message_value(item->message)};
    struct rejection rejection;
    message.headers = read_headers(item->message, &batch->arena, &message.header_count);
    if (decode_message(&message, batch->max_event_bytes, &batch->arena, &item->event, &rejection,
                       &batch->replaced_nuls))
        return;
    struct rejection *kept = arena_alloc(&batch->arena, sizeof *kept);
    *kept = rejection;
    item->event = NULL;
    item->rejection = kept;
}

bool micro_batch_add(struct micro_batch *batch, rd_kafka_message_t *message, int64_t epoch)
{
    if (batch->count == batch->cap) {
        batch->cap = batch->cap ? 2 * batch->cap : 256;
        batch->items = alloc_resize(batch->items, batch->cap, sizeof *batch->items);
    }
    struct batch_item *item = &batch->items[batch->count++];
    *item = (struct batch_item){.message = message, .epoch = epoch};
    batch->bytes += message->len;
    decode_item(batch, item);
    /* Folding while the database works on the transaction before keeps it off the path between two
     * transactions. */
    if (item->event && batch->folded_to == batch->count - 1)
        fold_add(batch->fold, item->event);
    batch->folded_to = batch->count;
    return item->event != NULL;
}

size_t micro_batch_count(const struct micro_batch *batch)
{
    return batch->count - batch->window.from;
}

size_t micro_batch_bytes(const struct micro_batch *batch)
{
    return batch->bytes;
}

int64_t micro_batch_oldest_ms(const struct micro_batch *batch)
{
    rd_kafka_timestamp_type_t type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
    if (batch->window.from == batch->count)
        return 0;
    int64_t ms = rd_kafka_message_timestamp(batch->items[batch->window.from].message, &type);
    return type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE ? 0 : ms;
}

uint64_t micro_batch_replaced_nuls(const struct micro_batch *batch)
{
    return batch->replaced_nuls;
}

static void refold(struct micro_batch *batch, size_t from, size_t to)
{
    fold_reset(batch->fold);
    for (size_t i = from; i < to; i++)
        if (batch->items[i].event)
            fold_add(batch->fold, batch->items[i].event);
}

void micro_batch_drop(struct micro_batch *batch, micro_batch_lost_fn *is_lost, void *arg)
{
    size_t kept = batch->window.from;
    for (size_t i = batch->window.from; i < batch->count; i++) {
        struct batch_item *item = &batch->items[i];
        rd_kafka_message_t *message = item->message;
        if (is_lost(rd_kafka_topic_name(message->rkt), message->partition, item->epoch, arg)) {
            batch->bytes -= message->len;
            rd_kafka_message_destroy(message);
        } else {
            batch->items[kept++] = *item;
        }
    }
    if (kept == batch->count)
        return;
    batch->count = kept;
    batch->folded_to = kept;
    refold(batch, batch->window.from, kept);
    batch->window.to = batch->window.from;
}

/* --- the window -------------------------------------------------------------------------- */

static int compare_offsets(const void *a, const void *b)
{
    const struct store_offset *left = a;
    const struct store_offset *right = b;
    int order = strcmp(left->topic, right->topic);
    return order ? order
                 : (left->partition > right->partition) - (left->partition < right->partition);
}

static struct store_offset *find_offset(struct micro_batch *batch, const char *topic,
                                        int32_t partition)
{
    /* From the end: messages come in runs of one partition. */
    for (size_t i = batch->txn.offset_count; i-- > 0;)
        if (batch->offsets[i].partition == partition && strcmp(batch->offsets[i].topic, topic) == 0)
            return &batch->offsets[i];
    struct store_offset *added = &batch->offsets[batch->txn.offset_count++];
    *added = (struct store_offset){.topic = topic, .partition = partition};
    return added;
}

/* From the end: the first message of a partition that is met so is its last. */
static void collect_offsets(struct micro_batch *batch)
{
    size_t count = batch->window.to - batch->window.from;
    batch->offsets = arena_alloc(&batch->window_arena, count * sizeof *batch->offsets);
    batch->txn.offset_count = 0;
    for (size_t i = batch->window.to; i-- > batch->window.from;) {
        const struct batch_item *item = &batch->items[i];
        const rd_kafka_message_t *message = item->message;
        struct store_offset *offset =
            find_offset(batch, rd_kafka_topic_name(message->rkt), message->partition);
        if (offset->next_offset > message->offset)
            continue;
        offset->epoch = item->epoch;
        offset->next_offset = message->offset + 1;
        offset->fingerprint = fingerprint_of_message(message);
    }
    qsort(batch->offsets, batch->txn.offset_count, sizeof *batch->offsets, compare_offsets);
    batch->txn.offsets = batch->offsets;
}

static void collect_dead_letters(struct micro_batch *batch)
{
    size_t count = 0;
    for (size_t i = batch->window.from; i < batch->window.to; i++)
        count += batch->items[i].rejection != NULL;
    struct store_dead_letter *letters =
        arena_alloc(&batch->window_arena, (count + 1) * sizeof *letters);
    batch->txn.dead_letters = letters;
    batch->txn.dead_letter_count = count;
    for (size_t i = batch->window.from; i < batch->window.to; i++) {
        const struct batch_item *item = &batch->items[i];
        rd_kafka_message_t *message = item->message;
        if (!item->rejection)
            continue;
        *letters = (struct store_dead_letter){
            .topic = rd_kafka_topic_name(message->rkt),
            .partition = message->partition,
            .offset = message->offset,
            .key = message_key(message),
            .payload = message_value(message),
            .rejection = item->rejection,
        };
        letters->headers = read_headers(message, &batch->window_arena, &letters->header_count);
        letters++;
    }
}

static void open_window(struct micro_batch *batch)
{
    fold_finish(batch->fold);
    arena_reset(&batch->window_arena);
    collect_offsets(batch);
    collect_dead_letters(batch);
    batch->txn.fold = batch->fold;
}

static void refold_and_open_window(struct micro_batch *batch)
{
    refold(batch, batch->window.from, batch->window.to);
    open_window(batch);
}

void micro_batch_open(struct micro_batch *batch)
{
    size_t from = batch->window.from;
    if (batch->window.to > from)
        return;
    bisection_open(&batch->window, from, batch->count);
    /* All of it has been folded as it came. */
    if (from == 0)
        open_window(batch);
    else
        refold_and_open_window(batch);
}

struct store_transaction *micro_batch_transaction(struct micro_batch *batch)
{
    return &batch->txn;
}

struct store_offset *micro_batch_offsets(struct micro_batch *batch)
{
    return batch->offsets;
}

size_t micro_batch_window_count(const struct micro_batch *batch)
{
    return batch->window.to - batch->window.from;
}

bool micro_batch_advance(struct micro_batch *batch)
{
    if (bisection_accept(&batch->window))
        return true;
    refold_and_open_window(batch);
    return false;
}

/* Cut to fit, at a character's end: the text must not be refused itself. */
static void copy_detail(struct rejection *rejection, const char *detail)
{
    struct slice text = {detail, strnlen(detail, sizeof rejection->detail - 1)};
    while (!utf8_is_valid(text))
        text.len--;
    memcpy(rejection->detail, text.data, text.len);
    rejection->detail[text.len] = '\0';
}

static void make_dead_letter(struct micro_batch *batch, struct batch_item *item, const char *detail)
{
    struct rejection *rejection = arena_alloc_zeroed(&batch->arena, sizeof *rejection);
    rejection->reason = REJECT_DATABASE_REFUSED;
    copy_detail(rejection, detail);
    item->event = NULL;
    item->rejection = rejection;
}

void micro_batch_refused(struct micro_batch *batch, const char *detail)
{
    if (bisection_refuse(&batch->window))
        make_dead_letter(batch, &batch->items[batch->window.from], detail);
    refold_and_open_window(batch);
}

struct micro_batch_counts micro_batch_window_counts(const struct micro_batch *batch)
{
    struct micro_batch_counts counts = {0};
    for (size_t i = batch->window.from; i < batch->window.to; i++) {
        const struct batch_item *item = &batch->items[i];
        if (item->event)
            counts.events[item->event->entity.kind]++;
        else
            counts.dead_letters[item->rejection->reason]++;
    }
    return counts;
}

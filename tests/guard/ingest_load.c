#include "ingest_load.h"

#include "buf.h"
#include "decode.h"
#include "rfc3339.h"

#include <stdio.h>
#include <stdlib.h>

#define BATCHES 4
#define VALUE_BYTES_MAX 4096
#define MAX_EVENT_BYTES ((size_t)1 << 20)
#define FIRST_EVENT_US INT64_C(1747317600000000) /* 2025-05-15T14:00:00Z */
#define MILLISECOND_US 1000

static const char *const statuses[LOAD_STEPS] = {NULL, "ringing", "in-progress", "completed"};

static void append_time(struct buf *value, const char *name, size_t milliseconds)
{
    char text[RFC3339_MILLIS_LEN];
    rfc3339_format_millis(FIRST_EVENT_US + (int64_t)milliseconds * MILLISECOND_US, text);
    buf_append_format(value, "\"%s\":\"%.*s\"", name, RFC3339_MILLIS_LEN, text);
}

static void append_call(struct buf *value, size_t call)
{
    buf_append_format(value, ",\"phoneNumber\":\"1212%07zu\",\"fields\":{\"name\":\"Emily Davis\",",
                      call);
    buf_append_format(value, "\"account_id\":\"ACC-%zu\",\"priority\":\"high\",\"amount\":%zu.50},",
                      call, call % 1000);
}

static void append_attempt(struct buf *value, size_t call, size_t step)
{
    buf_append_format(value, ",\"attempt\":1,\"callStatus\":\"%s\",", statuses[step]);
    if (step == LOAD_STEPS - 1)
        buf_append_format(
            value,
            "\"callDuration\":73.5,\"recordingUrl\":\"https://recordings.example.com/%zu.mp3\",",
            call);
}

struct slice ingest_load_value(struct arena *arena, size_t number, size_t calls)
{
    size_t step = number / calls % LOAD_STEPS;
    size_t call = number / (calls * LOAD_STEPS) * calls + number % calls;
    struct buf value;
    buf_init(&value, VALUE_BYTES_MAX);
    buf_append_format(&value,
                      "{\"specversion\":\"1.0\",\"id\":\"e-%012zx\",\"source\":\"/dialers/guard\",",
                      number);
    buf_append_format(&value, "\"type\":\"dialer.%s.upserted\",", step == 0 ? "call" : "phone-log");
    append_time(&value, "time", number);
    buf_append_format(&value, ",\"data\":{\"batchId\":\"%024zx\",\"callId\":\"%024zx\"",
                      call % BATCHES + 1, call + 1);
    if (step == 0)
        append_call(&value, call);
    else
        append_attempt(&value, call, step);
    append_time(&value, "createdAt", call);
    buf_append_text(&value, "}}");
    struct slice kept = arena_copy(arena, buf_slice(&value));
    buf_done(&value);
    return kept;
}

const struct event *ingest_load_event(struct arena *arena, size_t number, size_t calls)
{
    struct message message = {.value = ingest_load_value(arena, number, calls)};
    const struct event *event = NULL;
    struct rejection rejection;
    uint64_t nuls = 0;
    if (!decode_message(&message, MAX_EVENT_BYTES, arena, &event, &rejection, &nuls)) {
        (void)fprintf(stderr, "event %zu was refused: %s\n", number, rejection.detail);
        exit(1);
    }
    return event;
}

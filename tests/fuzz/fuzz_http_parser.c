/*
 * fuzz_http_parser - the request parser gives the same however its bytes are split, never looks
 * beyond what it was given, and lends only what lies within; what it accepts, the query decoder
 * survives.
 */
#include "arena.h"
#include "http_parser.h"
#include "http_query.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Small, so that the fuzzer reaches them. */
static const struct http_parser_limits limits = {512, 1024};

static struct http_parser whole;
static struct http_parser split;

static void require(bool holds)
{
    if (!holds) {
        abort();
    }
}

/* Runs over the first `len` bytes in memory of exactly that size. */
static void run(struct http_parser *parser, const uint8_t *data, size_t len)
{
    char *copy = malloc(len > 0 ? len : 1);
    require(copy != NULL);
    if (len > 0) {
        memcpy(copy, data, len);
    }
    (void)http_parser_run(parser, copy, len);
    free(copy);
}

static void run_byte_by_byte(struct http_parser *parser, const uint8_t *data, size_t size)
{
    http_parser_init(parser, &limits);
    for (size_t len = 0; len <= size && parser->result == HTTP_PARSER_MORE; len++) {
        run(parser, data, len);
    }
}

static void require_equal(void)
{
    require(whole.result == split.result && whole.status == split.status &&
            whole.detail == split.detail && whole.head_bytes == split.head_bytes &&
            whole.method == split.method && whole.keep_alive == split.keep_alive &&
            whole.has_body == split.has_body && whole.has_query == split.has_query &&
            whole.field_count == split.field_count);
    require(memcmp(&whole.path, &split.path, sizeof(whole.path)) == 0);
    require(memcmp(&whole.query, &split.query, sizeof(whole.query)) == 0);
    require(memcmp(whole.fields, split.fields, whole.field_count * sizeof(whole.fields[0])) == 0);
}

static void require_within(struct http_span span)
{
    require(span.at <= whole.head_bytes && span.len <= whole.head_bytes - span.at);
}

static void decode_query(const char *data)
{
    struct arena arena;
    struct slice rest = {data + whole.query.at, whole.query.len};
    struct slice name;
    struct slice value;
    arena_init(&arena);
    while (http_query_next(&rest, &name, &value)) {
        struct slice decoded;
        struct error err = {0};
        bool ok = http_percent_decode(&arena, value, true, &decoded, &err);
        require(ok ? decoded.len <= value.len : err.kind == ERR_REJECT && err.text[0] != '\0');
    }
    arena_done(&arena);
}

static void check_accepted(const uint8_t *data)
{
    require_within(whole.path);
    require_within(whole.query);
    for (size_t i = 0; i < whole.field_count; i++) {
        require_within(whole.fields[i].name);
        require_within(whole.fields[i].value);
    }
    if (whole.has_query) {
        decode_query((const char *)data);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    http_parser_init(&whole, &limits);
    run(&whole, data, size);
    run_byte_by_byte(&split, data, size);
    require_equal();
    if (whole.result == HTTP_PARSER_DONE) {
        check_accepted(data);
    }
    require((whole.result == HTTP_PARSER_ERROR) == (whole.status != 0));
    return 0;
}

/*
 * fuzz_page_request - the path's parameter and the query string, as received.
 *
 * The input is "ID?QUERY". Whatever comes: what is refused is told in a text that can be shown;
 * what is accepted is within the bounds of the contract, becomes one statement, and is what its own
 * Link header leads back to.
 */
#include "fuzz_input.h"
#include "link_header.h"
#include "page_request.h"
#include "statement_check.h"
#include "utf8.h"

#define MAX_LIMIT 1000

static bool is_text(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        if ((byte < ' ' && byte != '\t') || byte == 0x7F) {
            return false;
        }
    }
    return utf8_is_valid(text);
}

static void check_bounds(const struct page_request *request)
{
    require(request->page >= 1 && request->page <= PAGE_REQUEST_MAX_PAGE);
    require(request->limit >= 1 && request->limit <= MAX_LIMIT);
    require(request->sort.name.len <= FIELD_NAME_MAX_BYTES);
    require(!request->search || request->search->text.len <= PATTERN_MAX_BYTES);
    require(request->given[PARAMETER_FILTER].len <= FILTER_MAX_BYTES);
    require(!slice_is_set(request->given[PARAMETER_PAGE]) ||
            !slice_is_set(request->given[PARAMETER_CURSOR]));
    for (int i = 0; i < PARAMETER_COUNT; i++) {
        require(!slice_is_set(request->given[i]) ||
                (request->given[i].len > 0 && is_text(request->given[i])));
    }
}

static void check_question(const struct page_request *request)
{
    struct page_question question = {
        .batch_id = request->batch_id,
        .selection = {.filter = request->filter,
                      .search = request->search,
                      .sort = request->sort,
                      .descending = request->descending,
                      .skip = page_request_skip(request),
                      .take = request->limit},
    };
    check_statement(&question);
}

static bool parse(struct slice target, struct arena *arena, struct page_request *out,
                  struct problem *problem)
{
    struct slice query = target;
    struct slice id = fuzz_take_until(&query, '?');
    bool has_query = id.len < target.len;
    return page_request_parse(id, has_query ? query : SLICE_NONE, MAX_LIMIT, arena, out, problem);
}

/* Everything but the page and the cursor, which the links replace. */
static void require_same(const struct page_request *request, const struct page_request *again)
{
    require(memcmp(&request->batch_id, &again->batch_id, sizeof(request->batch_id)) == 0);
    require(request->limit == again->limit && request->descending == again->descending);
    for (int i = PARAMETER_LIMIT; i < PARAMETER_CURSOR; i++) {
        require(slice_equal(request->given[i], again->given[i]));
    }
}

/* Follows each target of the Link header. */
static void check_links(struct slice id, const struct page_request *request, struct arena *arena)
{
    struct buf headers;
    buf_init(&headers, (size_t)1 << 20);
    link_header_append(&headers, id, request, PAGE_REQUEST_MAX_PAGE);
    struct slice rest = buf_slice(&headers);
    require(rest.len > 2 && memchr(rest.data, '\r', rest.len) == rest.data + rest.len - 2);
    while (fuzz_take_until(&rest, '<').len > 0 && rest.len > 0) {
        struct page_request again;
        struct problem problem;
        require(parse(fuzz_take_until(&rest, '>'), arena, &again, &problem));
        require_same(request, &again);
    }
    buf_done(&headers);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *copy = fuzz_copy(data, size);
    struct slice target = {copy, size};
    struct page_request request;
    struct problem problem = {.detail = ""};
    struct arena arena;
    arena_init(&arena);
    if (parse(target, &arena, &request, &problem)) {
        struct slice rest = target;
        check_bounds(&request);
        check_question(&request);
        check_links(fuzz_take_until(&rest, '?'), &request, &arena);
    } else {
        require(problem.detail[0] != '\0' && utf8_is_valid(slice_of(problem.detail)));
    }
    arena_done(&arena);
    free(copy);
    return 0;
}

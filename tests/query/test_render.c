#include "render.h"

#include "scripted_rows.h"
#include "store.h"

#include <criterion/criterion.h>

#define BATCH_ID "\x67\xde\xf9\x05\x34\x95\x30\x7c\x71\x8d\x9d\xfb"
#define CALL_1 "\x64\xe5\xf1\x23\x45\xab\xcd\xef\x11\x11\x11\x11"
#define CALL_2 "\x64\xe5\xf1\x23\x45\xab\xcd\xef\x22\x22\x22\x22"
#define CALL_3 "\x64\xe5\xf1\x23\x45\xab\xcd\xef\x33\x33\x33\x33"

/* Signed with "key"; made by another implementation of RFC 2104 and RFC 4648. */
#define NEXT                                                                                       \
    "AQAAAAAAAAAAAgAAAAAAAACWKMwSyBx3y_5YXIl7"                                                     \
    "v6U0WoS_eiVS0H5f9bfchUHJhOI"
#define AT_1400 INT64_C(1747317600000) /* 2025-05-15T14:00:00Z */
#define AT_1430 INT64_C(1747319400000)

static const struct page_question *const any_question = &(const struct page_question){.take = 10};

static struct buf body;

static void set_up(void)
{
    buf_init(&body, 1 << 20);
}

static void tear_down(void)
{
    buf_done(&body);
}

TestSuite(render, .init = set_up, .fini = tear_down);

static struct page_request request_for(int64_t page, int64_t limit, bool descending)
{
    struct page_request request = {.page = page, .limit = limit, .descending = descending};
    memcpy(request.batch_id.bytes, BATCH_ID, OBJECT_ID_BYTES);
    return request;
}

static const char *render(const struct scripted_row *rows, size_t count,
                          const struct page_request *request)
{
    PGresult *result = scripted_rows(rows, count);
    struct page page;
    struct error err;
    cr_assert(store_read_pages(result, &any_question, &page, 1, &err), "%s", err.text);
    cr_assert_eq(page.outcome, PAGE_FOUND);
    buf_reset(&body);
    render_page(&body, request, &page, SLICE("key"));
    PQclear(result);
    return buf_text(&body);
}

Test(render, writes_the_published_example_byte_for_byte)
{
    static const struct scripted_row rows[] = {
        {.kind = ROW_BATCH,
         .ask = 0,
         .place = 150,
         .a = "Marketing Campaign May 2025",
         .b = "active"},
        {.kind = ROW_CALL,
         .ask = 0,
         .place = 150,
         .id = CALL_1,
         .created_at_ms = AT_1400,
         .a = "12125551234",
         .b = "{\"name\":\"Emily Davis\",\"account_id\":\"ACC-5678\",\"priority\":\"high\"}"},
        {.kind = ROW_ATTEMPT,
         .ask = 0,
         .place = 150,
         .created_at_ms = AT_1430,
         .duration_plus_one = 120001,
         .a = "completed",
         .b = "https://example.com/recording.mp3",
         .c = "Call transcript here..."},
    };
    struct page_request request = request_for(1, 10, true);
    cr_expect_str_eq(
        render(rows, 3, &request),
        "{\"message\":\"Calls fetched successfully\",\"status\":true,\"code\":200,"
        "\"errorMessage\":\"\",\"data\":{\"batchId\":\"67def9053495307c718d9dfb\","
        "\"batchName\":\"Marketing Campaign May 2025\",\"batchStatus\":\"active\",\"page\":1,"
        "\"limit\":10,\"total\":150,\"totalPages\":15,\"data\":["
        "{\"_id\":\"64e5f12345abcdef11111111\",\"phoneNumber\":\"12125551234\","
        "\"name\":\"Emily Davis\",\"account_id\":\"ACC-5678\",\"priority\":\"high\","
        "\"phoneLogs\":[{\"callStatus\":\"completed\",\"callDuration\":120,"
        "\"recordingUrl\":\"https://example.com/recording.mp3\","
        "\"transcript\":\"Call transcript here...\",\"createdAt\":\"2025-05-15T14:30:00.000Z\"}],"
        "\"createdAt\":\"2025-05-15T14:00:00.000Z\"}],\"nextCursor\":\"" NEXT
        "\",\"prevCursor\":null}}");
}

Test(render, writes_null_for_what_is_not_known)
{
    static const struct scripted_row rows[] = {
        {.kind = ROW_BATCH, .ask = 0, .place = 1},
        {.kind = ROW_CALL, .ask = 0, .place = 1, .id = CALL_1},
        {.kind = ROW_ATTEMPT, .ask = 0, .place = 1},
    };
    struct page_request request = request_for(1, 10, false);
    cr_expect_str_eq(
        render(rows, 3, &request),
        "{\"message\":\"Calls fetched successfully\",\"status\":true,\"code\":200,"
        "\"errorMessage\":\"\",\"data\":{\"batchId\":\"67def9053495307c718d9dfb\","
        "\"batchName\":null,\"batchStatus\":null,\"page\":1,\"limit\":10,\"total\":1,"
        "\"totalPages\":1,\"data\":[{\"_id\":\"64e5f12345abcdef11111111\",\"phoneNumber\":null,"
        "\"phoneLogs\":[{\"callStatus\":null,\"callDuration\":null,\"recordingUrl\":null,"
        "\"transcript\":null,\"createdAt\":null}],\"createdAt\":null}],"
        "\"nextCursor\":null,\"prevCursor\":null}}");
}

Test(render, writes_an_empty_page)
{
    static const struct scripted_row rows[] = {
        {.kind = ROW_BATCH, .ask = 0, .place = 0, .a = "", .b = "a\"\n"}};
    struct page_request request = request_for(1000000000, 1000, false);
    const char *text = render(rows, 1, &request);
    cr_expect_not_null(strstr(text, "\"batchName\":\"\",\"batchStatus\":\"a\\\"\\n\","
                                    "\"page\":1000000000,\"limit\":1000,\"total\":0,"
                                    "\"totalPages\":0,\"data\":[],\"nextCursor\":null"),
                       "%s", text);
}

/* Three calls: the first with two attempts, the second with none, the third with one. */
static const struct scripted_row three_calls[] = {
    {.kind = ROW_BATCH, .ask = 0, .place = 9},
    {.kind = ROW_CALL, .ask = 0, .place = 4, .id = CALL_1, .a = "1", .b = "{}"},
    {.kind = ROW_CALL, .ask = 0, .place = 5, .id = CALL_2, .a = "2"},
    {.kind = ROW_CALL, .ask = 0, .place = 6, .id = CALL_3, .a = "3", .b = "{\"n\":1.50}"},
    {.kind = ROW_ATTEMPT, .ask = 0, .place = 4, .a = "busy"},
    {.kind = ROW_ATTEMPT, .ask = 0, .place = 4, .a = "completed", .duration_plus_one = 7251},
    {.kind = ROW_ATTEMPT, .ask = 0, .place = 6, .a = "failed", .duration_plus_one = 1},
};

#define LOG(status, duration)                                                                      \
    "{\"callStatus\":\"" status "\",\"callDuration\":" duration                                    \
    ",\"recordingUrl\":null,\"transcript\":null,\"createdAt\":null}"
#define FIRST                                                                                      \
    "{\"_id\":\"64e5f12345abcdef11111111\",\"phoneNumber\":\"1\",\"phoneLogs\":[" LOG(             \
        "busy", "null") "," LOG("completed", "7.25") "],\"createdAt\":null}"
#define SECOND                                                                                     \
    "{\"_id\":\"64e5f12345abcdef22222222\",\"phoneNumber\":\"2\",\"phoneLogs\":[],"                \
    "\"createdAt\":null}"
#define THIRD                                                                                      \
    "{\"_id\":\"64e5f12345abcdef33333333\",\"phoneNumber\":\"3\",\"n\":1.50,\"phoneLogs\":[" LOG(  \
        "failed", "0") "],\"createdAt\":null}"

Test(render, gives_each_call_its_own_attempts)
{
    struct page_request request = request_for(2, 3, false);
    const char *text = render(three_calls, 7, &request);
    cr_expect_not_null(strstr(text, "\"data\":[" FIRST "," SECOND "," THIRD "]"), "%s", text);
}

Test(render, turns_the_calls_but_not_their_attempts_when_descending)
{
    struct page_request request = request_for(2, 3, true);
    const char *text = render(three_calls, 7, &request);
    cr_expect_not_null(strstr(text, "\"data\":[" THIRD "," SECOND "," FIRST "]"), "%s", text);
}

Test(render, says_when_a_page_is_too_large)
{
    PGresult *result = scripted_rows(three_calls, 7);
    struct page page;
    struct error err;
    cr_assert(store_read_pages(result, &any_question, &page, 1, &err));
    struct buf small;
    buf_init(&small, 300);
    struct page_request request = request_for(1, 3, false);
    render_page(&small, &request, &page, SLICE("key"));
    cr_expect(small.overflow);
    buf_done(&small);
    PQclear(result);
}

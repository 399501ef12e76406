#include "batch_details.h"

#include "alloc.h"
#include "authorization.h"
#include "clock.h"
#include "content_coding.h"
#include "cursor.h"
#include "etag.h"
#include "link_header.h"
#include "log.h"
#include "page_cache.h"
#include "page_request.h"
#include "render.h"
#include "response.h"
#include "variant.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A page of 1000 calls with their transcripts is some megabytes; this bounds what one answer can
 * take. */
#define MAX_BODY_BYTES ((size_t)256 << 20)
#define MAX_HEADER_BYTES ((size_t)1 << 20)
/* What the buffer of bodies may keep between requests. */
#define KEEP_BODY_BYTES ((size_t)4 << 20)

struct batch_details {
    struct page_loader *loader;
    struct rate_limiter *limiter;
    int64_t max_limit;
    struct batch_details_metrics metrics;
    struct page_cache *cache;
    uint64_t cache_epoch; /* of the loader, in which all that is kept was learnt */
    struct etag_hasher *hasher;
    struct content_coder *coder;
    struct buf headers; /* reused by every answer, as is the body */
    struct buf body;
};

/* A request on its way; lives in the request's arena. */
struct visit {
    struct batch_details *details;
    struct http_request *req;
    struct page_request request;
    struct slice target;             /* path and query */
    const struct page_answer *known; /* what was kept for it, or NULL */
    struct page_mark mark;           /* of the cursor given */
    struct page_wait wait;
};

struct batch_details *batch_details_new(const struct batch_details_config *config)
{
    struct batch_details *details = alloc_zeroed(1, sizeof(*details));
    details->loader = config->loader;
    details->limiter = config->limiter;
    details->max_limit = config->max_limit;
    details->metrics = config->metrics;
    details->cache = page_cache_new(config->remember_bytes);
    details->hasher = etag_hasher_new();
    details->coder = content_coder_new();
    buf_init(&details->headers, MAX_HEADER_BYTES);
    buf_init(&details->body, MAX_BODY_BYTES);
    return details;
}

void batch_details_free(struct batch_details **details)
{
    if (!*details) {
        return;
    }
    page_cache_free(&(*details)->cache);
    etag_hasher_free(&(*details)->hasher);
    content_coder_free(&(*details)->coder);
    buf_done(&(*details)->headers);
    buf_done(&(*details)->body);
    free(*details);
    *details = NULL;
}

static void reset_buffers(struct batch_details *details)
{
    buf_reset(&details->headers);
    if (details->body.cap > KEEP_BODY_BYTES) {
        buf_done(&details->body);
        buf_init(&details->body, MAX_BODY_BYTES);
    }
    buf_reset(&details->body);
}

static void reply_problem(struct batch_details *details, struct http_request *req,
                          const struct problem *problem)
{
    reset_buffers(details);
    response_append_problem(&details->headers, &details->body, problem);
    http_request_reply(req, problem_status(problem->kind), buf_slice(&details->headers),
                       buf_slice(&details->body));
}

static void append_page_headers(struct buf *headers, const struct visit *visit,
                                const struct page *page)
{
    buf_append_text(headers, "Content-Type: application/json\r\n"
                             "Cache-Control: private, no-cache\r\n"
                             "Vary: Authorization, Accept-Encoding\r\n");
    link_header_append(headers, http_request_path(visit->req), &visit->request,
                       page_request_total_pages(&visit->request, page->total));
}

static void count(struct counter *counter)
{
    if (counter) {
        counter_add(counter, 1);
    }
}

static void reply_other_page(const struct visit *visit)
{
    struct problem problem;
    problem_set(&problem, PROBLEM_OTHER_PAGE,
                "the page is not the one that If-Match names: read it without If-Match");
    reply_problem(visit->details, visit->req, &problem);
}

/* The body in that coding; kept beside the answer where `is_kept` says that the cache gave it. */
static struct slice body_in(struct batch_details *details, const struct page_answer *answer,
                            bool is_kept, enum content_coding coding)
{
    if (coding == CODING_IDENTITY) {
        return answer->body;
    }
    if (slice_is_set(answer->coded[coding])) {
        count(details->metrics.code_remembered);
        return answer->coded[coding];
    }
    count(details->metrics.compressed);
    struct slice body = content_coder_encode(details->coder, coding, answer->body);
    if (is_kept) {
        page_cache_put_coded(details->cache, answer, coding, body);
    }
    return body;
}

static void reply_answer(const struct visit *visit, const struct page_answer *answer, bool is_kept)
{
    struct variant variant = variant_choose(visit->req, &answer->etag, answer->body.len);
    if (variant.status == 412) {
        reply_other_page(visit);
        return;
    }
    struct slice body = variant.status == 200
                            ? body_in(visit->details, answer, is_kept, variant.coding)
                            : SLICE_NONE;
    http_request_reply(visit->req, variant.status, answer->headers, body);
}

/* What another epoch has left behind is not even looked at. */
static void enter_epoch(struct batch_details *details)
{
    uint64_t epoch = page_loader_epoch(details->loader);
    if (details->cache_epoch != epoch) {
        page_cache_clear(details->cache);
        details->cache_epoch = epoch;
    }
}

/* What was made for another request of the same statement is as good as one's own. */
static const struct page_answer *find_shared(const struct visit *visit, const struct page *page)
{
    enter_epoch(visit->details);
    const struct page_answer *answer = page_cache_find(visit->details->cache, visit->target);
    return answer && page->version > 0 && answer->version == page->version ? answer : NULL;
}

/* The copy that is kept, or NULL: only what has a version can be confirmed. */
static const struct page_answer *remember(struct batch_details *details,
                                          const struct page_answer *answer)
{
    return answer->version > 0 ? page_cache_put(details->cache, answer) : NULL;
}

static void reply_rendered(struct visit *visit, const struct page *page)
{
    struct batch_details *details = visit->details;
    reset_buffers(details);
    render_page(&details->body, &visit->request, page, page_loader_cursor_key(details->loader));
    if (details->body.overflow) {
        struct problem problem;
        problem_set(&problem, PROBLEM_QUERY_FAILED,
                    "the page is larger than %zu MiB: ask for a smaller limit",
                    MAX_BODY_BYTES >> 20);
        reply_problem(details, visit->req, &problem);
        return;
    }
    struct page_answer answer = {
        .target = visit->target,
        .body = buf_slice(&details->body),
        .etag = etag_of(details->hasher, buf_slice(&details->body)),
        .version = page->version,
    };
    append_page_headers(&details->headers, visit, page);
    answer.headers = buf_slice(&details->headers);
    const struct page_answer *kept = remember(details, &answer);
    reply_answer(visit, kept ? kept : &answer, kept != NULL);
}

static void reply_page(struct visit *visit, const struct page *page)
{
    const struct batch_details_metrics *metrics = &visit->details->metrics;
    const struct page_answer *shared = find_shared(visit, page);
    count(shared ? metrics->shared : metrics->rendered);
    if (shared) {
        reply_answer(visit, shared, true);
        return;
    }
    reply_rendered(visit, page);
}

/* The statement that confirmed it was sent after the request had arrived. */
static void reply_confirmed(struct visit *visit)
{
    count(visit->details->metrics.confirmed);
    page_cache_confirm(visit->known, visit->wait.question.token_hash);
    reply_answer(visit, visit->known, true);
}

/* The caller's own pattern: only PostgreSQL can tell whether it compiles. */
static bool is_bad_pattern(const struct error *err)
{
    return strcmp(err->sqlstate, "2201B") == 0;
}

/* What an error of the database means to the caller; its text is for the log alone. */
static void problem_from_error(const struct error *err, struct problem *problem)
{
    if (is_bad_pattern(err)) {
        problem_set(problem, PROBLEM_BAD_PARAMETER, "search or $regex: %s", err->text);
        return;
    }
    if (err->kind == ERR_FATAL || err->kind == ERR_REJECT) {
        log_error("query failed", "sqlstate=%s error=%s", err->sqlstate, log_quote(err->text).text);
        problem_set(problem, PROBLEM_QUERY_FAILED, "retry, or contact support if it stays so");
        return;
    }
    log_debug("query not answered", "kind=%s sqlstate=%s error=%s", error_kind_name(err->kind),
              err->sqlstate, log_quote(err->text).text);
    problem_set(problem, PROBLEM_UNAVAILABLE, "%s: retry after a moment",
                err->kind == ERR_BUSY ? "too many requests are waiting"
                                      : "the database is away or took too long");
}

static void reply_error(struct visit *visit, const struct error *err)
{
    struct problem problem;
    problem_from_error(err, &problem);
    reply_problem(visit->details, visit->req, &problem);
}

static void reply_token_refused(struct visit *visit)
{
    struct problem problem;
    problem_set(&problem, PROBLEM_INVALID_TOKEN,
                "the bearer token is unknown, revoked or expired: use a valid one");
    reply_problem(visit->details, visit->req, &problem);
}

static void reply_no_batch(struct visit *visit)
{
    struct problem problem;
    problem_set(&problem, PROBLEM_NO_BATCH,
                "there is no batch with this id, or it does not belong to the owner of the token: "
                "check both");
    reply_problem(visit->details, visit->req, &problem);
}

static void reply_mark_lost(struct visit *visit)
{
    struct problem problem;
    problem_set(&problem, PROBLEM_BAD_PARAMETER,
                "cursor: the call at which it stands has changed since: begin anew without it");
    reply_problem(visit->details, visit->req, &problem);
}

static void reply(struct visit *visit, const struct page *page, const struct error *err)
{
    if (err) {
        reply_error(visit, err);
    } else if (page->outcome == PAGE_TOKEN_REFUSED) {
        reply_token_refused(visit);
    } else if (page->outcome == PAGE_NO_BATCH) {
        reply_no_batch(visit);
    } else if (page->outcome == PAGE_MARK_LOST) {
        reply_mark_lost(visit);
    } else if (page->outcome == PAGE_UNCHANGED) {
        reply_confirmed(visit);
    } else {
        reply_page(visit, page);
    }
}

static void confirm_token(const struct visit *visit, const struct page *page)
{
    struct rate_limiter *limiter = visit->details->limiter;
    if (limiter && page) {
        rate_limiter_confirm(limiter, visit->wait.question.token_hash,
                             page->outcome != PAGE_TOKEN_REFUSED);
    }
}

/* The visit dies with the reply. */
static void on_page(const struct page *page, const struct error *err, void *arg)
{
    struct visit *visit = arg;
    confirm_token(visit, page);
    const struct page_answer *known = visit->known;
    reply(visit, page, err);
    page_answer_release(&known);
}

static void on_gone(void *arg)
{
    struct visit *visit = arg;
    page_loader_forget(visit->details->loader, &visit->wait);
    page_answer_release(&visit->known);
}

/* In arrival order a cursor is arithmetic, too: the range of numbers beside the call's. */
static void place_by_mark(struct page_question *question, const struct page_mark *mark)
{
    bool is_above = mark->is_backward == question->descending;
    int64_t below = mark->position - 1;
    question->descending = false; /* the range is counted from the first call */
    if (is_above) {
        question->skip = mark->position;
        return;
    }
    question->take = below < question->take ? below : question->take;
    question->skip = below - question->take;
}

static void place(struct page_question *question, const struct page_request *request)
{
    enum field_kind sort = request->sort.kind;
    question->skip = page_request_skip(request);
    question->take = request->limit;
    question->descending = request->descending;
    question->by_created_at = sort == FIELD_CREATED_AT;
    question->must_select =
        (request->filter && request->filter->members) || request->search ||
        (sort != FIELD_ARRIVAL && sort != FIELD_CREATED_AT && sort != FIELD_LACKING);
}

/* As received, so that the answer's Link header fits, too. */
static struct slice join_target(struct http_request *req)
{
    struct slice path = http_request_path(req);
    struct slice query = http_request_query(req);
    char *text = arena_text(http_request_arena(req), path.len + 1 + query.len);
    memcpy(text, path.data, path.len);
    text[path.len] = '?';
    if (query.len > 0) {
        memcpy(text + path.len + 1, query.data, query.len);
    }
    struct slice target = {text, path.len + 1 + query.len};
    arena_trim(http_request_arena(req), text + target.len);
    return target;
}

/* Looks for the answer that the target had last; the question then asks whether it still is. */
static void recall(struct visit *visit)
{
    struct batch_details *details = visit->details;
    visit->target = join_target(visit->req);
    enter_epoch(details);
    const struct page_answer *answer = page_cache_find(details->cache, visit->target);
    if (answer) {
        visit->known = page_answer_acquire(answer);
        visit->wait.question.known_version = answer->version;
        /* Only for whom it has held: an answer that is kept must not cost a stranger more than one
         * of a batch that is not there. */
        visit->wait.question.is_steady =
            memcmp(answer->confirmed_by, visit->wait.question.token_hash, API_TOKEN_HASH_BYTES) ==
            0;
    }
}

static void put_question(struct visit *visit)
{
    const struct page_request *request = &visit->request;
    struct page_question *question = &visit->wait.question;
    question->batch_id = request->batch_id;
    question->selection = (struct page_selection){
        .filter_text = request->given[PARAMETER_FILTER],
        .filter = request->filter,
        .search = request->search,
        .sort = request->sort,
        .descending = request->descending,
        .skip = page_request_skip(request),
        .take = request->limit,
        .mark = slice_is_set(request->given[PARAMETER_CURSOR]) ? &visit->mark : NULL,
    };
    place(question, request);
    if (question->selection.mark && !question->must_select) {
        place_by_mark(question, &visit->mark);
    }
}

static void ask(struct visit *visit)
{
    visit->wait.fn = on_page;
    visit->wait.arg = visit;
    put_question(visit);
    recall(visit);
    struct error err;
    if (!page_loader_ask(visit->details->loader, &visit->wait, &err)) {
        on_page(NULL, &err, visit);
        return;
    }
    http_request_on_gone(visit->req, on_gone, visit);
}

/* Without the key, there is no connection either: the question is then refused with 503. */
static bool open_cursor(struct visit *visit, struct problem *problem)
{
    struct page_request *request = &visit->request;
    struct slice text = request->given[PARAMETER_CURSOR];
    struct slice key = page_loader_cursor_key(visit->details->loader);
    if (!slice_is_set(text) || !slice_is_set(key) ||
        cursor_parse(text, key, request, http_request_arena(visit->req), &visit->mark,
                     &request->page)) {
        return true;
    }
    return problem_set(problem, PROBLEM_BAD_PARAMETER,
                       "cursor is not one that was given for this batch with the same filter, "
                       "sortBy, sortOrder, search and limit: begin anew without it");
}

/* Credentials are looked at first: whoever has none learns nothing of the parameters. */
static bool parse(struct visit *visit, struct slice id, struct problem *problem)
{
    struct http_request *req = visit->req;
    return authorization_parse(http_request_header(req, "Authorization"),
                               http_request_header_count(req, "Authorization"),
                               visit->wait.question.token_hash, problem) &&
           page_request_parse(id, http_request_query(req), visit->details->max_limit,
                              http_request_arena(req), &visit->request, problem) &&
           open_cursor(visit, problem);
}

/* Whatever is answered then tells the rate. */
static void tell_rate(const struct visit *visit, const struct rate_state *state)
{
    struct buf *lines = &visit->details->headers;
    buf_reset(lines);
    rate_limiter_append_headers(visit->details->limiter, state, lines);
    http_request_add_headers(visit->req, buf_slice(lines));
}

/* Only what would ask the database counts. */
static bool is_within_rate(struct visit *visit, struct problem *problem)
{
    struct batch_details *details = visit->details;
    struct rate_state state;
    if (!details->limiter) {
        return true;
    }
    bool is_taken = rate_limiter_take(details->limiter, visit->wait.question.token_hash,
                                      clock_monotonic_us(), &state);
    tell_rate(visit, &state);
    if (is_taken) {
        return true;
    }
    count(details->metrics.rate_limited);
    return problem_set(problem, PROBLEM_TOO_MANY_REQUESTS,
                       "the token has used up its requests: wait as long as Retry-After says");
}

size_t batch_details_remembered_bytes(const struct batch_details *details)
{
    return page_cache_bytes(details->cache);
}

void batch_details_handle(struct batch_details *details, struct http_request *req, struct slice id)
{
    struct visit *visit = arena_alloc_zeroed(http_request_arena(req), sizeof(*visit));
    visit->details = details;
    visit->req = req;
    struct problem problem;
    if (!parse(visit, id, &problem) || !is_within_rate(visit, &problem)) {
        reply_problem(details, req, &problem);
        return;
    }
    ask(visit);
}

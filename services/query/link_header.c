#include "link_header.h"

#include <stdbool.h>
#include <string.h>

/* RFC 3986, section 2.3. */
static bool is_unreserved(unsigned char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || (byte != '\0' && strchr("-._~", byte));
}

static void append_encoded(struct buf *out, struct slice text)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        if (is_unreserved(byte)) {
            buf_append_char(out, (char)byte);
            continue;
        }
        char escape[3] = {'%', digits[byte >> 4], digits[byte & 15]};
        buf_append(out, escape, sizeof(escape));
    }
}

struct link_writer {
    struct buf *headers;
    struct slice path;
    const struct page_request *request;
    int count;
};

static void append_parameters(struct link_writer *writer)
{
    for (int i = PARAMETER_PAGE + 1; i < PARAMETER_COUNT; i++) {
        struct slice value = writer->request->given[i];
        if (i == PARAMETER_CURSOR || !slice_is_set(value)) {
            continue;
        }
        buf_append_char(writer->headers, '&');
        buf_append_text(writer->headers, page_parameter_name((enum page_parameter)i));
        buf_append_char(writer->headers, '=');
        append_encoded(writer->headers, value);
    }
}

static void append_link(struct link_writer *writer, const char *relation, int64_t page)
{
    struct buf *headers = writer->headers;
    buf_append_text(headers, writer->count++ == 0 ? "Link: <" : ", <");
    buf_append_slice(headers, writer->path);
    buf_append_text(headers, "?page=");
    buf_append_int(headers, page);
    append_parameters(writer);
    buf_append_text(headers, ">; rel=\"");
    buf_append_text(headers, relation);
    buf_append_char(headers, '"');
}

void link_header_append(struct buf *headers, struct slice path, const struct page_request *request,
                        int64_t total_pages)
{
    struct link_writer writer = {.headers = headers, .path = path, .request = request};
    int64_t last = total_pages > 0 ? total_pages : 1;
    append_link(&writer, "first", 1);
    if (request->page > 1) {
        /* Behind the last page, the page before is the last. */
        append_link(&writer, "prev", request->page <= last ? request->page - 1 : last);
    }
    if (request->page < last) {
        append_link(&writer, "next", request->page + 1);
    }
    append_link(&writer, "last", last);
    buf_append_text(headers, "\r\n");
}

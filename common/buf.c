#include "buf.h"

#include "alloc.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define FIRST_CAP 64
#define INT64_DIGITS 20 /* with the sign */

void buf_init(struct buf *buf, size_t max_bytes)
{
    size_t max = max_bytes < PTRDIFF_MAX ? max_bytes : PTRDIFF_MAX - 1;
    *buf = (struct buf){.max = max};
}

void buf_done(struct buf *buf)
{
    free(buf->data);
    buf_init(buf, buf->max);
}

void buf_reset(struct buf *buf)
{
    buf->len = 0;
    buf->overflow = false;
}

/* Doubles, so that a byte is copied twice on average however many appends there are. */
static size_t grown_cap(const struct buf *buf, size_t needed)
{
    size_t cap = buf->cap > 0 ? buf->cap * 2 : FIRST_CAP;
    cap = cap > needed ? cap : needed;
    return cap <= buf->max ? cap : buf->max + 1;
}

char *buf_grow(struct buf *buf, size_t len)
{
    if (buf->overflow || len > buf->max - buf->len) {
        buf->overflow = true;
        return NULL;
    }
    buf->cap = grown_cap(buf, buf->len + len + 1);
    buf->data = alloc_resize(buf->data, buf->cap, 1);
    return buf->data + buf->len;
}

void buf_append_format(struct buf *buf, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    buf_append_vformat(buf, format, args);
    va_end(args);
}

/* Measures first: formatted text is short and off the hot paths. */
void buf_append_vformat(struct buf *buf, const char *format, va_list args)
{
    va_list measured;
    va_copy(measured, args);
    int len = vsnprintf(NULL, 0, format, measured);
    va_end(measured);
    char *at = len > 0 ? buf_reserve(buf, (size_t)len) : NULL;
    if (at) {
        (void)vsnprintf(at, (size_t)len + 1, format, args); /* the NUL has its byte */
        buf_commit(buf, (size_t)len);
    }
}

static const char digit_pairs[] = "00010203040506070809101112131415161718192021222324"
                                  "25262728293031323334353637383940414243444546474849"
                                  "50515253545556575859606162636465666768697071727374"
                                  "75767778798081828384858687888990919293949596979899";

/* Writes the digits so that they end at `end`; returns where they begin. */
static char *write_digits_before(char *end, uint64_t value)
{
    while (value >= 100) {
        end -= 2;
        memcpy(end, digit_pairs + 2 * (value % 100), 2);
        value /= 100;
    }
    if (value >= 10) {
        end -= 2;
        memcpy(end, digit_pairs + 2 * value, 2);
        return end;
    }
    *--end = (char)('0' + value);
    return end;
}

void buf_append_int(struct buf *buf, int64_t value)
{
    char digits[INT64_DIGITS];
    char *end = digits + sizeof(digits);
    uint64_t magnitude = value < 0 ? -(uint64_t)value : (uint64_t)value;
    char *start = write_digits_before(end, magnitude);
    if (value < 0) {
        *--start = '-';
    }
    buf_append(buf, start, (size_t)(end - start));
}

struct slice buf_slice(const struct buf *buf)
{
    return (struct slice){buf->data ? buf->data : "", buf->len};
}

const char *buf_text(struct buf *buf)
{
    if (!buf->data) {
        return "";
    }
    buf->data[buf->len] = '\0';
    return buf->data;
}

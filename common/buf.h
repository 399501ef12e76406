/*
 * buf - a growable run of bytes with a maximum.
 *
 * Ownership: the buffer owns its memory; what buf_slice() lends is valid until the next append.
 * Errors:    an append beyond the maximum appends nothing and sets `overflow`; from then on nothing
 * is appended until buf_reset(), so the content is a prefix of what was meant: check once at the
 * end.
 */
#ifndef CALLBOARD_BUF_H
#define CALLBOARD_BUF_H

#include "macros.h"
#include "slice.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct buf {
    char *data;
    size_t len;
    size_t cap; /* bytes held; one more than can be filled, for buf_text()'s NUL */
    size_t max; /* bytes */
    bool overflow;
};

void buf_init(struct buf *buf, size_t max_bytes);
void buf_done(struct buf *buf);
/* Forgets the content and the overflow; keeps the memory. */
void buf_reset(struct buf *buf);

/* The slow half of buf_reserve(). */
char *buf_grow(struct buf *buf, size_t len);

/* Room for `len` more bytes, not yet counted in: write there, then buf_commit() what was written.
 * NULL (and overflow) beyond the maximum. */
static inline char *buf_reserve(struct buf *buf, size_t len)
{
    if (len < buf->cap - buf->len && !buf->overflow) {
        return buf->data + buf->len;
    }
    return buf_grow(buf, len);
}

static inline void buf_commit(struct buf *buf, size_t len)
{
    buf->len += len;
}

/* `data` may be NULL when `len` is 0; it must not point into the buffer itself. */
static inline void buf_append(struct buf *buf, const void *data, size_t len)
{
    char *at = buf_reserve(buf, len);
    if (at && len > 0) {
        memcpy(at, data, len);
        buf->len += len;
    }
}

static inline void buf_append_slice(struct buf *buf, struct slice slice)
{
    buf_append(buf, slice.data, slice.len);
}

static inline void buf_append_char(struct buf *buf, char byte)
{
    char *at = buf_reserve(buf, 1);
    if (at) {
        *at = byte;
        buf->len++;
    }
}

static inline void buf_append_text(struct buf *buf, const char *text)
{
    buf_append(buf, text, strlen(text));
}

void buf_append_format(struct buf *buf, const char *format, ...) PRINTF_LIKE(2, 3);
void buf_append_vformat(struct buf *buf, const char *format, va_list args) PRINTF_LIKE(2, 0);
/* Decimal digits, without going through printf. */
void buf_append_int(struct buf *buf, int64_t value);

/* Big-endian, as PostgreSQL's binary format has it. */
static inline void buf_append_be16(struct buf *buf, uint16_t value)
{
    const uint8_t bytes[] = {(uint8_t)(value >> 8), (uint8_t)value};
    buf_append(buf, bytes, sizeof(bytes));
}

static inline void buf_append_be32(struct buf *buf, uint32_t value)
{
    const uint8_t bytes[] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8),
                             (uint8_t)value};
    buf_append(buf, bytes, sizeof(bytes));
}

static inline void buf_append_be64(struct buf *buf, uint64_t value)
{
    const uint8_t bytes[] = {(uint8_t)(value >> 56), (uint8_t)(value >> 48), (uint8_t)(value >> 40),
                             (uint8_t)(value >> 32), (uint8_t)(value >> 24), (uint8_t)(value >> 16),
                             (uint8_t)(value >> 8),  (uint8_t)value};
    buf_append(buf, bytes, sizeof(bytes));
}

struct slice buf_slice(const struct buf *buf);
/* The content as a C string (a NUL is kept behind it, not counted). Never NULL. */
const char *buf_text(struct buf *buf);

#endif

/*
 * jsonscan - reads JSON text (RFC 8259) once, from left to right, without building a tree.
 *
 * The caller pulls: it asks for a value whole, or enters an object or array and asks for one member
 * after the other. What it does not care for it asks for whole, which checks it all the same. So
 * after a successful jsonscan_finish() the whole text is known to be JSON.
 *
 * Strict: no byte order mark, no comments, no trailing commas, no raw control characters in
 * strings, numbers by the grammar. UTF-8 is not looked at: check it before with utf8_is_valid().
 * Numbers stay text; nothing is rounded.
 *
 *     jsonscan_init(&scan, text, 64);
 *     if (jsonscan_enter_object(&scan))
 *         while (jsonscan_next_member(&scan, &key))
 *             if (!jsonscan_value(&scan, &value))
 *                 break;
 *     if (!jsonscan_finish(&scan))
 *         ... jsonscan_error(&scan), jsonscan_offset(&scan) ...
 *
 * Errors:    the first one stays; every later call fails.
 * Ownership: slices point into the text.
 */
#ifndef CALLBOARD_JSONSCAN_H
#define CALLBOARD_JSONSCAN_H

#include "arena.h"
#include "macros.h"
#include "slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The deepest nesting that can be asked for. */
#define JSONSCAN_DEPTH_MAX 64

enum jsonscan_type {
    JSONSCAN_NONE, /* no value begins here */
    JSONSCAN_NULL,
    JSONSCAN_FALSE,
    JSONSCAN_TRUE,
    JSONSCAN_NUMBER,
    JSONSCAN_STRING,
    JSONSCAN_ARRAY,
    JSONSCAN_OBJECT,
};

struct jsonscan_value {
    enum jsonscan_type type;
    bool has_escapes; /* strings: `raw` has to be unescaped */
    struct slice raw; /* strings: what stands between the quotes; else the value's text */
};

struct jsonscan {
    const char *begin;
    const char *at;
    const char *end;
    unsigned depth; /* of the containers entered and not yet left */
    unsigned max_depth;
    bool is_first;     /* nothing was read yet of the container entered last */
    const char *error; /* NULL, or what is wrong */
    size_t error_at;
};

/* `max_depth` (1 to JSONSCAN_DEPTH_MAX) is how many objects and arrays may stand in each other. */
void jsonscan_init(struct jsonscan *scan, struct slice text, unsigned max_depth);

/* The type of the value that begins here, by its first byte; reads nothing but white space. */
enum jsonscan_type jsonscan_peek(struct jsonscan *scan);

/* Reads the value whole, everything inside it included. */
NODISCARD bool jsonscan_value(struct jsonscan *scan, struct jsonscan_value *out);

/* Enters the object or array that begins here; an error where none does. */
NODISCARD bool jsonscan_enter_object(struct jsonscan *scan);
NODISCARD bool jsonscan_enter_array(struct jsonscan *scan);

/* Goes to the next member (its key is read, its value comes next) or element. False at the end of
 * the container, which is then left, and on an error. The value has to be read or entered before
 * the next call. */
NODISCARD bool jsonscan_next_member(struct jsonscan *scan, struct jsonscan_value *out_key);
NODISCARD bool jsonscan_next_element(struct jsonscan *scan);

/* Whether the text was JSON up to its end. To be called when the outermost value has been read or
 * left. */
NODISCARD bool jsonscan_finish(struct jsonscan *scan);

/* What is wrong ("a comma or } is expected"), or NULL; and at which byte of the text, from 0. */
const char *jsonscan_error(const struct jsonscan *scan);
size_t jsonscan_offset(const struct jsonscan *scan);

/*
 * Writes the text that a string stands for to `out`, which has room for raw.len bytes; returns its
 * length. `raw` comes from a value that was read. An unpaired surrogate becomes U+FFFD, and so does
 * \u0000, which PostgreSQL cannot store: `*replaced_nuls` is increased by each.
 */
size_t jsonscan_unescape(struct slice raw, char *out, uint64_t *replaced_nuls);

/* The text of a string value: `raw` itself where it holds no escapes, else unescaped into the
 * arena. */
struct slice jsonscan_text(const struct jsonscan_value *value, struct arena *arena,
                           uint64_t *replaced_nuls);

/* The code point of the escape sequence behind a '\' at `*at - 1`, as jsonscan_unescape() has it;
 * moves `*at` behind it. */
uint32_t jsonscan_read_escape(const char **at, const char *end, uint64_t *replaced_nuls);

#endif

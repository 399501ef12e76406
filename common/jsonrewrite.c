#include "jsonrewrite.h"

#include "alloc.h"
#include "jsonscan.h"
#include "utf8.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define MEMBERS_INLINE 64 /* of all open objects, before the list moves to the heap */
#define MEMBERS_COMPARED                                                                           \
    ((size_t)16) /* up to so many are compared in pairs, more through a table */

/* A member as it stands in the output, in offsets: its key with the quotes, and its value. */
struct member {
    uint32_t hash;
    uint32_t key; /* of a member that was dropped: DROPPED */
    uint32_t key_end;
    uint32_t value;
    uint32_t value_end;
};
#define DROPPED UINT32_MAX

struct rewriter {
    struct jsonscan scan;
    char *begin; /* of the output, which has room for all that the input had */
    char *out;
    struct member *members; /* of the open objects, outermost first */
    size_t member_count;
    size_t member_cap;
    struct member members_inline[MEMBERS_INLINE];
    uint64_t seed;
    jsonrewrite_key_fn *on_key;
    void *arg;
    struct jsonrewrite_report *report;
};

static bool rewrite_value(struct rewriter *self);

static uint32_t position(const struct rewriter *self)
{
    return (uint32_t)(self->out - self->begin);
}

static void put_char(struct rewriter *self, char byte)
{
    *self->out++ = byte;
}

static void put_bytes(struct rewriter *self, struct slice bytes)
{
    memcpy(self->out, bytes.data, bytes.len);
    self->out += bytes.len;
}

/* --- strings and numbers ------------------------------------------------------------------- */

/* The letter behind the '\' in the short form of a character, or 0. */
static char short_escape(uint32_t code_point)
{
    switch (code_point) {
    case '"':
    case '\\':
        return (char)code_point;
    case '\b':
        return 'b';
    case '\f':
        return 'f';
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    default:
        return 0;
    }
}

static void put_code_point(struct rewriter *self, uint32_t code_point)
{
    static const char hex[] = "0123456789abcdef";
    char letter = short_escape(code_point);
    if (letter) {
        put_char(self, '\\');
        put_char(self, letter);
    } else if (code_point < 0x20) {
        put_bytes(self, SLICE("\\u00"));
        put_char(self, hex[code_point >> 4]);
        put_char(self, hex[code_point & 15]);
    } else {
        self->out += utf8_encode(code_point, self->out);
    }
}

static void put_unescaped(struct rewriter *self, struct slice raw)
{
    const char *at = raw.data;
    const char *end = raw.data + raw.len;
    const char *backslash;
    while ((backslash = memchr(at, '\\', (size_t)(end - at)))) {
        put_bytes(self, (struct slice){at, (size_t)(backslash - at)});
        at = backslash + 1;
        put_code_point(self, jsonscan_read_escape(&at, end, &self->report->replaced_nuls));
    }
    put_bytes(self, (struct slice){at, (size_t)(end - at)});
}

static void put_string(struct rewriter *self, const struct jsonscan_value *value)
{
    put_char(self, '"');
    if (value->has_escapes)
        put_unescaped(self, value->raw);
    else
        put_bytes(self, value->raw);
    put_char(self, '"');
}

/* What stands behind the 'e', without its sign. */
static uint32_t exponent_magnitude(struct slice number)
{
    const char *end = number.data + number.len;
    const char *at = number.data;
    while (at < end && *at != 'e' && *at != 'E')
        at++;
    uint32_t value = 0;
    for (; at < end; at++) {
        if (*at < '0' || *at > '9')
            continue;
        if (value > UINT32_MAX / 10 - 1)
            return UINT32_MAX;
        value = 10 * value + (uint32_t)(*at - '0');
    }
    return value;
}

static void note_number(struct jsonrewrite_report *report, struct slice number)
{
    if (number.len > report->longest_number)
        report->longest_number = number.len;
    uint32_t exponent = exponent_magnitude(number);
    if (exponent > report->widest_exponent)
        report->widest_exponent = exponent;
}

/* --- members and their duplicates ---------------------------------------------------------- */

static uint32_t hash_key(struct slice key, uint64_t seed)
{
    uint64_t hash = seed ^ key.len;
    const char *at = key.data;
    size_t left = key.len;
    while (left > 0) {
        uint64_t word = 0;
        size_t len = left < sizeof word ? left : sizeof word;
        memcpy(&word, at, len);
        hash = (hash ^ word) * UINT64_C(0x9E3779B97F4A7C15);
        hash ^= hash >> 29;
        at += len;
        left -= len;
    }
    return (uint32_t)(hash >> 32 ^ hash);
}

static struct slice key_text(const struct rewriter *self, const struct member *member)
{
    return (struct slice){self->begin + member->key + 1, member->key_end - member->key - 2};
}

static bool is_same_key(const struct rewriter *self, const struct member *a, const struct member *b)
{
    return a->hash == b->hash && slice_equal(key_text(self, a), key_text(self, b));
}

static void add_member(struct rewriter *self, const struct member *member)
{
    if (self->member_count == self->member_cap) {
        size_t cap = 4 * self->member_cap;
        bool is_inline = self->members == self->members_inline;
        self->members = alloc_resize(is_inline ? NULL : self->members, cap, sizeof *member);
        if (is_inline)
            memcpy(self->members, self->members_inline, sizeof self->members_inline);
        self->member_cap = cap;
    }
    self->members[self->member_count++] = *member;
}

/* The first keeps its key and takes the value. */
static void drop_duplicate(struct member *first, struct member *again)
{
    first->value = again->value;
    first->value_end = again->value_end;
    again->key = DROPPED;
}

static bool drop_by_pairs(const struct rewriter *self, struct member *members, size_t count)
{
    bool dropped = false;
    for (size_t i = 1; i < count; i++) {
        for (size_t j = 0; j < i; j++) {
            if (members[j].key == DROPPED || !is_same_key(self, &members[j], &members[i]))
                continue;
            drop_duplicate(&members[j], &members[i]);
            dropped = true;
            break;
        }
    }
    return dropped;
}

/* Open addressing over the members' hashes, at most half full. */
static bool drop_by_table(const struct rewriter *self, struct member *members, size_t count)
{
    size_t slot_count = 4 * MEMBERS_COMPARED;
    while (slot_count < 2 * count)
        slot_count *= 2;
    struct member **slots = alloc_zeroed(slot_count, sizeof(struct member *));
    bool dropped = false;
    for (size_t i = 0; i < count; i++) {
        size_t at = members[i].hash & (slot_count - 1);
        while (slots[at] && !is_same_key(self, slots[at], &members[i]))
            at = (at + 1) & (slot_count - 1);
        if (slots[at]) {
            drop_duplicate(slots[at], &members[i]);
            dropped = true;
        } else {
            slots[at] = &members[i];
        }
    }
    free(slots);
    return dropped;
}

/* Writes the object that began at `object` again, from the members that were kept. */
static void rewrite_members(struct rewriter *self, char *object, const struct member *members,
                            size_t count)
{
    uint32_t offset = (uint32_t)(object - self->begin);
    char *copy = alloc_bytes(object, (size_t)(self->out - object));
    self->out = object + 1;
    for (size_t i = 0; i < count; i++) {
        const struct member *member = &members[i];
        if (member->key == DROPPED)
            continue;
        if (self->out > object + 1)
            put_char(self, ',');
        put_bytes(self,
                  (struct slice){copy + (member->key - offset), member->key_end - member->key});
        put_char(self, ':');
        put_bytes(self, (struct slice){copy + (member->value - offset),
                                       member->value_end - member->value});
    }
    put_char(self, '}');
    free(copy);
}

static void close_object(struct rewriter *self, char *object, size_t first_member)
{
    put_char(self, '}');
    struct member *members = self->members + first_member;
    size_t count = self->member_count - first_member;
    bool dropped = count <= MEMBERS_COMPARED ? drop_by_pairs(self, members, count)
                                             : drop_by_table(self, members, count);
    if (dropped)
        rewrite_members(self, object, members, count);
    self->member_count = first_member;
}

/* --- values -------------------------------------------------------------------------------- */

static bool rewrite_member(struct rewriter *self, const struct jsonscan_value *key)
{
    struct member member = {.key = position(self)};
    put_string(self, key);
    member.key_end = position(self);
    struct slice text = key_text(self, &member);
    member.hash = hash_key(text, self->seed);
    if (self->on_key && self->scan.depth == 1)
        self->on_key(text, self->arg);
    put_char(self, ':');
    member.value = position(self);
    if (!rewrite_value(self))
        return false;
    member.value_end = position(self);
    add_member(self, &member);
    return true;
}

static bool rewrite_object(struct rewriter *self)
{
    if (!jsonscan_enter_object(&self->scan))
        return false;
    char *object = self->out;
    size_t first_member = self->member_count;
    struct jsonscan_value key;
    put_char(self, '{');
    while (jsonscan_next_member(&self->scan, &key)) {
        if (self->member_count > first_member)
            put_char(self, ',');
        if (!rewrite_member(self, &key))
            return false;
    }
    close_object(self, object, first_member);
    return !jsonscan_error(&self->scan);
}

static bool rewrite_array(struct rewriter *self)
{
    if (!jsonscan_enter_array(&self->scan))
        return false;
    char *array = self->out;
    put_char(self, '[');
    while (jsonscan_next_element(&self->scan)) {
        if (self->out > array + 1)
            put_char(self, ',');
        if (!rewrite_value(self))
            return false;
    }
    put_char(self, ']');
    return !jsonscan_error(&self->scan);
}

static bool rewrite_value(struct rewriter *self)
{
    enum jsonscan_type type = jsonscan_peek(&self->scan);
    if (type == JSONSCAN_OBJECT)
        return rewrite_object(self);
    if (type == JSONSCAN_ARRAY)
        return rewrite_array(self);
    struct jsonscan_value value;
    if (!jsonscan_value(&self->scan, &value))
        return false;
    if (type == JSONSCAN_STRING) {
        put_string(self, &value);
        return true;
    }
    if (type == JSONSCAN_NUMBER)
        note_number(self->report, value.raw);
    put_bytes(self, value.raw);
    return true;
}

bool jsonrewrite(struct slice value, unsigned max_depth, struct arena *arena,
                 jsonrewrite_key_fn *on_key, void *arg, struct slice *out,
                 struct jsonrewrite_report *report)
{
    assert(value.len < UINT32_MAX);
    struct rewriter self;
    self.begin = self.out = arena_text(arena, value.len + 1);
    self.members = self.members_inline;
    self.member_count = 0;
    self.member_cap = MEMBERS_INLINE;
    /* Where the arena lies differs from run to run, so nobody can choose keys that collide. */
    self.seed = (uintptr_t)self.begin;
    self.on_key = on_key;
    self.arg = arg;
    self.report = report;
    *report = (struct jsonrewrite_report){0};
    jsonscan_init(&self.scan, value, max_depth);

    bool ok = rewrite_value(&self) && jsonscan_finish(&self.scan);
    arena_trim(arena, ok ? self.out : self.begin);
    *out = ok ? (struct slice){self.begin, (size_t)(self.out - self.begin)} : SLICE_NONE;
    if (self.members != self.members_inline)
        free(self.members);
    return ok;
}

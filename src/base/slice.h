/*
 * Text as pointer and length, and a cursor that cannot leave its bounds.
 *
 * Ownership: a slice borrows; whoever holds the bytes says how long they live.
 * Errors: none; a search that finds nothing says so in its result.
 * Limits: none of its own.
 */
#ifndef POSTHORN_BASE_SLICE_H
#define POSTHORN_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

#include "base/attr.h"

struct slice {
    const char *p; /* may be NULL when n is 0 */
    size_t n;      /* bytes */
};

/* A slice of a string literal. */
#define S(literal) ((struct slice){"" literal, sizeof(literal) - 1})
/* For printf's %.*s. */
#define SLICE_ARGS(s) ((int)(s).n), ((s).n > 0 ? (s).p : "")

static inline struct slice slice_of(const void *p, size_t n)
{
    return (struct slice){(const char *)p, n};
}

static inline struct slice slice_cstr(const char *text)
{
    return (struct slice){text, text != NULL ? strlen(text) : 0};
}

static inline struct slice slice_none(void)
{
    return (struct slice){NULL, 0};
}

bool slice_eq(struct slice a, struct slice b);
/* ASCII letters compare without case; other bytes exactly. */
bool slice_eq_nocase(struct slice a, struct slice b);
bool slice_starts(struct slice s, struct slice prefix);
bool slice_starts_nocase(struct slice s, struct slice prefix);
bool slice_ends(struct slice s, struct slice suffix);
bool slice_ends_nocase(struct slice s, struct slice suffix);
int slice_cmp(struct slice a, struct slice b); /* memcmp order, shorter first */

/* Offset of the first occurrence, or -1. */
ssize_t slice_find_char(struct slice s, char c);
ssize_t slice_rfind_char(struct slice s, char c);
ssize_t slice_find(struct slice s, struct slice needle);
ssize_t slice_find_nocase(struct slice s, struct slice needle);

/* Bytes [from, from + n), cut to what there is. */
struct slice slice_sub(struct slice s, size_t from, size_t n);
struct slice slice_from(struct slice s, size_t from);
/* Without spaces, tabs, CR and LF at both ends. */
struct slice slice_trim(struct slice s);

/* Cuts at the first c: *ret_head before it, *ret_tail after it. False when c is absent: then head is all,
 * tail empty. */
bool slice_cut(struct slice s, char c, struct slice *ret_head, struct slice *ret_tail) NONNULL;

/* The whole slice is one decimal number that fits; no sign, no blanks. */
bool slice_to_u64(struct slice s, uint64_t *ret) NONNULL MUST_CHECK;
bool slice_to_u32(struct slice s, uint32_t *ret) NONNULL MUST_CHECK;

/* A NUL-terminated copy by malloc (free it), or NULL when memory is out or s holds a NUL. */
char *slice_to_cstr(struct slice s) MUST_CHECK;

static inline char ascii_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}
static inline char ascii_upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
}
static inline bool ascii_is_digit(char c)
{
    return c >= '0' && c <= '9';
}
static inline bool ascii_is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
static inline bool ascii_is_alnum(char c)
{
    return ascii_is_alpha(c) || ascii_is_digit(c);
}

bool slice_is_ascii(struct slice s);
static inline bool ascii_is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* A place in a text. p never passes end. */
struct cursor {
    const char *p;
    const char *end;
};

static inline struct cursor cursor_of(struct slice s)
{
    return (struct cursor){s.p, s.n > 0 ? s.p + s.n : s.p};
}
static inline bool cursor_done(const struct cursor *c)
{
    return c->p == c->end;
}
static inline size_t cursor_left(const struct cursor *c)
{
    return (size_t)(c->end - c->p);
}
static inline struct slice cursor_rest(const struct cursor *c)
{
    return (struct slice){c->p, cursor_left(c)};
}
/* The byte at the cursor, or -1 at the end. */
static inline int cursor_peek(const struct cursor *c)
{
    return c->p == c->end ? -1 : (unsigned char)*c->p;
}
/* The byte `ahead` places further, or -1. */
static inline int cursor_peek_at(const struct cursor *c, size_t ahead)
{
    return ahead < cursor_left(c) ? (unsigned char)c->p[ahead] : -1;
}
static inline int cursor_next(struct cursor *c)
{
    return c->p == c->end ? -1 : (unsigned char)*c->p++;
}
static inline bool cursor_skip_char(struct cursor *c, char wanted)
{
    if (c->p == c->end || *c->p != wanted)
        return false;
    c->p++;
    return true;
}
/* Passes over the text if it stands here (exactly, or without regard to ASCII case). */
bool cursor_skip(struct cursor *c, struct slice text) NONNULL;
bool cursor_skip_nocase(struct cursor *c, struct slice text) NONNULL;
/* The next n bytes, or fewer at the end. */
struct slice cursor_take(struct cursor *c, size_t n) NONNULL;
/* Everything up to, without, the first byte that is in (until) or not in (while) the set. */
struct slice cursor_take_until(struct cursor *c, struct slice set) NONNULL;
struct slice cursor_take_while(struct cursor *c, struct slice set) NONNULL;
/* A decimal number; false (cursor unmoved) when there is none or it does not fit. */
bool cursor_u64(struct cursor *c, uint64_t *ret) NONNULL MUST_CHECK;
bool cursor_u32(struct cursor *c, uint32_t *ret) NONNULL MUST_CHECK;

#endif

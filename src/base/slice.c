#include "base/slice.h"

#include <stdlib.h>

bool slice_eq(struct slice a, struct slice b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool slice_eq_nocase(struct slice a, struct slice b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        if (ascii_lower(a.p[i]) != ascii_lower(b.p[i]))
            return false;
    return true;
}

bool slice_starts(struct slice s, struct slice prefix)
{
    return s.n >= prefix.n && slice_eq(slice_sub(s, 0, prefix.n), prefix);
}

bool slice_starts_nocase(struct slice s, struct slice prefix)
{
    return s.n >= prefix.n && slice_eq_nocase(slice_sub(s, 0, prefix.n), prefix);
}

bool slice_ends(struct slice s, struct slice suffix)
{
    return s.n >= suffix.n && slice_eq(slice_from(s, s.n - suffix.n), suffix);
}

bool slice_ends_nocase(struct slice s, struct slice suffix)
{
    return s.n >= suffix.n && slice_eq_nocase(slice_from(s, s.n - suffix.n), suffix);
}

int slice_cmp(struct slice a, struct slice b)
{
    size_t n = MIN(a.n, b.n);
    int order = n > 0 ? memcmp(a.p, b.p, n) : 0;
    if (order != 0)
        return order;
    return a.n < b.n ? -1 : a.n > b.n;
}

ssize_t slice_find_char(struct slice s, char c)
{
    const char *at = s.n > 0 ? memchr(s.p, c, s.n) : NULL;
    return at != NULL ? at - s.p : -1;
}

ssize_t slice_rfind_char(struct slice s, char c)
{
    for (size_t i = s.n; i > 0; i--)
        if (s.p[i - 1] == c)
            return (ssize_t)i - 1;
    return -1;
}

ssize_t slice_find(struct slice s, struct slice needle)
{
    if (needle.n == 0)
        return 0;
    const char *at = s.n > 0 ? memmem(s.p, s.n, needle.p, needle.n) : NULL;
    return at != NULL ? at - s.p : -1;
}

ssize_t slice_find_nocase(struct slice s, struct slice needle)
{
    if (needle.n == 0)
        return 0;
    for (size_t i = 0; i + needle.n <= s.n; i++)
        if (ascii_lower(s.p[i]) == ascii_lower(needle.p[0]) &&
            slice_eq_nocase(slice_sub(s, i, needle.n), needle))
            return (ssize_t)i;
    return -1;
}

struct slice slice_sub(struct slice s, size_t from, size_t n)
{
    if (from >= s.n)
        return slice_of(s.p != NULL ? s.p + s.n : NULL, 0);
    return slice_of(s.p + from, MIN(n, s.n - from));
}

struct slice slice_from(struct slice s, size_t from)
{
    return slice_sub(s, from, s.n);
}

struct slice slice_trim(struct slice s)
{
    while (s.n > 0 && ascii_is_space(s.p[0]))
        s = slice_from(s, 1);
    while (s.n > 0 && ascii_is_space(s.p[s.n - 1]))
        s.n--;
    return s;
}

bool slice_cut(struct slice s, char c, struct slice *ret_head, struct slice *ret_tail)
{
    ssize_t at = slice_find_char(s, c);
    if (at < 0) {
        *ret_head = s;
        *ret_tail = slice_none();
        return false;
    }
    *ret_head = slice_sub(s, 0, (size_t)at);
    *ret_tail = slice_from(s, (size_t)at + 1);
    return true;
}

bool slice_to_u64(struct slice s, uint64_t *ret)
{
    struct cursor c = cursor_of(s);
    uint64_t value;
    if (!cursor_u64(&c, &value) || !cursor_done(&c))
        return false;
    *ret = value;
    return true;
}

bool slice_to_u32(struct slice s, uint32_t *ret)
{
    uint64_t value;
    if (!slice_to_u64(s, &value) || value > UINT32_MAX)
        return false;
    *ret = (uint32_t)value;
    return true;
}

char *slice_to_cstr(struct slice s)
{
    if (s.n > 0 && memchr(s.p, 0, s.n) != NULL)
        return NULL;
    char *text = malloc(s.n + 1);
    if (text == NULL)
        return NULL;
    if (s.n > 0)
        memcpy(text, s.p, s.n);
    text[s.n] = 0;
    return text;
}

bool cursor_skip(struct cursor *c, struct slice text)
{
    if (!slice_starts(cursor_rest(c), text))
        return false;
    cursor_take(c, text.n);
    return true;
}

bool cursor_skip_nocase(struct cursor *c, struct slice text)
{
    if (!slice_starts_nocase(cursor_rest(c), text))
        return false;
    cursor_take(c, text.n);
    return true;
}

struct slice cursor_take(struct cursor *c, size_t n)
{
    struct slice taken = slice_of(c->p, MIN(n, cursor_left(c)));
    if (taken.n > 0) /* p may be NULL */
        c->p += taken.n;
    return taken;
}

struct slice cursor_take_until(struct cursor *c, struct slice set)
{
    const char *from = c->p;
    while (c->p < c->end && slice_find_char(set, *c->p) < 0)
        c->p++;
    return slice_of(from, (size_t)(c->p - from));
}

struct slice cursor_take_while(struct cursor *c, struct slice set)
{
    const char *from = c->p;
    while (c->p < c->end && slice_find_char(set, *c->p) >= 0)
        c->p++;
    return slice_of(from, (size_t)(c->p - from));
}

bool cursor_u64(struct cursor *c, uint64_t *ret)
{
    const char *p = c->p;
    uint64_t value = 0;
    while (p < c->end && ascii_is_digit(*p)) {
        if (__builtin_mul_overflow(value, 10U, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*p - '0'), &value))
            return false;
        p++;
    }
    if (p == c->p)
        return false;
    c->p = p;
    *ret = value;
    return true;
}

bool cursor_u32(struct cursor *c, uint32_t *ret)
{
    struct cursor probe = *c;
    uint64_t value;
    if (!cursor_u64(&probe, &value) || value > UINT32_MAX)
        return false;
    *c = probe;
    *ret = (uint32_t)value;
    return true;
}

bool slice_is_ascii(struct slice s)
{
    size_t i = 0;
    for (uint64_t eight; i + sizeof(eight) <= s.n; i += sizeof(eight)) {
        memcpy(&eight, s.p + i, sizeof(eight));
        if ((eight & UINT64_C(0x8080808080808080)) != 0)
            return false;
    }
    while (i < s.n && (unsigned char)s.p[i] < 0x80)
        i++;
    return i >= s.n;
}

#include "sieve/wildcard.h"

#include "base/utf8.h"
#include "mime/fold.h"

/* A text as characters, each with what stands for it in comparisons. */
struct characters {
    struct slice keys;        /* one after the other */
    const uint32_t *key_ends; /* NULL: each is one byte of keys, and of the text */
    const uint32_t *ends;     /* in the text */
    size_t count;
};

static struct slice key_at(const struct characters *text, size_t i)
{
    if (text->key_ends == NULL)
        return slice_of(text->keys.p + i, 1);
    size_t from = i > 0 ? text->key_ends[i - 1] : 0;
    return slice_of(text->keys.p + from, text->key_ends[i] - from);
}

/* Where the i-th character starts in the text; for i == count its end. */
static size_t offset(const struct characters *text, size_t i)
{
    return text->ends == NULL ? i : i > 0 ? text->ends[i - 1] : 0;
}

static bool of_bytes(struct arena *arena, enum comparator comparator, struct slice text,
                     struct characters *ret)
{
    *ret = (struct characters){.keys = text, .count = text.n};
    if (comparator != COMPARATOR_CASEMAP)
        return true;
    char *p = arena_alloc(arena, text.n + 1);
    if (p == NULL)
        return false;
    for (size_t i = 0; i < text.n; i++)
        p[i] = ascii_upper(text.p[i]);
    ret->keys.p = p;
    return true;
}

static bool of_code_points(struct arena *arena, struct slice text, struct characters *ret)
{
    uint32_t *key_ends = arena_array(arena, text.n + 1, sizeof(*key_ends));
    uint32_t *ends = arena_array(arena, text.n + 1, sizeof(*ends));
    CLEANUP(buf_release) struct buf keys = BUF(UINT32_MAX);
    struct cursor c = cursor_of(text);
    size_t count = 0;
    if (key_ends == NULL || ends == NULL || text.n > UINT32_MAX / 2)
        return false;
    for (; !cursor_done(&c); count++) {
        const char *start = c.p;
        utf8_next(&c);
        mime_fold_sort(&keys, slice_of(start, (size_t)(c.p - start)));
        key_ends[count] = (uint32_t)keys.n;
        ends[count] = (uint32_t)(c.p - text.p);
    }
    *ret = (struct characters){arena_dup(arena, buf_slice(&keys)), key_ends, ends, count};
    return ret->keys.p != NULL && !buf_failed(&keys);
}

static bool characters_of(struct arena *arena, enum comparator comparator, struct slice text,
                          struct characters *ret)
{
    return comparator == COMPARATOR_UNICODE ? of_code_points(arena, text, ret)
                                            : of_bytes(arena, comparator, text, ret);
}

enum sign { SIGN_CHARACTER, SIGN_ONE, SIGN_ANY, SIGN_END };

/* What the pattern says at *at; passes over a backslash. */
static enum sign sign_at(const struct characters *pattern, size_t *at)
{
    if (*at == pattern->count)
        return SIGN_END;
    struct slice key = key_at(pattern, *at);
    if (slice_eq(key, S("*")))
        return SIGN_ANY;
    if (slice_eq(key, S("?")))
        return SIGN_ONE;
    if (slice_eq(key, S("\\")) && *at + 1 < pattern->count)
        (*at)++;
    return SIGN_CHARACTER;
}

struct matching {
    const struct characters *pattern;
    const struct characters *value;
    struct wildcard_span *spans;
    size_t spans_max;
    size_t p, v, wildcards;
    /* The last "*", which alone is tried again with more. */
    bool starred;
    size_t star_p, star_v, star_end, star_wildcards;
};

static void note(struct matching *m, size_t from, size_t to)
{
    size_t at = offset(m->value, from);
    if (m->wildcards < m->spans_max)
        m->spans[m->wildcards] = (struct wildcard_span){at, offset(m->value, to) - at};
    m->wildcards++;
}

static void start_star(struct matching *m)
{
    m->starred = true;
    m->star_wildcards = m->wildcards;
    m->star_v = m->star_end = m->v;
    note(m, m->v, m->v);
    m->star_p = ++m->p;
}

/* The last "*" takes one character more. False: there is none, or nothing left to take. */
static bool grow_star(struct matching *m)
{
    if (!m->starred || m->star_end == m->value->count)
        return false;
    m->star_end++;
    m->wildcards = m->star_wildcards;
    note(m, m->star_v, m->star_end);
    m->p = m->star_p;
    m->v = m->star_end;
    return true;
}

/* False: it does not match. *ret_done: it does. */
static bool advance(struct matching *m, bool *ret_done)
{
    size_t at = m->p;
    enum sign sign = sign_at(m->pattern, &at);
    if (sign == SIGN_ANY) {
        start_star(m);
        return true;
    }
    if (sign == SIGN_END && m->v == m->value->count) {
        *ret_done = true;
        return true;
    }
    bool fits = sign != SIGN_END && m->v < m->value->count &&
                (sign == SIGN_ONE || slice_eq(key_at(m->pattern, at), key_at(m->value, m->v)));
    if (!fits)
        return grow_star(m);
    if (sign == SIGN_ONE)
        note(m, m->v, m->v + 1);
    m->p = at + 1;
    m->v++;
    return true;
}

bool wildcard_match(struct arena *arena, enum comparator comparator, struct slice pattern, struct slice value,
                    int64_t steps_max, struct wildcard_span *spans, size_t spans_max,
                    struct wildcard_result *ret)
{
    struct characters p, v;
    if (!characters_of(arena, comparator, pattern, &p) || !characters_of(arena, comparator, value, &v))
        return false;
    struct matching m = {.pattern = &p, .value = &v, .spans = spans, .spans_max = spans_max};
    *ret = (struct wildcard_result){0};
    while (!ret->matched && ret->steps < steps_max && advance(&m, &ret->matched))
        ret->steps++;
    ret->count = MIN(m.wildcards, spans_max);
    return true;
}

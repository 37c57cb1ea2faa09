#include "sieve/comparator.h"

#include "mime/fold.h"

bool comparator_find(struct slice name, enum comparator *ret, enum sieve_extension *ret_extension)
{
    static const struct {
        struct slice name;
        enum sieve_extension extension;
    } rows[] = {
#define X(name, text, extension) {{text, sizeof(text) - 1}, SIEVE_##extension},
        COMPARATOR_TABLE(X)
#undef X
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (slice_eq(rows[i].name, name)) {
            *ret = (enum comparator)i;
            *ret_extension = rows[i].extension;
            return true;
        }
    return false;
}

static struct slice upper(struct slice text, struct buf *out)
{
    char *p = buf_reserve(out, text.n);
    if (p == NULL)
        return S("");
    for (size_t i = 0; i < text.n; i++)
        p[i] = ascii_upper(text.p[i]);
    buf_grew(out, text.n);
    return buf_slice(out);
}

struct slice comparator_key(enum comparator comparator, struct slice text, struct buf *out)
{
    buf_clear(out);
    switch (comparator) {
    case COMPARATOR_CASEMAP:
        return text.n > 0 ? upper(text, out) : text;
    case COMPARATOR_UNICODE:
        mime_fold_sort(out, text);
        return buf_slice(out);
    default:
        return text;
    }
}

/* The digits at the start, without leading zeros; p NULL: none, which is positive infinity (RFC 4790 9.1). */
static struct slice digits(struct slice text)
{
    struct cursor c = cursor_of(text);
    struct slice number = cursor_take_while(&c, S("0123456789"));
    if (number.n == 0)
        return slice_none();
    while (number.n > 1 && number.p[0] == '0')
        number = slice_from(number, 1);
    return number;
}

static int numeric_order(struct slice a, struct slice b)
{
    a = digits(a);
    b = digits(b);
    if (a.p == NULL || b.p == NULL)
        return (a.p == NULL) - (b.p == NULL);
    if (a.n != b.n)
        return a.n < b.n ? -1 : 1;
    return slice_cmp(a, b);
}

int comparator_order(enum comparator comparator, struct slice a, struct slice b)
{
    return comparator == COMPARATOR_NUMERIC ? numeric_order(a, b) : slice_cmp(a, b);
}

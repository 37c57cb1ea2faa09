#include "imap/comparator.h"

#include "mime/summary.h"

static const struct {
    const char *name;
    enum mime_search_way way;
} collations[] = {
#define X(name, way) {name, way},
    IMAP_COLLATION_TABLE(X)
#undef X
};

const char *imap_collation_name(unsigned collation)
{
    return collations[collation].name;
}

enum mime_search_way imap_comparator_way(struct imap_comparator comparator)
{
    return collations[comparator.collation].way;
}

void imap_comparator_key(struct buf *out, struct imap_comparator comparator, struct slice sort_key)
{
    if (mime_sort_key_is_octets(sort_key))
        buf_put(out, sort_key);
    else
        mime_search_fold(out, imap_comparator_way(comparator), sort_key);
}

/* "+" or "-", if there is one. */
static struct slice without_direction(struct slice pattern)
{
    bool direction = pattern.n > 0 && (pattern.p[0] == '+' || pattern.p[0] == '-');
    return slice_from(pattern, direction ? 1 : 0);
}

bool imap_comparator_valid(struct slice pattern)
{
    struct slice name = without_direction(pattern);
    if (name.n == 0 || name.n > IMAP_COMPARATOR_MAX || !(name.p[0] == '*' || ascii_is_alpha(name.p[0])))
        return false;
    for (size_t i = 0; i < name.n; i++) {
        bool wild = name.p[i] == '*';
        if (wild ? i > 0 && name.p[i - 1] == '*'
                 : !ascii_is_alnum(name.p[i]) && slice_find_char(S("-;=."), name.p[i]) < 0)
            return false;
    }
    return true;
}

/* "*" stands for any bytes. Goes back to the last one only, which is enough: it takes as little as it can. */
static bool matches(struct slice pattern, struct slice name)
{
    size_t at = 0;
    size_t star = SIZE_MAX;
    size_t taken = 0;
    for (size_t i = 0; i < name.n;) {
        if (at < pattern.n && pattern.p[at] == '*') {
            star = at++;
            taken = i;
        } else if (at < pattern.n && ascii_lower(pattern.p[at]) == ascii_lower(name.p[i])) {
            at++;
            i++;
        } else if (star != SIZE_MAX) {
            at = star + 1;
            i = ++taken;
        } else {
            return false;
        }
    }
    while (at < pattern.n && pattern.p[at] == '*')
        at++;
    return at == pattern.n;
}

unsigned imap_comparator_find(struct slice pattern, bool *ret_descending)
{
    struct slice name = without_direction(pattern);
    unsigned found = 0;
    *ret_descending = slice_starts(pattern, S("-"));
    if (slice_eq_nocase(name, S("default")))
        return 1U;
    for (unsigned i = 0; i < ARRAY_LEN(collations); i++)
        if (matches(name, slice_cstr(collations[i].name)))
            found |= 1U << i;
    return found;
}

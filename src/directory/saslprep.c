#include "directory/saslprep.h"

#include <sodium.h>
#include <utf8proc.h>

#include "base/utf8.h"

struct range {
    uint32_t first;
    uint32_t last;
};

/* RFC 3454 C.1.2, mapped to a space. */
static const struct range spaces[] = {{0xa0, 0xa0},     {0x1680, 0x1680}, {0x2000, 0x200b},
                                      {0x202f, 0x202f}, {0x205f, 0x205f}, {0x3000, 0x3000}};
/* RFC 3454 B.1, mapped to nothing. */
static const struct range nothings[] = {{0xad, 0xad},     {0x34f, 0x34f},   {0x1806, 0x1806},
                                        {0x180b, 0x180d}, {0x200c, 0x200d}, {0x2060, 0x2060},
                                        {0xfe00, 0xfe0f}, {0xfeff, 0xfeff}};
/* RFC 4013 2.3: the tables C.2.1 to C.9 of RFC 3454, merged. */
static const struct range prohibited[] = {
    {0x0, 0x1f},        {0x7f, 0x9f},        {0x340, 0x341},     {0x6dd, 0x6dd},     {0x70f, 0x70f},
    {0x180e, 0x180e},   {0x200c, 0x200f},    {0x2028, 0x202e},   {0x2060, 0x2063},   {0x206a, 0x206f},
    {0x2ff0, 0x2ffb},   {0xd800, 0xf8ff},    {0xfdd0, 0xfdef},   {0xfeff, 0xfeff},   {0xfff9, 0xffff},
    {0x1d173, 0x1d17a}, {0x1fffe, 0x1ffff},  {0x2fffe, 0x2ffff}, {0x3fffe, 0x3ffff}, {0x4fffe, 0x4ffff},
    {0x5fffe, 0x5ffff}, {0x6fffe, 0x6ffff},  {0x7fffe, 0x7ffff}, {0x8fffe, 0x8ffff}, {0x9fffe, 0x9ffff},
    {0xafffe, 0xaffff}, {0xbfffe, 0xbffff},  {0xcfffe, 0xcffff}, {0xdfffe, 0xdffff}, {0xe0001, 0xe0001},
    {0xe0020, 0xe007f}, {0xefffe, 0x10ffff},
};

static bool in_ranges(uint32_t code_point, const struct range *ranges, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (code_point >= ranges[i].first && code_point <= ranges[i].last)
            return true;
    return false;
}

/* False: not UTF-8. */
static bool map_characters(struct slice text, struct buf *out)
{
    struct cursor c = cursor_of(text);
    while (!cursor_done(&c)) {
        int32_t code_point = utf8_next(&c);
        if (code_point < 0)
            return false;
        if (in_ranges((uint32_t)code_point, spaces, ARRAY_LEN(spaces)))
            buf_putc(out, ' ');
        else if (!in_ranges((uint32_t)code_point, nothings, ARRAY_LEN(nothings)))
            utf8_put(out, (uint32_t)code_point);
    }
    return true;
}

/* RFC 3454 6: right-to-left text has no left-to-right characters, and begins and ends as what it is. */
struct direction {
    bool right_to_left;
    bool left_to_right;
    bool first;
    bool last;
};

static bool direction_valid(const struct direction *d)
{
    return !d->right_to_left || (!d->left_to_right && d->first && d->last);
}

static bool characters_valid(struct slice text)
{
    struct direction d = {0};
    struct cursor c = cursor_of(text);
    while (!cursor_done(&c)) {
        bool start = c.p == text.p;
        int32_t code_point = utf8_next(&c);
        const utf8proc_property_t *property = utf8proc_get_property(code_point);
        if (code_point < 0 || property->category == UTF8PROC_CATEGORY_CN ||
            in_ranges((uint32_t)code_point, prohibited, ARRAY_LEN(prohibited)))
            return false;
        d.last =
            property->bidi_class == UTF8PROC_BIDI_CLASS_R || property->bidi_class == UTF8PROC_BIDI_CLASS_AL;
        d.right_to_left |= d.last;
        d.left_to_right |= property->bidi_class == UTF8PROC_BIDI_CLASS_L;
        if (start)
            d.first = d.last;
    }
    return direction_valid(&d);
}

static void wipe(struct buf *b)
{
    if (b->p != NULL)
        sodium_memzero(b->p, b->cap);
    buf_release(b);
}

enum saslprep saslprep(struct slice text, struct buf *out)
{
    CLEANUP(wipe) struct buf mapped = BUF(SASLPREP_MAX);
    if (!map_characters(text, &mapped))
        return SASLPREP_REFUSED;
    if (buf_failed(&mapped))
        return SASLPREP_NOMEM;
    uint8_t *normal = NULL;
    utf8proc_ssize_t n =
        utf8proc_map((const uint8_t *)(mapped.n > 0 ? mapped.p : ""), (utf8proc_ssize_t)mapped.n, &normal,
                     UTF8PROC_STABLE | UTF8PROC_COMPAT | UTF8PROC_COMPOSE);
    if (n < 0)
        return n == UTF8PROC_ERROR_NOMEM ? SASLPREP_NOMEM : SASLPREP_REFUSED;
    bool valid = characters_valid(slice_of(normal, (size_t)n));
    if (valid)
        buf_put(out, slice_of(normal, (size_t)n));
    sodium_memzero(normal, (size_t)n);
    free(normal);
    if (buf_failed(out))
        return SASLPREP_NOMEM;
    return valid ? SASLPREP_OK : SASLPREP_REFUSED;
}

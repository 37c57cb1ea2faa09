#include "authres/tags.h"

#include "base/base64.h"

static bool is_name(struct slice name)
{
    if (name.n == 0 || !ascii_is_alpha(name.p[0]))
        return false;
    for (size_t i = 1; i < name.n; i++)
        if (!ascii_is_alnum(name.p[i]) && name.p[i] != '_')
            return false;
    return true;
}

/* No control characters but those of folding. */
static bool is_value(struct slice value)
{
    for (size_t i = 0; i < value.n; i++) {
        unsigned char c = (unsigned char)value.p[i];
        if ((c < 0x20 && !ascii_is_space((char)c)) || c == 0x7f)
            return false;
    }
    return true;
}

bool tag_list_parse(struct slice text, struct tag_list *ret)
{
    ret->count = 0;
    for (;;) {
        struct slice spec;
        struct slice rest;
        struct tag tag;
        bool more = slice_cut(text, ';', &spec, &rest);
        /* The list may end in a semicolon. */
        if (!more && slice_trim(spec).n == 0)
            return ret->count > 0;
        if (ret->count == TAGS_MAX || !slice_cut(spec, '=', &tag.name, &tag.raw))
            return false;
        tag.name = slice_trim(tag.name);
        tag.value = slice_trim(tag.raw);
        if (!is_name(tag.name) || !is_value(tag.value) || tag_list_find(ret, tag.name) != NULL)
            return false;
        ret->tags[ret->count++] = tag;
        if (!more)
            return true;
        text = rest;
    }
}

const struct tag *tag_list_find(const struct tag_list *list, struct slice name)
{
    for (size_t i = 0; i < list->count; i++)
        if (slice_eq(list->tags[i].name, name))
            return &list->tags[i];
    return NULL;
}

struct slice tag_list_value(const struct tag_list *list, struct slice name)
{
    const struct tag *tag = tag_list_find(list, name);
    return tag != NULL ? tag->value : slice_none();
}

bool tag_item_next(struct cursor *items, struct slice *ret)
{
    if (cursor_done(items))
        return false;
    *ret = slice_trim(cursor_take_until(items, S(":")));
    (void)cursor_skip_char(items, ':');
    return true;
}

bool tag_items_have(struct slice items, struct slice wanted)
{
    struct cursor c = cursor_of(items);
    struct slice item;
    while (tag_item_next(&c, &item))
        if (slice_eq_nocase(item, wanted))
            return true;
    return false;
}

bool tag_base64(struct slice value, struct buf *out)
{
    CLEANUP(buf_release) struct buf bare = BUF(value.n + 3);
    for (size_t i = 0; i < value.n; i++)
        if (!ascii_is_space(value.p[i]))
            buf_putc(&bare, value.p[i]);
    while (bare.n > 0 && bare.p[bare.n - 1] == '=')
        bare.n--;
    while (bare.n % 4 != 0)
        buf_putc(&bare, '=');
    return !buf_failed(&bare) && base64_decode(out, buf_slice(&bare)) && !buf_failed(out);
}

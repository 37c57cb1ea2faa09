#include "base/name_list.h"

static bool is_name(struct slice name)
{
    for (size_t i = 0; i < name.n; i++)
        if (name.p[i] <= ' ' || name.p[i] > '~')
            return false;
    return true;
}

bool name_list_next(struct cursor *list, struct slice *ret_name)
{
    (void)cursor_take_while(list, S(" ,\t"));
    if (cursor_done(list))
        return false;
    *ret_name = cursor_take_until(list, S(" ,\t"));
    return true;
}

bool name_list_has(struct slice list, struct slice name)
{
    struct cursor c = cursor_of(list);
    struct slice one;
    while (name_list_next(&c, &one))
        if (slice_eq_nocase(one, name))
            return true;
    return false;
}

bool name_list_add(struct buf *list, struct slice written)
{
    struct cursor c = cursor_of(written);
    struct slice name;
    while (name_list_next(&c, &name)) {
        if (!is_name(name))
            return false;
        if (name_list_has(buf_slice(list), name))
            continue;
        if (list->n > 0)
            buf_putc(list, ' ');
        for (size_t i = 0; i < name.n; i++)
            buf_putc(list, ascii_upper(name.p[i]));
    }
    return true;
}

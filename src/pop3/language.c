#include "pop3/language.h"

void pop3_put_line(struct buf *out, const char *start, struct tongue tongue, struct slice text)
{
    buf_put(out, slice_cstr(start));
    buf_putc(out, ' ');
    language_put_coded(out, tongue, text);
    buf_put(out, S("\r\n"));
}

static void put_listing(struct buf *out, struct tongue tongue)
{
    pop3_put_line(out, "+OK", tongue, S("language listing follows"));
    for (int language = 0; language < LANGUAGES; language++)
        buf_printf(out, "%s %s\r\n", language_tag((enum language)language),
                   language_name((enum language)language));
    buf_put(out, S(".\r\n"));
}

void pop3_put_lang(struct buf *out, struct slice argument, struct tongue by_default, struct tongue *tongue)
{
    enum language language;
    argument = slice_trim(argument);
    if (argument.n == 0) {
        put_listing(out, *tongue);
        return;
    }
    if (slice_eq(argument, S("*"))) {
        *tongue = by_default;
    } else if (language_find(argument, &language)) {
        *tongue = (struct tongue){language, true};
    } else {
        pop3_put_line(out, "-ERR", *tongue, S("this language is not known here"));
        return;
    }
    buf_printf(out, "+OK %s ", language_tag(tongue->language));
    language_put(out, *tongue, S("language changed"));
    buf_put(out, S("\r\n"));
}

#include "sieve/mailto.h"

#include "base/utf8.h"
#include "sieve/edit.h"

/* --- characters --- */

/* What may stand in the path or the query of a URI (RFC 3986 3.3, 3.4). */
static bool is_uri_char(char c)
{
    return ascii_is_alnum(c) || slice_find_char(S("-._~!$&'()*+,;=:@/?%"), c) >= 0;
}

static int hex_digit(char c)
{
    if (ascii_is_digit(c))
        return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Without its percent signs. False: it is no part of a URI, or no UTF-8. */
static bool decode(struct arena *arena, struct slice text, struct slice *ret)
{
    char *p = arena_alloc(arena, text.n + 1);
    size_t n = 0;
    if (p == NULL)
        return false;
    for (size_t i = 0; i < text.n; i++) {
        int high = 0, low = 0;
        if (!is_uri_char(text.p[i]))
            return false;
        if (text.p[i] != '%') {
            p[n++] = text.p[i];
            continue;
        }
        high = i + 2 < text.n ? hex_digit(text.p[i + 1]) : -1;
        low = i + 2 < text.n ? hex_digit(text.p[i + 2]) : -1;
        if (high < 0 || low < 0)
            return false;
        p[n++] = (char)(high << 4 | low);
        i += 2;
    }
    *ret = slice_of(p, n);
    return utf8_valid(*ret) && memchr(p, 0, n) == NULL;
}

static bool is_one_line(struct slice text)
{
    for (size_t i = 0; i < text.n; i++)
        if ((unsigned char)text.p[i] < ' ' || text.p[i] == 127)
            return false;
    return true;
}

/* --- addresses --- */

static bool is_usable(const struct mime_address *address)
{
    return address->kind == MIME_ADDRESS_MAILBOX && address->local.n > 0 && address->domain.n > 0 &&
           address->route.n == 0 && slice_is_ascii(address->local) && slice_is_ascii(address->domain) &&
           is_one_line(address->local);
}

/* A list is appended to another. */
static bool add_addresses(struct arena *arena, struct slice text, struct mailto *mailto,
                          struct mime_address **list)
{
    struct mime_addresses parsed;
    struct error ignored;
    if (!is_one_line(text) || mime_addresses_parse(arena, text, &parsed, &ignored) != ERR_OK)
        return false;
    while (*list != NULL)
        list = &(*list)->next;
    *list = parsed.first;
    for (struct mime_address *a = parsed.first; a != NULL; a = a->next) {
        if (!is_usable(a) || ++mailto->recipient_count > MAILTO_RECIPIENTS_MAX)
            return false;
        a->name = slice_none(); /* who is to be told has no need of it */
    }
    return true;
}

/* --- fields --- */

/* RFC 5436 2.7: what a notification makes itself, and what would make it another message than it is. */
static bool is_ignored(struct slice name)
{
    static const char *const names[] = {"from",   "date", "message-id",  "received",  "auto-submitted",
                                        "sender", "bcc",  "return-path", "importance"};
    static const char *const starts[] = {"content-", "mime-version", "resent-",
                                         "dkim-",    "arc-",         "delivered-"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (slice_eq_nocase(name, slice_cstr(names[i])))
            return true;
    for (size_t i = 0; i < ARRAY_LEN(starts); i++)
        if (slice_starts_nocase(name, slice_cstr(starts[i])))
            return true;
    return false;
}

static bool add_field(struct arena *arena, struct slice name, struct slice value, struct mailto *mailto)
{
    if (slice_eq_nocase(name, S("body"))) {
        mailto->body = value;
        return true;
    }
    if (!field_name_valid(name) || !slice_is_ascii(name) || !is_one_line(value))
        return false;
    if (slice_eq_nocase(name, S("to")))
        return add_addresses(arena, value, mailto, &mailto->to);
    if (slice_eq_nocase(name, S("cc")))
        return add_addresses(arena, value, mailto, &mailto->cc);
    if (slice_eq_nocase(name, S("subject"))) {
        mailto->subject = value;
        return true;
    }
    if (is_ignored(name))
        return true;
    if (mailto->field_count == MAILTO_FIELDS_MAX)
        return false;
    mailto->fields[mailto->field_count++] = (struct mailto_field){name, value};
    return true;
}

static bool read_fields(struct arena *arena, struct slice text, struct mailto *mailto)
{
    while (text.n > 0) {
        struct slice field, rest = slice_none(), raw_name, raw_value, name, value;
        if (!slice_cut(text, '&', &field, &rest))
            field = text;
        text = rest;
        if (!slice_cut(field, '=', &raw_name, &raw_value) || !decode(arena, raw_name, &name) ||
            !decode(arena, raw_value, &value) || !add_field(arena, name, value, mailto))
            return false;
    }
    return true;
}

bool mailto_parse(struct arena *arena, struct slice uri, struct mailto *ret)
{
    struct mailto mailto = {0};
    struct slice path, query = slice_none(), to;
    if (uri.n > MAILTO_MAX || !slice_starts_nocase(uri, S("mailto:")))
        return false;
    uri = slice_from(uri, S("mailto:").n);
    if (!slice_cut(uri, '?', &path, &query))
        path = uri;
    if (!decode(arena, path, &to) || !add_addresses(arena, to, &mailto, &mailto.to) ||
        !read_fields(arena, query, &mailto))
        return false;
    *ret = mailto;
    return true;
}

#include "smtp/path.h"

#include "base/utf8.h"
#include "directory/directory.h"

static bool is_high(int c)
{
    return c >= 0x80;
}

/* RFC 5322 3.2.3 atext, with RFC 6531 3.3's UTF-8. */
static bool is_atext(int c)
{
    return c >= 0 &&
           (ascii_is_alnum((char)c) || is_high(c) || slice_find_char(S("!#$%&'*+-/=?^_`{|}~"), (char)c) >= 0);
}

static bool skip_dot_string(struct cursor *c)
{
    do {
        const char *from = c->p;
        while (is_atext(cursor_peek(c)))
            c->p++;
        if (c->p == from)
            return false;
    } while (cursor_skip_char(c, '.'));
    return true;
}

/* Behind the opening quote, through the closing one. */
static bool skip_quoted_string(struct cursor *c)
{
    for (;;) {
        int next = cursor_next(c);
        if (next == '"')
            return true;
        if (next == '\\')
            next = cursor_next(c);
        if (next < ' ' || next == 0x7f)
            return false;
    }
}

static bool skip_domain(struct cursor *c)
{
    if (cursor_skip_char(c, '[')) { /* address literal */
        const char *from = c->p;
        while (cursor_peek(c) > ' ' && cursor_peek(c) < 0x7f && *c->p != '[' && *c->p != '\\' && *c->p != ']')
            c->p++;
        return c->p > from && cursor_skip_char(c, ']');
    }
    do {
        const char *from = c->p;
        while (cursor_peek(c) >= 0 &&
               (ascii_is_alnum(*c->p) || *c->p == '-' || *c->p == '_' || is_high((unsigned char)*c->p)))
            c->p++;
        if (c->p == from || *from == '-' || c->p[-1] == '-')
            return false;
    } while (cursor_skip_char(c, '.'));
    return true;
}

/* "@one,@two:" before the mailbox: accepted and ignored (RFC 5321 4.1.2, appendix C). */
static bool skip_source_route(struct cursor *c)
{
    if (cursor_peek(c) != '@')
        return true;
    do {
        if (!cursor_skip_char(c, '@') || !skip_domain(c))
            return false;
    } while (cursor_skip_char(c, ','));
    return cursor_skip_char(c, ':');
}

static bool parse_mailbox(struct cursor *c, bool bare_postmaster, struct slice *ret)
{
    const char *from = c->p;
    bool whole = cursor_skip_char(c, '"') ? skip_quoted_string(c) : skip_dot_string(c);
    struct slice local = slice_of(from, (size_t)(c->p - from));
    if (!whole || local.n > address_local_max(local))
        return false;
    if (bare_postmaster && cursor_peek(c) == '>' && slice_eq_nocase(local, S("postmaster"))) {
        *ret = local;
        return true;
    }
    if (!cursor_skip_char(c, '@'))
        return false;
    const char *domain = c->p;
    if (!skip_domain(c) || (size_t)(c->p - domain) > ADDRESS_DOMAIN_MAX)
        return false;
    *ret = slice_of(from, (size_t)(c->p - from));
    return ret->n <= ADDRESS_MAX;
}

bool smtp_path_parse(struct cursor *c, bool bare_postmaster, struct smtp_path *ret)
{
    struct slice address = S("");
    cursor_take_while(c, S(" ")); /* "FROM: <a@b>" is wrong and common */
    if (!cursor_skip_char(c, '<'))
        return false;
    if (cursor_peek(c) != '>' && (!skip_source_route(c) || !parse_mailbox(c, bare_postmaster, &address)))
        return false;
    if (!cursor_skip_char(c, '>') || !utf8_valid(address))
        return false;
    ret->address = address;
    ret->has_utf8 = false;
    for (size_t i = 0; i < address.n; i++)
        ret->has_utf8 = ret->has_utf8 || is_high((unsigned char)address.p[i]);
    return true;
}

static bool parse_parameter(struct cursor *c, struct smtp_parameter *ret)
{
    const char *from = c->p;
    while (cursor_peek(c) >= 0 && (ascii_is_alnum(*c->p) || (*c->p == '-' && c->p > from)))
        c->p++;
    ret->name = slice_of(from, (size_t)(c->p - from));
    ret->value = slice_none();
    if (ret->name.n == 0)
        return false;
    if (!cursor_skip_char(c, '='))
        return true;
    from = c->p;
    while (cursor_peek(c) > ' ' && cursor_peek(c) != '=' && cursor_peek(c) != 0x7f)
        c->p++;
    ret->value = slice_of(from, (size_t)(c->p - from));
    return ret->value.n > 0;
}

bool smtp_parameters_parse(struct cursor *c, struct smtp_parameter *ret, size_t max, size_t *ret_count)
{
    size_t count = 0;
    for (;;) {
        struct slice blanks = cursor_take_while(c, S(" "));
        if (cursor_done(c))
            break;
        if (blanks.n == 0 || count == max || !parse_parameter(c, &ret[count]))
            return false;
        count++;
    }
    *ret_count = count;
    return true;
}

static int hex_value(int c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool smtp_xtext_decode(struct slice text, struct arena *arena, struct slice *ret)
{
    char *out = arena_alloc(arena, text.n + 1);
    size_t n = 0;
    struct cursor c = cursor_of(text);
    if (out == NULL)
        return false;
    while (!cursor_done(&c)) {
        int next = cursor_next(&c);
        if (next == '+') {
            int high = hex_value(cursor_next(&c));
            int low = hex_value(cursor_next(&c));
            if (high < 0 || low < 0)
                return false;
            next = high << 4 | low;
        } else if (next <= ' ' || next == '=' || next == 0x7f) {
            return false;
        }
        out[n++] = (char)next;
    }
    *ret = slice_of(out, n);
    return true;
}

#include "authres/spf_macro.h"

#include <arpa/inet.h>

enum {
    PARTS_MAX = 256, /* of a value that is split; more than a name has labels */
};

/* "%{" letter, digits, "r", delimiters "}" (7.1). */
struct macro {
    char letter; /* lower case */
    bool escape; /* it was written upper case */
    bool reverse;
    uint32_t keep; /* parts from the right; 0: all */
    struct slice delimiters;
};

/* Behind "%{". */
static bool read_macro(struct cursor *c, bool in_explanation, struct macro *ret)
{
    struct macro macro = {.delimiters = S(".")};
    int written = cursor_next(c);
    if (written < 0)
        return false;
    macro.letter = ascii_lower((char)written);
    macro.escape = macro.letter != (char)written;
    if (slice_find_char(in_explanation ? S("slodiphvcrt") : S("slodiphv"), macro.letter) < 0)
        return false;
    if (ascii_is_digit((char)MAX(cursor_peek(c), 0)) && (!cursor_u32(c, &macro.keep) || macro.keep == 0))
        return false;
    macro.reverse = cursor_skip_nocase(c, S("r"));
    struct slice delimiters = cursor_take_while(c, S(".-+,/_="));
    if (delimiters.n > 0)
        macro.delimiters = delimiters;
    *ret = macro;
    return cursor_skip_char(c, '}');
}

/* --- the values --- */

static void put_nibbles(const struct in6_addr *address, struct buf *out)
{
    for (size_t i = 0; i < sizeof(address->s6_addr); i++)
        buf_printf(out, "%s%X.%X", i == 0 ? "" : ".", address->s6_addr[i] >> 4, address->s6_addr[i] & 15u);
}

static struct slice local_part(struct slice sender)
{
    ssize_t at = slice_rfind_char(sender, '@');
    return at > 0 ? slice_sub(sender, 0, (size_t)at) : S("postmaster"); /* 4.3 */
}

static struct slice domain_part(struct slice sender)
{
    ssize_t at = slice_rfind_char(sender, '@');
    return slice_from(sender, (size_t)(at + 1));
}

static void put_value(char letter, const struct spf_values *values, struct buf *out)
{
    const struct resolver_address *client = values->client;
    char text[INET6_ADDRSTRLEN];
    switch (letter) {
    case 's':
        buf_put(out, local_part(values->sender));
        buf_putc(out, '@');
        buf_put(out, domain_part(values->sender));
        break;
    case 'l':
        buf_put(out, local_part(values->sender));
        break;
    case 'o':
        buf_put(out, domain_part(values->sender));
        break;
    case 'd':
        buf_put(out, values->domain);
        break;
    case 'p':
        buf_put(out, values->client_name(values->context, values->domain));
        break;
    case 'v':
        buf_put(out, client->family == AF_INET ? S("in-addr") : S("ip6"));
        break;
    case 'h':
        buf_put(out, values->helo);
        break;
    case 'r':
        buf_put(out, values->receiver);
        break;
    case 't':
        buf_printf(out, "%lld", (long long)values->now_seconds);
        break;
    default: /* c and i */
        resolver_address_text(client, text);
        if (letter == 'i' && client->family == AF_INET6)
            put_nibbles(&client->v6, out);
        else
            buf_put(out, slice_cstr(text));
    }
}

/* --- and what is made of them --- */

/* RFC 3986 2.3: what is not "unreserved" (7.3). */
static void put_escaped(struct slice text, bool escape, struct buf *out)
{
    for (size_t i = 0; i < text.n; i++) {
        bool plain = ascii_is_alnum(text.p[i]) || slice_find_char(S("-._~"), text.p[i]) >= 0;
        if (plain || !escape)
            buf_putc(out, text.p[i]);
        else
            buf_printf(out, "%%%02X", (unsigned char)text.p[i]);
    }
}

/* Split at the delimiters, reversed, the last ones kept, joined by dots. False: too many parts. */
static bool put_transformed(struct slice value, const struct macro *macro, struct buf *out)
{
    struct slice parts[PARTS_MAX];
    size_t count = 0;
    for (struct cursor c = cursor_of(value);;) {
        if (count == PARTS_MAX)
            return false;
        parts[count++] = cursor_take_until(&c, macro->delimiters);
        if (cursor_done(&c))
            break;
        (void)cursor_next(&c);
        if (cursor_done(&c)) { /* it ends in a delimiter */
            if (count == PARTS_MAX)
                return false;
            parts[count++] = slice_none();
            break;
        }
    }
    size_t first = macro->keep > 0 && macro->keep < count ? count - macro->keep : 0;
    for (size_t i = first; i < count; i++) {
        if (i > first)
            buf_putc(out, '.');
        put_escaped(parts[macro->reverse ? count - 1 - i : i], macro->escape, out);
    }
    return true;
}

static bool put_macro(struct cursor *c, bool in_explanation, const struct spf_values *values, struct buf *out)
{
    CLEANUP(buf_release) struct buf value = BUF(SPF_EXPANSION_MAX);
    struct macro macro;
    if (!read_macro(c, in_explanation, &macro))
        return false;
    if (values == NULL)
        return true;
    put_value(macro.letter, values, &value);
    return !buf_failed(&value) && put_transformed(buf_slice(&value), &macro, out);
}

/* Values NULL: only looked at. */
static bool expand(struct slice text, bool in_explanation, const struct spf_values *values, struct buf *out)
{
    struct cursor c = cursor_of(text);
    while (!cursor_done(&c)) {
        int byte = cursor_next(&c);
        int next;
        if (byte < 0x20 || byte > 0x7e || (byte == ' ' && !in_explanation))
            return false;
        if (byte != '%') {
            buf_putc(out, (char)byte);
            continue;
        }
        next = cursor_next(&c);
        if (next == '%')
            buf_putc(out, '%');
        else if (next == '_')
            buf_putc(out, ' ');
        else if (next == '-')
            buf_put(out, S("%20"));
        else if (next != '{' || !put_macro(&c, in_explanation, values, out))
            return false;
    }
    return !buf_failed(out);
}

bool spf_macro_string_valid(struct slice text)
{
    CLEANUP(buf_release) struct buf ignored = BUF(text.n * 2 + 1);
    return expand(text, false, NULL, &ignored);
}

/* toplabel (12): letters, digits, hyphens inside, and not digits alone. */
static bool is_toplabel(struct slice label)
{
    bool numeric = true;
    if (label.n == 0 || label.p[0] == '-' || label.p[label.n - 1] == '-')
        return false;
    for (size_t i = 0; i < label.n; i++) {
        if (!ascii_is_alnum(label.p[i]) && label.p[i] != '-')
            return false;
        numeric = numeric && ascii_is_digit(label.p[i]);
    }
    return !numeric;
}

/* Where the last macro ends: behind its "}", "%%" counts as one too (domain-end is macro-expand or
 * ".toplabel"). */
static size_t last_macro_end(struct slice text)
{
    size_t end = 0;
    for (size_t i = 0; i + 1 < text.n; i++) {
        if (text.p[i] != '%')
            continue;
        if (text.p[i + 1] == '{')
            while (i + 1 < text.n && text.p[i + 1] != '}')
                i++;
        end = i + 2;
        i++;
    }
    return end;
}

bool spf_domain_spec_valid(struct slice text)
{
    if (text.n == 0 || !spf_macro_string_valid(text))
        return false;
    size_t end = last_macro_end(text);
    if (end == text.n)
        return true;
    struct slice tail = slice_from(text, end);
    if (slice_ends(tail, S(".")))
        tail.n--;
    ssize_t dot = slice_rfind_char(tail, '.');
    return dot >= 0 && is_toplabel(slice_from(tail, (size_t)dot + 1));
}

bool spf_expand_domain(struct slice text, const struct spf_values *values, struct buf *out)
{
    CLEANUP(buf_release) struct buf whole = BUF(SPF_EXPANSION_MAX);
    if (!expand(text, false, values, &whole))
        return false;
    struct slice name = buf_slice(&whole);
    if (slice_ends(name, S(".")))
        name.n--;
    while (name.n > RESOLVER_NAME_MAX) {
        struct slice label;
        if (!slice_cut(name, '.', &label, &name))
            return false;
    }
    buf_put(out, name);
    return !buf_failed(out);
}

bool spf_expand_explanation(struct slice text, const struct spf_values *values, struct buf *out)
{
    return expand(text, true, values, out);
}

#include "authres/spf_record.h"

#include <arpa/inet.h>

#include "authres/spf_macro.h"

static const struct {
    struct slice name;
    char domain;
    bool prefix;
} mechanisms[] = {
#define X(name, text, domain, prefix) {{text, sizeof(text) - 1}, domain, prefix},
    SPF_MECHANISM_TABLE(X)
#undef X
};

bool spf_record_is(struct slice text)
{
    return slice_eq_nocase(text, S("v=spf1")) || slice_starts_nocase(text, S("v=spf1 "));
}

static enum err fail_term(struct slice term, const char *why, struct error *error)
{
    return fail_plain(error, ERR_INVALID, "%s: %.*s", why, SLICE_ARGS(slice_sub(term, 0, 80)));
}

/* A number at the end behind the mark, without leading zeros (12: ip4-cidr-length): cut off, with the mark.
 */
static bool cut_prefix(struct slice *text, struct slice mark, uint32_t *ret)
{
    size_t digits = 0;
    while (digits < text->n && digits < 4 && ascii_is_digit(text->p[text->n - digits - 1]))
        digits++;
    struct slice number = slice_from(*text, text->n - digits);
    struct slice before = slice_sub(*text, 0, text->n - digits);
    if (digits == 0 || digits > 3 || !slice_ends(before, mark) || (digits > 1 && number.p[0] == '0') ||
        !slice_to_u32(number, ret))
        return false;
    *text = slice_sub(before, 0, before.n - mark.n);
    return true;
}

/* "/24//64" (dual-cidr-length). */
static bool cut_prefixes(struct spf_term *term, struct slice *rest)
{
    uint32_t four = 32;
    uint32_t six = 128;
    (void)cut_prefix(rest, S("//"), &six);
    (void)cut_prefix(rest, S("/"), &four);
    term->prefix4 = four;
    term->prefix6 = six;
    return four <= 32 && six <= 128;
}

/* "192.0.2.0/24" (5.6). */
static bool read_network(struct spf_term *term, struct slice value)
{
    bool six = term->mechanism == SPF_MECHANISM_IP6;
    uint32_t most = six ? 128 : 32;
    uint32_t prefix = most;
    char text[INET6_ADDRSTRLEN];
    (void)cut_prefix(&value, S("/"), &prefix);
    if (prefix > most || value.n >= sizeof(text) || slice_find_char(value, 0) >= 0)
        return false;
    snprintf(text, sizeof(text), "%.*s", SLICE_ARGS(value));
    term->prefix4 = term->prefix6 = prefix;
    return inet_pton(six ? AF_INET6 : AF_INET, text, &term->network) == 1;
}

static bool read_value(struct spf_term *term, struct slice rest)
{
    bool has_domain = slice_starts(rest, S(":"));
    char wants = mechanisms[term->mechanism].domain;
    if (term->mechanism == SPF_MECHANISM_IP4 || term->mechanism == SPF_MECHANISM_IP6)
        return has_domain && read_network(term, slice_from(rest, 1));
    if (mechanisms[term->mechanism].prefix && !cut_prefixes(term, &rest))
        return false;
    has_domain = has_domain && slice_starts(rest, S(":"));
    if (!has_domain)
        return rest.n == 0 && wants != 'y';
    term->domain = slice_from(rest, 1);
    return wants != 'n' && spf_domain_spec_valid(term->domain);
}

static enum err read_mechanism(struct slice text, struct spf_term *ret, struct error *error)
{
    struct spf_term term = {.qualifier = '+', .text = text, .prefix4 = 32, .prefix6 = 128};
    struct cursor c = cursor_of(text);
    if (!cursor_done(&c) && slice_find_char(S("+-~?"), (char)cursor_peek(&c)) >= 0)
        term.qualifier = (char)cursor_next(&c);
    struct slice name = cursor_take_until(&c, S(":/"));
    size_t i = 0;
    while (i < SPF_MECHANISMS && !slice_eq_nocase(mechanisms[i].name, name))
        i++;
    if (i == SPF_MECHANISMS)
        return fail_term(text, "unknown mechanism", error);
    term.mechanism = (enum spf_mechanism)i;
    if (!read_value(&term, cursor_rest(&c)))
        return fail_term(text, "malformed term", error);
    *ret = term;
    return ERR_OK;
}

/* "name=", or a slice with p NULL: it is no modifier. */
static struct slice modifier_name(struct slice text)
{
    struct slice name, value;
    if (!slice_cut(text, '=', &name, &value) || name.n == 0 || !ascii_is_alpha(name.p[0]))
        return slice_none();
    for (size_t i = 0; i < name.n; i++)
        if (!ascii_is_alnum(name.p[i]) && slice_find_char(S("-_."), name.p[i]) < 0)
            return slice_none();
    return name;
}

static enum err read_modifier(struct slice text, struct slice name, struct spf_record *record,
                              struct error *error)
{
    struct slice value = slice_from(text, name.n + 1);
    bool redirect = slice_eq_nocase(name, S("redirect"));
    if (!redirect && !slice_eq_nocase(name, S("exp")))
        return spf_macro_string_valid(value) ? ERR_OK : fail_term(text, "malformed modifier", error);
    struct slice *place = redirect ? &record->redirect : &record->explanation;
    if (place->n > 0) /* 6: each at most once */
        return fail_term(text, "modifier given twice", error);
    if (!spf_domain_spec_valid(value))
        return fail_term(text, "malformed modifier", error);
    *place = value;
    return ERR_OK;
}

enum err spf_record_parse(struct slice text, struct arena *arena, struct spf_record *ret_record,
                          struct error *error)
{
    struct spf_record record = {.terms = arena_array(arena, SPF_TERMS_MAX, sizeof(*record.terms))};
    struct slice term;
    if (record.terms == NULL)
        return fail_nomem(error);
    if (text.n > SPF_RECORD_MAX || !spf_record_is(text))
        return fail_plain(error, ERR_INVALID, "no record of SPF, or one of %zu bytes", text.n);
    for (struct slice rest = slice_from(text, 6); rest.n > 0;) {
        slice_cut(rest, ' ', &term, &rest);
        if (term.n == 0)
            continue;
        struct slice name = modifier_name(term);
        enum err err;
        if (name.p != NULL)
            err = read_modifier(term, name, &record, error);
        else if (record.count == SPF_TERMS_MAX)
            err = fail_plain(error, ERR_INVALID, "more than %d terms", SPF_TERMS_MAX);
        else
            err = read_mechanism(term, &record.terms[record.count], error);
        if (err != ERR_OK)
            return err;
        if (name.p == NULL)
            record.has_all |= record.terms[record.count++].mechanism == SPF_MECHANISM_ALL;
    }
    *ret_record = record;
    return ERR_OK;
}

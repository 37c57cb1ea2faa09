#include "authres/dmarc_record.h"

#include "base/must.h"

static const struct slice policies[] = {
#define X(name, text) {text, sizeof(text) - 1},
    DMARC_POLICY_TABLE(X)
#undef X
};

const char *dmarc_policy_name(enum dmarc_policy policy)
{
    must(policy < DMARC_POLICIES);
    return policies[policy].p;
}

/* tags.h is too strict for it: what can't be read is passed over here (4.7). A tag's value while the record
 * is read: absent, wrong or right. */
enum state { ABSENT, WRONG, RIGHT };

struct request {
    enum state state;
    enum dmarc_policy policy;
};

struct reading {
    struct dmarc_record record;
    struct request p, sp, np;
};

static void read_request(struct slice value, struct request *ret)
{
    *ret = (struct request){.state = WRONG};
    for (unsigned i = 0; i < DMARC_POLICIES; i++)
        if (slice_eq_nocase(value, policies[i]))
            *ret = (struct request){RIGHT, (enum dmarc_policy)i};
}

static void read_tag(struct reading *r, struct slice name, struct slice value)
{
    uint32_t number;
    struct dmarc_record *record = &r->record;
    if (slice_eq_nocase(name, S("p")))
        read_request(value, &r->p);
    else if (slice_eq_nocase(name, S("sp")))
        read_request(value, &r->sp);
    else if (slice_eq_nocase(name, S("np")))
        read_request(value, &r->np);
    else if (slice_eq_nocase(name, S("adkim")))
        record->strict_dkim = slice_eq_nocase(value, S("s"));
    else if (slice_eq_nocase(name, S("aspf")))
        record->strict_spf = slice_eq_nocase(value, S("s"));
    else if (slice_eq_nocase(name, S("t")))
        record->testing = slice_eq_nocase(value, S("y"));
    else if (slice_eq_nocase(name, S("psd")))
        record->psd = slice_eq_nocase(value, S("y")) ? 'y' : slice_eq_nocase(value, S("n")) ? 'n' : 'u';
    else if (slice_eq_nocase(name, S("pct")) && slice_to_u32(value, &number) && number <= 100)
        record->percent = number;
    else if (slice_eq_nocase(name, S("rua")))
        record->reports = value;
}

/* v comes first, and its value is exact. */
static bool read_version(struct slice tag)
{
    struct slice name, value;
    return slice_cut(tag, '=', &name, &value) && slice_eq_nocase(slice_trim(name), S("v")) &&
           slice_eq(slice_trim(value), S("DMARC1"));
}

bool dmarc_record_is(struct slice text)
{
    struct slice tag, rest;
    slice_cut(text, ';', &tag, &rest);
    return read_version(tag);
}

bool dmarc_record_parse(struct slice text, struct dmarc_record *ret_record)
{
    struct reading r = {.record = {.psd = 'u', .percent = 100}};
    struct slice tag, name, value;
    char address[DMARC_RECORD_MAX];
    if (text.n > DMARC_RECORD_MAX || !dmarc_record_is(text))
        return false;
    slice_cut(text, ';', &tag, &text);
    for (unsigned i = 0; text.n > 0 && i < DMARC_TAGS_MAX; i++) {
        slice_cut(text, ';', &tag, &text);
        if (slice_cut(tag, '=', &name, &value))
            read_tag(&r, slice_trim(name), slice_trim(value));
    }
    struct slice reports = r.record.reports;
    bool wrong = r.p.state == WRONG || r.sp.state == WRONG || r.np.state == WRONG;
    if (wrong && !dmarc_record_address(&reports, address, sizeof(address)))
        return false;
    if (!wrong) {
        r.record.policy = r.p.policy;
        r.record.subdomain = r.sp.state == RIGHT ? r.sp.policy : r.p.policy;
        r.record.non_existent = r.np.state == RIGHT ? r.np.policy : r.record.subdomain;
    }
    *ret_record = r.record;
    return true;
}

static int hex_digit(char c)
{
    if (ascii_is_digit(c))
        return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* RFC 3986 2.1; what follows "!" (a size, RFC 7489 6.2) and "?" is left out. */
static bool read_mailto(struct slice uri, char *ret_address, size_t max)
{
    size_t n = 0;
    bool at = false;
    if (!slice_starts_nocase(uri, S("mailto:")))
        return false;
    for (size_t i = 7; i < uri.n && uri.p[i] != '!' && uri.p[i] != '?'; i++) {
        char c = uri.p[i];
        if (c == '%') {
            if (i + 2 >= uri.n || hex_digit(uri.p[i + 1]) < 0 || hex_digit(uri.p[i + 2]) < 0)
                return false;
            c = (char)(hex_digit(uri.p[i + 1]) << 4 | hex_digit(uri.p[i + 2]));
            i += 2;
        }
        if (c <= ' ' || c > '~' || c == '<' || c == '>' || n + 1 >= max)
            return false;
        at = at || (c == '@' && n > 0);
        ret_address[n++] = c;
    }
    if (!at || ret_address[n - 1] == '@')
        return false;
    ret_address[n] = 0;
    return true;
}

bool dmarc_record_address(struct slice *reports, char *ret_address, size_t max)
{
    struct slice uri;
    while (reports->n > 0) {
        slice_cut(*reports, ',', &uri, reports);
        if (read_mailto(slice_trim(uri), ret_address, max))
            return true;
    }
    return false;
}

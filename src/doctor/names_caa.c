/* Whether the authority of `acme` may make certificates for the server's names (CAA, RFC 8659). */
#include "doctor/domain_look.h"

enum { RECORD_CAA = 257, CAA_HEAD = 2, CAA_TEXT_MAX = 100 };

/* The name by which an authority stands in CAA records; empty: it is not known here. */
static struct slice authority_name(const char *directory)
{
    struct slice url = slice_cstr(directory);
    struct slice host, rest;
    url = slice_from(url, S("https://").n);
    slice_cut(url, '/', &host, &rest);
    return slice_ends(host, S(".letsencrypt.org")) ? S("letsencrypt.org") : slice_none();
}

/* One record (RFC 8659 4.1) with this tag: it says who may issue. */
static bool read_issuer(struct slice data, struct slice tag, struct slice *ret_issuer)
{
    size_t n = data.n > CAA_HEAD ? (unsigned char)data.p[1] : 0;
    struct slice rest;
    if (n == 0 || n > data.n - CAA_HEAD || !slice_eq_nocase(slice_sub(data, CAA_HEAD, n), tag))
        return false;
    slice_cut(slice_from(data, CAA_HEAD + n), ';', ret_issuer, &rest);
    *ret_issuer = slice_trim(*ret_issuer);
    return true;
}

/* RFC 8659 3: the records of the name, or of the nearest name above it that has some. */
static bool find_records(struct doctor *doctor, struct slice name, struct resolver_records *ret,
                         struct slice *ret_at)
{
    struct error error;
    struct slice label;
    for (; name.n > 0; slice_cut(name, '.', &label, &name)) {
        if (resolver_records(doctor->resolver, name, RECORD_CAA,
                             clock_mono_us() + DOCTOR_DNS_SECONDS * CLOCK_SECOND, &doctor->arena, ret,
                             &error) != ERR_OK)
            return false;
        *ret_at = name;
        if (ret->count > 0)
            return true;
    }
    return false;
}

static void check_name(struct domain_look *d, struct slice name, struct slice authority)
{
    struct resolver_records records;
    struct slice at;
    struct slice issuer;
    struct slice tag = S("issue");
    char first[CAA_TEXT_MAX] = "";
    if (!find_records(d->doctor, name, &records, &at))
        return;
    /* RFC 8659 4.3: for "*.example.org" these go before the others, if there are some. */
    for (size_t i = 0; slice_starts(name, S("*.")) && i < records.count; i++)
        if (read_issuer(records.data[i], S("issuewild"), &issuer))
            tag = S("issuewild");
    for (size_t i = 0; i < records.count; i++) {
        if (!read_issuer(records.data[i], tag, &issuer))
            continue;
        if (slice_eq_nocase(issuer, authority))
            return;
        snprintf(first, sizeof(first), "%.*s", SLICE_ARGS(issuer.n > 0 ? issuer : S("nobody")));
    }
    if (first[0] == 0) /* nothing about who may issue */
        return;
    for (char *c = first; *c != 0; c++) /* a stranger's bytes, on a terminal */
        *c = *c > ' ' && *c < 0x7f ? *c : '?';
    spoken_find(d->doctor, DOCTOR_ERROR,
                "the CAA records of %.*s let %s make certificates for %.*s, not %.*s", SLICE_ARGS(at), first,
                SLICE_ARGS(name), SLICE_ARGS(authority));
    spoken_why(d->doctor, "The authority obeys them, and no certificate comes.");
    doctor_cure(d->doctor, "%.*s. IN CAA 0 %.*s \"%.*s\"", SLICE_ARGS(at), SLICE_ARGS(tag),
                SLICE_ARGS(authority));
}

void domain_look_caa(struct domain_look *d)
{
    struct slice authority = authority_name(d->doctor->settings->acme);
    struct slice rest = slice_cstr(d->doctor->settings->acme_names);
    struct slice name;
    while (authority.n > 0 && rest.n > 0) {
        slice_cut(rest, ' ', &name, &rest);
        check_name(d, name, authority);
    }
}

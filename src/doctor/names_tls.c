/* What says in the DNS how others bring mail by TLS: MTA-STS, TLSRPT, DANE. */
#include "authres/dns_records.h"
#include "doctor/domain_look.h"
#include "doctor/records.h"
#include "fetch/fetcher.h"
#include "send/dane.h"
#include "send/sts_cache.h"

enum { PORT_NAME_MAX = RECORD_NAME_MAX + 32 };

static bool is_mta_sts(struct slice text)
{
    return slice_starts(text, S("v=STSv1"));
}

static bool is_tls_report(struct slice text)
{
    return slice_starts(text, S("v=TLSRPTv1"));
}

/* --- MTA-STS --- */

/* As another server finds it. */
static enum err find_policy(struct domain_look *d, struct sts_policy *ret_policy, struct error *error)
{
    const struct settings *settings = d->doctor->settings;
    struct fetcher *fetcher = NULL;
    struct sts_cache *cache = NULL;
    enum err e = fetcher_create(settings->ca_file, settings->resolver, &fetcher, error);
    if (e == ERR_OK)
        e = fetcher_start(fetcher, error);
    const struct sts_source source = {.records = names_resolve,
                                      .names = d->doctor->resolver,
                                      .fetch = fetcher_fetch,
                                      .fetcher = fetcher,
                                      .port = settings->mta_sts_port,
                                      .private_too = settings->outbound_private};
    if (e == ERR_OK)
        e = sts_cache_create(&source, &cache, error);
    if (e == ERR_OK)
        e = sts_cache_find(cache, slice_cstr(d->name), clock_mono_us() + DOCTOR_DNS_SECONDS * CLOCK_SECOND,
                           &d->doctor->arena, ret_policy, error);
    if (cache != NULL)
        sts_cache_destroy(cache);
    fetcher_destroy(fetcher);
    return e;
}

static void check_policy(struct domain_look *d)
{
    struct sts_policy policy = {.mode = STS_NONE};
    struct error error;
    if (d->doctor->settings->mta_sts_port == 0 || find_policy(d, &policy, &error) != ERR_OK)
        return;
    if (policy.mode == STS_NONE && policy.mx_count == 0) {
        spoken_find(d->doctor, DOCTOR_ERROR,
                    "%s says that it has an MTA-STS policy, but the policy can't be had", d->name);
        spoken_why(d->doctor,
                   "Servers that saw one before go by that, and may bring no mail; others ask in vain.");
        doctor_cure(
            d->doctor,
            "https://mta-sts.%s/.well-known/mta-sts.txt, text/plain: version: STSv1 / mode: enforce / mx: %s "
            "/ max_age: 604800; or remove _mta-sts.%s. IN TXT",
            d->name, d->host, d->name);
    } else if (policy.mode != STS_NONE && !sts_names_host(&policy, slice_cstr(d->host))) {
        spoken_find(d->doctor, DOCTOR_ERROR, "the MTA-STS policy of %s does not name %s", d->name, d->host);
        spoken_why(d->doctor, "Other servers do not bring mail to a server that the policy does not name.");
        doctor_cure(d->doctor, "Add to the policy: mx: %s; then give _mta-sts.%s. IN TXT a new id", d->host,
                    d->name);
    }
}

static void check_sts(struct domain_look *d)
{
    CLEANUP(buf_release) struct buf id = BUF(64);
    char name[PORT_NAME_MAX];
    struct slice text;
    size_t count;
    snprintf(name, sizeof(name), "_mta-sts.%s", d->name);
    if (!domain_look_text(d, name, is_mta_sts, &text, &count))
        return;
    if (count == 1) {
        check_policy(d);
        return;
    }
    zone_put_policy_id(d->host, &id);
    spoken_find(d->doctor, count == 0 ? DOCTOR_ADVICE : DOCTOR_ERROR,
                count == 0 ? "%s has no MTA-STS record"
                           : "%s has several MTA-STS records, which is the same as none",
                d->name);
    spoken_why(d->doctor,
               "With it, other servers bring mail by TLS only (RFC 8461). It wants a policy file by HTTPS, "
               "too: see `posthorn domain records`.");
    doctor_cure(d->doctor, "%s. IN TXT \"v=STSv1; id=%.*s\"", name, SLICE_ARGS(buf_slice(&id)));
}

static void check_tls_reports(struct domain_look *d)
{
    char name[PORT_NAME_MAX];
    struct slice text;
    size_t count;
    snprintf(name, sizeof(name), "_smtp._tls.%s", d->name);
    if (!domain_look_text(d, name, is_tls_report, &text, &count) || count == 1)
        return;
    spoken_find(d->doctor, count == 0 ? DOCTOR_ADVICE : DOCTOR_ERROR,
                count == 0 ? "%s has no TLS reporting record"
                           : "%s has several TLS reporting records, which is the same as none",
                d->name);
    spoken_why(d->doctor, "Others tell there when they could not reach you by TLS (RFC 8460).");
    doctor_cure(d->doctor, "%s. IN TXT \"v=TLSRPTv1; rua=mailto:postmaster@%s\"", name, d->name);
}

/* --- DANE --- */

static void put_tlsa_cure(struct domain_look *d, unsigned port)
{
    char digests[1][ZONE_DIGEST_TEXT];
    if (doctor_key_digests(d->doctor->settings, d->host, 1, digests) == 1)
        doctor_cure(d->doctor, "_%u._tcp.%s. IN TLSA 3 1 1 %s", port, d->host, digests[0]);
}

static void tell_dane(struct domain_look *d, const struct dane *dane, unsigned port)
{
    bool fits = false;
    for (size_t i = 0; i < dane->count; i++)
        fits = fits || doctor_tlsa_fits(d->doctor->settings, &dane->records[i]);
    if (dane->level == DANE_PROVEN && fits)
        return;
    if (dane->level == DANE_NONE) {
        spoken_find(d->doctor, DOCTOR_ADVICE, "%s has no TLSA record, though its zone is signed", d->host);
        spoken_why(d->doctor,
                   "With one, other servers know this one by its key, and bring mail by TLS only (DANE).");
    } else {
        spoken_find(d->doctor, DOCTOR_ERROR, "no TLSA record of %s fits its certificate", d->host);
        spoken_why(d->doctor, "Other servers that look for it bring no mail.");
    }
    put_tlsa_cure(d, port);
}

static void check_dane(struct domain_look *d)
{
    struct doctor *doctor = d->doctor;
    const struct listen_setting *listen = zone_listener(doctor->settings, LISTEN_SMTP);
    int64_t deadline_us = clock_mono_us() + DOCTOR_DNS_SECONDS * CLOCK_SECOND;
    struct slice name = slice_cstr(d->host);
    struct resolver_host host;
    struct dane dane = {.level = DANE_NONE};
    struct error error;
    if (doctor->proving == NULL || listen == NULL || doctor->address_count == 0)
        return;
    enum err e = resolver_host(doctor->proving, name, deadline_us, &host, &error);
    bool is_signed = e == ERR_OK && host.secure;
    if (e == ERR_OK)
        e = dane_find(doctor->proving, name, &host, listen->port, deadline_us, &doctor->arena, &dane, &error);
    if (e == ERR_AUTH) {
        spoken_find(d->doctor, DOCTOR_ERROR,
                    "what the DNS says of %s is not signed as its zone promises (DNSSEC)", d->host);
        spoken_why(d->doctor, "Servers that check signatures bring no mail, and find nothing to send to.");
        doctor_cure(doctor, "Sign the zone anew, or take the DS record out of the zone above it.");
    } else if (e == ERR_OK && is_signed) {
        tell_dane(d, &dane, listen->port);
    }
}

void domain_look_tls(struct domain_look *d)
{
    check_sts(d);
    check_tls_reports(d);
    check_dane(d);
}

/* The records of one domain: where its mail goes, who may send in its name, how mail programs find us. */
#include "authres/dkim_key.h"
#include "authres/dmarc_record.h"
#include "authres/dns_records.h"
#include "authres/sighting.h"
#include "authres/spf.h"
#include "doctor/domain_look.h"
#include "doctor/records.h"

enum { SPF_PREFIX = 6 /* "v=spf1" */ };

bool domain_look_text(struct domain_look *d, const char *name, bool (*is_it)(struct slice text),
                      struct slice *ret_text, size_t *ret_count)
{
    struct slice *texts;
    size_t count;
    size_t found = 0;
    if (!records_texts(d->doctor, name, &texts, &count))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!is_it(texts[i]))
            continue;
        *ret_text = texts[i];
        found++;
    }
    *ret_count = found;
    return true;
}

static enum err ask_dns(void *context, struct slice name, int type, int64_t deadline_us, struct arena *arena,
                        struct resolver_records *ret_records, struct error *error)
{
    return resolver_records(context, name, type, deadline_us, arena, ret_records, error);
}

static int64_t deadline(void)
{
    return clock_mono_us() + DOCTOR_DNS_SECONDS * CLOCK_SECOND;
}

/* --- where its mail goes --- */

static bool check_mx(struct domain_look *d)
{
    const struct target *first = NULL;
    struct target *targets;
    size_t count;
    if (!records_targets(d->doctor, d->name, RESOLVER_MX, &targets, &count)) {
        spoken_find(d->doctor, DOCTOR_ERROR, "the DNS does not answer for %s", d->name);
        doctor_cure(d->doctor,
                    "dig MX %s, and the name servers in /etc/resolv.conf or `resolver` in posthorn.conf",
                    d->name);
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (strcmp(targets[i].name, d->host) == 0)
            return true;
        if (first == NULL || targets[i].priority < first->priority)
            first = &targets[i];
    }
    if (first == NULL)
        spoken_find(d->doctor, DOCTOR_ERROR, "%s has no MX record", d->name);
    else if (first->name[0] == 0)
        spoken_find(d->doctor, DOCTOR_ERROR, "%s takes no mail (a null MX)", d->name);
    else
        spoken_find(d->doctor, DOCTOR_ERROR, "mail for %s goes to %s, not to %s", d->name, first->name,
                    d->host);
    spoken_why(d->doctor, "Other servers bring mail where the MX record points.");
    doctor_cure(d->doctor, "%s. IN MX 10 %s.", d->name, d->host);
    return true;
}

/* --- who may send in its name --- */

/* Where its mail comes from, and the name of EHLO there. */
struct sending {
    struct resolver_address address;
    const char *name;
};

static const struct own_addresses *sources_of(const struct domain_look *d)
{
    return d->domain->sources.count > 0 ? &d->domain->sources : &d->doctor->settings->sources;
}

static size_t sending_addresses(const struct domain_look *d,
                                struct sending ret_from[static DOCTOR_ADDRESSES_MAX])
{
    const struct own_addresses *sources = sources_of(d);
    size_t count = 0;
    for (; count < sources->count; count++) {
        const struct own_address *own = &sources->each[count];
        struct resolver_address address = {.family = own->family};
        if (own->family == AF_INET)
            address.v4 = own->v4;
        else
            address.v6 = own->v6;
        ret_from[count] = (struct sending){address, own->name[0] != 0 ? own->name : d->host};
    }
    for (size_t i = 0; sources->count == 0 && i < d->doctor->address_count; i++)
        ret_from[count++] = (struct sending){d->doctor->addresses[i], d->host};
    return count;
}

/* The worst of what SPF says about our addresses; the address it is about. */
static struct spf_answer ask_spf(struct domain_look *d, char ret_address[static INET6_ADDRSTRLEN])
{
    const struct authres_dns dns = {ask_dns, d->doctor->resolver};
    struct spf_answer answer = {.result = SPF_RESULT_PASS};
    CLEANUP(buf_release) struct buf sender = BUF(2 * RESOLVER_NAME_MAX);
    buf_printf(&sender, "postmaster@%s", d->name);
    struct sending from[DOCTOR_ADDRESSES_MAX];
    size_t count = sending_addresses(d, from);
    for (size_t i = 0; i < count && answer.result == SPF_RESULT_PASS; i++) {
        const struct spf_query query = {.client = from[i].address,
                                        .sender = buf_slice(&sender),
                                        .helo = slice_cstr(from[i].name),
                                        .receiver = slice_cstr(d->host),
                                        .deadline_us = deadline(),
                                        .now_seconds = clock_wall_us() / CLOCK_SECOND};
        answer = spf_check(&dns, &query, &d->doctor->arena);
        resolver_address_text(&query.client, ret_address);
    }
    return answer;
}

static bool is_spf(struct slice text)
{
    return slice_eq_nocase(slice_sub(text, 0, SPF_PREFIX), S("v=spf1")) &&
           (text.n == SPF_PREFIX || text.p[SPF_PREFIX] == ' ');
}

static void tell_spf(struct domain_look *d, const struct spf_answer *answer, const char *address)
{
    switch (answer->result) {
    case SPF_RESULT_PASS:
        return;
    case SPF_RESULT_TEMPERROR:
        spoken_find(d->doctor, DOCTOR_WARNING, "the SPF record of %s can't be looked up whole: %.*s", d->name,
                    SLICE_ARGS(answer->reason));
        return;
    case SPF_RESULT_PERMERROR:
        spoken_find(d->doctor, DOCTOR_ERROR, "the SPF record of %s is wrong: %.*s", d->name,
                    SLICE_ARGS(answer->reason));
        break;
    default:
        spoken_find(d->doctor, DOCTOR_ERROR, "the SPF record of %s does not let this server send from %s: %s",
                    d->name, address, spf_result_name(answer->result));
    }
    spoken_why(d->doctor,
               "Mail in the domain's name from a server that is not in the record is taken for forged.");
    doctor_cure(d->doctor, "%s. IN TXT \"v=spf1 mx a:%s ... -all\"", d->name, d->host);
}

static void check_spf(struct domain_look *d)
{
    struct slice record = slice_none();
    char address[INET6_ADDRSTRLEN] = "";
    size_t count;
    if (!domain_look_text(d, d->name, is_spf, &record, &count))
        return;
    if (count == 0) {
        spoken_find(d->doctor, DOCTOR_WARNING, "%s has no SPF record", d->name);
        spoken_why(d->doctor,
                   "It says which servers may send in the domain's name; without one, large providers take "
                   "its mail for spam.");
        CLEANUP(buf_release) struct buf spf = BUF(ZONE_STRING_MAX);
        zone_put_spf(sources_of(d), &spf);
        doctor_cure(d->doctor, "%s. IN TXT \"%.*s\"", d->name, SLICE_ARGS(buf_slice(&spf)));
    } else if (count > 1) {
        spoken_find(d->doctor, DOCTOR_ERROR, "%s has %zu SPF records", d->name, count);
        spoken_why(d->doctor, "More than one is the same as none (RFC 7208 4.5).");
        doctor_cure(d->doctor, "%s. IN TXT \"v=spf1 mx ... -all\"", d->name);
    } else {
        struct spf_answer answer = ask_spf(d, address);
        tell_spf(d, &answer, address);
    }
}

static void check_dkim(struct domain_look *d)
{
    const struct authres_dns dns = {ask_dns, d->doctor->resolver};
    size_t signing = 0;
    for (size_t i = 0; i < d->domain->key_count; i++) {
        const struct zone_key *key = &d->domain->keys[i];
        ssize_t at = slice_find(key->name, S("._domainkey."));
        struct dkim_outcome why;
        signing += key->signs;
        if (at < 0 || (!key->signs && !key->waits) ||
            dkim_key_is_published(&dns, slice_from(key->name, (size_t)at + S("._domainkey.").n),
                                  slice_sub(key->name, 0, (size_t)at), key->text, deadline(), &why))
            continue;
        CLEANUP(buf_release) struct buf text = BUF(FINDING_TEXT_MAX);
        zone_put_strings(key->text, &text);
        spoken_find(d->doctor, key->signs ? DOCTOR_ERROR : DOCTOR_ADVICE,
                    key->signs ? "the key with which mail is signed is not at %.*s: %s"
                               : "a key waits for its record at %.*s: %s",
                    SLICE_ARGS(key->name), why.reason);
        if (key->signs)
            spoken_why(
                d->doctor,
                "Signatures that nobody can check are worse than none: large providers take the mail for "
                "forged.");
        doctor_cure(d->doctor, "%.*s. IN TXT %.*s", SLICE_ARGS(key->name), SLICE_ARGS(buf_slice(&text)));
    }
    if (signing > 0)
        return;
    spoken_find(d->doctor, DOCTOR_WARNING, "outgoing mail of %s is not signed (DKIM)", d->name);
    spoken_why(d->doctor, "Large providers trust signed mail more.");
    doctor_cure(d->doctor, "posthorn domain dkim add %s", d->name);
}

static void check_reports(struct domain_look *d, const struct dmarc_record *record)
{
    const struct authres_dns dns = {ask_dns, d->doctor->resolver};
    CLEANUP(buf_release) struct buf addresses = BUF(FINDING_TEXT_MAX);
    const struct dmarc_answer answer = {.policy_domain = slice_cstr(d->name), .record = *record};
    if (record->reports.n == 0) {
        spoken_find(d->doctor, DOCTOR_ADVICE,
                    "nobody is told who sends in the name of %s: its DMARC record has no rua", d->name);
        return;
    }
    sighting_addresses(&dns, &answer, deadline(), &d->doctor->arena, &addresses);
    if (addresses.n > 0)
        return;
    spoken_find(d->doctor, DOCTOR_WARNING, "reports about %s go to nobody: %.*s", d->name,
                SLICE_ARGS(record->reports));
    spoken_why(d->doctor,
               "An address of another domain gets reports only where that domain says so (RFC 9990 4).");
    doctor_cure(d->doctor, "%s._report._dmarc.<that domain>. IN TXT \"v=DMARC1;\"", d->name);
}

static void check_dmarc(struct domain_look *d)
{
    char name[RECORD_NAME_MAX + 16];
    struct dmarc_record record;
    struct slice text = slice_none();
    size_t count;
    snprintf(name, sizeof(name), "_dmarc.%s", d->name);
    if (!domain_look_text(d, name, dmarc_record_is, &text, &count))
        return;
    if (count == 1 && dmarc_record_parse(text, &record)) {
        check_reports(d, &record);
        return;
    }
    spoken_find(d->doctor, count == 0 ? DOCTOR_WARNING : DOCTOR_ERROR,
                count == 0   ? "%s has no DMARC record"
                : count == 1 ? "the DMARC record of %s says nothing that could be done"
                             : "%s has several DMARC records, which is the same as none",
                d->name);
    spoken_why(
        d->doctor,
        "It says what is to become of forged mail; large providers want one of whoever sends to them.");
    doctor_cure(d->doctor, "%s. IN TXT \"v=DMARC1; p=none; rua=mailto:postmaster@%s\"", name, d->name);
}

/* --- how mail programs find us --- */

static void check_service(struct domain_look *d, const struct zone_service *service)
{
    const struct listen_setting *listen = zone_listener(d->doctor->settings, service->protocol);
    char name[RECORD_NAME_MAX + 32];
    struct target *targets;
    size_t count;
    snprintf(name, sizeof(name), "%s.%s", service->label, d->name);
    if (listen == NULL || !records_targets(d->doctor, name, RECORD_SRV, &targets, &count))
        return;
    const char *protocol = listen_protocol_name(service->protocol);
    bool here = count > 0 && strcmp(targets[0].name, d->host) == 0;
    if (count == 0 && service->protocol == LISTEN_SUBMISSION)
        return; /* submissions goes before it */
    if (count == 0)
        spoken_find(d->doctor, DOCTOR_ADVICE, "mail programs find no %s by the name %s", protocol, d->name);
    else if (!here && !doctor_covered(d->doctor, targets[0].name))
        spoken_find(d->doctor, DOCTOR_WARNING, "%s leads to %s, for which there is no certificate here", name,
                    targets[0].name);
    else if (here && targets[0].port != listen->port)
        spoken_find(d->doctor, DOCTOR_WARNING, "%s leads to port %u, but the server listens on %u", name,
                    targets[0].port, listen->port);
    else
        return;
    spoken_why(d->doctor, "People would have to type the server's name and port themselves (RFC 6186).");
    doctor_cure(d->doctor, "%s. IN SRV %u 1 %u %s.", name, service->priority, listen->port, d->host);
}

void doctor_look_at_domain(struct doctor *doctor, const struct doctor_domain *domain)
{
    char name[RECORD_NAME_MAX];
    snprintf(name, sizeof(name), "%.*s", SLICE_ARGS(domain->name));
    struct domain_look d = {
        .doctor = doctor, .domain = domain, .name = name, .host = doctor->settings->hostname};
    if (!check_mx(&d))
        return;
    check_spf(&d);
    doctor_look_at_sources(doctor, &domain->sources);
    check_dkim(&d);
    check_dmarc(&d);
    domain_look_tls(&d);
    domain_look_caa(&d);
    for (size_t i = 0; i < zone_service_count; i++)
        check_service(&d, &zone_services[i]);
}

void doctor_check_domains(struct doctor *doctor)
{
    if (doctor->domain_count == 0) {
        doctor_find(doctor, DOCTOR_ADVICE, "there is no domain yet");
        doctor_cure(doctor, "posthorn domain add example.org");
        return;
    }
    for (size_t i = 0; i < doctor->domain_count; i++)
        doctor_look_at_domain(doctor, &doctor->domains[i]);
}

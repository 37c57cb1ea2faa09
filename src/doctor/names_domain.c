/* The records of one domain: where its mail goes, who may send in its name, how mail programs find us. */
#include "doctor/records.h"
#include "doctor/spf.h"

enum { DOMAIN_TEXT_MAX = 254 };

/* The domain being looked at. */
struct looked_at {
    struct doctor *doctor;
    const char *name;
    const char *host;
    bool is_mx; /* we are */
};

/* The one text that begins so; *ret_count of them. False: nobody answers. */
static bool find_text(struct looked_at *d, const char *name, bool (*is_it)(struct slice text),
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

static void check_mx(struct looked_at *d, const struct target *targets, size_t count)
{
    const struct target *first = NULL;
    for (size_t i = 0; i < count; i++) {
        d->is_mx = d->is_mx || strcmp(targets[i].name, d->host) == 0;
        if (first == NULL || targets[i].priority < first->priority)
            first = &targets[i];
    }
    if (d->is_mx)
        return;
    if (first == NULL)
        doctor_find(d->doctor, DOCTOR_ERROR, "%s has no MX record", d->name);
    else
        doctor_find(d->doctor, DOCTOR_ERROR, "mail for %s goes to %s, not to %s", d->name,
                    first->name[0] != 0 ? first->name : "nobody (a null MX)", d->host);
    doctor_why(d->doctor, "Other servers bring mail where the MX record points.");
    doctor_cure(d->doctor, "%s. IN MX 10 %s.", d->name, d->host);
}

static enum spf_answer ask_spf(struct looked_at *d, struct slice record)
{
    enum spf_answer worst = SPF_YES;
    for (size_t i = 0; i < d->doctor->address_count && worst != SPF_NO; i++) {
        const struct spf_sender sender = {&d->doctor->addresses[i], slice_cstr(d->host), d->is_mx};
        enum spf_answer answer = spf_lets_send(record, &sender);
        worst = answer == SPF_YES ? worst : answer;
    }
    return worst;
}

static void check_spf(struct looked_at *d)
{
    struct slice record = slice_none();
    size_t count;
    if (!find_text(d, d->name, spf_is_record, &record, &count))
        return;
    if (count == 0) {
        doctor_find(d->doctor, DOCTOR_WARNING, "%s has no SPF record", d->name);
        doctor_why(d->doctor,
                   "It says which servers may send in the domain's name; without one, large providers "
                   "take its mail for spam.");
        doctor_cure(d->doctor, "%s. IN TXT \"v=spf1 mx -all\"", d->name);
        return;
    }
    if (count > 1) {
        doctor_find(d->doctor, DOCTOR_ERROR, "%s has %zu SPF records", d->name, count);
        doctor_why(d->doctor, "More than one is the same as none (RFC 7208 4.5).");
        doctor_cure(d->doctor, "Make one of them: %s. IN TXT \"v=spf1 mx ... -all\"", d->name);
        return;
    }
    enum spf_answer answer = ask_spf(d, record);
    if (answer == SPF_YES)
        return;
    doctor_find(d->doctor, answer == SPF_NO ? DOCTOR_ERROR : DOCTOR_ADVICE,
                answer == SPF_NO
                    ? "the SPF record of %s does not let this server send"
                    : "whether the SPF record of %s lets this server send depends on what it includes",
                d->name);
    doctor_why(d->doctor,
               "Mail in the domain's name from a server that is not in the record is taken for forged.");
    doctor_cure(d->doctor, "Put a:%s in front of what ends in \"all\": %s. IN TXT \"v=spf1 a:%s ... -all\"",
                d->host, d->name, d->host);
}

static bool is_dmarc(struct slice text)
{
    return slice_starts(text, S("v=DMARC1"));
}

static bool is_mta_sts(struct slice text)
{
    return slice_starts(text, S("v=STSv1"));
}

static bool is_tls_report(struct slice text)
{
    return slice_starts(text, S("v=TLSRPTv1"));
}

/* A text record below the domain, which is good to have. */
static const struct {
    const char *label;
    const char *what;
    bool (*is_it)(struct slice text);
    enum doctor_level level;
    const char *why;
    const char *text; /* %s is the domain */
} below[] = {
    {"_dmarc", "DMARC", is_dmarc, DOCTOR_WARNING,
     "It says what is to become of forged mail; large providers want one of whoever sends to them.",
     "v=DMARC1; p=none; rua=mailto:postmaster@%s"},
    {"_mta-sts", "MTA-STS", is_mta_sts, DOCTOR_ADVICE,
     "With it, other servers bring mail by TLS only (RFC 8461). It wants a policy file by HTTPS on "
     "mta-sts.<domain> "
     "too.",
     "v=STSv1; id=1"},
    {"_smtp._tls", "TLS reporting", is_tls_report, DOCTOR_ADVICE,
     "Others tell there when they could not reach you by TLS (RFC 8460).",
     "v=TLSRPTv1; rua=mailto:postmaster@%s"},
};

static void check_below(struct looked_at *d)
{
    char name[DOMAIN_TEXT_MAX + 16];
    char text[DOMAIN_TEXT_MAX + 100];
    struct slice record;
    size_t count;
    for (size_t i = 0; i < ARRAY_LEN(below); i++) {
        snprintf(name, sizeof(name), "%s.%s", below[i].label, d->name);
        if (!find_text(d, name, below[i].is_it, &record, &count) || count == 1)
            continue;
        struct slice head, tail;
        bool named = slice_find(slice_cstr(below[i].text), S("%s")) >= 0;
        slice_cut(slice_cstr(below[i].text), '%', &head, &tail);
        snprintf(text, sizeof(text), "%.*s%s", SLICE_ARGS(head), named ? d->name : "");
        doctor_find(d->doctor, below[i].level,
                    count == 0 ? "%s has no %s record" : "%s has several %s records", d->name, below[i].what);
        doctor_why(d->doctor, "%s", below[i].why);
        doctor_cure(d->doctor, "%s. IN TXT \"%s\"", name, text);
    }
}

/* How mail programs find the server by the domain alone (RFC 6186, RFC 8314 5.1). */
static void check_services(struct looked_at *d)
{
    static const struct {
        const char *label;
        enum listen_protocol protocol;
    } services[] = {{"_imaps._tcp", LISTEN_IMAPS},
                    {"_submissions._tcp", LISTEN_SUBMISSIONS},
                    {"_pop3s._tcp", LISTEN_POP3S}};
    const struct settings *s = d->doctor->settings;
    for (size_t i = 0; i < ARRAY_LEN(services); i++) {
        const struct listen_setting *listen = NULL;
        char name[DOMAIN_TEXT_MAX + 32];
        struct target *targets;
        size_t count;
        for (size_t k = 0; k < s->listen_count; k++)
            if (s->listens[k].protocol == services[i].protocol)
                listen = &s->listens[k];
        snprintf(name, sizeof(name), "%s.%s", services[i].label, d->name);
        if (listen == NULL || !records_targets(d->doctor, name, RECORD_SRV, &targets, &count))
            continue;
        if (count == 0)
            doctor_find(d->doctor, DOCTOR_ADVICE, "mail programs find no %s by the name %s",
                        listen_protocol_name(services[i].protocol), d->name);
        else if (strcmp(targets[0].name, d->host) != 0 && !doctor_covered(d->doctor, targets[0].name))
            doctor_find(d->doctor, DOCTOR_WARNING, "%s leads to %s, for which there is no certificate here",
                        name, targets[0].name);
        else
            continue;
        doctor_why(d->doctor, "People would have to type the server's name and port themselves (RFC 6186).");
        doctor_cure(d->doctor, "%s. IN SRV 0 1 %u %s.", name, listen->port, d->host);
    }
}

void doctor_domain(struct doctor *doctor, struct slice domain)
{
    char name[DOMAIN_TEXT_MAX];
    struct target *targets;
    size_t count;
    snprintf(name, sizeof(name), "%.*s", SLICE_ARGS(domain));
    struct looked_at d = {.doctor = doctor, .name = name, .host = doctor->settings->hostname};
    if (!records_targets(doctor, name, RESOLVER_MX, &targets, &count)) {
        doctor_find(doctor, DOCTOR_ERROR, "the DNS does not answer for %s", name);
        doctor_cure(doctor,
                    "dig MX %s, and the name servers in /etc/resolv.conf or `resolver` in posthorn.conf",
                    name);
        return;
    }
    check_mx(&d, targets, count);
    check_spf(&d);
    check_below(&d);
    check_services(&d);
}

void doctor_check_domains(struct doctor *doctor)
{
    if (doctor->domain_count == 0) {
        doctor_find(doctor, DOCTOR_ADVICE, "there is no domain yet");
        doctor_cure(doctor, "posthorn domain add example.org");
        return;
    }
    for (size_t i = 0; i < doctor->domain_count; i++)
        doctor_domain(doctor, doctor->domains[i]);
    doctor_find(doctor, DOCTOR_ADVICE, "outgoing mail is not signed (DKIM): this version can't yet");
    doctor_why(doctor, "Large providers trust signed mail more. There is nothing to do now.");
}

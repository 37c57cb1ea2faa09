#include "doctor/zone.h"

#include <arpa/inet.h>
#include <openssl/evp.h>

#include "authres/dns_records.h"
#include "base/must.h"

enum { DATA_MAX = 16 * 1024, NAME_TEXT_MAX = 2 * RESOLVER_NAME_MAX, POLICY_MAX = 1024, ID_BYTES = 8 };

const struct zone_service zone_services[] = {
    {"_imaps._tcp", LISTEN_IMAPS, 0},
    {"_pop3s._tcp", LISTEN_POP3S, 10}, /* RFC 6186 3.4: who can do both prefers IMAP */
    {"_sieve._tcp", LISTEN_MANAGESIEVE, 0},
    {"_submissions._tcp", LISTEN_SUBMISSIONS, 0},
    {"_submission._tcp", LISTEN_SUBMISSION, 10}, /* RFC 8314 3.3: TLS from the first byte goes before */
};
const size_t zone_service_count = ARRAY_LEN(zone_services);

const char *zone_need_name(enum zone_need need)
{
    static const char *const names[] = {
#define X(name, text) text,
        ZONE_NEED_TABLE(X)
#undef X
    };
    must(need < ARRAY_LEN(names));
    return names[need];
}

const struct listen_setting *zone_listener(const struct settings *settings, enum listen_protocol protocol)
{
    for (size_t i = 0; i < settings->listen_count; i++)
        if (settings->listens[i].protocol == protocol)
            return &settings->listens[i];
    return NULL;
}

void zone_put_strings(struct slice text, struct buf *out)
{
    const char *between = "";
    for (; text.n > 0; text = slice_from(text, ZONE_STRING_MAX)) {
        struct slice part = slice_sub(text, 0, ZONE_STRING_MAX);
        buf_printf(out, "%s\"", between);
        for (size_t i = 0; i < part.n; i++) {
            if (part.p[i] == '"' || part.p[i] == '\\') /* RFC 1035 5.1 */
                buf_putc(out, '\\');
            buf_putc(out, part.p[i]);
        }
        buf_putc(out, '"');
        between = " ";
    }
}

void zone_put_spf(const struct own_addresses *sources, struct buf *out)
{
    char text[INET6_ADDRSTRLEN];
    buf_put(out, S("v=spf1 mx"));
    for (size_t i = 0; i < sources->count; i++) {
        const struct own_address *own = &sources->each[i];
        inet_ntop(own->family, &own->v6, text, sizeof(text));
        buf_printf(out, " %s:%s", own->family == AF_INET ? "ip4" : "ip6", text);
    }
    buf_put(out, S(" -all"));
}

void zone_put_policy(const char *host, struct buf *out)
{
    buf_printf(out, "version: STSv1\nmode: enforce\nmx: %s\nmax_age: 604800\n", host);
}

void zone_put_policy_id(const char *host, struct buf *out)
{
    CLEANUP(buf_release) struct buf policy = BUF(POLICY_MAX);
    unsigned char digest[EVP_MAX_MD_SIZE];
    zone_put_policy(host, &policy);
    must(EVP_Digest(policy.n > 0 ? policy.p : "", policy.n, digest, NULL, EVP_sha256(), NULL) == 1);
    for (size_t i = 0; i < ID_BYTES; i++)
        buf_printf(out, "%02x", digest[i]);
}

/* --- the list --- */

struct making {
    const struct zone_question *question;
    struct arena *arena;
    struct zone_record *records;
    size_t count;
    struct slice about; /* of the next record */
};

static void zone_begin(struct making *m, const char *about)
{
    m->about = slice_cstr(about);
}

/* What does not fit the arena is noticed at the end. */
static struct zone_record *add(struct making *m, enum zone_need need, struct slice name, const char *type,
                               struct slice data)
{
    must(m->count < ZONE_RECORDS_MAX);
    struct zone_record *record = &m->records[m->count++];
    bool ours = dns_name_within(name, m->question->domain);
    *record = (struct zone_record){.need = ours ? need : ZONE_HINT,
                                   .name = arena_dup(m->arena, name),
                                   .type = type,
                                   .data = arena_dup(m->arena, data),
                                   .about = m->about};
    m->about = slice_none();
    return record;
}

static void add_data(struct making *m, enum zone_need need, const char *label, const char *type,
                     const char *format, ...) FORMAT(5, 6);
/* label: in front of the domain; empty: the domain itself. */
static void add_data(struct making *m, enum zone_need need, const char *label, const char *type,
                     const char *format, ...)
{
    CLEANUP(buf_release) struct buf name = BUF(NAME_TEXT_MAX);
    CLEANUP(buf_release) struct buf data = BUF(DATA_MAX);
    va_list args;
    buf_printf(&name, "%s%s%.*s", label, label[0] != 0 ? "." : "", SLICE_ARGS(m->question->domain));
    va_start(args, format);
    buf_vprintf(&data, format, args);
    va_end(args);
    add(m, need, buf_slice(&name), type, buf_slice(&data));
}

static void add_text_named(struct making *m, enum zone_need need, struct slice name, struct slice text)
{
    CLEANUP(buf_release) struct buf data = BUF(DATA_MAX);
    zone_put_strings(text, &data);
    struct zone_record *record = add(m, need, name, "TXT", buf_slice(&data));
    record->text = arena_dup(m->arena, text);
}

static void add_text(struct making *m, enum zone_need need, const char *label, const char *format, ...)
    FORMAT(4, 5);
static void add_text(struct making *m, enum zone_need need, const char *label, const char *format, ...)
{
    CLEANUP(buf_release) struct buf name = BUF(NAME_TEXT_MAX);
    CLEANUP(buf_release) struct buf text = BUF(DATA_MAX);
    va_list args;
    buf_printf(&name, "%s%s%.*s", label, label[0] != 0 ? "." : "", SLICE_ARGS(m->question->domain));
    va_start(args, format);
    buf_vprintf(&text, format, args);
    va_end(args);
    add_text_named(m, need, buf_slice(&name), buf_slice(&text));
}

/* --- its parts --- */

static void add_host(struct making *m)
{
    const struct zone_question *q = m->question;
    struct slice host = slice_cstr(q->settings->hostname);
    char text[INET6_ADDRSTRLEN];
    zone_begin(m, "The server itself. Whoever gave you its address sets its reverse name (PTR).");
    for (size_t i = 0; i < q->address_count && i < RESOLVER_HOST_ADDRESSES_MAX; i++) {
        resolver_address_text(&q->addresses[i], text);
        add(m, ZONE_REQUIRED, host, q->addresses[i].family == AF_INET ? "A" : "AAAA", slice_cstr(text));
    }
    if (q->address_count == 0) {
        struct zone_record *unknown = add(m, ZONE_HINT, host, "A", S("<the server's public address>"));
        unknown->need = ZONE_HINT;
    }
    for (size_t i = 0; i < q->address_count && i < RESOLVER_HOST_ADDRESSES_MAX; i++) {
        CLEANUP(buf_release) struct buf reverse = BUF(NAME_TEXT_MAX);
        CLEANUP(buf_release) struct buf name = BUF(NAME_TEXT_MAX);
        dns_put_reverse(&q->addresses[i], &reverse);
        buf_printf(&name, "%.*s.", SLICE_ARGS(host));
        add(m, ZONE_HINT, buf_slice(&reverse), "PTR", buf_slice(&name));
    }
}

static void add_proofs(struct making *m)
{
    const struct zone_question *q = m->question;
    zone_begin(
        m,
        "Who may send in the domain's name (SPF), with which keys its mail is signed (DKIM), and what is to "
        "become of forged mail (DMARC).");
    CLEANUP(buf_release) struct buf spf = BUF(ZONE_STRING_MAX);
    zone_put_spf(q->sources->count > 0 ? q->sources : &q->settings->sources, &spf);
    add_text(m, ZONE_REQUIRED, "", "%.*s", SLICE_ARGS(buf_slice(&spf)));
    for (size_t i = 0; i < q->key_count && i < ZONE_RECORDS_MAX / 2; i++)
        add_text_named(m, ZONE_REQUIRED, q->keys[i].name, q->keys[i].text);
    add_text(m, ZONE_REQUIRED, "_dmarc", "v=DMARC1; p=none; rua=mailto:postmaster@%.*s",
             SLICE_ARGS(q->domain));
}

static void add_services(struct making *m)
{
    zone_begin(m, "How mail programs find the server (RFC 6186, RFC 8314).");
    for (size_t i = 0; i < zone_service_count; i++) {
        const struct listen_setting *listen = zone_listener(m->question->settings, zone_services[i].protocol);
        if (listen != NULL)
            add_data(m, ZONE_ADVISED, zone_services[i].label, "SRV", "%u 1 %u %s.", zone_services[i].priority,
                     listen->port, m->question->settings->hostname);
    }
}

static void add_tlsa(struct making *m)
{
    const struct zone_question *q = m->question;
    const struct listen_setting *listen = zone_listener(q->settings, LISTEN_SMTP);
    zone_begin(m, "The server's key (DANE): only where the zone is signed with DNSSEC. Change it before the "
                  "key changes.");
    for (size_t i = 0; listen != NULL && i < q->digest_count && i < ZONE_DIGESTS_MAX; i++) {
        CLEANUP(buf_release) struct buf name = BUF(NAME_TEXT_MAX);
        CLEANUP(buf_release) struct buf data = BUF(DATA_MAX);
        buf_printf(&name, "_%u._tcp.%s", listen->port, q->settings->hostname);
        buf_printf(&data, "3 1 1 %s", q->digests[i]);
        add(m, q->is_signed ? ZONE_ADVISED : ZONE_HINT, buf_slice(&name), "TLSA", buf_slice(&data));
    }
}

static void add_sts(struct making *m)
{
    CLEANUP(buf_release) struct buf id = BUF(64);
    const char *host = m->question->settings->hostname;
    zone_begin(
        m, "With MTA-STS other servers bring mail by TLS only. This server does not serve its policy: a web "
           "server must, at https://mta-sts.<domain>/.well-known/mta-sts.txt, with these lines: version: "
           "STSv1 / mode: enforce / mx: <the server's name> / max_age: 604800. Only then:");
    zone_put_policy_id(host, &id);
    add_data(m, ZONE_HINT, "mta-sts", "CNAME", "<the web server>.");
    add_text(m, ZONE_HINT, "_mta-sts", "v=STSv1; id=%.*s", SLICE_ARGS(buf_slice(&id)));
}

enum err zone_records(const struct zone_question *question, struct arena *arena,
                      struct zone_record **ret_records, size_t *ret_count, struct error *error)
{
    struct making m = {.question = question, .arena = arena};
    m.records = arena_array(arena, ZONE_RECORDS_MAX, sizeof(*m.records));
    if (m.records == NULL)
        return fail_nomem(error);
    zone_begin(&m, "Mail for the domain goes to this server.");
    add_data(&m, ZONE_REQUIRED, "", "MX", "10 %s.", question->settings->hostname);
    add_host(&m);
    add_proofs(&m);
    zone_begin(&m, "Others tell there when they could not reach the server by TLS (RFC 8460).");
    add_text(&m, ZONE_ADVISED, "_smtp._tls", "v=TLSRPTv1; rua=mailto:postmaster@%.*s",
             SLICE_ARGS(question->domain));
    add_services(&m);
    add_tlsa(&m);
    add_sts(&m);
    zone_begin(&m, "Which authority may make certificates for the domain; without such a record any may.");
    add_data(&m, ZONE_HINT, "", "CAA", "0 issue \"letsencrypt.org\"");
    if (arena_failed(arena))
        return fail_nomem(error);
    *ret_records = m.records;
    *ret_count = m.count;
    return ERR_OK;
}

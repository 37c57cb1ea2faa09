#include "send/tally.h"

#include "base/log.h"
#include "link/outbound.h"

enum { ROW_MAX = 8 * 1024, ARENA_BYTES_MAX = 256 * 1024 };
#define DNS_US (10 * CLOCK_SECOND)

/* A TXT record's strings, as one. */
static struct slice text_of(struct slice data, struct arena *arena)
{
    char *text = arena_alloc(arena, data.n + 1);
    size_t n = 0;
    if (text == NULL)
        return slice_none();
    while (data.n > 0) {
        struct slice string = slice_sub(data, 1, (unsigned char)data.p[0]);
        memcpy(text + n, string.p, string.n);
        n += string.n;
        data = slice_from(data, 1 + string.n);
    }
    return slice_of(text, n);
}

static bool find_addresses(const struct tally *tally, struct arena *arena, struct buf *out)
{
    CLEANUP(buf_release) struct buf name = BUF(RESOLVER_NAME_MAX + 1);
    struct resolver_records found;
    struct error error;
    buf_printf(&name, "_smtp._tls.%.*s", SLICE_ARGS(tally->delivery->domain));
    if (buf_failed(&name) ||
        resolver_records(tally->delivery->options->resolver, buf_slice(&name), RESOLVER_TXT,
                         clock_mono_us() + DNS_US, arena, &found, &error) != ERR_OK)
        return false;
    for (size_t i = 0; i < found.count; i++)
        found.data[i] = text_of(found.data[i], arena);
    return !arena_failed(arena) && tls_note_addresses(found.data, found.count, out);
}

static void put_sts(const struct sts_policy *sts, struct buf *lines, struct buf *hosts)
{
    if (sts->mode == STS_NONE)
        return;
    buf_printf(lines, "version: STSv1\nmode: %s", sts->mode == STS_ENFORCE ? "enforce" : "testing");
    for (size_t i = 0; i < sts->mx_count && lines->n < TLS_NOTE_POLICY_MAX / 2; i++) {
        buf_printf(lines, "\nmx: %.*s", SLICE_ARGS(sts->mx[i]));
        buf_printf(hosts, "%s%.*s", i > 0 ? "\n" : "", SLICE_ARGS(sts->mx[i]));
    }
    buf_printf(lines, "\nmax_age: %u", (unsigned)sts->max_age);
}

static void put_tlsa(const struct tls_expectation *expectation, struct buf *lines)
{
    for (size_t i = 0; i < expectation->tlsa_count && lines->n < TLS_NOTE_POLICY_MAX / 2; i++) {
        const struct tlsa *record = &expectation->tlsa[i];
        buf_printf(lines, "%s%u %u %u ", i > 0 ? "\n" : "", record->usage, record->selector,
                   record->matching);
        for (size_t b = 0; b < MIN(record->data.n, (size_t)64); b++)
            buf_printf(lines, "%02x", (unsigned char)record->data.p[b]);
    }
}

static enum tls_policy kind_of(const struct tally *tally, const struct tally_session *session)
{
    bool sts = session->result == TLS_RESULT_STS_POLICY_FETCH_ERROR ||
               session->result == TLS_RESULT_STS_POLICY_INVALID;
    if (session->result == TLS_RESULT_DNSSEC_INVALID)
        return TLS_POLICY_TLSA;
    if (session->policy != NULL &&
        (session->policy->level == POLICY_DANE || session->policy->level == POLICY_ENCRYPTED))
        return TLS_POLICY_TLSA;
    return sts || tally->sts->mode != STS_NONE ? TLS_POLICY_STS : TLS_POLICY_NONE;
}

void tally_count(const struct tally *tally, const struct tally_session *session)
{
    CLEANUP(arena_release) struct arena arena = ARENA(ARENA_BYTES_MAX);
    CLEANUP(buf_release) struct buf addresses = BUF(TLS_NOTE_ADDRESSES_MAX * (TLS_NOTE_ADDRESS_MAX + 1));
    CLEANUP(buf_release) struct buf lines = BUF(2 * TLS_NOTE_POLICY_MAX);
    CLEANUP(buf_release) struct buf hosts = BUF(2 * TLS_NOTE_POLICY_MAX);
    CLEANUP(buf_release) struct buf row = BUF(ROW_MAX);
    struct error error;
    if (!tally->delivery->options->tls_reports || tally->delivery->tls_optional ||
        !find_addresses(tally, &arena, &addresses))
        return;
    struct tls_note note = {.policy = kind_of(tally, session), .result = session->result};
    if (note.policy == TLS_POLICY_STS)
        put_sts(tally->sts, &lines, &hosts);
    else if (note.policy == TLS_POLICY_TLSA && session->policy != NULL)
        put_tlsa(&session->policy->expectation, &lines);
    note.lines = buf_slice(&lines);
    note.hosts = buf_slice(&hosts);
    if (note.result != TLS_RESULT_SUCCESS) {
        note.local = session->local;
        note.host = session->host;
        note.address = session->address;
    }
    tls_note_put(&row, &note);
    const struct feedback_note sent = {
        .domain = tally->delivery->domain, .addresses = buf_slice(&addresses), .row = buf_slice(&row)};
    if (buf_failed(&lines) || buf_failed(&hosts) || buf_failed(&row) ||
        link_tls_note(tally->delivery->link, &sent, &error) != ERR_OK)
        LOG(LOG_INFO, NO_SID, "send.not_counted", F_STR("domain", sent.domain));
}

#include "authres/sighting.h"

#include "authres/dns_records.h"
#include "base/must.h"
#include "base/wire.h"

const char *sighting_disposition_name(enum sighting_disposition disposition)
{
    static const char *const names[] = {
#define X(name, text) text,
        SIGHTING_DISPOSITION_TABLE(X)
#undef X
    };
    must(disposition < DISPOSITIONS);
    return names[disposition];
}

struct sighting_row sighting_row_of(const struct judge_query *query, const struct judgement *judgement)
{
    const struct dkim_results *dkim = &judgement->dkim;
    struct sighting_row row = {
        .peer = query->peer,
        .author = judgement->author,
        .envelope = query->sender.n > 0 ? judgement->spf_domain : slice_none(),
        .disposition = judgement->action == JUDGE_REFUSE              ? DISPOSITION_REJECT
                       : judgement->action == JUDGE_JUNK              ? DISPOSITION_QUARANTINE
                       : judgement->dmarc.result == DMARC_RESULT_PASS ? DISPOSITION_PASS
                                                                      : DISPOSITION_NONE,
        .dkim_aligned = judgement->dmarc.dkim_aligned,
        .spf_aligned = judgement->dmarc.spf_aligned,
        .spf = judgement->spf,
        .spf_domain = judgement->spf_domain,
        .overridden = judgement->dmarc.overridden,
    };
    for (size_t i = 0; i < dkim->count && row.signature_count < SIGHTING_SIGNATURES_MAX; i++) {
        if (dkim->signatures[i].domain.n == 0)
            continue;
        row.signatures[row.signature_count].domain = dkim->signatures[i].domain;
        row.signatures[row.signature_count].selector = dkim->signatures[i].selector;
        row.signatures[row.signature_count++].result = dkim->signatures[i].outcome.result;
    }
    return row;
}

/* --- as bytes --- */

void sighting_put_policy(struct buf *out, const struct dmarc_record *record)
{
    wire_put_u8(out, (uint8_t)record->policy);
    wire_put_u8(out, (uint8_t)record->subdomain);
    wire_put_u8(out, (uint8_t)record->non_existent);
    wire_put_u8(out, (uint8_t)(record->strict_dkim | record->strict_spf << 1 | record->testing << 2));
}

bool sighting_get_policy(struct slice bytes, struct dmarc_record *ret_record)
{
    struct wire_reader r = wire_reader_of(bytes);
    uint8_t policy = wire_get_u8(&r);
    uint8_t subdomain = wire_get_u8(&r);
    uint8_t non_existent = wire_get_u8(&r);
    uint8_t bits = wire_get_u8(&r);
    if (!wire_end(&r) || policy >= DMARC_POLICIES || subdomain >= DMARC_POLICIES ||
        non_existent >= DMARC_POLICIES)
        return false;
    *ret_record = (struct dmarc_record){
        .policy = (enum dmarc_policy)policy,
        .subdomain = (enum dmarc_policy)subdomain,
        .non_existent = (enum dmarc_policy)non_existent,
        .strict_dkim = bits & 1,
        .strict_spf = bits >> 1 & 1,
        .testing = bits >> 2 & 1,
    };
    return true;
}

void sighting_put_row(struct buf *out, const struct sighting_row *row)
{
    wire_put_slice(out, row->peer);
    wire_put_slice(out, row->author);
    wire_put_slice(out, row->envelope);
    wire_put_u8(out, (uint8_t)row->disposition);
    wire_put_u8(out, (uint8_t)(row->dkim_aligned | row->spf_aligned << 1));
    wire_put_u8(out, (uint8_t)row->spf);
    wire_put_slice(out, row->spf_domain);
    wire_put_u8(out, (uint8_t)row->signature_count);
    for (size_t i = 0; i < row->signature_count; i++) {
        wire_put_slice(out, row->signatures[i].domain);
        wire_put_slice(out, row->signatures[i].selector);
        wire_put_u8(out, (uint8_t)row->signatures[i].result);
    }
    if (row->overridden.n > 0) /* what was counted before there was this has none */
        wire_put_slice(out, row->overridden);
}

bool sighting_get_row(struct slice bytes, struct sighting_row *ret_row)
{
    struct wire_reader r = wire_reader_of(bytes);
    struct sighting_row row = {.peer = wire_get_slice(&r)};
    row.author = wire_get_slice(&r);
    row.envelope = wire_get_slice(&r);
    uint8_t disposition = wire_get_u8(&r);
    uint8_t bits = wire_get_u8(&r);
    uint8_t spf = wire_get_u8(&r);
    row.spf_domain = wire_get_slice(&r);
    row.signature_count = wire_get_u8(&r);
    if (disposition >= DISPOSITIONS || spf >= SPF_RESULTS || row.signature_count > SIGHTING_SIGNATURES_MAX)
        return false;
    row.disposition = (enum sighting_disposition)disposition;
    row.dkim_aligned = bits & 1;
    row.spf_aligned = bits >> 1 & 1;
    row.spf = (enum spf_result)spf;
    for (size_t i = 0; i < row.signature_count; i++) {
        row.signatures[i].domain = wire_get_slice(&r);
        row.signatures[i].selector = wire_get_slice(&r);
        uint8_t result = wire_get_u8(&r);
        if (result > DKIM_PERMERROR)
            return false;
        row.signatures[i].result = (enum dkim_result)result;
    }
    if (wire_ok(&r) && !cursor_done(&r.c))
        row.overridden = wire_get_slice(&r);
    if (!wire_end(&r))
        return false;
    *ret_row = row;
    return true;
}

/* --- who gets it --- */

/* RFC 9990 4: example.com._report._dmarc.elsewhere.example says that elsewhere takes reports about
 * example.com. */
static bool agrees(const struct authres_dns *dns, struct slice policy_domain, struct slice host,
                   int64_t deadline_us, struct arena *arena)
{
    CLEANUP(buf_release) struct buf name = BUF(2 * RESOLVER_NAME_MAX);
    struct resolver_records records;
    struct error error;
    if (dns_name_within(host, policy_domain) || dns_name_within(policy_domain, host))
        return true;
    buf_put(&name, policy_domain);
    buf_put(&name, S("._report._dmarc."));
    buf_put(&name, host);
    if (!dns_name_valid(buf_slice(&name)) || dns->records(dns->context, buf_slice(&name), RESOLVER_TXT,
                                                          deadline_us, arena, &records, &error) != ERR_OK)
        return false;
    for (size_t i = 0; i < records.count; i++)
        if (dmarc_record_is(dns_text(records.data[i], arena)))
            return true;
    return false;
}

void sighting_addresses(const struct authres_dns *dns, const struct dmarc_answer *answer, int64_t deadline_us,
                        struct arena *arena, struct buf *out)
{
    char address[SIGHTING_ADDRESS_MAX + 1];
    struct slice reports = answer->record.reports;
    for (unsigned i = 0;
         i < SIGHTING_ADDRESSES_MAX && dmarc_record_address(&reports, address, sizeof(address)); i++) {
        struct slice text = slice_cstr(address);
        struct slice host = slice_from(text, (size_t)(slice_rfind_char(text, '@') + 1));
        if (slice_find_char(text, ',') >= 0 || !dns_name_valid(host) ||
            !agrees(dns, answer->policy_domain, host, deadline_us, arena))
            continue;
        if (out->n > 0)
            buf_putc(out, ',');
        buf_put(out, text);
    }
}

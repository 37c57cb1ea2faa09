#include "feedback/aggregate.h"

#include <stdlib.h>

#include "feedback/kind.h"
#include "mime/compose.h"

/* --- XML --- */

/* Whatever a stranger has said: only printable ASCII goes out. */
static void put_text(struct buf *out, struct slice text)
{
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c == '<')
            buf_put(out, S("&lt;"));
        else if (c == '>')
            buf_put(out, S("&gt;"));
        else if (c == '&')
            buf_put(out, S("&amp;"));
        else
            buf_putc(out, c >= ' ' && c <= '~' ? c : '?');
    }
}

static void put_element(struct buf *out, const char *name, struct slice text)
{
    buf_printf(out, "<%s>", name);
    put_text(out, text);
    buf_printf(out, "</%s>", name);
}

static void put_word(struct buf *out, const char *name, const char *word)
{
    put_element(out, name, slice_cstr(word));
}

/* The same for the same report, should it be sent twice. */
static void put_id(struct buf *out, const struct aggregate *report)
{
    buf_printf(out, "%lld.", (long long)report->begin_seconds);
    buf_printf(out, "%s%s%s%c%c%c.", dmarc_policy_name(report->policy.policy),
               dmarc_policy_name(report->policy.subdomain), dmarc_policy_name(report->policy.non_existent),
               report->policy.strict_dkim ? 's' : 'r', report->policy.strict_spf ? 's' : 'r',
               report->policy.testing ? 't' : 'n');
    put_text(out, report->domain);
}

static void put_metadata(struct buf *out, const struct aggregate *report)
{
    buf_put(out, S("<report_metadata>"));
    put_element(out, "org_name", report->hostname);
    buf_put(out, S("<email>postmaster@"));
    put_text(out, report->hostname);
    buf_put(out, S("</email><report_id>"));
    put_id(out, report);
    buf_printf(out,
               "</report_id><date_range><begin>%lld</begin><end>%lld</end></date_range></report_metadata>\n",
               (long long)report->begin_seconds, (long long)report->end_seconds);
}

static void put_policy(struct buf *out, const struct aggregate *report)
{
    const struct dmarc_record *policy = &report->policy;
    buf_put(out, S("<policy_published>"));
    put_element(out, "domain", report->domain);
    put_word(out, "p", dmarc_policy_name(policy->policy));
    put_word(out, "sp", dmarc_policy_name(policy->subdomain));
    put_word(out, "np", dmarc_policy_name(policy->non_existent));
    put_word(out, "adkim", policy->strict_dkim ? "s" : "r");
    put_word(out, "aspf", policy->strict_spf ? "s" : "r");
    put_word(out, "discovery_method", "treewalk");
    put_word(out, "testing", policy->testing ? "y" : "n");
    buf_put(out, S("</policy_published>\n"));
}

static void put_results(struct buf *out, const struct sighting_row *seen)
{
    buf_put(out, S("<auth_results>"));
    for (size_t i = 0; i < seen->signature_count; i++) {
        buf_put(out, S("<dkim>"));
        put_element(out, "domain", seen->signatures[i].domain);
        put_element(out, "selector", seen->signatures[i].selector);
        put_word(out, "result", dkim_result_word(seen->signatures[i].result));
        buf_put(out, S("</dkim>"));
    }
    if (seen->envelope.n > 0) { /* HELO is not reported */
        buf_put(out, S("<spf>"));
        put_element(out, "domain", seen->spf_domain);
        put_word(out, "scope", "mfrom");
        put_word(out, "result", spf_result_name(seen->spf));
        buf_put(out, S("</spf>"));
    }
    buf_put(out, S("</auth_results>"));
}

static void put_row(struct buf *out, const struct aggregate_row *row)
{
    const struct sighting_row *seen = &row->seen;
    buf_put(out, S("<record><row>"));
    put_element(out, "source_ip", seen->peer);
    buf_printf(out, "<count>%llu</count><policy_evaluated>", (unsigned long long)row->count);
    put_word(out, "disposition", sighting_disposition_name(seen->disposition));
    put_word(out, "dkim", seen->dkim_aligned ? "pass" : "fail");
    put_word(out, "spf", seen->spf_aligned ? "pass" : "fail");
    if (seen->overridden.n > 0) {
        buf_put(out, S("<reason><type>local_policy</type>"));
        put_element(out, "comment", seen->overridden);
        buf_put(out, S("</reason>"));
    }
    buf_put(out, S("</policy_evaluated></row><identifiers>"));
    put_element(out, "envelope_from", seen->envelope);
    put_element(out, "header_from", seen->author);
    buf_put(out, S("</identifiers>"));
    put_results(out, seen);
    buf_put(out, S("</record>\n"));
}

void aggregate_put_xml(struct buf *out, const struct aggregate *report)
{
    buf_put(out, S("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                   "<feedback xmlns=\"urn:ietf:params:xml:ns:dmarc-2.0\">\n<version>1.0</version>\n"));
    put_metadata(out, report);
    put_policy(out, report);
    for (size_t i = 0; i < report->count; i++)
        put_row(out, &report->rows[i]);
    buf_put(out, S("</feedback>\n"));
}

/* --- mail --- */

enum err aggregate_put_message(struct buf *out, const struct aggregate *report, struct error *error)
{
    CLEANUP(buf_release) struct buf xml = BUF(AGGREGATE_MAX);
    CLEANUP(buf_release) struct buf packed = BUF(AGGREGATE_MAX);
    CLEANUP(buf_release) struct buf name = BUF(1024);
    struct mime_composer composer = MIME_COMPOSER(out);
    aggregate_put_xml(&xml, report);
    if (buf_failed(&xml))
        return fail_nomem(error);
    enum err err = feedback_gzip(buf_slice(&xml), &packed, error);
    if (err != ERR_OK)
        return err;
    put_id(&name, report);
    feedback_put_header(out, "DMARC reports", report->hostname, report->domain, report->addresses,
                        buf_slice(&name));
    buf_clear(&name);
    buf_printf(&name, "%.*s!%.*s!%lld!%lld.xml.gz", SLICE_ARGS(report->hostname), SLICE_ARGS(report->domain),
               (long long)report->begin_seconds, (long long)report->end_seconds);
    mime_compose_multipart(&composer, "mixed");
    mime_compose_part(&composer);
    mime_compose_text(
        &composer, "plain",
        S("This is a DMARC aggregate report (RFC 9990) about mail in the name of your domain.\r\n"));
    mime_compose_part(&composer);
    mime_compose_attachment(&composer, "application/gzip", buf_slice(&name), buf_slice(&packed));
    mime_compose_end(&composer);
    return buf_failed(out) ? fail_nomem(error) : ERR_OK;
}

enum err aggregate_send(const struct feedback_options *options, const struct feedback_due *due,
                        const struct feedback_row *rows, size_t count, struct error *error)
{
    CLEANUP(buf_release) struct buf message = BUF(AGGREGATE_MAX);
    struct aggregate report = {
        .domain = due->domain,
        .addresses = due->addresses,
        .hostname = slice_cstr(options->hostname),
        .begin_seconds = due->day * FEEDBACK_DAY_SECONDS,
        .end_seconds = (due->day + 1) * FEEDBACK_DAY_SECONDS - 1,
    };
    struct aggregate_row *read = calloc(count + 1, sizeof(*read));
    if (read == NULL)
        return fail_nomem(error);
    for (size_t i = 0; i < count; i++) {
        read[report.count].count = rows[i].count;
        report.count += sighting_get_row(rows[i].bytes, &read[report.count].seen);
    }
    report.rows = read;
    enum err err = report.count == 0 || !sighting_get_policy(due->policy, &report.policy)
                       ? fail(error, ERR_INVALID, NULL, "no row says anything")
                       : aggregate_put_message(&message, &report, error);
    if (err == ERR_OK)
        err = feedback_hand_in(options, due->domain, due->addresses, false, buf_slice(&message), error);
    free(read);
    return err;
}

#include "feedback/aggregate.h"

#include <zlib.h>

#include "mime/compose.h"

/* RFC 1952: with a header of gzip. */
enum { GZIP_WINDOW_BITS = 15 + 16, ZLIB_MEMORY_LEVEL = 8 };

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

static enum err gzip(struct slice text, struct buf *out, struct error *error)
{
    z_stream stream = {.next_in = (Bytef *)text.p, .avail_in = (uInt)text.n};
    if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW_BITS, ZLIB_MEMORY_LEVEL,
                     Z_DEFAULT_STRATEGY) != Z_OK)
        return fail_nomem(error);
    uLong bound = deflateBound(&stream, (uLong)text.n);
    char *place = buf_reserve(out, bound);
    int result = Z_MEM_ERROR;
    if (place != NULL) {
        stream.next_out = (Bytef *)place;
        stream.avail_out = (uInt)bound;
        result = deflate(&stream, Z_FINISH);
        buf_grew(out, bound - stream.avail_out);
    }
    (void)deflateEnd(&stream);
    return result == Z_STREAM_END ? ERR_OK : fail_nomem(error);
}

static void put_header(struct buf *out, const struct aggregate *report)
{
    CLEANUP(buf_release) struct buf text = BUF(4096);
    struct slice rest = report->addresses;
    struct slice address;
    buf_printf(&text, "postmaster@%.*s", SLICE_ARGS(report->hostname));
    mime_compose_mailbox(out, "From", S("DMARC reports"), buf_slice(&text));
    buf_clear(&text);
    while (rest.n > 0) {
        slice_cut(rest, ',', &address, &rest);
        buf_printf(&text, "%s<%.*s>", text.n > 0 ? ", " : "", SLICE_ARGS(address));
    }
    mime_compose_field(out, "To", buf_slice(&text));
    buf_clear(&text);
    buf_printf(&text, "Report Domain: %.*s Submitter: %.*s Report-ID: <", SLICE_ARGS(report->domain),
               SLICE_ARGS(report->hostname));
    put_id(&text, report);
    buf_putc(&text, '>');
    mime_compose_text_field(out, "Subject", buf_slice(&text));
    mime_compose_date(out, "Date", (struct mime_date){.seconds = clock_wall_us() / CLOCK_SECOND});
    buf_put(out, S("Message-ID: "));
    mime_message_id_put(out, report->hostname);
    buf_put(out, S("\r\n"));
    mime_compose_field(out, "Auto-Submitted", S("auto-generated"));
}

enum err aggregate_put_message(struct buf *out, const struct aggregate *report, struct error *error)
{
    CLEANUP(buf_release) struct buf xml = BUF(AGGREGATE_MAX);
    CLEANUP(buf_release) struct buf packed = BUF(AGGREGATE_MAX);
    CLEANUP(buf_release) struct buf name = BUF(1024);
    struct mime_composer composer = MIME_COMPOSER(out);
    aggregate_put_xml(&xml, report);
    if (buf_failed(&xml))
        return fail_nomem(error);
    enum err err = gzip(buf_slice(&xml), &packed, error);
    if (err != ERR_OK)
        return err;
    buf_printf(&name, "%.*s!%.*s!%lld!%lld.xml.gz", SLICE_ARGS(report->hostname), SLICE_ARGS(report->domain),
               (long long)report->begin_seconds, (long long)report->end_seconds);
    put_header(out, report);
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

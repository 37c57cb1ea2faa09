/*
 * One TLSRPT report (RFC 8460 4, 5): JSON, packed by gzip, by mail and to web pages.
 */
#include <stdlib.h>
#include <time.h>

#include "base/log.h"
#include "feedback/kind.h"
#include "feedback/tls_note.h"
#include "mime/compose.h"

enum { REPORT_MAX = 4 * 1024 * 1024, ANSWER_MAX = 4096, HTTP_OK_FIRST = 200, HTTP_OK_LAST = 299 };
#define POST_US (30 * CLOCK_SECOND)

struct session_row {
    struct tls_note note;
    uint64_t count;
};

struct tls_report {
    const struct feedback_due *due;
    struct slice hostname;
    struct session_row *rows; /* those of one policy stand together */
    size_t count;
};

/* --- JSON --- */

/* Whatever a stranger has said: only printable ASCII goes out. */
static void put_string(struct buf *out, struct slice text)
{
    buf_putc(out, '"');
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c == '"' || c == '\\')
            buf_putc(out, '\\');
        buf_putc(out, c >= ' ' && c <= '~' ? c : '?');
    }
    buf_putc(out, '"');
}

static void put_member(struct buf *out, const char *name, struct slice text)
{
    put_string(out, slice_cstr(name));
    buf_putc(out, ':');
    put_string(out, text);
}

static void put_lines(struct buf *out, const char *name, struct slice lines)
{
    buf_printf(out, ",\"%s\":[", name);
    for (bool first = true; lines.n > 0; first = false) {
        struct slice line = lines;
        struct slice rest = slice_none();
        slice_cut(lines, '\n', &line, &rest);
        lines = rest;
        if (!first)
            buf_putc(out, ',');
        put_string(out, line);
    }
    buf_putc(out, ']');
}

static void put_time(struct buf *out, const char *name, int64_t seconds)
{
    char text[32];
    struct tm tm;
    time_t t = (time_t)seconds;
    gmtime_r(&t, &tm);
    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
    put_member(out, name, slice_cstr(text));
}

/* The same for the same report, should it be sent twice. */
static void put_id(struct buf *out, const struct tls_report *report)
{
    buf_printf(out, "%lld.%.*s@%.*s", (long long)report->due->day * FEEDBACK_DAY_SECONDS,
               SLICE_ARGS(report->due->domain), SLICE_ARGS(report->hostname));
}

static void put_failure(struct buf *out, const struct session_row *row)
{
    buf_putc(out, '{');
    put_member(out, "result-type", slice_cstr(tls_result_name(row->note.result)));
    if (row->note.local.n > 0) {
        buf_putc(out, ',');
        put_member(out, "sending-mta-ip", row->note.local);
    }
    if (row->note.host.n > 0) {
        buf_putc(out, ',');
        put_member(out, "receiving-mx-hostname", row->note.host);
    }
    if (row->note.address.n > 0) {
        buf_putc(out, ',');
        put_member(out, "receiving-ip", row->note.address);
    }
    buf_printf(out, ",\"failed-session-count\":%llu}", (unsigned long long)row->count);
}

static bool is_same_policy(const struct tls_note *a, const struct tls_note *b)
{
    return a->policy == b->policy && slice_eq(a->lines, b->lines) && slice_eq(a->hosts, b->hosts);
}

/* The rows from `first` that have its policy; how many. */
static size_t put_policy(struct buf *out, const struct tls_report *report, size_t first)
{
    const struct tls_note *policy = &report->rows[first].note;
    uint64_t good = 0, bad = 0;
    size_t n = 0;
    for (; first + n < report->count && is_same_policy(policy, &report->rows[first + n].note); n++)
        *(report->rows[first + n].note.result == TLS_RESULT_SUCCESS ? &good : &bad) +=
            report->rows[first + n].count;
    buf_put(out, S("{\"policy\":{"));
    put_member(out, "policy-type", slice_cstr(tls_policy_name(policy->policy)));
    if (policy->lines.n > 0)
        put_lines(out, "policy-string", policy->lines);
    buf_putc(out, ',');
    put_member(out, "policy-domain", report->due->domain);
    if (policy->hosts.n > 0)
        put_lines(out, "mx-host", policy->hosts);
    buf_printf(out,
               "},\"summary\":{\"total-successful-session-count\":%llu,\"total-failure-session-count\":%llu}",
               (unsigned long long)good, (unsigned long long)bad);
    bool any = false;
    for (size_t i = 0; i < n; i++) {
        if (report->rows[first + i].note.result == TLS_RESULT_SUCCESS)
            continue;
        buf_put(out, any ? S(",") : S(",\"failure-details\":["));
        put_failure(out, &report->rows[first + i]);
        any = true;
    }
    buf_put(out, any ? S("]}") : S("}"));
    return n;
}

static void put_json(struct buf *out, const struct tls_report *report)
{
    int64_t begin = report->due->day * FEEDBACK_DAY_SECONDS;
    buf_putc(out, '{');
    put_member(out, "organization-name", report->hostname);
    buf_put(out, S(",\"date-range\":{"));
    put_time(out, "start-datetime", begin);
    buf_putc(out, ',');
    put_time(out, "end-datetime", begin + FEEDBACK_DAY_SECONDS - 1);
    buf_printf(out, "},\"contact-info\":\"postmaster@%.*s\",\"report-id\":\"", SLICE_ARGS(report->hostname));
    put_id(out, report);
    buf_put(out, S("\",\"policies\":["));
    for (size_t i = 0; i < report->count;) {
        if (i > 0)
            buf_putc(out, ',');
        i += put_policy(out, report, i);
    }
    buf_put(out, S("]}\n"));
}

/* --- mail (RFC 8460 5.3) --- */

static enum err put_message(struct buf *out, const struct tls_report *report, struct slice addresses,
                            struct slice packed, struct error *error)
{
    CLEANUP(buf_release) struct buf text = BUF(2048);
    struct mime_composer composer = MIME_COMPOSER(out);
    int64_t begin = report->due->day * FEEDBACK_DAY_SECONDS;
    put_id(&text, report);
    feedback_put_header(out, "TLS reports", report->hostname, report->due->domain, addresses,
                        buf_slice(&text));
    mime_compose_field(out, "TLS-Report-Domain", report->due->domain);
    mime_compose_field(out, "TLS-Report-Submitter", report->hostname);
    /* RFC 8689 5: it is to arrive though TLS has failed, for that is its news. */
    mime_compose_field(out, "TLS-Required", S("No"));
    mime_compose_multipart(&composer, "report; report-type=tlsrpt");
    mime_compose_part(&composer);
    mime_compose_text(
        &composer, "plain",
        S("This is an aggregate report (RFC 8460) about the security of mail to your domain.\r\n"));
    buf_clear(&text);
    buf_printf(&text, "%.*s!%.*s!%lld!%lld.json.gz", SLICE_ARGS(report->hostname),
               SLICE_ARGS(report->due->domain), (long long)begin,
               (long long)begin + FEEDBACK_DAY_SECONDS - 1);
    mime_compose_part(&composer);
    mime_compose_attachment(&composer, "application/tlsrpt+gzip", buf_slice(&text), packed);
    mime_compose_end(&composer);
    return buf_failed(out) || buf_failed(&text) ? fail_nomem(error) : ERR_OK;
}

static enum err send_mail(const struct feedback_options *options, const struct tls_report *report,
                          struct slice addresses, struct slice packed, struct error *error)
{
    CLEANUP(buf_release) struct buf message = BUF(REPORT_MAX);
    enum err err = put_message(&message, report, addresses, packed, error);
    return err == ERR_OK
               ? feedback_hand_in(options, report->due->domain, addresses, true, buf_slice(&message), error)
               : err;
}

/* --- web pages (RFC 8460 5.4) --- */

static enum err post(const struct feedback_options *options, struct slice url, struct slice packed,
                     struct error *error)
{
    CLEANUP(arena_release) struct arena arena = ARENA(64 * 1024);
    const struct slice headers[] = {S("Content-Type: application/tlsrpt+gzip")};
    struct fetch_answer answer;
    const struct fetch_request request = {.method = FETCH_POST,
                                          .url = url,
                                          .headers = headers,
                                          .header_count = ARRAY_LEN(headers),
                                          .body = packed,
                                          .body_max = ANSWER_MAX,
                                          .timeout_us = POST_US,
                                          .public_only = options->public_only};
    if (options->fetch == NULL)
        return fail(error, ERR_UNAVAILABLE, NULL, "nobody fetches");
    enum err err = options->fetch(options->fetch_context, &request, &arena, &answer, error);
    if (err == ERR_OK && (answer.status < HTTP_OK_FIRST || answer.status > HTTP_OK_LAST))
        err = fail(error, ERR_UNAVAILABLE, NULL, "HTTP status %u", answer.status);
    return err;
}

/*
 * To all addresses. What one page does not take is not repeated when somebody else has it: it would come to
 * him again.
 */
static enum err hand_out(const struct feedback_options *options, const struct tls_report *report,
                         struct slice packed, struct error *error)
{
    CLEANUP(buf_release) struct buf mail = BUF(FEEDBACK_ADDRESSES_MAX * (TLS_NOTE_ADDRESS_MAX + 1));
    struct slice rest = report->due->addresses;
    size_t sent = 0;
    enum err last = ERR_OK;
    while (rest.n > 0) {
        struct slice uri = rest;
        struct slice next = slice_none();
        struct error own;
        slice_cut(rest, ',', &uri, &next);
        rest = next;
        if (slice_starts_nocase(uri, S("mailto:"))) {
            buf_printf(&mail, "%s%.*s", mail.n > 0 ? "," : "", SLICE_ARGS(slice_from(uri, S("mailto:").n)));
            continue;
        }
        enum err err = post(options, uri, packed, &own);
        if (err == ERR_OK) {
            sent++;
            LOG(LOG_INFO, NO_SID, "feedback.report", F_STR("domain", report->due->domain), F_STR("to", uri));
            continue;
        }
        LOG(LOG_WARN, NO_SID, "feedback.not_posted", F_STR("to", uri), F_ERR(&own));
        *error = own;
        last = err;
    }
    if (buf_failed(&mail))
        return fail_nomem(error);
    if (mail.n > 0)
        return send_mail(options, report, buf_slice(&mail), packed, error);
    return sent > 0 ? ERR_OK : last;
}

/* By policy, so that each of them is told once. */
static int compare(const void *a, const void *b)
{
    const struct tls_note *one = &((const struct session_row *)a)->note;
    const struct tls_note *other = &((const struct session_row *)b)->note;
    int order = (int)one->policy - (int)other->policy;
    if (order == 0)
        order = slice_cmp(one->lines, other->lines);
    if (order == 0)
        order = slice_cmp(one->hosts, other->hosts);
    return order != 0 ? order : (int)one->result - (int)other->result;
}

enum err tls_report_send(const struct feedback_options *options, const struct feedback_due *due,
                         const struct feedback_row *rows, size_t count, struct error *error)
{
    CLEANUP(buf_release) struct buf json = BUF(REPORT_MAX);
    CLEANUP(buf_release) struct buf packed = BUF(REPORT_MAX);
    struct tls_report report = {.due = due, .hostname = slice_cstr(options->hostname)};
    report.rows = calloc(count + 1, sizeof(*report.rows));
    if (report.rows == NULL)
        return fail_nomem(error);
    for (size_t i = 0; i < count; i++) {
        report.rows[report.count].count = rows[i].count;
        report.count += tls_note_get(rows[i].bytes, &report.rows[report.count].note);
    }
    qsort(report.rows, report.count, sizeof(*report.rows), compare);
    put_json(&json, &report);
    enum err err = report.count == 0   ? fail(error, ERR_INVALID, NULL, "no row says anything")
                   : buf_failed(&json) ? fail_nomem(error)
                                       : feedback_gzip(buf_slice(&json), &packed, error);
    if (err == ERR_OK)
        err = hand_out(options, &report, buf_slice(&packed), error);
    free(report.rows);
    return err;
}

/*
 * Delivery status notifications (RFC 3461, 3464, 6522): a message from nobody to the sender, which goes
 * through the queue like any other. A message with the null sender is never answered, so reports don't breed.
 */
#include "base/fdio.h"
#include "base/language.h"
#include "mime/compose.h"
#include "mime/header.h"
#include "queue/internal.h"

enum { REPORT_SIZE_MAX = 8 * 1024 * 1024, REPORT_ORIGINAL_MAX = 64 * 1024 };

static const struct {
    const char *subject;
    const char *intro;
} kinds[] = {
    [REPORT_FAILED] = {"Your message could not be delivered", "Your message could not be delivered to:"},
    [REPORT_DELIVERED] = {"Your message was delivered", "Your message was delivered to:"},
    [REPORT_DELAYED] =
        {"Your message is delayed",
         "Your message has not reached these recipients yet. You need not send it again: it is "
         "tried for five days."},
    [REPORT_RELAYED] = {"Your message was passed on",
                        "Your message was passed on to a server that will not report its delivery, for:"},
    [REPORT_TRACED] = {"Your message was passed on", "Your message was passed on to the next server, for:"},
};

/* RFC 3464 2.3.3 */
static const char *const actions[] = {
    [REPORT_FAILED] = "failed",   [REPORT_DELIVERED] = "delivered", [REPORT_DELAYED] = "delayed",
    [REPORT_RELAYED] = "relayed", [REPORT_TRACED] = "relayed",
};

/* Who submits here is told in his language; strangers, and who can't be found any more, in English. */
static struct tongue sender_tongue(const struct queue *queue, const struct entry *entry)
{
    CLEANUP(arena_release) struct arena arena = ARENA(64 * 1024);
    struct account_entry sender;
    struct error error;
    if (entry->envelope.account.v == 0 ||
        account_entry_get(queue->directory, entry->envelope.account, &arena, &sender, &error) != ERR_OK)
        return (struct tongue){0};
    return (struct tongue){language_of(sender.language), true};
}

/* Values come from strangers: one line, no control characters; outside ASCII as '?' (RFC 3464 fields are
 * ASCII). */
static void put_ascii(struct buf *out, struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        buf_putc(out, (unsigned char)s.p[i] < ' ' || (unsigned char)s.p[i] >= 0x7f ? '?' : s.p[i]);
}

static void put_human(struct buf *out, struct tongue tongue, enum report_kind kind,
                      const struct report_item *items, size_t count)
{
    language_put(out, tongue, slice_cstr(kinds[kind].intro));
    buf_put(out, S("\n\n"));
    for (size_t i = 0; i < count; i++) {
        const bool ours = items[i].peer.n == 0;
        buf_printf(out, "  %.*s\n    ", SLICE_ARGS(items[i].recipient->given.address));
        language_put(out, ours ? tongue : (struct tongue){0}, slice_cstr(items[i].diagnostic));
        buf_putc(out, '\n');
    }
    buf_putc(out, '\n');
    language_put(out, tongue, S("The original message, or its header, follows."));
    buf_putc(out, '\n');
}

/* RFC 3464 2.3.5, 2.3.6: another server's words with its name, and by the name of its protocol. */
static void put_diagnostic(struct buf *out, const struct report_item *item, enum report_kind kind)
{
    if (item->peer.n > 0) {
        buf_put(out, S("Remote-MTA: dns; "));
        put_ascii(out, item->peer);
        buf_put(out, S("\r\n"));
    }
    if (kind == REPORT_DELIVERED || kind == REPORT_RELAYED || kind == REPORT_TRACED)
        return;
    buf_put(out, item->peer.n > 0 ? S("Diagnostic-Code: smtp; ") : S("Diagnostic-Code: x-posthorn; "));
    put_ascii(out, slice_cstr(item->diagnostic));
    buf_put(out, S("\r\n"));
}

/* RFC 4865: what was asked for. */
static void put_release(struct buf *out, const struct queue_release *release)
{
    if (release->at_us == 0)
        return;
    buf_put(out, S("Future-Release-Request: "));
    if (release->hold_seconds > 0) {
        buf_printf(out, "for;%u\r\n", release->hold_seconds);
        return;
    }
    buf_put(out, S("until;"));
    mime_date_put_rfc3339(out, (struct mime_date){.seconds = release->at_us / CLOCK_SECOND});
    buf_put(out, S("\r\n"));
}

static void put_status(struct buf *out, const struct queue *queue, const struct entry *entry,
                       enum report_kind kind, const struct report_item *items, size_t count)
{
    buf_printf(out, "Reporting-MTA: dns; %s\r\n", queue->hostname);
    if (entry->envelope.envid.n > 0) {
        buf_put(out, S("Original-Envelope-Id: "));
        put_ascii(out, entry->envelope.envid);
        buf_put(out, S("\r\n"));
    }
    buf_put(out, S("Arrival-Date: "));
    mime_date_put(out, (struct mime_date){.seconds = entry->received_us / CLOCK_SECOND});
    buf_put(out, S("\r\n"));
    put_release(out, &entry->envelope.release);
    if (entry->envelope.by.mode != DELIVER_BY_NONE) { /* RFC 2852 5 */
        buf_put(out, S("Deliver-By-Date: "));
        mime_date_put(out, (struct mime_date){.seconds = entry->envelope.by.until_us / CLOCK_SECOND});
        buf_put(out, S("\r\n"));
    }
    for (size_t i = 0; i < count; i++) {
        const struct queue_recipient *given = &items[i].recipient->given;
        buf_put(out, S("\r\n"));
        if (given->orcpt.n > 0) {
            buf_put(out, S("Original-Recipient: "));
            put_ascii(out, given->orcpt);
            buf_put(out, S("\r\n"));
        }
        buf_put(out, S("Final-Recipient: rfc822; "));
        put_ascii(out, given->address);
        buf_printf(out, "\r\nAction: %s\r\nStatus: %s\r\n", actions[kind], items[i].status);
        put_diagnostic(out, &items[i], kind);
    }
}

static void compose(struct buf *out, const struct queue *queue, const struct entry *entry,
                    enum report_kind kind, const struct report_item *items, size_t count,
                    struct slice message)
{
    CLEANUP(buf_release) struct buf text = BUF(REPORT_SIZE_MAX);
    CLEANUP(buf_release) struct buf daemon = BUF(1024);
    const struct tongue tongue = sender_tongue(queue, entry);
    struct mime_composer composer = MIME_COMPOSER(out);
    buf_printf(&daemon, "MAILER-DAEMON@%s", queue->hostname);
    mime_compose_mailbox(out, "From", S("Mail Delivery System"), buf_slice(&daemon));
    mime_compose_mailbox(out, "To", slice_none(), entry->envelope.sender);
    language_put(&text, tongue, slice_cstr(kinds[kind].subject));
    mime_compose_text_field(out, "Subject", buf_slice(&text));
    buf_clear(&text);
    mime_compose_date(out, "Date", (struct mime_date){.seconds = clock_wall_us() / CLOCK_SECOND});
    buf_put(out, S("Message-ID: "));
    mime_message_id_put(out, slice_cstr(queue->hostname));
    buf_put(out, S("\r\n"));
    mime_compose_field(out, "Auto-Submitted", S("auto-replied"));
    if (entry->envelope.tls_optional)
        mime_compose_field(out, "TLS-Required", S("No")); /* RFC 8689 6 */
    mime_compose_multipart(&composer, "report; report-type=delivery-status");

    mime_compose_part(&composer);
    put_human(&text, tongue, kind, items, count);
    mime_compose_text(&composer, "plain", buf_slice(&text));

    mime_compose_part(&composer);
    buf_clear(&text);
    put_status(&text, queue, entry, kind, items, count);
    mime_compose_status(&composer, "message/delivery-status", buf_slice(&text));

    mime_compose_part(&composer);
    /* RFC 8689 5: of a message that requires TLS only the header comes back, whatever RET says. */
    bool full = kind == REPORT_FAILED && entry->envelope.ret != DSN_RET_HDRS &&
                !entry->envelope.require_tls &&
                (entry->envelope.ret == DSN_RET_FULL || message.n <= REPORT_ORIGINAL_MAX) &&
                message.n <= REPORT_SIZE_MAX / 2;
    if (full)
        mime_compose_original(&composer, message);
    else
        mime_compose_original_header(&composer,
                                     slice_sub(mime_split(message).header, 0, REPORT_ORIGINAL_MAX));
    mime_compose_end(&composer);
}

/* Into the queue like any other message: what is too large for its database by a spool file. */
static enum err hand_in(struct queue *queue, const struct queue_envelope *envelope, struct slice report,
                        struct queue_id *ret_id, struct error *error)
{
    uint64_t spool = 0;
    CLEANUP(fd_close) int fd = -1;
    if (report.n <= QUEUE_INLINE_MAX)
        return queue_accept(queue, envelope, report, 0, ret_id, error);
    enum err err = queue_spool_create(queue, &spool, &fd, error);
    if (err != ERR_OK)
        return err;
    err = fd_write_all(fd, report, error);
    if (err == ERR_OK)
        err = queue_accept(queue, envelope, slice_none(), spool, ret_id, error);
    if (err != ERR_OK)
        queue_spool_drop(queue, spool);
    return err;
}

enum err report_send(struct queue *queue, const struct entry *entry, enum report_kind kind,
                     const struct report_item *items, size_t count, struct slice message, struct error *error)
{
    CLEANUP(buf_release) struct buf out = BUF(REPORT_SIZE_MAX);
    struct queue_recipient recipient = {.address = entry->envelope.sender, .notify = DSN_NEVER};
    struct queue_envelope envelope = {
        .sender = S(""),
        .recipients = &recipient,
        .recipient_count = 1,
        .sid = entry->envelope.sid,
        .protocol = S("ESMTP"),
        .helo = slice_cstr(queue->hostname),
        .smtputf8 = entry->envelope.smtputf8,
        .ours = true,
        .require_tls = entry->envelope.require_tls,
    };
    if (entry->envelope.sender.n == 0)
        return ERR_OK;
    compose(&out, queue, entry, kind, items, count, message);
    if (buf_failed(&out))
        return fail(error, ERR_LIMIT, NULL, "the report would be over %d bytes", REPORT_SIZE_MAX);
    struct history_event told = {.kind = HISTORY_REPORTED, .address = entry->envelope.sender};
    enum err err = hand_in(queue, &envelope, buf_slice(&out), &told.other, error);
    if (err == ERR_OK)
        history_put(queue->history, entry->id, &told);
    return err;
}

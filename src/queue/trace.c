/*
 * Trace fields (RFC 5321 4.4), made from the envelope when a message leaves the queue: so they need no place
 * in it.
 */
#include "mime/compose.h"
#include "mime/header.h"
#include "queue/internal.h"

static void put_text(struct buf *out, struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        buf_putc(out, (unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f ? '?' : s.p[i]);
}

static void put_received(struct buf *out, const struct queue *queue, const struct entry *entry)
{
    const struct queue_envelope *e = &entry->envelope;
    char id[ID_TEXT_MAX];
    id_to_text(entry->id.v, id);
    buf_put(out, S("Received: from "));
    put_text(out, e->helo.n > 0 ? e->helo : S("unknown"));
    /* People who submit are not told the world where they sit. */
    if (e->account.v == 0 && e->peer.n > 0)
        buf_printf(out, " ([%s%.*s])", slice_find_char(e->peer, ':') >= 0 ? "IPv6:" : "",
                   SLICE_ARGS(e->peer));
    buf_printf(out, "\r\n\tby %s (Posthorn) with %.*s id %s", queue->hostname, SLICE_ARGS(e->protocol), id);
    if (e->tls.n > 0)
        buf_printf(out, "\r\n\t(using %.*s)", SLICE_ARGS(e->tls));
    if (entry->recipient_count == 1) {
        buf_put(out, S("\r\n\tfor <"));
        put_text(out, entry->recipients[0].given.address);
        buf_putc(out, '>');
    }
    buf_put(out, S(";\r\n\t"));
    mime_date_put(out, (struct mime_date){.seconds = entry->received_us / CLOCK_SECOND});
    buf_put(out, S("\r\n"));
}

/* RFC 6409 8.1, 8.3: a submission server adds what is missing. The same for each filing: made from the entry.
 */
static void put_missing(struct buf *out, const struct queue *queue, const struct entry *entry,
                        struct slice header)
{
    struct mime_field field;
    if (!mime_field_find(header, S("Date"), &field)) {
        buf_put(out, S("Date: "));
        mime_date_put(out, (struct mime_date){.seconds = entry->received_us / CLOCK_SECOND});
        buf_put(out, S("\r\n"));
    }
    if (!mime_field_find(header, S("Message-ID"), &field)) {
        char id[ID_TEXT_MAX];
        id_to_text(entry->id.v, id);
        buf_printf(out, "Message-ID: <%s.queue@%s>\r\n", id, queue->hostname);
    }
}

void trace_put(struct buf *out, const struct queue *queue, const struct entry *entry, struct slice recipient,
               struct slice message_header)
{
    buf_put(out, S("Return-Path: <"));
    put_text(out, entry->envelope.sender);
    buf_put(out, S(">\r\nDelivered-To: "));
    put_text(out, recipient);
    buf_put(out, S("\r\n"));
    buf_put(out, entry->envelope.results); /* above what it is about (RFC 8601 4.1) */
    put_received(out, queue, entry);
    if (entry->envelope.account.v != 0)
        put_missing(out, queue, entry, message_header);
}

void trace_put_relayed(struct buf *out, const struct queue *queue, const struct entry *entry,
                       struct slice message_header)
{
    buf_put(out, entry->envelope.results);
    put_received(out, queue, entry);
    if (entry->envelope.account.v != 0)
        put_missing(out, queue, entry, message_header);
}

size_t trace_hops(struct slice message)
{
    struct cursor header = cursor_of(mime_split(message).header);
    struct mime_field field;
    size_t hops = 0;
    while (mime_field_next(&header, &field))
        hops += slice_eq_nocase(field.name, S("Received"));
    return hops;
}

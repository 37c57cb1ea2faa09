/*
 * APPEND (RFC 3501 6.3.11, APPENDUID: RFC 4315 3, UTF8: RFC 6855 4) of one or more messages, all or none (RFC
 * 3502).
 *
 * Line ends: a message is stored as it came, byte for byte, as clients compare what they uploaded. Only where
 * a bare LF stands, CRLF is stored, since nothing else may go over the wire in FETCH (RFC 3501 2.2).
 */
#include "imap/session_internal.h"

static size_t count_bare_lf(struct slice message)
{
    size_t count = 0;
    const char *end = message.p + message.n;
    for (const char *p = message.p; (p = memchr(p, '\n', (size_t)(end - p))) != NULL; p++)
        count += p == message.p || p[-1] != '\r';
    return count;
}

static void put_with_crlf(struct buf *out, struct slice message)
{
    struct cursor c = cursor_of(message);
    while (!cursor_done(&c)) {
        struct slice line = cursor_take_until(&c, S("\n"));
        buf_put(out, line);
        if (cursor_skip_char(&c, '\n'))
            buf_put(out, slice_ends(line, S("\r")) ? S("\n") : S("\r\n"));
    }
}

/* A byte above 0x7f in the fields before the first empty line. */
static bool has_high_bytes_in_header(struct slice message)
{
    struct cursor c = cursor_of(message);
    while (!cursor_done(&c)) {
        struct slice line = cursor_take_until(&c, S("\n"));
        if (line.n == 0 || slice_eq(line, S("\r")))
            return false;
        for (size_t i = 0; i < line.n; i++)
            if ((unsigned char)line.p[i] >= 0x80)
                return true;
        cursor_skip_char(&c, '\n');
    }
    return false;
}

static bool acceptable(struct imap_call *call, struct slice message)
{
    if (message.n == 0)
        imap_call_no(call, "CANNOT", "A message of no bytes can't be stored");
    else if (!call->session->utf8_accept && has_high_bytes_in_header(message)) /* RFC 6855 4 */
        imap_call_no(call, "CANNOT", "Header fields beyond ASCII take ENABLE UTF8=ACCEPT first");
    else if (memchr(message.p, 0, message.n) != NULL)
        imap_call_no(call, "CANNOT", "A message may not hold NUL bytes");
    else
        return true;
    return false;
}

/* What is given to the store, and the messages that had to be repaired. */
struct batch {
    struct append_item *items;
    struct append_result *results;
    struct buf *repaired;
    size_t count;
};

static void batch_release(struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++)
        buf_release(&batch->repaired[i]);
}

static bool make_batch(struct imap_call *call, struct batch *batch)
{
    size_t count = call->command.append.count;
    batch->items = arena_array(&call->arena, count, sizeof(*batch->items));
    batch->results = arena_array(&call->arena, count, sizeof(*batch->results));
    batch->repaired = arena_array(&call->arena, count, sizeof(*batch->repaired));
    if (!arena_failed(&call->arena))
        return true;
    imap_call_no(call, "LIMIT", "Too many messages at once");
    return false;
}

static bool add_message(struct imap_call *call, const struct imap_append_message *message,
                        const struct imap_mailbox *mailbox, struct batch *batch)
{
    struct append_item item = {
        .folder = mailbox->folder.id, .body = message->text, .internal_date_us = message->date_us};
    struct buf *repaired = &batch->repaired[batch->count];
    if (!acceptable(call, message->text) ||
        !imap_resolve_new_flags(call, mailbox, &message->flags, &item.flags))
        return false;
    size_t bare = count_bare_lf(message->text);
    *repaired = BUF(message->text.n + bare);
    batch->count++;
    if (bare > 0) {
        put_with_crlf(repaired, message->text);
        item.body = buf_slice(repaired);
    }
    if (buf_failed(repaired)) {
        imap_call_no(call, "SERVERBUG", "out of memory");
        return false;
    }
    batch->items[batch->count - 1] = item;
    return true;
}

static void put_appenduid(struct imap_call *call, const struct batch *batch)
{
    CLEANUP(uid_set_release) struct uid_set uids = {0};
    for (size_t i = 0; i < batch->count; i++)
        uid_set_add(&uids, batch->results[i].uid.v, batch->results[i].uid.v);
    buf_printf(&call->reply.code, "[APPENDUID %u ", batch->results[0].uidvalidity);
    uid_set_print(&uids, &call->reply.code);
    buf_putc(&call->reply.code, ']');
}

void cmd_append(struct imap_session *s, struct imap_call *call)
{
    (void)s;
    CLEANUP(batch_release) struct batch batch = {0};
    struct imap_mailbox mailbox;
    if (!imap_resolve_mailbox(call, call->command.append.mailbox, RIGHT_INSERT, "TRYCREATE", &mailbox) ||
        !make_batch(call, &batch))
        return;
    for (const struct imap_append_message *message = call->command.append.messages; message != NULL;
         message = message->next)
        if (!add_message(call, message, &mailbox, &batch))
            return;
    if (message_append(mailbox.account, batch.items, batch.count, batch.results, &call->error) != ERR_OK ||
        account_sync(mailbox.account, &call->error) != ERR_OK)
        imap_call_failed(call);
    else if ((mailbox.rights & RIGHT_READ) != 0) /* RFC 4315 3 */
        put_appenduid(call, &batch);
}

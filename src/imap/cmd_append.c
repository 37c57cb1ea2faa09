/*
 * APPEND (RFC 3501 6.3.11, APPENDUID: RFC 4315 3, UTF8: RFC 6855 4) of one or more messages, all or none (RFC
 * 3502), also binary ones (RFC 3516 4.4).
 *
 * A message is stored as it came, byte for byte, as clients compare what they uploaded. Only where a bare LF
 * stands, CRLF is stored, since nothing else may go over the wire in FETCH (RFC 3501 2.2); and in a message
 * sent as literal8, parts with NULs are stored in base64 (binary.h).
 */
#include "imap/message_limit.h"
#include "mime/binary.h"

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
    else if (!imap_speaks_utf8(call->session) && imap_has(call->session, S("UTF8=ACCEPT")) &&
             has_high_bytes_in_header(message)) /* RFC 6855 4 */
        imap_call_no(call, "CANNOT", "Header fields beyond ASCII take ENABLE UTF8=ACCEPT first");
    else if (memchr(message.p, 0, message.n) != NULL)
        imap_call_no(call, "CANNOT", "A message may not hold NUL bytes, unless it comes as a literal8");
    else
        return true;
    return false;
}

void imap_batch_release(struct imap_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++)
        buf_release(&batch->made[i]);
}

/* The message that is made takes the place of the one it was made from. */
static bool keep(struct imap_call *call, struct buf *made, struct buf *from_it, struct slice *text)
{
    if (buf_failed(from_it)) {
        imap_call_no(call, "SERVERBUG", "out of memory");
        return false;
    }
    buf_release(made);
    *made = *from_it;
    *from_it = BUF(0);
    *text = buf_slice(made);
    return true;
}

static bool encode_binary(struct imap_call *call, struct buf *made, struct slice *text)
{
    CLEANUP(arena_release) struct arena arena = ARENA(MIME_STRUCTURE_ARENA_MAX);
    CLEANUP(buf_release) struct buf encoded = BUF(SIZE_MAX / 2);
    bool changed;
    enum err err = mime_encode_binary(&arena, &encoded, *text, &changed, &call->error);
    if (err == ERR_UNSUPPORTED)
        imap_call_no(call, "UNKNOWN-CTE", call->error.client);
    else if (err != ERR_OK)
        imap_call_failed(call);
    return err == ERR_OK && (!changed || keep(call, made, &encoded, text));
}

/* The message as it is to be stored: *text borrows from the command or from `made`. */
static bool make_text(struct imap_call *call, const struct imap_append_message *message, uint64_t *left,
                      struct buf *made, struct slice *ret_text)
{
    struct slice text = message->parts->text;
    if (message->catenate) {
        *made = BUF((size_t)*left);
        if (!imap_catenate(call, message, made))
            return false;
        text = buf_slice(made);
        *left -= text.n;
    }
    if ((message->binary && text.n > 0 && !encode_binary(call, made, &text)) || !acceptable(call, text))
        return false;
    size_t bare = count_bare_lf(text);
    if (bare > 0) {
        CLEANUP(buf_release) struct buf repaired = BUF(text.n + bare);
        put_with_crlf(&repaired, text);
        if (!keep(call, made, &repaired, &text))
            return false;
    }
    *ret_text = text;
    return true;
}

bool imap_batch_make(struct imap_call *call, const struct imap_append *append,
                     const struct imap_mailbox *mailbox, struct imap_batch *batch)
{
    /* All that CATENATE makes of small commands is bounded as one literal is. */
    uint64_t left = call->session->message_size_max;
    batch->items = arena_array(&call->arena, append->count, sizeof(*batch->items));
    batch->results = arena_array(&call->arena, append->count, sizeof(*batch->results));
    batch->made = arena_array(&call->arena, append->count, sizeof(*batch->made));
    if (arena_failed(&call->arena)) {
        imap_call_no(call, "LIMIT", "Too many messages at once");
        return false;
    }
    for (const struct imap_append_message *message = append->messages; message != NULL;
         message = message->next) {
        struct append_item *item = &batch->items[batch->count];
        *item = (struct append_item){.folder = mailbox->folder.id,
                                     .person = imap_person(call->session),
                                     .internal_date_us = message->date_us};
        if (!make_text(call, message, &left, &batch->made[batch->count++], &item->body) ||
            !imap_resolve_new_flags(call, mailbox, &message->flags, &item->flags))
            return false;
    }
    return true;
}

void imap_put_appenduid(struct buf *out, const struct imap_batch *batch)
{
    CLEANUP(uid_set_release) struct uid_set uids = {0};
    for (size_t i = 0; i < batch->count; i++)
        uid_set_add(&uids, batch->results[i].uid.v, batch->results[i].uid.v);
    buf_printf(out, "[APPENDUID %u ", batch->results[0].uidvalidity);
    uid_set_print(&uids, out);
    buf_putc(out, ']');
}

void imap_note_brought(struct imap_call *call, const struct imap_mailbox *mailbox,
                       const struct append_result *results, size_t count)
{
    const struct imap_session *s = call->session;
    for (size_t i = 0; i < count && mailbox->account == s->account && mailbox->folder.id.v == s->folder.v;
         i++)
        uid_set_add(&call->brought, results[i].uid.v, results[i].uid.v);
}

void cmd_append(struct imap_session *s, struct imap_call *call)
{
    const struct imap_append *append = &call->command.append;
    CLEANUP(imap_batch_release) struct imap_batch batch = {0};
    struct imap_mailbox mailbox;
    if (!imap_limit_allows(call, imap_save_limit(s), append->count) ||
        !imap_resolve_mailbox(call, append->mailbox, RIGHT_INSERT, "TRYCREATE", &mailbox) ||
        !imap_batch_make(call, append, &mailbox, &batch))
        return;
    if (message_append(mailbox.account, batch.items, batch.count, batch.results, &call->error) != ERR_OK ||
        account_sync(mailbox.account, &call->error) != ERR_OK)
        imap_call_failed(call);
    else
        imap_note_brought(call, &mailbox, batch.results, batch.count);
    if (call->reply.status == IMAP_STATUS_OK && imap_has(s, S("UIDPLUS")) &&
        (mailbox.rights & RIGHT_READ) != 0) /* RFC 4315 3 */
        imap_put_appenduid(&call->reply.code, &batch);
}

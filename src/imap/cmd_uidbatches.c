#include "imap/session_internal.h"

static bool put_batch(struct imap_call *call, struct buf *out, uint64_t batch, bool first)
{
    struct view *view = call->session->view;
    uint64_t size = call->command.batches.size;
    uint32_t exists = view_exists(view);
    uint32_t high_seq = exists - (uint32_t)((batch - 1) * size);
    uint32_t low_seq = high_seq > size ? high_seq - (uint32_t)size + 1 : 1;
    /* They leave no UID out: a batch begins where the one before it ended. */
    struct uid high;
    struct uid low;
    if (view_uid(view, high_seq < exists ? high_seq + 1 : exists, &high, &call->error) != ERR_OK ||
        view_uid(view, low_seq, &low, &call->error) != ERR_OK)
        return false;
    buf_printf(out, "%c%u:%u", first ? ' ' : ',', high_seq < exists ? high.v - 1 : high.v,
               low_seq > 1 ? low.v : 1);
    return true;
}

/* UID ranges of so many messages each, the latest first (RFC 10022 3.1). */
void cmd_uidbatches(struct imap_session *s, struct imap_call *call)
{
    const struct imap_command *command = &call->command;
    uint64_t size = command->batches.size;
    if (size < IMAP_UID_BATCH_MIN) {
        imap_reply_set(&call->reply, IMAP_STATUS_NO, "TOOFEW", "A batch has at least %d messages",
                       IMAP_UID_BATCH_MIN);
        return;
    }
    if (command->batches.first > command->batches.last) {
        imap_reply_set(&call->reply, IMAP_STATUS_BAD, "CLIENTBUG", "The first batch comes before the last");
        return;
    }
    uint64_t count = (view_exists(s->view) + size - 1) / size;
    uint64_t last = MIN(count, (uint64_t)command->batches.last);
    CLEANUP(buf_release) struct buf line = BUF(CONN_OUTPUT_HARD_MAX / 2);
    buf_put(&line, S("* UIDBATCHES (TAG "));
    imap_put_string(&line, command->tag);
    buf_putc(&line, ')');
    for (uint64_t batch = command->batches.first; batch <= last; batch++) {
        if (!put_batch(call, &line, batch, batch == command->batches.first)) {
            imap_call_failed(call);
            return;
        }
    }
    buf_put(&line, S("\r\n"));
    conn_write(s->conn, buf_slice(&line));
}

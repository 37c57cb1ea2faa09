/*
 * APPEND (RFC 3501 6.3.11, APPENDUID: RFC 4315 3).
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

static bool acceptable(struct imap_call *call, struct slice message)
{
    if (message.n == 0)
        imap_call_no(call, "CANNOT", "A message of no bytes can't be stored");
    else if (memchr(message.p, 0, message.n) != NULL)
        imap_call_no(call, "CANNOT", "A message may not hold NUL bytes");
    else
        return true;
    return false;
}

void cmd_append(struct imap_session *s, struct imap_call *call)
{
    struct slice message = call->command.append.message;
    struct folder folder;
    struct flagset flags;
    if (!imap_resolve_folder(call, call->command.append.mailbox, "TRYCREATE", &folder) ||
        !acceptable(call, message) || !imap_resolve_flags(call, &call->command.append.flags, true, &flags))
        return;
    size_t bare = count_bare_lf(message);
    CLEANUP(buf_release) struct buf repaired = BUF(message.n + bare);
    if (bare > 0) {
        put_with_crlf(&repaired, message);
        message = buf_slice(&repaired);
    }
    if (buf_failed(&repaired)) {
        imap_call_no(call, "SERVERBUG", "out of memory");
        return;
    }
    struct append_item item = {
        .folder = folder.id,
        .body = message,
        .flags = flags,
        .internal_date_us = call->command.append.date_us,
    };
    struct append_result result;
    if (message_append(s->account, &item, 1, &result, &call->error) != ERR_OK ||
        account_sync(s->account, &call->error) != ERR_OK) {
        imap_call_failed(call);
        return;
    }
    buf_printf(&call->reply.code, "[APPENDUID %u %u]", result.uidvalidity, result.uid.v);
}

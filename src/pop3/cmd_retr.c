/* RETR and TOP (RFC 1939 5, 7): a message, dots doubled, every line ended by CRLF. */
#include "base/log.h"
#include "pop3/session.h"

/* One line without its end. */
static void put_line(struct buf *out, struct slice line)
{
    if (line.n > 0 && line.p[line.n - 1] == '\r')
        line.n--;
    if (slice_starts(line, S(".")))
        buf_putc(out, '.');
    buf_put(out, line);
    buf_put(out, S("\r\n"));
}

/* Lines of text, at most max of them. */
static void put_lines(struct pop3_session *session, struct slice text, uint64_t max)
{
    struct buf *out = conn_output(session->conn);
    while (text.n > 0 && max > 0 && !conn_broken(session->conn)) {
        struct slice line;
        slice_cut(text, '\n', &line, &text);
        put_line(out, line);
        conn_wrote(session->conn);
        max--;
    }
}

/* The content outlives its place in the Inbox for a while, so that it could be undeleted: who asks for it
 * here must not get what somebody removed. */
static enum err check_place(struct pop3_session *session, const struct pop3_message *message,
                            struct error *error)
{
    CLEANUP(arena_release) struct arena arena = ARENA(64 * 1024);
    CLEANUP(uid_set_release) struct uid_set one = {0};
    struct message *found;
    size_t count;
    uid_set_add(&one, message->uid.v, message->uid.v);
    enum err err = message_list(session->visit.account, session->inbox, &one, WANT_FLAGS, 1, &arena, &found,
                                &count, error);
    return err == ERR_OK && count == 0 ? fail_plain(error, ERR_NOT_FOUND, "removed meanwhile") : err;
}

static bool open_message(struct pop3_session *session, const struct pop3_message *message,
                         struct content *ret_content)
{
    struct error error;
    enum err err = check_place(session, message, &error);
    if (err == ERR_OK)
        err = message_read(session->visit.account, message->object, CONTENT_WHOLE, ret_content, &error);
    if (err == ERR_OK)
        return true;
    if (err == ERR_NOT_FOUND) {
        pop3_refuse(session, "the message was removed meanwhile");
    } else {
        LOG(LOG_ERROR, conn_sid(session->conn), "pop3.read", F_INT("uid", message->uid.v), F_ERR(&error));
        pop3_refuse(session, err == ERR_CORRUPT ? "[SYS/PERM] the message is damaged"
                                                : "[SYS/TEMP] the message can't be read now");
    }
    return false;
}

void pop3_retr(struct pop3_session *session, struct slice argument)
{
    CLEANUP(content_release) struct content content = {0};
    struct pop3_message *message = pop3_find(session, argument);
    if (message == NULL || !open_message(session, message, &content))
        return;
    pop3_ok(session, "%zu octets", content.whole.n);
    put_lines(session, content.whole, UINT64_MAX);
    conn_write(session->conn, S(".\r\n"));
    uid_set_add(&session->seen, message->uid.v, message->uid.v);
}

void pop3_top(struct pop3_session *session, struct slice argument)
{
    CLEANUP(content_release) struct content content = {0};
    struct slice number, lines;
    uint64_t max;
    slice_cut(argument, ' ', &number, &lines);
    if (!slice_to_u64(slice_trim(lines), &max)) {
        pop3_refuse(session, "TOP number lines");
        return;
    }
    struct pop3_message *message = pop3_find(session, number);
    if (message == NULL || !open_message(session, message, &content))
        return;
    pop3_ok(session, "top follows");
    put_lines(session, slice_sub(content.whole, 0, content.header_n), UINT64_MAX);
    put_lines(session, slice_from(content.whole, content.header_n), max);
    conn_write(session->conn, S(".\r\n"));
}

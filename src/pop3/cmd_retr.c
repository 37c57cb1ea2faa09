/* RETR and TOP (RFC 1939 5, 7): a message, dots doubled, every line ended by CRLF. */
#include "base/log.h"
#include "pop3/session.h"
#include "pop3/surrogate.h"

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

/* Lines of text, at most *left of them. */
static void put_lines(struct pop3_session *session, struct slice text, uint64_t *left)
{
    struct buf *out = conn_output(session->conn);
    while (text.n > 0 && *left > 0 && !conn_broken(session->conn)) {
        struct slice line;
        slice_cut(text, '\n', &line, &text);
        put_line(out, line);
        conn_wrote(session->conn);
        --*left;
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

/* A message as this client may see it. */
struct reading {
    struct content content;
    struct surrogate surrogate;
};

static void reading_release(struct reading *reading)
{
    pop3_surrogate_release(&reading->surrogate);
    content_release(&reading->content);
}

static void say_why_not(struct pop3_session *session, const struct pop3_message *message, enum err err,
                        const struct error *error)
{
    if (err == ERR_NOT_FOUND) {
        pop3_cannot(session, "the message was removed meanwhile");
        return;
    }
    LOG(LOG_ERROR, conn_sid(session->conn), "pop3.read", F_INT("uid", message->uid.v), F_ERR(error));
    pop3_cannot(session, err == ERR_CORRUPT ? "[SYS/PERM] the message is damaged"
                                            : "[SYS/TEMP] the message can't be read now");
}

static bool open_message(struct pop3_session *session, const struct pop3_message *message,
                         struct reading *reading)
{
    struct error error;
    enum err err = check_place(session, message, &error);
    if (err == ERR_OK)
        err = message_read(session->visit.account, message->object, CONTENT_WHOLE, &reading->content, &error);
    if (err != ERR_OK) {
        say_why_not(session, message, err, &error);
        return false;
    }
    if (session->utf8)
        return true;
    err = pop3_surrogate_make(reading->content.whole, &reading->surrogate, &error);
    if (err == ERR_LIMIT)
        pop3_cannot(session, "[UTF8] the message can be had after UTF8 only");
    else if (err != ERR_OK)
        say_why_not(session, message, err, &error);
    return err == ERR_OK;
}

static size_t octets(const struct reading *reading)
{
    size_t n = reading->content.whole.n;
    for (size_t i = 0; i < reading->surrogate.count; i++) {
        const struct surrogate_header *header = &reading->surrogate.headers[i];
        n = n - header->n + (header->to - header->from);
    }
    return n;
}

/* Bytes from .. to of the message, with what stands in for some headers. */
static void put_range(struct pop3_session *session, const struct reading *reading, size_t from, size_t to,
                      uint64_t left)
{
    const struct surrogate *surrogate = &reading->surrogate;
    for (size_t i = 0; i < surrogate->count; i++) {
        const struct surrogate_header *header = &surrogate->headers[i];
        if (header->at < from || header->at >= to)
            continue;
        put_lines(session, slice_sub(reading->content.whole, from, header->at - from), &left);
        put_lines(session, slice_sub(buf_slice(&surrogate->texts), header->from, header->to - header->from),
                  &left);
        from = header->at + header->n;
    }
    put_lines(session, slice_sub(reading->content.whole, from, to > from ? to - from : 0), &left);
}

void pop3_retr(struct pop3_session *session, struct slice argument)
{
    CLEANUP(reading_release) struct reading reading = {0};
    struct pop3_message *message = pop3_find(session, argument);
    if (message == NULL || !open_message(session, message, &reading))
        return;
    pop3_ok(session, "%zu octets", octets(&reading));
    put_range(session, &reading, 0, reading.content.whole.n, UINT64_MAX);
    conn_write(session->conn, S(".\r\n"));
    uid_set_add(&session->seen, message->uid.v, message->uid.v);
    session->sent = message->uid;
}

void pop3_top(struct pop3_session *session, struct slice argument)
{
    CLEANUP(reading_release) struct reading reading = {0};
    struct slice number, lines;
    uint64_t max;
    slice_cut(argument, ' ', &number, &lines);
    if (!slice_to_u64(slice_trim(lines), &max)) {
        pop3_refuse(session, "TOP number lines");
        return;
    }
    struct pop3_message *message = pop3_find(session, number);
    if (message == NULL || !open_message(session, message, &reading))
        return;
    pop3_ok(session, "top follows");
    put_range(session, &reading, 0, reading.content.header_n, UINT64_MAX);
    put_range(session, &reading, reading.content.header_n, reading.content.whole.n, max);
    conn_write(session->conn, S(".\r\n"));
}

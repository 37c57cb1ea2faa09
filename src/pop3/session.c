#include "pop3/session.h"

#include <stdlib.h>

#include "base/fdio.h"
#include "base/log.h"

enum { PICTURE_BATCH = 2000, PICTURE_ARENA_MAX = 8 * 1024 * 1024 };

static const struct {
    struct slice name;
    pop3_verb_fn *run;
    bool needs_picture;
} verbs[] = {
#define X(name, handler, picture) {{name, sizeof(name) - 1}, handler, picture},
    POP3_VERB_TABLE(X)
#undef X
};

struct tongue pop3_tongue(const struct pop3_session *session)
{
    return (struct tongue){session->tongue.language, session->tongue.negotiated || session->utf8};
}

static void say(struct pop3_session *session, const char *start, const char *format, va_list args)
{
    CLEANUP(buf_release) struct buf text = BUF(ERROR_CLIENT_MAX);
    buf_vprintf(&text, format, args);
    pop3_put_line(conn_output(session->conn), start, pop3_tongue(session), buf_slice(&text));
    conn_wrote(session->conn);
}

void pop3_ok(struct pop3_session *session, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(session, "+OK", format, args);
    va_end(args);
}

void pop3_refuse(struct pop3_session *session, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(session, "-ERR", format, args);
    va_end(args);
    if (++session->errors >= POP3_ERRORS_MAX)
        conn_close(session->conn);
}

void pop3_cannot(struct pop3_session *session, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(session, "-ERR", format, args);
    va_end(args);
}

struct pop3_message *pop3_find(struct pop3_session *session, struct slice number)
{
    uint32_t n;
    if (!slice_to_u32(slice_trim(number), &n) || n == 0 || n > session->count) {
        pop3_refuse(session, "there is no such message");
        return NULL;
    }
    struct pop3_message *message = &session->messages[n - 1];
    if (message->deleted) {
        pop3_refuse(session, "message %u is deleted", n);
        return NULL;
    }
    return message;
}

static enum err load_batch(struct pop3_session *session, uint32_t from, size_t *cap, uint32_t *ret_last,
                           struct error *error)
{
    CLEANUP(arena_release) struct arena arena = ARENA(PICTURE_ARENA_MAX);
    CLEANUP(uid_set_release) struct uid_set uids = {0};
    struct message *found;
    size_t count;
    uid_set_add(&uids, from, UINT32_MAX);
    enum err err = message_list(session->visit.account, session->inbox, &uids, WANT_FLAGS, PICTURE_BATCH,
                                &arena, &found, &count, error);
    if (err != ERR_OK)
        return err;
    if (session->count + count > *cap) {
        size_t more = MAX(2 * *cap, session->count + count);
        struct pop3_message *messages = realloc(session->messages, more * sizeof(*messages));
        if (messages == NULL)
            return fail_nomem(error);
        session->messages = messages;
        *cap = more;
    }
    for (size_t i = 0; i < count; i++)
        session->messages[session->count++] = (struct pop3_message){
            .uid = found[i].uid, .member = found[i].member, .object = found[i].object, .size = found[i].size};
    *ret_last = count > 0 ? found[count - 1].uid.v : 0;
    return ERR_OK;
}

/* Numbers for all that is in the Inbox now. */
static enum err take_picture(struct pop3_session *session, struct error *error)
{
    CLEANUP(arena_release) struct arena arena = ARENA(64 * 1024);
    struct folder inbox;
    size_t cap = 0;
    enum err err = folder_by_role(session->visit.account, ROLE_FOLDER_INBOX, &arena, &inbox, error);
    if (err != ERR_OK)
        return err;
    session->inbox = inbox.id;
    session->count = 0;
    for (uint32_t from = 1, last = 0; err == ERR_OK; from = last + 1) {
        err = load_batch(session, from, &cap, &last, error);
        if (err != ERR_OK || last == 0 || last == UINT32_MAX)
            break;
    }
    session->loaded = err == ERR_OK;
    return err;
}

static void run_command(struct pop3_session *session, struct slice line)
{
    struct slice name, argument;
    struct error error;
    slice_cut(line, ' ', &name, &argument);
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        if (!slice_eq_nocase(verbs[i].name, slice_trim(name)))
            continue;
        if (verbs[i].needs_picture && !session->loaded && take_picture(session, &error) != ERR_OK) {
            LOG(LOG_WARN, conn_sid(session->conn), "pop3.open_inbox", F_ERR(&error));
            pop3_cannot(session, "[SYS/TEMP] the mailbox can't be opened now");
            return;
        }
        verbs[i].run(session, slice_trim(argument));
        return;
    }
    pop3_refuse(session, "not known");
}

static void on_ready(struct conn *conn, void *context)
{
    struct pop3_session *session = context;
    conn_expect(conn, &session->line.reader, POP3_IDLE_US);
    run_command(session, line_reader_line(&session->line));
}

static void on_failed(struct conn *conn, void *context)
{
    struct pop3_session *session = context;
    conn_expect(conn, &session->line.reader, POP3_IDLE_US);
    pop3_refuse(session, "line too long");
}

/* Nothing is deleted: only QUIT does (RFC 1939 3). */
static void say_goodbye(struct conn *conn, void *context)
{
    pop3_cannot(context, "[SYS/TEMP] goodbye; please come again");
    conn_close(conn);
}

void pop3_keep_seen(struct pop3_session *session)
{
    struct flagset flags = {0};
    struct flag_result result = {0};
    struct error error;
    if (session->seen.count == 0)
        return;
    flag_set(&flags, FLAG_SEEN);
    if (message_flags(session->visit.account, session->inbox, &session->seen, FLAGS_ADD, &flags,
                      (struct change_no){0}, &result, &error) == ERR_OK)
        flag_result_release(&result);
    else
        LOG(LOG_WARN, session->visit.sid, "pop3.seen", F_ERR(&error));
    uid_set_release(&session->seen);
}

static void on_closed(void *context)
{
    struct pop3_session *session = context;
    pop3_keep_seen(session);
    account_unref(session->visit.account);
    line_reader_release(&session->line);
    uid_set_release(&session->seen);
    free(session->messages);
    session->visit.ended(session->visit.context);
    free(session);
}

static const struct conn_handler handler = {
    .protocol = "pop3",
    .ready = on_ready,
    .failed = on_failed,
    .expired = say_goodbye,
    .stopping = say_goodbye,
    .closed = on_closed,
};

enum err pop3_session_start(struct loop *loop, const struct visit *visit, struct error *error)
{
    CLEANUP(fd_close) int fd = visit->fd;
    struct pop3_session *session = calloc(1, sizeof(*session));
    if (session == NULL) {
        account_unref(visit->account);
        visit->ended(visit->context);
        return fail_nomem(error);
    }
    session->visit = *visit;
    session->utf8 = slice_eq(visit->tag, POP3_MODE_UTF8);
    session->tongue = visit->tongue;
    line_reader_init(&session->line, POP3_LINE_MAX);
    struct conn_options options = {
        .sid = visit->sid, .peer = visit->peer, .peer_port = visit->peer_port, .tls_outside = visit->tls};
    enum err err = conn_open(loop, fd_take(&fd), &handler, session, &options, &session->conn, error);
    if (err != ERR_OK)
        return err;
    pop3_ok(session, "logged in");
    conn_expect(session->conn, &session->line.reader, POP3_IDLE_US);
    conn_start(session->conn, visit->pending);
    return ERR_OK;
}

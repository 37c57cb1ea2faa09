#include "imap/session_internal.h"

#include <stdlib.h>

#include "base/fdio.h"
#include "base/log.h"
#include "base/must.h"
#include "imap/message_limit.h"
#include "imap/notify_session.h"
#include "imap/search_context.h"
#include "imap/search_filter.h"

static imap_handler_fn *handler_of(enum imap_verb verb)
{
    static imap_handler_fn *const handlers[] = {
#define X(name, handler, text, grammar, states, flags) \
    [IMAP_VERB_##name] = ((states)&IMAP_AFTER_LOGIN) != 0 ? cmd_##handler : NULL,
        IMAP_VERB_TABLE(X)
#undef X
    };
    return handlers[verb];
}

void imap_close_view(struct imap_session *s)
{
    if (s->view != NULL)
        view_close(take(s->view));
    imap_contexts_release(s);
    uid_set_release(&s->saved);
    s->saved = (struct uid_set){0};
    s->folder = (struct folder_id){0};
    s->account = s->own;
    s->read_only = false;
    s->rights = 0;
}

void imap_bye(struct imap_session *s, const char *text)
{
    if (s->closing)
        return;
    s->closing = true;
    imap_put_line(s, S("*"), "BYE", slice_none(), text);
    conn_close(s->conn);
}

void imap_call_failed(struct imap_call *call)
{
    const struct error *error = &call->error;
    imap_reply_error(&call->reply, error);
    if (error->code == ERR_IO || error->code == ERR_CORRUPT || error->code == ERR_NOMEM)
        LOG(LOG_ERROR, conn_sid(call->session->conn), "imap.failed",
            F_CSTR("command", imap_verb_name(call->command.verb)), F_ERR(error));
}

void imap_call_no(struct imap_call *call, const char *code, const char *text)
{
    imap_reply_set(&call->reply, IMAP_STATUS_NO, code, "%s", text);
}

static void expect_next(struct imap_session *s)
{
    if (s->closing)
        return;
    s->reader.raw = s->idle_tag != NULL;
    conn_expect(s->conn, &s->reader.reader, s->idle_tag != NULL ? IMAP_IDLE_REMINDER_US : IMAP_AUTOLOGOUT_US);
}

/* The tagged line. */
static void answer(struct imap_call *call, struct slice tag)
{
    static const char *const words[] = {"OK", "NO", "BAD"};
    const struct imap_reply *reply = &call->reply;
    struct slice code = buf_failed(&reply->code) ? slice_none() : buf_slice(&reply->code);
    imap_put_line(call->session, tag.n > 0 ? tag : S("*"), words[reply->status], code, reply->text);
}

static void count_error(struct imap_session *s, const struct imap_reply *reply)
{
    s->errors_in_a_row = reply->status == IMAP_STATUS_BAD ? s->errors_in_a_row + 1 : 0;
    if (s->errors_in_a_row >= IMAP_ERRORS_MAX)
        imap_bye(s, "Too many errors");
}

static bool searches(const struct imap_command *command)
{
    return command->verb == IMAP_VERB_SEARCH || command->verb == IMAP_VERB_SORT ||
           command->verb == IMAP_VERB_THREAD || command->verb == IMAP_VERB_ESEARCH;
}

/* It takes or tells message numbers, which ENABLE UIDONLY has ruled out (RFC 9586 3). */
static bool uses_numbers(const struct imap_command *command)
{
    if (command->verb == IMAP_VERB_EXPUNGE)
        return false;
    if ((imap_verb_flags(command->verb) & VERB_UID) && !command->by_uid)
        return true;
    if (command->verb == IMAP_VERB_SELECT || command->verb == IMAP_VERB_EXAMINE)
        return command->select.match_given;
    return searches(command) && command->search.numbers;
}

/* What the verb's row asks for. False: the reply says what is wrong. */
static bool allowed(struct imap_session *s, struct imap_call *call)
{
    enum imap_verb verb = call->command.verb;
    unsigned state = s->view != NULL ? IMAP_IN_SELECTED : IMAP_IN_AUTHENTICATED;
    if (!(imap_verb_states(verb) & state)) {
        imap_reply_set(&call->reply, IMAP_STATUS_BAD, "",
                       imap_verb_states(verb) & IMAP_IN_SELECTED ? "No mailbox is selected"
                                                                 : "You are logged in already");
        return false;
    }
    if ((imap_verb_flags(verb) & VERB_WRITES) && s->read_only) {
        imap_call_no(call, "READ-ONLY", "The mailbox was opened with EXAMINE");
        return false;
    }
    return true;
}

/* Filters may name message numbers too. */
static bool numbers_allowed(struct imap_session *s, struct imap_call *call)
{
    struct imap_command *command = &call->command;
    if (searches(command) && !imap_search_expand(call, &command->search))
        return false;
    if (!s->uidonly || !uses_numbers(command))
        return true;
    imap_reply_set(&call->reply, IMAP_STATUS_BAD, "UIDREQUIRED",
                   "Message numbers are not used after ENABLE UIDONLY");
    return false;
}

/* RFC 3501 7.4.1; RFC 7162 3.2.10.2: a UID SEARCH that names numbers too. */
static bool keeps_numbers(const struct imap_command *command)
{
    return (imap_verb_flags(command->verb) & VERB_KEEPS_NUMBERS) &&
           (!command->by_uid || (searches(command) && command->search.numbers));
}

static void run(struct imap_session *s, struct imap_call *call)
{
    struct imap_parser parser = {.text = cursor_of(imap_reader_text(&s->reader)),
                                 .spool = cursor_of(imap_reader_spool(&s->reader)),
                                 .arena = &call->arena,
                                 .off = slice_cstr(s->off),
                                 .utf8 = imap_speaks_utf8(s)};
    struct imap_command *command = &call->command;
    s->commands++;
    if (!imap_command_parse(&parser, command)) {
        imap_reply_set(&call->reply, parser.limit ? IMAP_STATUS_NO : IMAP_STATUS_BAD,
                       parser.limit ? "LIMIT" : "", "%s", parser.problem);
        return;
    }
    if (!allowed(s, call) || !numbers_allowed(s, call))
        return;
    imap_refresh_rights(s, call);
    if (s->closing) {
        call->reply.none = true;
        return;
    }
    imap_reply_set(&call->reply, IMAP_STATUS_OK, "", "%s completed", imap_verb_name(command->verb));
    imap_notify_act(s);
    handler_of(command->verb)(s, call);
    imap_notify_rest(s);
    imap_tell_normal_name(s, call);
    bool keeps = keeps_numbers(command);
    if (s->closing)
        return;
    imap_send_updates(s, call, !keeps);
    imap_limit_modseq(s);
    imap_notify_tell(s);
    if (call->removed && s->qresync && s->view != NULL && call->reply.status == IMAP_STATUS_OK)
        buf_printf(&call->reply.code, "[HIGHESTMODSEQ %llu]", (unsigned long long)view_change(s->view).v);
    imap_limit_tell(call);
}

struct imap_call imap_call_of(struct imap_session *s)
{
    return (struct imap_call){.session = s,
                              .reply = IMAP_REPLY,
                              .arena = ARENA(IMAP_COMMAND_ARENA_MAX),
                              .progress = {.tongue = imap_tongue(s)}};
}

void imap_call_release(struct imap_call *call)
{
    imap_visited_release(call);
    arena_release(&call->arena);
    uid_set_release(&call->brought);
    buf_release(&call->reply.code);
}

static void ready(struct conn *conn, void *session)
{
    struct imap_session *s = session;
    CLEANUP(imap_call_release) struct imap_call call = imap_call_of(s);
    (void)conn;
    if (s->idle_tag != NULL) {
        imap_idle_input(s, &call);
    } else {
        run(s, &call);
        /* LOGOUT says BYE before its OK. */
        if (!call.reply.none)
            answer(&call, call.command.tag);
        count_error(s, &call.reply);
        if (s->closing)
            conn_close(s->conn);
    }
    imap_reader_clear(&s->reader);
    expect_next(s);
}

static void failed(struct conn *conn, void *session)
{
    struct imap_session *s = session;
    (void)conn;
    enum imap_reader_failure failure = s->reader.failure;
    if (failure == IMAP_READER_FLOOD || s->idle_tag != NULL) {
        imap_bye(s, imap_reader_failure_text(failure));
    } else {
        imap_put_line(s, slice_cstr(s->reader.tag), imap_reader_failure_status(failure), slice_none(),
                      imap_reader_failure_text(failure));
        count_error(s, &(struct imap_reply){.status = IMAP_STATUS_BAD});
    }
    imap_reader_clear(&s->reader);
    expect_next(s);
}

static void notice(struct conn *conn, void *session)
{
    struct imap_session *s = session;
    (void)conn;
    if (s->idle_tag == NULL && s->notify == NULL)
        return;
    CLEANUP(imap_call_release) struct imap_call call = imap_call_of(s);
    imap_refresh_rights(s, &call);
    if (s->closing)
        return;
    imap_send_updates(s, &call, s->idle_tag != NULL || imap_notify_at_once(s));
    imap_limit_modseq(s);
    imap_notify_tell(s);
}

static void expired(struct conn *conn, void *session)
{
    struct imap_session *s = session;
    (void)conn;
    if (s->idle_tag == NULL || ++s->idle_reminders > IMAP_IDLE_REMINDERS_MAX) {
        imap_bye(s, "Logged out for inactivity");
        return;
    }
    imap_put_line(s, S("*"), "OK", slice_none(), "Still here");
    expect_next(s);
}

static void stopping(struct conn *conn, void *session)
{
    (void)conn;
    imap_bye(session, "[UNAVAILABLE] The server is stopping; come back in a moment");
}

static void closed(void *session)
{
    struct imap_session *s = session;
    imap_notify_end(s);
    imap_close_view(s);
    imap_reader_clear(&s->reader);
    free(s->idle_tag);
    free(s->off);
    account_unref(s->own);
    if (s->ended != NULL)
        s->ended(s->context);
    free(s);
}

static const struct conn_handler handler = {
    .protocol = "imap",
    .ready = ready,
    .failed = failed,
    .notice = notice,
    .expired = expired,
    .stopping = stopping,
    .closed = closed,
};

/* On the account's volume, not in memory: each session may have one half sent for as long as it likes. */
static int open_spool(void *context)
{
    const struct imap_session *s = context;
    struct error error;
    int fd = -1;
    if (account_scratch_file(s->own, &fd, &error) != ERR_OK)
        LOG(LOG_ERROR, conn_sid(s->conn), "imap.spool", F_ERR(&error));
    return fd;
}

static enum err no_session(const struct visit *visit, struct error *error)
{
    CLEANUP(fd_close) int fd = visit->fd; /* after the end is told: until then it is watched */
    account_unref(visit->account);
    if (visit->ended != NULL)
        visit->ended(visit->context);
    return fail_nomem(error);
}

static void greet(struct imap_session *s, struct slice tag)
{
    CLEANUP(buf_release) struct buf code = BUF(4096);
    buf_put(&code, S("[CAPABILITY "));
    imap_put_capabilities(&code, true, slice_cstr(s->off), s->settings);
    buf_putc(&code, ']');
    imap_put_line(s, tag, "OK", buf_slice(&code), "Logged in");
}

enum err imap_session_start(struct loop *loop, const struct visit *visit, struct error *error)
{
    struct imap_session *s = calloc(1, sizeof(*s));
    char *off = slice_to_cstr(visit->capabilities_off);
    if (s == NULL || off == NULL) {
        free(s);
        free(off);
        return no_session(visit, error);
    }
    s->off = off;
    s->own = visit->account;
    s->lacks = visit->lacks;
    s->store = visit->store;
    s->directory = visit->directory;
    s->account = s->own;
    s->tongue = visit->tongue;
    s->preferred = visit->preferred;
    s->message_size_max = visit->settings->message_size_max;
    s->settings = visit->settings;
    s->tls = visit->tls;
    s->ended = visit->ended;
    s->context = visit->context;
    s->give_back = visit->give_back;
    s->owner = visit->owner;
    s->peer_port = visit->peer_port;
    imap_reader_init(&s->reader,
                     &(struct imap_reader_limits){.line_max = IMAP_LINE_MAX,
                                                  .literal_max = IMAP_COMMAND_MAX,
                                                  .plus_max = imap_literal_plus_max(visit->capabilities_off),
                                                  .open_spool = open_spool,
                                                  .context = s,
                                                  .message_max = visit->settings->message_size_max});
    struct conn_options conn_options = {
        .sid = visit->sid,
        .peer = visit->peer,
        .peer_port = visit->peer_port,
        .tls_outside = visit->tls,
    };
    enum err err = conn_open(loop, visit->fd, &handler, s, &conn_options, &s->conn, error);
    if (err != ERR_OK)
        return err; /* closed() has freed the session */
    greet(s, visit->tag);
    expect_next(s);
    conn_start(s->conn, visit->pending);
    return ERR_OK;
}

/* After log-in, in store: the account's scripts. */
#include <stdlib.h>

#include "base/fdio.h"
#include "base/log.h"
#include "managesieve/capability.h"
#include "managesieve/managesieve.h"
#include "managesieve/reader.h"
#include "store/script.h"

enum { SESSION_ARENA_MAX = 8 << 20 };

struct managesieve_session {
    struct visit visit; /* account, settings, ended */
    struct conn *conn;
    struct managesieve_reader reader;
    struct arena arena; /* of one command */
    struct buf owner;   /* the account's address */
    unsigned errors;
};

typedef void verb_fn(struct managesieve_session *session, struct cursor *arguments);

static void speak(struct managesieve_session *session, enum words_status status, const char *code,
                  const char *text)
{
    words_answer(session->conn, status, code, session->visit.tongue, slice_cstr(text));
}

static void cannot(struct managesieve_session *session, const char *code, const char *text)
{
    speak(session, WORDS_NO, code, text);
}

/* The client's own mistake. */
static void refuse(struct managesieve_session *session, const char *text)
{
    if (++session->errors < MANAGESIEVE_ERRORS_MAX) {
        speak(session, WORDS_NO, NULL, text);
        return;
    }
    speak(session, WORDS_BYE, NULL, "too many errors");
    conn_close(session->conn);
}

static void done(struct managesieve_session *session)
{
    speak(session, WORDS_OK, NULL, "");
}

/* What store could not do. */
static void tell(struct managesieve_session *session, enum err err, const struct error *error)
{
    switch (err) {
    case ERR_OK:
        done(session);
        return;
    case ERR_NOT_FOUND:
        cannot(session, "NONEXISTENT", error->client);
        return;
    case ERR_EXISTS:
        cannot(session, "ALREADYEXISTS", error->client);
        return;
    case ERR_BUSY:
        cannot(session, "ACTIVE", error->client);
        return;
    case ERR_QUOTA:
        cannot(session, "QUOTA", error->client);
        return;
    case ERR_INVALID:
        refuse(session, error->client);
        return;
    default:
        LOG(LOG_WARN, session->visit.sid, "managesieve.store", F_ERR(error));
        cannot(session, "TRYLATER", "that can't be done now");
    }
}

static bool one_string(struct managesieve_session *session, struct cursor *c, struct slice *ret)
{
    if (words_string(c, &session->arena, ret) && cursor_done(c))
        return true;
    refuse(session, "that needs one string");
    return false;
}

static bool two_strings(struct managesieve_session *session, struct cursor *c, struct slice *ret_first,
                        struct slice *ret_second)
{
    if (words_string(c, &session->arena, ret_first) && words_string(c, &session->arena, ret_second) &&
        cursor_done(c))
        return true;
    refuse(session, "that needs two strings");
    return false;
}

/* --- the commands --- */

static void do_capability(struct managesieve_session *session, struct cursor *arguments UNUSED)
{
    struct managesieve_offer offer = {.owner = buf_slice(&session->owner),
                                      .language = session->visit.tongue.language};
    for (unsigned m = 0; m < SASL_MECHANISMS; m++)
        if (!login_is_off((enum sasl_mechanism)m, session->visit.settings))
            offer.mechanisms |= UINT64_C(1) << m;
    managesieve_put_capabilities(conn_output(session->conn), &offer);
    conn_wrote(session->conn);
    done(session);
}

static void do_noop(struct managesieve_session *session, struct cursor *arguments)
{
    words_noop(session->conn, session->visit.tongue, arguments, &session->arena);
}

static void do_logout(struct managesieve_session *session, struct cursor *arguments UNUSED)
{
    speak(session, WORDS_OK, NULL, "goodbye");
    conn_close(session->conn);
}

static void do_havespace(struct managesieve_session *session, struct cursor *arguments)
{
    struct slice name;
    uint64_t size;
    enum script_room room;
    struct error error;
    if (!words_string(arguments, &session->arena, &name) || !words_number(arguments, &size) ||
        !cursor_done(arguments)) {
        refuse(session, "HAVESPACE needs a name and a size");
        return;
    }
    if (!script_name_is_valid(name)) {
        refuse(session, "A script can't have this name");
        return;
    }
    enum err err = script_room(session->visit.account, name, size, &room, &error);
    if (err != ERR_OK)
        tell(session, err, &error);
    else if (room == SCRIPT_ROOM_NO_SCRIPTS)
        cannot(session, "QUOTA/MAXSCRIPTS", "there are too many scripts");
    else if (room == SCRIPT_ROOM_NO_BYTES)
        cannot(session, size > SIEVE_SCRIPT_MAX ? "QUOTA/MAXSIZE" : "QUOTA",
               "there is no room for such a script");
    else
        done(session);
}

/* Line and column of each thing that is wrong, or doubtful. */
static void say_complaints(struct managesieve_session *session, enum words_status status,
                           const struct sieve_complaints *complaints)
{
    CLEANUP(buf_release) struct buf text = BUF(SIEVE_COMPLAINTS_MAX * (SIEVE_COMPLAINT_MAX + 60));
    sieve_complaints_put(complaints, &text);
    struct slice lines = buf_slice(&text);
    while (slice_ends(lines, S("\n")))
        lines.n--;
    words_answer(session->conn, status, status == WORDS_OK ? "WARNINGS" : NULL, (struct tongue){0}, lines);
}

static void tell_compiled(struct managesieve_session *session, enum err err,
                          const struct sieve_complaints *complaints, const struct error *error)
{
    if (complaints->count > 0 && (err == ERR_OK || err == ERR_INVALID))
        say_complaints(session, err == ERR_OK ? WORDS_OK : WORDS_NO, complaints);
    else
        tell(session, err, error);
}

static void do_putscript(struct managesieve_session *session, struct cursor *arguments)
{
    struct slice name, text;
    struct sieve_complaints complaints;
    struct error error;
    if (!two_strings(session, arguments, &name, &text))
        return;
    enum err err = script_put(session->visit.account, name, text, &complaints, &error);
    tell_compiled(session, err, &complaints, &error);
}

static void do_checkscript(struct managesieve_session *session, struct cursor *arguments)
{
    struct slice text;
    struct sieve_complaints complaints = {0};
    struct sieve_program *program = NULL;
    struct error error;
    if (!one_string(session, arguments, &text))
        return;
    enum err err = sieve_compile(text, SIEVE_ALL, &program, &complaints, &error);
    if (err == ERR_OK)
        sieve_program_free(program);
    tell_compiled(session, err, &complaints, &error);
}

static void do_listscripts(struct managesieve_session *session, struct cursor *arguments UNUSED)
{
    struct script *scripts;
    size_t count;
    struct error error;
    struct buf *out = conn_output(session->conn);
    enum err err = script_list(session->visit.account, &session->arena, &scripts, &count, &error);
    for (size_t i = 0; err == ERR_OK && i < count; i++) {
        words_put_string(out, scripts[i].name);
        buf_put(out, scripts[i].active ? S(" ACTIVE\r\n") : S("\r\n"));
    }
    conn_wrote(session->conn);
    tell(session, err, &error);
}

static void do_setactive(struct managesieve_session *session, struct cursor *arguments)
{
    struct slice name;
    struct error error;
    if (!one_string(session, arguments, &name))
        return;
    enum err err = script_activate(session->visit.account, name.n > 0 ? name : slice_none(), &error);
    tell(session, err, &error);
}

static void do_getscript(struct managesieve_session *session, struct cursor *arguments)
{
    struct slice name, text;
    struct error error;
    struct buf *out = conn_output(session->conn);
    if (!one_string(session, arguments, &name))
        return;
    enum err err = script_get(session->visit.account, name, &session->arena, &text, &error);
    if (err == ERR_OK) {
        buf_printf(out, "{%zu}\r\n", text.n);
        buf_put(out, text);
        buf_put(out, S("\r\n"));
        conn_wrote(session->conn);
    }
    tell(session, err, &error);
}

static void do_deletescript(struct managesieve_session *session, struct cursor *arguments)
{
    struct slice name;
    struct error error;
    if (!one_string(session, arguments, &name))
        return;
    enum err err = script_delete(session->visit.account, name, &error);
    tell(session, err, &error);
}

static void do_renamescript(struct managesieve_session *session, struct cursor *arguments)
{
    struct slice from, to;
    struct error error;
    if (!two_strings(session, arguments, &from, &to))
        return;
    enum err err = script_rename(session->visit.account, from, to, &error);
    tell(session, err, &error);
}

static const struct {
    struct slice name;
    verb_fn *run;
} verbs[] = {
    {{"CAPABILITY", 10}, do_capability},
    {{"HAVESPACE", 9}, do_havespace},
    {{"PUTSCRIPT", 9}, do_putscript},
    {{"LISTSCRIPTS", 11}, do_listscripts},
    {{"SETACTIVE", 9}, do_setactive},
    {{"GETSCRIPT", 9}, do_getscript},
    {{"DELETESCRIPT", 12}, do_deletescript},
    {{"RENAMESCRIPT", 12}, do_renamescript},
    {{"CHECKSCRIPT", 11}, do_checkscript},
    {{"NOOP", 4}, do_noop},
    {{"LOGOUT", 6}, do_logout},
};

static void run_command(struct managesieve_session *session, struct slice text)
{
    struct cursor c = cursor_of(text);
    struct slice name = words_verb(&c);
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        if (slice_eq_nocase(verbs[i].name, name)) {
            verbs[i].run(session, &c);
            return;
        }
    }
    refuse(session, "not known");
}

/* --- the session --- */

static void wait_for_command(struct managesieve_session *session)
{
    conn_expect(session->conn, &session->reader.reader, MANAGESIEVE_IDLE_US);
}

static void on_ready(struct conn *conn UNUSED, void *context)
{
    struct managesieve_session *session = context;
    wait_for_command(session);
    run_command(session, managesieve_reader_text(&session->reader));
    arena_release(&session->arena);
}

static void on_failed(struct conn *conn, void *context)
{
    struct managesieve_session *session = context;
    if (session->reader.flooded) {
        speak(session, WORDS_BYE, NULL, "too much input that can't be used");
        conn_close(conn);
        return;
    }
    wait_for_command(session);
    cannot(session, "QUOTA/MAXSIZE", "the command is too long");
}

static void say_goodbye(struct conn *conn, void *context)
{
    speak(context, WORDS_BYE, "TRYLATER", "goodbye; please come again");
    conn_close(conn);
}

static void on_closed(void *context)
{
    struct managesieve_session *session = context;
    account_unref(session->visit.account);
    managesieve_reader_release(&session->reader);
    arena_release(&session->arena);
    buf_release(&session->owner);
    session->visit.ended(session->visit.context);
    free(session);
}

static const struct conn_handler handler = {
    .protocol = "managesieve",
    .ready = on_ready,
    .failed = on_failed,
    .expired = say_goodbye,
    .stopping = say_goodbye,
    .closed = on_closed,
};

/* For OWNER; without a directory it is left out. */
static void read_owner(struct managesieve_session *session)
{
    struct account_entry entry;
    struct error error;
    if (session->visit.directory != NULL &&
        account_entry_get(session->visit.directory, account_id(session->visit.account), &session->arena,
                          &entry, &error) == ERR_OK)
        buf_put(&session->owner, entry.address);
    arena_release(&session->arena);
}

enum err managesieve_session_start(struct loop *loop, const struct visit *visit, struct error *error)
{
    CLEANUP(fd_close) int fd = visit->fd;
    struct managesieve_session *session = calloc(1, sizeof(*session));
    if (session == NULL) {
        account_unref(visit->account);
        visit->ended(visit->context);
        return fail_nomem(error);
    }
    session->visit = *visit;
    session->arena = ARENA(SESSION_ARENA_MAX);
    session->owner = BUF(ADDRESS_MAX);
    managesieve_reader_init(&session->reader, MANAGESIEVE_LINE_MAX, MANAGESIEVE_LITERALS_MAX);
    struct conn_options options = {
        .sid = visit->sid, .peer = visit->peer, .peer_port = visit->peer_port, .tls_outside = visit->tls};
    enum err err = conn_open(loop, fd_take(&fd), &handler, session, &options, &session->conn, error);
    if (err != ERR_OK)
        return err;
    read_owner(session);
    speak(session, WORDS_OK, NULL, "logged in");
    wait_for_command(session);
    conn_start(session->conn, visit->pending);
    return ERR_OK;
}

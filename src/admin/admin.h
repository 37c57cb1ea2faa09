/*
 * The one interface by which Posthorn is administered: a table of commands, run in the store process for the
 * socket run/admin.sock, or by the command line itself when no server runs.
 *
 * A request is one JSON object on a line: {"command": "account.add", "address": "anna@demo.example", ...}.
 * The answer is JSON objects, each on a line:
 *   {"row": {...}}                          a result, or one of a list
 *   {"progress": {"done": 3, "total": 10}}  during long work
 *   {"message": "..."}                      what was done, for people
 *   {"row": {...}, "bytes": 500}            the same, followed by this many bytes of any kind
 * and always last
 *   {"ok": true}   or   {"ok": true, "clean": false} when a check found something
 *   {"ok": false, "code": "NOT_FOUND", "error": "for the person", "detail": "for the log"}
 *
 * A request may have bytes of its own: their number stands after the object, and they follow the line:
 *   {"command": "import.add", ...} 4711
 *
 * Ownership: whoever makes the context closes what is in it, after the last call. Errors: handlers give the
 * codes of the rooms they call; their client text is the one line for the person. Threads: any number of
 * calls at once. Limits: ADMIN_REQUEST_MAX bytes a request's line, ADMIN_ATTACHED_MAX what follows it,
 * ADMIN_ARENA_MAX bytes of memory a call.
 */
#ifndef POSTHORN_ADMIN_ADMIN_H
#define POSTHORN_ADMIN_ADMIN_H

#include <jansson.h>

#include "directory/directory.h"
#include "health/gather.h"
#include "queue/queue.h"
#include "rt/loop.h"
#include "store/store.h"

enum {
    ADMIN_REQUEST_MAX = 64 * 1024 * 1024,
    ADMIN_ATTACHED_MAX = INT32_MAX, /* the largest message-size-max */
    ADMIN_ARENA_MAX = 512 * 1024 * 1024,
    ADMIN_PAGE = 500, /* rows that are asked of a room at once */
    ADMIN_IDLE_SECONDS = 60,
};

struct settings;
struct admin_sink;

struct admin_context {
    struct store *store;
    struct directory *directory;
    struct queue *queue;       /* NULL only for commands without COMMAND_QUEUE */
    struct gatherer *gatherer; /* NULL but in a running server */
    struct ipc_client *relay;  /* the same */
    /* App passwords were removed, accounts disabled, doors closed: sessions may have to end. NULL: there are
     * none. */
    void (*access_changed)(void *owner);
    /* COMMAND_HERE: the settings, and a way to other commands (running_only: not on the files). Else NULL. */
    const struct settings *settings;
    enum err (*ask)(void *owner, const json_t *request, bool running_only, struct admin_sink *sink,
                    bool *ret_running, struct error *error);
    void *owner;
};

/* --- where the lines of an answer go --- */

struct admin_sink {
    /* One line, borrowed. */
    void (*line)(struct admin_sink *sink, json_t *line);
    /* What follows a line with "bytes", borrowed. NULL: no such line is expected. */
    void (*bytes)(struct admin_sink *sink, struct slice bytes);
};

/* --- what a command looks like --- */

enum argument_kind {
    ARGUMENT_TEXT,
    ARGUMENT_SIZE, /* bytes; K, M, G on the command line */
    ARGUMENT_NUMBER,
    ARGUMENT_YES_NO, /* true or false */
    ARGUMENT_FLAG,   /* true when given */
    ARGUMENT_LIST,   /* several words; on the command line all that are left */
    ARGUMENT_SECRET, /* a password: from standard input or the terminal, never from the command line */
    ARGUMENT_FILE,   /* the content of a text file that the command line names */
};

struct admin_argument {
    const char *name; /* key in the request; --name on the command line unless it is positional */
    enum argument_kind kind;
    bool positional;
    bool required;
    const char *placeholder; /* "NAME@DOMAIN"; NULL for flags and secrets */
    const char *help;
};

enum column_kind {
    COLUMN_TEXT,
    COLUMN_SIZE,
    COLUMN_NUMBER,
    COLUMN_TIME,
    COLUMN_YES_NO,
    COLUMN_LIST,
    COLUMN_OPTION
};

struct admin_column {
    const char *name; /* key in the row */
    const char *heading;
    enum column_kind kind;
};

enum command_flag {
    COMMAND_QUEUE = 1,   /* needs the queue */
    COMMAND_CONFIRM = 2, /* a person at a terminal is asked first, unless --yes */
    COMMAND_ONE = 4,     /* one row, shown as a list of its fields */
    COMMAND_MAY_ASK = 8, /* its password is asked for only with --password-stdin */
    COMMAND_SERVER = 16, /* only a running server can answer */
    COMMAND_HERE = 32,   /* runs in the command line's process, which asks for what it needs */
    COMMAND_INNER = 64,  /* asked by the command line, not by people */
    COMMAND_ALONE = 256, /* likewise in its process, without settings, server or files */
};

struct admin_call;
typedef enum err admin_handler(struct admin_call *call, struct error *error);
struct cli_request;
struct settings;
/* A command that the command line does, by inner commands: its exit status. */
typedef int admin_client(const struct cli_request *request, const struct settings *settings);

struct admin_command {
    const char *name;     /* "account.add": the words of the command line with dots */
    admin_handler *run;   /* or */
    admin_client *client; /* for what is done by the command line */
    const struct admin_command
        *instead; /* with this option the other command is meant; NULL: there is none */
    const char *instead_with;
    const struct admin_argument *arguments; /* ended by a NULL name; NULL: none */
    const struct admin_column *columns;     /* of its rows, ended by a NULL name; NULL: it gives none */
    void (*show)(const json_t *row);        /* a row as text, where that is no table; else NULL */
    unsigned flags;
    const char *summary; /* half a line */
    const char *about;   /* what it does, in sentences */
    const char *example;
};

/* clang-format off */
#define ADMIN_COMMAND_TABLE(X) \
    X(status) \
    X(doctor) \
    X(certificate_list) \
    X(certificate_renew) \
    X(domain_add) \
    X(domain_list) \
    X(domain_remove) \
    X(domain_show) \
    X(domain_records) \
    X(domain_check) \
    X(domain_set) \
    X(domain_catch_all) \
    X(domain_administrator) \
    X(domain_dkim_list) \
    X(domain_dkim_record) \
    X(domain_dkim_add) \
    X(domain_dkim_rotate) \
    X(domain_dkim_activate) \
    X(domain_dkim_remove) \
    X(account_advise) \
    X(account_add) \
    X(account_list) \
    X(account_show) \
    X(account_set) \
    X(account_rename) \
    X(account_forward) \
    X(account_vacation) \
    X(account_send_as) \
    X(account_people) \
    X(account_remove) \
    X(account_password) \
    X(account_check) \
    X(account_reindex) \
    X(account_undelete) \
    X(account_purge) \
    X(account_tidy) \
    X(account_junk_show) \
    X(account_junk_learn) \
    X(account_junk_test) \
    X(account_junk_forget) \
    X(account_import) \
    X(account_export) \
    X(account_app_password_add) \
    X(account_app_password_list) \
    X(account_app_password_remove) \
    X(alias_add) \
    X(alias_list) \
    X(alias_remove) \
    X(group_add) \
    X(group_list) \
    X(group_set) \
    X(group_remove) \
    X(group_member_add) \
    X(group_member_remove) \
    X(share_add) \
    X(share_list) \
    X(share_remove) \
    X(share_seen) \
    X(queue_list) \
    X(queue_show) \
    X(queue_trace) \
    X(queue_flush) \
    X(queue_hold) \
    X(queue_release) \
    X(queue_holds) \
    X(queue_drop) \
    X(queue_destinations) \
    X(destination_set) \
    X(destination_list) \
    X(destination_remove) \
    X(smart_host_set) \
    X(smart_host_list) \
    X(smart_host_remove) \
    X(sieve_check) \
    X(sieve_test) \
    X(sieve_list) \
    X(sieve_show) \
    X(sieve_put) \
    X(sieve_activate) \
    X(sieve_deactivate) \
    X(sieve_remove) \
    X(plan_list) \
    X(plan_show) \
    X(plan_add) \
    X(plan_set) \
    X(plan_remove)
/* clang-format on */
/* What commands of the command line ask; people don't. */
/* clang-format off */
#define ADMIN_INNER_COMMAND_TABLE(X) \
    X(certificate_state) \
    X(certificate_records) \
    X(domain_dkim_use) \
    X(import_open) \
    X(import_look) \
    X(import_add) \
    X(export_folders) \
    X(export_messages)
/* clang-format on */
#define X(name) extern const struct admin_command admin_##name;
ADMIN_COMMAND_TABLE(X)
ADMIN_INNER_COMMAND_TABLE(X)
#undef X
extern const struct admin_command admin_account_import_mail;

/* All of them, in the table's order. */
const struct admin_command *const *admin_commands(size_t *ret_count);
/* By name ("account.add"), inner ones too; NULL: none. */
const struct admin_command *admin_command_find(struct slice name);

/* --- a call --- */

struct admin_call {
    const struct admin_context *context;
    const json_t *request;
    struct slice attached; /* the bytes that came with the request */
    struct admin_sink *sink;
    struct arena arena; /* for what a handler looks up; gone after the call */
    bool unclean;       /* set by a check that found something */
};

/* The argument's value: borrowed from the request. Absent: p NULL, `absent`, -1, false, NULL. */
struct slice call_text(const struct admin_call *call, const char *name);
uint64_t call_number(const struct admin_call *call, const char *name, uint64_t absent);
int call_yes_no(const struct admin_call *call, const char *name);
bool call_flag(const struct admin_call *call, const char *name);
/* The words of a list, in the call's arena. */
enum err call_list(struct admin_call *call, const char *name, struct slice **ret_words, size_t *ret_count,
                   struct error *error) MUST_CHECK;

/* The argument "doors", "imap,submission"; absent: 0. */
enum err call_doors(const struct admin_call *call, unsigned *ret_doors, struct error *error) MUST_CHECK;

/* What was changed may end sessions, and gives open accounts other limits. */
void call_access_changed(const struct admin_call *call);

/* An account has left or come to a domain: its numbers do so, too. What fails is put right at the next start.
 */
void call_moved(const struct admin_call *call, struct account_id id, struct slice from, struct slice to);

/* row: taken; NULL (memory was out, or text that is not UTF-8): ERR_NOMEM. */
enum err call_row(struct admin_call *call, json_t *row, struct error *error) MUST_CHECK;
/* The same with bytes. */
enum err call_row_bytes(struct admin_call *call, json_t *row, struct slice bytes,
                        struct error *error) MUST_CHECK;
void call_progress(struct admin_call *call, uint64_t done, uint64_t total);
void call_message(struct admin_call *call, const char *format, ...) FORMAT(2, 3);
/* JSON text of bytes that should be UTF-8; where they are not, U+FFFD. */
json_t *json_text(struct slice s) MUST_CHECK;
json_t *json_texts(const struct slice *texts, size_t count) MUST_CHECK;
/* The doors' names. */
json_t *json_doors(unsigned doors) MUST_CHECK;

/* --- running --- */

/* Checks the request against its command's arguments, runs it, and ends with the last line. */
void admin_run(const struct admin_context *context, const json_t *request, struct slice attached,
               struct admin_sink *sink);
/* The line {"ok": false, ...}. */
void admin_refuse(struct admin_sink *sink, const struct error *error);
/* The command needs the queue to be there. */
bool admin_needs_queue(const json_t *request);

/*
 * Serves a connection that was accepted on admin.sock, in the store process. Only root, the server's own user
 * and the owner of the socket are listened to. The descriptor is taken, also on failure.
 */
enum err admin_start(struct loop *loop, const struct admin_context *context, int fd,
                     struct error *error) MUST_CHECK;

#endif

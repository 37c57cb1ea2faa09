/*
 * The parts of the command line: reading words, asking for passwords, connecting, showing.
 *
 * Ownership: a cli_request owns its JSON; cli_request_release. Errors: client text is the line for the
 * person.
 */
#ifndef POSTHORN_ADMIN_CLI_PARTS_H
#define POSTHORN_ADMIN_CLI_PARTS_H

#include <stdio.h>

#include "admin/admin.h"
#include "admin/cli.h"
#include "rt/settings.h"

enum { CLI_COLUMNS_MAX = 16, CLI_HELD_ROWS = 1000 };

struct cli_request {
    const struct admin_command *command; /* NULL with help: the noun's */
    json_t *request;
    const char *file; /* of the ARGUMENT_FILE */
    bool help;
    bool json;
    bool yes;
    bool password_stdin;
};
void cli_request_release(struct cli_request *request);

/* argv[0] is the noun. ERR_INVALID says what is wrong, and what was meant. Reads no file and no password. */
enum err cli_parse(int argc, char **argv, struct cli_request *ret_request, struct error *error) MUST_CHECK;

/* "usage: posthorn account add NAME@DOMAIN [--name TEXT] ..." without a line end. */
void cli_usage(const struct admin_command *command, struct buf *out);
void cli_help(const struct admin_command *command, struct buf *out);
/* The verbs of a noun. */
void cli_noun_help(struct slice noun, struct buf *out);

/* What `account advise` was not told: from $LANG, and asked at a terminal. */
enum err cli_advise(struct cli_request *request, struct error *error) MUST_CHECK;
/* Text for a password of another server: asked for once at a terminal, else the first line of standard input.
 * NUL-terminated. */
enum err cli_ask_secret(const char *prompt, bool standard_input, char *ret_secret, size_t size,
                        struct error *error) MUST_CHECK;
/* Puts what the command needs of secrets and files into the request; asks for confirmation. */
enum err cli_complete(struct cli_request *request, struct error *error) MUST_CHECK;

/* --- showing --- */

/* Shows an answer, line by line: it is the sink of a call. */
struct cli_show {
    struct admin_sink sink;
    const struct cli_request *request;
    json_t *rows; /* held back until their widths are known */
    int widths[CLI_COLUMNS_MAX];
    bool headed;
    bool progress_shown;
    bool ended;
    int status;
};
void cli_show_init(struct cli_show *show, const struct cli_request *request);
/* The exit status. */
int cli_show_end(struct cli_show *show);
/* An error of our own side, the same way. */
int cli_show_error(const struct error *error);

/* Text of other people, fit for a terminal. */
void cli_put_safe(struct buf *out, struct slice text);
/* The error that an answer's last line tells of. */
void cli_error_of(const json_t *line, struct error *ret_error);

/* --- doing --- */

/* *ret_fd -1: no server runs. */
enum err cli_connect(const struct settings *settings, int *ret_fd, struct error *error) MUST_CHECK;
enum err cli_send(int fd, const json_t *request, struct slice attached, struct error *error) MUST_CHECK;
/* Requests on the files, one after the other, until fd (taken) is closed. As root, becomes the store's user.
 */
enum err cli_local_serve(const struct settings *settings, int fd, struct error *error) MUST_CHECK;

/* *ret_running false: no server runs, nothing was done. */
enum err cli_remote(const struct settings *settings, const json_t *request, struct admin_sink *sink,
                    bool *ret_running, struct error *error) MUST_CHECK;
/* The lines of an answer, until the last one or the end. */
void cli_read_answer(FILE *from, struct admin_sink *sink);
/* In a process of its own, since on the files root becomes the store's user for good. */
enum err cli_apart(const struct settings *settings, const json_t *request, struct admin_sink *sink,
                   struct error *error) MUST_CHECK;
/* On the files, in this process. */
enum err cli_local(const struct settings *settings, const json_t *request, struct admin_sink *sink,
                   struct error *error) MUST_CHECK;

/* --- commands of the command line itself --- */

admin_client cli_import_mail;
admin_client cli_export;

#endif

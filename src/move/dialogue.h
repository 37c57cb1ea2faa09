/*
 * The dialogue with another IMAP server: commands, their responses, log-in. Used by imap_origin.c.
 *
 * Ownership: dialogue_close. Errors: ERR_DENIED the server said NO or BAD (the client text says what);
 * others end the session. Threads: one at a time. Limits: DIALOGUE_RESPONSES_MAX untagged responses a
 * command, but for those that `each` takes.
 */
#ifndef POSTHORN_MOVE_DIALOGUE_H
#define POSTHORN_MOVE_DIALOGUE_H

#include "move/imap_origin.h"
#include "move/response.h"
#include "move/stream.h"

enum {
    DIALOGUE_UNDER_WAY = 2, /* commands at most */
    DIALOGUE_RESPONSES_MAX = 10000,
    DIALOGUE_COMMAND_MAX = 64 * 1024,
    DIALOGUE_WORDS_MAX = 4000
};

struct dialogue {
    const struct imap_options *options;
    struct resolver *resolver;
    SSL_CTX *context;
    struct source_stream stream;
    struct response_reader *reader;
    struct arena arena; /* of one response */
    unsigned tag;       /* of the command sent last */
    struct buf capabilities;
};

/* Takes an untagged response; *ret_taken false: it is nothing it waits for. */
typedef enum err imap_each(void *context, const struct response *response, bool *ret_taken,
                           struct error *error);

enum err dialogue_create(struct dialogue *session, const struct imap_options *options,
                         struct error *error) MUST_CHECK;
/* Connects, secures, logs in. */
enum err dialogue_start(struct dialogue *session, struct error *error) MUST_CHECK;
void dialogue_close(struct dialogue *session);

bool dialogue_can(const struct dialogue *session, struct slice capability);
/* Sends a command without waiting: its words without tag and line end. */
enum err dialogue_send(struct dialogue *session, struct slice command, struct error *error) MUST_CHECK;
/* Until the tagged end of a command that is under way; its NO or BAD is an error. */
enum err dialogue_finish(struct dialogue *session, imap_each *each, void *context,
                         struct error *error) MUST_CHECK;
/* Both. */
enum err dialogue_ask(struct dialogue *session, struct slice command, imap_each *each, void *context,
                      struct error *error) MUST_CHECK;
/* A string as an argument: quoted, or a literal where it must be. False: it needs a literal. */
bool imap_put_quoted(struct buf *out, struct slice text);
/* The command `verb string`, the string as a literal where it must be. */
enum err dialogue_ask_string(struct dialogue *session, const char *verb, struct slice string, imap_each *each,
                             void *context, struct error *error) MUST_CHECK;

#endif

/*
 * A run of a program over a message: the state that commands and tests share. Of this room only.
 *
 * Ownership: `scratch` lives until the next command or test starts, so a command that runs others keeps
 * nothing in it; what must last is in bufs of the run or in the result's arena. Errors: run_fail for what the
 * script did wrong; any other error is the host's or memory's and ends the run.
 */
#ifndef POSTHORN_SIEVE_RUN_H
#define POSTHORN_SIEVE_RUN_H

#include "mime/structure.h"
#include "sieve/verb.h"

/* What the last successful :matches took (RFC 5229 3.2). */
struct match_variables {
    struct buf text;
    struct {
        size_t at;
        size_t n;
    } items[SIEVE_MATCH_VARIABLES];
    size_t count;
};

/* One script that runs: the main one, or an included one (RFC 6609). */
struct frame {
    const struct sieve_program *program;
    struct frame *outer;
    struct slice name; /* p NULL: not known */
    bool global;       /* from the site's scripts, not the person's */
    uint64_t enabled;  /* extensions */
    struct loop
        *part; /* of the script around: its part is this script's message (RFC 6609 3.5); may be NULL */
    struct buf own[SIEVE_VARIABLES_MAX];
    bool defined[SIEVE_VARIABLES_MAX];          /* own ones that were set */
    struct buf *variables[SIEVE_VARIABLES_MAX]; /* own, or shared among scripts */
    struct match_variables matches;
};

struct shared_variable {
    struct slice name; /* borrowed from a program */
    struct buf value;
};

struct included {
    struct slice name;
    bool global;
};

struct run {
    struct frame *frame; /* the innermost */
    size_t depth;
    struct shared_variable shared[SIEVE_VARIABLES_MAX];
    size_t shared_count;
    struct included included[SIEVE_INCLUDES_MAX];
    size_t included_count;
    bool returned;
    const struct sieve_input *input;
    const struct sieve_host *host;
    struct sieve_result *result;
    struct arena scratch;
    uint32_t line; /* of the node at hand */
    uint32_t steps;
    int64_t work; /* left, in bytes to look at */
    bool failed;  /* the script's own fault; the result says how */
    bool stopped;

    struct buf flags; /* the internal variable of RFC 5232 */

    struct slice header; /* of the message as the script has made it so far */
    struct slice body;
    struct slice message;    /* both together; p NULL: to be made (edit.h) */
    struct slice text;       /* the message but for changes of its own header: what `structure` is of */
    struct buf drafts[2];    /* `text` after a part was replaced; the other one is for the next change */
    struct slice unenclosed; /* the message before enclose (RFC 5703 6); p NULL: was not enclosed */
    struct arena structure_arena;
    const struct mime_part *structure; /* NULL: not parsed yet */
    uint64_t generation;               /* another one after each change of text */
    struct loop *loop;                 /* the innermost foreverypart; NULL: none */
    const struct loop *breaking;       /* the one that a break ends */
    struct buf decoded;                /* the value that is being compared */

    struct sieve_action actions[SIEVE_ACTIONS_MAX];
    size_t action_count;
    struct sieve_tracked tracked[SIEVE_TRACKED_MAX];
    size_t tracked_count;
    bool keep_cancelled;
    bool vacation_ran; /* whether or not it replies */
};

/* The script fails here; returns ERR_INVALID. */
enum err run_fail(struct run *run, struct error *error, const char *format, ...) FORMAT(3, 4) MUST_CHECK;
/* Memory or the budget of work is gone: the script's fault, too. */
enum err run_too_much(struct run *run, struct error *error) MUST_CHECK;
enum err run_spend(struct run *run, size_t bytes, struct error *error) MUST_CHECK;
void run_trace(struct run *run, struct slice what, const char *format, ...) FORMAT(3, 4);
bool run_traced(const struct run *run);

enum err run_commands(struct run *run, const struct node *first, struct error *error) MUST_CHECK;
enum err run_test(struct run *run, const struct node *node, bool *ret, struct error *error) MUST_CHECK;

/* Texts with their variables, in scratch or borrowed from the program. */
enum err run_text(struct run *run, const struct text *text, struct slice *ret,
                  struct error *error) MUST_CHECK;
enum err run_texts(struct run *run, const struct value *value, const struct slice **ret,
                   struct error *error) MUST_CHECK;
/* The one text of an argument; p NULL when it was not given. */
enum err run_argument(struct run *run, const struct node *node, enum slot slot, struct slice *ret,
                      struct error *error) MUST_CHECK;
/* Cut to SIEVE_VARIABLE_MAX at a character's end (RFC 5229 6). */
void run_set_variable(struct run *run, struct buf *variable, struct slice value);
/* The variable of that name; NULL: this program has none. */
struct buf *run_variable(struct run *run, struct slice name);
/* The program's number of it; SIEVE_VARIABLES_MAX: none. */
uint32_t run_variable_number(const struct run *run, struct slice name);
/* The variable that scripts share; NULL: there are too many. */
struct buf *run_shared_variable(struct run *run, struct slice name);
/* A script starts and ends; false: memory is out. */
bool run_enter(struct run *run, const struct sieve_program *program, struct slice name,
               bool global) MUST_CHECK;
void run_leave(struct run *run);

/* The structure of the message. */
enum err run_structure(struct run *run, const struct mime_part **ret, struct error *error) MUST_CHECK;
/* The raw values of a header's fields named in SLOT_HEADERS, by :index and :last; in scratch. */
enum err run_fields(struct run *run, const struct node *node, struct slice header, const struct slice **ret,
                    size_t *ret_count, struct error *error) MUST_CHECK;

/* Adds an action of the node at hand. ERR_INVALID when there are too many. */
enum err run_act(struct run *run, struct sieve_action action, struct error *error) MUST_CHECK;
bool run_has_action(const struct run *run, enum sieve_action_kind kind);
/* A copy in the result. */
enum err run_keep_text(struct run *run, struct slice text, struct slice *ret, struct error *error) MUST_CHECK;

#endif

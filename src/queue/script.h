/*
 * Running the account's Sieve script on a message that is filed. Private to the queue room.
 *
 *   script_run.c     which script, its input; what its actions come to stands in filing->plan
 *   script_world.c   what the script may ask of the account
 *   script_act.c     one function for each kind of action
 *   script_away.c    the reply of an owner who is out of office
 *   script_notice.c  what the owner is told of a script that failed
 *
 * Ownership: a run lives as long as script_plan; what it makes lives in the plan. Errors: ERR_INVALID from an
 * action is the script's own fault, by which it fails; any other error puts the filing off.
 */
#ifndef POSTHORN_QUEUE_SCRIPT_H
#define POSTHORN_QUEUE_SCRIPT_H

#include "queue/file.h"
#include "store/script.h"

enum { SCRIPT_PROGRAMS_MAX = 64 /* scripts that one run may include */ };

struct script_loaded {
    struct slice name;
    struct sieve_program *program; /* NULL: there is none of that name */
};

struct script_run {
    struct batch *batch;
    const struct target *target;
    struct filing *filing;
    struct filing_plan *plan;
    struct account_entry owner;
    struct slice delivery_id;
    struct buf joined;
    struct slice message;  /* as it will be filed: the trace fields and what came; p NULL: not asked yet */
    struct script script;  /* that runs */
    size_t onwards_before; /* of the batch */
    bool passed_on;        /* by redirect */
    bool spoken;           /* by reject, ereject or vacation, whether or not the sender had to hear it */
    struct script_loaded loaded[SCRIPT_PROGRAMS_MAX];
    size_t loaded_count;
};

/* What a run needs to know of message and owner; before the first one. */
enum err script_ready(struct script_run *run, struct error *error) MUST_CHECK;
/* What the program comes to; nothing of it is done. The result is its caller's. */
enum err script_execute(struct script_run *run, const struct sieve_program *program,
                        struct sieve_result *ret_result, struct error *error) MUST_CHECK;
struct sieve_host script_world(struct script_run *run) NONNULL;
/* Carries out one action, as far as the plan goes. */
enum err script_act(struct script_run *run, const struct sieve_action *action,
                    struct error *error) MUST_CHECK;
/* A copy as it came, into the Inbox, or where junk goes. */
enum err script_keep(struct script_run *run, bool junk, struct error *error) MUST_CHECK;
/* Behind all else: a reply, if the owner is out of office and the message wants one. */
enum err script_answer_away(struct script_run *run, struct error *error) MUST_CHECK;
/* The owner is told in his language; once for each version of a script. */
enum err script_tell_owner(struct script_run *run, uint32_t line, const char *failure,
                           struct error *error) MUST_CHECK;

static inline void script_put_lower(struct buf *out, struct slice text)
{
    for (size_t i = 0; i < text.n; i++)
        buf_putc(out, ascii_lower(text.p[i]));
}
/* A key to be remembered, of what, and of two texts. */
void script_key(const char *kind, struct slice a, struct slice b, struct remembered *ret) NONNULL;
/* Whether another delivery noted it. */
enum err script_knows(struct script_run *run, const struct remembered *item, bool *ret,
                      struct error *error) MUST_CHECK;
/* Notes it with this delivery, for so long. */
enum err script_remember(struct script_run *run, struct remembered item, uint64_t seconds,
                         struct error *error) MUST_CHECK;

#endif

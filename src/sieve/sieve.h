/*
 * Sieve (RFC 5228 and its extensions): compiling a person's script, and running it on a message.
 *
 * Purpose: this room reads, checks and interprets; it changes nothing. What a script wants done comes back as
 * a list of actions, and what it asks of the world it asks its host (struct sieve_host). So one script can be
 * run at delivery, tried at the command line, and fuzzed.
 *
 * Ownership: a program and a result are their caller's: sieve_program_free, sieve_result_release. The texts
 * of a result live in it, or borrow from the input; both must outlive their use. Errors: a script that is
 * wrong is ERR_INVALID with complaints, each with line and column. A script that fails while it runs is no
 * error of sieve_run: the result says so, and its only action is the implicit keep (RFC 5228 2.10.6). An
 * error of sieve_run means that the host failed or memory is out: try the delivery again later. Threads: a
 * program never changes and may run in any number of threads at once; a result is its caller's. Limits: named
 * here; a script that passes one at compile time is wrong, at run time it fails.
 */
#ifndef POSTHORN_SIEVE_SIEVE_H
#define POSTHORN_SIEVE_SIEVE_H

#include "base/arena.h"
#include "base/error.h"
#include "sieve/extension.h"

enum {
    SIEVE_SCRIPT_MAX = 1 << 20, /* bytes of a script */
    SIEVE_CODE_MAX = 8 << 20,   /* bytes of its byte code */
    SIEVE_NESTING_MAX = 32,     /* blocks within blocks, tests within tests */
    SIEVE_COMPLAINTS_MAX = 20,  /* told of one script */
    SIEVE_COMPLAINT_MAX = 160,  /* bytes of one, with its NUL */
    SIEVE_VARIABLES_MAX = 256,  /* names in a script */
    SIEVE_VARIABLE_NAME_MAX = 64,
    SIEVE_VARIABLE_MAX = 16384,  /* bytes of a value; longer ones are cut (RFC 5229 6) */
    SIEVE_MATCH_VARIABLES = 32,  /* ${0} to ${31} */
    SIEVE_TEXT_MAX = 1 << 20,    /* bytes that one string of a script may become */
    SIEVE_REDIRECTS_MAX = 10,    /* of one run, if the input doesn't say */
    SIEVE_ACTIONS_MAX = 64,      /* likewise */
    SIEVE_NOTIFICATIONS_MAX = 5, /* likewise */
    SIEVE_INCLUDE_DEPTH_MAX = 8, /* scripts in scripts below the main one (RFC 6609 3.1) */
    SIEVE_INCLUDES_MAX = 100,    /* of one run */
    SIEVE_FLAGS_MAX = 100,       /* of one message */
    SIEVE_FLAG_NAME_MAX = 100,   /* bytes; longer flags are ignored */
    SIEVE_FAILURE_MAX = 300,     /* bytes of the text of a failure */
    SIEVE_STEPS_MAX = 100000,    /* commands and tests of one run */
    SIEVE_RUN_MEMORY_MAX = 96 << 20,
    SIEVE_VACATION_DAYS_MAX = 365,
    SIEVE_TRACKED_MAX = 32, /* `duplicate` tests of one run */
    SIEVE_TRACKED_SECONDS_MAX = 90 * 86400,
    SIEVE_TRACKED_SECONDS = 7 * 86400, /* without :seconds */
    SIEVE_SCRIPT_NAME_MAX = 512,       /* bytes (RFC 5804 1.6 wants room for 128 characters) */
    SIEVE_VACATION_DAYS = 7,           /* without :days or :seconds */
};
/* Bytes of text that a run may look at, counted again for each comparison. */
#define SIEVE_WORK_MAX (INT64_C(2) << 30)

/* --- compiling --- */

struct sieve_complaint {
    uint32_t line;   /* from 1 */
    uint32_t column; /* in bytes, from 1 */
    bool warning;
    char text[SIEVE_COMPLAINT_MAX];
};

/* What is wrong with a script, in the order of its text. */
struct sieve_complaints {
    size_t count;
    struct sieve_complaint items[SIEVE_COMPLAINTS_MAX];
};

struct sieve_program;

/* allowed: the extensions a script may require. ERR_INVALID: see the complaints, which may hold warnings when
 * all is well. */
enum err sieve_compile(struct slice script, uint64_t allowed, struct sieve_program **ret,
                       struct sieve_complaints *ret_complaints, struct error *error) NONNULL MUST_CHECK;
void sieve_program_free(struct sieve_program *program);
/* One line a complaint, "line 3, column 7: ..."; for ManageSieve and the command line. */
void sieve_complaints_put(const struct sieve_complaints *complaints, struct buf *out) NONNULL;

/* The byte code, for a database. Only the same version of this room reads it again. */
void sieve_program_put(const struct sieve_program *program, struct buf *out) NONNULL;
/* ERR_VERSION: another version made it, compile the script again; ERR_CORRUPT: nobody made it. */
enum err sieve_program_load(struct slice code, struct sieve_program **ret,
                            struct error *error) NONNULL MUST_CHECK;

/* --- the message and its circumstances --- */

struct sieve_input {
    struct slice message; /* as it will be filed */
    /* Addresses without their brackets; the null sender is "". p NULL: not known, as when a stored message is
     * filtered. */
    struct slice envelope_from;
    struct slice envelope_to; /* the recipient that led here, before aliases */

    struct slice owner_name;       /* for From of what is sent; may be empty */
    struct slice owner_address;    /* the account's own address */
    const struct slice *addresses; /* all that are the owner's, aliases too; may hold owner_address */
    size_t address_count;
    struct slice hostname;   /* for Message-IDs */
    struct slice separators; /* between user and detail of an address (RFC 5233); empty: "+" */

    int64_t now;          /* seconds since 1970 UTC; one moment for the whole run (RFC 5260 5) */
    int32_t zone_minutes; /* the local zone, east of UTC */

    struct slice script_name; /* of this script among the person's; p NULL: not known */
    bool spam_tested;
    unsigned spam_percent; /* 0 (no spam) to 100 */
    unsigned virus;        /* RFC 5235 2.3: 0 not tested, 1 none, 2 to 4 cured or suspected, 5 surely */

    size_t redirects_max;     /* 0: SIEVE_REDIRECTS_MAX */
    size_t actions_max;       /* 0: SIEVE_ACTIONS_MAX */
    size_t notifications_max; /* 0: SIEVE_NOTIFICATIONS_MAX */
};

/* --- the host --- */

/* What a script asks of the world. A function may be NULL: then the answer is no. An error other than ERR_OK
 * ends the run and comes out of sieve_run. */
struct sieve_host {
    void *context;
    /* Whether the owner has this mailbox and may write to it (RFC 5490 3.1); by name, or by OBJECTID (RFC
     * 9042). */
    enum err (*mailbox_exists)(void *context, struct slice mailbox, bool *ret, struct error *error);
    enum err (*mailbox_id_exists)(void *context, struct slice id, bool *ret, struct error *error);
    /* Whether this mailbox, or with p NULL any, has the special use "\\Junk" (RFC 8579). */
    enum err (*special_use)(void *context, struct slice mailbox, struct slice use, bool *ret,
                            struct error *error);
    /* The value of an annotation, "/private/comment", of a mailbox, or with p NULL of the server (RFC 5464).
     * *ret_found false: there is none. */
    enum err (*metadata)(void *context, struct slice mailbox, struct slice entry, struct buf *out,
                         bool *ret_found, struct error *error);
    /* Items of RFC 5183 4.1 that this room does not know: "remote-host", "remote-ip" ... */
    enum err (*environment)(void *context, struct slice item, struct buf *out, bool *ret_found,
                            struct error *error);
    /* Whether this id is remembered (RFC 7352); see sieve_result.tracked. */
    enum err (*duplicate)(void *context, struct slice id, bool *ret, struct error *error);
    /* Another script, the person's or the site's; *ret NULL: there is none. Borrowed until the run ends.
     * ERR_INVALID: it does not compile. */
    enum err (*script)(void *context, struct slice name, bool global, const struct sieve_program **ret,
                       struct error *error);
    /* Each command and test that is run, for a person who tries a script: the line, what it is, and what came
     * of it. Borrowed texts. */
    void (*trace)(void *context, uint32_t line, struct slice what, struct slice outcome);
};

/* --- the result --- */

#define SIEVE_ACTION_TABLE(X) \
    X(KEEP, "keep")           \
    X(FILEINTO, "fileinto")   \
    X(REDIRECT, "redirect")   \
    X(REJECT, "reject")       \
    X(EREJECT, "ereject")     \
    X(VACATION, "vacation")   \
    X(NOTIFY, "notify")

enum sieve_action_kind {
#define X(name, text) SIEVE_ACTION_##name,
    SIEVE_ACTION_TABLE(X)
#undef X
};
const char *sieve_action_name(enum sieve_action_kind kind);

struct sieve_action {
    enum sieve_action_kind kind;
    uint32_t line; /* of the script; 0: the implicit keep */
    struct slice
        message; /* what is to be filed or sent on; borrowed from the input unless the script changed it */

    /* KEEP, FILEINTO */
    struct slice mailbox; /* FILEINTO: UTF-8, as the script wrote it */
    bool create;          /* make the mailbox if there is none (RFC 5490 3.2) */
    struct slice
        mailbox_id; /* if there is one with this OBJECTID, it goes there instead; p NULL: not given */
    struct slice special_use;  /* likewise, with "\\Junk" */
    const struct slice *flags; /* valid IMAP flag names, each once */
    size_t flag_count;

    /* REDIRECT */
    struct slice address; /* local@domain */

    /* REJECT, EREJECT */
    struct slice reason; /* UTF-8; to be told to the sender (RFC 5429) */

    /*
     * VACATION: `reply` is a whole message to `address`, to be sent with the null sender, unless one of the
     * same handle went to this address (compare without case) less than `seconds` ago; if it is sent, that is
     * to be remembered (RFC 5230 4.2). With seconds 0 it is always sent (RFC 6131 2).
     */
    struct slice handle; /* 64 hex digits */
    uint64_t seconds;
    struct slice reply;
    /* With mailbox.p not NULL, a copy of the reply, if it is sent, is filed there as FILEINTO would (RFC
     * 8580). */

    /* NOTIFY: `reply` is a whole message, to be sent once to each of these, and never again (RFC 5436 2.7).
     */
    struct slice sender; /* of its envelope; "": the null sender */
    const struct slice *recipients;
    size_t recipient_count;
};

/* What `duplicate` saw (RFC 7352): to be remembered from now on for so long, once the message is filed. */
struct sieve_tracked {
    struct slice id; /* 64 hex digits */
    uint64_t seconds;
};

/* What is to be done, in this order. No action: the message is thrown away. */
struct sieve_result {
    struct arena arena;
    const struct sieve_action *actions;
    size_t count;
    const struct sieve_tracked *tracked;
    size_t tracked_count;
    bool failed;           /* the script failed at run time: one action, the implicit keep */
    uint32_t failure_line; /* 0: none */
    char failure[SIEVE_FAILURE_MAX];
    char note[SIEVE_FAILURE_MAX]; /* why a vacation did not reply, or a notify told nobody; else empty */
};

enum err sieve_run(const struct sieve_program *program, const struct sieve_input *input,
                   const struct sieve_host *host, struct sieve_result *ret,
                   struct error *error) NONNULL MUST_CHECK;
void sieve_result_release(struct sieve_result *result) NONNULL;

#endif

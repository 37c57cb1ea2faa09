/*
 * Inside the check: what its files share. The contract is check.h.
 *
 * A check works on its own connection to the account's database; nobody else may have the account open. Every
 * whole pack record is noted in the temporary table `whole` of that connection, so that most of what must
 * hold between rows, and between rows and packs, is a query, and its repair a statement (check_rules.c).
 *
 * States: a first pass finds (quietly, when a repair may follow); a repair makes a second database, copies
 * what can be read, and runs the same rules on it in fixing mode, which report what they mend (repair.c).
 */
#ifndef POSTHORN_STORE_CHECK_RUN_H
#define POSTHORN_STORE_CHECK_RUN_H

#include "store/check.h"
#include "store/pack.h"
#include "store/volume.h"

enum { CHECK_NAME_SIZE = 128, CHECK_TEXT_SIZE = 256 };

enum check_mode { CHECK_REPORTS, CHECK_QUIET, CHECK_FIXES };

struct check {
    struct volume *volume;
    struct account_id id;
    const struct check_options *options;
    struct check_result result;
    enum check_mode mode;
    struct packs *packs;
    struct database database;     /* the one looked at: the account's, or the one a repair makes */
    struct pack_mark mark;        /* what the account had synced */
    bool has_database;            /* it could be opened */
    bool incomplete;              /* its pages are damaged: rows may be missing */
    char damage[CHECK_TEXT_SIZE]; /* what is wrong with its pages */
    bool anew;                    /* the repair's database began without any folder */
    uint64_t found;               /* what a repair would have to mend */
    uint64_t done, total;         /* bytes of packs */
    struct arena packs_hurt;      /* numbers of packs with damaged places */
    uint32_t *hurt;
    size_t hurt_count;
};

/* The account must not be open: check_account sees to that. */
enum err check_run(struct volume *volume, struct account_id id, const struct check_options *options,
                   struct check_result *ret_result, struct error *error) MUST_CHECK;

/* "accounts/ab/<id>/" and a file's name. */
void check_name(const struct check *check, const char *file, char ret_name[static CHECK_NAME_SIZE]);
/* Counts a finding and reports it, unless quiet. repaired: in fixing mode. */
void check_found(struct check *check, const char *what, const char *where, const char *problem, bool lost);
/* A finding about the database's pages: rows may be missing. */
void check_damaged(struct check *check, const char *problem);
/* Scans the packs into `whole` on check->database, reporting damaged records. */
enum err check_packs(struct check *check, struct error *error) MUST_CHECK;

enum err check_exec(struct check *check, const char *sql, struct error *error) MUST_CHECK;
enum err check_prepare(struct check *check, const char *sql, sqlite3_stmt **ret_statement,
                       struct error *error) MUST_CHECK;
void check_finalize(sqlite3_stmt **statement); /* for CLEANUP */
/* SQLITE_ROW or SQLITE_DONE, else an error. */
enum err check_step(struct check *check, sqlite3_stmt *statement, bool *ret_row,
                    struct error *error) MUST_CHECK;

/* All that must hold between rows. */
enum err check_rules(struct check *check, struct error *error) MUST_CHECK;
/* What each person has seen: check_seen.c. */
enum err check_seen(struct check *check, struct error *error) MUST_CHECK;
/* Rows of objects against what their bytes say; makes missing ones in fixing mode. */
enum err check_objects(struct check *check, struct error *error) MUST_CHECK;
/* Fixing mode on an incomplete database: records that no row names become messages again. */
enum err check_salvage(struct check *check, struct error *error) MUST_CHECK;

/* The second database, its filling, and the exchange. */
enum err repair_account(struct check *check, struct error *error) MUST_CHECK;
/* Ends an exchange that a crash cut short. */
enum err repair_resume(struct check *check, struct error *error) MUST_CHECK;

#endif

/*
 * `posthorn account check NAME [--repair]`: verifies every record of an account, names what is damaged, and
 * salvages the rest.
 *
 * Checks: SQLite's own integrity; every pack record's checksum and length; every object's bytes there;
 * members point to objects and folders; counters equal the rows; UIDs below UIDNEXT, none twice; derived
 * values equal what parsing gives again; change numbers not above the account's; no record without an owner
 * beyond what compaction will remove; every text of every message in the search index, if there is one.
 * Repair never touches what is whole: it writes a new database beside the old (kept as account.db.damaged-N),
 * takes over every readable row, rebuilds the rest from the packs (each record names its account, object,
 * folder, UID and date), puts messages whose folder is unknown into "Recovered", and starts a new epoch.
 */
#ifndef POSTHORN_STORE_CHECK_H
#define POSTHORN_STORE_CHECK_H

#include "store/store.h"

struct check_finding {
    const char *what;  /* "pack record", "counter" ... */
    const char *where; /* names the record: pack, offset, folder, UID */
    const char *problem;
    bool lost; /* content that cannot be had back */
    bool repaired;
};
typedef void check_report_fn(void *context, const struct check_finding *finding);
typedef void check_progress_fn(void *context, uint64_t done, uint64_t total); /* bytes */

struct check_options {
    bool repair;
    check_report_fn *report;
    check_progress_fn *progress; /* may be NULL */
    void *context;
};
struct check_result {
    uint64_t messages;
    uint64_t bytes;
    uint64_t findings;
    uint64_t lost;
    uint64_t repaired;
};
/* The account must not be open elsewhere (ERR_BUSY). */
enum err check_account(struct store *store, struct account_id id, const struct check_options *options,
                       struct check_result *ret_result, struct error *error) MUST_CHECK;

#endif

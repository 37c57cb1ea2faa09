/*
 * What is known of a stranger before his message comes: what lists in the DNS say of his address and of the
 * names he uses, and whether he calls himself as no mail server would; and how much comes from his address.
 *
 * Ownership: the finding's texts live in the arena. Errors: there is always a finding; a list that does not
 * answer has said nothing. Threads: any; guards_look blocks for GUARDS_LOOK_US at most. Limits:
 * GUARDS_RESULTS_MAX.
 */
#ifndef POSTHORN_AUTHRES_GUARDS_H
#define POSTHORN_AUTHRES_GUARDS_H

#include "authres/block_list.h"
#include "rt/pace.h"
#include "rt/settings.h"

enum {
    GUARDS_REPLY_MAX = 480 /* bytes; a reply line has 512 (RFC 5321 4.5.3.1.5) */,
    GUARDS_RESULTS_MAX = 4096 /* bytes; more answers are left out */
};
#define GUARDS_LOOK_US (10 * CLOCK_SECOND)

/* The process's: what it must remember of addresses and of lists. */
struct guards;

enum err guards_create(struct guards **ret_guards, struct error *error) MUST_CHECK;
void guards_destroy(struct guards *guards);
/* One more from this address; false: too many for now. */
bool guards_connection(struct guards *guards, struct slice peer, const struct settings *settings) MUST_CHECK;
bool guards_message(struct guards *guards, struct slice peer, const struct settings *settings) MUST_CHECK;

enum guard_verdict { GUARD_PASS, GUARD_JUNK, GUARD_DEFER, GUARD_REFUSE };

struct guard_query {
    const struct settings *settings;
    const struct authres_dns *dns;
    struct slice peer; /* his address as text */
    struct slice own;  /* ours that he came to, as text */
    struct slice helo;
    struct slice sender; /* of MAIL FROM; empty: the null path */
};

struct guard_finding {
    enum guard_verdict verdict;
    bool allowed;                 /* a list vouches for him */
    bool suspicious;              /* something was found, whatever is done about it */
    char reply[GUARDS_REPLY_MAX]; /* when refused or deferred */
    struct slice results;         /* for Authentication-Results: ";\r\n\tmethod=..." */
};

void guards_look(struct guards *guards, const struct guard_query *query, struct arena *arena,
                 struct guard_finding *ret_finding);
/* What is wrong with the name of HELO. */
enum helo_fault helo_check(struct slice helo, struct slice own_name, struct slice own_address);

#endif

/*
 * Judging a message that a stranger brings: the name of his address (iprev), SPF, DKIM and DMARC together,
 * and what is to be done with it.
 *
 * A judge is the process's: how he asks the DNS, and how many messages may be judged at once, since each
 * holds a thread while name servers are slow. Per message: judge_enter, judge_message, judge_leave.
 *
 * Time and memory: each kind of question, and each author, has its own (JUDGE_*_US, JUDGE_SCRATCH_MAX), so
 * that a forger whose name servers are slow, or say much, does not use up what is due to the policy of the
 * name he uses. When proof of that name can't be had in time, the message is deferred rather than let
 * through. Ownership: the judgement's texts live in the arena. Errors: there is always a judgement; a DNS
 * that fails makes temperror. Threads: any.
 */
#ifndef POSTHORN_AUTHRES_JUDGE_H
#define POSTHORN_AUTHRES_JUDGE_H

#include "authres/dkim.h"
#include "authres/dmarc.h"
#include "authres/spf.h"
#include "base/clock.h"

enum {
    JUDGE_AT_ONCE_MAX = 64,  /* messages; half of edge's threads */
    JUDGE_PER_PEER_MAX = 16, /* of one address */
    JUDGE_AUTHORS_MAX = 4,   /* different domains in From */
    JUDGE_NAMES_MAX = 10,    /* of one address that are looked up */
    JUDGE_REPLY_MAX = 400,   /* bytes */
    JUDGE_ARENA_MAX = 16 * 1024 * 1024,
    JUDGE_SCRATCH_MAX = 8 * 1024 * 1024, /* for one SPF check, or one author */
};
#define JUDGE_SPF_US (20 * CLOCK_SECOND) /* RFC 7208 4.6.4 */
#define JUDGE_HELO_US (10 * CLOCK_SECOND)
#define JUDGE_DKIM_US (15 * CLOCK_SECOND)
#define JUDGE_ARC_US (15 * CLOCK_SECOND)
#define JUDGE_DMARC_US (10 * CLOCK_SECOND) /* for each author */
#define JUDGE_IPREV_US (5 * CLOCK_SECOND)
#define JUDGE_REPORT_US (3 * CLOCK_SECOND) /* whether the author's reports may go where he wants them */

struct judge;

enum err judge_create(const struct authres_dns *dns, struct judge **ret_judge,
                      struct error *error) MUST_CHECK;
void judge_destroy(struct judge *judge);
/* False: too many are being judged, of this peer or of all; no judge_leave then. */
bool judge_enter(struct judge *judge, struct slice peer) MUST_CHECK;
void judge_leave(struct judge *judge, struct slice peer);
const struct authres_dns *judge_dns(const struct judge *judge);

struct judge_query {
    struct slice server; /* our name */
    struct slice peer;   /* his address as text */
    struct slice helo;
    struct slice sender;            /* empty: the null path */
    struct dkim_verifier *verifier; /* that has seen the whole message */
    struct slice found;             /* results of others, as results_put writes them */
    bool is_junk;                   /* by them */
    bool spf_refuses;
    bool dmarc_enforced;
    struct slice arc_trusted; /* domains whose seals override DMARC (arc_trust.h) */
    unsigned dice;            /* 0 to 99 */
    int64_t now_seconds;
};

/* Before the message has come (no verifier is needed): what makes a client less than trusted, a text; NULL:
 * his address has a name, and SPF says that he may send. */
const char *judge_suspects(struct judge *judge, const struct judge_query *query, struct arena *arena);

enum judge_action { JUDGE_TAKE, JUDGE_JUNK, JUDGE_REFUSE, JUDGE_DEFER };

struct judgement {
    enum judge_action action;
    struct slice field;          /* Authentication-Results, whole */
    char reply[JUDGE_REPLY_MAX]; /* when refused or deferred: "550 5.7.26 ..." */
    enum spf_result spf_helo;
    enum spf_result spf;     /* of the sender; with the null path that of HELO */
    struct slice spf_domain; /* that `spf` is about */
    struct dkim_results dkim;
    struct dmarc_answer dmarc; /* of the author for whom it is worst */
    struct slice author;       /* his domain; empty: nobody can say */
};

void judge_message(struct judge *judge, const struct judge_query *query, struct arena *arena,
                   struct judgement *ret_judgement);

#endif

/*
 * Log-in: SASL exchanges, run in the store process, since only it may see hashes. The edge carries the steps.
 *
 * Mechanisms: PLAIN (RFC 4616), LOGIN, SCRAM with SHA-256 and SHA-1, each with -PLUS too (RFC 5802, 7677),
 * and EXTERNAL by a client's certificate (RFC 4422 A). POP3's USER/PASS and IMAP's LOGIN come as PLAIN. An
 * unknown user costs the same time as a wrong password and gets the same answer; SCRAM gives an unknown user
 * a made-up but constant salt. OAUTHBEARER (RFC 7628) and XOAUTH2 ask the identity provider (oauth.h) for
 * whom the token is.
 *
 * States: a started exchange lives SASL_EXCHANGE_SECONDS; it ends by success, failure, or cancel. Success
 * gives a ticket: 128 random bits, known to store, bound to the account and the service; what
 * hands over a connection or submits mail must show it, so that an edge gone bad can't forge a log-in.
 * hand-over uses it up; a submission ticket stays valid until released or TICKET_IDLE_HOURS unused. Passwords
 * that were right are remembered for SASL_CACHE_SECONDS as a keyed hash in memory (dropped when the password
 * changes), so that a program that logs in every minute does not cost an argon2id each time. Threads: any.
 * Limits below.
 */
#ifndef POSTHORN_DIRECTORY_SASL_H
#define POSTHORN_DIRECTORY_SASL_H

#include "directory/directory.h"
#include "directory/people.h"
#include "directory/scram.h"
#include "rt/client_ca.h"

enum {
    SASL_EXCHANGE_SECONDS = 120,
    SASL_EXCHANGES_MAX = 10000,
    SASL_MESSAGE_MAX = 12 * 1024, /* bytes of one step, decoded (RFC 4954 4: 12288 with base64) */
    SASL_CACHE_SECONDS = 600,
    TICKET_IDLE_HOURS = 24,
    TICKET_SIZE = 16,
    /* RFC 7677 4 asks for 4096 at least, and more where it can be. 10,000 cost 1.1 ms here, so that 10,000
     * accounts are imported in some 6 s by two threads; a SCRAM log-in costs the client, not us. */
    SCRAM_ITERATIONS = 10000,
};

#define SASL_MECHANISM_TABLE(X)                                        \
    X(PLAIN, "PLAIN", true) /* name, needs TLS (sends the password) */ \
    X(LOGIN, "LOGIN", true)                                            \
    X(SCRAM_SHA_256, "SCRAM-SHA-256", false)                           \
    X(SCRAM_SHA_256_PLUS, "SCRAM-SHA-256-PLUS", false)                 \
    X(SCRAM_SHA_1, "SCRAM-SHA-1", false)                               \
    X(SCRAM_SHA_1_PLUS, "SCRAM-SHA-1-PLUS", false)                     \
    X(EXTERNAL, "EXTERNAL", false)                                     \
    X(OAUTHBEARER, "OAUTHBEARER", true)                                \
    X(XOAUTH2, "XOAUTH2", true)
enum sasl_mechanism {
#define X(name, text, tls) SASL_##name,
    SASL_MECHANISM_TABLE(X)
#undef X
        SASL_MECHANISMS
};
/* By name, without regard to case; false: unknown. */
bool sasl_mechanism_find(struct slice name, enum sasl_mechanism *ret) MUST_CHECK;
const char *sasl_mechanism_name(enum sasl_mechanism mechanism);

static inline bool sasl_is_oauth(enum sasl_mechanism mechanism)
{
    return mechanism == SASL_OAUTHBEARER || mechanism == SASL_XOAUTH2;
}

/* A pair of the SCRAM family: without and with channel binding. */
struct sasl_scram {
    enum sasl_mechanism plain;
    enum sasl_mechanism plus;
    enum scram_hash hash;
};
/* The pair that the mechanism is of; NULL: it is not SCRAM. */
const struct sasl_scram *sasl_scram_of(enum sasl_mechanism mechanism);

struct sasl; /* the exchanges and tickets of one store process */
enum err sasl_create(struct directory *directory, struct sasl **ret_sasl, struct error *error) MUST_CHECK;
/* Before the first exchange. Borrowed. Without it no token is good. */
struct oauth;
void sasl_use_oauth(struct sasl *sasl, struct oauth *oauth);
void sasl_destroy(struct sasl *sasl);
/* Who vouches for EXTERNAL from now on; NULL: nobody, and it fails. Keeps a reference of its own. */
void sasl_set_client_ca(struct sasl *sasl, struct client_ca *ca);

struct sasl_start {
    enum sasl_mechanism mechanism;
    enum door door;       /* through which door the person comes */
    struct slice initial; /* decoded initial response */
    bool has_initial;     /* an empty one differs from none */
    bool tls;
    struct slice binding_type; /* "tls-exporter" or "tls-unique"; set whenever -PLUS was offered, whatever the
                                * mechanism, so that a -PLUS taken off the list is noticed (RFC 5802 6) */
    struct slice binding;      /* its data */
    struct slice certificate;  /* EXTERNAL: the client's chain, as rt/client_ca.h has it */
    struct session_id sid;
    struct slice peer; /* the client's address */
};
enum sasl_status { SASL_CONTINUE, SASL_OK, SASL_FAILED, SASL_TEMPORARY };
/* Why somebody who proved who he is may not come in. */
enum sasl_denial {
    DENIED_NAME,         /* he wants to be somebody else */
    DENIED_DISABLED,     /* the account is */
    DENIED_BY_PLAN,      /* the plan has not this door */
    DENIED_APP_PASSWORD, /* the app password is for other doors */
    DENIED_CERTIFICATE,  /* the account does not log in by one */
    DENIED_READS_ONLY,   /* he may read this mailbox, not send as it */
    DENIALS
};
struct sasl_result {
    enum sasl_status status;
    uint64_t exchange; /* with CONTINUE: give it to sasl_step */
    struct slice
        data; /* challenge; with OK SCRAM's server signature; with FAILED SCRAM's "e=..."; in the arena */
    enum err
        code; /* with FAILED: ERR_AUTH, ERR_DENIED (the door is closed for this plan, account disabled) */
    enum sasl_denial denial;           /* with ERR_DENIED */
    unsigned doors;                    /* with ERR_DENIED: those of the plan */
    struct account_id account;         /* with OK */
    struct slice address;              /* with OK: the account's primary address */
    struct slice person;               /* with OK: who opened it, when that is another one; else empty */
    unsigned char ticket[TICKET_SIZE]; /* with OK */
};
/* A failed log-in is a result, not an error. Whether a mechanism is allowed without TLS is the edge's to say.
 */
enum err sasl_begin(struct sasl *sasl, const struct sasl_start *start, struct arena *arena,
                    struct sasl_result *ret_result, struct error *error) MUST_CHECK;
enum err sasl_step(struct sasl *sasl, uint64_t exchange, struct slice response, struct arena *arena,
                   struct sasl_result *ret_result, struct error *error) MUST_CHECK;
void sasl_cancel(struct sasl *sasl, uint64_t exchange);

/* Who holds a ticket. */
struct sasl_holder {
    struct account_id account;
    uint64_t app_password;     /* directory/app_password.h: with which he logged in; 0: otherwise */
    struct account_id person;  /* who opened the account, when that is another one (people.h); else 0 */
    enum person_rights rights; /* his there; with no person the owner's */
};
/* Log-ins end with the account, with its being disabled or losing that door, and with the app password; so
 * for the person who opened it, and with his rights there. What can't be asked now goes on. */
bool sasl_holder_is_welcome(struct directory *directory, const struct sasl_holder *holder, enum door door);
/* ERR_AUTH: the ticket is none, or stands for nobody any more. use_up: it is valid no longer. */
enum err sasl_ticket(struct sasl *sasl, struct slice ticket, enum door door, bool use_up,
                     struct sasl_holder *ret_holder, struct error *error) MUST_CHECK;
void sasl_ticket_release(struct sasl *sasl, struct slice ticket);

#endif

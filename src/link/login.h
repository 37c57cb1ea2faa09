/*
 * The edge's half of a log-in, the same for every protocol: base64, the exchange with store, channel
 * bindings, and slowing of those who guess.
 *
 * A protocol embeds a `struct login`, feeds it the client's words, and says the outcome in its own form.
 * Someone who failed too often (by address, by address and name, or as one of many at one name) is told to
 * wait without being checked, so guessing is slow while no thread sleeps. Ownership: texts in the result
 * borrow from the login until its next call. login_release ends an exchange half done. Threads: a login is
 * its session's; the guard is shared.
 */
#ifndef POSTHORN_LINK_LOGIN_H
#define POSTHORN_LINK_LOGIN_H

#include "base/base64.h"
#include "base/language.h"
#include "link/link.h"
#include "rt/conn.h"
#include "rt/limit.h"
#include "rt/metrics.h"
#include "rt/settings.h"

enum {
    LOGIN_FAILURES_MAX = 5, /* on one connection, refusals to check counted; the protocol closes it then */
    LOGIN_ARENA_MAX = 64 * 1024,
    LOGIN_LINE_MAX = BASE64_LEN(SASL_MESSAGE_MAX),
};

/* Who failed how often lately; one per edge process. */
struct login_guard;
struct login_guard *login_guard_create(void); /* NULL: no memory */
void login_guard_destroy(struct login_guard *guard);

struct login {
    struct link *link;
    struct login_guard *guard;
    const struct settings *settings;
    struct conn *conn;
    enum door door;
    const struct conn_home *home;  /* where the connection comes back to; NULL: nowhere */
    struct slice capabilities_off; /* of IMAP, for this client; borrowed from the protocol */
    struct sasl_start start;
    uint64_t exchange;
    bool active;            /* between begin and its end */
    bool awaits_last;       /* success came with data: an empty line ends it */
    bool awaits_first;      /* the client's first message comes as an answer to an empty challenge */
    bool noted;             /* this failure is counted already */
    unsigned failures;      /* on this connection */
    char name[ADDRESS_MAX]; /* who it is about, for the guard; not known in LOGIN until the first answer */
    size_t name_n;
    struct arena arena;
    struct buf text; /* the challenge in base64 */
    struct sasl_result result;
    struct tongue tongue; /* what the client has chosen; goes to store with the connection */
};

enum login_status {
    LOGIN_CHALLENGE,   /* send login->text (base64, may be empty) and bring the answer to login_step */
    LOGIN_OK,          /* login->result has account, address, ticket */
    LOGIN_FAILED,      /* wrong name or password */
    LOGIN_CLOSED_DOOR, /* right password, but this way in is closed: say error->client */
    LOGIN_MALFORMED,   /* not base64, or a message that the mechanism does not allow */
    LOGIN_SLOW_DOWN,   /* too many failures: try again later */
    LOGIN_UNAVAILABLE, /* store can't be asked now */
};

void login_init(struct login *login, struct link *link, struct login_guard *guard,
                const struct settings *settings, struct conn *conn, enum door door);
void login_release(struct login *login);

/* AUTH with a mechanism; initial: the base64 initial response ("=" for an empty one), p NULL: none was sent.
 */
enum login_status login_begin(struct login *login, enum sasl_mechanism mechanism, struct slice initial,
                              struct error *error);
/* The client's answer, base64. */
enum login_status login_step(struct login *login, struct slice answer, struct error *error);
/* The client sent "*". */
void login_cancel(struct login *login);
/* IMAP LOGIN, POP3 USER/PASS. */
enum login_status login_password(struct login *login, struct slice name, struct slice password,
                                 struct error *error);

/* What a client hears when store does not take the connection over: whole lines of its protocol. Then it is
 * closed. */
struct login_refusals {
    struct slice too_many;    /* too many sessions of this account */
    struct slice unavailable; /* store can't take it now */
};
/*
 * After LOGIN_OK: the connection goes to store, which answers the log-in command (with `tag`, in IMAP). In
 * the clear the descriptor moves; with TLS the conn becomes a bridge. Either way the session here gets
 * `closed`.
 */
void login_hand_over(struct login *login, struct slice tag, const struct login_refusals *refusals);

/* Passwords may be sent: by TLS, from this machine itself, or since the settings say so. */
bool login_may(const struct conn *conn, bool plaintext_allowed);
/* The mechanism can be used here: it is not switched off; one that sends the password only where login_may;
 * -PLUS only inside TLS that this process speaks; EXTERNAL with a client's certificate. PLAIN stands for
 * IMAP's LOGIN and POP3's USER and PASS too.
 */
bool login_offers(const struct conn *conn, enum sasl_mechanism mechanism, const struct settings *settings);
/* `sasl-without` names it, or it needs an identity provider and there is none: it is as if we did not know
 * it. */
bool login_is_off(enum sasl_mechanism mechanism, const struct settings *settings);
/* Under which a door's log-ins and sessions are counted. */
enum metric_protocol login_metric(enum door door);

#endif

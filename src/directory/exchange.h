/*
 * Log-ins that wait for the client's next message.
 *
 * Ownership: the table owns what waits; exchange_take hands one over, so that no two steps work on the same.
 * Errors: ERR_LIMIT past SASL_EXCHANGES_MAX. Threads: the table any; an exchange one at a time.
 */
#ifndef POSTHORN_DIRECTORY_EXCHANGE_H
#define POSTHORN_DIRECTORY_EXCHANGE_H

#include "directory/sasl.h"
#include "directory/scram.h"

/* What the client's next message is. */
enum exchange_state {
    EXCHANGE_PLAIN,       /* PLAIN: the one message */
    EXCHANGE_LOGIN_USER,  /* LOGIN: the name */
    EXCHANGE_LOGIN_PASS,  /* LOGIN: the password */
    EXCHANGE_SCRAM_FIRST, /* SCRAM: client-first-message */
    EXCHANGE_SCRAM_FINAL, /* SCRAM: client-final-message */
    EXCHANGE_OAUTHBEARER, /* the one message */
    EXCHANGE_XOAUTH2,
    EXCHANGE_OAUTH_FAILED, /* whatever: it has failed, and the client knows why (RFC 7628 3.2.3) */
};

struct exchange {
    struct exchange *older;
    struct exchange *newer;
    uint64_t id;
    int64_t deadline; /* monotonic */
    enum exchange_state state;
    enum door door;
    struct session_id sid;
    struct buf binding_type;
    struct buf binding;
    struct buf user; /* LOGIN's name */
    struct scram_server scram;
    struct account_id account; /* SCRAM: whose keys those are, and when; 0: nobody's */
    uint64_t generation;
};

/* NULL: out of memory. */
struct exchange *exchange_new(const struct sasl_start *start) MUST_CHECK;
void exchange_free(struct exchange **exchange); /* wiped; for CLEANUP */

struct exchange_table;
struct exchange_table *exchange_table_new(size_t max) MUST_CHECK;
void exchange_table_free(struct exchange_table *table);
/* Takes it over and gives it an id. */
enum err exchange_put(struct exchange_table *table, struct exchange *exchange, uint64_t *ret_id,
                      struct error *error) MUST_CHECK;
/* NULL: no such exchange, or its time is up. */
struct exchange *exchange_take(struct exchange_table *table, uint64_t id) MUST_CHECK;

#endif

/*
 * IMAP before log-in: the edge process's side. It greets, speaks TLS, runs the SASL exchange with store, and
 * hands the connection over with the tag that store answers.
 *
 * Ownership: imap_login_start takes the accepted descriptor in every case, and leaves options->per_peer for
 * it when the connection's log-in part ends. Options must outlive all connections. Errors: of starting only.
 * Threads: any. Limits: IMAP_LOGIN_* here and in reader.h.
 */
#ifndef POSTHORN_IMAP_LOGIN_H
#define POSTHORN_IMAP_LOGIN_H

#include "base/clock.h"
#include "link/link.h"
#include "rt/conn.h"
#include "rt/limit.h"
#include "rt/listener.h"

enum {
    IMAP_LOGIN_FAILURES_MAX = 5,    /* failed log-ins on one connection; then BYE */
    IMAP_LOGIN_ERRORS_MAX = 10,     /* protocol errors in a row */
    IMAP_LOGIN_HELD_MAX = 8 * 1024, /* bytes sent ahead while a failed log-in's answer waits */
    IMAP_LOGIN_ARENA_MAX = 256 * 1024,
};
#define IMAP_LOGIN_TIMEOUT_US (3 * CLOCK_MINUTE)

struct imap_login_options {
    struct link *link;
    const char *hostname;
    struct tls_context *tls; /* NULL: none */
    bool tls_at_start;       /* imaps */
    bool plaintext_login;    /* log-in without TLS from anywhere; from loopback it is always allowed */
    struct rate *peer_rate;  /* failed log-ins by address; may be NULL */
    struct rate *name_rate;  /* by name; may be NULL */
    struct limit *per_peer;  /* what the listener counted; may be NULL */
};

enum err imap_login_start(struct loop *loop, const struct imap_login_options *options,
                          struct accepted *accepted, struct error *error) MUST_CHECK;

#endif

/*
 * The client's side of SMTP and LMTP: a session, and messages in it, pipelined (RFC 2920) where offered.
 *
 * Errors: a refusal is ERR_DENIED with the server's text. Threads: one at a time.
 */
#ifndef POSTHORN_BENCH_SMTP_H
#define POSTHORN_BENCH_SMTP_H

#include "bench/client.h"

struct smtp_client {
    struct client client;
    bool lmtp;
    bool pipelining;
};

struct smtp_envelope {
    const char *sender;
    const char *const *recipients;
    size_t recipient_count;
};

/* Greeting, EHLO or LHLO, STARTTLS where asked for, AUTH PLAIN as user unless it is NULL. */
enum err smtp_open(struct smtp_client *smtp, const struct options *options, const struct endpoint *endpoint,
                   const char *user, struct error *error) MUST_CHECK;
/* Up to the final dot; smtp_accepted reads what the server says to it. */
enum err smtp_send(struct smtp_client *smtp, const struct smtp_envelope *envelope, struct slice message,
                   struct error *error) NONNULL MUST_CHECK;
enum err smtp_accepted(struct smtp_client *smtp, const struct smtp_envelope *envelope,
                       struct error *error) NONNULL MUST_CHECK;
void smtp_quit(struct smtp_client *smtp) NONNULL;

#endif

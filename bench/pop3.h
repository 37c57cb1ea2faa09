/*
 * The client's side of POP3. Errors: -ERR is ERR_DENIED with the server's text. Threads: one at a time.
 */
#ifndef POSTHORN_BENCH_POP3_H
#define POSTHORN_BENCH_POP3_H

#include "bench/client.h"

/* Greeting, STLS where asked for, USER and PASS. */
enum err pop3_open(struct client *client, const struct options *options, const struct endpoint *endpoint,
                   const char *user, struct error *error) NONNULL MUST_CHECK;
enum err pop3_count(struct client *client, uint64_t *ret_count, struct error *error) NONNULL MUST_CHECK;
/* Reads and forgets one message. */
enum err pop3_retrieve(struct client *client, uint64_t number, struct error *error) NONNULL MUST_CHECK;
void pop3_quit(struct client *client) NONNULL;

#endif

/*
 * The client's side of IMAP, as far as measuring wants it: commands, and answers counted, not understood.
 *
 * Errors: NO and BAD are ERR_DENIED with the server's text. Threads: one at a time.
 */
#ifndef POSTHORN_BENCH_IMAP_H
#define POSTHORN_BENCH_IMAP_H

#include "bench/client.h"

struct imap_answer {
    uint64_t responses; /* untagged */
    uint64_t exists;    /* of the last `* n EXISTS` */
    uint64_t messages;  /* of STATUS */
    bool idling;        /* it ended in a continuation, not in a tagged line */
};

/* Greeting and STARTTLS where asked for; log-in too unless user is NULL. */
enum err imap_open(struct client *client, const struct options *options, const struct endpoint *endpoint,
                   const char *user, struct error *error) MUST_CHECK;
/* Sends "tag command" and reads to its end. */
enum err imap_command(struct client *client, struct imap_answer *ret_answer, struct error *error,
                      const char *format, ...) FORMAT(4, 5) NONNULL MUST_CHECK;
/* Sends nothing; reads up to the tagged answer, or to a continuation. */
enum err imap_answer(struct client *client, struct imap_answer *ret_answer,
                     struct error *error) NONNULL MUST_CHECK;
/* In IDLE: waits for the next EXISTS. */
enum err imap_wait_exists(struct client *client, uint64_t *ret_exists,
                          struct error *error) NONNULL MUST_CHECK;
/* Number of messages by STATUS. */
enum err imap_count(struct client *client, const char *mailbox, uint64_t *ret_count,
                    struct error *error) NONNULL MUST_CHECK;
void imap_logout(struct client *client) NONNULL;

#endif

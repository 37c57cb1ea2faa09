/*
 * The client's side of SCRAM-SHA-256 and SCRAM-SHA-1 (RFC 5802, 7677), without channel binding.
 *
 * Ownership: scram_client_release wipes and frees. Errors: false: the server's message makes no sense, or, at
 * the end, the server does not know the password. Limits: SCRAM_CLIENT_*. Threads: one at a time.
 */
#ifndef POSTHORN_SEND_SCRAM_CLIENT_H
#define POSTHORN_SEND_SCRAM_CLIENT_H

#include "base/buf.h"
#include "directory/scram.h"

enum {
    SCRAM_CLIENT_TEXT_MAX = 8 * 1024,          /* bytes of what is said in one exchange */
    SCRAM_CLIENT_SALT_MAX = 1024,              /* bytes */
    SCRAM_CLIENT_ITERATIONS_MAX = 1000 * 1000, /* that a server may make us do */
};

struct scram_client {
    enum scram_hash hash;
    struct buf first; /* client-first-message-bare */
    struct buf said;  /* the AuthMessage */
    char nonce[33];
    unsigned char signature[SCRAM_HASH_MAX]; /* the server's, to be compared */
    bool signature_made;
};
/* nonce NULL: a random one. */
void scram_client_init(struct scram_client *client, enum scram_hash hash, const char *nonce);
void scram_client_release(struct scram_client *client);

/* client-first-message. */
void scram_client_first(struct scram_client *client, struct slice user, struct buf *out);
/* Of server-first-message, client-final-message. */
bool scram_client_final(struct scram_client *client, struct slice password, struct slice server_first,
                        struct buf *out) MUST_CHECK;
/* server-final-message proves that the server knows the password. */
bool scram_client_verify(const struct scram_client *client, struct slice server_final) MUST_CHECK;

#endif

/*
 * SCRAM-SHA-256 and SCRAM-SHA-1 (RFC 5802, 7677): keys made of a password, and the server's side of one
 * exchange, without knowing where keys are kept or who may log in.
 *
 * Ownership: a scram_server owns copies of what it must remember; scram_release wipes them. Messages in,
 * messages out are the caller's. Errors: a peer's mistake is an error attribute ("e=...", RFC 5802 7) in the
 * answer and false. Threads: one at a time.
 */
#ifndef POSTHORN_DIRECTORY_SCRAM_H
#define POSTHORN_DIRECTORY_SCRAM_H

#include "base/buf.h"

/* name, bytes */
#define SCRAM_HASH_TABLE(X) \
    X(SHA_256, 32)          \
    X(SHA_1, 20)
enum scram_hash {
#define X(name, size) SCRAM_##name,
    SCRAM_HASH_TABLE(X)
#undef X
        SCRAM_HASHES
};
size_t scram_hash_size(enum scram_hash hash);

enum {
    SCRAM_HASH_MAX = 32, /* bytes */
    SCRAM_SALT = 16,
    SCRAM_NONCE_MAX = 64,   /* bytes of the server's part, text */
    SCRAM_FIRST_MAX = 2048, /* bytes of client-first-message: what a stranger can make us keep */
    SCRAM_ANSWER_MAX = 16 * 1024,
};

struct scram_keys {
    enum scram_hash hash;
    uint32_t iterations;
    unsigned char salt[SCRAM_SALT];
    unsigned char stored[SCRAM_HASH_MAX]; /* the first scram_hash_size count */
    unsigned char server[SCRAM_HASH_MAX];
};
/* Hash, salt and iterations are given, the keys made. The password goes through saslprep; one that SASLprep
 * refuses is used byte for byte. False: out of memory. */
bool scram_keys_make(struct slice password, struct scram_keys *keys) NONNULL MUST_CHECK;
/* The keys are of this password. */
bool scram_keys_match(const struct scram_keys *keys, struct slice password) NONNULL MUST_CHECK;

struct scram_server {
    enum scram_hash hash;      /* which keys it needs */
    bool plus;                 /* the client chose -PLUS */
    struct slice binding_type; /* what the channel offers; empty: -PLUS was not offered. Borrowed. */
    struct slice binding;      /* its data. Borrowed. */
    struct scram_keys keys;    /* set by the caller after scram_first */
    /* Keys of other passwords of the name, with the same salt and iterations; set before scram_final, which
     * says with which the proof was made. Borrowed. */
    const struct scram_keys *const *others;
    size_t other_count;
    size_t matched;         /* 0: keys; else others[matched - 1] */
    struct buf user;        /* after scram_first: the name, decoded */
    struct buf authzid;     /* the name to act as, decoded; empty: none */
    struct buf gs2;         /* the GS2 header as sent */
    struct buf first;       /* client-first-message-bare */
    struct buf challenge;   /* server-first-message */
    size_t client_nonce_at; /* in first */
    size_t client_nonce_n;
};
void scram_init(struct scram_server *scram, enum scram_hash hash, bool plus, struct slice binding_type,
                struct slice binding) NONNULL;
void scram_release(struct scram_server *scram) NONNULL;

/* Reads client-first-message. */
bool scram_first(struct scram_server *scram, struct slice message, struct buf *answer) NONNULL MUST_CHECK;
/* Writes server-first-message; nonce is the server's part, random. */
void scram_challenge(struct scram_server *scram, struct slice nonce, struct buf *answer) NONNULL;
/* Reads client-final-message and writes server-final-message. */
bool scram_final(struct scram_server *scram, struct slice message, struct buf *answer) NONNULL MUST_CHECK;

/* saslname of RFC 5802 7: "=2C" and "=3D" stand for comma and equals sign. False: it is none. */
bool scram_name_decode(struct slice name, struct buf *out) NONNULL MUST_CHECK;

#endif

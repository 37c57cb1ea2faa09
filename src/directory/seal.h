/*
 * SCRAM keys as they lie in the database: sealed with the directory's key (libsodium's secretbox) together
 * with the account's id, so that a row copied to another account does not open.
 *
 * Errors: ERR_CORRUPT what does not open, or is another account's. Threads: any.
 */
#ifndef POSTHORN_DIRECTORY_SEAL_H
#define POSTHORN_DIRECTORY_SEAL_H

#include <sodium.h>

#include "directory/directory.h"
#include "directory/scram.h"

enum {
    SEAL_PLAIN_MAX = 8 + 4 + SCRAM_SALT + 2 * SCRAM_HASH_MAX,
    SEAL_MAX = crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES + SEAL_PLAIN_MAX,
};

struct sealed_keys {
    unsigned char bytes[SEAL_MAX];
    size_t n; /* 0: no keys */
};

void seal_keys(const struct directory *directory, struct account_id account, const struct scram_keys *keys,
               struct sealed_keys *ret_sealed);
enum err unseal_keys(const struct directory *directory, struct account_id account,
                     const struct sealed_keys *sealed, enum scram_hash hash, struct scram_keys *ret_keys,
                     struct error *error) MUST_CHECK;

/* From and to a column. False: not of the right size. */
bool sealed_read(struct slice column, enum scram_hash hash, struct sealed_keys *ret_sealed) MUST_CHECK;
struct slice sealed_slice(const struct sealed_keys *sealed);

#endif

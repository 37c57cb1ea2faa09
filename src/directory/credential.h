/*
 * How a password is kept and checked.
 *
 * Kept are an argon2id hash (libsodium's text, CREDENTIAL_OPERATIONS and CREDENTIAL_MEMORY) and SCRAM keys
 * for each hash, sealed with the directory's key together with the account's id, so that a row copied to
 * another account does not open. A bulk import may make the keys for SHA-256 alone (quick), an imported hash
 * leaves all keys away; the first good log-in with the password itself adds what is missing
 * (credential_verify does it). Errors:
 * ERR_AUTH wrong password, ERR_UNAVAILABLE too many hashings at once, ERR_INVALID, ERR_LIMIT. Threads: any;
 * at most HASHES_AT_ONCE hash at a time.
 */
#ifndef POSTHORN_DIRECTORY_CREDENTIAL_H
#define POSTHORN_DIRECTORY_CREDENTIAL_H

#include "directory/seal.h"

enum {
    /* argon2id as OWASP's password storage cheat sheet has it: 19 MiB, two passes; 30 ms on the build
     * machine.
     */
    CREDENTIAL_OPERATIONS = 2,
    CREDENTIAL_MEMORY = 19 * 1024 * 1024,
    CREDENTIAL_HASH_MAX = 256, /* bytes of an imported hash */
};

struct credential {
    char hash[CREDENTIAL_HASH_MAX + 1]; /* may be empty */
    struct sealed_keys sealed[SCRAM_HASHES];
};

/* Of a password; quick: SCRAM keys for SHA-256 only. ERR_INVALID, ERR_LIMIT. */
enum err credential_make(struct directory *directory, struct account_id account, struct slice password,
                         bool quick, struct credential *ret_credential, struct error *error) MUST_CHECK;
/* Of an imported hash; {PLAIN} is a password and hashed at once. */
enum err credential_import(struct directory *directory, struct account_id account, struct slice hash,
                           bool quick, struct credential *ret_credential, struct error *error) MUST_CHECK;
/* Locked, within a change. */
enum err credential_write(struct directory *directory, struct account_id account,
                          const struct credential *credential, struct error *error) MUST_CHECK;
/* Locked. *ret_found false: there is none; *ret_credential is empty then. */
enum err credential_row(struct directory *directory, struct account_id account,
                        struct credential *ret_credential, bool *ret_found, struct error *error) MUST_CHECK;
enum err credential_read(struct directory *directory, struct account_id account,
                         struct credential *ret_credential, bool *ret_found, struct error *error) MUST_CHECK;

/* ERR_AUTH when it is not the account's password. account.v 0: nobody's; takes as long. What the good
 * password can add is added, if generation is still the account's. */
enum err credential_verify(struct directory *directory, struct account_id account, uint64_t generation,
                           struct slice password, struct error *error) MUST_CHECK;
/* The account's SCRAM keys (its app passwords have the same salt); for nobody, or where there are none,
 * made-up ones with a salt that is always the same for this name, which no proof fits. */
enum err credential_scram(struct directory *directory, struct account_id account, struct slice name,
                          enum scram_hash hash, struct scram_keys *ret_keys, struct error *error) MUST_CHECK;

#endif

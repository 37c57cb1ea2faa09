/*
 * Password hashes of other systems: crypt(3) ($1$ $5$ $6$ $2a$ $2b$ $2y$ $y$), argon2 and the digests that
 * LDAP and Dovecot name in braces. A hash that would cost more than a log-in may cost is refused at import,
 * since whoever knows a name could make us compute it.
 *
 * Errors: ERR_INVALID with what is wrong. Threads: any.
 */
#ifndef POSTHORN_DIRECTORY_PASSWORD_HASH_H
#define POSTHORN_DIRECTORY_PASSWORD_HASH_H

#include "base/error.h"
#include "base/slice.h"

enum {
    CRYPT_ROUNDS_MAX = 1000000, /* of $5$ and $6$ */
    CRYPT_BCRYPT_COST_MAX = 14, /* about a second */
    CRYPT_ARGON2_KIB_MAX = 256 * 1024,
    CRYPT_ARGON2_PASSES_MAX = 16,
};

/* Something that password_hash_verify understands. *ret_password: it is {PLAIN}, what follows is the
 * password.
 */
enum err password_hash_check(struct slice hash, bool *ret_password, struct slice *ret_text,
                             struct error *error) MUST_CHECK;
/* hash: a text that password_hash_check passed. */
bool password_hash_verify(const char *hash, struct slice password);

#endif

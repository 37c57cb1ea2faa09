/*
 * Signed requests to an authority (RFC 8555 6.2, RFC 7515): the account's key, what identifies it (RFC 7638),
 * and messages in flattened JSON, signed with ES256.
 *
 * Ownership: acme_key_free. Errors: ERR_INVALID a key that can't be used; ERR_NOMEM. Threads: a key may be
 * shared.
 */
#ifndef POSTHORN_ACME_JWS_H
#define POSTHORN_ACME_JWS_H

#include "base/buf.h"
#include "base/error.h"

enum { ACME_MESSAGE_MAX = 60 * 1024 };

struct acme_key;

enum err acme_key_read(struct slice pem, struct acme_key **ret_key, struct error *error) MUST_CHECK;
void acme_key_free(struct acme_key *key); /* NULL is fine */
/* SHA-256 of the public key as JSON, in base64url (RFC 7638). */
void acme_key_put_thumbprint(const struct acme_key *key, struct buf *out) NONNULL;

struct acme_signing {
    struct slice url;
    struct slice nonce;
    struct slice kid;     /* the account's URL; empty: the key itself stands in the message */
    struct slice payload; /* JSON; empty: a POST-as-GET (RFC 8555 6.3) */
};
enum err acme_sign(const struct acme_key *key, const struct acme_signing *signing, struct buf *out,
                   struct error *error) MUST_CHECK;
/* The proof that the key belongs to an account given otherwise (RFC 8555 7.3.4); secret: in base64url. */
enum err acme_bind(const struct acme_key *key, struct slice url, struct slice kid, struct slice secret,
                   struct buf *out, struct error *error) MUST_CHECK;

#endif

/*
 * Signed tokens: JSON Web Tokens in compact form (RFC 7519, 7515) and the keys that verify them (RFC 7517).
 *
 * Algorithms: RS256, ES256 (RFC 7518 3.3, 3.4) and EdDSA with Ed25519 (RFC 8037). A key has one algorithm,
 * and a token is only ever tried with keys of the algorithm that it names; so "none" and HS256, with a public
 * key for a password, are no algorithms here (RFC 8725 3.1).
 *
 * Ownership: a set is counted: jwt_keys_parse gives one hold, jwt_keys_hold another, jwt_keys_release ends
 * one. Errors: ERR_INVALID the text is no set of keys; jwt_verify below. Threads: a set is immutable; any.
 * Limits: JWT_*, JWK_*.
 */
#ifndef POSTHORN_DIRECTORY_JWT_H
#define POSTHORN_DIRECTORY_JWT_H

#include <jansson.h>

#include "base/error.h"
#include "base/slice.h"

enum {
    JWT_MAX = 12 * 1024, /* bytes of a token */
    JWT_TRIES_MAX = 8,   /* keys that one token is tried with */
    JWK_KEYS_MAX = 100,  /* of one set */
    JWK_ID_MAX = 256,
    JWK_RSA_BITS_LEAST = 2048, /* RFC 7518 3.3 */
    JWK_RSA_BITS_MOST = 8192,
};

/* name, "alg", "kty", "crv" (RFC 7518 6.2.1.1, RFC 8037 2) */
#define JWT_ALGORITHM_TABLE(X)       \
    X(RS256, "RS256", "RSA", NULL)   \
    X(ES256, "ES256", "EC", "P-256") \
    X(EDDSA, "EdDSA", "OKP", "Ed25519")
enum jwt_algorithm {
#define X(name, text, type, curve) JWT_##name,
    JWT_ALGORITHM_TABLE(X)
#undef X
        JWT_ALGORITHMS
};

struct jwt_keys;

/* A set as its server writes it. Keys of other kinds, for other uses, or damaged, are passed over. */
enum err jwt_keys_parse(struct slice text, struct jwt_keys **ret_keys, struct error *error) MUST_CHECK;
struct jwt_keys *jwt_keys_hold(struct jwt_keys *keys);
void jwt_keys_release(struct jwt_keys *keys);
size_t jwt_keys_count(const struct jwt_keys *keys);

/*
 * The claims of a token whose signature is right; the caller's (json_decref). What they say is not looked at.
 * ERR_AUTH: no token, or a wrong signature. ERR_NOT_FOUND: no key of the set fits; a newer set may have it.
 */
enum err jwt_verify(struct slice token, const struct jwt_keys *keys, json_t **ret_claims,
                    struct error *error) MUST_CHECK;

#endif

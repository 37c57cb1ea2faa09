/* Shared by the halves of jwt.h: jwk.c (keys) and jwt.c (tokens). */
#ifndef POSTHORN_DIRECTORY_JWT_KEY_H
#define POSTHORN_DIRECTORY_JWT_KEY_H

#include <openssl/evp.h>
#include <stdatomic.h>

#include "directory/jwt.h"

struct jwt_key {
    enum jwt_algorithm algorithm;
    EVP_PKEY *key;
    char id[JWK_ID_MAX + 1]; /* "kid"; empty: it has none */
};

struct jwt_keys {
    atomic_uint holders;
    size_t count;
    struct jwt_key at[];
};

bool jwt_algorithm_find(const char *name, enum jwt_algorithm *ret) MUST_CHECK;

#endif

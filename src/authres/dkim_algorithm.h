/*
 * The signature algorithms (RFC 6376 3.3.2, RFC 8463) and sizes that verifying and signing share. Values are
 * on disk: append, never renumber.
 */
#ifndef POSTHORN_AUTHRES_DKIM_ALGORITHM_H
#define POSTHORN_AUTHRES_DKIM_ALGORITHM_H

enum dkim_algorithm { DKIM_RSA_SHA256 = 0, DKIM_ED25519_SHA256 = 1 };

enum {
    DKIM_KEY_RECORD_MAX = 4096, /* bytes of a record, its strings joined */
    DKIM_ED25519_SIZE = 32,     /* bytes of a public key */
};

#endif

/*
 * Public keys of DKIM and ARC: the record in the DNS (RFC 6376 3.6, RFC 8463 4.2), and checking with one.
 *
 * Ownership: dkim_key_release frees what a key holds. Errors: a key that can't be had is an outcome with a
 * reason, no error. Threads: any, as the DNS given. Limits: DKIM_KEY_RECORD_MAX; RSA of DKIM_RSA_BITS_MIN
 * to DKIM_RSA_BITS_MAX bits (RFC 8301 3.2).
 */
#ifndef POSTHORN_AUTHRES_DKIM_KEY_H
#define POSTHORN_AUTHRES_DKIM_KEY_H

#include <openssl/evp.h>

#include "authres/dkim.h"
#include "authres/dkim_algorithm.h"

enum {
    DKIM_RSA_BITS_MIN = 1024,
    DKIM_RSA_BITS_MAX = 4096,
};

struct dkim_key {
    EVP_PKEY *public;
    unsigned bits;
    bool testing; /* t=y */
    bool strict;  /* t=s: the domain of i= is d= itself */
};

void dkim_key_release(struct dkim_key *key) NONNULL;

/* The record for this algorithm; else false and why. */
bool dkim_key_parse(struct slice record, enum dkim_algorithm algorithm, struct dkim_key *ret_key,
                    struct dkim_outcome *ret_why) NONNULL MUST_CHECK;
/* Asks the DNS for SELECTOR._domainkey.DOMAIN. */
bool dkim_key_fetch(const struct authres_dns *dns, struct slice domain, struct slice selector,
                    enum dkim_algorithm algorithm, int64_t deadline_us, struct dkim_key *ret_key,
                    struct dkim_outcome *ret_why) NONNULL MUST_CHECK;
/* The key of this record is in the DNS; else false and why. */
bool dkim_key_is_published(const struct authres_dns *dns, struct slice domain, struct slice selector,
                           struct slice record, int64_t deadline_us,
                           struct dkim_outcome *ret_why) NONNULL MUST_CHECK;
/* The signature is that of this hash. */
bool dkim_key_verify(const struct dkim_key *key, const unsigned char hash[static 32],
                     struct slice signature) NONNULL MUST_CHECK;

#endif

/*
 * Signing: private keys, and the DKIM-Signature fields of a message (RFC 6376 5, RFC 8463).
 *
 * Feed the message as it will leave, in pieces; dkim_signer_finish gives the fields to put before it, one a
 * key. What is signed: relaxed/relaxed, the whole body, every field that people see or programs act on, and
 * of those of which there should be one also that there is no more (5.4.2).
 *
 * Ownership: keys are borrowed until the signer is destroyed; dkim_private_key_release frees a key's inside.
 * Errors: ERR_NOMEM; ERR_INVALID: a header that cannot be signed (too long, or no fields), a key that is
 * none. Threads: one at a time. Limits: DKIM_SIGN_KEYS_MAX, those of dkim_intake.h.
 */
#ifndef POSTHORN_AUTHRES_DKIM_SIGN_H
#define POSTHORN_AUTHRES_DKIM_SIGN_H

#include <openssl/evp.h>

#include "authres/dkim_algorithm.h"
#include "base/buf.h"
#include "base/error.h"

enum {
    DKIM_SIGN_KEYS_MAX = 8,         /* signatures put on one message */
    DKIM_SIGN_BITS = 2048,          /* of a new RSA key (RFC 8301 3.2) */
    DKIM_PRIVATE_MAX = 8192,        /* bytes of a private key's file */
    DKIM_SELECTOR_MAX = 63,         /* one label */
    DKIM_FIELD_TEXT_MAX = 16 << 10, /* one of our fields */
};

/* --- keys --- */

struct dkim_private_key {
    enum dkim_algorithm algorithm;
    EVP_PKEY *key;
};
/* "rsa-sha256", "ed25519-sha256". */
const char *dkim_algorithm_name(enum dkim_algorithm algorithm);
void dkim_private_key_release(struct dkim_private_key *key) NONNULL;
enum err dkim_private_key_make(enum dkim_algorithm algorithm, struct dkim_private_key *ret_key,
                               struct error *error) NONNULL MUST_CHECK;
/* PKCS #8, DER. */
enum err dkim_private_key_write(const struct dkim_private_key *key, struct buf *out,
                                struct error *error) NONNULL MUST_CHECK;
enum err dkim_private_key_read(struct slice der, struct dkim_private_key *ret_key,
                               struct error *error) NONNULL MUST_CHECK;
/* "v=DKIM1; k=rsa; p=...": the record of the public key. */
enum err dkim_private_key_record(const struct dkim_private_key *key, struct buf *out,
                                 struct error *error) NONNULL MUST_CHECK;
/* Signs a hash; adds base64 to out. */
enum err dkim_private_key_sign(const struct dkim_private_key *key, const unsigned char hash[static 32],
                               struct buf *out, struct error *error) NONNULL MUST_CHECK;

/* --- signing --- */

struct dkim_signing_key {
    struct slice domain; /* in A-labels */
    struct slice selector;
    struct dkim_private_key private;
};

struct dkim_signer;

enum err dkim_signer_create(const struct dkim_signing_key *keys, size_t count,
                            struct dkim_signer **ret_signer, struct error *error) NONNULL MUST_CHECK;
void dkim_signer_destroy(struct dkim_signer *signer);
static inline void dkim_signer_cleanup(struct dkim_signer **signer)
{
    dkim_signer_destroy(*signer);
}
void dkim_signer_feed(struct dkim_signer *signer, struct slice piece) NONNULL;
/* Once, after the last piece. now_s: for t=. Adds the fields, each with its line end, to out. */
enum err dkim_signer_finish(struct dkim_signer *signer, int64_t now_s, struct buf *out,
                            struct error *error) NONNULL MUST_CHECK;

#endif

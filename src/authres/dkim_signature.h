/*
 * A signature's field, read: DKIM-Signature (RFC 6376 3.5), ARC-Message-Signature and ARC-Seal (RFC
 * 8617 4.1).
 *
 * Ownership: what is read lives in the arena and in the intake's header. Errors: a field that can't be read
 * is an outcome; functions of hashing fail with ERR_NOMEM. Threads: any. Limits: DKIM_NAMES_MAX,
 * DKIM_SIGNATURE_MAX.
 */
#ifndef POSTHORN_AUTHRES_DKIM_SIGNATURE_H
#define POSTHORN_AUTHRES_DKIM_SIGNATURE_H

#include "authres/dkim_intake.h"
#include "authres/dkim_key.h"
#include "authres/tags.h"

enum {
    DKIM_SIGNATURE_MAX = DKIM_RSA_BITS_MAX / 8, /* bytes of b=, decoded */
    DKIM_DOMAIN_MAX = RESOLVER_NAME_MAX,
};

enum dkim_field { DKIM_FIELD_SIGNATURE, DKIM_FIELD_ARC_MESSAGE, DKIM_FIELD_ARC_SEAL };

struct dkim_signature {
    enum dkim_field kind;
    const struct mime_field *field;
    struct tag_list tags;
    struct slice unsigned_text; /* the field without the value of b= */
    enum dkim_algorithm algorithm;
    enum canon header_canon;
    enum canon body_canon;
    struct slice domain;   /* as written */
    struct slice selector; /* as written */
    struct slice identity; /* only of DKIM-Signature */
    struct slice base64;   /* b= without blanks */
    struct slice bytes;    /* b= decoded */
    struct slice body_hash;
    struct slice *names; /* h= */
    size_t name_count;
    bool limited; /* l= */
    uint64_t length;
    bool expires; /* x= */
    uint64_t expiry;
    int body; /* of the intake */
};

/* False and why. What could be read before the mistake is in *ret_signature either way, else zero. */
bool dkim_signature_read(enum dkim_field kind, const struct mime_field *field, struct arena *arena,
                         struct dkim_signature *ret_signature,
                         struct dkim_outcome *ret_why) NONNULL MUST_CHECK;
/* What does not depend on the key, when header and body are known: expiry, lengths, unsigned fields, body. */
bool dkim_signature_check(const struct dkim_signature *signature, const struct dkim_intake *intake,
                          int64_t now_s, struct dkim_outcome *ret_why) NONNULL MUST_CHECK;
/* Step 2 of 3.7: the fields that h= names, from the bottom up, and `unsigned_text`. */
enum err dkim_signature_hash(const struct dkim_intake *intake, enum canon canon, const struct slice *names,
                             size_t name_count, struct slice unsigned_text,
                             unsigned char ret_hash[static DKIM_HASH_SIZE], struct error *error) MUST_CHECK;
/* Fetches the key and looks: the verdict on the signature, apart from dkim_signature_check. What is seen of
 * the key goes to the other two. */
struct dkim_outcome dkim_signature_verify(const struct dkim_signature *signature,
                                          const unsigned char hash[static DKIM_HASH_SIZE],
                                          const struct authres_dns *dns, int64_t deadline_us,
                                          bool *ret_testing, unsigned *ret_bits) NONNULL MUST_CHECK;

#endif

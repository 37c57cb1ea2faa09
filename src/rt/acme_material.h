/*
 * What relay needs of the supervisor's files to fetch a certificate by ACME (RFC 8555): the key of its
 * account there, the request that the certificate's own key has signed, and the chain that is served now. The
 * certificate's private key is not among them.
 *
 * Ownership: reading borrows. Errors: reading says no to what is malformed. Threads: any.
 */
#ifndef POSTHORN_RT_ACME_MATERIAL_H
#define POSTHORN_RT_ACME_MATERIAL_H

#include "base/buf.h"

enum { ACME_MATERIAL_MAX = 2 * 1024 * 1024 };

struct acme_material {
    struct slice account_key; /* PEM */
    struct slice outside_key; /* of `acme-account`, as its file has it; empty: none */
    struct slice request;     /* PKCS #10, DER */
    struct slice chain;       /* PEM; empty: none yet */
};

void acme_material_put(struct buf *out, const struct acme_material *material) NONNULL;
bool acme_material_get(struct slice bytes, struct acme_material *ret_material) NONNULL MUST_CHECK;

#endif

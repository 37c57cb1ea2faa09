/*
 * The answers that an authority may come for now, in relay: by token (HTTP-01), by name (TLS-ALPN-01).
 *
 * Ownership: texts are copied. Errors: ERR_LIMIT. Threads: any. Limits: ACME_ANSWERS_MAX.
 */
#ifndef POSTHORN_ACME_ANSWERS_H
#define POSTHORN_ACME_ANSWERS_H

#include "base/buf.h"
#include "base/error.h"

enum { ACME_ANSWERS_MAX = 64 };

struct acme_answers;

enum err acme_answers_create(struct acme_answers **ret_answers, struct error *error) MUST_CHECK;
void acme_answers_destroy(struct acme_answers *answers);
/* authorization: the key authorization (RFC 8555 8.1). */
enum err acme_answers_add(struct acme_answers *answers, struct slice name, struct slice token,
                          struct slice authorization, struct error *error) MUST_CHECK;
void acme_answers_clear(struct acme_answers *answers) NONNULL;
/* The key authorization; false: none is expected. */
bool acme_answers_by_token(struct acme_answers *answers, struct slice token, struct buf *out) NONNULL;
bool acme_answers_by_name(struct acme_answers *answers, struct slice name, struct buf *out) NONNULL;

#endif

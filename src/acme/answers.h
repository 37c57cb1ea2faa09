/*
 * The answers that an authority may come for now, in relay: by token (HTTP-01), by name (TLS-ALPN-01), or in
 * the DNS (DNS-01). A record for the DNS is set by somebody else, who asks for it, and says when it is there:
 *
 *   acme_answers_add_record --> wanted --> acme_answers_set, acme_answers_give_up --> acme_answers_records
 *
 * Ownership: texts are copied. Errors: ERR_LIMIT. Threads: any. Limits: ACME_ANSWERS_MAX.
 */
#ifndef POSTHORN_ACME_ANSWERS_H
#define POSTHORN_ACME_ANSWERS_H

#include "base/buf.h"
#include "base/error.h"

enum {
    ACME_ANSWERS_MAX = 64,
    ACME_RECORD_NAME_MAX = 16 + 253, /* "_acme-challenge." and a name */
    ACME_RECORD_VALUE = 43,          /* SHA-256 in base64url */
    ACME_GAVE_UP_MAX = 160,          /* bytes of why; more are cut */
};

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

/* A TXT record that an authority is to find in the DNS (RFC 8555 8.4). */
struct acme_record {
    char name[ACME_RECORD_NAME_MAX + 1];
    char value[ACME_RECORD_VALUE + 1];
    bool set; /* it is there */
};
/* name: that is proven, "example.org" for "*.example.org", too. ERR_INVALID: it is too long for one. */
enum err acme_answers_add_record(struct acme_answers *answers, struct slice name, struct slice authorization,
                                 struct error *error) MUST_CHECK;
/* The record with this index among all records; false: there are no more. */
bool acme_answers_record(struct acme_answers *answers, size_t i, struct acme_record *ret_record) NONNULL;
/* That with this value is in the DNS. */
void acme_answers_set(struct acme_answers *answers, struct slice value) NONNULL;
/* One can't be set, for this reason; forgotten by acme_answers_clear. */
void acme_answers_give_up(struct acme_answers *answers, struct slice why) NONNULL;
/* ERR_OK: *ret_all, whether all are set. ERR_UNAVAILABLE: it was given up. */
enum err acme_answers_records(struct acme_answers *answers, bool *ret_all, struct error *error) MUST_CHECK;

#endif

/*
 * How a session with another server was secured, as TLSRPT counts it (RFC 8460): the record that says who
 * wants to hear of it, and a session's row. Sessions that went alike make the same bytes, so that whoever
 * keeps them can count.
 *
 * Ownership: texts borrow. Errors: the buf's sticky failure; reading says no to what is malformed. Threads:
 * any. Limits: TLS_NOTE_*.
 */
#ifndef POSTHORN_FEEDBACK_TLS_NOTE_H
#define POSTHORN_FEEDBACK_TLS_NOTE_H

#include "base/buf.h"

enum {
    TLS_NOTE_ADDRESSES_MAX = 3,  /* that get a report */
    TLS_NOTE_ADDRESS_MAX = 1000, /* bytes of a URI */
    TLS_NOTE_POLICY_MAX = 4096,  /* bytes of a policy's lines; the rest is left out */
};

/* RFC 8460 4.3: section 4.3.1 to 4.3.3's words. */
#define TLS_RESULT_TABLE(X)                                   \
    X(SUCCESS, "")                                            \
    X(STARTTLS_NOT_SUPPORTED, "starttls-not-supported")       \
    X(CERTIFICATE_HOST_MISMATCH, "certificate-host-mismatch") \
    X(CERTIFICATE_EXPIRED, "certificate-expired")             \
    X(CERTIFICATE_NOT_TRUSTED, "certificate-not-trusted")     \
    X(VALIDATION_FAILURE, "validation-failure")               \
    X(TLSA_INVALID, "tlsa-invalid")                           \
    X(DNSSEC_INVALID, "dnssec-invalid")                       \
    X(STS_POLICY_FETCH_ERROR, "sts-policy-fetch-error")       \
    X(STS_POLICY_INVALID, "sts-policy-invalid")
enum tls_result {
#define X(name, text) TLS_RESULT_##name,
    TLS_RESULT_TABLE(X)
#undef X
        TLS_RESULTS
};
const char *tls_result_name(enum tls_result result);

#define TLS_POLICY_TABLE(X) X(NONE, "no-policy-found") X(TLSA, "tlsa") X(STS, "sts")
enum tls_policy {
#define X(name, text) TLS_POLICY_##name,
    TLS_POLICY_TABLE(X)
#undef X
        TLS_POLICIES
};
const char *tls_policy_name(enum tls_policy policy);

struct tls_note {
    enum tls_policy policy;
    struct slice lines; /* of the policy, with '\n' between */
    struct slice hosts; /* that it names, in the same way */
    enum tls_result result;
    /* Of a failure, as far as it is known: our address, and the server. */
    struct slice local, host, address;
};
void tls_note_put(struct buf *out, const struct tls_note *note);
bool tls_note_get(struct slice bytes, struct tls_note *ret_note) MUST_CHECK;

/* The URIs of `rua` that can be served (mailto, https), with commas between, of the TXT records at
 * _smtp._tls.DOMAIN; each record's text whole. False: there are none, or several records. */
bool tls_note_addresses(const struct slice *records, size_t count, struct buf *out) MUST_CHECK;

#endif

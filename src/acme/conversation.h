/*
 * One attempt to get a certificate (RFC 8555 7): account, order, proofs, request, chain.
 *
 * Ownership: the task's texts are borrowed for the call. Errors: the client text says what went wrong, in one
 * sentence that may quote the authority; *ret_wait is how long it wants to be left alone (seconds, 0: it did
 * not say). ERR_CLOSED: `rest` wanted an end. Threads: one attempt at a time with the same answers; blocks
 * for ACME_ATTEMPT_US, ACME_RECORDS_US and one fetch at most. Limits: ACME_*.
 */
#ifndef POSTHORN_ACME_CONVERSATION_H
#define POSTHORN_ACME_CONVERSATION_H

#include "acme/answers.h"
#include "fetch/fetch.h"

enum {
    ACME_NONCE_TRIES = 10, /* RFC 8555 6.5: a nonce may be refused at any time */
    ACME_CHAIN_MAX = FETCH_BODY_MAX,
};
#define ACME_ATTEMPT_US (5 * CLOCK_MINUTE)
#define ACME_RECORDS_US (15 * CLOCK_MINUTE) /* more, for records in the DNS to be set */
#define ACME_FETCH_US (30 * CLOCK_SECOND)

struct acme_task {
    struct slice directory;   /* URL */
    struct slice names;       /* with blanks between them; "*.example.org" only by "dns-01" */
    struct slice contact;     /* mail address; may be empty */
    struct slice kid;         /* of an account that was given otherwise; empty: none */
    struct slice outside_key; /* its key */
    const char *challenge;    /* "http-01"; by "dns-01" somebody sets what acme_answers_record tells */
    struct slice account_key; /* PEM */
    struct slice request;     /* PKCS #10, DER */
    fetch_fn *fetch;          /* of this process: it gives headers */
    void *fetch_context;
    struct acme_answers *answers;
    bool (*rest)(void *context, int64_t us); /* false: give up */
    void *rest_context;
};

enum err acme_obtain(const struct acme_task *task, struct buf *ret_chain, int64_t *ret_wait,
                     struct error *error) MUST_CHECK;

#endif

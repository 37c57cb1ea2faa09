/*
 * What others ask relay about ACME: edge, whose doors an authority comes to, for the answer it is to find;
 * store, for the command line, how things stand, and which records are to be set in the DNS.
 *
 * Errors: ERR_UNAVAILABLE relay is not there. Threads: any; a call blocks for ACME_QUESTION_US at most.
 */
#ifndef POSTHORN_ACME_QUESTION_H
#define POSTHORN_ACME_QUESTION_H

#include "acme/answers.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"
#include "rt/ipc.h"

#define ACME_QUESTION_US (5 * CLOCK_SECOND)

enum { ACME_STATE_NAMES_MAX = 1024 };

struct acme_state {
    bool on;           /* there is `acme` in the settings */
    bool working;      /* an attempt is under way */
    uint32_t attempts; /* since relay was started */
    uint32_t renewals; /* chains that came into force, likewise */
    uint32_t failures; /* in a row */
    int64_t from;      /* of the certificate: seconds since 1970; 0: there is none */
    int64_t until;
    int64_t tried;                    /* when the last attempt ended; 0: there was none */
    int64_t next;                     /* when the next one is due */
    char names[ACME_STATE_NAMES_MAX]; /* cut */
    char error[ERROR_CLIENT_MAX];     /* of the last attempt; empty: it was good */
};

enum acme_question { ACME_BY_TOKEN, ACME_BY_NAME, ACME_QUESTIONS };

/* From edge. The key authorization (RFC 8555 8.1); ERR_NOT_FOUND: none is expected. */
enum err acme_ask_answer(struct ipc_client *relay, enum acme_question question, struct slice about,
                         struct buf *ret_answer, struct error *error) MUST_CHECK;
/* From store. now: an attempt is to begin. */
enum err acme_ask_state(struct ipc_client *relay, bool now, struct acme_state *ret_state,
                        struct error *error) MUST_CHECK;

/* What the command line has to say of the records. */
enum acme_records_word {
    ACME_RECORDS_LOOK,    /* nothing */
    ACME_RECORDS_SET,     /* about: the value of one that is in the DNS now */
    ACME_RECORDS_GIVE_UP, /* about: why one can't be set */
    ACME_RECORDS_WORDS
};
/* From store, by DNS-01: the records that are wanted now, ACME_ANSWERS_MAX at most. */
enum err acme_ask_records(struct ipc_client *relay, enum acme_records_word word, struct slice about,
                          struct acme_record *ret_records, size_t *ret_count, struct error *error) MUST_CHECK;

/* In relay: false, and nothing is done, for a message that is no such question. */
struct acme_renewer;
bool acme_serve_answer(struct acme_renewer *renewer, const struct ipc_message *request,
                       struct buf *reply_body, struct ipc_message *reply) NONNULL;
bool acme_serve_state(struct acme_renewer *renewer, const struct ipc_message *request, struct buf *reply_body,
                      struct ipc_message *reply) NONNULL;

bool acme_serve_records(struct acme_renewer *renewer, const struct ipc_message *request,
                        struct buf *reply_body, struct ipc_message *reply) NONNULL;

#endif

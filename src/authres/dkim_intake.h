/*
 * A message taken in piece by piece: its header kept, its body hashed and forgotten.
 *
 * Verifying, signing and sealing all begin here. When the header is whole, `header_done` is called once: then
 * the fields can be read, and the body hashes that will be needed are asked for. A body is hashed once for
 * each different canonicalisation and length.
 *
 * Ownership: the intake owns the header; fields borrow from it until release. Errors: sticky, told by
 * dkim_intake_end. Threads: one at a time. Limits: DKIM_HEADER_MAX, DKIM_FIELDS_MAX (more: `too_long`, and
 * nothing can be said about the message), DKIM_BODY_HASHES_MAX.
 */
#ifndef POSTHORN_AUTHRES_DKIM_INTAKE_H
#define POSTHORN_AUTHRES_DKIM_INTAKE_H

#include "authres/canon.h"
#include "base/error.h"
#include "mime/header.h"

enum {
    DKIM_HEADER_MAX = 512 << 10, /* bytes */
    DKIM_FIELDS_MAX = 2000,
    DKIM_BODY_HASHES_MAX = 12, /* different canonicalisations and lengths of one message */
    DKIM_HASH_SIZE = 32,
    DKIM_NO_BODY = -1,
};

struct dkim_body_hash {
    struct canon_body body;
    bool ended;
    unsigned char hash[DKIM_HASH_SIZE];
};

struct dkim_intake {
    struct buf header;
    size_t line; /* where the line that is being taken starts */
    bool header_ended;
    bool too_long;
    bool malformed; /* lines in the header that are no fields: readers will not agree on what it says */
    struct mime_field *fields;
    size_t field_count;
    struct dkim_body_hash bodies[DKIM_BODY_HASHES_MAX];
    size_t body_count;
    bool failed;
    void (*header_done)(void *context); /* may be NULL */
    void *context;
};

#define DKIM_INTAKE(done, done_context) \
    ((struct dkim_intake){.header = BUF(DKIM_HEADER_MAX), .header_done = (done), .context = (done_context)})

void dkim_intake_release(struct dkim_intake *intake) NONNULL;
void dkim_intake_feed(struct dkim_intake *intake, struct slice piece) NONNULL;
/* After the last piece. ERR_NOMEM. */
enum err dkim_intake_end(struct dkim_intake *intake, struct error *error) NONNULL MUST_CHECK;

/* In header_done: a body hash will be wanted. Its number, or DKIM_NO_BODY when there are too many. */
int dkim_intake_want_body(struct dkim_intake *intake, enum canon canon, bool limited, uint64_t limit) NONNULL;
/* How many fields have this name. */
size_t dkim_intake_count(const struct dkim_intake *intake, struct slice name) NONNULL;

#endif

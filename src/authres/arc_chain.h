/*
 * The ARC sets of a header, put in order. Inside this room only.
 *
 * Errors: what breaks the chain's structure is `broken`. Threads: any. Limits: ARC_SETS_MAX.
 */
#ifndef POSTHORN_AUTHRES_ARC_CHAIN_H
#define POSTHORN_AUTHRES_ARC_CHAIN_H

#include "authres/arc.h"
#include "authres/dkim_intake.h"

enum arc_field { ARC_RESULTS, ARC_MESSAGE, ARC_SEAL, ARC_FIELDS };

struct arc_set {
    const struct mime_field *fields[ARC_FIELDS]; /* NULL: missing */
};

struct arc_chain {
    struct arc_set sets[ARC_SETS_MAX];
    unsigned count;     /* the highest instance; 0: no chain */
    bool any;           /* ARC fields are there, whatever they say */
    const char *broken; /* why it is no chain; NULL: it may be one */
};

void arc_chain_read(const struct dkim_intake *intake, struct arc_chain *ret_chain) NONNULL;
/* cv= of an ARC-Seal; false: none that is one. */
bool arc_seal_status(const struct mime_field *seal, enum arc_status *ret_status) NONNULL MUST_CHECK;

/* One of the results in an (ARC-)Authentication-Results field: "dmarc=pass header.from=a.example". */
struct arc_result {
    struct slice method, word;
    struct slice properties; /* the rest of it */
};
/* The next one of the field's value; false at the end. */
bool arc_result_next(struct cursor *c, struct arc_result *ret) NONNULL MUST_CHECK;
/* Appends the value of "header.from" and the like, unquoted; false: there is none. */
bool arc_result_property(const struct arc_result *result, struct slice name,
                         struct buf *out) NONNULL MUST_CHECK;

/* What the seal of instance `of` signs: the sets from `from` on, and of the last one the seal as
 * `unsigned_text` (5.1.1). */
enum err arc_seal_hash(const struct arc_chain *chain, unsigned from, unsigned of, struct slice unsigned_text,
                       unsigned char ret_hash[static DKIM_HASH_SIZE], struct error *error) NONNULL MUST_CHECK;

#endif

/*
 * What verifying holds between the header's end and the verdicts. Inside this room only.
 */
#ifndef POSTHORN_AUTHRES_DKIM_VERIFIER_H
#define POSTHORN_AUTHRES_DKIM_VERIFIER_H

#include "authres/arc_chain.h"
#include "authres/dkim_signature.h"

/* One signature on its way to a verdict. */
struct dkim_candidate {
    struct dkim_signature signature;
    bool readable; /* no verdict yet */
    struct dkim_outcome outcome;
};

/* The two signatures of an ARC set. */
struct arc_candidates {
    struct dkim_candidate message;
    struct dkim_candidate seal;
};

struct dkim_verifier {
    struct dkim_intake intake;
    struct arena arena; /* of what is read of signatures */
    struct dkim_candidate *signatures;
    size_t count;
    size_t left_out;
    struct arc_chain chain;
    struct arc_candidates *sets; /* chain.count; NULL: there is none that holds together */
    bool ended;
};

/* Reads a field and asks for its body's hash. */
void dkim_candidate_read(struct dkim_verifier *verifier, enum dkim_field kind, const struct mime_field *field,
                         struct dkim_candidate *ret_candidate) NONNULL;

/* arc_verify.c: reads the ARC sets, when the header is whole. */
void arc_collect(struct dkim_verifier *verifier) NONNULL;

#endif

/* What CAPABILITY lists, in both halves (RFC 5804 1.7). */
#ifndef POSTHORN_MANAGESIEVE_CAPABILITY_H
#define POSTHORN_MANAGESIEVE_CAPABILITY_H

#include "managesieve/words.h"

struct managesieve_offer {
    uint64_t mechanisms; /* bits of enum sasl_mechanism */
    bool starttls;
    struct slice owner; /* who has logged in; empty: nobody */
    enum language language;
};
void managesieve_put_capabilities(struct buf *out, const struct managesieve_offer *offer) NONNULL;

#endif

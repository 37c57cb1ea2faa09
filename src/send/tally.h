/*
 * Counts how sessions with a domain's servers were secured, with store, for the domain's TLS report (RFC
 * 8460), when its record asks for one. What can't be counted is not: mail goes on.
 *
 * Threads: any; a call asks the DNS, whose answers are cached, and store.
 */
#ifndef POSTHORN_SEND_TALLY_H
#define POSTHORN_SEND_TALLY_H

#include "send/delivery.h"
#include "send/policy.h"

struct tally {
    const struct delivery *delivery;
    const struct sts_policy *sts; /* the domain's */
};
/* policy NULL: it could not be found, for that reason; a result of MTA-STS or of DANE. */
struct tally_session {
    const struct policy *policy;
    enum tls_result result;
    struct slice host, address, local; /* as far as they are known */
};
void tally_count(const struct tally *tally, const struct tally_session *session);

#endif

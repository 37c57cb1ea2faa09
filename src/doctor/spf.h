/*
 * Does an SPF record (RFC 7208) let an address send? Not an evaluation: what would need further questions
 * (include, exists, macros, a and mx of others) is not followed, and said to be unknown.
 *
 * Threads: any.
 */
#ifndef POSTHORN_DOCTOR_SPF_H
#define POSTHORN_DOCTOR_SPF_H

#include "fetch/resolver.h"

enum spf_answer { SPF_NO, SPF_YES, SPF_UNKNOWN };

/* host, mx: the address is one of the host's, of the domain's MX. */
struct spf_sender {
    const struct resolver_address *address;
    struct slice hostname;
    bool is_mx;
};

bool spf_is_record(struct slice text);
enum spf_answer spf_lets_send(struct slice record, const struct spf_sender *sender);

#endif

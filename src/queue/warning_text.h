/* What warnings say, in each language. Texts are UTF-8; formats are named by what they are given. Threads:
 * any. */
#ifndef POSTHORN_QUEUE_WARNING_TEXT_H
#define POSTHORN_QUEUE_WARNING_TEXT_H

#include "base/buf.h"
#include "store/folder.h"
#include "store/ledger.h"
#include "store/quota.h"

struct warning_facts {
    struct slice address;
    struct quota_state state;
    bool pop3;                    /* he may fetch by it */
    const struct folder *largest; /* by bytes, the largest first, none empty */
    size_t largest_count;
    const struct folder *trash, *junk, *sent; /* NULL: empty */
};

struct slice warning_from(struct slice language); /* the sender's name */
void warning_subject(struct slice language, const struct warning_facts *facts, struct buf *out);
/* Of a domain's quota, to those who administer it. */
void warning_domain_subject(struct slice language, struct slice domain, const struct domain_state *state,
                            struct buf *out);
void warning_domain_body(struct slice language, struct slice domain, const struct domain_state *state,
                         struct buf *out);
void warning_body(struct slice language, const struct warning_facts *facts, struct buf *out);

#endif

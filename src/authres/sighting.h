/*
 * What was seen of a domain that wants reports about its DMARC policy (RFC 9990): the policy as it was found,
 * and one message's row. Messages that look the same make the same bytes, so that whoever keeps them can
 * count.
 *
 * Ownership: texts borrow. Errors: the buf's sticky failure; reading says no to what is malformed. Threads:
 * any. Limits: SIGHTING_*.
 */
#ifndef POSTHORN_AUTHRES_SIGHTING_H
#define POSTHORN_AUTHRES_SIGHTING_H

#include "authres/judge.h"
#include "base/buf.h"

enum {
    SIGHTING_SIGNATURES_MAX = 4,
    SIGHTING_ADDRESSES_MAX = 3,    /* that get a report (RFC 9990 asks for two at least) */
    SIGHTING_ADDRESS_MAX = 254,    /* bytes */
    SIGHTING_BYTES_MAX = 8 * 1024, /* of a policy or a row */
};

#define SIGHTING_DISPOSITION_TABLE(X) \
    X(NONE, "none") X(PASS, "pass") X(QUARANTINE, "quarantine") X(REJECT, "reject")
enum sighting_disposition {
#define X(name, text) DISPOSITION_##name,
    SIGHTING_DISPOSITION_TABLE(X)
#undef X
        DISPOSITIONS
};
const char *sighting_disposition_name(enum sighting_disposition disposition);

struct sighting_row {
    struct slice peer;
    struct slice author;   /* domain of From */
    struct slice envelope; /* domain of MAIL FROM; empty: the null path */
    enum sighting_disposition disposition;
    bool dkim_aligned, spf_aligned;
    enum spf_result spf;
    struct slice spf_domain;
    struct {
        struct slice domain, selector;
        enum dkim_result result;
    } signatures[SIGHTING_SIGNATURES_MAX];
    size_t signature_count;
    struct slice overridden; /* why the policy was not followed; empty: it was */
};

/* What a judgement amounts to. */
struct sighting_row sighting_row_of(const struct judge_query *query, const struct judgement *judgement);

void sighting_put_policy(struct buf *out, const struct dmarc_record *record);
bool sighting_get_policy(struct slice bytes, struct dmarc_record *ret_record) MUST_CHECK;
void sighting_put_row(struct buf *out, const struct sighting_row *row);
bool sighting_get_row(struct slice bytes, struct sighting_row *ret_row) MUST_CHECK;

/* The addresses of `rua` that may be written to, with commas between them: those of the policy's own domain,
 * and others whose domain agrees (RFC 9990 4). Asks the DNS. */
void sighting_addresses(const struct authres_dns *dns, const struct dmarc_answer *answer, int64_t deadline_us,
                        struct arena *arena, struct buf *out);

#endif

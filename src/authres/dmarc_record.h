/*
 * A DMARC policy record (RFC 9989 4.7, 4.8; `pct` of RFC 7489 6.3).
 *
 * Ownership: texts borrow from the record. Errors: none; what can't be read has its default, as 4.7 wants.
 * Threads: any. Limits: DMARC_RECORD_MAX.
 */
#ifndef POSTHORN_AUTHRES_DMARC_RECORD_H
#define POSTHORN_AUTHRES_DMARC_RECORD_H

#include "base/slice.h"

enum { DMARC_RECORD_MAX = 8192 /* bytes */, DMARC_TAGS_MAX = 64 };

#define DMARC_POLICY_TABLE(X) X(NONE, "none") X(QUARANTINE, "quarantine") X(REJECT, "reject")
enum dmarc_policy {
#define X(name, text) DMARC_POLICY_##name,
    DMARC_POLICY_TABLE(X)
#undef X
        DMARC_POLICIES
};

struct dmarc_record {
    enum dmarc_policy policy;       /* p */
    enum dmarc_policy subdomain;    /* sp, or what stands in for it */
    enum dmarc_policy non_existent; /* np, or what stands in for it */
    bool strict_dkim;               /* adkim=s */
    bool strict_spf;                /* aspf=s */
    bool testing;                   /* t=y */
    char psd;                       /* y, n, u */
    unsigned percent;               /* pct */
    struct slice reports;           /* rua; empty: none wanted */
};

const char *dmarc_policy_name(enum dmarc_policy policy);
/* A TXT record that is one of DMARC, of version 1. */
bool dmarc_record_is(struct slice text);
/* False: it is none, or one that says nothing that could be done (4.10.1). */
bool dmarc_record_parse(struct slice text, struct dmarc_record *ret_record) MUST_CHECK;
/* The next "mailto:" of rua, undone of its percent signs; false at the end. *reports is what is left to read.
 */
bool dmarc_record_address(struct slice *reports, char *ret_address, size_t max) MUST_CHECK;

#endif

/*
 * A domain's MTA-STS policy (RFC 8461): the TXT record that tells of it, its text, and which hosts it names.
 *
 * Ownership: what is read borrows from the text, arrays live in the arena. Errors: a text that is none gives
 * false. Threads: any. Limits: STS_*.
 */
#ifndef POSTHORN_SEND_STS_H
#define POSTHORN_SEND_STS_H

#include "base/arena.h"
#include "base/slice.h"
#include "feedback/tls_note.h"

enum {
    STS_ID_MAX = 32,          /* characters (RFC 8461 3.1) */
    STS_TEXT_MAX = 64 * 1024, /* bytes of a policy */
    STS_AGE_MAX = 31557600,   /* seconds: a year (3.2); more counts as this */
};

#define STS_MODE_TABLE(X) X(NONE, "none") X(TESTING, "testing") X(ENFORCE, "enforce")
enum sts_mode {
#define X(name, text) STS_##name,
    STS_MODE_TABLE(X)
#undef X
        STS_MODES
};

struct sts_policy {
    enum sts_mode mode;
    uint32_t max_age; /* seconds */
    struct slice *mx; /* "mx.example.org", "*.example.net" */
    size_t mx_count;
    enum tls_result trouble; /* why it could not be fetched just now */
};

/* records: the data of the TXT records at _mta-sts.DOMAIN. False: they tell of no policy, or of several. */
bool sts_read_records(const struct slice *records, size_t count,
                      char ret_id[static STS_ID_MAX + 1]) MUST_CHECK;
bool sts_read_policy(struct slice text, struct arena *arena, struct sts_policy *ret_policy) MUST_CHECK;
/* It names the host (4.1). */
bool sts_names_host(const struct sts_policy *policy, struct slice host);

#endif

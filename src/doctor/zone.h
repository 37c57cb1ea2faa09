/*
 * The records that a domain should have in the DNS, made of what is known here: the settings, the keys that
 * sign its mail, the certificates, this machine's addresses. The DNS itself is not asked.
 *
 * Ownership: records and their texts live in the arena, the rest is borrowed. Errors: ERR_NOMEM. Threads:
 * any. Limits: ZONE_RECORDS_MAX.
 */
#ifndef POSTHORN_DOCTOR_ZONE_H
#define POSTHORN_DOCTOR_ZONE_H

#include "base/arena.h"
#include "base/error.h"
#include "fetch/resolver.h"
#include "rt/settings.h"

enum {
    ZONE_RECORDS_MAX = 128,
    ZONE_STRING_MAX = 255, /* bytes of one string of a TXT record (RFC 1035 3.3.14) */
    ZONE_DIGESTS_MAX = 8,
    ZONE_DIGEST_TEXT = 65, /* SHA-256 in hex digits, and a NUL */
};

#define ZONE_NEED_TABLE(X)  \
    X(REQUIRED, "required") \
    X(ADVISED, "advised")   \
    X(HINT, "hint") /* of another zone, or to be decided: a comment in a zone file */
enum zone_need {
#define X(name, text) ZONE_##name,
    ZONE_NEED_TABLE(X)
#undef X
};
const char *zone_need_name(enum zone_need need);

struct zone_record {
    enum zone_need need;
    struct slice name; /* without the final dot */
    const char *type;
    struct slice data; /* as a zone file has it */
    struct slice text; /* of TXT: in one piece; else empty */
    struct slice
        about; /* what it and those after it are for, an English sentence; empty: as the one before */
};

/* A key that signs the domain's mail. */
struct zone_key {
    struct slice name; /* of its record */
    struct slice text;
    bool signs;
    bool waits; /* for its record to be seen */
};

struct zone_question {
    const struct settings *settings;
    struct slice domain; /* in A-labels */
    const struct zone_key *keys;
    size_t key_count;
    const struct resolver_address *addresses; /* public ones of this machine */
    size_t address_count;
    const char (*digests)[ZONE_DIGEST_TEXT]; /* of the public keys of the host's certificates */
    size_t digest_count;
    bool is_signed;                      /* TLSA records are of use: else they are hints */
    const struct own_addresses *sources; /* that the domain's mail leaves from; none: as the server's */
};

enum err zone_records(const struct zone_question *question, struct arena *arena,
                      struct zone_record **ret_records, size_t *ret_count, struct error *error) MUST_CHECK;

/* Who may send for a domain: the server, and addresses that its mail leaves from. */
void zone_put_spf(const struct own_addresses *sources, struct buf *out) NONNULL;
/* The strings of a TXT record: "\"v=spf1 mx -all\"". */
void zone_put_strings(struct slice text, struct buf *out) NONNULL;
/* The listener's services that mail programs look for by SRV records (RFC 6186, RFC 8314 5.1). */
struct zone_service {
    const char *label;
    enum listen_protocol protocol;
    unsigned priority;
};
extern const struct zone_service zone_services[];
extern const size_t zone_service_count;
/* The listener of that protocol; NULL: there is none. */
const struct listen_setting *zone_listener(const struct settings *settings, enum listen_protocol protocol);
/* The policy file of MTA-STS that fits us (RFC 8461 3.2), and the id that changes with it. */
void zone_put_policy(const char *host, struct buf *out) NONNULL;
void zone_put_policy_id(const char *host, struct buf *out) NONNULL;

#endif

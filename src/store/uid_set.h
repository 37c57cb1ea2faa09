/*
 * A set of UIDs as ascending, disjoint ranges: for commands, change records and VANISHED.
 * Ownership: owns its ranges; uid_set_release. Errors: adding without memory, or past UID_SET_RANGES_MAX,
 * marks it `failed` (sticky).
 */
#ifndef POSTHORN_STORE_UID_SET_H
#define POSTHORN_STORE_UID_SET_H

#include "base/buf.h"
#include "base/ids.h"

enum { UID_SET_RANGES_MAX = 4 * 1024 * 1024 };

struct uid_range {
    uint32_t first;
    uint32_t last; /* inclusive */
};

struct uid_set {
    struct uid_range *ranges;
    size_t count;
    size_t cap;
    bool failed;
};

void uid_set_release(struct uid_set *set);
void uid_set_add(struct uid_set *set, uint32_t first,
                 uint32_t last); /* any order; ranges are merged; cheap when ascending */
void uid_set_remove(struct uid_set *set, uint32_t first, uint32_t last);
void uid_set_subtract(struct uid_set *set, const struct uid_set *other);
/* Keeps what is in both; one pass. */
void uid_set_intersect(struct uid_set *set, const struct uid_set *other);
void uid_set_union(struct uid_set *set, const struct uid_set *other);
bool uid_set_has(const struct uid_set *set, uint32_t uid);
uint64_t uid_set_size(const struct uid_set *set); /* numbers in it */
/* "1:3,5" as in IMAP. */
void uid_set_print(const struct uid_set *set, struct buf *out);
/* Compact (varint deltas), as the change log stores it. */
void uid_set_encode(const struct uid_set *set, struct buf *out);
bool uid_set_decode(struct slice in, struct uid_set *ret_set) MUST_CHECK;

#endif

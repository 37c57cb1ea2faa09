/*
 * Identities as distinct one-field structs, so that the compiler catches a swap.
 * Zero is never a valid id; an `x.v == 0` means none.
 */
#ifndef POSTHORN_BASE_IDS_H
#define POSTHORN_BASE_IDS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

struct account_id {
    uint64_t v;
}; /* random, never reused, names the account's folder on disk as 16 hex digits */
struct domain_id {
    uint64_t v;
};
struct folder_id {
    uint64_t v;
}; /* stable over rename; never reused within an account */
struct object_id {
    uint64_t v;
}; /* immutable content; survives a move */
struct member_id {
    uint64_t v;
}; /* an object's place in a folder; new after a move */
struct thread_id {
    uint64_t v;
};
struct uid {
    uint32_t v;
}; /* RFC 9051 2.3.1.1; ascending within a folder */
struct change_no {
    uint64_t v;
}; /* the account's change number: MODSEQ, JMAP state, sync-token ... */
struct queue_id {
    uint64_t v;
}; /* one accepted message in flight */
struct session_id {
    uint64_t v;
}; /* one client connection, followed through all processes */

enum { ID_TEXT_MAX = 17 }; /* 16 hex digits and a NUL */

/* 16 lower-case hex digits, NUL-terminated. */
void id_to_text(uint64_t v, char ret_text[static ID_TEXT_MAX]);
/* False unless exactly 16 hex digits. */
bool id_from_text(struct slice text, uint64_t *ret) MUST_CHECK;
/* A random id, not zero; below 2^63, so that SQLite's integers hold it. */
uint64_t id_random(void);

#endif

/*
 * A set of message numbers as a client writes it: "1,3:7,12:*" (RFC 3501 9, sequence-set).
 *
 * Ownership: ranges live in the parser's arena. Errors: reading answers false for what is no set.
 * Threads: any. Limits: IMAP_SEQUENCE_RANGES_MAX ranges.
 */
#ifndef POSTHORN_IMAP_SEQUENCE_SET_H
#define POSTHORN_IMAP_SEQUENCE_SET_H

#include "base/arena.h"
#include "store/uid_set.h"

enum { IMAP_SEQUENCE_RANGES_MAX = 20000 };

/* 0 stands for "*". In the order the client wrote them; none when the set is "$". */
struct imap_sequence_range {
    uint32_t first;
    uint32_t last;
};
struct imap_sequence_set {
    struct imap_sequence_range *ranges;
    size_t count;
    bool saved; /* "$", what the last search saved (RFC 5182) */
};

/* Reads as far as the set goes. False: no set here, zero, more than UINT32_MAX, or too many ranges. */
bool imap_sequence_set_parse(struct cursor *c, struct arena *arena,
                             struct imap_sequence_set *ret_set) NONNULL MUST_CHECK;
/*
 * Its numbers, with `star` for "*", ascending and each once, into `out` (whose failure is sticky). A range
 * may be given backwards; with star in it, it always holds star (RFC 3501 6.4.8: "559:*" holds the last UID).
 */
void imap_sequence_set_numbers(const struct imap_sequence_set *set, uint32_t star,
                               struct uid_set *out) NONNULL;

#endif

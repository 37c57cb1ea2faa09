/*
 * What a store wants to know of a message at delivery, made in one go from the parsed message.
 *
 * Purpose: sort keys, thread ids, list views and wire-ready texts, so that FETCH, SORT and THREAD never open
 * the message again.
 * Ownership: all texts live in the arena (or borrow from the message).
 * Errors: ERR_LIMIT when the arena's cap is too small (MIME_SUMMARY_ARENA_MAX is enough for any message).
 * Threads: any.
 * Limits: named below; longer values are cut at a character's end.
 */
#ifndef POSTHORN_MIME_SUMMARY_H
#define POSTHORN_MIME_SUMMARY_H

#include "mime/date.h"
#include "mime/structure.h"

enum {
    MIME_SUBJECT_MAX = 1000,   /* bytes of a decoded subject */
    MIME_DISPLAY_MAX = 300,    /* bytes of a display name */
    MIME_PREVIEW_MAX = 200,    /* characters: what RFC 8970 3.2 recommends; 256 is its most */
    MIME_REFERENCES_MAX = 200, /* ids kept: the first and the last ones */
    MIME_MESSAGE_ID_MAX = 998, /* longer ids are left out */
    MIME_SUMMARY_ARENA_MAX = 32 << 20,
};

/*
 * A sort key is UTF-8 with its case kept, for a comparator (RFC 5255 4.2), or, where the text could not be
 * converted, this byte and the octets as they came (4.6): no UTF-8 has this byte, and it is behind them all.
 */
#define MIME_SORT_KEY_OCTETS '\xff'
static inline bool mime_sort_key_is_octets(struct slice key)
{
    return key.n > 0 && key.p[0] == MIME_SORT_KEY_OCTETS;
}

/* The first address of a list as ENVELOPE has it: of a group its name. All empty when there is none. */
struct mime_summary_address {
    struct slice display;     /* UTF-8 display name, else the address (RFC 5957) */
    struct slice display_key; /* a sort key of it */
    struct slice local_key;   /* local part, for SORT FROM, TO, CC (RFC 5256 3) */
    struct slice address;     /* local@domain; empty for a group */
};

struct mime_summary {
    struct slice subject;      /* decoded, UTF-8, one line */
    struct slice base_subject; /* RFC 5256 2.1; a sort key */
    bool is_reply_or_forward;  /* RFC 5256 2.1: the base subject differs by a reply or forward mark */
    struct mime_summary_address from;
    struct mime_summary_address to;
    struct mime_summary_address cc;
    bool has_sent; /* the Date field could be read */
    struct mime_date sent;
    struct slice message_id;   /* with angle brackets, normalised (RFC 5256 3 REFERENCES); empty: none */
    struct slice *in_reply_to; /* ids alike */
    size_t in_reply_to_count;
    struct slice *references;
    size_t references_count;
    struct slice preview;       /* UTF-8, blanks collapsed; empty when there is no text */
    bool has_attachment;        /* a part that is an attachment or has a file name and is not shown inline */
    struct slice envelope;      /* wire-ready */
    struct slice bodystructure; /* wire-ready, extensible */
};

enum err mime_summarize(struct arena *arena, const struct mime_part *message, struct mime_summary *ret,
                        struct error *error) NONNULL MUST_CHECK;

/* RFC 5256 2.1 on a decoded subject; *ret borrows from it. */
void mime_base_subject(struct slice subject, struct slice *ret, bool *ret_is_reply_or_forward) NONNULL;

#endif

/*
 * What the tables `object` and `object_text` keep of a message, made from its bytes: at delivery, when a
 * check compares, and when a repair makes the rows anew.
 *
 * Ownership: everything lives in the arena or borrows from the message. Errors: ERR_NOMEM, ERR_LIMIT (an
 * arena of DERIVED_ARENA_MAX is enough for any message). Threads: any.
 */
#ifndef POSTHORN_STORE_DERIVED_H
#define POSTHORN_STORE_DERIVED_H

#include <sqlite3.h>

#include "base/ids.h"
#include "mime/summary.h"

enum {
    DERIVED_JOIN_MAX = 256 * 1024, /* bytes of a message up to which joining is cheaper than thinking */
    DERIVED_THREAD_KEYS_MAX = 1 + (1 + MIME_REFERENCES_MAX) * 8, /* bytes */
    DERIVED_ARENA_MAX =
        MIME_STRUCTURE_ARENA_MAX + MIME_SUMMARY_ARENA_MAX + DERIVED_JOIN_MAX + DERIVED_THREAD_KEYS_MAX,
};

/* The texts in the order of the table's columns. */
enum derived_text {
    DERIVED_ENVELOPE,
    DERIVED_STRUCTURE,
    DERIVED_PREVIEW,
    DERIVED_SUBJECT,
    DERIVED_BASE_SUBJECT,
    DERIVED_SORT_FROM,
    DERIVED_SORT_TO,
    DERIVED_SORT_CC,
    DERIVED_MESSAGE_ID,
    DERIVED_DISPLAY_FROM,
    DERIVED_DISPLAY_TO,
    DERIVED_THREAD_KEYS, /* derived_thread_keys */
    DERIVED_TEXTS,
};
/* What message_list makes from the header where a row has no thread keys. */
static inline bool derived_is_key(enum derived_text text)
{
    return (text >= DERIVED_BASE_SUBJECT && text <= DERIVED_SORT_CC) || text >= DERIVED_DISPLAY_FROM;
}
#define DERIVED_TEXT_COLUMNS                                                                         \
    "envelope, structure, preview, subject, base_subject, sort_from, sort_to, sort_cc, message_id, " \
    "display_from, display_to, thread_keys"
#define DERIVED_TEXT_VALUES "?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13"

struct derived {
    struct mime_summary summary;
    struct slice texts[DERIVED_TEXTS];
    int64_t sent_us; /* the Date field, else the internal date */
    size_t header_n; /* bytes of the header, its empty line included */
};

/*
 * What RFC 5256's THREAD wants to know, made small: a byte that is 1 for a reply or forward; the hash of the
 * message's id, or 0; the hashes of its references (else of the first id it is a reply to). Each hash has 8
 * bytes in little-endian order, 63 bits of BLAKE2b: two ids with one hash would only share a conversation.
 */
struct slice derived_thread_keys(struct arena *arena, const struct mime_summary *summary);
/* The hash of a message id in angle brackets; never 0 or negative. */
int64_t derived_id_hash(struct slice message_id);

enum err derived_make(struct arena *arena, struct slice message, int64_t internal_date_us,
                      struct derived *ret_derived, struct error *error) MUST_CHECK;
/* The same of prefix and body in one, without joining them when they are large (unless the body begins with
 * no field: then the arena needs room for both). */
enum err derived_make_joined(struct arena *arena, struct slice prefix, struct slice body,
                             int64_t internal_date_us, struct derived *ret_derived,
                             struct error *error) MUST_CHECK;
/* Binds DERIVED_TEXT_VALUES: the object's id and the texts; borrowed until the statement was run. */
void derived_bind(sqlite3_stmt *statement, struct object_id object, const struct derived *derived);

#endif

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
    DERIVED_ARENA_MAX = MIME_STRUCTURE_ARENA_MAX + MIME_SUMMARY_ARENA_MAX + DERIVED_JOIN_MAX,
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
    DERIVED_TEXTS,
};
#define DERIVED_TEXT_COLUMNS \
    "envelope, structure, preview, subject, base_subject, sort_from, sort_to, sort_cc, message_id"

struct derived {
    struct mime_summary summary;
    struct slice texts[DERIVED_TEXTS];
    int64_t sent_us; /* the Date field, else the internal date */
    size_t header_n; /* bytes of the header, its empty line included */
};

enum err derived_make(struct arena *arena, struct slice message, int64_t internal_date_us,
                      struct derived *ret_derived, struct error *error) MUST_CHECK;
/* The same of prefix and body in one, without joining them when they are large (unless the body begins with
 * no field: then the arena needs room for both). */
enum err derived_make_joined(struct arena *arena, struct slice prefix, struct slice body,
                             int64_t internal_date_us, struct derived *ret_derived,
                             struct error *error) MUST_CHECK;
/* Binds the object's id as parameter 1 and the texts as 2 to 10; borrowed until the statement was run. */
void derived_bind(sqlite3_stmt *statement, struct object_id object, const struct derived *derived);

#endif

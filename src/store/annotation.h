/*
 * Annotations: named values that people hang on a folder, or on their account as a whole (RFC 5464).
 *
 * An entry is a path like "/shared/comment" or "/private/vendor/x/y": "/shared" has one value for all who
 * may see the folder, "/private" one for each person. Entries are kept in lower case, since their names
 * don't care about case. They follow a folder that is renamed and go with one that is deleted; of INBOX,
 * renamed, they are copied. Ownership: results live in the arena given. Errors: ERR_LIMIT (too many, or all
 * of them too large), ERR_NOT_FOUND (no such folder). Threads: any. Limits: below.
 */
#ifndef POSTHORN_STORE_ANNOTATION_H
#define POSTHORN_STORE_ANNOTATION_H

#include "store/message.h"

enum {
    ANNOTATION_ENTRY_MAX = 255,               /* bytes */
    ANNOTATION_VALUE_MAX = 64 * 1024,         /* bytes */
    ANNOTATIONS_MAX = 1000,                   /* of one folder, or of the account */
    ANNOTATIONS_BYTES_MAX = 16 * 1024 * 1024, /* all values of an account */
};

struct annotation {
    struct slice entry; /* lower case */
    struct slice value; /* p NULL: none, to remove it */
};

/* How far below the entry asked for one is still meant. */
enum annotation_depth { ANNOTATION_ITSELF, ANNOTATION_CHILDREN, ANNOTATION_ALL_BELOW };

/* "/private/..." */
bool annotation_is_private(struct slice entry);

/* Sets all of them or none. folder 0: the account. person: whose private entries these are. */
enum err annotation_set(struct account *account, struct folder_id folder, struct account_id person,
                        const struct annotation *items, size_t count, struct error *error) MUST_CHECK;
/* Those that there are, sorted by entry. */
enum err annotation_get(struct account *account, struct folder_id folder, struct account_id person,
                        struct slice entry, enum annotation_depth depth, struct arena *arena,
                        struct annotation **ret_items, size_t *ret_count, struct error *error) MUST_CHECK;
/* The entries, without values, that were set or removed after `since` and concern this person. */
enum err annotation_changed(struct account *account, struct folder_id folder, struct account_id person,
                            struct change_no since, struct arena *arena, struct annotation **ret_items,
                            size_t *ret_count, struct error *error) MUST_CHECK;

#endif

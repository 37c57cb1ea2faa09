/*
 * Tag=value lists, of which DKIM and ARC make their fields and key records (RFC 6376 3.2).
 *
 * Ownership: everything borrows from the text given. Errors: a list that breaks the grammar is none, as
 * 6.1.1 demands. Threads: any. Limits: TAGS_MAX tags; a longer list is refused like a broken one.
 */
#ifndef POSTHORN_AUTHRES_TAGS_H
#define POSTHORN_AUTHRES_TAGS_H

#include "base/buf.h"

enum { TAGS_MAX = 64 };

struct tag {
    struct slice name;
    struct slice value; /* without the blanks around it */
    struct slice raw;   /* everything between '=' and ';' */
};

struct tag_list {
    struct tag tags[TAGS_MAX];
    size_t count;
};

/* False: not a list, a tag twice, too many. Bytes above 127 are taken in values (RFC 8616 3). */
bool tag_list_parse(struct slice text, struct tag_list *ret) NONNULL MUST_CHECK;
/* NULL: not there. Names compare exactly. */
const struct tag *tag_list_find(const struct tag_list *list, struct slice name) NONNULL;
/* Its value, or a slice with p NULL. */
struct slice tag_list_value(const struct tag_list *list, struct slice name) NONNULL;

/* The next entry of a list "a : b : c", trimmed; false when there is none left. */
bool tag_item_next(struct cursor *items, struct slice *ret) NONNULL MUST_CHECK;
/* One of the entries is this one (ASCII case ignored). */
bool tag_items_have(struct slice items, struct slice wanted);
/* Base64 with blanks anywhere, with or without the padding; false: not base64, or `out` is full. */
bool tag_base64(struct slice value, struct buf *out) NONNULL MUST_CHECK;

#endif

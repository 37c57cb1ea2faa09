/*
 * A folder's path, checked and brought into its one form: UTF-8 in NFC, INBOX in capitals.
 * Errors: ERR_INVALID (not UTF-8, control characters, empty parts), ERR_LIMIT (too long or deep). Threads:
 * any.
 */
#ifndef POSTHORN_STORE_FOLDER_PATH_H
#define POSTHORN_STORE_FOLDER_PATH_H

#include "store/folder.h"

struct folder_path {
    size_t depth;
    struct slice parts[FOLDER_DEPTH_MAX]; /* in text */
    size_t n;
    char text[FOLDER_PATH_MAX + 1];
};

/* A trailing '/' is dropped. */
enum err folder_path_parse(struct slice in, struct folder_path *ret_path, struct error *error) MUST_CHECK;
static inline struct slice folder_path_text(const struct folder_path *path)
{
    return slice_of(path->text, path->n);
}
bool folder_path_is_inbox(const struct folder_path *path);
/* The last part. */
static inline struct slice folder_path_leaf(const struct folder_path *path)
{
    return path->parts[path->depth - 1];
}

#endif

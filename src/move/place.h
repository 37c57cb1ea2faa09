/*
 * Where mail comes from, as a person writes it: imaps://USER@HOST[:PORT], imap://..., or a path; and which of
 * our folders a source's folder is.
 *
 * Ownership: none; texts are copied into the structures. Errors: ERR_INVALID says what is wrong. Threads:
 * any.
 */
#ifndef POSTHORN_MOVE_PLACE_H
#define POSTHORN_MOVE_PLACE_H

#include "move/origin.h"
#include "store/folder.h"

enum { PLACE_USER_MAX = 255, PLACE_HOST_MAX = 253, PLACE_NAME_MAX = 1100 };

struct move_place {
    bool imap; /* else a path */
    bool tls;
    char user[PLACE_USER_MAX + 1];
    char host[PLACE_HOST_MAX + 1]; /* without brackets */
    uint16_t port;
    char name[PLACE_NAME_MAX]; /* what an import is remembered by: the same however it is reached */
};

enum err place_parse(struct slice text, struct move_place *ret_place, struct error *error) MUST_CHECK;

/* A folder of a source, and where it goes. */
struct moved_folder {
    struct slice name; /* as the source calls it */
    enum folder_use use;
    struct slice parts[MOVE_PARTS_MAX];
    size_t part_count;
    enum folder_role role; /* result: within our folder of this role */
    size_t parts_of_role;  /* result: how many parts that folder stands for */
};

/* Roles by what the source says, else by well-known names; each is given once. */
void place_folders(struct moved_folder *folders, size_t count);
/* Parts from..n with '/' between them. */
void place_path(const struct moved_folder *folder, size_t from, struct buf *out);

#endif

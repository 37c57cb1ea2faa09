/*
 * Access control lists inside a transaction: for the room's own files. account->mutex is held.
 */
#ifndef POSTHORN_STORE_SHARE_ROW_H
#define POSTHORN_STORE_SHARE_ROW_H

#include "store/work.h"

/* A folder that is made gets its parent's list. */
enum err share_inherit(struct work *work, struct folder_id folder, struct folder_id parent,
                       struct error *error) MUST_CHECK;
/* A folder that is deleted loses its own. */
enum err share_drop(struct work *work, struct folder_id folder, struct error *error) MUST_CHECK;

#endif

/*
 * Folders inside a transaction: for the room's own files. account->mutex is held.
 */
#ifndef POSTHORN_STORE_FOLDER_ROW_H
#define POSTHORN_STORE_FOLDER_ROW_H

#include "store/folder_path.h"
#include "store/work.h"

/* The child of `parent` (0: top) by name. */
enum err folder_child(struct account *account, struct folder_id parent, struct slice name, bool *ret_found,
                      struct folder_id *ret_id, struct error *error) MUST_CHECK;
/* The folder a path leads to. */
enum err folder_lookup(struct account *account, const struct folder_path *path, bool *ret_found,
                       struct folder_id *ret_id, struct error *error) MUST_CHECK;
/* A new, empty mailbox. ERR_LIMIT past FOLDERS_MAX, ERR_EXISTS when another folder has the role. */
enum err folder_make(struct work *work, struct folder_id parent, struct slice name, enum folder_class class,
                     enum folder_role role, struct touched **ret_touched, struct error *error) MUST_CHECK;
/* The mailbox at a path, made when it is missing, with its parents. */
enum err folder_ensure(struct work *work, const struct folder_path *path, struct folder_id *ret_id,
                       struct error *error) MUST_CHECK;
/* A UIDVALIDITY that no folder of the account ever had. */
int64_t folder_new_uidvalidity(struct work *work);
/* INBOX, Sent, ...: at the account's first opening. */
enum err folder_make_standard(struct account *account, struct error *error) MUST_CHECK;

#endif

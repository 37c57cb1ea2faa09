/* What becomes of a folder's annotations when the folder does; within the caller's transaction. */
#ifndef POSTHORN_STORE_ANNOTATION_ROW_H
#define POSTHORN_STORE_ANNOTATION_ROW_H

#include "store/work.h"

enum err annotations_remove(struct work *work, struct folder_id folder, struct error *error) MUST_CHECK;
enum err annotations_copy(struct work *work, struct folder_id from, struct folder_id to,
                          struct error *error) MUST_CHECK;

#endif

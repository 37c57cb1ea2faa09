/* Noting what is remembered within a transaction that does more. */
#ifndef POSTHORN_STORE_REMEMBERED_ROW_H
#define POSTHORN_STORE_REMEMBERED_ROW_H

#include "store/remembered.h"
#include "store/work.h"

enum err remembered_write(struct work *work, const struct remembered *items, size_t count,
                          struct slice delivery_id, struct error *error) MUST_CHECK;

#endif

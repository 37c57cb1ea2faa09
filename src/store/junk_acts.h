/*
 * What the change log says about what is junk, noted in junk_object rows. See junk_learn.h.
 *
 * account->mutex is not held; each function is one transaction. Errors: the database's. *ret_more: there may
 * be more to note.
 */
#ifndef POSTHORN_STORE_JUNK_ACTS_H
#define POSTHORN_STORE_JUNK_ACTS_H

#include <stdbool.h>

#include "base/error.h"

struct account;

/* What was done since it was looked last. */
enum err junk_acts_note(struct account *account, bool *ret_more, struct error *error) MUST_CHECK;
/* What was read and kept, as far as more that is good is needed beside what is junk. */
enum err junk_kept_note(struct account *account, bool *ret_more, struct error *error) MUST_CHECK;

#endif

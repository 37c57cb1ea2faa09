/*
 * A list of names as one text: upper-case words with one blank between them, each once ("CONDSTORE QRESYNC").
 * So a list fits into a slice, a column or a line of settings as it is.
 *
 * Errors: name_list_add says no to what is no name; a full buf is its own sticky failure. Threads: any.
 */
#ifndef POSTHORN_BASE_NAME_LIST_H
#define POSTHORN_BASE_NAME_LIST_H

#include "base/buf.h"

/* Appends the names that a person wrote, divided by commas or blanks, unless they are there already. False
 * (and a part of them may be added): a character that is not printable ASCII. */
bool name_list_add(struct buf *list, struct slice written) NONNULL MUST_CHECK;
/* Without regard to case. */
bool name_list_has(struct slice list, struct slice name);
/* The next name; false at the end. */
bool name_list_next(struct cursor *list, struct slice *ret_name) NONNULL;

#endif

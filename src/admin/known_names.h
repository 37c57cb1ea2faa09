/*
 * Names that a person may switch off, against those that there are: this room sees the tables of all
 * protocols, where the rooms that keep the lists don't.
 *
 * Errors: ERR_INVALID says which name is wrong, and which was meant. Threads: any.
 */
#ifndef POSTHORN_ADMIN_KNOWN_NAMES_H
#define POSTHORN_ADMIN_KNOWN_NAMES_H

#include "base/error.h"
#include "rt/settings.h"

/* A list (base/name_list.h) of IMAP capabilities; IMAP4rev1 itself can't be left out. */
enum err known_capabilities(struct slice list, struct error *error) MUST_CHECK;
/* What posthorn.conf switches off. */
enum err known_settings(const struct settings *settings, struct error *error) MUST_CHECK;

#endif

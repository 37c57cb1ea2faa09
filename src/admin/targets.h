/*
 * What aliases and groups have in common: both are an address that stands for others.
 */
#ifndef POSTHORN_ADMIN_TARGETS_H
#define POSTHORN_ADMIN_TARGETS_H

#include "admin/admin.h"

/* A row for each alias (or each group) of the domain in the argument "domain", or of all. list: the row's key
 * for the addresses behind it. */
enum err targets_list(struct admin_call *call, bool group, const char *list, struct error *error) MUST_CHECK;
/* One of them; ERR_NOT_FOUND. */
enum err targets_find(struct admin_call *call, struct slice address, bool group, struct alias *ret_alias,
                      struct error *error) MUST_CHECK;
/* The same address, compared as the directory compares. */
bool targets_same(struct admin_call *call, struct slice a, struct slice b);

#endif

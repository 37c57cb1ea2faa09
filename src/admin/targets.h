/*
 * Whom commands are about: the account in the argument "address"; aliases and groups, which both are an
 * address that stands for others.
 */
#ifndef POSTHORN_ADMIN_TARGETS_H
#define POSTHORN_ADMIN_TARGETS_H

#include "admin/admin.h"

/* The account's data, made when missing; a reference. */
enum err target_open(struct admin_call *call, struct account **ret_account, struct error *error) MUST_CHECK;
void target_release(struct account **account); /* for CLEANUP */

/* A row for each alias (or each group) of the domain in the argument "domain", or of all. list: the row's key
 * for the addresses behind it. */
enum err targets_list(struct admin_call *call, bool group, const char *list, struct error *error) MUST_CHECK;
/* One of them; ERR_NOT_FOUND. */
enum err targets_find(struct admin_call *call, struct slice address, bool group, struct alias *ret_alias,
                      struct error *error) MUST_CHECK;
/* The same address, compared as the directory compares. */
bool targets_same(struct admin_call *call, struct slice a, struct slice b);

#endif

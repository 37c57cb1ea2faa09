/*
 * `posthorn account check` for the search index: every text of every message is in it, as a search would ask.
 *
 * Works on an open account; sessions may go on, building waits. Ownership: none. Errors: those of reading the
 * messages; what is wrong with the index is told by the result. Threads: any. Limits: search_build.h's.
 */
#ifndef POSTHORN_STORE_SEARCH_CHECK_H
#define POSTHORN_STORE_SEARCH_CHECK_H

#include "store/check.h"

/* *ret_problem: what is wrong with it, NULL: nothing, or there is none. With `repair`, it is made anew then.
 */
enum err search_check(struct account *account, bool repair, const char **ret_problem,
                      struct error *error) MUST_CHECK;

#endif

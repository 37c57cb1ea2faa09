/*
 * What a person may say about an account. Errors: ERR_INVALID, ERR_LIMIT, ERR_NOT_FOUND. Threads: any;
 * account_check_plan: locked.
 */
#ifndef POSTHORN_DIRECTORY_ACCOUNT_CHECK_H
#define POSTHORN_DIRECTORY_ACCOUNT_CHECK_H

#include "directory/directory.h"

enum { ACCOUNT_NAME_MAX = 255 }; /* bytes of a display name */

enum err account_check_language(struct slice language, struct error *error) MUST_CHECK;
enum err account_check_name(struct slice name, struct error *error) MUST_CHECK;
enum err account_check_capabilities(struct slice capabilities, struct error *error) MUST_CHECK;
enum err account_check_quota(uint64_t quota, struct error *error) MUST_CHECK;
/* There is the plan, and it allows a quota of the account's own (0: none). */
enum err account_check_plan(struct directory *directory, struct slice plan, uint64_t quota,
                            struct error *error) MUST_CHECK;

#endif

/* What the store is told of an account: its row's quotas and options. Errors, ownership: none. Threads: any.
 */
#ifndef POSTHORN_DIRECTORY_LIMITS_H
#define POSTHORN_DIRECTORY_LIMITS_H

#include "directory/directory.h"
#include "store/store.h"

static inline struct account_limits account_entry_limits(const struct account_entry *entry)
{
    return (struct account_limits){.quota_bytes = entry->quota_bytes,
                                   .quota_messages = entry->quota_messages,
                                   .undelete_keep_s = entry->options.values[OPTION_UNDELETE_KEEP]};
}

#endif

/* What the store is told of an account: its row's quotas and options. Errors, ownership: none. Threads: any.
 */
#ifndef POSTHORN_DIRECTORY_LIMITS_H
#define POSTHORN_DIRECTORY_LIMITS_H

#include "directory/directory.h"
#include "store/store.h"

static inline struct account_limits account_entry_limits(const struct account_entry *entry)
{
    struct account_limits limits = {.quota_bytes = entry->quota_bytes,
                                    .quota_messages = entry->quota_messages,
                                    .undelete_keep_s = entry->options.values[OPTION_UNDELETE_KEEP],
                                    .trash_keep_s = entry->options.values[OPTION_TRASH_KEEP],
                                    .junk_keep_s = entry->options.values[OPTION_JUNK_KEEP],
                                    .pop3_keep_s = entry->options.values[OPTION_POP3_KEEP],
                                    .junk_filter =
                                        (enum junk_filter)entry->options.values[OPTION_JUNK_FILTER]};
    unsigned steps[OPTION_PERCENTS_MAX];
    _Static_assert((int)OPTION_PERCENTS_MAX == (int)QUOTA_STEPS_MAX, "a step each");
    unsigned count = option_percents(entry->options.values[OPTION_QUOTA_WARN], steps);
    for (unsigned i = 0; i < count; i++)
        limits.warn[i] = (uint8_t)steps[i];
    return limits;
}

#endif

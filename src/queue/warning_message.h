/* Messages of the server's own into a mailbox: from the postmaster, answered by no program, filed although
 * the mailbox is full. Ownership: all is borrowed. Errors: the store's. Threads: any. */
#ifndef POSTHORN_QUEUE_WARNING_MESSAGE_H
#define POSTHORN_QUEUE_WARNING_MESSAGE_H

#include "directory/directory.h"
#include "store/message.h"

enum { WARNING_SIZE_MAX = 64 * 1024, WARNING_ARENA_MAX = 64 * 1024 * 1024 };

struct warning_message {
    const struct account_entry *to;
    struct slice subject;
    struct slice body;
    const char *hostname;
};
void warning_compose(const struct warning_message *message, struct buf *out);
/* item: folder and body are filled in; its delivery_id or quota_step keeps it from being filed twice. */
enum err warning_file(struct account *account, struct slice message, struct append_item item,
                      struct arena *arena, bool *ret_duplicate, struct error *error) MUST_CHECK;

#endif

/*
 * Writing to people whose mailboxes fill up: one message for each step of their quota (store/quota.h), in
 * their language, put into their Inbox by the server itself, with the ways to make room.
 *
 * A thread looks for those that the store has noted. The message and the mark that it was written are one
 * transaction of the account: never twice, and what a crash kept from being written is noted again at the
 * account's next change or opening. Ownership: store, directory and host name are borrowed. Errors: are
 * logged. Threads: its own.
 */
#ifndef POSTHORN_QUEUE_WARNING_H
#define POSTHORN_QUEUE_WARNING_H

#include "directory/directory.h"

struct warner;

enum { WARNING_LOOK_SECONDS = 1, WARNING_FOLDERS = 5 /* that are named, the largest */ };

enum err warner_start(struct store *store, struct directory *directory, const char *hostname,
                      struct warner **ret_warner, struct error *error) MUST_CHECK;
void warner_stop(struct warner *warner);
/* Writes to the owner if a warning is due. */
enum err warning_send(struct store *store, struct directory *directory, const char *hostname,
                      struct account_id id, struct error *error) MUST_CHECK;

#endif

/*
 * What goes by itself, as the account's limits say: from Trash and Junk what came there long enough ago, from
 * the Inbox what was fetched by POP3 long enough ago.
 *
 * It is a deletion as any other: sessions are told, and it can be had back (undelete.h). A message's time in
 * Trash begins when it came there (RFC 8514's saved date), or when its folder was moved there. Time in the
 * Inbox begins with the first RETR that was noted (fetched_note).
 *
 * When there is something to do is known ahead: account_expire tells it, and what changes an account
 * afterwards moves it up (due.h). Errors: the database's. Threads: any. Limits: EXPIRE_BATCH messages a
 * transaction.
 */
#ifndef POSTHORN_STORE_EXPIRE_H
#define POSTHORN_STORE_EXPIRE_H

#include "store/message.h"

enum { EXPIRE_BATCH = 500, POP3_KEEP_MIN_S = 86400 };

/* Removes what is over its time; *ret_next: when the next will be (deleted messages and packs counted in), at
 * the earliest; INT64_MAX: there is nothing. */
enum err account_expire(struct account *account, int64_t *ret_next, struct error *error) MUST_CHECK;

/* How long at least what happens to a message now lies before anything is due. */
int64_t expire_soonest_us(const struct account_limits *limits);

/* These messages of a folder were fetched by POP3. Only the first time counts. Not synced. */
enum err fetched_note(struct account *account, struct folder_id folder, const struct uid_set *uids,
                      struct error *error) MUST_CHECK;
/* Seconds for which POP3 leaves what it fetched; 0: as long as nobody deletes it. */
uint64_t pop3_keep_s(const struct account_limits *limits);

#endif

/*
 * Which conversation a message belongs to: the thread of the nearest message it refers to (References, then
 * In-Reply-To), or of one that referred to it before it came, else a new one.
 * Errors: the database's. Threads: account->mutex held, inside a transaction.
 */
#ifndef POSTHORN_STORE_THREAD_H
#define POSTHORN_STORE_THREAD_H

#include "mime/summary.h"
#include "store/account.h"

/* `object` is the new message; its id names a new thread. */
enum err thread_assign(struct account *account, const struct mime_summary *summary, struct object_id object,
                       struct thread_id *ret_thread, struct error *error) MUST_CHECK;
/* The object goes away: its Message-ID leads nowhere any more. */
enum err thread_forget(struct account *account, struct object_id object, struct error *error) MUST_CHECK;

#endif

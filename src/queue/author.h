/*
 * Whether a message that somebody submits names him as its author: each address in From and Sender must be
 * one that he may send as (directory_may_send_as), unless the option from-check is off for his account.
 *
 * Without From and Sender nobody is named, which is well. Resent fields (RFC 5322 3.6.6) are not looked at:
 * they change nothing about whom a reader takes for the author. Ownership: all is borrowed. Errors:
 * ERR_DENIED, whose client text is for an SMTP reply; the queue's. Threads: any. Limits: a header of more
 * than AUTHOR_HEADER_MAX bytes is refused, since what is behind could name somebody else.
 */
#ifndef POSTHORN_QUEUE_AUTHOR_H
#define POSTHORN_QUEUE_AUTHOR_H

#include "queue/queue.h"

enum { AUTHOR_HEADER_MAX = 1024 * 1024, AUTHOR_SHOWN_MAX = 100 };

/* person: who opened the account, when that is another one, else 0; his addresses are as good. Body and spool
 * as in queue_accept. */
enum err queue_author_check(struct queue *queue, struct account_id account, struct account_id person,
                            struct slice body, uint64_t spool, struct error *error) MUST_CHECK;

#endif

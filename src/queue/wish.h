/*
 * What a message's header says of how the message is to be sent: TLS-Required (RFC 8689 3).
 *
 * Threads: any.
 */
#ifndef POSTHORN_QUEUE_WISH_H
#define POSTHORN_QUEUE_WISH_H

#include "queue/queue.h"

enum { WISH_HEADER_MAX = 512 * 1024 /* bytes of the message that are looked at */ };

/* Into the envelope, where that does not know better. */
void wish_read(struct slice header, struct queue_envelope *envelope);

#endif

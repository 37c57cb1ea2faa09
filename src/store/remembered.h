/*
 * What an account is to recognize when it comes again: whom a vacation has answered (RFC 5230 4.2), which ids
 * `duplicate` has seen (RFC 7352). Keys are hashes; nothing here can be read.
 *
 * A key is noted with the delivery that made it. When the same delivery is tried again, after a crash or
 * since another recipient was put off, its own notes don't count: it does what it did the first time. Errors:
 * those of the database. Threads: any. Limits: below; past it, what would expire first is forgotten.
 */
#ifndef POSTHORN_STORE_REMEMBERED_H
#define POSTHORN_STORE_REMEMBERED_H

#include "store/message.h"

enum { REMEMBERED_KEY_BYTES = 32, REMEMBERED_MAX = 20000 /* of an account */ };

struct remembered {
    unsigned char key[REMEMBERED_KEY_BYTES];
    int64_t expires_us;
};

/* Whether another delivery noted the key, and it has not expired. */
enum err remembered_find(struct account *account, const struct remembered *item, struct slice delivery_id,
                         int64_t now_us, bool *ret, struct error *error) MUST_CHECK;
/* All of them or none; for deliveries that file nothing. The others note them with the message: see struct
 * append_item. Not yet synced. */
enum err remembered_note(struct account *account, const struct remembered *items, size_t count,
                         struct slice delivery_id, struct error *error) MUST_CHECK;

#endif

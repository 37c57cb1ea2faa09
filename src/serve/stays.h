/*
 * The sessions, so that they end with what let them in: with the account, when it is disabled, and with the
 * app password, when it is removed; at once, or, when nobody told, or it expires, within STAYS_LOOK_SECONDS.
 *
 * Shutting the connection down ends the session as if its peer had gone. Ownership: a stay is embedded in
 * what lives as long as the session, and borrows its descriptor: it leaves before that is closed. Threads:
 * any; one of the room's own looks again and again. Limits: those of the sessions.
 */
#ifndef POSTHORN_SERVE_STAYS_H
#define POSTHORN_SERVE_STAYS_H

#include <stdbool.h>
#include <stdint.h>

#include "directory/sasl.h"

struct stays;

struct stay {
    struct stay *next;
    struct stay *previous;
    struct stays *stays; /* NULL: it has left */
    struct sasl_holder holder;
    uint64_t as_of; /* the directory's generation when it was welcome last */
    int fd;
    bool ended;
};

enum { STAYS_LOOK_SECONDS = 10 };

enum err stays_create(struct directory *directory, struct stays **ret_stays, struct error *error) MUST_CHECK;
/* When nobody stays. */
void stays_destroy(struct stays *stays);
void stays_enter(struct stays *stays, struct stay *stay, const struct sasl_holder *holder, int fd);
void stays_leave(struct stay *stay);
/* Ends those who are not welcome any more. */
void stays_look(struct stays *stays);

#endif

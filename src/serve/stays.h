/*
 * The sessions that go on after log-in, so that they end with what let them in: at once when an account is
 * disabled or removed, when its plan closes the door that they came through, when their app password is
 * removed; within STAYS_LOOK_SECONDS when that expires, or when nobody told.
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
    enum door door;
    uint64_t as_of; /* the directory's generation when it was welcome last */
    int fd;
    bool ended;
};

enum { STAYS_LOOK_SECONDS = 10 };

enum err stays_create(struct directory *directory, struct stays **ret_stays, struct error *error) MUST_CHECK;
/* When nobody stays. */
void stays_destroy(struct stays *stays);
/* Who came in, and through which door. */
void stays_enter(struct stays *stays, struct stay *stay, const struct sasl_holder *holder, enum door door,
                 int fd);
void stays_leave(struct stay *stay);
/* Ends those who are not welcome any more. */
void stays_look(struct stays *stays);

#endif

/*
 * The sessions that were logged in with an app password, so that they end with it: when it is removed at
 * once, when it expires within STAYS_LOOK_SECONDS.
 *
 * A stay keeps a descriptor of its own on the session's connection; shutting that down ends the session as if
 * its peer had gone. Ownership: a stay is embedded in what lives as long as the session. Threads: any; one of
 * the room's own looks after what expires. Limits: those of the sessions.
 */
#ifndef POSTHORN_SERVE_STAYS_H
#define POSTHORN_SERVE_STAYS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct directory;
struct stays;

struct stay {
    struct stay *next;
    struct stay *previous;
    struct stays *stays; /* NULL: not watched */
    uint64_t app_password;
    int fd;
    bool ended;
};

enum { STAYS_LOOK_SECONDS = 10 };

enum err stays_create(struct directory *directory, struct stays **ret_stays, struct error *error) MUST_CHECK;
/* When nobody stays. */
void stays_destroy(struct stays *stays);
/* app_password 0: nothing is watched. */
enum err stays_enter(struct stays *stays, struct stay *stay, uint64_t app_password, int fd,
                     struct error *error) MUST_CHECK;
void stays_leave(struct stay *stay);
/* Ends those whose app password is gone or has expired. */
void stays_look(struct stays *stays);

#endif

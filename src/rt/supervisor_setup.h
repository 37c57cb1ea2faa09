/*
 * What the supervisor does once before its workers start: users, directories, limits, its own privileges.
 * Used by supervisor.c only.
 */
#ifndef POSTHORN_RT_SUPERVISOR_SETUP_H
#define POSTHORN_RT_SUPERVISOR_SETUP_H

#include "rt/listen_sockets.h"

/* The store's user, who owns the directories; as anybody but root, the caller. All three users must exist. */
enum err setup_users(const struct settings *settings, struct socket_owner *ret_owner,
                     struct error *error) MUST_CHECK;
/* Makes data and run directory where missing (mode 0700, the owner's); refuses those of somebody else. */
enum err setup_directories(const struct settings *settings, const struct socket_owner *owner,
                           struct error *error) MUST_CHECK;
/* As many descriptors as the hard limit allows. */
void setup_limits(void);
/* Gives up what root may do, but for what is needed to restart, signal and reload. */
enum err setup_drop_root(struct error *error) MUST_CHECK;
/*
 * A reload cannot change what is bound or owned: those values are taken over from the old settings, and named
 * in ret_changed where the file says something else.
 */
enum err setup_keep_fixed(struct settings *settings, const struct settings *old, struct buf *ret_changed,
                          struct error *error) MUST_CHECK;

#endif

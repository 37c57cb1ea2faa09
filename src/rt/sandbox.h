/*
 * What a worker may do to the kernel: an unprivileged user, no new privileges, Landlock rules for files and
 * TCP, a seccomp filter of system calls. Entered once, before the first byte of a stranger is read.
 *
 *   edge   no file, no exec, no outgoing TCP; accepts and talks on descriptors it was given
 *   relay  no file, no exec, no listening
 *   store  the data and run directories only; no internet socket, no exec
 *
 * Opening a file outside the rules, a forbidden socket or an exec ends the process (SECCOMP_RET_KILL_PROCESS)
 * where seccomp sees it, and fails with EACCES where only Landlock does. What the kernel lacks is logged as a
 * warning and left out.
 */
#ifndef POSTHORN_RT_SANDBOX_H
#define POSTHORN_RT_SANDBOX_H

#include "base/buf.h"
#include "base/error.h"

enum worker_role { ROLE_EDGE, ROLE_RELAY, ROLE_STORE };

const char *worker_role_name(enum worker_role role);

struct sandbox_options {
    enum worker_role role;
    const char *user;           /* switch to this user when running as root; NULL: stay */
    const char *data_directory; /* store only */
    const char *run_directory;  /* store only */
};

/* ERR_UNAVAILABLE only when privileges could not be dropped; missing kernel features come back in
 * *ret_missing, a text. */
enum err sandbox_enter(const struct sandbox_options *options, struct buf *ret_missing,
                       struct error *error) MUST_CHECK;

#endif

/*
 * The parts of sandbox_enter, each for itself testable by the kernel's answer. Used by sandbox.c only.
 */
#ifndef POSTHORN_RT_SANDBOX_PARTS_H
#define POSTHORN_RT_SANDBOX_PARTS_H

#include "rt/sandbox.h"

/* Landlock: files and TCP ports. What the kernel lacks is written to ret_missing. */
enum err sandbox_restrict_files(const struct sandbox_options *options, struct buf *ret_missing,
                                struct error *error) MUST_CHECK;
/* seccomp: system calls, for all threads. */
enum err sandbox_restrict_calls(enum worker_role role, struct buf *ret_missing,
                                struct error *error) MUST_CHECK;
/* One more sentence about what is not there. */
void sandbox_note_missing(struct buf *missing, const char *format, ...) FORMAT(2, 3);

#endif

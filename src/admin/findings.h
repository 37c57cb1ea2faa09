/*
 * What the doctor finds, as rows of a command's answer: `doctor` and `domain check` share them.
 *
 * Ownership: borrowed for the call. Errors: what can't be told makes the call unclean. Threads: the call's.
 */
#ifndef POSTHORN_ADMIN_FINDINGS_H
#define POSTHORN_ADMIN_FINDINGS_H

#include "admin/admin.h"
#include "doctor/doctor.h"

/* The `found` of a struct doctor whose context is the admin_call. */
void findings_tell(void *context, const struct finding *finding);

extern const struct admin_column findings_columns[];

#endif

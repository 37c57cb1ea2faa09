/*
 * A command of the command line asks other commands (COMMAND_HERE): their rows, and what they failed of.
 *
 * Ownership: rows are the caller's. Errors: those of the other command. Threads: one. Limits:
 * INQUIRY_ROWS_MAX; further rows are left out.
 */
#ifndef POSTHORN_ADMIN_INQUIRY_H
#define POSTHORN_ADMIN_INQUIRY_H

#include "admin/admin.h"

enum { INQUIRY_ROWS_MAX = 100000 };

struct inquiry {
    bool running_only;       /* not on the files: then ERR_UNAVAILABLE where no server runs */
    struct admin_call *call; /* its messages are passed on there; NULL: not at all */
};
/* request: taken; NULL: ERR_NOMEM. */
enum err inquire(const struct admin_context *context, const struct inquiry *inquiry, json_t *request,
                 json_t **ret_rows, struct error *error) MUST_CHECK;

#endif

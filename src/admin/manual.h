/*
 * The manual pages and the completion of bash, made of the tables of commands and settings: so they say what
 * the program does. `meson` runs the built binary for them (`posthorn manual 1|5|bash`); roff by man(7).
 */
#ifndef POSTHORN_ADMIN_MANUAL_H
#define POSTHORN_ADMIN_MANUAL_H

#include "base/buf.h"

/* A command that the table does not have: "serve", and what it is for. */
struct manual_command {
    const char *name;
    const char *help;
};

void manual_commands(const struct manual_command *others, size_t count, struct buf *out);
void manual_settings(struct buf *out);
void manual_completion(const struct manual_command *others, size_t count, struct buf *out);

#endif

/*
 * The store, for commands that ask it many things: the running server, or a process forked here that works on
 * the files as the store's user. So the command line stays who it is, and writes its files as that.
 *
 * Ownership: cli_link_close ends the process. Errors: what the store answers. Threads: one at a time; open it
 * before there are others.
 */
#ifndef POSTHORN_ADMIN_CLI_LINK_H
#define POSTHORN_ADMIN_CLI_LINK_H

#include <sys/types.h>

#include "admin/cli_parts.h"

struct cli_link {
    const struct settings *settings;
    int fd;        /* to the process; -1: the server is asked, each time on a connection of its own */
    FILE *answers; /* from it */
    pid_t process;
};

enum err cli_link_open(struct cli_link *link, const struct settings *settings,
                       struct error *error) MUST_CHECK;
void cli_link_close(struct cli_link *link);

/* What comes back: each row, with its bytes if it has some. Both borrowed. */
typedef enum err cli_link_row(void *context, const json_t *row, struct slice bytes, struct error *error);
/* request: taken; NULL: memory was out. */
enum err cli_link_ask(struct cli_link *link, json_t *request, struct slice attached, cli_link_row *each,
                      void *context, struct error *error) MUST_CHECK;

#endif

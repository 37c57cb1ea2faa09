/*
 * How far long work has come: at a terminal one line that is written over, elsewhere nothing but what is said
 * at the end of each folder.
 *
 * Errors: none. Threads: one at a time.
 */
#ifndef POSTHORN_ADMIN_CLI_PROGRESS_H
#define POSTHORN_ADMIN_CLI_PROGRESS_H

#include "base/buf.h"

struct cli_progress {
    bool terminal;
    bool shown;
    int64_t begun_us;
    int64_t told_us;
    char folder[80];
    uint64_t messages, messages_total; /* of the folder */
    uint64_t bytes, bytes_total;
};

void cli_progress_folder(struct cli_progress *progress, struct slice folder, uint64_t messages,
                         uint64_t bytes);
void cli_progress_step(struct cli_progress *progress, uint64_t messages, uint64_t bytes);
/* Before anything else is printed. */
void cli_progress_wipe(struct cli_progress *progress);

#endif

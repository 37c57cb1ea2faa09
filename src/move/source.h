/*
 * Where mail is moved in from, as the command line sees it: folders, their messages, the messages' bytes.
 *
 * The source is read in a process of its own, forked here: another server within relay's sandbox and user,
 * files as their owner. What comes from it is checked; the process is nobody's friend.
 *
 * Ownership: source_stop ends the process. Records borrow from the source, until the next call. Errors: those
 * of the reader, see origin.h; ERR_CLOSED it ended. Threads: one at a time; start it before there are others.
 */
#ifndef POSTHORN_MOVE_SOURCE_H
#define POSTHORN_MOVE_SOURCE_H

#include <sys/types.h>

#include "move/imap_origin.h"

struct source {
    int fd;
    pid_t process;
    int interrupt;    /* readable when the person wants to end; -1: nobody asks. Borrowed */
    bool interrupted; /* result */
    struct buf record;
    char *space;
};

enum err source_start_imap(struct source *source, const struct imap_options *options, const char *user,
                           struct error *error) MUST_CHECK;
/* fd: the file or directory, open for reading; borrowed. */
enum err source_start_files(struct source *source, int fd, struct error *error) MUST_CHECK;
void source_stop(struct source *source);

/* Asks; then source_next until RECORD_DONE. A RECORD_FAILED becomes the error. */
enum err source_ask_list(struct source *source, struct error *error) MUST_CHECK;
enum err source_ask_open(struct source *source, uint32_t folder, struct error *error) MUST_CHECK;
enum err source_ask_fetch(struct source *source, const uint64_t *items, size_t count,
                          struct error *error) MUST_CHECK;
enum err source_next(struct source *source, struct record *ret_record, struct error *error) MUST_CHECK;

#endif

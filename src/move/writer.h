/*
 * An account's mail written to files: a Maildir++ or a tree of mboxes, so that bringing it back gives the
 * same.
 *
 * Line ends are LF, as such files have, where each one in the message is CRLF; else the message is written as
 * it is: in a Maildir its name says so (,S= and ,W= are equal), in an mbox a field at its beginning
 * (MBOX_AS_IS).
 *
 * Ownership: the directory's descriptor is the caller's. Errors: ERR_EXISTS never: what stands there already
 * is ERR_INVALID; ERR_LIMIT a name that is too long for a file. Threads: one at a time. All files are made
 * anew, in directories made here, and through no link.
 */
#ifndef POSTHORN_MOVE_WRITER_H
#define POSTHORN_MOVE_WRITER_H

#include <stdio.h>

#include "base/buf.h"
#include "base/error.h"

enum { WRITER_KEYWORDS = 26 /* that a Maildir's folder can name */, WRITER_PATH_MAX = 4000 };

struct writer_message {
    uint32_t uid;
    int64_t date_us;
    uint32_t flags; /* bit k is the store's FLAG_* k */
    const struct slice *keywords;
    size_t keyword_count;
    struct slice bytes;
};

struct writer {
    int fd;
    bool maildir;
    int folder;       /* the Maildir's folder that is open; -1 */
    FILE *mbox;       /* or the mbox */
    struct buf words; /* the folder's keywords, a NUL after each */
    size_t word_count;
    uint64_t left_out; /* keywords of messages that it cannot name */
};

void writer_init(struct writer *writer, int fd, bool maildir);
/* path: ours, with '/'. Folders may come in any order, a folder once. */
enum err writer_folder(struct writer *writer, struct slice path, struct error *error) MUST_CHECK;
enum err writer_message(struct writer *writer, const struct writer_message *message,
                        struct error *error) MUST_CHECK;
/* Ends the folder: all of it is on disk. */
enum err writer_end(struct writer *writer, struct error *error) MUST_CHECK;
void writer_release(struct writer *writer);

#endif

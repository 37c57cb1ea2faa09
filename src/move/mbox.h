/*
 * A mailbox in one file: From_ lines, quoted "From " in bodies, flags in Status fields.
 *
 * What is in the wild is read: ">From " unquoted once (mboxrd, mboxo), CRLF or LF, no end of line at the end,
 * Content-Length ignored. A From_ line is one that comes first or after an empty line, and ends in a date.
 * Flags are those of Status, X-Status, X-Keywords and X-Mozilla-Status; the first three, X-UID and X-IMAPbase
 * are no part of the message. What Mozilla marked as expunged, and UW's folder data, are no messages.
 *
 * An mbox of ours (writer.h) has four lines of its own at a message's beginning, MBOX_OWN_FIELD first: then
 * just those are left out, and nothing else is looked at.
 *
 * Ownership: the input is the caller's. Errors: the input's. Threads: one at a time. Limits: MBOX_*; a
 * field's line is looked at for MBOX_LINE bytes, however long it is.
 */
#ifndef POSTHORN_MOVE_MBOX_H
#define POSTHORN_MOVE_MBOX_H

#include "base/buf.h"
#include "base/error.h"

enum { MBOX_LINE = 16 * 1024, MBOX_READ = 64 * 1024, MBOX_KEYWORDS_MAX = 2000 /* bytes */ };

/* At most n bytes at this place; *ret_n 0 at the end. */
#define MBOX_OWN_FIELD "X-Posthorn-Mbox" /* its words: */
#define MBOX_AS_IS "as-is"               /* line ends are to stay as they are */
#define MBOX_NO_END "no-end"             /* the last line has no end */
enum { MBOX_OWN_LINES = 4 };

struct mbox_input {
    enum err (*read)(struct mbox_input *input, uint64_t offset, char *to, size_t n, size_t *ret_n,
                     struct error *error);
};

struct mbox {
    struct mbox_input *input;
    uint64_t offset; /* of the next byte that a line is made of */
    uint64_t at;     /* of ahead's first byte */
    size_t n;
    char ahead[MBOX_READ];
};

struct mbox_message {
    uint64_t start, end; /* without its From_ line and the empty line behind it */
    int64_t date_us;     /* of the From_ line, as UTC */
    uint32_t flags;      /* bit k is the store's FLAG_* k */
    bool is_none;        /* expunged, or a folder's data */
    bool own;            /* it begins with lines of ours */
    bool as_is;          /* and its line ends are to stay */
    struct buf keywords; /* with blanks between them; mbox_message_release */
};
void mbox_message_release(struct mbox_message *message);

void mbox_init(struct mbox *mbox, struct mbox_input *input);
/* The next message; *ret_found false at the end, or when the file is no mbox at all (`offset` is 0 then). */
enum err mbox_next(struct mbox *mbox, bool *ret_found, struct mbox_message *ret_message,
                   struct error *error) MUST_CHECK;
/* Gives a message's own bytes in pieces. */
typedef enum err mbox_sink(void *context, struct slice bytes, struct error *error);
enum err mbox_give(struct mbox *mbox, const struct mbox_message *message, mbox_sink *sink, void *context,
                   struct error *error) MUST_CHECK;
/* Whether it is a From_ line, and of when. */
bool mbox_from_line(struct slice line, int64_t *ret_us) MUST_CHECK;

#endif

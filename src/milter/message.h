/*
 * A message as milters see and change it: its header's fields, its body in memory or in a file.
 *
 * Ownership: what is read borrows from the text and the file, which must live as long; changes live in the
 * arena. milter_message_release gives back what a replaced body takes. Errors: ERR_LIMIT beyond MILTER_*_MAX;
 * ERR_INVALID for a field that is none. Threads: one at a time.
 */
#ifndef POSTHORN_MILTER_MESSAGE_H
#define POSTHORN_MILTER_MESSAGE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"

enum {
    MILTER_HEADER_MAX = 1024 * 1024,        /* bytes */
    MILTER_FIELDS_MAX = 20000,              /* fields, those that milters add included */
    MILTER_ARENA_MAX = 64 * 1024 * 1024,    /* bytes of memory for it and its changes */
    MILTER_REPLACED_MAX = 64 * 1024 * 1024, /* bytes of a body that a milter has made */
};

struct milter_field {
    struct slice name;  /* empty: lines that are no field; nobody sees them, they stay where they are */
    struct slice value; /* behind the colon, folds as they are, without the last line end */
    struct slice whole; /* as it came; empty: a milter has made it */
};

struct milter_message {
    struct arena *arena;
    struct milter_field *fields;
    size_t count;
    size_t cap;
    struct slice memory; /* the whole message, when fd is -1 */
    int fd;
    uint64_t size;       /* of the whole message */
    uint64_t body_begin; /* where the body starts in it */
    bool changed;
    bool replaced;
    struct buf body; /* when replaced */
};

/* fd -1: the message is `memory`; else a file of `size` bytes. */
enum err milter_message_read(struct milter_message *message, struct slice memory, int fd, uint64_t size,
                             struct arena *arena, struct error *error) MUST_CHECK;
void milter_message_release(struct milter_message *message);

/* Values as milters write them: lines end with LF or CRLF. keep_blank: the value brings the blank behind the
 * colon with it. Names that are none are ERR_INVALID, and nothing is changed. */
enum err milter_message_add(struct milter_message *message, struct slice name, struct slice value,
                            bool keep_blank, struct error *error) MUST_CHECK;
/* index: 0 and 1 on top, 2 behind the first field... */
enum err milter_message_insert(struct milter_message *message, uint32_t index, struct slice name,
                               struct slice value, bool keep_blank, struct error *error) MUST_CHECK;
/* The index-th field of that name, from 1; an empty value removes it. One that is not there is added. */
enum err milter_message_change(struct milter_message *message, uint32_t index, struct slice name,
                               struct slice value, bool keep_blank, struct error *error) MUST_CHECK;
/* A piece of the new body; `first`: what was there goes. */
enum err milter_message_replace(struct milter_message *message, bool first, struct slice piece,
                                struct error *error) MUST_CHECK;

/* The body in pieces of at most `max` bytes, into storage; empty at its end. */
enum err milter_message_body(struct milter_message *message, uint64_t *offset, size_t max,
                             struct buf *storage, struct slice *ret_piece, struct error *error) MUST_CHECK;
/* The header as it is now, and the empty line. */
void milter_message_put_header(const struct milter_message *message, struct buf *out) NONNULL;

#endif

/*
 * A source as its reader process sees it: another server, a Maildir, mboxes. The same three questions to
 * each.
 *
 * Ownership: whoever makes an origin calls its `close`. Errors: ERR_NOT_FOUND and ERR_DENIED concern the
 * folder that was asked about; after any other the origin is of no use. Threads: one at a time. Limits:
 * MOVE_*.
 */
#ifndef POSTHORN_MOVE_ORIGIN_H
#define POSTHORN_MOVE_ORIGIN_H

#include "move/record.h"

enum {
    MOVE_FOLDERS_MAX = 10000,
    MOVE_ITEMS_MAX = 2000000, /* messages of a folder */
    MOVE_NAME_MAX = 1000,     /* bytes of a folder's name */
    MOVE_PARTS_MAX = 20,
    MOVE_KEYWORDS_MAX = 100, /* of one message */
    MOVE_NOTE_MAX = 300,
};

/* Flags of an ITEM: bit k is the store's FLAG_* k. */

/* Where answers go. */
struct outlet {
    int fd;
    struct buf record; /* being made */
    struct buf chunk;  /* bytes of the message that is under way */
    bool crlf;         /* its bare LFs become CRLF */
    bool after_cr;
};
void outlet_init(struct outlet *outlet, int fd);
void outlet_release(struct outlet *outlet);

enum err outlet_folder(struct outlet *outlet, struct slice name, enum folder_use use,
                       const struct slice *parts, size_t count, struct error *error) MUST_CHECK;
enum err outlet_opened(struct outlet *outlet, uint32_t validity, uint64_t messages,
                       struct error *error) MUST_CHECK;
struct origin_item {
    uint64_t item;
    uint64_t size;
    int64_t date_us; /* 0: unknown */
    uint32_t flags;
    struct slice keywords[MOVE_KEYWORDS_MAX];
    size_t keyword_count;
};
enum err outlet_item(struct outlet *outlet, const struct origin_item *item, struct error *error) MUST_CHECK;
/* A message: begin, its bytes in any number of pieces, end. verbatim: bare LFs stay as they are. */
void outlet_begin(struct outlet *outlet, bool verbatim);
enum err outlet_bytes(struct outlet *outlet, struct slice bytes, struct error *error) MUST_CHECK;
enum err outlet_end(struct outlet *outlet, uint64_t item, struct error *error) MUST_CHECK;
enum err outlet_note(struct outlet *outlet, struct error *error, const char *format, ...)
    FORMAT(3, 4) MUST_CHECK;

struct origin {
    enum err (*list)(struct origin *origin, struct outlet *outlet, struct error *error);
    /* Tells of every message in it. */
    enum err (*open)(struct origin *origin, size_t folder, struct outlet *outlet, struct error *error);
    /* Of the folder opened last. What is gone meanwhile is passed over. */
    enum err (*fetch)(struct origin *origin, const uint64_t *items, size_t count, struct outlet *outlet,
                      struct error *error);
    void (*close)(struct origin *origin);
};

/* Answers what comes by fd, until it is closed. */
void origin_serve(struct origin *origin, int fd);

#endif

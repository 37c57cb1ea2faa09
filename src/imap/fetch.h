/*
 * FETCH's arguments (RFC 3501 9, RFC 7162, RFC 3516, RFC 9394).
 *
 * Ownership: all lives in the command's arena or borrows from its text. Errors: the parser's problem. Limits:
 * below.
 */
#ifndef POSTHORN_IMAP_FETCH_H
#define POSTHORN_IMAP_FETCH_H

#include "imap/partial.h"
#include "mime/structure.h"

enum {
    IMAP_FETCH_ITEMS_MAX = 100,
    IMAP_FETCH_NAMES_MAX = 500, /* header names of one section */
    IMAP_SECTION_NUMBERS_MAX = MIME_DEPTH_MAX,
};

enum imap_fetch_kind {
    IMAP_FETCH_UID,
    IMAP_FETCH_FLAGS,
    IMAP_FETCH_INTERNALDATE,
    IMAP_FETCH_SIZE,
    IMAP_FETCH_ENVELOPE,
    IMAP_FETCH_BODY, /* the structure without extension data */
    IMAP_FETCH_BODYSTRUCTURE,
    IMAP_FETCH_SECTION,
    IMAP_FETCH_RFC822,
    IMAP_FETCH_RFC822_HEADER,
    IMAP_FETCH_RFC822_TEXT,
    IMAP_FETCH_MODSEQ,
    IMAP_FETCH_EMAILID,
    IMAP_FETCH_THREADID,
    IMAP_FETCH_SAVEDATE,
    IMAP_FETCH_PREVIEW,
    IMAP_FETCH_BINARY,      /* RFC 3516 4.2: a part without its transfer encoding */
    IMAP_FETCH_BINARY_SIZE, /* and how many bytes that is */
};
struct imap_section {
    uint32_t *numbers;
    size_t count;
    enum mime_section what;
    bool fields; /* HEADER.FIELDS with the names below */
    bool but;    /* HEADER.FIELDS.NOT */
    struct slice *names;
    size_t name_count;
};
struct imap_fetch_item {
    enum imap_fetch_kind kind;
    struct imap_section section;
    bool partial;
    uint64_t offset; /* bytes */
    uint64_t length;
};
struct imap_fetch {
    struct imap_sequence_set set;
    struct imap_fetch_item *items;
    size_t count;
    bool sets_seen; /* an item reads a body without PEEK */
    bool modseq;    /* MODSEQ is asked for, perhaps by CHANGEDSINCE */
    bool changed_since_given;
    uint64_t changed_since;      /* RFC 7162 3.1.4.1 */
    bool vanished;               /* RFC 7162 3.2.6 */
    struct imap_partial partial; /* RFC 9394 3.3 */
};

/* fetch_grammar.c: set, items and modifiers. */
bool imap_parse_fetch(struct imap_parser *p, struct imap_fetch *ret) MUST_CHECK;
/* "(UID BODY.PEEK[HEADER])": what is told of messages that come (RFC 5465 8). */
bool imap_parse_fetch_items(struct imap_parser *p, struct imap_fetch *ret) MUST_CHECK;

#endif

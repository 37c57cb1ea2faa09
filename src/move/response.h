/*
 * What a response of an IMAP server says (RFC 3501 7, RFC 9051 7), as far as an import asks: read leniently,
 * since servers differ, and within bounds, since they may be anybody's.
 *
 * Ownership: slices borrow from the text, or live in the arena. Errors: none; what cannot be read is of kind
 * RESPONSE_OTHER, or lacks the field. Threads: any.
 */
#ifndef POSTHORN_MOVE_RESPONSE_H
#define POSTHORN_MOVE_RESPONSE_H

#include "base/arena.h"

enum { RESPONSE_DEPTH_MAX = 100, RESPONSE_NAMESPACES_MAX = 8 };

enum response_kind {
    RESPONSE_OTHER,
    RESPONSE_TAGGED,   /* status */
    RESPONSE_CONTINUE, /* "+ ..." */
    RESPONSE_STATUS,   /* untagged; status */
    RESPONSE_CAPABILITY,
    RESPONSE_LIST,
    RESPONSE_NAMESPACE,
    RESPONSE_EXISTS,
    RESPONSE_FETCH,
};

enum response_status { STATUS_NONE, STATUS_OK, STATUS_NO, STATUS_BAD, STATUS_BYE, STATUS_PREAUTH };

struct response_namespace {
    struct slice prefix;
    bool personal;
};

struct response {
    enum response_kind kind;
    enum response_status status;
    struct slice tag;
    struct slice code; /* in brackets: "UIDVALIDITY 7" */
    struct slice text; /* for people; CAPABILITY: the words */
    uint32_t number;   /* EXISTS */
    /* LIST */
    struct slice attributes; /* "\HasNoChildren \Sent" */
    char separator;          /* 0: none */
    struct slice name;       /* as the server calls it; p NULL: unreadable */
    /* NAMESPACE */
    struct response_namespace namespaces[RESPONSE_NAMESPACES_MAX];
    size_t namespace_count;
    /* FETCH */
    uint32_t uid; /* 0: not said */
    bool has_flags;
    struct slice flags; /* "\Seen $Forwarded" */
    struct slice date;  /* INTERNALDATE; p NULL: not said */
    bool has_size;
    uint64_t size;
    bool has_body;
    struct slice body; /* where it did not come as a literal */
};

void response_read(struct slice text, struct arena *arena, struct response *ret);
/* The next word between blanks; false at the end. */
bool response_word(struct cursor *c, struct slice *ret_word);
bool response_has_word(struct slice words, struct slice word);

#endif

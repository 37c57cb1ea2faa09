/*
 * The milter protocol, version 6, as Sendmail and Postfix speak it: packets put together, and replies taken
 * apart. There is no RFC; what is here agrees with libmilter (Sendmail 8.14 and later).
 *
 *   packet: u32 length of what follows, in network order; a command or reply as one character; data
 *   texts in data end with a NUL
 *
 * Ownership: a reply's texts borrow from the packet's data. Errors: false for what is malformed; bufs are
 * sticky. Threads: any. Limits: MILTER_*.
 */
#ifndef POSTHORN_MILTER_PROTOCOL_H
#define POSTHORN_MILTER_PROTOCOL_H

#include "base/buf.h"

enum {
    MILTER_VERSION = 6,
    MILTER_VERSION_LEAST = 2,
    MILTER_CHUNK_MAX = 65535,        /* bytes of a piece of a body */
    MILTER_PACKET_MAX = 1024 * 1024, /* bytes of what a milter sends at once */
    MILTER_REPLY_MAX = 2000,         /* bytes of what a client is told */
};

/* What we tell a milter. */
enum milter_command {
    MILTER_ABORT = 'A',
    MILTER_BODY = 'B',
    MILTER_CONNECT = 'C',
    MILTER_MACRO = 'D',
    MILTER_END = 'E',
    MILTER_HELO = 'H',
    MILTER_HEADER = 'L',
    MILTER_MAIL = 'M',
    MILTER_END_OF_HEADER = 'N',
    MILTER_OPTIONS = 'O',
    MILTER_QUIT = 'Q',
    MILTER_RCPT = 'R',
    MILTER_DATA = 'T',
};

/* What it answers: name, character, what its data is. */
#define MILTER_REPLY_TABLE(X)             \
    X(ADD_RECIPIENT, '+', TEXT)           \
    X(ADD_RECIPIENT_PLUS, '2', TEXT_MORE) \
    X(REMOVE_RECIPIENT, '-', TEXT)        \
    X(ACCEPT, 'a', NOTHING)               \
    X(REPLACE_BODY, 'b', BYTES)           \
    X(CONTINUE, 'c', NOTHING)             \
    X(DISCARD, 'd', NOTHING)              \
    X(CHANGE_SENDER, 'e', TEXT_MORE)      \
    X(CONNECTION_FAILURE, 'f', NOTHING)   \
    X(ADD_HEADER, 'h', NAME_VALUE)        \
    X(INSERT_HEADER, 'i', INDEXED)        \
    X(CHANGE_HEADER, 'm', INDEXED)        \
    X(PROGRESS, 'p', NOTHING)             \
    X(QUARANTINE, 'q', TEXT)              \
    X(REJECT, 'r', NOTHING)               \
    X(SKIP, 's', NOTHING)                 \
    X(TEMPFAIL, 't', NOTHING)             \
    X(REPLY_CODE, 'y', TEXT)              \
    X(SHUTDOWN, '4', NOTHING)

enum milter_reply_kind {
#define X(name, character, data) MILTER_REPLY_##name,
    MILTER_REPLY_TABLE(X)
#undef X
        MILTER_REPLIES
};

struct milter_reply {
    enum milter_reply_kind kind;
    uint32_t index;     /* of a header field */
    struct slice name;  /* of a header field; an address; a reason; a reply */
    struct slice value; /* of a header field; a piece of a body */
};

bool milter_reply_parse(char character, struct slice data, struct milter_reply *ret) MUST_CHECK;

/* What a milter may do, of which we offer all (SMFIF_...), and what it wants left out (SMFIP_...). */
enum {
    MILTER_ACTIONS = 0xff, /* add, insert and change header fields, body, recipients, sender; quarantine */

    MILTER_NO_CONNECT = 0x01,
    MILTER_NO_HELO = 0x02,
    MILTER_NO_MAIL = 0x04,
    MILTER_NO_RCPT = 0x08,
    MILTER_NO_BODY = 0x10,
    MILTER_NO_HEADER = 0x20,
    MILTER_NO_END_OF_HEADER = 0x40,
    MILTER_SILENT_HEADER = 0x80, /* no reply comes to a header field */
    MILTER_NO_UNKNOWN = 0x100,   /* commands that we don't know: never told */
    MILTER_NO_DATA = 0x200,
    MILTER_CAN_SKIP = 0x400,
    MILTER_REFUSED_TOO = 0x800, /* it wants to see recipients whom we refuse: not told either */
    MILTER_SILENT_CONNECT = 0x1000,
    MILTER_SILENT_HELO = 0x2000,
    MILTER_SILENT_MAIL = 0x4000,
    MILTER_SILENT_RCPT = 0x8000,
    MILTER_SILENT_DATA = 0x10000,
    MILTER_SILENT_UNKNOWN = 0x20000,
    MILTER_SILENT_END_OF_HEADER = 0x40000,
    MILTER_SILENT_BODY = 0x80000,
    MILTER_LEADING_BLANK = 0x100000, /* of a field's value: kept */
    MILTER_STEPS = 0x1fffff & ~MILTER_REFUSED_TOO,
};

struct milter_options {
    uint32_t version;
    uint32_t actions;
    uint32_t steps;
};

/* The answer to MILTER_OPTIONS. False: malformed, or it wants what was not offered. */
bool milter_options_parse(struct slice data, struct milter_options *ret) MUST_CHECK;

/* --- packets --- */

/* Between these, data is put; begin says where the packet starts. */
size_t milter_packet_begin(struct buf *out, enum milter_command command) NONNULL;
void milter_packet_end(struct buf *out, size_t begin) NONNULL;
/* A text and its NUL; a NUL in it ends it. */
void milter_put_text(struct buf *out, struct slice text) NONNULL;
void milter_put_options(struct buf *out) NONNULL;
/* peer: an address as text; anything else is an unknown client. */
void milter_put_connect(struct buf *out, struct slice host, struct slice peer, uint16_t port) NONNULL;
/* A command with some texts. */
void milter_put_texts(struct buf *out, enum milter_command command, const struct slice *texts,
                      size_t count) NONNULL;
void milter_put_bytes(struct buf *out, enum milter_command command, struct slice bytes) NONNULL;

/* A reply that a milter wants the client to get ("550 5.7.1 no"; lines of one code, with CRLF between) as it
 * may go out, without the last line end. False: it is none. */
bool milter_reply_text(struct slice text, char ret_text[static MILTER_REPLY_MAX]) MUST_CHECK;

#endif

/*
 * Gathers one IMAP command: its lines and its literals (RFC 3501 4.3, RFC 7888).
 *
 * The command is given as one text without its last line end; a literal stands in it as it came,
 * "{5}\r\nhello", "~{5}\r\nhello" (RFC 3516 7). Only the verbs that bring messages (APPEND, REPLACE) may have
 * one of more than IMAP_LITERAL_INLINE_MAX bytes; theirs of more than IMAP_MESSAGE_INLINE_MAX go to a spool
 * outside the process's heap, in order, and only "{n}\r\n" stands in the text.
 *
 *   LINE --{n}--> LITERAL --n bytes--> LINE --line end--> complete
 *     \--too long, {n+} too big--> SKIP_LINE <--> SKIP_LITERAL --line end--> READER_FAILED
 *
 * Invariant: after READER_FAILED the connection is in step, i.e. the next byte starts a command, unless
 * failure is IMAP_READER_FLOOD. A synchronising literal that is too big is refused at once: its bytes never
 * come. A non-synchronising one is passed over (RFC 7888 4).
 *
 * Ownership: the reader owns text and spool until imap_reader_clear. Errors: `failure` after READER_FAILED.
 * Threads: its connection's. Limits: struct imap_reader_limits, each with a test at limit + 1.
 */
#ifndef POSTHORN_IMAP_READER_H
#define POSTHORN_IMAP_READER_H

#include "base/buf.h"
#include "rt/conn.h"

enum {
    IMAP_LINE_MAX = 64 * 1024,           /* bytes of one line after log-in */
    IMAP_COMMAND_MAX = 256 * 1024,       /* bytes of all literals that stand in a command's text */
    IMAP_LITERAL_INLINE_MAX = 64 * 1024, /* a larger literal goes to the spool */
    IMAP_MESSAGE_INLINE_MAX = 4 * 1024,  /* and in APPEND, which may bring many, one larger than this */
    IMAP_LOGIN_LINE_MAX = 20 * 1024,     /* before log-in: one SASL response of 12 KB in base64 fits */
    IMAP_LOGIN_LITERAL_MAX = 8 * 1024,   /* all literals of a command before log-in */
    IMAP_TAG_MAX = 64,
    IMAP_SKIP_MAX = 16 * 1024 * 1024, /* bytes passed over to stay in step, beside message_max */
    IMAP_READER_TAIL = 32,            /* bytes of a skipped line that are kept to see a literal at its end */
};

struct imap_reader_limits {
    size_t line_max;                  /* bytes; with literal_max this bounds the whole text too */
    size_t literal_max;               /* sum of the literals that stand in the text */
    uint64_t plus_max;                /* bytes of a literal that is sent without waiting (RFC 7888) */
    uint64_t message_max;             /* sum of spooled literals; 0: none are taken */
    int (*open_spool)(void *context); /* a file for spooled literals, -1: failed; NULL: memory */
    void *context;
};

#define IMAP_READER_FAILURE_TABLE(X)                                               \
    X(LINE, "BAD", "The line is too long")                                         \
    X(LITERAL, "NO [TOOBIG]", "The literal is larger than we take")                \
    X(WAIT, "BAD [TOOBIG]", "A literal of this size has to wait for our go-ahead") \
    X(MEMORY, "NO [SERVERBUG]", "There is no memory for the command")              \
    X(FLOOD, "BYE", "Too much input that can't be used")
enum imap_reader_failure {
#define X(name, status, text) IMAP_READER_##name,
    IMAP_READER_FAILURE_TABLE(X)
#undef X
};
const char *imap_reader_failure_text(enum imap_reader_failure failure);   /* the sentence */
const char *imap_reader_failure_status(enum imap_reader_failure failure); /* "BAD", "NO [TOOBIG]", "BYE" */

enum imap_reader_state {
    IMAP_READER_IN_LINE,
    IMAP_READER_IN_LITERAL,
    IMAP_READER_SKIP_LINE,
    IMAP_READER_SKIP_LITERAL,
};

struct imap_reader {
    struct reader reader;
    struct imap_reader_limits limits;
    struct buf text;
    size_t line_start;    /* where the present line starts in text */
    size_t literal_bytes; /* of literals in text so far */
    uint64_t left;        /* bytes of the present literal still to come */
    uint64_t skipped;
    uint64_t spooled;        /* bytes in the spool */
    struct slice spool_text; /* the spool, mapped when complete */
    int spool;               /* -1: none */
    bool to_spool;           /* the present literal goes there */
    bool raw;                /* a plain line: a SASL response, DONE */
    bool finished;           /* the next feed starts anew */
    enum imap_reader_state state;
    enum imap_reader_failure failure;
    char tag[IMAP_TAG_MAX + 1]; /* of the failed command, "*" when it had none */
};

void imap_reader_init(struct imap_reader *r, const struct imap_reader_limits *limits) NONNULL;
/* Forgets the command and gives its memory back; `raw` stays as it is. */
void imap_reader_clear(struct imap_reader *r) NONNULL;
static inline struct slice imap_reader_text(const struct imap_reader *r)
{
    return buf_slice(&r->text);
}
/* The spooled literals, one after the other. */
static inline struct slice imap_reader_spool(const struct imap_reader *r)
{
    return r->spool_text;
}

/* The literal's size announced at the end of a line ("... {12+}"); false: the line ends without one. */
bool imap_literal_at_end(struct slice line, uint64_t *ret_size, bool *ret_synchronising) NONNULL MUST_CHECK;
/* The tag in front of a command, or empty when there is no valid one. */
struct slice imap_tag_of(struct slice text);

#endif

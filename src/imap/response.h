/*
 * Pieces of responses: strings, flags, names (RFC 3501 7, 9), and the answer that ends a command.
 * Ownership: writes to the caller's buf. Errors: the buf's, sticky. Threads: any.
 */
#ifndef POSTHORN_IMAP_RESPONSE_H
#define POSTHORN_IMAP_RESPONSE_H

#include "base/buf.h"
#include "base/error.h"
#include "store/message.h"

/* A quoted string where it can be one, else a literal. */
void imap_put_string(struct buf *out, struct slice text) NONNULL;
/* Any bytes (RFC 3516 4.2). */
void imap_put_literal8(struct buf *out, struct slice bytes) NONNULL;
/* An atom where it can be one, else as imap_put_string. */
void imap_put_astring(struct buf *out, struct slice text) NONNULL;
/* A path as a quoted mailbox name. utf8: in UTF-8, which the client has enabled; else in modified UTF-7. */
void imap_put_mailbox(struct buf *out, struct slice path, bool utf8) NONNULL;
/* "(\Seen $Forwarded \Recent)". names: the account's keywords. */
void imap_put_flags(struct buf *out, const struct flagset *flags, const struct slice *names, size_t count,
                    bool recent) NONNULL;
/* "\Answered \Flagged ... kw1 kw2": those of `only`. */
void imap_put_flag_names(struct buf *out, const struct flagset *only, const struct slice *names,
                         size_t count);
/* "26-Jul-1996 ..." in quotes, in UTC. */
void imap_put_internal_date(struct buf *out, int64_t at_us) NONNULL;

/* Ids as clients see them (RFC 8474): a letter says of what, so that none is taken for another. */
#define IMAP_EMAILID_FORMAT "M%llx"
#define IMAP_THREADID_FORMAT "T%llx"

enum imap_status { IMAP_STATUS_OK, IMAP_STATUS_NO, IMAP_STATUS_BAD };

enum { IMAP_REPLY_CODE_MAX = 32 * 1024 * 1024 /* bytes of COPYUID's two sets, at worst */ };

/* The tagged answer of a command, filled by its handler; untouched it is "OK <verb> completed". */
struct imap_reply {
    enum imap_status status;
    struct buf code; /* "[APPENDUID 1 2]", or empty */
    char text[ERROR_CLIENT_MAX];
    bool none; /* nothing is said now: IDLE */
};
#define IMAP_REPLY ((struct imap_reply){.code = BUF(IMAP_REPLY_CODE_MAX)})

/* code: "TRYCREATE" or "" for none; text ends up without line ends. */
void imap_reply_set(struct imap_reply *reply, enum imap_status status, const char *code, const char *format,
                    ...) FORMAT(4, 5) NONNULL;
/* Answers with what the other says. */
void imap_reply_copy(struct imap_reply *reply, const struct imap_reply *other) NONNULL;
/* NO with the response code of RFC 5530 that says the same as the error. */
void imap_reply_error(struct imap_reply *reply, const struct error *error) NONNULL;

#endif

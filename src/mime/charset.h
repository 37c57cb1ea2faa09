/*
 * Any charset to UTF-8.
 *
 * Purpose: US-ASCII, UTF-8, ISO-8859-1 and windows-1252 by hand, all others through glibc's iconv. It never
 * fails, but says what it could not read (`bad`): bytes that mean nothing become U+FFFD; an unknown charset
 * is read as UTF-8 if it is valid UTF-8, else as windows-1252 (RFC 7103 7.6). As browsers do, iso-8859-1 is
 * read as windows-1252, of which it is a part; us-ascii with 8-bit bytes is guessed like an unknown one.
 * Ownership: mime_charset_release frees what a stream holds. Output always is valid UTF-8, across pieces too.
 * Threads: one a stream. iconv loads files of the gconv folder: a sandbox must allow reading them.
 * Limits: names up to MIME_CHARSET_NAME_MAX bytes; longer ones are unknown.
 */
#ifndef POSTHORN_MIME_CHARSET_H
#define POSTHORN_MIME_CHARSET_H

#include "base/buf.h"

enum { MIME_CHARSET_NAME_MAX = 40, MIME_CHARSET_PENDING_MAX = 16 };

enum mime_charset_way {
    MIME_CHARSET_UTF8,    /* checked and repaired */
    MIME_CHARSET_GUESS,   /* UTF-8 while it is valid, windows-1252 from the first bad byte on */
    MIME_CHARSET_WINDOWS, /* windows-1252 */
    MIME_CHARSET_ICONV,
};

struct mime_charset {
    enum mime_charset_way way;
    bool bad;    /* bytes meant nothing, or the name given is unknown */
    void *iconv; /* iconv_t */
    size_t pending;
    char bytes[MIME_CHARSET_PENDING_MAX]; /* an incomplete sequence at the end of the last piece */
};

/* name: of any case; empty or unknown: guess. */
void mime_charset_open(struct mime_charset *charset, struct slice name) NONNULL;
void mime_charset_feed(struct mime_charset *charset, struct buf *out, struct slice in) NONNULL;
/* The last piece was fed: what is incomplete becomes U+FFFD. */
void mime_charset_finish(struct mime_charset *charset, struct buf *out) NONNULL;
void mime_charset_release(struct mime_charset *charset) NONNULL;

/* All at once: `in` itself where it is the same in UTF-8, else what was put into out, which may be empty. */
struct slice mime_charset_view(struct buf *out, struct slice name, struct slice in) NONNULL;
/* The same as mime_charset_view in *ret_text; false: it could not all be read (RFC 5255 4.6 (c)). A charset
 * that is not named, or named by a word for none, can be guessed wrong but not be unknown. */
bool mime_charset_read(struct buf *out, struct slice name, struct slice in, struct slice *ret_text) NONNULL;
/* The same, always put. */
void mime_charset_to_utf8(struct buf *out, struct slice name, struct slice in) NONNULL;
/* True when it is a charset we can read (SEARCH CHARSET, Sieve, BADCHARSET). */
bool mime_charset_known(struct slice name);

#endif

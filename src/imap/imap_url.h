/*
 * IMAP URLs that mean one message or a part of it (RFC 5092), with or without authorization (RFC 4467).
 *
 *   imap://joe@example.com/INBOX;UIDVALIDITY=785799047/;UID=20/;SECTION=1.2/;PARTIAL=0.1024
 *   ...;EXPIRE=2026-12-31T23:59:59Z;URLAUTH=user+fred:INTERNAL:91354a473744909de610943775f92038
 *   /INBOX/;UID=20      without a server      ;UID=20      in the selected mailbox
 *
 * Ownership: what had to be decoded lives in the arena, the rest borrows from the text. Errors: false for all
 * that is not such a URL: another scheme, a mailbox or a search (RFC 5092 5), characters that must be
 * encoded, no memory. Threads: any. Limits: time is linear in the text.
 */
#ifndef POSTHORN_IMAP_IMAP_URL_H
#define POSTHORN_IMAP_IMAP_URL_H

#include "base/arena.h"

enum { IMAP_URL_TOKEN_MIN = 32 /* hexadecimal digits (RFC 4467 9, enc-urlauth) */ };

/* Who may use the URL (RFC 4467 3). */
enum imap_url_access {
    IMAP_URL_NO_ACCESS, /* it has no authorization */
    IMAP_URL_SUBMIT,    /* a submission server, for that user */
    IMAP_URL_USER,
    IMAP_URL_AUTHUSER,
    IMAP_URL_ANONYMOUS,
};

struct imap_url {
    bool absolute;        /* "imap://server/..." */
    bool from_root;       /* "/mailbox/...": not relative to the selected mailbox */
    struct slice user;    /* p NULL: none given */
    struct slice mailbox; /* UTF-8; p NULL: the selected one */
    uint32_t uidvalidity; /* 0: not given */
    uint32_t uid;
    struct slice section; /* "1.2.MIME"; p NULL: the whole message */
    bool partial;
    uint32_t offset; /* bytes */
    uint32_t length; /* 0: to the end */

    enum imap_url_access access;
    struct slice access_user; /* of SUBMIT and USER */
    bool expires;
    int64_t expires_seconds; /* since 1970 */
    struct slice rump;       /* the text up to and with the access: what is authorized */
    struct slice mechanism;  /* p NULL: not authorized yet */
    struct slice token;      /* hexadecimal */
};

bool imap_url_parse(struct slice text, struct arena *arena, struct imap_url *ret_url) NONNULL MUST_CHECK;

#endif

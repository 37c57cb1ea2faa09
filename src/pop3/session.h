/*
 * POP3's TRANSACTION state: a picture of the Inbox taken when it is first asked for, which stays as it is
 * until QUIT.
 *
 * Invariants: 1. Message numbers never change within a session. 2. Nothing is removed before QUIT. 3. A
 * message that another session removed meanwhile keeps its number and answers -ERR. Private to the pop3 room.
 */
#ifndef POSTHORN_POP3_SESSION_H
#define POSTHORN_POP3_SESSION_H

#include "pop3/language.h"
#include "pop3/pop3.h"
#include "rt/line_reader.h"
#include "store/message.h"

struct pop3_message {
    struct uid uid;
    struct member_id member;
    struct object_id object;
    uint64_t size;
    bool deleted;
};

struct pop3_session {
    struct visit visit; /* account, settings, ended */
    struct conn *conn;
    struct line_reader line;
    unsigned errors;
    bool loaded;
    bool utf8; /* said before log-in: headers come as they are (RFC 6856 2.1) */
    struct tongue tongue;
    struct folder_id inbox;
    struct pop3_message *messages; /* index + 1 is the message's number */
    size_t count;
    struct uid_set seen; /* fetched by RETR: \Seen at the end */
};

typedef void pop3_verb_fn(struct pop3_session *session, struct slice argument);

/* name, handler, needs the picture of the Inbox */
#define POP3_VERB_TABLE(X)      \
    X("STAT", pop3_stat, true)  \
    X("LIST", pop3_list, true)  \
    X("UIDL", pop3_uidl, true)  \
    X("RETR", pop3_retr, true)  \
    X("TOP", pop3_top, true)    \
    X("DELE", pop3_dele, true)  \
    X("RSET", pop3_rset, true)  \
    X("NOOP", pop3_noop, false) \
    X("CAPA", pop3_capa, false) \
    X("LANG", pop3_lang, false) \
    X("QUIT", pop3_quit, false)
#define X(name, handler, picture) pop3_verb_fn handler;
POP3_VERB_TABLE(X)
#undef X

/* In UTF8 mode all text may be UTF-8 (RFC 6856 2). */
struct tongue pop3_tongue(const struct pop3_session *session);
void pop3_ok(struct pop3_session *session, const char *format, ...) FORMAT(2, 3);
void pop3_refuse(struct pop3_session *session, const char *format, ...) FORMAT(2, 3);
/* -ERR for what is no mistake of the client's: not counted towards POP3_ERRORS_MAX. */
void pop3_cannot(struct pop3_session *session, const char *format, ...) FORMAT(2, 3);
/* The message of that number, neither out of range nor deleted; else NULL, and the client was told. */
struct pop3_message *pop3_find(struct pop3_session *session, struct slice number);
/* Makes \Seen what RETR fetched. */
void pop3_keep_seen(struct pop3_session *session);

#endif

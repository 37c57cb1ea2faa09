/*
 * One SMTP session and its verbs. Private to the smtp room.
 *
 *   START --EHLO--> READY --MAIL--> MAIL --RCPT--> RCPT --DATA--> body --> READY
 *                                                       --BDAT--> CHUNKS --BDAT LAST--> READY
 *
 * Invariants: 1. A transaction's memory is the arena's; it is empty outside of MAIL .. end of message. 2.
 * RSET, EHLO, STARTTLS and the end of a message leave no trace of a transaction. 3. What is said after a body
 * is said after link_accept.
 */
#ifndef POSTHORN_SMTP_SESSION_H
#define POSTHORN_SMTP_SESSION_H

#include "base/log.h"
#include "rt/line_reader.h"
#include "smtp/body.h"
#include "smtp/chunk_reader.h"
#include "smtp/guard.h"
#include "smtp/milter.h"
#include "smtp/path.h"
#include "smtp/reception.h"
#include "smtp/smtp.h"

enum smtp_state {
    SMTP_STATE_START = 1, /* before EHLO */
    SMTP_STATE_READY = 2,
    SMTP_STATE_MAIL = 4,    /* MAIL was accepted */
    SMTP_STATE_RCPT = 8,    /* and at least one RCPT */
    SMTP_STATE_CHUNKS = 16, /* between BDATs */
    SMTP_STATE_ANY = 31,
};

/* What the next unit of input is. */
/* INPUT_EARLY: none is due before the greeting. */
enum smtp_input { INPUT_COMMAND, INPUT_EARLY, INPUT_AUTH, INPUT_DATA, INPUT_CHUNK };

struct smtp_session {
    struct guest *guest;
    const struct settings *settings; /* the guest's */
    enum smtp_service service;
    struct conn *conn;
    enum smtp_state state;
    enum smtp_input input;
    struct line_reader line;
    struct reader early;
    struct dot_reader dot;
    struct chunk_reader chunk;
    bool last_chunk;
    unsigned errors;
    unsigned commands;
    struct buf helo;
    bool extended; /* EHLO or LHLO, not HELO */

    struct login login;
    bool logged_in;
    unsigned char ticket[TICKET_SIZE];
    struct buf account; /* who has logged in: an address */

    struct arena arena; /* the transaction's */
    struct queue_envelope envelope;
    size_t recipients_cap;
    uint64_t announced_size;
    struct smtp_body body;
    struct smtp_reception reception;
    struct smtp_guard guard;
    struct smtp_milter milter;
};

/* Guards, effect, reply. `argument` is the line behind the verb, trimmed. */
typedef void smtp_verb_fn(struct smtp_session *session, struct slice argument);

enum smtp_verb_flag {
    VERB_LMTP = 1,        /* exists in LMTP */
    VERB_SMTP = 2,        /* exists in SMTP */
    VERB_NEEDS_LOGIN = 4, /* on a submission listener */
    VERB_NO_ARGUMENT = 8,
    VERB_SUBMISSION = 16, /* exists on a submission listener only */
};

/* name, handler, states, flags */
#define SMTP_VERB_TABLE(X)                                                                             \
    X("EHLO", smtp_ehlo, SMTP_STATE_ANY, VERB_SMTP)                                                    \
    X("HELO", smtp_helo, SMTP_STATE_ANY, VERB_SMTP)                                                    \
    X("LHLO", smtp_ehlo, SMTP_STATE_ANY, VERB_LMTP)                                                    \
    X("STARTTLS", smtp_starttls, SMTP_STATE_READY, VERB_SMTP | VERB_LMTP | VERB_NO_ARGUMENT)           \
    X("AUTH", smtp_auth, SMTP_STATE_READY, VERB_SMTP)                                                  \
    X("MAIL", smtp_mail, SMTP_STATE_READY, VERB_SMTP | VERB_LMTP | VERB_NEEDS_LOGIN)                   \
    X("RCPT", smtp_rcpt, SMTP_STATE_MAIL | SMTP_STATE_RCPT, VERB_SMTP | VERB_LMTP | VERB_NEEDS_LOGIN)  \
    X("DATA", smtp_data, SMTP_STATE_RCPT, VERB_SMTP | VERB_LMTP | VERB_NEEDS_LOGIN | VERB_NO_ARGUMENT) \
    X("BDAT", smtp_bdat, SMTP_STATE_ANY, VERB_SMTP | VERB_LMTP)                                        \
    X("BURL", smtp_burl, SMTP_STATE_RCPT | SMTP_STATE_CHUNKS,                                          \
      VERB_SMTP | VERB_SUBMISSION | VERB_NEEDS_LOGIN)                                                  \
    X("RSET", smtp_rset, SMTP_STATE_ANY, VERB_SMTP | VERB_LMTP | VERB_NO_ARGUMENT)                     \
    X("NOOP", smtp_noop, SMTP_STATE_ANY, VERB_SMTP | VERB_LMTP)                                        \
    X("VRFY", smtp_vrfy, SMTP_STATE_ANY, VERB_SMTP | VERB_LMTP)                                        \
    X("HELP", smtp_help, SMTP_STATE_ANY, VERB_SMTP | VERB_LMTP)                                        \
    X("QUIT", smtp_quit, SMTP_STATE_ANY, VERB_SMTP | VERB_LMTP | VERB_NO_ARGUMENT)
#define X(name, handler, states, flags) smtp_verb_fn handler;
SMTP_VERB_TABLE(X)
#undef X

/* One reply line: "250 2.0.0 text". */
void smtp_reply(struct smtp_session *session, const char *format, ...) FORMAT(2, 3);
/* The same, and it counts as a client's mistake. */
void smtp_refuse(struct smtp_session *session, const char *format, ...) FORMAT(2, 3);
/* For metrics: a reply that begins with 4 or 5, by the reason in its enhanced status. */
void smtp_count_refusal(struct slice reply);
/* RFC 3463: x.7.1 is policy, here for now. */
#define SMTP_NO_MEMORY "452 4.3.1 out of memory for this message"
#define SMTP_SENT_ENOUGH "450 4.7.1 you have sent as much as you may for now; please try again later"
/* What is said of a full mailbox: 452, or 552 if the settings want it refused for good. */
const char *smtp_full_text(const struct smtp_session *session);
/* Store can't be asked: 451. */
void smtp_reply_unavailable(struct smtp_session *session, const struct error *error);
void smtp_expect(struct smtp_session *session, enum smtp_input input);
/* One more recipient, whose texts live in the transaction's arena; false: no memory. */
bool smtp_keep_recipient(struct smtp_session *session, const struct queue_recipient *recipient) MUST_CHECK;
/* Drops the transaction, if any. */
void smtp_reset(struct smtp_session *session);
static inline bool smtp_is_submission(const struct smtp_session *session)
{
    return session->service == SMTP_SUBMISSION;
}
/* Who sends on port 25 from outside of `trusted-networks`. */
bool smtp_is_stranger(const struct smtp_session *session);
struct slice smtp_ticket(const struct smtp_session *session); /* empty for a stranger */

/* cmd_auth.c: the answer to a challenge. cmd_data.c: a body, or a chunk of it, is complete. */
void smtp_auth_answer(struct smtp_session *session, struct slice line);
void smtp_data_complete(struct smtp_session *session);
void smtp_chunk_complete(struct smtp_session *session);
/* cmd_data.c: a chunk comes now, which is not `last` or is; false: there is no transaction for it, and it is
 * swallowed. */
bool smtp_begin_chunk(struct smtp_session *session, bool last, uint64_t size);

#endif

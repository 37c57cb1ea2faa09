/*
 * What the two files of the log-in dialogue share.
 *
 *   COMMAND --AUTHENTICATE--> FIRST (we wait for the initial response) --> STEP <--> STEP
 *      ^                                                                     |
 *      |<---- HELD (a failure's answer waits) <---- failed ------------------+--> FINAL (SCRAM's last word
 *      |                                                                          is out; an empty line
 * comes)
 *      |<---- "*" cancels, from FIRST, STEP and FINAL                             --> handed over
 */
#ifndef POSTHORN_IMAP_LOGIN_INTERNAL_H
#define POSTHORN_IMAP_LOGIN_INTERNAL_H

#include "imap/command.h"
#include "imap/login.h"
#include "imap/reader.h"

enum imap_login_state { LOGIN_COMMAND, LOGIN_FIRST, LOGIN_STEP, LOGIN_FINAL, LOGIN_HELD };
enum { LOGIN_NAME_MAX = ADDRESS_MAX };

struct imap_login {
    struct conn *conn;
    const struct imap_login_options *options;
    struct imap_reader reader;
    struct reader holder; /* takes input while an answer waits */
    struct buf held;
    enum imap_login_state state;
    enum sasl_mechanism mechanism;
    uint64_t exchange;
    unsigned failures;
    unsigned errors_in_a_row;
    bool closing;
    bool handed_over;
    char tag[IMAP_TAG_MAX + 1];    /* of LOGIN or AUTHENTICATE */
    char name[LOGIN_NAME_MAX + 1]; /* who tries to log in, where it can be seen; for the delay and the log */
    char answer[ERROR_CLIENT_MAX]; /* what waits in LOGIN_HELD */
    unsigned char ticket[TICKET_SIZE]; /* in LOGIN_FINAL */
    char limit_key[32];
    size_t limit_key_n;
};

/* Passwords may be sent here. */
bool imap_login_plain_allowed(const struct imap_login *login);
bool imap_login_mechanism_allowed(const struct imap_login *login, enum sasl_mechanism mechanism);
void imap_login_answer(struct imap_login *login, struct slice tag, const char *text);
void imap_login_bye(struct imap_login *login, const char *text);

/* login_sasl.c: each ends with an answer, a challenge, a hold, or the hand-over. */
void imap_login_with_password(struct imap_login *login, const struct imap_command *command);
void imap_login_authenticate(struct imap_login *login, const struct imap_command *command);
void imap_login_response(struct imap_login *login, struct slice line);
void imap_login_cancel(struct imap_login *login);

#endif

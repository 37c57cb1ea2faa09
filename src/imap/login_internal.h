/* What the two files of the log-in dialogue share. */
#ifndef POSTHORN_IMAP_LOGIN_INTERNAL_H
#define POSTHORN_IMAP_LOGIN_INTERNAL_H

#include "imap/command.h"
#include "imap/login.h"
#include "imap/reader.h"

struct imap_login {
    struct guest *guest;
    struct conn *conn;
    struct imap_reader reader;
    struct login login;
    bool in_exchange; /* the next line answers a challenge */
    unsigned errors_in_a_row;
    bool closing;
    char *off; /* capabilities, once ID has added some to those that nobody gets; else NULL */
    char tag[IMAP_TAG_MAX + 1]; /* of LOGIN or AUTHENTICATE */
};

/* Capabilities that nobody gets, or nobody with this client. */
static inline struct slice imap_login_off(const struct imap_login *login)
{
    return slice_cstr(login->off != NULL ? login->off : login->guest->settings->imap_without);
}

void imap_login_answer(struct imap_login *login, struct slice tag, const char *text);
void imap_login_bye(struct imap_login *login, const char *text);

/* login_sasl.c: each ends with an answer, a challenge, or the hand-over. */
void imap_login_with_password(struct imap_login *login, const struct imap_command *command);
void imap_login_authenticate(struct imap_login *login, const struct imap_command *command);
void imap_login_response(struct imap_login *login, struct slice line);
/* Passwords may be sent here. */
bool imap_login_allowed(const struct imap_login *login);

#endif

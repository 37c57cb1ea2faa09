/*
 * The client's message of OAUTHBEARER (RFC 7628 3.1) and of XOAUTH2 (as Google describes it), and what it is
 * told when the token does not do (RFC 7628 3.2.2).
 *
 * Threads: any. Errors: false for what is no such message.
 */
#ifndef POSTHORN_DIRECTORY_OAUTH_MESSAGE_H
#define POSTHORN_DIRECTORY_OAUTH_MESSAGE_H

#include "base/buf.h"

struct oauth_message {
    struct slice user;  /* as whom; empty: as whom the token is for. In user_text, or in the message */
    struct slice token; /* in the message: of RFC 6750 2.1's alphabet, not empty */
};

/* Makes user_text, which it may need, and which lives as long as the result is used. */
bool oauthbearer_parse(struct slice message, struct buf *user_text,
                       struct oauth_message *ret) NONNULL MUST_CHECK;
bool xoauth2_parse(struct slice message, struct oauth_message *ret) NONNULL MUST_CHECK;

#endif

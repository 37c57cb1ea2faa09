/*
 * Logging in to a server that sends for us (RFC 4954): SCRAM where it is offered, else PLAIN or LOGIN; over
 * TLS only. A server that knows no SCRAM keys of ours is asked by password.
 *
 * Errors: ERR_AUTH: refused, or nothing that we know is offered; the detail is one line. Threads: the
 * client's.
 */
#ifndef POSTHORN_SEND_LOGIN_H
#define POSTHORN_SEND_LOGIN_H

#include "send/client.h"

enum err login_run(struct client *client, struct slice user, struct slice password,
                   struct error *error) MUST_CHECK;

#endif

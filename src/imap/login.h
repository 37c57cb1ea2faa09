/*
 * IMAP before log-in: the edge process's side. It greets, speaks TLS, runs the SASL exchange with store, and
 * hands the connection over with the tag that store answers. After UNAUTHENTICATE it comes back, as if it
 * were new.
 *
 * Ownership: imap_login_start takes the guest. Threads: any. Limits: IMAP_LOGIN_* here and in reader.h.
 */
#ifndef POSTHORN_IMAP_LOGIN_H
#define POSTHORN_IMAP_LOGIN_H

#include "link/guest.h"

enum {
    IMAP_LOGIN_ERRORS_MAX = 10, /* protocol errors in a row */
    IMAP_LOGIN_ARENA_MAX = 256 * 1024,
};
#define IMAP_LOGIN_TIMEOUT_US (3 * CLOCK_MINUTE)

void imap_login_start(struct guest *guest);
/* A connection that came back from a person's session (RFC 8437): nothing is said first. `pending`: input
 * that came with it, when it is a new conn's (guest->conn is NULL). */
void imap_login_resume(struct guest *guest, struct slice pending);

#endif

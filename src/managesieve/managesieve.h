/*
 * ManageSieve (RFC 5804) in two halves: log-in in the edge process, the scripts in the store process.
 *
 * Ownership: as link/guest.h and link/visit.h say. Threads: each session on the loop's threads, one at a
 * time. Limits: below; scripts by store/script.h.
 */
#ifndef POSTHORN_MANAGESIEVE_MANAGESIEVE_H
#define POSTHORN_MANAGESIEVE_MANAGESIEVE_H

#include "link/guest.h"
#include "link/visit.h"
#include "sieve/sieve.h"

enum {
    MANAGESIEVE_LINE_MAX = 8192,            /* bytes of a command without its literals */
    MANAGESIEVE_LOGIN_LINE_MAX = 20 * 1024, /* before log-in: one SASL response fits */
    MANAGESIEVE_LOGIN_LITERAL_MAX = LOGIN_LINE_MAX,
    MANAGESIEVE_LITERALS_MAX = SIEVE_SCRIPT_MAX + 2 * SIEVE_SCRIPT_NAME_MAX, /* of one command together */
    MANAGESIEVE_QUOTED_MAX = 1024,                                           /* RFC 5804 4 */
    MANAGESIEVE_SKIP_MAX = 16 << 20, /* bytes of a literal that is too large, read to stay in step */
    MANAGESIEVE_ERRORS_MAX = 20,
};
#define MANAGESIEVE_LOGIN_IDLE_US (2 * 60 * CLOCK_SECOND)
#define MANAGESIEVE_IDLE_US (30 * 60 * CLOCK_SECOND) /* RFC 5804 1.3 */

void managesieve_login_start(struct guest *guest);
enum err managesieve_session_start(struct loop *loop, const struct visit *visit,
                                   struct error *error) MUST_CHECK;

#endif

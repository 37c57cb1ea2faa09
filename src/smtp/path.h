/*
 * The grammar of MAIL's and RCPT's arguments (RFC 5321 4.1.2, with the obsolete source route read and
 * dropped): strict, since what is misread here is misrouted later. Ownership: results borrow from the line or
 * live in the arena. Threads: any.
 */
#ifndef POSTHORN_SMTP_PATH_H
#define POSTHORN_SMTP_PATH_H

#include "base/arena.h"
#include "base/slice.h"

struct smtp_path {
    struct slice address; /* local@domain as written; empty for <> */
    bool has_utf8;        /* needs SMTPUTF8 */
};

struct smtp_parameter {
    struct slice name;
    struct slice value; /* p NULL: without "=" */
};

/* "<a@b>" at the cursor; leaves it behind ">". `bare_postmaster`: <postmaster> without a domain is fine
 * (4.1.1.3). */
bool smtp_path_parse(struct cursor *c, bool bare_postmaster, struct smtp_path *ret) MUST_CHECK;
/* The rest of the line: " NAME=VALUE" ... up to max of them. */
bool smtp_parameters_parse(struct cursor *c, struct smtp_parameter *ret, size_t max,
                           size_t *ret_count) MUST_CHECK;
/* xtext (RFC 3461 4) decoded into the arena. */
bool smtp_xtext_decode(struct slice text, struct arena *arena, struct slice *ret) MUST_CHECK;

#endif

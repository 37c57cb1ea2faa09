/* The capabilities that hold in both states (RFC 2449 6), one list for edge and store. */
#ifndef POSTHORN_POP3_CAPABILITY_H
#define POSTHORN_POP3_CAPABILITY_H

#include "base/buf.h"

#define POP3_CAPABILITY_TABLE(X) \
    X("TOP") X("UIDL") X("RESP-CODES") X("AUTH-RESP-CODE") X("PIPELINING") X("LANG")

/*
 * name, argument. UTF8 USER: names and passwords may be UTF-8 (RFC 6856 2.2). Whoever has logged in may do so
 * again at once: for every account, so that no USER follows before log-in (RFC 2449 6.5).
 */
#define POP3_POLICY_TABLE(X) \
    X("UTF8", "USER")        \
    X("LOGIN-DELAY", "0")    \
    X("IMPLEMENTATION", "Posthorn")

/* What EXPIRE says before log-in: the smallest value that an account can have, and that there is a better one
 * afterwards (RFC 2449 6.7). */
#define POP3_EXPIRE_BEFORE_LOGIN S("1 USER")

static inline void pop3_put_capabilities(struct buf *out, struct slice expire)
{
#define X(name) buf_put(out, S(name "\r\n"));
    POP3_CAPABILITY_TABLE(X)
#undef X
    buf_printf(out, "EXPIRE %.*s\r\n", SLICE_ARGS(expire));
#define X(name, argument) buf_put(out, S(name " " argument "\r\n"));
    POP3_POLICY_TABLE(X)
#undef X
}

#endif

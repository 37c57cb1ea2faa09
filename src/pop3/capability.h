/* The capabilities that hold in both states (RFC 2449 6), one list for edge and store. */
#ifndef POSTHORN_POP3_CAPABILITY_H
#define POSTHORN_POP3_CAPABILITY_H

#include "base/buf.h"

#define POP3_CAPABILITY_TABLE(X) \
    X("TOP") X("UIDL") X("RESP-CODES") X("AUTH-RESP-CODE") X("PIPELINING") X("LANG")

/*
 * name, argument. UTF8 USER: names and passwords may be UTF-8 (RFC 6856 2.2). The server itself deletes
 * nothing, and whoever has logged in may do so again at once: both for every account, so that no USER follows
 * before log-in (RFC 2449 6.5, 6.7).
 */
#define POP3_POLICY_TABLE(X) \
    X("UTF8", "USER")        \
    X("EXPIRE", "NEVER")     \
    X("LOGIN-DELAY", "0")    \
    X("IMPLEMENTATION", "Posthorn")

static inline void pop3_put_capabilities(struct buf *out)
{
#define X(name) buf_put(out, S(name "\r\n"));
    POP3_CAPABILITY_TABLE(X)
#undef X
#define X(name, argument) buf_put(out, S(name " " argument "\r\n"));
    POP3_POLICY_TABLE(X)
#undef X
}

#endif

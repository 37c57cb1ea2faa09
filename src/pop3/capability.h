/* The capabilities that hold in both states (RFC 2449 6), one list for edge and store. */
#ifndef POSTHORN_POP3_CAPABILITY_H
#define POSTHORN_POP3_CAPABILITY_H

#include "base/buf.h"

#define POP3_CAPABILITY_TABLE(X) X("TOP") X("UIDL") X("RESP-CODES") X("AUTH-RESP-CODE") X("PIPELINING")

static inline void pop3_put_capabilities(struct buf *out)
{
#define X(name) buf_put(out, S(name "\r\n"));
    POP3_CAPABILITY_TABLE(X)
#undef X
}

#endif

/*
 * The DNS for a process that may not speak it: one question and its records, asked of relay over the channel
 * that the supervisor brought. Edge judges with it what comes in (docs/decisions/dns-in-edge.md).
 *
 * Both ends have the shape of resolver_records, names_fn, and its outcomes. Only the types of
 * NAMES_TYPE_TABLE may be asked for. Errors: as resolver_records; ERR_UNAVAILABLE when relay is not there;
 * ERR_INVALID a name or type that may not be asked; ERR_LIMIT records that don't fit one message. Threads:
 * any; a call blocks until the deadline (monotonic us), with NAMES_MARGIN_US on top when relay hangs. Limits:
 * NAMES_WAIT_MAX_US, IPC_BODY_MAX.
 */
#ifndef POSTHORN_FETCH_NAMES_H
#define POSTHORN_FETCH_NAMES_H

#include "base/clock.h"
#include "fetch/resolver.h"
#include "rt/ipc.h"

#define NAMES_WAIT_MAX_US (30 * CLOCK_SECOND)
#define NAMES_MARGIN_US CLOCK_SECOND

#define NAMES_TYPE_TABLE(X) X(A) X(AAAA) X(MX) X(PTR) X(TXT)

typedef enum err names_fn(void *context, struct slice name, int type, int64_t deadline_us,
                          struct arena *arena, struct resolver_records *ret_records, struct error *error);

/* The message of a question, for who serves others beside it. */
enum { NAMES_CALL = 41 };
/* A names_fn whose context is a struct ipc_client that leads to relay. */
names_fn names_ask;
/* A names_fn whose context is a struct resolver. */
names_fn names_resolve;
/* An ipc_serve_fn whose context is a struct names_service. */
struct names_service {
    names_fn *records;
    void *context;
};
void names_serve(void *context, struct ipc_message *request, struct buf *reply_body,
                 struct ipc_message *reply);

#endif

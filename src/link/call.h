/*
 * One call to store: the record is put together, sent, and the reply read. Private to the link room.
 *
 *     CLEANUP(link_call_release) struct link_call call = link_call_of(link, LINK_...);
 *     wire_put_...(&call.record, ...);
 *     err = link_call_run(&call, error); ... wire_get_...(&call.reader) ... link_call_end(&call, error)
 */
#ifndef POSTHORN_LINK_CALL_H
#define POSTHORN_LINK_CALL_H

#include "link/codec.h"

struct link_call {
    struct link *link;
    struct buf record;  /* the request's */
    struct buf carrier; /* as sent */
    struct buf storage; /* the reply's */
    struct ipc_message request;
    struct ipc_message reply;
    struct wire_reader reader; /* over the reply's record */
};

struct link_call link_call_of(struct link *link, enum link_message type);
void link_call_release(struct link_call *call); /* for CLEANUP */
/* The request's descriptors stay the caller's. ERR_*: also what store answered. */
enum err link_call_run(struct link_call *call, struct error *error) MUST_CHECK;
/* ERR_INVALID: the reply held something else than was read. */
enum err link_call_end(const struct link_call *call, struct error *error) MUST_CHECK;

#endif

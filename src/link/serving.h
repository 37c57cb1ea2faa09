/*
 * A request at the store: what a handler gets, and the tables of handlers. Private to the link room.
 */
#ifndef POSTHORN_LINK_SERVING_H
#define POSTHORN_LINK_SERVING_H

#include "link/codec.h"

enum { LINK_ARENA_MAX = 16 * 1024 * 1024 };

struct service_call {
    struct link_service *service;
    struct wire_reader request;
    struct ipc_message *message; /* the request's descriptors */
    struct buf *reply;
    struct ipc_message *reply_message;
    struct arena arena;
};
typedef enum err link_handler(struct service_call *call, struct error *error);

struct link_row {
    uint32_t type;
    const char *name;
    link_handler *handler;
};

/* ERR_INVALID: the record held something else than was read. */
enum err link_check_request(const struct service_call *call, struct error *error) MUST_CHECK;
/* Runs the row of the request; a message of none is refused. */
void link_serve_rows(const struct link_row *rows, size_t count, void *context, struct ipc_message *request,
                     struct buf *reply_body, struct ipc_message *reply);

#endif

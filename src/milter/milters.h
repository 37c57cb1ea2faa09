/*
 * All milters that look at what one client brings, in the order of the settings: each sees the message as the
 * one before it has left it.
 *
 * A session has one struct milters; nothing is connected to before the first MAIL, so that who only looks in
 * costs nothing. A milter that fails is left alone for the rest of the connection, or the client is told to
 * come again, as its setting says; the verdict's `failed` and `error` are for the log then.
 * Ownership: settings and office are borrowed. Threads: one at a time for a session; the office any. Limits:
 * MILTERS_AT_ONCE_MAX sessions wait for milters at once.
 */
#ifndef POSTHORN_MILTER_MILTERS_H
#define POSTHORN_MILTER_MILTERS_H

#include <stdatomic.h>

#include "milter/filter.h"

enum { MILTERS_AT_ONCE_MAX = 64 /* of edge's 128 threads */ };

/* The process's. */
struct milter_office {
    struct ipc_client *relay;
    /* How a connection is made: milter_connect in edge. */
    enum err (*connect)(struct ipc_client *relay, const char *address, int *ret_fd, struct error *error);
    atomic_uint at_work;
};

struct milters {
    struct milter_office *office;
    struct milter_filter filters[SETTINGS_MILTERS_MAX];
    size_t count;
};

struct milters_verdict {
    struct milter_verdict verdict; /* MILTER_ACCEPTED is never said: it is MILTER_GO_ON */
    const char *by;                /* the milter that refused, discarded or failed */
    bool failed;
    struct error error;
};

/* NULL where none are set. */
enum err milters_create(struct milter_office *office, const struct settings *settings, bool submission,
                        struct milters **ret_milters, struct error *error) MUST_CHECK;
/* NULL is fine; its connections are closed. */
void milters_destroy(struct milters *milters);
/* The connection is over, or begins anew (EHLO, STARTTLS). */
void milters_close(struct milters *milters);

void milters_mail(struct milters *milters, const struct milter_client *client, struct slice sender,
                  struct milters_verdict *ret);
void milters_rcpt(struct milters *milters, struct slice recipient, struct milters_verdict *ret);
void milters_message(struct milters *milters, const struct milter_client *client,
                     struct milter_message *message, struct milter_changes *changes,
                     struct milters_verdict *ret);
/* There will be no message, or no more of it. */
void milters_abort(struct milters *milters);

#endif

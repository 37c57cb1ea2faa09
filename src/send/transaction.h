/*
 * One message within a session: MAIL, RCPT, DATA (or BDAT for binary), pipelined where the server can.
 *
 * Each recipient gets a result; its texts live in the arena. Threads: as the client.
 */
#ifndef POSTHORN_SEND_TRANSACTION_H
#define POSTHORN_SEND_TRANSACTION_H

#include "queue/outbound.h"
#include "send/client.h"

/* A server that promises nothing, or a time that is over; translated. */
#define DELIVERY_NOT_IN_TIME \
    "The message had to be delivered in a certain time, and the recipient's server can't promise that."

/* The session may have a message that requires TLS (RFC 8689 2). */
static inline bool transaction_may_require_tls(const struct client *client)
{
    return client->proven && (client->extensions & CLIENT_REQUIRETLS) != 0;
}

enum transaction_end {
    TRANSACTION_DONE,   /* the session is good for another one */
    TRANSACTION_LAST,   /* it is over */
    TRANSACTION_UNSAID, /* it is over, and was before it had a word for this message */
};
/* results: one for each recipient of the parcel, in its order. */
enum transaction_end transaction_run(struct client *client, const struct outbound_parcel *parcel,
                                     const struct outbound_message *message, struct arena *arena,
                                     struct outbound_result *results);

#endif

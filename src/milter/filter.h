/*
 * The conversation with one milter about one client.
 *
 *   (closed) --open--> asked for its options --greet--> GREETED --mail--> MESSAGE --rcpt*, message--> GREETED
 *                                                               MESSAGE --abort--> GREETED
 *
 * Ownership: the filter owns its connection. Errors: ERR_*: the milter is not to be relied on; the caller
 * closes it. What a milter answers is a verdict, no error. Threads: one at a time; each call blocks for the
 * milter's time at most, while it says that it is at work for MILTER_PROGRESS_MAX times as long.
 */
#ifndef POSTHORN_MILTER_FILTER_H
#define POSTHORN_MILTER_FILTER_H

#include "milter/connect.h"
#include "milter/message.h"
#include "milter/protocol.h"
#include "milter/stream.h"

enum { MILTER_PROGRESS_MAX = 60, MILTER_CHANGES_MAX = 1000 /* of recipients, in one message */ };

enum milter_outcome { MILTER_GO_ON, MILTER_ACCEPTED, MILTER_REFUSED, MILTER_DISCARDED };

struct milter_verdict {
    enum milter_outcome outcome;
    char reply[MILTER_REPLY_MAX]; /* when refused */
    bool closes;                  /* and the connection is to end */
};

/* The client, as milters are told of him; texts may be empty. */
struct milter_client {
    struct slice own_name;
    struct slice peer; /* address */
    uint16_t port;
    struct slice helo;
    struct slice id; /* of the session */
    struct slice account;
    struct slice tls, cipher;
};

struct milter_recipient_change {
    struct slice address;
    bool removed; /* else added */
};

/* What is to be changed but the message itself; texts live in the message's arena. */
struct milter_changes {
    struct milter_recipient_change *recipients;
    size_t count;
    bool has_sender;
    struct slice sender;
    bool quarantined;
    struct slice reason;
    const char *quarantined_by;
};

struct milter_filter {
    const struct milter_setting *setting;
    struct milter_stream stream;
    struct milter_options options;
    bool greeted;
    bool in_message;
    bool off;         /* it has let the client pass */
    bool off_message; /* or this message */
};

void milter_filter_init(struct milter_filter *filter, const struct milter_setting *setting);
/* Takes fd. */
enum err milter_filter_open(struct milter_filter *filter, int fd, struct error *error) MUST_CHECK;
void milter_filter_close(struct milter_filter *filter);

enum err milter_filter_greet(struct milter_filter *filter, const struct milter_client *client,
                             struct milter_verdict *ret_verdict, struct error *error) MUST_CHECK;
enum err milter_filter_mail(struct milter_filter *filter, const struct milter_client *client,
                            struct slice sender, struct milter_verdict *ret_verdict,
                            struct error *error) MUST_CHECK;
enum err milter_filter_rcpt(struct milter_filter *filter, struct slice recipient,
                            struct milter_verdict *ret_verdict, struct error *error) MUST_CHECK;
/* All of it; what the milter wants changed is done to the message, and added to the changes. */
enum err milter_filter_message(struct milter_filter *filter, const struct milter_client *client,
                               struct milter_message *message, struct milter_changes *changes,
                               struct milter_verdict *ret_verdict, struct error *error) MUST_CHECK;
enum err milter_filter_abort(struct milter_filter *filter, struct error *error) MUST_CHECK;

#endif

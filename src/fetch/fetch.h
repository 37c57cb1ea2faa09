/*
 * Asking the internet: one HTTPS request and its answer, for whoever in the house may not ask himself.
 *
 * Relay runs a fetcher (fetcher.h) and serves it; another process asks over the channel that the supervisor
 * brought (fetch_ask). Both have the same shape, fetch_fn, so what needs an answer takes one of them, or a
 * test's own.
 *
 * https only; http to this machine itself (127.0.0.0/8, ::1, localhost), for a service beside us. The
 * server's certificate must be valid for the name by the authorities of `ca-file`. Redirects are not
 * followed: their status comes back. Answers are not decompressed. An answer of any status is no error.
 *
 * Errors: ERR_INVALID no URL that may be asked, or a request beyond the limits; ERR_UNAVAILABLE no address,
 * no connection, no trust, or no answer that is HTTP; ERR_TIMEOUT; ERR_LIMIT the answer is longer than asked
 * for; ERR_BUSY FETCHES_AT_ONCE are under way;
 * ERR_DENIED public_only, and it is not. Threads: any; a call blocks. Limits: below.
 */
#ifndef POSTHORN_FETCH_FETCH_H
#define POSTHORN_FETCH_FETCH_H

#include "base/arena.h"
#include "base/clock.h"
#include "rt/ipc.h"

enum {
    FETCH_URL_MAX = 2048,         /* bytes */
    FETCH_HEADERS_MAX = 16,       /* lines of a request */
    FETCH_HEADER_LINE_MAX = 4096, /* bytes of one of them */
    FETCH_REQUEST_BODY_MAX = 64 * 1024,
    FETCH_BODY_MAX = 64 * 1024, /* the most that may be asked for; a record must fit IPC_BODY_MAX */
    FETCH_ANSWER_HEADERS_MAX = 32 * 1024,
    FETCH_CONTENT_TYPE_MAX = 200, /* bytes; what is longer is cut */
    FETCHES_AT_ONCE = 32,
    FETCH_ADDRESSES_MAX = 16, /* of one name */
};
#define FETCH_TIMEOUT_MAX_US (45 * CLOCK_SECOND) /* below LINK_TIMEOUT_US: whoever waits hears of it */

#define FETCH_METHOD_TABLE(X) X(GET) X(POST)
enum fetch_method {
#define X(name) FETCH_##name,
    FETCH_METHOD_TABLE(X)
#undef X
        FETCH_METHODS
};

struct fetch_request {
    enum fetch_method method;
    struct slice url;
    const struct slice *headers; /* "Name: value", without line ends */
    size_t header_count;
    struct slice body;  /* POST only */
    size_t body_max;    /* bytes of the answer; at most FETCH_BODY_MAX */
    int64_t timeout_us; /* for all of it; at most FETCH_TIMEOUT_MAX_US */
    bool public_only;   /* a stranger chose the server: not in a private network (resolver_is_public) */
    /* The answer's header lines, each with its CRLF, in the arena; from a fetcher in this process only, since
     * they do not travel. NULL: not wanted. */
    struct slice *ret_headers;
};

struct fetch_answer {
    unsigned status;           /* HTTP's */
    struct slice body;         /* in the arena; any bytes */
    struct slice content_type; /* the header's value, in the arena; empty: none */
};

typedef enum err fetch_fn(void *context, const struct fetch_request *request, struct arena *arena,
                          struct fetch_answer *ret_answer, struct error *error);

/* A fetch_fn whose context is a struct ipc_client that leads to relay. */
fetch_fn fetch_ask;
/* An ipc_serve_fn whose context is a struct fetch_service. */
struct fetch_service {
    fetch_fn *fetch;
    void *context;
};
void fetch_serve(void *context, struct ipc_message *request, struct buf *reply_body,
                 struct ipc_message *reply);

/* Within the limits, and made of what HTTP allows. ERR_INVALID. */
enum err fetch_check(const struct fetch_request *request, struct error *error) MUST_CHECK;

#endif

/*
 * One HTTP/1.1 request without a body (RFC 9112), strictly: for an endpoint that has nothing but GET.
 *
 * Lines end in CRLF. The request line is "GET /path HTTP/1.1" (or 1.0) with single blanks; header fields are
 * tokens, a colon, visible text. HTTP/1.1 needs exactly one Host (3.2); a body in whatever form is refused,
 * as is a field that begins with a blank (obs-fold). Anything else is the status to answer with.
 *
 * Ownership: results borrow from the head. Threads: any. Limits: HTTP_HEAD_MAX bytes, HTTP_FIELDS_MAX.
 */
#ifndef POSTHORN_HEALTH_HTTP_REQUEST_H
#define POSTHORN_HEALTH_HTTP_REQUEST_H

#include "rt/conn.h"

enum { HTTP_HEAD_MAX = 8 * 1024, HTTP_FIELDS_MAX = 64 };

/* status, its reason phrase (RFC 9110 15) */
#define HTTP_STATUS_TABLE(X)                                  \
    X(OK, 200, "OK")                                          \
    X(BAD_REQUEST, 400, "Bad Request")                        \
    X(NOT_FOUND, 404, "Not Found")                            \
    X(NOT_ALLOWED, 405, "Method Not Allowed")                 \
    X(TOO_LARGE, 413, "Content Too Large")                    \
    X(HEAD_TOO_LARGE, 431, "Request Header Fields Too Large") \
    X(UNAVAILABLE, 503, "Service Unavailable")                \
    X(VERSION, 505, "HTTP Version Not Supported")

enum http_status {
#define X(name, number, phrase) HTTP_##name = (number),
    HTTP_STATUS_TABLE(X)
#undef X
};

const char *http_phrase(enum http_status status);

/* The head without its last empty line, each line with its CRLF. HTTP_OK, or what to answer. */
enum http_status http_request_parse(struct slice head, struct slice *ret_path) NONNULL;

/* Gathers a head, to the empty line. */
struct http_reader {
    struct reader reader;
    struct buf head;
};
void http_reader_init(struct http_reader *r);
void http_reader_release(struct http_reader *r);

#endif

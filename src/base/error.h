/*
 * How a call failed: one code, one sentence for the person, one for the log.
 *
 * A function that can fail returns `enum err` and takes `struct error *error` last; it writes there
 * only when it fails. `client` is safe to show to a stranger; `detail` names files, SQL and errno and
 * goes to the log only. Context is added while the error travels up (error_context).
 */
#ifndef POSTHORN_BASE_ERROR_H
#define POSTHORN_BASE_ERROR_H

#include "base/attr.h"

#define ERR_TABLE(X)                          \
    X(OK, "ok")                               \
    X(NOMEM, "out of memory")                 \
    X(IO, "input/output error")               \
    X(CORRUPT, "stored data is damaged")      \
    X(NOT_FOUND, "not found")                 \
    X(EXISTS, "exists already")               \
    X(INVALID, "not valid")                   \
    X(LIMIT, "a limit is reached")            \
    X(QUOTA, "the mailbox is full")           \
    X(DENIED, "not permitted")                \
    X(AUTH, "log-in failed")                  \
    X(BUSY, "in use")                         \
    X(TIMEOUT, "timed out")                   \
    X(CLOSED, "connection closed")            \
    X(UNAVAILABLE, "temporarily unavailable") \
    X(UNSUPPORTED, "not supported")           \
    X(VERSION, "made by a newer version")

enum err {
#define X(name, text) ERR_##name,
    ERR_TABLE(X)
#undef X
};

enum { ERROR_CLIENT_MAX = 200, ERROR_DETAIL_MAX = 400 };

struct error {
    enum err code;
    char client[ERROR_CLIENT_MAX]; /* one line, no CR or LF */
    char detail[ERROR_DETAIL_MAX];
};

/* The code's word ("NOT_FOUND") and its sentence. */
const char *err_name(enum err code);
const char *err_text(enum err code);

/* Fills *error and returns code. client NULL: the code's own sentence. */
enum err fail(struct error *error, enum err code, const char *client, const char *detail_format, ...)
    FORMAT(4, 5);
/* The same with one sentence for both. */
enum err fail_plain(struct error *error, enum err code, const char *format, ...) FORMAT(3, 4);
/* After a system call: ERR_IO (ERR_NOMEM for ENOMEM, ERR_UNAVAILABLE for EMFILE/ENFILE/ENOSPC/EDQUOT) with
 * strerror. */
enum err fail_errno(struct error *error, const char *what_format, ...) FORMAT(2, 3);
enum err fail_nomem(struct error *error);
/* Puts "context: " before the detail; returns error->code. */
enum err error_context(struct error *error, const char *format, ...) FORMAT(2, 3);

#endif

/*
 * The structured log: one event a line, as text or JSON, on standard error.
 *
 *   LOG(LOG_INFO, sid, "smtp.accepted", F_STR("from", sender), F_INT("bytes", size));
 *   2026-11-22T10:00:00.123Z info edge 00c0ffee00c0ffee smtp.accepted from=a@b.example bytes=4021
 *
 * `sid` (struct session_id; v 0 for none) is the same in edge, store and relay, so that one grep follows a
 * connection through the house. Event names are "room.what". Fields' values are escaped.
 * Threads: any. A line is one write(2). Library code logs at LOG_DEBUG only; sessions log once, with context.
 */
#ifndef POSTHORN_BASE_LOG_H
#define POSTHORN_BASE_LOG_H

#include "base/error.h"
#include "base/ids.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

struct log_field {
    const char *key;
    struct slice text; /* when is_text */
    int64_t number;
    bool is_text;
    bool is_id; /* number is an id */
};

#define F_STR(k, s) ((struct log_field){.key = (k), .text = (s), .is_text = true})
#define F_CSTR(k, s) ((struct log_field){.key = (k), .text = slice_cstr(s), .is_text = true})
#define F_INT(k, i) ((struct log_field){.key = (k), .number = (int64_t)(i)})
/* An id as people see it elsewhere: 16 hex digits. */
#define F_ID(k, id) ((struct log_field){.key = (k), .number = (int64_t)(id), .is_id = true})
/* The log's half of an error. */
#define F_ERR(error) F_CSTR("error", (error)->detail)

/* process: "edge", "store" ...; called once, before threads. */
void log_open(const char *process, enum log_level least, bool json);
bool log_wants(enum log_level level);
void log_write(enum log_level level, struct session_id sid, const char *event, const struct log_field *fields,
               size_t count);

#define LOG(level, sid, event, ...)                                            \
    do {                                                                       \
        if (log_wants(level)) {                                                \
            const struct log_field fields_[] = {{0}, ##__VA_ARGS__};           \
            log_write(level, sid, event, fields_ + 1, ARRAY_LEN(fields_) - 1); \
        }                                                                      \
    } while (0)

#define NO_SID ((struct session_id){0})

#endif

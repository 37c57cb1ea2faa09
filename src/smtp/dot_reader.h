/*
 * The reader of a DATA body: to the line with a lone dot, dots undone (RFC 5321 4.5.2), into a sink.
 *
 * Only CRLF ends a line, and only CRLF.CRLF ends the message. A bare CR or LF is remembered in `bare`: the
 * message is refused then, since what other servers would take for an end must not pass (RFC 5321 2.3.8,
 * "smuggling").
 */
#ifndef POSTHORN_SMTP_DOT_READER_H
#define POSTHORN_SMTP_DOT_READER_H

#include "rt/conn.h"

typedef void dot_sink_fn(void *context, struct slice s);

enum dot_state { DOT_LINE_START, DOT_DOT, DOT_DOT_CR, DOT_TEXT, DOT_CR };

struct dot_reader {
    struct reader reader;
    enum dot_state state;
    bool bare;
    dot_sink_fn *sink;
    void *context;
};

void dot_reader_init(struct dot_reader *r, dot_sink_fn *sink, void *context);

#endif

/*
 * The header of a message or of a part: where it ends, and its fields one by one.
 *
 * Purpose: the project's only header tokenizer. It takes whatever arrives: bare LF line ends, blanks before
 * the colon, NULs, 8-bit bytes, an mbox "From " line on top, lines that are no fields (RFC 7103 7.2: read as
 * continuations when the header goes on after them, as the body's start when it doesn't). A bare CR ends no
 * line.
 * Ownership: everything borrows from the text given.
 * Errors: none; there is always a reading. Only bufs can fail (sticky, see base/buf.h).
 * Threads: any; no state but the caller's.
 * Limits: none of its own; time is linear in the header.
 */
#ifndef POSTHORN_MIME_HEADER_H
#define POSTHORN_MIME_HEADER_H

#include "base/buf.h"

/* An entity cut in two: header.n + body.n is all of it, body starts where header ends. */
struct mime_split {
    struct slice header; /* the fields and the empty line after them, if there is one */
    struct slice body;
};

struct mime_split mime_split(struct slice entity);

struct mime_field {
    struct slice name;  /* as written, without blanks before the colon */
    struct slice value; /* after the colon: folds and leading blanks included, last line end not */
    struct slice whole; /* name to last line end, as FETCH BODY[HEADER.FIELDS] copies it */
};

/* Reads the next field of a header; false at its end (the empty line, or no more text). */
bool mime_field_next(struct cursor *header, struct mime_field *ret) NONNULL MUST_CHECK;
/* The first field of that name (ASCII case ignored); false when there is none. */
bool mime_field_find(struct slice header, struct slice name, struct mime_field *ret) NONNULL MUST_CHECK;
/* Its raw value, trimmed, or a slice with p NULL. */
struct slice mime_field_value(struct slice header, struct slice name);

/* The value in one line, trimmed: each line end goes away (RFC 5322 2.2.3); where the next line does not
 * start with a blank, a space takes its place; NULs go away. */
void mime_unfold(struct buf *out, struct slice raw) NONNULL;
/* True when unfolding would change nothing but the ends: one line, no NUL. */
bool mime_is_unfolded(struct slice raw);

/* The fields whose names are (or, with `but` true, are not) in the list, whole, and the empty line,
 * unless the header has none (RFC 9051 6.4.5 HEADER.FIELDS and HEADER.FIELDS.NOT). */
void mime_header_select(struct buf *out, struct slice header, const struct slice *names, size_t count,
                        bool but) NONNULL;

/* What a line of a header is; line without its line end. */
enum mime_line { MIME_LINE_EMPTY, MIME_LINE_FIELD, MIME_LINE_CONTINUATION, MIME_LINE_MBOX, MIME_LINE_OTHER };
enum mime_line mime_line_kind(struct slice line);

/* The header's end found line by line, for a parser that meets boundaries on the way. Zeroed to start. */
struct mime_header_scan {
    bool any;         /* a field was seen */
    bool open;        /* lines that are no fields came last; `end` is before the first of them */
    const char *end;  /* where the body starts if no empty line comes */
    size_t end_lines; /* the caller's line count there */
};
/* Takes the line [start, next) (line end included); lines is the caller's count of line ends before it. True
 * when the header is over; then scan->end says where the body starts. */
bool mime_header_scan_line(struct mime_header_scan *scan, const char *start, const char *next,
                           size_t lines) NONNULL;

#endif

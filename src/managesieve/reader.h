/*
 * Gathers one ManageSieve command: its line and its literals (RFC 5804 4: "{5+}", which never wait).
 *
 * The command is given as one text without its last line end; a literal stands in it as it came,
 * "{5+}\r\nhello". What is too long is passed over, so that the session can say so and go on: READER_FAILED
 * with `flooded` when even that would take more than MANAGESIEVE_SKIP_MAX bytes.
 * Ownership: the reader owns the text until its next feed. Threads: its connection's. Limits: line_max,
 * literal_max.
 */
#ifndef POSTHORN_MANAGESIEVE_READER_H
#define POSTHORN_MANAGESIEVE_READER_H

#include "rt/conn.h"

struct managesieve_reader {
    struct reader reader;
    size_t line_max;    /* bytes outside of literals */
    size_t literal_max; /* bytes of all literals */
    struct buf text;
    size_t line_start; /* of the present line in text */
    size_t line_bytes, literal_bytes;
    uint64_t left; /* bytes of the present literal to come */
    uint64_t skipped;
    bool in_literal;
    bool skipping; /* too long: only its end is looked for */
    bool flooded;
    bool finished; /* the next feed starts anew */
};

void managesieve_reader_init(struct managesieve_reader *r, size_t line_max, size_t literal_max) NONNULL;
void managesieve_reader_release(struct managesieve_reader *r) NONNULL;
static inline struct slice managesieve_reader_text(const struct managesieve_reader *r)
{
    return buf_slice(&r->text);
}

#endif

/*
 * One response of an IMAP server at a time (RFC 3501 7): its lines and short literals as one text, the
 * literal of a message passed on in pieces as it comes.
 *
 * In the text a message's literal is replaced by "" (an empty quoted string), and `message` says that it was
 * there. Ownership: the reader owns the text, valid until the next call. Errors: ERR_CLOSED the server hung
 * up; ERR_LIMIT, ERR_INVALID what it sends is beyond all bounds. Threads: one at a time. Limits: RESPONSE_*,
 * and `message_max` for a message.
 */
#ifndef POSTHORN_MOVE_RESPONSE_READER_H
#define POSTHORN_MOVE_RESPONSE_READER_H

#include "base/buf.h"
#include "base/error.h"

enum {
    RESPONSE_MAX = 1024 * 1024,       /* bytes of a response without its message */
    RESPONSE_LITERAL_MAX = 64 * 1024, /* of a literal that is no message */
    RESPONSE_CHUNK = 32 * 1024,       /* read at once */
};

/* Where bytes come from: at least one, at most n. */
struct response_input {
    enum err (*read)(struct response_input *input, char *to, size_t n, size_t *ret_n, struct error *error);
};

/* Where a message goes. begin, pieces in order; the response's end tells whose it was. */
struct response_sink {
    enum err (*begin)(struct response_sink *sink, uint64_t size, struct error *error);
    enum err (*piece)(struct response_sink *sink, struct slice bytes, struct error *error);
};

struct response_reader {
    struct response_input *input;
    struct response_sink *sink; /* NULL: no message is expected */
    uint64_t message_max;
    struct buf text;
    bool message;
    size_t at, n; /* of what is read ahead */
    char ahead[RESPONSE_CHUNK];
};

void response_reader_init(struct response_reader *reader, struct response_input *input, uint64_t message_max);
void response_reader_release(struct response_reader *reader);
/* The next response, without its line end, is in reader->text. */
enum err response_reader_next(struct response_reader *reader, struct error *error) MUST_CHECK;
/* Nothing is read ahead: TLS may begin. */
static inline bool response_reader_empty(const struct response_reader *reader)
{
    return reader->at == reader->n;
}

#endif

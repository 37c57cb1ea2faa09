#include "move/response_reader.h"

void response_reader_init(struct response_reader *reader, struct response_input *input, uint64_t message_max)
{
    *reader = (struct response_reader){.input = input, .message_max = message_max, .text = BUF(RESPONSE_MAX)};
}

void response_reader_release(struct response_reader *reader)
{
    buf_release(&reader->text);
}

static enum err fill(struct response_reader *reader, struct error *error)
{
    if (reader->at < reader->n)
        return ERR_OK;
    reader->at = 0;
    reader->n = 0;
    return reader->input->read(reader->input, reader->ahead, sizeof(reader->ahead), &reader->n, error);
}

static struct slice ahead(const struct response_reader *reader)
{
    return slice_of(reader->ahead + reader->at, reader->n - reader->at);
}

static enum err fail_long(struct error *error)
{
    return fail_plain(error, ERR_LIMIT, "the server sends a response of more than %d KB",
                      RESPONSE_MAX / 1024);
}

/* To the next LF, which is taken away with the CR before it. */
static enum err read_line(struct response_reader *reader, struct error *error)
{
    for (;;) {
        enum err err = fill(reader, error);
        if (err != ERR_OK)
            return err;
        struct slice have = ahead(reader);
        ssize_t lf = slice_find_char(have, '\n');
        struct slice part = lf < 0 ? have : slice_sub(have, 0, (size_t)lf);
        reader->at += part.n + (lf < 0 ? 0 : 1);
        buf_put(&reader->text, part);
        if (buf_failed(&reader->text))
            return fail_long(error);
        if (lf < 0)
            continue;
        if (reader->text.n > 0 && reader->text.p[reader->text.n - 1] == '\r')
            reader->text.n--;
        return ERR_OK;
    }
}

/* Words for people end in anything; literals stand only in data. */
static bool may_hold_literals(struct slice text)
{
    static const struct slice words[] = {
        {"* OK", 4}, {"* NO", 4}, {"* BAD", 5}, {"* BYE", 5}, {"* PREAUTH", 9}};
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (slice_starts_nocase(text, words[i]))
            return false;
    return slice_starts(text, S("* "));
}

/* Whether the text ends in "{123}", "{123+}" or "~{123}"; *ret_head is what comes before. What is before
 * `from` came as a literal itself. */
static bool ends_in_literal(struct slice text, size_t from, struct slice *ret_head, uint64_t *ret_n)
{
    ssize_t open = slice_rfind_char(text, '{');
    if (text.n == 0 || text.p[text.n - 1] != '}' || open < (ssize_t)from || !may_hold_literals(text))
        return false;
    struct slice number = slice_sub(text, (size_t)open + 1, text.n - (size_t)open - 2);
    if (number.n > 0 && number.p[number.n - 1] == '+')
        number.n--;
    *ret_head = slice_sub(text, 0, (size_t)open);
    if (slice_ends(*ret_head, S("~")))
        ret_head->n--;
    return slice_to_u64(number, ret_n);
}

static enum err read_message(struct response_reader *reader, uint64_t n, struct error *error)
{
    if (reader->message)
        return fail_plain(error, ERR_INVALID, "the server sends two messages in one response");
    if (n > reader->message_max)
        return fail_plain(error, ERR_LIMIT, "the server sends a message of %llu bytes, more than it said",
                          (unsigned long long)n);
    reader->message = true;
    enum err err = reader->sink->begin(reader->sink, n, error);
    while (err == ERR_OK && n > 0) {
        err = fill(reader, error);
        if (err != ERR_OK)
            return err;
        struct slice part = slice_sub(ahead(reader), 0, (size_t)MIN(n, (uint64_t)RESPONSE_CHUNK));
        reader->at += part.n;
        n -= part.n;
        err = reader->sink->piece(reader->sink, part, error);
    }
    return err;
}

static enum err read_short(struct response_reader *reader, uint64_t n, struct error *error)
{
    if (n > RESPONSE_LITERAL_MAX)
        return fail_plain(error, ERR_LIMIT,
                          "the server sends a literal of %llu bytes where none of more than "
                          "%d KB may be",
                          (unsigned long long)n, RESPONSE_LITERAL_MAX / 1024);
    buf_put(&reader->text, S("\r\n"));
    while (n > 0) {
        enum err err = fill(reader, error);
        if (err != ERR_OK)
            return err;
        struct slice part = slice_sub(ahead(reader), 0, (size_t)n);
        reader->at += part.n;
        n -= part.n;
        buf_put(&reader->text, part);
    }
    return buf_failed(&reader->text) ? fail_long(error) : ERR_OK;
}

enum err response_reader_next(struct response_reader *reader, struct error *error)
{
    struct slice head;
    uint64_t n;
    size_t from = 0;
    buf_clear(&reader->text);
    reader->message = false;
    enum err err = read_line(reader, error);
    while (err == ERR_OK && ends_in_literal(buf_slice(&reader->text), from, &head, &n)) {
        if (reader->sink != NULL && slice_ends_nocase(head, S("BODY[] "))) {
            reader->text.n = head.n;
            buf_put(&reader->text, S("\"\""));
            err = read_message(reader, n, error);
        } else {
            err = read_short(reader, n, error);
        }
        from = reader->text.n;
        if (err == ERR_OK)
            err = read_line(reader, error);
    }
    return err;
}

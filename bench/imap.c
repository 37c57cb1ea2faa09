#include "bench/imap.h"

/* The n of a line that ends in "{n}" (RFC 9051 4.3). */
static bool ends_in_literal(struct slice line, uint64_t *ret_size)
{
    if (!slice_ends(line, S("}")))
        return false;
    ssize_t open = slice_rfind_char(line, '{');
    return open >= 0 && slice_to_u64(slice_sub(line, (size_t)open + 1, line.n - (size_t)open - 2), ret_size);
}

static void note_response(struct slice line, struct imap_answer *answer)
{
    struct cursor c = cursor_of(line);
    uint64_t number;
    answer->responses++;
    if (!cursor_skip(&c, S("* ")))
        return;
    if (cursor_u64(&c, &number)) {
        if (cursor_skip_nocase(&c, S(" EXISTS")))
            answer->exists = number;
    } else if (cursor_skip_nocase(&c, S("STATUS "))) {
        ssize_t at = slice_find_nocase(line, S("(MESSAGES "));
        struct cursor value = cursor_of(slice_from(line, at < 0 ? line.n : (size_t)at + 10));
        if (cursor_u64(&value, &number))
            answer->messages = number;
    }
}

/* The rest of a response whose last line announced a literal. */
static enum err skip_literals(struct client *client, uint64_t size, struct error *error)
{
    struct slice line;
    enum err err;
    do {
        err = client_skip(client, size, error);
        if (err == ERR_OK)
            err = client_line(client, &line, error);
    } while (err == ERR_OK && ends_in_literal(line, &size));
    return err;
}

enum err imap_answer(struct client *client, struct imap_answer *ret_answer, struct error *error)
{
    struct imap_answer answer = {0};
    char tag[16];
    (void)snprintf(tag, sizeof(tag), "a%u ", client->tag);
    for (;;) {
        struct slice line;
        uint64_t size;
        enum err err = client_line(client, &line, error);
        if (err != ERR_OK)
            return err;
        if (slice_starts(line, slice_cstr(tag))) {
            if (!slice_starts_nocase(slice_from(line, strlen(tag)), S("OK")))
                return fail_plain(error, ERR_DENIED, "%.*s", (int)MIN(line.n, 150), line.p);
            *ret_answer = answer;
            return ERR_OK;
        }
        if (slice_starts(line, S("+"))) {
            answer.idling = true;
            *ret_answer = answer;
            return ERR_OK;
        }
        note_response(line, &answer);
        if (ends_in_literal(line, &size) && (err = skip_literals(client, size, error)) != ERR_OK)
            return err;
    }
}

enum err imap_command(struct client *client, struct imap_answer *ret_answer, struct error *error,
                      const char *format, ...)
{
    CLEANUP(buf_release) struct buf out = BUF(8192);
    va_list args;
    buf_printf(&out, "a%u ", ++client->tag);
    va_start(args, format);
    buf_vprintf(&out, format, args);
    va_end(args);
    buf_put(&out, S("\r\n"));
    if (buf_failed(&out))
        return fail_plain(error, ERR_LIMIT, "an IMAP command is too long");
    enum err err = client_send(client, buf_slice(&out), error);
    return err == ERR_OK ? imap_answer(client, ret_answer, error) : err;
}

static enum err greet(struct client *client, const struct endpoint *endpoint, const char *user,
                      struct error *error)
{
    struct slice greeting;
    struct imap_answer answer;
    enum err err = client_line(client, &greeting, error);
    if (err == ERR_OK && !slice_starts(greeting, S("* OK")))
        err = fail_plain(error, ERR_DENIED, "%.*s", (int)MIN(greeting.n, 150), greeting.p);
    if (err == ERR_OK && endpoint->tls == DOOR_STARTTLS) {
        err = imap_command(client, &answer, error, "STARTTLS");
        if (err == ERR_OK)
            err = client_start_tls(client, error);
    }
    if (err == ERR_OK && user != NULL)
        err = imap_command(client, &answer, error, "LOGIN \"%s\" \"%s\"", user, client->options->password);
    return err;
}

enum err imap_open(struct client *client, const struct options *options, const struct endpoint *endpoint,
                   const char *user, struct error *error)
{
    enum err err = client_open(client, options, endpoint, error);
    if (err == ERR_OK && (err = greet(client, endpoint, user, error)) != ERR_OK)
        client_close(client);
    return err;
}

enum err imap_wait_exists(struct client *client, uint64_t *ret_exists, struct error *error)
{
    for (;;) {
        struct imap_answer answer = {.exists = UINT64_MAX};
        struct slice line;
        enum err err = client_line(client, &line, error);
        if (err != ERR_OK)
            return err;
        note_response(line, &answer);
        if (answer.exists != UINT64_MAX) {
            *ret_exists = answer.exists;
            return ERR_OK;
        }
    }
}

enum err imap_count(struct client *client, const char *mailbox, uint64_t *ret_count, struct error *error)
{
    struct imap_answer answer;
    enum err err = imap_command(client, &answer, error, "STATUS \"%s\" (MESSAGES)", mailbox);
    if (err == ERR_OK)
        *ret_count = answer.messages;
    return err;
}

void imap_logout(struct client *client)
{
    struct imap_answer answer;
    struct error error;
    if (client->fd >= 0 && imap_command(client, &answer, &error, "LOGOUT") != ERR_OK)
        fprintf(stderr, "posthorn-load: LOGOUT: %s\n", error.detail);
    client_close(client);
}

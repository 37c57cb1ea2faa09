#include "send/client.h"

#include <stdlib.h>
#include <sys/socket.h>

#include "base/fdio.h"
#include "send/login.h"

enum { COMMAND_MAX = 1024 };

static int64_t deadline_of(const struct client *client, int64_t timeout_us)
{
    int64_t deadline = clock_mono_us() + timeout_us;
    return client->deadline_us != 0 ? MIN(deadline, client->deadline_us) : deadline;
}

enum err client_reply(struct client *client, int64_t timeout_us, struct error *error)
{
    int64_t deadline = deadline_of(client, timeout_us);
    for (;;) {
        size_t used = 0;
        enum reply_progress progress = reply_parse(stream_input(&client->stream), &client->reply, &used);
        if (progress == REPLY_DONE) {
            stream_use(&client->stream, used);
            client->replies++;
            return ERR_OK;
        }
        if (progress == REPLY_BAD)
            return fail(error, ERR_INVALID, NULL, "the server answered something that is not SMTP");
        enum err err = stream_more(&client->stream, deadline, error);
        if (err != ERR_OK)
            return err;
    }
}

enum err client_ask(struct client *client, struct slice command, int64_t timeout_us, struct error *error)
{
    enum err err = stream_write(&client->stream, command, deadline_of(client, timeout_us), error);
    return err == ERR_OK ? client_reply(client, timeout_us, error) : err;
}

/* A reply that is not the one that is due, as an error. */
static enum err refused(const struct client *client, const char *what, struct error *error)
{
    CLEANUP(buf_release) struct buf text = BUF(REPLY_LINE_MAX * REPLY_LINES_MAX + 100);
    reply_put(&client->reply, &text);
    return fail(error, ERR_DENIED, NULL, "%s: %.300s", what, buf_cstr(&text));
}

static void read_mechanisms(struct client *client, struct slice words)
{
    static const struct {
        enum client_mechanism bit;
        const char *name;
    } known[] = {
#define X(id, number, text) {CLIENT_##id, text},
        CLIENT_MECHANISM_TABLE(X)
#undef X
    };
    for (bool more = true; more;) {
        struct slice word;
        struct slice rest = slice_none();
        more = slice_cut(words, ' ', &word, &rest);
        for (size_t i = 0; i < ARRAY_LEN(known); i++)
            if (slice_eq_nocase(word, slice_cstr(known[i].name)))
                client->mechanisms |= (unsigned)known[i].bit;
        words = rest;
    }
}

static void read_extension(struct client *client, struct slice line)
{
    struct slice name = line;
    struct slice value = slice_none();
    static const struct {
        enum client_extension bit;
        const char *name;
    } known[] = {
#define X(id, number, text) {CLIENT_##id, text},
        CLIENT_EXTENSION_TABLE(X)
#undef X
    };
    slice_cut(line, ' ', &name, &value);
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (slice_eq_nocase(name, slice_cstr(known[i].name)))
            client->extensions |= (unsigned)known[i].bit;
    if (slice_eq_nocase(name, S("AUTH")))
        read_mechanisms(client, value);
    if (slice_eq_nocase(name, S("DELIVERBY")) && !slice_to_u64(slice_trim(value), &client->by_min))
        client->by_min = 0;
    if (slice_eq_nocase(name, S("SIZE")) && !slice_to_u64(slice_trim(value), &client->size_max))
        client->size_max = 0;
}

/* RFC 5321 6.3: mail that an administrator's mistake sends to ourselves would go in a circle. */
static enum err check_other(const struct client *client, const struct client_options *options,
                            struct error *error)
{
    struct slice name = buf_slice(&client->reply.text);
    struct slice rest;
    slice_cut(name, '\n', &name, &rest);
    slice_cut(name, ' ', &name, &rest);
    if (!options->other || !slice_eq_nocase(name, slice_cstr(options->own_name)))
        return ERR_OK;
    return fail(error, ERR_DENIED, NULL, "the server is this one: mail would come back");
}

/* What we call ourselves there. */
static const char *name_of(const struct client_options *options)
{
    return options->source != NULL && options->source->name[0] != 0 ? options->source->name
                                                                    : options->own_name;
}

/* EHLO, or HELO when the server does not know it (RFC 5321 3.2). */
static enum err greet(struct client *client, const char *own_name, struct error *error)
{
    CLEANUP(buf_release) struct buf command = BUF(COMMAND_MAX);
    buf_printf(&command, "EHLO %s\r\n", own_name);
    enum err err = client_ask(client, buf_slice(&command), CLIENT_COMMAND_US, error);
    if (err != ERR_OK)
        return err;
    client->extensions = 0;
    client->mechanisms = 0;
    client->size_max = 0;
    client->by_min = 0;
    if (client->reply.code == 250) {
        struct slice rest = buf_slice(&client->reply.text);
        struct slice line;
        slice_cut(rest, '\n', &line, &rest); /* its name */
        while (rest.n > 0) {
            struct slice next = slice_none();
            line = rest;
            slice_cut(rest, '\n', &line, &next);
            read_extension(client, line);
            rest = next;
        }
        return ERR_OK;
    }
    if (!reply_is(&client->reply, 5))
        return refused(client, "EHLO", error);
    buf_clear(&command);
    buf_printf(&command, "HELO %s\r\n", own_name);
    err = client_ask(client, buf_slice(&command), CLIENT_COMMAND_US, error);
    return err == ERR_OK && client->reply.code != 250 ? refused(client, "HELO", error) : err;
}

static void tell(const struct client_options *options, enum tls_result result)
{
    if (options->told == NULL)
        return;
    options->told->decided = true;
    options->told->result = result;
}

static void tell_local(const struct client *client, const struct client_options *options)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } own;
    socklen_t n = sizeof(own);
    struct resolver_address address = {0};
    if (options->told == NULL || getsockname(client->stream.fd, &own.any, &n) != 0)
        return;
    address.family = own.any.sa_family;
    if (address.family == AF_INET6)
        address.v6 = own.v6.sin6_addr;
    else
        address.v4 = own.v4.sin_addr;
    resolver_address_text(&address, options->told->local);
}

static enum tls_result failure_of(const struct client *client)
{
    switch (client->stream.tls != NULL ? tls_client_verify_error(client->stream.tls) : TLS_CLIENT_VERIFIED) {
    case TLS_CLIENT_OTHER_NAME:
        return TLS_RESULT_CERTIFICATE_HOST_MISMATCH;
    case TLS_CLIENT_EXPIRED:
        return TLS_RESULT_CERTIFICATE_EXPIRED;
    case TLS_CLIENT_UNTRUSTED:
        return TLS_RESULT_CERTIFICATE_NOT_TRUSTED;
    default:
        return TLS_RESULT_VALIDATION_FAILURE;
    }
}

static enum err start_tls(struct client *client, const struct client_options *options, bool *ret_tls_failed,
                          struct error *error)
{
    bool offered = (client->extensions & CLIENT_STARTTLS) != 0;
    if (!offered)
        tell(options, TLS_RESULT_STARTTLS_NOT_SUPPORTED);
    *ret_tls_failed = !offered && options->tls_required;
    if (!offered || options->tls == NULL)
        return options->tls_required ? fail(error, ERR_AUTH, NULL, "the server offers no TLS") : ERR_OK;
    enum err err = client_ask(client, S("STARTTLS\r\n"), CLIENT_COMMAND_US, error);
    if (err == ERR_OK && client->reply.code != 220) {
        *ret_tls_failed = true;
        tell(options, TLS_RESULT_STARTTLS_NOT_SUPPORTED);
        return refused(client, "STARTTLS", error);
    }
    if (err == ERR_OK)
        err = stream_start_tls(&client->stream, options->tls, options->expectation,
                               deadline_of(client, CLIENT_COMMAND_US), error);
    if (err != ERR_OK) {
        *ret_tls_failed = true;
        tell(options, failure_of(client));
        return error_context(error, "TLS");
    }
    tell(options, TLS_RESULT_SUCCESS);
    return greet(client, name_of(options), error);
}

static enum err begin(struct client *client, const struct client_options *options, bool *ret_tls_failed,
                      struct error *error)
{
    enum err err = stream_connect(&options->address, options->port, options->source,
                                  deadline_of(client, CLIENT_CONNECT_US), &client->stream, error);
    if (err == ERR_OK)
        tell_local(client, options);
    if (err == ERR_OK && options->tls_implicit) {
        err = stream_start_tls(&client->stream, options->tls, options->expectation,
                               deadline_of(client, CLIENT_COMMAND_US), error);
        *ret_tls_failed = err != ERR_OK;
        if (err != ERR_OK)
            return error_context(error, "TLS");
    }
    if (err == ERR_OK)
        err = client_reply(client, CLIENT_GREETING_US, error);
    if (err == ERR_OK && client->reply.code != 220)
        err = refused(client, "greeting", error);
    if (err == ERR_OK)
        err = greet(client, name_of(options), error);
    if (err == ERR_OK)
        err = check_other(client, options, error);
    if (err == ERR_OK && !options->tls_implicit)
        err = start_tls(client, options, ret_tls_failed, error);
    return err == ERR_OK && options->user.n > 0 ? login_run(client, options->user, options->password, error)
                                                : err;
}

enum err client_open(const struct client_options *options, struct client **ret_client, bool *ret_tls_failed,
                     struct error *error)
{
    char address[INET6_ADDRSTRLEN];
    struct client *client = calloc(1, sizeof(*client));
    *ret_tls_failed = false;
    if (client == NULL)
        return fail_nomem(error);
    client->stream.fd = -1;
    client->reply = REPLY;
    client->deadline_us = options->deadline_us;
    resolver_address_text(&options->address, address);
    snprintf(client->peer, sizeof(client->peer), "%s [%s]", options->host, address);
    enum err err = begin(client, options, ret_tls_failed, error);
    if (err != ERR_OK) {
        error_context(error, "%s", client->peer);
        client_close(client, false);
        return err;
    }
    *ret_client = client;
    return ERR_OK;
}

void client_close(struct client *client, bool polite)
{
    struct error error;
    if (client == NULL)
        return;
    if (polite)
        (void)(client_ask(client, S("QUIT\r\n"), CLIENT_QUIT_US, &error) == ERR_OK);
    stream_close(&client->stream);
    reply_release(&client->reply);
    free(client);
}

#include "move/dialogue.h"

#include <openssl/ssl.h>
#include <sodium.h>
#include <stdlib.h>

#include "base/base64.h"

enum { CAPABILITIES_MAX = 8 * 1024, DIALOGUE_ARENA_MAX = 2 * RESPONSE_MAX, SAID_MAX = 100 };

/* --- commands and responses --- */

bool dialogue_can(const struct dialogue *session, struct slice capability)
{
    return response_has_word(buf_slice(&session->capabilities), capability);
}

/* What the server says to people, fit for a terminal. */
static const char *said(struct slice text, char space[static SAID_MAX])
{
    size_t n = MIN(text.n, (size_t)SAID_MAX - 1);
    for (size_t i = 0; i < n; i++)
        space[i] = text.p[i] >= ' ' && text.p[i] < 0x7f ? text.p[i] : '?';
    space[n] = 0;
    return space;
}

static enum err next(struct dialogue *session, struct response *ret, struct error *error)
{
    enum err err = response_reader_next(session->reader, error);
    if (err != ERR_OK)
        return err;
    arena_reset(&session->arena);
    response_read(buf_slice(&session->reader->text), &session->arena, ret);
    char space[SAID_MAX];
    if (ret->kind == RESPONSE_STATUS && ret->status == STATUS_BYE)
        return fail_plain(error, ERR_CLOSED, "the other server ends the connection: %s",
                          said(ret->text, space));
    return ERR_OK;
}

enum err dialogue_send(struct dialogue *session, struct slice command, struct error *error)
{
    CLEANUP(buf_release) struct buf line = BUF(DIALOGUE_COMMAND_MAX);
    buf_printf(&line, "p%u ", ++session->tag);
    buf_put(&line, command);
    buf_put(&line, S("\r\n"));
    if (buf_failed(&line))
        return fail_plain(error, ERR_LIMIT, "a command of more than %d bytes", DIALOGUE_COMMAND_MAX);
    enum err err = source_stream_write(&session->stream, buf_slice(&line), error);
    sodium_memzero(line.p, line.n);
    return err;
}

/* Of any command that is under way: servers may end them in another order. */
static bool is_end(const struct dialogue *session, const struct response *response)
{
    uint32_t number;
    return response->kind == RESPONSE_TAGGED && slice_starts(response->tag, S("p")) &&
           slice_to_u32(slice_from(response->tag, 1), &number) && number <= session->tag &&
           number + DIALOGUE_UNDER_WAY > session->tag;
}

static enum err refused(const struct response *response, struct error *error)
{
    char space[SAID_MAX];
    if (response->status == STATUS_OK)
        return ERR_OK;
    return fail_plain(error, ERR_DENIED, "the other server refuses: %s", said(response->text, space));
}

static enum err take_capabilities(struct dialogue *session, const struct response *response)
{
    struct slice words = response->text;
    buf_clear(&session->capabilities);
    buf_put(&session->capabilities, words);
    return ERR_OK;
}

/* Until the command's end, or a continuation if one is wanted. */
static enum err await(struct dialogue *session, bool *continued, imap_each *each, void *context,
                      struct error *error)
{
    for (size_t others = 0; others <= DIALOGUE_RESPONSES_MAX;) {
        struct response response;
        bool taken = false;
        enum err err = next(session, &response, error);
        if (err == ERR_OK && is_end(session, &response)) {
            if (continued != NULL)
                *continued = false;
            return refused(&response, error);
        }
        if (err == ERR_OK && response.kind == RESPONSE_CONTINUE && continued != NULL) {
            *continued = true;
            return ERR_OK;
        }
        if (err == ERR_OK && response.kind == RESPONSE_CAPABILITY)
            err = take_capabilities(session, &response);
        if (err == ERR_OK && each != NULL)
            err = each(context, &response, &taken, error);
        if (err != ERR_OK)
            return err;
        others += !taken;
    }
    return fail_plain(error, ERR_LIMIT, "the other server sends more than %d responses that nobody asked for",
                      DIALOGUE_RESPONSES_MAX);
}

enum err dialogue_finish(struct dialogue *session, imap_each *each, void *context, struct error *error)
{
    return await(session, NULL, each, context, error);
}

enum err dialogue_ask(struct dialogue *session, struct slice command, imap_each *each, void *context,
                      struct error *error)
{
    enum err err = dialogue_send(session, command, error);
    return err == ERR_OK ? dialogue_finish(session, each, context, error) : err;
}

/* --- strings --- */

bool imap_put_quoted(struct buf *out, struct slice text)
{
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] < ' ' || text.p[i] > '~') /* CR, LF, NUL and 8-bit bytes */
            return false;
    buf_putc(out, '"');
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '"' || text.p[i] == '\\')
            buf_putc(out, '\\');
        buf_putc(out, text.p[i]);
    }
    buf_putc(out, '"');
    return true;
}

/* More of the command that was sent last. */
static enum err send_more(struct dialogue *session, struct slice bytes, struct error *error)
{
    CLEANUP(buf_release) struct buf line = BUF(DIALOGUE_COMMAND_MAX);
    buf_put(&line, bytes);
    buf_put(&line, S("\r\n"));
    if (buf_failed(&line))
        return fail_plain(error, ERR_LIMIT, "a command of more than %d bytes", DIALOGUE_COMMAND_MAX);
    enum err err = source_stream_write(&session->stream, buf_slice(&line), error);
    sodium_memzero(line.p, line.n);
    return err;
}

/* "{n}" at the end of the last piece; the bytes follow when the server says "+". */
static enum err literal(struct dialogue *session, struct slice bytes, struct slice after, struct error *error)
{
    bool continued = false;
    CLEANUP(buf_release) struct buf more = BUF(DIALOGUE_COMMAND_MAX);
    enum err err = await(session, &continued, NULL, NULL, error);
    if (err == ERR_OK && !continued)
        err = fail_plain(error, ERR_INVALID, "the other server does not wait for a literal");
    buf_put(&more, bytes);
    buf_put(&more, after);
    return err == ERR_OK ? send_more(session, buf_slice(&more), error) : err;
}

enum err dialogue_ask_string(struct dialogue *session, const char *verb, struct slice string, imap_each *each,
                             void *context, struct error *error)
{
    CLEANUP(buf_release) struct buf command = BUF(DIALOGUE_COMMAND_MAX);
    buf_printf(&command, "%s ", verb);
    bool quoted = imap_put_quoted(&command, string);
    if (!quoted)
        buf_printf(&command, "{%zu}", string.n);
    enum err err = dialogue_send(session, buf_slice(&command), error);
    if (err == ERR_OK && !quoted)
        err = literal(session, string, slice_none(), error);
    return err == ERR_OK ? dialogue_finish(session, each, context, error) : err;
}

/* --- log-in --- */

static enum err greeting(struct dialogue *session, bool *ret_in, struct error *error)
{
    struct response response;
    enum err err = next(session, &response, error);
    if (err != ERR_OK)
        return err;
    if (response.kind != RESPONSE_STATUS ||
        (response.status != STATUS_OK && response.status != STATUS_PREAUTH))
        return fail_plain(error, ERR_INVALID, "what answers there is no IMAP server");
    *ret_in = response.status == STATUS_PREAUTH;
    return ERR_OK;
}

static enum err secure(struct dialogue *session, struct error *error)
{
    const struct imap_options *options = session->options;
    if (options->tls || session->stream.loopback)
        return ERR_OK;
    if (!dialogue_can(session, S("STARTTLS")))
        return fail_plain(error, ERR_DENIED,
                          "%s offers no STARTTLS: the password would go in the clear; try imaps://",
                          options->host);
    enum err err = dialogue_ask(session, S("STARTTLS"), NULL, NULL, error);
    if (err == ERR_OK && !response_reader_empty(session->reader))
        err = fail_plain(error, ERR_DENIED, "%s says more before TLS than it may", options->host);
    if (err == ERR_OK)
        err = source_stream_tls(&session->stream, session->context, options->host, error);
    return err == ERR_OK ? dialogue_ask(session, S("CAPABILITY"), NULL, NULL, error) : err;
}

/* AUTHENTICATE with what is said first; what the server says to a failure is answered with nothing. */
static enum err authenticate(struct dialogue *session, const char *mechanism, struct slice words,
                             struct error *error)
{
    CLEANUP(buf_release) struct buf answer = BUF(2 * DIALOGUE_WORDS_MAX);
    char command[60];
    bool continued = false;
    base64_encode(&answer, words);
    snprintf(command, sizeof(command), "AUTHENTICATE %s", mechanism);
    enum err err = dialogue_send(session, slice_cstr(command), error);
    for (int step = 0; err == ERR_OK && step < 3; step++) {
        err = await(session, &continued, NULL, NULL, error);
        if (err != ERR_OK || !continued)
            break;
        err = send_more(session, step == 0 ? buf_slice(&answer) : slice_none(), error);
    }
    if (answer.n > 0)
        sodium_memzero(answer.p, answer.n);
    if (err == ERR_OK && continued)
        err = fail_plain(error, ERR_INVALID, "the other server does not come to an end with the log-in");
    return err;
}

static enum err log_in_by_token(struct dialogue *session, struct error *error)
{
    const struct imap_options *options = session->options;
    CLEANUP(buf_release) struct buf words = BUF(DIALOGUE_WORDS_MAX);
    bool bearer = dialogue_can(session, S("AUTH=OAUTHBEARER"));
    if (bearer)
        buf_printf(&words, "n,a=%s,\001host=%s\001port=%u\001auth=Bearer %s\001\001", options->user,
                   options->host, options->port, options->token);
    else
        buf_printf(&words, "user=%s\001auth=Bearer %s\001\001", options->user, options->token);
    if (buf_failed(&words))
        return fail_plain(error, ERR_LIMIT, "the token is too long");
    return authenticate(session, bearer ? "OAUTHBEARER" : "XOAUTH2", buf_slice(&words), error);
}

static enum err log_in_by_name(struct dialogue *session, struct error *error)
{
    const struct imap_options *options = session->options;
    CLEANUP(buf_release) struct buf command = BUF(DIALOGUE_COMMAND_MAX);
    struct slice user = slice_cstr(options->user);
    struct slice password = slice_cstr(options->password);
    buf_put(&command, S("LOGIN "));
    bool quoted = imap_put_quoted(&command, user);
    if (quoted)
        buf_putc(&command, ' ');
    bool plain = quoted && imap_put_quoted(&command, password);
    if (quoted && !plain)
        buf_printf(&command, "{%zu}", password.n);
    if (!quoted)
        buf_printf(&command, "{%zu}", user.n);
    enum err err = dialogue_send(session, buf_slice(&command), error);
    sodium_memzero(command.p, command.n);
    if (err == ERR_OK && !quoted) {
        char next_size[32];
        snprintf(next_size, sizeof(next_size), " {%zu}", password.n);
        err = literal(session, user, slice_cstr(next_size), error);
    }
    if (err == ERR_OK && !plain)
        err = literal(session, password, slice_none(), error);
    return err == ERR_OK ? dialogue_finish(session, NULL, NULL, error) : err;
}

static enum err log_in_by_password(struct dialogue *session, struct error *error)
{
    const struct imap_options *options = session->options;
    CLEANUP(buf_release) struct buf words = BUF(DIALOGUE_WORDS_MAX);
    if (!dialogue_can(session, S("AUTH=PLAIN")))
        return log_in_by_name(session, error);
    buf_putc(&words, 0);
    buf_put(&words, slice_cstr(options->user));
    buf_putc(&words, 0);
    buf_put(&words, slice_cstr(options->password));
    enum err err = buf_failed(&words) ? fail_plain(error, ERR_LIMIT, "the password is too long")
                                      : authenticate(session, "PLAIN", buf_slice(&words), error);
    sodium_memzero(words.p, words.n);
    return err;
}

static enum err log_in(struct dialogue *session, struct error *error)
{
    enum err err = session->options->token != NULL ? log_in_by_token(session, error)
                                                   : log_in_by_password(session, error);
    if (err != ERR_DENIED)
        return err;
    struct error why = *error;
    return fail_plain(error, ERR_AUTH, "log-in as %.60s at %.60s failed: %.70s", session->options->user,
                      session->options->host, why.client);
}

enum err dialogue_start(struct dialogue *session, struct error *error)
{
    const struct imap_options *options = session->options;
    bool in = false;
    enum err err = resolver_start(session->resolver, error);
    if (err == ERR_OK)
        err = source_stream_connect(&session->stream, session->resolver, options->host, options->port, error);
    if (err == ERR_OK && options->tls)
        err = source_stream_tls(&session->stream, session->context, options->host, error);
    if (err == ERR_OK)
        err = greeting(session, &in, error);
    if (err == ERR_OK)
        err = dialogue_ask(session, S("CAPABILITY"), NULL, NULL, error);
    if (err == ERR_OK && !in)
        err = secure(session, error);
    if (err == ERR_OK && !in)
        err = log_in(session, error);
    /* They differ after the log-in. */
    return err == ERR_OK ? dialogue_ask(session, S("CAPABILITY"), NULL, NULL, error) : err;
}

/* --- making and closing --- */

static enum err make_context(struct dialogue *session, struct error *error)
{
    const struct imap_options *options = session->options;
    session->context = SSL_CTX_new(TLS_client_method());
    if (session->context == NULL ||
        SSL_CTX_set_min_proto_version(session->context, options->insecure ? TLS1_VERSION : TLS1_2_VERSION) !=
            1)
        return fail_nomem(error);
    if (options->insecure)
        return ERR_OK;
    SSL_CTX_set_verify(session->context, SSL_VERIFY_PEER, NULL);
    if (SSL_CTX_load_verify_file(session->context, options->ca_file) != 1)
        return fail_plain(error, ERR_UNAVAILABLE, "cannot read the authorities in %.100s; see ca-file",
                          options->ca_file);
    return ERR_OK;
}

enum err dialogue_create(struct dialogue *session, const struct imap_options *options, struct error *error)
{
    *session = (struct dialogue){
        .options = options,
        .stream = {.fd = -1},
        .arena = ARENA(DIALOGUE_ARENA_MAX),
        .capabilities = BUF(CAPABILITIES_MAX),
        .reader = malloc(sizeof(*session->reader)),
    };
    if (session->reader == NULL)
        return fail_nomem(error);
    response_reader_init(session->reader, &session->stream.input, options->message_max);
    enum err err = make_context(session, error);
    return err == ERR_OK ? resolver_create(options->resolver, &session->resolver, error) : err;
}

void dialogue_close(struct dialogue *session)
{
    source_stream_close(&session->stream);
    if (session->reader != NULL)
        response_reader_release(session->reader);
    free(take(session->reader));
    SSL_CTX_free(take(session->context));
    resolver_destroy(take(session->resolver));
    arena_release(&session->arena);
    buf_release(&session->capabilities);
}

#include "bench/smtp.h"

#include "base/base64.h"

static enum err reply(struct smtp_client *smtp, char wanted, struct error *error)
{
    for (;;) {
        struct slice line;
        enum err err = client_line(&smtp->client, &line, error);
        if (err != ERR_OK)
            return err;
        if (line.n < 3 || line.p[0] != wanted)
            return fail_plain(error, ERR_DENIED, "%.*s", (int)MIN(line.n, 150), line.p);
        if (slice_starts_nocase(slice_from(line, 4), S("PIPELINING")))
            smtp->pipelining = true;
        if (line.n == 3 || line.p[3] != '-')
            return ERR_OK;
    }
}

static enum err hello(struct smtp_client *smtp, struct error *error)
{
    enum err err = client_printf(&smtp->client, error, "%s client.example\r\n", smtp->lmtp ? "LHLO" : "EHLO");
    return err == ERR_OK ? reply(smtp, '2', error) : err;
}

/* RFC 4616: the empty authorization identity, the name, the password, each after a NUL. */
static enum err authenticate(struct smtp_client *smtp, const char *user, struct error *error)
{
    CLEANUP(buf_release) struct buf plain = BUF(2048);
    CLEANUP(buf_release) struct buf line = BUF(4096);
    buf_putc(&plain, '\0');
    buf_put(&plain, slice_cstr(user));
    buf_putc(&plain, '\0');
    buf_put(&plain, slice_cstr(smtp->client.options->password));
    buf_put(&line, S("AUTH PLAIN "));
    base64_encode(&line, buf_slice(&plain));
    buf_put(&line, S("\r\n"));
    if (buf_failed(&plain) || buf_failed(&line))
        return fail_plain(error, ERR_LIMIT, "name or password is too long");
    enum err err = client_send(&smtp->client, buf_slice(&line), error);
    return err == ERR_OK ? reply(smtp, '2', error) : err;
}

static enum err start_tls(struct smtp_client *smtp, struct error *error)
{
    enum err err = client_send(&smtp->client, S("STARTTLS\r\n"), error);
    if (err == ERR_OK)
        err = reply(smtp, '2', error);
    if (err == ERR_OK)
        err = client_start_tls(&smtp->client, error);
    return err == ERR_OK ? hello(smtp, error) : err;
}

enum err smtp_open(struct smtp_client *smtp, const struct options *options, const struct endpoint *endpoint,
                   const char *user, struct error *error)
{
    *smtp = (struct smtp_client){.lmtp = endpoint->door == DOOR_LMTP};
    enum err err = client_open(&smtp->client, options, endpoint, error);
    if (err != ERR_OK)
        return err;
    err = reply(smtp, '2', error);
    if (err == ERR_OK)
        err = hello(smtp, error);
    if (err == ERR_OK && endpoint->tls == DOOR_STARTTLS)
        err = start_tls(smtp, error);
    if (err == ERR_OK && user != NULL)
        err = authenticate(smtp, user, error);
    if (err != ERR_OK)
        client_close(&smtp->client);
    return err;
}

static enum err send_envelope_by_step(struct smtp_client *smtp, const struct smtp_envelope *envelope,
                                      struct error *error)
{
    enum err err = client_printf(&smtp->client, error, "MAIL FROM:<%s>\r\n", envelope->sender);
    if (err == ERR_OK)
        err = reply(smtp, '2', error);
    for (size_t i = 0; err == ERR_OK && i < envelope->recipient_count; i++) {
        err = client_printf(&smtp->client, error, "RCPT TO:<%s>\r\n", envelope->recipients[i]);
        if (err == ERR_OK)
            err = reply(smtp, '2', error);
    }
    if (err == ERR_OK)
        err = client_send(&smtp->client, S("DATA\r\n"), error);
    return err == ERR_OK ? reply(smtp, '3', error) : err;
}

static enum err send_envelope(struct smtp_client *smtp, const struct smtp_envelope *envelope,
                              struct error *error)
{
    CLEANUP(buf_release) struct buf out = BUF((size_t)OPTION_RECIPIENTS_MAX * 2 * OPTION_ADDRESS_MAX);
    buf_printf(&out, "MAIL FROM:<%s>\r\n", envelope->sender);
    for (size_t i = 0; i < envelope->recipient_count; i++)
        buf_printf(&out, "RCPT TO:<%s>\r\n", envelope->recipients[i]);
    buf_put(&out, S("DATA\r\n"));
    if (buf_failed(&out))
        return fail_nomem(error);
    enum err err = client_send(&smtp->client, buf_slice(&out), error);
    for (size_t i = 0; err == ERR_OK && i < envelope->recipient_count + 1; i++)
        err = reply(smtp, '2', error);
    return err == ERR_OK ? reply(smtp, '3', error) : err;
}

enum err smtp_send(struct smtp_client *smtp, const struct smtp_envelope *envelope, struct slice message,
                   struct error *error)
{
    CLEANUP(buf_release) struct buf body = BUF(message.n + 16);
    buf_put(&body, message); /* the dot with the last bytes: no packet of its own */
    buf_put(&body, S(".\r\n"));
    if (buf_failed(&body))
        return fail_nomem(error);
    enum err err = smtp->pipelining ? send_envelope(smtp, envelope, error)
                                    : send_envelope_by_step(smtp, envelope, error);
    return err == ERR_OK ? client_send(&smtp->client, buf_slice(&body), error) : err;
}

enum err smtp_accepted(struct smtp_client *smtp, const struct smtp_envelope *envelope, struct error *error)
{
    size_t replies = smtp->lmtp ? envelope->recipient_count : 1; /* RFC 2033 4.2 */
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < replies; i++)
        err = reply(smtp, '2', error);
    return err;
}

void smtp_quit(struct smtp_client *smtp)
{
    struct error error;
    if (smtp->client.fd >= 0 &&
        (client_send(&smtp->client, S("QUIT\r\n"), &error) != ERR_OK || reply(smtp, '2', &error) != ERR_OK))
        fprintf(stderr, "posthorn-load: QUIT: %s\n", error.detail);
    client_close(&smtp->client);
}

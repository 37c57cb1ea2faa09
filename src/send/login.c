#include "send/login.h"

#include <sodium.h>

#include "base/base64.h"
#include "send/scram_client.h"

enum { LOGIN_LINE_MAX = 12 * 1024 };

/* --- lines --- */

/* Wiped, as it may hold a password. */
static void release_secret(struct buf *b)
{
    if (b->n > 0)
        sodium_memzero(b->p, b->n);
    buf_release(b);
}

static enum err ask(struct client *client, const struct buf *line, struct error *error)
{
    if (buf_failed(line))
        return fail_nomem(error);
    return client_ask(client, buf_slice(line), CLIENT_COMMAND_US, error);
}

/* "AUTH X " and base64, or base64 alone. */
static enum err say(struct client *client, const char *command, struct slice response, struct error *error)
{
    CLEANUP(release_secret) struct buf line = BUF(LOGIN_LINE_MAX);
    buf_put(&line, slice_cstr(command));
    base64_encode(&line, response);
    buf_put(&line, S("\r\n"));
    return ask(client, &line, error);
}

static enum err refused(const struct client *client, const char *mechanism, struct error *error)
{
    CLEANUP(buf_release) struct buf text = BUF(LOGIN_LINE_MAX);
    reply_put(&client->reply, &text);
    const char *said = buf_cstr(&text);
    return fail(error, ERR_AUTH, NULL, "log-in by %s: %.300s", mechanism, said != NULL ? said : "");
}

/* The reply is a challenge, which is decoded; or what the server says instead. */
static enum err challenge(const struct client *client, const char *mechanism, struct buf *out,
                          struct error *error)
{
    if (client->reply.code != 334)
        return refused(client, mechanism, error);
    if (!base64_decode(out, slice_trim(buf_slice(&client->reply.text))))
        return fail(error, ERR_AUTH, NULL, "log-in by %s: its challenge is not base64", mechanism);
    return ERR_OK;
}

/* --- mechanisms --- */

static enum err by_plain(struct client *client, struct slice user, struct slice password, struct error *error)
{
    CLEANUP(release_secret) struct buf text = BUF(LOGIN_LINE_MAX);
    buf_putc(&text, 0);
    buf_put(&text, user);
    buf_putc(&text, 0);
    buf_put(&text, password);
    return say(client, "AUTH PLAIN ", buf_slice(&text), error);
}

static enum err by_login(struct client *client, struct slice user, struct slice password, struct error *error)
{
    enum err err = client_ask(client, S("AUTH LOGIN\r\n"), CLIENT_COMMAND_US, error);
    if (err == ERR_OK && client->reply.code == 334)
        err = say(client, "", user, error);
    if (err == ERR_OK && client->reply.code == 334)
        err = say(client, "", password, error);
    return err;
}

static enum err scram(struct client *client, struct scram_client *scram, const char *name, struct slice user,
                      struct slice password, struct error *error)
{
    CLEANUP(buf_release) struct buf command = BUF(LOGIN_LINE_MAX);
    CLEANUP(buf_release) struct buf ours = BUF(LOGIN_LINE_MAX);
    CLEANUP(buf_release) struct buf theirs = BUF(LOGIN_LINE_MAX);
    buf_printf(&command, "AUTH %s ", name);
    scram_client_first(scram, user, &ours);
    if (buf_failed(&ours) || buf_cstr(&command) == NULL)
        return fail_nomem(error);
    enum err err = say(client, buf_cstr(&command), buf_slice(&ours), error);
    if (err == ERR_OK)
        err = challenge(client, name, &theirs, error);
    buf_clear(&ours);
    if (err == ERR_OK && !scram_client_final(scram, password, buf_slice(&theirs), &ours))
        err = fail(error, ERR_AUTH, NULL, "log-in by %s: its challenge makes no sense", name);
    if (err == ERR_OK)
        err = say(client, "", buf_slice(&ours), error);
    buf_clear(&theirs);
    if (err == ERR_OK)
        err = challenge(client, name, &theirs, error);
    if (err == ERR_OK && !scram_client_verify(scram, buf_slice(&theirs)))
        err = fail(error, ERR_AUTH, NULL, "log-in by %s: the server does not know the password", name);
    return err == ERR_OK ? client_ask(client, S("\r\n"), CLIENT_COMMAND_US, error) : err;
}

static enum err by_scram(struct client *client, struct slice user, struct slice password, struct error *error)
{
    bool sha_256 = (client->mechanisms & CLIENT_SCRAM_SHA_256) != 0;
    CLEANUP(scram_client_release) struct scram_client state;
    scram_client_init(&state, sha_256 ? SCRAM_SHA_256 : SCRAM_SHA_1, NULL);
    return scram(client, &state, sha_256 ? "SCRAM-SHA-256" : "SCRAM-SHA-1", user, password, error);
}

enum err login_run(struct client *client, struct slice user, struct slice password, struct error *error)
{
    const unsigned scrams = CLIENT_SCRAM_SHA_256 | CLIENT_SCRAM_SHA_1;
    const unsigned offered = client->mechanisms;
    bool by_password = (offered & (CLIENT_PLAIN | CLIENT_LOGIN)) != 0;
    if (client->stream.tls == NULL)
        return fail(error, ERR_AUTH, NULL, "no log-in without TLS");
    if ((offered & scrams) != 0) {
        enum err err = by_scram(client, user, password, error);
        bool answered = client->reply.code / 100 == 5; /* and is ready for another command */
        if (err == ERR_OK && client->reply.code == 235)
            return ERR_OK;
        if (err == ERR_OK)
            err = refused(client, "SCRAM", error);
        if (err != ERR_AUTH || !answered || !by_password)
            return err;
    }
    if (!by_password)
        return fail(error, ERR_AUTH, NULL, "the server offers no way to log in that is known here");
    bool plain = (offered & CLIENT_PLAIN) != 0;
    enum err err = plain ? by_plain(client, user, password, error) : by_login(client, user, password, error);
    if (err == ERR_OK && client->reply.code != 235)
        err = refused(client, plain ? "PLAIN" : "LOGIN", error);
    return err;
}

#include "bench/pop3.h"

static enum err reply(struct client *client, struct slice *ret_line, struct error *error)
{
    struct slice line;
    enum err err = client_line(client, &line, error);
    if (err != ERR_OK)
        return err;
    if (!slice_starts(line, S("+OK")))
        return fail_plain(error, ERR_DENIED, "%.*s", (int)MIN(line.n, 150), line.p);
    *ret_line = line;
    return ERR_OK;
}

static enum err step(struct client *client, struct error *error, const char *verb, const char *argument)
{
    struct slice line;
    enum err err =
        client_printf(client, error, argument[0] != '\0' ? "%s %s\r\n" : "%s%s\r\n", verb, argument);
    return err == ERR_OK ? reply(client, &line, error) : err;
}

enum err pop3_open(struct client *client, const struct options *options, const struct endpoint *endpoint,
                   const char *user, struct error *error)
{
    struct slice line;
    enum err err = client_open(client, options, endpoint, error);
    if (err != ERR_OK)
        return err;
    err = reply(client, &line, error);
    if (err == ERR_OK && endpoint->tls == DOOR_STARTTLS) {
        err = step(client, error, "STLS", "");
        if (err == ERR_OK)
            err = client_start_tls(client, error);
    }
    if (err == ERR_OK)
        err = step(client, error, "USER", user);
    if (err == ERR_OK)
        err = step(client, error, "PASS", options->password);
    if (err != ERR_OK)
        client_close(client);
    return err;
}

enum err pop3_count(struct client *client, uint64_t *ret_count, struct error *error)
{
    struct slice line = slice_none();
    enum err err = client_send(client, S("STAT\r\n"), error);
    if (err == ERR_OK)
        err = reply(client, &line, error);
    if (err != ERR_OK)
        return err;
    struct cursor c = cursor_of(line);
    uint64_t count;
    if (!cursor_skip(&c, S("+OK ")) || !cursor_u64(&c, &count))
        return fail_plain(error, ERR_INVALID, "STAT: %.*s", (int)MIN(line.n, 150), line.p);
    *ret_count = count;
    return ERR_OK;
}

enum err pop3_retrieve(struct client *client, uint64_t number, struct error *error)
{
    struct slice line;
    enum err err = client_printf(client, error, "RETR %llu\r\n", (unsigned long long)number);
    if (err == ERR_OK)
        err = reply(client, &line, error);
    do {
        if (err == ERR_OK)
            err = client_line(client, &line, error);
    } while (err == ERR_OK && !slice_eq(line, S(".")));
    return err;
}

void pop3_quit(struct client *client)
{
    struct error error;
    if (client->fd >= 0 && step(client, &error, "QUIT", "") != ERR_OK)
        fprintf(stderr, "posthorn-load: QUIT: %s\n", error.detail);
    client_close(client);
}

#include "send/ask.h"

enum { COMMAND_MAX = 1024, TOO_MANY = 552 };

enum err ask_recipient(struct client *client, struct slice address, enum callout_answer *ret_answer,
                       struct error *error)
{
    CLEANUP(buf_release) struct buf command = BUF(COMMAND_MAX);
    bool utf8 = !slice_is_ascii(address);
    if (utf8 && (client->extensions & CLIENT_SMTPUTF8) == 0) {
        *ret_answer = CALLOUT_REFUSED; /* a server without SMTPUTF8 has no such address */
        return ERR_OK;
    }
    buf_printf(&command, "MAIL FROM:<>%s\r\n", utf8 ? " SMTPUTF8" : "");
    enum err err = client_ask(client, buf_slice(&command), CLIENT_COMMAND_US, error);
    if (err != ERR_OK)
        return err;
    if (!reply_is(&client->reply, 2)) {
        *ret_answer = CALLOUT_UNKNOWN;
        return ERR_OK;
    }
    buf_clear(&command);
    buf_printf(&command, "RCPT TO:<%.*s>\r\n", SLICE_ARGS(address));
    if (buf_failed(&command))
        return fail(error, ERR_LIMIT, NULL, "an address of %zu bytes", address.n);
    err = client_ask(client, buf_slice(&command), CLIENT_COMMAND_US, error);
    if (err != ERR_OK)
        return err;
    const struct reply *reply = &client->reply;
    *ret_answer = reply_is(reply, 2)                              ? CALLOUT_TAKEN
                  : reply_is(reply, 5) && reply->code != TOO_MANY ? CALLOUT_REFUSED
                                                                  : CALLOUT_UNKNOWN;
    return ERR_OK;
}

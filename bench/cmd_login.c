/* Log-in and log-out, each on a connection of its own, with a full handshake where there is TLS. */
#include "bench/commands.h"
#include "bench/imap.h"
#include "bench/pop3.h"
#include "bench/workers.h"

static enum err login(struct worker *worker, uint64_t number, struct error *error)
{
    const struct options *options = worker->all->options;
    char user[OPTION_ADDRESS_MAX];
    struct client client;
    options_user(options, number, user);
    if (options->server.door == DOOR_POP3) {
        enum err err = pop3_open(&client, options, &options->server, user, error);
        if (err == ERR_OK)
            pop3_quit(&client);
        return err;
    }
    enum err err = imap_open(&client, options, &options->server, user, error);
    if (err == ERR_OK)
        imap_logout(&client);
    return err;
}

enum err command_login(const struct options *options, struct report *report, struct error *error)
{
    if (options->server.door != DOOR_IMAP && options->server.door != DOOR_POP3)
        return fail_plain(error, ERR_INVALID, "login wants --server imap: or pop3:");
    struct workers workers = {.options = options, .operate = login};
    enum err err = workers_run(&workers, error);
    if (err == ERR_OK) {
        report_rate(report, options, workers.spent, workers.done);
        report_times(report, &workers.times);
    }
    samples_release(&workers.times);
    return err;
}

/* Memory of the server for connections that wait: opened one by one, logged in, in IDLE on their INBOX. */
#include <unistd.h>

#include "base/clock.h"
#include "bench/commands.h"
#include "bench/imap.h"
#include "bench/process.h"

enum { IDLE_SETTLE_US = 1000000 };

static enum err open_idle(struct client *client, const struct options *options, uint32_t number,
                          struct error *error)
{
    struct imap_answer answer;
    char user[OPTION_ADDRESS_MAX];
    options_user(options, number, user);
    enum err err = imap_open(client, options, &options->server, user, error);
    if (err == ERR_OK)
        err = imap_command(client, &answer, error, "SELECT INBOX");
    if (err == ERR_OK)
        err = imap_command(client, &answer, error, "IDLE");
    return err;
}

static enum err hold(struct client *clients, const struct options *options, struct report *report,
                     struct error *error)
{
    uint64_t before = process_memory(options->pids, options->pid_count);
    struct meter start = meter_start(options);
    for (uint32_t i = 0; i < options->connections; i++) {
        enum err err = open_idle(&clients[i], options, i, error);
        if (err != ERR_OK)
            return error_context(error, "connection %u", i + 1);
    }
    struct meter opened = meter_stop(options, start);
    usleep(IDLE_SETTLE_US);
    uint64_t after = process_memory(options->pids, options->pid_count);
    struct meter holding = meter_start(options);
    sleep(options->seconds);
    struct meter held = meter_stop(options, holding);
    report_add(report, "opened in", (double)opened.wall_us / CLOCK_SECOND, "s");
    if (options->pid_count == 0)
        return ERR_OK;
    report_add(report, "memory before", (double)before / 1024, "KB");
    report_add(report, "memory with all", (double)after / 1024, "KB");
    report_add(report, "memory each", ((double)after - (double)before) / 1024 / options->connections, "KB");
    report_add(report, "cpu while idle", (double)held.cpu_us / (double)MAX(held.wall_us, 1) * 100,
               "% of a core");
    return ERR_OK;
}

enum err command_idle(const struct options *options, struct report *report, struct error *error)
{
    struct client *clients = calloc(options->connections, sizeof(*clients));
    if (clients == NULL)
        return fail_nomem(error);
    for (uint32_t i = 0; i < options->connections; i++)
        clients[i] = CLIENT_NONE;
    enum err err = hold(clients, options, report, error);
    for (uint32_t i = 0; i < options->connections; i++)
        client_close(&clients[i]);
    free(clients);
    return err;
}

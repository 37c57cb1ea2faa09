/* What a POP3 client does that leaves its mail on the server: log in, RETR all, QUIT. */
#include "base/clock.h"
#include "bench/commands.h"
#include "bench/pop3.h"

static enum err fetch_once(const struct options *options, uint64_t *ret_count, uint64_t *ret_bytes,
                           struct error *error)
{
    struct client client;
    char user[OPTION_ADDRESS_MAX];
    options_user(options, 0, user);
    enum err err = pop3_open(&client, options, &options->server, user, error);
    if (err != ERR_OK)
        return err;
    uint64_t count = 0;
    err = pop3_count(&client, &count, error);
    if (options->count > 0)
        count = MIN(count, options->count);
    for (uint64_t number = 1; err == ERR_OK && number <= count; number++)
        err = pop3_retrieve(&client, number, error);
    *ret_count = count;
    *ret_bytes = client.received;
    pop3_quit(&client);
    return err;
}

enum err command_pop3_fetch(const struct options *options, struct report *report, struct error *error)
{
    CLEANUP(samples_release) struct samples wall = {0};
    CLEANUP(samples_release) struct samples cpu = {0};
    uint64_t count = 0, bytes = 0;
    enum err err = ERR_OK;
    for (uint32_t i = 0; err == ERR_OK && i < options->repeat + options->warm_up; i++) {
        struct meter start = meter_start(options);
        err = fetch_once(options, &count, &bytes, error);
        struct meter spent = meter_stop(options, start);
        if (i < options->warm_up)
            continue;
        samples_add(&wall, (double)spent.wall_us);
        samples_add(&cpu, (double)spent.cpu_us);
    }
    if (err != ERR_OK)
        return err;
    double median = samples_percentile(&wall, 50);
    report_add(report, "messages", (double)count, "");
    report_add(report, "answer", (double)bytes / 1000, "KB");
    report_add(report, "wall", median / CLOCK_MS, "ms");
    report_add(report, "wall least", samples_percentile(&wall, 0) / CLOCK_MS, "ms");
    report_add(report, "wall most", samples_percentile(&wall, 100) / CLOCK_MS, "ms");
    report_add(report, "rate", median > 0 ? (double)count * CLOCK_SECOND / median : 0, "messages/s");
    if (options->pid_count > 0)
        report_add(report, "cpu", samples_percentile(&cpu, 50) / CLOCK_MS, "ms");
    return ERR_OK;
}

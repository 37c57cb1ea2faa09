/*
 * What one connection does with a whole folder: the same command --repeat times, medians told.
 * COPY, MOVE and EXPUNGE work on a folder of their own, which is made before and deleted after.
 */
#include "base/clock.h"
#include "bench/commands.h"
#include "bench/imap.h"

#define COPY_TARGET "bench-copy"

struct mailbox_run {
    const struct options *options;
    struct client client;
    uint64_t messages; /* in the folder */
    uint64_t number;   /* of the repetition */
    uint64_t received; /* bytes of the timed command's answer */
    struct samples wall;
    struct samples cpu;
};

/* An operation has up to three parts; only the middle one is timed. */
struct operation {
    enum err (*before)(struct mailbox_run *run, struct error *error);
    enum err (*timed)(struct mailbox_run *run, struct error *error);
    enum err (*after)(struct mailbox_run *run, struct error *error);
};

static enum err command(struct mailbox_run *run, struct error *error, const char *text)
{
    struct imap_answer answer;
    return imap_command(&run->client, &answer, error, "%s", text);
}

static enum err select_folder(struct mailbox_run *run, struct error *error)
{
    struct imap_answer answer;
    enum err err = imap_command(&run->client, &answer, error, "SELECT \"%s\"", run->options->mailbox);
    if (err == ERR_OK)
        run->messages = answer.exists;
    return err;
}

static enum err unselect(struct mailbox_run *run, struct error *error)
{
    return command(run, error, "UNSELECT");
}

static enum err fetch_flags(struct mailbox_run *run, struct error *error)
{
    return command(run, error, "FETCH 1:* (UID FLAGS)");
}

static enum err fetch_all(struct mailbox_run *run, struct error *error)
{
    return command(run, error, "FETCH 1:* (UID FLAGS ENVELOPE BODYSTRUCTURE INTERNALDATE RFC822.SIZE)");
}

static enum err fetch_body(struct mailbox_run *run, struct error *error)
{
    return command(run, error, "FETCH 1:* (UID BODY.PEEK[])");
}

static enum err store_flag(struct mailbox_run *run, struct error *error)
{
    return command(run, error,
                   run->number % 2 == 0 ? "STORE 1:* +FLAGS.SILENT (\\Flagged)"
                                        : "STORE 1:* -FLAGS.SILENT (\\Flagged)");
}

static enum err search_body(struct mailbox_run *run, struct error *error)
{
    struct imap_answer answer;
    return imap_command(&run->client, &answer, error, "SEARCH BODY \"%s\"", run->options->word);
}

/* Those of the command line, in turns. */
static enum err any_command(struct mailbox_run *run, struct error *error)
{
    const struct options *options = run->options;
    return command(run, error, options->commands[run->number % options->command_count]);
}

static enum err connect_anew(struct mailbox_run *run, struct error *error)
{
    char user[OPTION_ADDRESS_MAX];
    imap_logout(&run->client);
    options_user(run->options, 0, user);
    return imap_open(&run->client, run->options, &run->options->server, user, error);
}

static enum err create_target(struct mailbox_run *run, struct error *error)
{
    return command(run, error, "CREATE " COPY_TARGET);
}

static enum err copy(struct mailbox_run *run, struct error *error)
{
    return command(run, error, "COPY 1:* " COPY_TARGET);
}

static enum err delete_target(struct mailbox_run *run, struct error *error)
{
    return command(run, error, "DELETE " COPY_TARGET);
}

static enum err back_to_folder(struct mailbox_run *run, struct error *error)
{
    enum err err = select_folder(run, error);
    return err == ERR_OK ? delete_target(run, error) : err;
}

static enum err move(struct mailbox_run *run, struct error *error)
{
    return command(run, error, "MOVE 1:* " COPY_TARGET);
}

static enum err move_back(struct mailbox_run *run, struct error *error)
{
    struct imap_answer answer;
    enum err err = command(run, error, "SELECT " COPY_TARGET);
    if (err == ERR_OK)
        err = imap_command(&run->client, &answer, error, "MOVE 1:* \"%s\"", run->options->mailbox);
    return err == ERR_OK ? back_to_folder(run, error) : err;
}

static enum err mark_copies(struct mailbox_run *run, struct error *error)
{
    enum err err = create_target(run, error);
    if (err == ERR_OK)
        err = copy(run, error);
    if (err == ERR_OK)
        err = command(run, error, "SELECT " COPY_TARGET);
    return err == ERR_OK ? command(run, error, "STORE 1:* +FLAGS.SILENT (\\Deleted)") : err;
}

static enum err expunge(struct mailbox_run *run, struct error *error)
{
    return command(run, error, "EXPUNGE");
}

static enum err repeat_once(struct mailbox_run *run, const struct operation *operation, struct error *error)
{
    enum err err = operation->before == NULL ? ERR_OK : operation->before(run, error);
    if (err != ERR_OK)
        return err;
    uint64_t received = run->client.received;
    struct meter start = meter_start(run->options);
    err = operation->timed(run, error);
    struct meter spent = meter_stop(run->options, start);
    run->received = run->client.received - received;
    if (run->number >= run->options->warm_up) {
        samples_add(&run->wall, (double)spent.wall_us);
        samples_add(&run->cpu, (double)spent.cpu_us);
    }
    run->number++;
    return err == ERR_OK && operation->after != NULL ? operation->after(run, error) : err;
}

static void tell(struct mailbox_run *run, struct report *report)
{
    double median = samples_percentile(&run->wall, 50);
    report_add(report, "messages", (double)run->messages, "");
    report_add(report, "answer", (double)run->received / 1000, "KB");
    report_add(report, "wall", median / CLOCK_MS, "ms");
    report_add(report, "wall least", samples_percentile(&run->wall, 0) / CLOCK_MS, "ms");
    report_add(report, "wall most", samples_percentile(&run->wall, 100) / CLOCK_MS, "ms");
    report_add(report, "rate", median > 0 ? (double)run->messages * CLOCK_SECOND / median : 0, "messages/s");
    if (run->options->pid_count > 0)
        report_add(report, "cpu", samples_percentile(&run->cpu, 50) / CLOCK_MS, "ms");
}

static enum err mailbox_run(const struct options *options, const struct operation *operation,
                            struct report *report, struct error *error)
{
    struct mailbox_run run = {.options = options};
    char user[OPTION_ADDRESS_MAX];
    options_user(options, 0, user);
    enum err err = imap_open(&run.client, options, &options->server, user, error);
    if (err != ERR_OK)
        return err;
    err = select_folder(&run, error);
    for (uint32_t i = 0; err == ERR_OK && i < options->repeat + options->warm_up; i++)
        err = repeat_once(&run, operation, error);
    if (err == ERR_OK)
        tell(&run, report);
    imap_logout(&run.client);
    samples_release(&run.wall);
    samples_release(&run.cpu);
    return err;
}

/* function of the command, before, timed, after */
#define OPERATION_TABLE(X)                             \
    X(select, unselect, select_folder, NULL)           \
    X(first_select, connect_anew, select_folder, NULL) \
    X(fetch_flags, NULL, fetch_flags, NULL)            \
    X(fetch_all, NULL, fetch_all, NULL)                \
    X(fetch_body, NULL, fetch_body, NULL)              \
    X(store, NULL, store_flag, NULL)                   \
    X(search_body, NULL, search_body, NULL)            \
    X(copy, create_target, copy, delete_target)        \
    X(move, create_target, move, move_back)            \
    X(expunge, mark_copies, expunge, back_to_folder)

#define X(name, before, timed, after)                                                                  \
    enum err command_##name(const struct options *options, struct report *report, struct error *error) \
    {                                                                                                  \
        static const struct operation operation = {before, timed, after};                              \
        return mailbox_run(options, &operation, report, error);                                        \
    }
OPERATION_TABLE(X)
#undef X

enum err command_any(const struct options *options, struct report *report, struct error *error)
{
    static const struct operation operation = {NULL, any_command, NULL};
    if (options->command_count == 0)
        return fail_plain(error, ERR_INVALID, "command wants --command");
    return mailbox_run(options, &operation, report, error);
}

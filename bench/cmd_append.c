/* APPEND: measured one by one on many connections, or pipelined on one to fill a folder. */
#include "bench/commands.h"
#include "bench/imap.h"
#include "bench/message.h"
#include "bench/workers.h"

enum { FILL_WINDOW = 64 }; /* commands that wait for their answer; few enough that neither side blocks */

/* Non-synchronizing literals (RFC 7888) save a round trip. */
static enum err send_append(struct client *client, uint64_t number, struct error *error)
{
    const struct options *options = client->options;
    struct message_kind kind = {options->seed, options->size, options->mixed, options->sender,
                                "someone@bench.example"};
    CLEANUP(buf_release) struct buf message = BUF((size_t)OPTION_SIZE_MAX * 2);
    CLEANUP(buf_release) struct buf out = BUF((size_t)OPTION_SIZE_MAX * 2 + 1000);
    message_write(&kind, number, &message);
    buf_printf(&out, "a%u APPEND \"%s\" {%zu+}\r\n", ++client->tag, options->mailbox, message.n);
    buf_put(&out, buf_slice(&message));
    buf_put(&out, S("\r\n"));
    if (buf_failed(&message) || buf_failed(&out))
        return fail_nomem(error);
    return client_send(client, buf_slice(&out), error);
}

static enum err open_worker(struct worker *worker, struct error *error)
{
    struct client *client = worker->state;
    char user[OPTION_ADDRESS_MAX];
    *client = CLIENT_NONE;
    options_user(worker->all->options, worker->number, user);
    return imap_open(client, worker->all->options, &worker->all->options->server, user, error);
}

static enum err append(struct worker *worker, uint64_t number, struct error *error)
{
    struct imap_answer answer;
    enum err err = send_append(worker->state, number, error);
    return err == ERR_OK ? imap_answer(worker->state, &answer, error) : err;
}

static void close_worker(struct worker *worker)
{
    imap_logout(worker->state);
}

enum err command_append(const struct options *options, struct report *report, struct error *error)
{
    struct workers workers = {
        .options = options,
        .state_size = sizeof(struct client),
        .open = open_worker,
        .operate = append,
        .close = close_worker,
    };
    enum err err = workers_run(&workers, error);
    if (err == ERR_OK) {
        report_rate(report, options, workers.spent, workers.done);
        report_times(report, &workers.times);
    }
    samples_release(&workers.times);
    return err;
}

/* Answers come in the order of the commands: the tag that is awaited trails the tag that is sent. */
static enum err fill_folder(struct client *client, struct error *error)
{
    unsigned first = client->tag + 1, answered = 0;
    enum err err = ERR_OK;
    for (uint64_t sent = 0; err == ERR_OK && answered < client->options->count;) {
        if (sent < client->options->count && sent - answered < FILL_WINDOW) {
            err = send_append(client, sent++, error);
            continue;
        }
        struct imap_answer answer;
        unsigned last = client->tag;
        client->tag = first + answered++;
        err = imap_answer(client, &answer, error);
        client->tag = last;
    }
    return err;
}

enum err command_fill(const struct options *options, struct report *report, struct error *error)
{
    if (options->count == 0)
        return fail_plain(error, ERR_INVALID, "fill wants --count");
    struct client client;
    struct imap_answer answer;
    struct error exists;
    char user[OPTION_ADDRESS_MAX];
    options_user(options, 0, user);
    enum err err = imap_open(&client, options, &options->server, user, error);
    if (err != ERR_OK)
        return err;
    if (strcasecmp(options->mailbox, "INBOX") != 0) /* a refusal says that it is there already */
        (void)(imap_command(&client, &answer, &exists, "CREATE \"%s\"", options->mailbox) == ERR_OK);
    struct meter start = meter_start(options);
    err = fill_folder(&client, error);
    if (err == ERR_OK)
        report_rate(report, options, meter_stop(options, start), options->count);
    imap_logout(&client);
    return err;
}

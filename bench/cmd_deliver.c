/*
 * Delivery end to end. Throughput: from the first MAIL until STATUS shows the last message; latency: from
 * the end of DATA until a connection in IDLE is told EXISTS.
 */
#include <unistd.h>

#include "base/clock.h"
#include "bench/commands.h"
#include "bench/imap.h"
#include "bench/message.h"
#include "bench/smtp.h"
#include "bench/workers.h"

enum { DELIVER_POLL_US = 20000 };

struct deliver_state {
    struct smtp_client smtp;
    struct client watch; /* in IDLE; for latency only */
    uint32_t sent;       /* in this session */
    struct samples visible;
    char names[OPTION_RECIPIENTS_MAX][OPTION_ADDRESS_MAX];
};

static enum err open_session(struct deliver_state *state, const struct options *options, struct error *error)
{
    char user[OPTION_ADDRESS_MAX];
    options_user(options, 0, user);
    state->sent = 0;
    return smtp_open(&state->smtp, options, &options->server, options->authenticate ? user : NULL, error);
}

static enum err open_worker(struct worker *worker, struct error *error)
{
    struct deliver_state *state = worker->state;
    const struct options *options = worker->all->options;
    state->watch = CLIENT_NONE;
    enum err err = open_session(state, options, error);
    if (err != ERR_OK || !options->latency)
        return err;
    struct imap_answer answer;
    char user[OPTION_ADDRESS_MAX];
    options_user(options, worker->number, user);
    err = imap_open(&state->watch, options, &options->watch, user, error);
    if (err == ERR_OK)
        err = imap_command(&state->watch, &answer, error, "SELECT INBOX");
    if (err == ERR_OK)
        err = imap_command(&state->watch, &answer, error, "IDLE");
    return err;
}

/* In its own account, when its owner waits there; else round about. */
static struct smtp_envelope address(struct worker *worker, uint64_t number, const char **recipients)
{
    struct deliver_state *state = worker->state;
    const struct options *options = worker->all->options;
    for (uint32_t i = 0; i < options->recipients; i++) {
        options_user(options, options->latency ? worker->number : number * options->recipients + i,
                     state->names[i]);
        recipients[i] = state->names[i];
    }
    return (struct smtp_envelope){options->sender, recipients, options->recipients};
}

static enum err send_one(struct deliver_state *state, const struct options *options,
                         const struct smtp_envelope *envelope, uint64_t number, struct error *error)
{
    struct message_kind kind = {options->seed, options->size, options->mixed, options->sender,
                                envelope->recipients[0]};
    CLEANUP(buf_release) struct buf message = BUF((size_t)OPTION_SIZE_MAX * 2);
    message_write(&kind, number, &message);
    if (buf_failed(&message))
        return fail_nomem(error);
    if (options->per_session > 0 && state->sent == options->per_session) {
        smtp_quit(&state->smtp);
        enum err err = open_session(state, options, error);
        if (err != ERR_OK)
            return err;
    }
    state->sent++;
    return smtp_send(&state->smtp, envelope, buf_slice(&message), error);
}

static enum err deliver(struct worker *worker, uint64_t number, struct error *error)
{
    struct deliver_state *state = worker->state;
    const char *recipients[OPTION_RECIPIENTS_MAX];
    struct smtp_envelope envelope = address(worker, number, recipients);
    enum err err = send_one(state, worker->all->options, &envelope, number, error);
    int64_t sent_us = clock_mono_us();
    if (err != ERR_OK || !worker->all->options->latency)
        return err == ERR_OK ? smtp_accepted(&state->smtp, &envelope, error) : err;
    uint64_t exists;
    err = imap_wait_exists(&state->watch, &exists, error);
    samples_add(&state->visible, (double)(clock_mono_us() - sent_us));
    return err == ERR_OK ? smtp_accepted(&state->smtp, &envelope, error) : err;
}

static void close_worker(struct worker *worker)
{
    struct deliver_state *state = worker->state;
    if (worker->all->options->latency) { /* what counts is the time until it is seen */
        size_t first = MIN(worker->all->options->warm_up, state->visible.count);
        worker->times.count = 0;
        for (size_t i = first; i < state->visible.count; i++)
            samples_add(&worker->times, state->visible.values[i]);
    }
    samples_release(&state->visible);
    smtp_quit(&state->smtp);
    client_close(&state->watch);
}

/* The accounts' INBOXes as IMAP shows them, by one connection each. */
struct viewer {
    const struct options *options;
    struct client *clients;
};

static void viewer_close(struct viewer *viewer)
{
    for (uint32_t i = 0; viewer->clients != NULL && i < viewer->options->accounts; i++)
        imap_logout(&viewer->clients[i]);
    free(viewer->clients);
}

static enum err viewer_open(struct viewer *viewer, struct error *error)
{
    const struct options *options = viewer->options;
    viewer->clients = calloc(options->accounts, sizeof(*viewer->clients));
    if (viewer->clients == NULL)
        return fail_nomem(error);
    for (uint32_t i = 0; i < options->accounts; i++)
        viewer->clients[i] = CLIENT_NONE;
    for (uint32_t i = 0; i < options->accounts; i++) {
        char user[OPTION_ADDRESS_MAX];
        options_user(options, i, user);
        enum err err = imap_open(&viewer->clients[i], options, &options->watch, user, error);
        if (err != ERR_OK)
            return err;
    }
    return ERR_OK;
}

static enum err viewer_count(struct viewer *viewer, uint64_t *ret_sum, struct error *error)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < viewer->options->accounts; i++) {
        uint64_t count;
        enum err err = imap_count(&viewer->clients[i], viewer->options->mailbox, &count, error);
        if (err != ERR_OK)
            return err;
        sum += count;
    }
    *ret_sum = sum;
    return ERR_OK;
}

static enum err viewer_wait(struct viewer *viewer, uint64_t wanted, struct error *error)
{
    int64_t deadline_us = clock_mono_us() + viewer->options->timeout * CLOCK_SECOND;
    for (;;) {
        uint64_t sum;
        enum err err = viewer_count(viewer, &sum, error);
        if (err != ERR_OK || sum >= wanted)
            return err;
        if (clock_mono_us() > deadline_us)
            return fail_plain(error, ERR_TIMEOUT, "%llu messages are not there after %u s",
                              (unsigned long long)(wanted - sum), viewer->options->timeout);
        usleep(DELIVER_POLL_US);
    }
}

static enum err deliver_and_view(struct workers *workers, struct viewer *viewer, struct report *report,
                                 struct error *error)
{
    const struct options *options = workers->options;
    bool views = options->has_watch && !options->latency;
    uint64_t before = 0, warm_ups = (uint64_t)options->warm_up * options->connections;
    enum err err = ERR_OK;
    if (views && (err = viewer_open(viewer, error)) == ERR_OK)
        err = viewer_count(viewer, &before, error);
    if (err == ERR_OK)
        err = workers_run(workers, error);
    if (err != ERR_OK)
        return err;
    report_add(report, "accepted", (double)workers->done * CLOCK_SECOND / (double)workers->spent.wall_us,
               "/s");
    struct meter whole = workers->spent;
    if (views) {
        err = viewer_wait(viewer, before + (workers->done + warm_ups) * options->recipients, error);
        whole = meter_stop(options, workers->start);
        report_add(report, "visible after", (double)(whole.wall_us - workers->spent.wall_us) / CLOCK_MS,
                   "ms");
    }
    report_rate(report, options, whole, workers->done);
    report_times(report, &workers->times);
    return err;
}

enum err command_deliver(const struct options *options, struct report *report, struct error *error)
{
    if (options->server.door != DOOR_SMTP && options->server.door != DOOR_LMTP)
        return fail_plain(error, ERR_INVALID, "deliver wants --server smtp: or lmtp:");
    if (options->latency && (!options->has_watch || options->accounts < options->connections))
        return fail_plain(error, ERR_INVALID, "--latency wants --watch, and an account for each connection");
    struct workers workers = {
        .options = options,
        .state_size = sizeof(struct deliver_state),
        .open = open_worker,
        .operate = deliver,
        .close = close_worker,
    };
    struct viewer viewer = {.options = options};
    enum err err = deliver_and_view(&workers, &viewer, report, error);
    viewer_close(&viewer);
    samples_release(&workers.times);
    return err;
}

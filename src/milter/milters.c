#include "milter/milters.h"

#include <stdlib.h>

#include "base/fdio.h"

/* One step of all milters. */
struct round {
    struct milters *milters;
    const struct milter_client *client;
    struct slice address;
    struct milter_message *message;
    struct milter_changes *changes;
};

typedef enum err round_fn(struct round *round, struct milter_filter *filter, struct milter_verdict *verdict,
                          struct error *error);

static bool is_for(const struct milter_setting *setting, bool submission)
{
    return submission ? setting->of_submission : setting->of_smtp;
}

enum err milters_create(struct milter_office *office, const struct settings *settings, bool submission,
                        struct milters **ret_milters, struct error *error)
{
    struct milters *m = NULL;
    for (size_t i = 0; i < settings->milter_count; i++) {
        if (!is_for(&settings->milters[i], submission))
            continue;
        if (m == NULL && (m = calloc(1, sizeof(*m))) == NULL)
            return fail_nomem(error);
        m->office = office;
        milter_filter_init(&m->filters[m->count++], &settings->milters[i]);
    }
    *ret_milters = m;
    return ERR_OK;
}

void milters_destroy(struct milters *m)
{
    if (m != NULL)
        milters_close(m);
    free(m);
}

void milters_close(struct milters *m)
{
    CLEANUP(buf_release) struct buf out = BUF(64);
    struct error error;
    milter_put_bytes(&out, MILTER_QUIT, slice_none());
    for (size_t i = 0; i < m->count; i++) {
        /* Whether it hears that does not matter: the connection ends. */
        if (m->filters[i].stream.fd >= 0 && !buf_failed(&out))
            (void)!milter_stream_send(&m->filters[i].stream, buf_slice(&out), 0, &error);
        milter_filter_close(&m->filters[i]);
        m->filters[i].off = false;
    }
}

void milters_abort(struct milters *m)
{
    struct error error;
    for (size_t i = 0; i < m->count; i++)
        if (milter_filter_abort(&m->filters[i], &error) != ERR_OK)
            milter_filter_close(&m->filters[i]);
}

static void defer(struct milters_verdict *ret)
{
    ret->verdict.outcome = MILTER_REFUSED;
    snprintf(ret->verdict.reply, sizeof(ret->verdict.reply),
             "451 4.7.1 mail can't be checked now; please try again later");
}

/* What its setting says. */
static void note_failure(struct milter_filter *f, struct milters_verdict *ret)
{
    ret->failed = true;
    ret->by = f->setting->address;
    milter_filter_close(f);
    f->off = f->setting->accepts;
    if (!f->off)
        defer(ret);
}

/* True: go on with the next milter. */
static bool run_one(struct round *round, struct milter_filter *f, round_fn *fn, struct milters_verdict *ret)
{
    struct milter_verdict verdict = {.outcome = MILTER_GO_ON};
    if (f->off || f->off_message)
        return true;
    if (fn(round, f, &verdict, &ret->error) != ERR_OK) {
        note_failure(f, ret);
        return f->off;
    }
    switch (verdict.outcome) {
    case MILTER_GO_ON:
        return true;
    case MILTER_ACCEPTED:
        f->off_message = true;
        return true;
    default:
        ret->verdict = verdict;
        ret->by = f->setting->address;
        return false;
    }
}

static void run_round(struct round *round, round_fn *fn, struct milters_verdict *ret)
{
    struct milters *m = round->milters;
    *ret = (struct milters_verdict){.verdict = {.outcome = MILTER_GO_ON}};
    if (m->count == 0)
        return;
    if (atomic_fetch_add(&m->office->at_work, 1) >= MILTERS_AT_ONCE_MAX) {
        defer(ret);
    } else {
        for (size_t i = 0; i < m->count; i++)
            if (!run_one(round, &m->filters[i], fn, ret))
                break;
    }
    atomic_fetch_sub(&m->office->at_work, 1);
}

/* --- steps --- */

static enum err open_one(const struct round *round, struct milter_filter *f, struct milter_verdict *verdict,
                         struct error *error)
{
    struct milter_office *office = round->milters->office;
    int fd = -1;
    enum err err = ERR_OK;
    if (f->stream.fd < 0) {
        err = office->connect(office->relay, f->setting->address, &fd, error);
        if (err == ERR_OK)
            err = milter_filter_open(f, fd, error);
    }
    if (err == ERR_OK && !f->greeted)
        err = milter_filter_greet(f, round->client, verdict, error);
    /* Who was refused as such begins anew. */
    if (err == ERR_OK && verdict->outcome != MILTER_GO_ON)
        milter_filter_close(f);
    return err;
}

static enum err mail(struct round *round, struct milter_filter *f, struct milter_verdict *verdict,
                     struct error *error)
{
    /* A milter that was started anew meanwhile has closed the connection: it gets another one. */
    bool kept = f->stream.fd >= 0;
    enum err err = open_one(round, f, verdict, error);
    if (err == ERR_OK && verdict->outcome == MILTER_GO_ON)
        err = milter_filter_mail(f, round->client, round->address, verdict, error);
    if (err != ERR_CLOSED || !kept)
        return err;
    milter_filter_close(f);
    err = open_one(round, f, verdict, error);
    return err == ERR_OK && verdict->outcome == MILTER_GO_ON
               ? milter_filter_mail(f, round->client, round->address, verdict, error)
               : err;
}

/* A milter that failed before, in this message. */
static enum err check_there(const struct milter_filter *f, struct error *error)
{
    return f->in_message ? ERR_OK : fail(error, ERR_CLOSED, NULL, "the milter has not seen the sender");
}

static enum err rcpt(struct round *round, struct milter_filter *f, struct milter_verdict *verdict,
                     struct error *error)
{
    enum err err = check_there(f, error);
    return err == ERR_OK ? milter_filter_rcpt(f, round->address, verdict, error) : err;
}

static enum err message(struct round *round, struct milter_filter *f, struct milter_verdict *verdict,
                        struct error *error)
{
    enum err err = check_there(f, error);
    if (err != ERR_OK)
        return err;
    if (round->message->size > f->setting->size_max)
        return milter_filter_abort(f, error);
    return milter_filter_message(f, round->client, round->message, round->changes, verdict, error);
}

void milters_mail(struct milters *m, const struct milter_client *client, struct slice sender,
                  struct milters_verdict *ret)
{
    struct round round = {.milters = m, .client = client, .address = sender};
    run_round(&round, mail, ret);
    if (ret->verdict.outcome == MILTER_REFUSED)
        milters_abort(m);
}

void milters_rcpt(struct milters *m, struct slice recipient, struct milters_verdict *ret)
{
    struct round round = {.milters = m, .address = recipient};
    run_round(&round, rcpt, ret);
}

void milters_message(struct milters *m, const struct milter_client *client, struct milter_message *whole,
                     struct milter_changes *changes, struct milters_verdict *ret)
{
    struct round round = {.milters = m, .client = client, .message = whole, .changes = changes};
    run_round(&round, message, ret);
    milters_abort(m);
}

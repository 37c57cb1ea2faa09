#include "acme/renewer.h"

#include <jansson.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdlib.h>

#include "acme/conversation.h"
#include "base/log.h"
#include "base/must.h"
#include "rt/acme_material.h"
#include "rt/metrics.h"

enum {
    LOOK_SECONDS = 60,    /* at the clock, which may be set */
    TAKEN_SECONDS = 3600, /* within which the supervisor has said what became of a chain */
    TEXTS_MAX = 4 * ACME_MATERIAL_MAX,
};

static const int64_t retries[] = {
#define X(seconds) seconds,
    ACME_RETRY_TABLE(X)
#undef X
};

struct acme_renewer {
    struct acme_renewer_options options;
    struct acme_answers *answers;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t thread;
    struct arena texts;  /* of the task and the material */
    struct arena copies; /* of them, for the attempt that is under way */
    struct acme_task task;
    struct slice chain; /* that is served */
    struct acme_state state;
    bool running; /* the thread is there */
    bool ended;   /* it has nothing more to do */
    bool stop;
    bool by_dns;        /* it is tried only when asked to, by who sets the records */
    bool door;          /* is open */
    int64_t settled_us; /* monotonic: when somebody answers there */
    bool wanted;        /* now */
    bool offered;       /* a chain was given to the supervisor, who has not said yet what became of it */
    struct buf offer;
};

/* --- times: seconds since 1970 --- */

static int64_t now_seconds(void)
{
    return clock_wall_us() / CLOCK_SECOND;
}

static int64_t seconds_of(const ASN1_TIME *time)
{
    struct tm tm;
    return ASN1_TIME_to_tm(time, &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}

static X509 *leaf_of(struct slice chain)
{
    BIO *bio = chain.n > 0 && chain.n <= INT32_MAX ? BIO_new_mem_buf(chain.p, (int)chain.n) : NULL;
    X509 *leaf = bio != NULL ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    BIO_free(bio);
    return leaf;
}

/* It is for the names and the key that are wanted. */
static bool is_wanted(const X509 *leaf, const struct acme_task *task)
{
    const unsigned char *at = (const unsigned char *)task->request.p;
    X509_REQ *request = d2i_X509_REQ(NULL, &at, (long)task->request.n);
    bool good = request != NULL && X509_check_private_key(leaf, X509_REQ_get0_pubkey(request)) == 1;
    struct slice rest = task->names;
    struct slice name;
    while (good && rest.n > 0) {
        slice_cut(rest, ' ', &name, &rest);
        good = X509_check_host((X509 *)leaf, name.p, name.n, 0, NULL) == 1;
    }
    X509_REQ_free(request);
    return good;
}

/* When a new one is due by the one that there is. */
static int64_t due_by_chain(struct acme_renewer *r)
{
    X509 *leaf = leaf_of(r->chain);
    r->state.from = r->state.until = 0;
    if (leaf != NULL && is_wanted(leaf, &r->task)) {
        r->state.from = seconds_of(X509_get0_notBefore(leaf));
        r->state.until = seconds_of(X509_get0_notAfter(leaf));
    }
    X509_free(leaf);
    return r->state.until > r->state.from ? r->state.from + (r->state.until - r->state.from) / 3 * 2 : 0;
}

static void fail_state(struct acme_renewer *r, const struct error *error, int64_t wait)
{
    r->state.failures++;
    snprintf(r->state.error, sizeof(r->state.error), "%s", error->client);
    size_t i = MIN((size_t)r->state.failures, ARRAY_LEN(retries)) - 1;
    r->state.next = now_seconds() + MAX(retries[i], wait);
    metric_set(ACME_FAILURES, METRIC_ONE, r->state.failures);
    LOG(LOG_ERROR, NO_SID, "acme.failed", F_CSTR("error", error->client), F_CSTR("detail", error->detail),
        F_INT("failures", r->state.failures), F_INT("next", r->state.next));
}

static void succeed(struct acme_renewer *r)
{
    r->state.failures = 0;
    r->state.error[0] = 0;
    metric_set(ACME_FAILURES, METRIC_ONE, 0);
}

/* --- what is wanted --- */

static struct slice keep(struct acme_renewer *r, struct slice text)
{
    return text.n > 0 ? arena_dup(&r->texts, text) : slice_none();
}

/* False: there is nothing to do, or no memory for it. */
static bool read_settings(struct acme_renewer *r, const struct settings *settings)
{
    struct acme_material material;
    arena_reset(&r->texts);
    if (settings->acme[0] == 0 || !acme_material_get(settings->acme_material, &material))
        return false;
    r->task.directory = keep(r, slice_cstr(settings->acme));
    r->task.names = keep(r, slice_cstr(settings->acme_names));
    r->task.contact = keep(r, slice_cstr(settings->acme_contact));
    r->task.kid = keep(r, slice_cstr(settings->acme_kid));
    r->task.outside_key = keep(r, material.outside_key);
    r->task.challenge = acme_challenge_name(settings->acme_challenge);
    r->by_dns = settings->acme_challenge == ACME_DNS_01;
    r->task.account_key = keep(r, material.account_key);
    r->task.request = keep(r, material.request);
    r->chain = keep(r, material.chain);
    return !arena_failed(&r->texts);
}

/* The supervisor has kept the chain that was offered, or has refused it. */
static void end_offer(struct acme_renewer *r)
{
    struct error error;
    r->offered = false;
    if (slice_eq(r->chain, buf_slice(&r->offer))) {
        succeed(r);
        r->state.renewals++;
        /* Where this machine's clock is wrong, each would be due at once. */
        r->state.next = MAX(r->state.next, now_seconds() + (r->state.until - r->state.from) / 3);
        LOG(LOG_INFO, NO_SID, "acme.renewed", F_STR("names", r->task.names), F_INT("until", r->state.until),
            F_INT("next", r->state.next));
        return;
    }
    (void)fail_plain(&error, ERR_INVALID, "the certificate that came is not the one that was wanted");
    fail_state(r, &error, 0);
}

void acme_renewer_update(struct acme_renewer *renewer, const struct settings *settings)
{
    pthread_mutex_lock(&renewer->lock);
    renewer->state.on = read_settings(renewer, settings);
    snprintf(renewer->state.names, sizeof(renewer->state.names), "%.*s",
             SLICE_ARGS(renewer->state.on ? renewer->task.names : slice_none()));
    renewer->state.next = renewer->state.on ? due_by_chain(renewer) : 0;
    if (renewer->offered && renewer->state.on)
        end_offer(renewer);
    pthread_cond_broadcast(&renewer->changed);
    pthread_mutex_unlock(&renewer->lock);
}

/* --- attempts --- */

static void wait_until(struct acme_renewer *r, int64_t mono_us)
{
    const struct timespec until = {.tv_sec = mono_us / CLOCK_SECOND,
                                   .tv_nsec = mono_us % CLOCK_SECOND * 1000};
    (void)pthread_cond_timedwait(&r->changed, &r->lock, &until);
}

static bool rest(void *context, int64_t us)
{
    struct acme_renewer *r = context;
    int64_t until = clock_mono_us() + us;
    pthread_mutex_lock(&r->lock);
    while (!r->stop && clock_mono_us() < until)
        wait_until(r, until);
    bool go_on = !r->stop;
    pthread_mutex_unlock(&r->lock);
    return go_on;
}

/* The settings may change meanwhile. False: no memory. */
static bool copy_task(struct acme_renewer *r, struct acme_task *ret_task)
{
    struct slice *const texts[] = {&ret_task->directory, &ret_task->names,       &ret_task->contact,
                                   &ret_task->kid,       &ret_task->outside_key, &ret_task->account_key,
                                   &ret_task->request};
    *ret_task = r->task;
    arena_reset(&r->copies);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (texts[i]->n > 0)
            *texts[i] = arena_dup(&r->copies, *texts[i]);
    return !arena_failed(&r->copies);
}

static void try_now(struct acme_renewer *r)
{
    struct error error;
    struct acme_task task;
    int64_t wait = 0;
    bool copied = copy_task(r, &task);
    r->wanted = false;
    r->offered = false;
    r->state.working = true;
    r->state.attempts++;
    buf_clear(&r->offer);
    pthread_mutex_unlock(&r->lock);
    LOG(LOG_INFO, NO_SID, "acme.attempt", F_STR("names", task.names), F_STR("directory", task.directory));
    enum err e = copied ? acme_obtain(&task, &r->offer, &wait, &error) : fail_nomem(&error);
    pthread_mutex_lock(&r->lock);
    r->state.working = false;
    r->state.tried = now_seconds();
    if (e == ERR_OK) {
        r->offered = true;
        r->state.next = now_seconds() + TAKEN_SECONDS;
        r->options.issued(r->options.context, buf_slice(&r->offer));
    } else if (e != ERR_CLOSED) {
        fail_state(r, &error, wait);
    }
    pthread_cond_broadcast(&r->changed);
}

/* When there is something to do, or the clock is to be looked at: monotonic us. */
static int64_t wake_us(const struct acme_renewer *r)
{
    int64_t now = clock_mono_us();
    bool due = r->wanted || (!r->by_dns && now_seconds() >= r->state.next);
    if (!r->state.on || (!r->door && !r->by_dns))
        return now + LOOK_SECONDS * CLOCK_SECOND;
    if (due)
        return r->settled_us;
    int64_t left = r->by_dns ? LOOK_SECONDS : r->state.next - now_seconds();
    return now + MIN(left, (int64_t)LOOK_SECONDS) * CLOCK_SECOND;
}

static void *work(void *argument)
{
    struct acme_renewer *r = argument;
    pthread_mutex_lock(&r->lock);
    while (!r->stop) {
        int64_t wake = wake_us(r);
        if (wake <= clock_mono_us())
            try_now(r);
        else
            wait_until(r, wake);
    }
    r->ended = true;
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->lock);
    return NULL;
}

/* --- the whole --- */

void acme_prepare(void)
{
    json_object_seed(0);
}

enum err acme_renewer_create(const struct acme_renewer_options *options, struct acme_renewer **ret_renewer,
                             struct error *error)
{
    pthread_condattr_t monotonic;
    struct acme_renewer *r = calloc(1, sizeof(*r));
    if (r == NULL)
        return fail_nomem(error);
    enum err e = acme_answers_create(&r->answers, error);
    if (e != ERR_OK) {
        free(r);
        return e;
    }
    r->options = *options;
    r->texts = ARENA(TEXTS_MAX);
    r->copies = ARENA(TEXTS_MAX);
    r->offer = BUF(ACME_CHAIN_MAX);
    r->task = (struct acme_task){.fetch = options->fetch,
                                 .fetch_context = options->fetch_context,
                                 .answers = r->answers,
                                 .rest = rest,
                                 .rest_context = r};
    must(pthread_mutex_init(&r->lock, NULL) == 0);
    must(pthread_condattr_init(&monotonic) == 0);
    must(pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) == 0);
    must(pthread_cond_init(&r->changed, &monotonic) == 0);
    pthread_condattr_destroy(&monotonic);
    *ret_renewer = r;
    return ERR_OK;
}

enum err acme_renewer_start(struct acme_renewer *renewer, struct error *error)
{
    if (pthread_create(&renewer->thread, NULL, work, renewer) != 0)
        return fail_nomem(error);
    renewer->running = true;
    return ERR_OK;
}

void acme_renewer_stop(struct acme_renewer *renewer, int64_t deadline_us)
{
    pthread_mutex_lock(&renewer->lock);
    renewer->stop = true;
    pthread_cond_broadcast(&renewer->changed);
    while (renewer->running && !renewer->ended && clock_mono_us() < deadline_us)
        wait_until(renewer, deadline_us);
    pthread_mutex_unlock(&renewer->lock);
}

void acme_renewer_destroy(struct acme_renewer *renewer)
{
    if (renewer == NULL)
        return;
    if (renewer->running)
        pthread_join(renewer->thread, NULL);
    acme_answers_destroy(renewer->answers);
    arena_release(&renewer->texts);
    arena_release(&renewer->copies);
    buf_release(&renewer->offer);
    pthread_cond_destroy(&renewer->changed);
    pthread_mutex_destroy(&renewer->lock);
    free(renewer);
}

void acme_renewer_state(struct acme_renewer *renewer, struct acme_state *ret_state)
{
    pthread_mutex_lock(&renewer->lock);
    *ret_state = renewer->state;
    pthread_mutex_unlock(&renewer->lock);
}

void acme_renewer_door(struct acme_renewer *renewer)
{
    pthread_mutex_lock(&renewer->lock);
    renewer->door = true;
    renewer->settled_us = clock_mono_us() + renewer->options.settle_us;
    pthread_cond_broadcast(&renewer->changed);
    pthread_mutex_unlock(&renewer->lock);
}

void acme_renewer_now(struct acme_renewer *renewer)
{
    pthread_mutex_lock(&renewer->lock);
    renewer->wanted = true;
    pthread_cond_broadcast(&renewer->changed);
    pthread_mutex_unlock(&renewer->lock);
}

struct acme_answers *acme_renewer_answers(struct acme_renewer *renewer)
{
    return renewer->answers;
}

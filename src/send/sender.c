/*
 * Destinations and threads.
 *
 *     taker: store's parcels --> a destination's list --> ready --> a thread: delivery after delivery -->
 * idle
 *
 * Invariants, under the lock: 1. a destination is on the ready list exactly when it has a parcel for which
 * one more connection may be opened; 2. one without parcels, threads and trouble is forgotten.
 */
#include "send/sender.h"

#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/map.h"
#include "base/must.h"
#include "fetch/fetcher.h"
#include "send/ask.h"
#include "send/callouts.h"
#include "send/delivery.h"
#include "send/sts_keeper.h"

enum {
    TAKE_ENTRIES = 64,
    BATCH_ARENA_MAX = 32 * 1024 * 1024,
    RESULT_ARENA_MAX = 4 * 1024 * 1024,
    THREAD_STACK = 512 * 1024,
    THREAD_IDLE_SECONDS = 30,
    RETRY_STORE_SECONDS = 1,
    DESTINATIONS_IN_TROUBLE_MAX = 10000,
};

/* What came at once; freed with its last parcel. */
struct load {
    struct arena arena;
    size_t left; /* under the sender's lock */
};

struct item {
    struct item *next;
    struct load *load;
    const struct outbound_parcel *parcel;
};

struct destination {
    struct destination *next_ready;
    bool ready;
    char *domain;
    struct item *first, **last;
    size_t waiting;
    unsigned active; /* threads */
    unsigned limit;
    unsigned failures;        /* since the last success */
    int64_t blocked_until_us; /* monotonic; 0: not in trouble */
    pthread_cond_t arrived;   /* a thread keeps a connection for the next one */
    unsigned keeping;
};

struct sender {
    struct sender_options options;
    struct link link;
    struct tls_context *tls;
    struct sts_cache *sts; /* NULL: without MTA-STS */
    struct callouts *callouts;
    uint64_t hand;
    pthread_mutex_t lock;
    pthread_cond_t work;  /* a destination became ready, or stop */
    pthread_cond_t space; /* fewer parcels are held */
    pthread_cond_t quiet; /* a thread ended */
    struct map destinations;
    struct destination *first_ready, **last_ready;
    size_t parcels; /* held, and not yet told */
    unsigned threads, idle;
    uint64_t flushes;
    atomic_bool stopping;
};

/* --- time --- */

static bool wait_until(pthread_cond_t *condition, pthread_mutex_t *lock, int64_t after_us)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t ns = until.tv_nsec + after_us % CLOCK_SECOND * 1000;
    until.tv_sec += after_us / CLOCK_SECOND + ns / 1000000000;
    until.tv_nsec = ns % 1000000000;
    return pthread_cond_timedwait(condition, lock, &until) == 0;
}

static void init_condition(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
}

static void pause_for(int64_t us)
{
    nanosleep(&(struct timespec){.tv_sec = us / CLOCK_SECOND, .tv_nsec = us % CLOCK_SECOND * 1000}, NULL);
}

/* --- destinations; all locked --- */

static void make_ready(struct sender *sender, struct destination *d)
{
    if (d->ready || d->waiting == 0 || d->active >= d->limit)
        return;
    d->ready = true;
    d->next_ready = NULL;
    *sender->last_ready = d;
    sender->last_ready = &d->next_ready;
    pthread_cond_signal(&sender->work);
}

static void remove_ready(struct sender *sender, struct destination *d)
{
    struct destination **at = &sender->first_ready;
    if (!d->ready)
        return;
    while (*at != d)
        at = &(*at)->next_ready;
    *at = d->next_ready;
    if (sender->last_ready == &d->next_ready)
        sender->last_ready = at;
    d->ready = false;
}

static struct destination *destination_of(struct sender *sender, struct slice domain)
{
    struct destination *d = map_get(&sender->destinations, domain);
    if (d != NULL)
        return d;
    d = calloc(1, sizeof(*d));
    if (d == NULL)
        return NULL;
    d->domain = slice_to_cstr(domain);
    if (d->domain == NULL || !map_set(&sender->destinations, domain, d)) {
        free(d->domain);
        free(d);
        return NULL;
    }
    d->last = &d->first;
    d->limit = 1;
    init_condition(&d->arrived);
    return d;
}

/* Trouble is remembered as long as it lasts, but not without end. */
static void forget_if_unused(struct sender *sender, struct destination *d)
{
    bool in_trouble =
        d->blocked_until_us > clock_mono_us() && sender->destinations.count <= DESTINATIONS_IN_TROUBLE_MAX;
    if (d->waiting > 0 || d->active > 0 || in_trouble)
        return;
    must(!d->ready);
    (void)map_remove(&sender->destinations, slice_cstr(d->domain));
    pthread_cond_destroy(&d->arrived);
    free(d->domain);
    free(d);
}

static struct item *pop(struct destination *d)
{
    struct item *item = d->first;
    if (item == NULL)
        return NULL;
    d->first = item->next;
    if (d->first == NULL)
        d->last = &d->first;
    d->waiting--;
    return item;
}

static void trouble(struct sender *sender, struct destination *d)
{
    int64_t seconds = (int64_t)SENDER_BLOCK_SECONDS << MIN(d->failures, 5U);
    seconds = MIN(seconds, (int64_t)SENDER_BLOCK_MAX_SECONDS);
    d->failures++;
    d->limit = MAX(d->limit / 2, 1U);
    d->blocked_until_us = clock_mono_us() + seconds * CLOCK_SECOND;
    remove_ready(sender, d);
}

static void success(struct destination *d)
{
    d->failures = 0;
    d->blocked_until_us = 0;
    d->limit = MIN(d->limit + 1, (unsigned)SENDER_CONNECTIONS_MAX);
}

static void unblock(void *context, struct slice key, void *value)
{
    struct destination *d = value;
    (void)context;
    (void)key;
    d->blocked_until_us = 0;
    d->failures = 0;
}

/* --- telling store --- */

static void item_free(struct sender *sender, struct item *item)
{
    pthread_mutex_lock(&sender->lock);
    sender->parcels--;
    bool last = --item->load->left == 0;
    pthread_cond_signal(&sender->space);
    pthread_mutex_unlock(&sender->lock);
    if (last) {
        arena_release(&item->load->arena);
        free(item->load);
    }
    free(item);
}

/* Until store has it: it may be restarting. Gives the item up. */
static void tell(struct sender *sender, struct item *item, const struct outbound_result *results)
{
    struct error error;
    const struct outbound_parcel *parcel = item->parcel;
    for (;;) {
        enum err err = link_outbound_done(&sender->link, sender->hand, parcel->entry, results,
                                          parcel->recipient_count, &error);
        if (err == ERR_OK)
            break;
        LOG(LOG_WARN, parcel->sid, "send.tell", F_ID("entry", parcel->entry.v), F_ERR(&error));
        if (err == ERR_NOT_FOUND || err == ERR_INVALID || sender->stopping)
            break; /* it is somebody else's by now, or will be */
        pause_for(RETRY_STORE_SECONDS * CLOCK_SECOND);
    }
    item_free(sender, item);
}

/* The destination is left alone: back to store, for later. */
static void give_back(struct sender *sender, struct item *item, int64_t blocked_until_us)
{
    struct outbound_result results[OUTBOUND_RECIPIENTS_MAX];
    int64_t wait = MAX(blocked_until_us - clock_mono_us(), CLOCK_SECOND);
    /* Not all at once when the time has come. */
    int64_t after = clock_wall_us() + wait + (int64_t)randombytes_uniform(10) * CLOCK_SECOND;
    for (size_t i = 0; i < item->parcel->recipient_count; i++)
        results[i] = (struct outbound_result){
            .recipient = item->parcel->recipients[i].number, .outcome = OUTBOUND_UNTRIED, .after_us = after};
    tell(sender, item, results);
}

/* --- sending --- */

/* One parcel. Then the destination's affairs are put in order. */
static void send_one(struct sender *sender, struct destination *d, struct delivery *delivery,
                     struct item *item)
{
    CLEANUP(arena_release) struct arena arena = ARENA(RESULT_ARENA_MAX);
    CLEANUP(outbound_message_release) struct outbound_message message = {.fd = -1};
    struct outbound_result results[OUTBOUND_RECIPIENTS_MAX];
    struct error error;
    enum err err = link_outbound_open(&sender->link, sender->hand, item->parcel->entry, &message, &error);
    if (err != ERR_OK) {
        LOG(LOG_WARN, item->parcel->sid, "send.open", F_ID("entry", item->parcel->entry.v), F_ERR(&error));
        give_back(sender, item, clock_mono_us() + CLOCK_MINUTE);
        return;
    }
    enum delivery_end end = delivery_run(delivery, item->parcel, &message, &arena, results);
    pthread_mutex_lock(&sender->lock);
    if (end == DELIVERY_UNREACHABLE)
        trouble(sender, d);
    else
        success(d);
    make_ready(sender, d);
    pthread_mutex_unlock(&sender->lock);
    tell(sender, item, results);
}

/* Locked. The next parcel for a connection that is open; waits a moment for one. */
static struct item *next_item(struct sender *sender, struct destination *d, bool connected)
{
    int64_t until = clock_mono_us() + SENDER_IDLE_SECONDS * CLOCK_SECOND;
    while (connected && d->waiting == 0 && !sender->stopping && clock_mono_us() < until) {
        d->keeping++;
        (void)wait_until(&d->arrived, &sender->lock, until - clock_mono_us());
        d->keeping--;
    }
    struct item *item = sender->stopping ? NULL : pop(d);
    if (d->waiting == 0)
        remove_ready(sender, d);
    return item;
}

/* All there is for one destination, over one connection at a time. Locked at the call and after it. */
static void serve(struct sender *sender, struct destination *d)
{
    struct delivery delivery = {.options = &sender->options,
                                .tls = sender->tls,
                                .sts = sender->sts,
                                .link = &sender->link,
                                .domain = slice_cstr(d->domain),
                                .tried = BUF(DELIVERY_TRIED_MAX)};
    struct item *item;
    d->active++;
    make_ready(sender, d);
    while ((item = next_item(sender, d, delivery.client != NULL)) != NULL) {
        int64_t blocked_until_us = d->blocked_until_us;
        pthread_mutex_unlock(&sender->lock);
        if (blocked_until_us > clock_mono_us())
            give_back(sender, item, blocked_until_us);
        else
            send_one(sender, d, &delivery, item);
        pthread_mutex_lock(&sender->lock);
    }
    pthread_mutex_unlock(&sender->lock);
    delivery_end(&delivery);
    pthread_mutex_lock(&sender->lock);
    d->active--;
    make_ready(sender, d);
    forget_if_unused(sender, d);
}

static void add_thread(struct sender *sender);

static void *worker_main(void *context)
{
    struct sender *sender = context;
    pthread_mutex_lock(&sender->lock);
    while (!sender->stopping) {
        struct destination *d = sender->first_ready;
        if (d != NULL) {
            remove_ready(sender, d);
            /* One idle thread may have been counted on for several destinations. */
            if (sender->first_ready != NULL)
                add_thread(sender);
            serve(sender, d);
            continue;
        }
        sender->idle++;
        bool woken = wait_until(&sender->work, &sender->lock, THREAD_IDLE_SECONDS * CLOCK_SECOND);
        sender->idle--;
        if (!woken && sender->first_ready == NULL)
            break;
    }
    sender->threads--;
    pthread_cond_broadcast(&sender->quiet);
    pthread_mutex_unlock(&sender->lock);
    return NULL;
}

/* Locked. One more thread when all are busy; without one, those that are there do it in turn. */
static void add_thread(struct sender *sender)
{
    pthread_attr_t attributes;
    pthread_t thread;
    if (sender->idle > 0 || sender->threads >= SENDER_THREADS_MAX)
        return;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, THREAD_STACK);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    if (pthread_create(&thread, &attributes, worker_main, sender) == 0)
        sender->threads++;
    else
        LOG(LOG_WARN, NO_SID, "send.thread", F_INT("threads", sender->threads));
    pthread_attr_destroy(&attributes);
}

/* --- taking --- */

/* Locked. False: no memory. */
static bool enqueue(struct sender *sender, struct load *load, const struct outbound_parcel *parcel)
{
    struct destination *d = destination_of(sender, parcel->domain);
    struct item *item = d != NULL ? malloc(sizeof(*item)) : NULL;
    if (item == NULL)
        return false;
    *item = (struct item){.load = load, .parcel = parcel};
    *d->last = item;
    d->last = &item->next;
    d->waiting++;
    load->left++;
    sender->parcels++;
    if (d->keeping > 0)
        pthread_cond_signal(&d->arrived);
    if (d->waiting > d->keeping)
        make_ready(sender, d);
    if (sender->first_ready != NULL)
        add_thread(sender);
    return true;
}

/* What found no memory is leased to this process, which does not know it: the next one is given all of it. */
static void start_anew(void)
{
    LOG(LOG_ERROR, NO_SID, "send.no_memory");
    _exit(EXIT_FAILURE);
}

static void distribute(struct sender *sender, struct load *load, const struct outbound_batch *batch)
{
    bool good = true;
    pthread_mutex_lock(&sender->lock);
    if (batch->flushes != sender->flushes) {
        sender->flushes = batch->flushes;
        map_each(&sender->destinations, unblock, NULL);
    }
    load->left = 1;
    for (size_t i = 0; i < batch->count && good; i++)
        good = enqueue(sender, load, &batch->parcels[i]);
    bool empty = --load->left == 0;
    pthread_mutex_unlock(&sender->lock);
    if (!good)
        start_anew();
    if (empty) {
        arena_release(&load->arena);
        free(load);
    }
}

static void *taker_main(void *context)
{
    struct sender *sender = context;
    uint64_t seen = 0;
    while (!sender->stopping) {
        struct outbound_batch batch;
        struct error error;
        pthread_mutex_lock(&sender->lock);
        while (sender->parcels >= SENDER_PARCELS_MAX && !sender->stopping)
            (void)wait_until(&sender->space, &sender->lock, CLOCK_SECOND);
        pthread_mutex_unlock(&sender->lock);
        struct load *load = calloc(1, sizeof(*load));
        if (load == NULL) {
            pause_for(CLOCK_SECOND);
            continue;
        }
        load->arena = ARENA(BATCH_ARENA_MAX);
        enum err err =
            link_outbound_take(&sender->link, sender->hand, seen, TAKE_ENTRIES, &load->arena, &batch, &error);
        if (err == ERR_OK) {
            seen = batch.number;
            distribute(sender, load, &batch);
            continue;
        }
        arena_release(&load->arena);
        free(load);
        if (err == ERR_NOMEM)
            start_anew();
        if (!sender->stopping)
            LOG(LOG_DEBUG, NO_SID, "send.take", F_ERR(&error));
        pause_for(RETRY_STORE_SECONDS * CLOCK_SECOND);
    }
    return NULL;
}

/* --- asking about addresses --- */

static enum err find_rest(void *context, struct slice address, struct arena *arena,
                          struct smart_host *ret_host, struct error *error)
{
    struct sender *sender = context;
    return link_rest(&sender->link, address, arena, ret_host, error);
}

static enum err ask_rest(void *context, const struct smart_host *host, struct slice address,
                         int64_t deadline_us, enum callout_answer *ret_answer, struct error *error)
{
    struct sender *sender = context;
    struct delivery delivery = {.options = &sender->options,
                                .tls = sender->tls,
                                .sts = sender->sts,
                                .tried = BUF(DELIVERY_TRIED_MAX),
                                .deadline_us = deadline_us,
                                .other = true};
    *error = (struct error){.detail = "the server has no address"};
    enum err err = delivery_open_route(&delivery, host, error);
    if (err == ERR_OK)
        err = ask_recipient(delivery.client, address, ret_answer, error);
    delivery_end(&delivery);
    return err;
}

enum err sender_callout(void *context, struct slice address, enum callout_answer *ret_answer,
                        struct error *error)
{
    struct sender *sender = context;
    return callouts_answer(sender->callouts, address, ret_answer, error);
}

/* --- beginning and end --- */

enum err sender_create(const struct sender_options *options, struct sender **ret_sender, struct error *error)
{
    struct sender *sender = calloc(1, sizeof(*sender));
    if (sender == NULL)
        return fail_nomem(error);
    sender->options = *options;
    sender->link.client = options->store;
    sender->hand = id_random();
    sender->last_ready = &sender->first_ready;
    pthread_mutex_init(&sender->lock, NULL);
    init_condition(&sender->work);
    init_condition(&sender->space);
    init_condition(&sender->quiet);
    const struct sts_source source = {.records = names_resolve,
                                      .names = options->resolver,
                                      .fetch = fetcher_fetch,
                                      .fetcher = options->fetcher,
                                      .recall = sts_keeper_recall,
                                      .keep = sts_keeper_keep,
                                      .keeper = &sender->link,
                                      .port = options->sts_port,
                                      .private_too = options->private_too};
    enum err err = tls_client_context_create(options->authorities, &sender->tls, error);
    const struct callouts_source callouts = {find_rest, ask_rest, sender};
    if (err == ERR_OK)
        err = callouts_create(&callouts, &sender->callouts, error);
    if (err == ERR_OK && options->sts_port != 0)
        err = sts_cache_create(&source, &sender->sts, error);
    if (err != ERR_OK) {
        tls_context_unref(sender->tls);
        callouts_free(sender->callouts);
        free(sender);
        return err;
    }
    *ret_sender = sender;
    return ERR_OK;
}

enum err sender_start(struct sender *sender, struct error *error)
{
    pthread_t taker;
    if (pthread_create(&taker, NULL, taker_main, sender) != 0)
        return fail(error, ERR_UNAVAILABLE, NULL, "can't start the thread that takes mail to be sent");
    pthread_detach(taker);
    return sender->sts != NULL ? sts_keeper_start(sender->sts, &sender->link, error) : ERR_OK;
}

void sender_stop(struct sender *sender, int64_t deadline_us)
{
    pthread_mutex_lock(&sender->lock);
    sender->stopping = true;
    pthread_cond_broadcast(&sender->work);
    pthread_cond_broadcast(&sender->space);
    while (sender->threads > 0 && clock_mono_us() < deadline_us)
        (void)wait_until(&sender->quiet, &sender->lock, deadline_us - clock_mono_us());
    unsigned left = sender->threads;
    pthread_mutex_unlock(&sender->lock);
    if (left > 0)
        LOG(LOG_WARN, NO_SID, "send.cut", F_INT("connections", left));
}

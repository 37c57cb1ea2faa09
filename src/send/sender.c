/*
 * Threads: what store gives is put into lanes (schedule.h), and each lane is served by as many threads as it
 * bears connections.
 *
 *     taker: store's parcels --> a lane --> ready --> a thread: delivery after delivery --> told to store
 */
#include "send/sender.h"

#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/must.h"
#include "fetch/fetcher.h"
#include "send/ask.h"
#include "send/callouts.h"
#include "send/delivery.h"
#include "send/schedule.h"
#include "send/sts_keeper.h"
#include "send/survey.h"

enum {
    TAKE_ENTRIES = 64,
    BATCH_ARENA_MAX = 32 * 1024 * 1024,
    RESULT_ARENA_MAX = 4 * 1024 * 1024,
    TERMS_ARENA_MAX = 64 * 1024 * 1024,
    THREAD_STACK = 512 * 1024,
    THREAD_IDLE_SECONDS = 30,
    RETRY_STORE_SECONDS = 1,
};

struct sender {
    struct sender_options options;
    struct link link;
    struct tls_context *tls;
    struct sts_cache *sts; /* NULL: without MTA-STS */
    struct callouts *callouts;
    struct delivery_gate gate;
    uint64_t hand;
    struct schedule schedule; /* its lock is for what follows, too */
    pthread_cond_t space;     /* fewer parcels are held */
    pthread_cond_t quiet;     /* a thread ended */
    unsigned threads, idle;
    uint64_t flushes;
    uint64_t settings; /* the number of the terms; 0: none were asked for */
    atomic_bool stopping;
};

static void pause_for(int64_t us)
{
    nanosleep(&(struct timespec){.tv_sec = us / CLOCK_SECOND, .tv_nsec = us % CLOCK_SECOND * 1000}, NULL);
}

/* --- telling store --- */

static void item_free(struct sender *sender, struct item *item)
{
    pthread_mutex_lock(&sender->schedule.lock);
    sender->schedule.parcels--;
    bool last = --item->load->left == 0;
    pthread_cond_signal(&sender->space);
    pthread_mutex_unlock(&sender->schedule.lock);
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

/* Untried, until that wall time. */
static void give_back(struct sender *sender, struct item *item, int64_t after_us)
{
    struct outbound_result results[OUTBOUND_RECIPIENTS_MAX];
    for (size_t i = 0; i < item->parcel->recipient_count; i++)
        results[i] = (struct outbound_result){.recipient = item->parcel->recipients[i].number,
                                              .outcome = OUTBOUND_UNTRIED,
                                              .after_us = after_us};
    tell(sender, item, results);
}

/* Its lane is left alone until then; not all come at once when the time has come. */
static int64_t after_trouble(int64_t blocked_until_us)
{
    int64_t wait = MAX(blocked_until_us - clock_mono_us(), CLOCK_SECOND);
    return clock_wall_us() + wait + (int64_t)randombytes_uniform(10) * CLOCK_SECOND;
}

/* --- sending --- */

static void note_answer(struct lane *lane, const struct delivery *delivery,
                        const struct outbound_result *results, size_t count)
{
    const struct outbound_result *last = &results[count - 1];
    snprintf(lane->answer, sizeof(lane->answer), "%.*s",
             SLICE_ARGS(slice_sub(last->text, 0, SCHEDULE_ANSWER_MAX)));
    for (char *c = lane->answer; *c != 0; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = ' ';
    if (delivery->connections > 0)
        snprintf(lane->tls, sizeof(lane->tls), "%.*s", SLICE_ARGS(slice_sub(last->tls, 0, SCHEDULE_TLS_MAX)));
}

/* Locked. What came of one parcel says something of its lane. */
static void judge(struct sender *sender, struct lane *lane, const struct delivery *delivery,
                  enum delivery_end end, const struct outbound_result *results, size_t count)
{
    int64_t now = clock_mono_us();
    enum throttle_word word = end == DELIVERY_REFUSED ? THROTTLE_TAKEN : throttle_word_of(results, count);
    schedule_done(lane, now);
    note_answer(lane, delivery, results, count);
    lane->messages += end == DELIVERY_SENT;
    if (end == DELIVERY_UNREACHABLE)
        throttle_unreachable(&lane->throttle, now);
    else if (word == THROTTLE_TOO_MUCH)
        throttle_pushed_back(&lane->throttle, now);
    else if (word == THROTTLE_TAKEN)
        throttle_success(&lane->throttle);
    if (throttle_is_blocked(&lane->throttle, now))
        schedule_not_ready(&sender->schedule, lane);
}

/* Locked. The item was not sent, and is the next one again. True: others of the lane go on with it. */
static bool put_back(struct sender *sender, struct lane *lane, const struct delivery *delivery,
                     struct item *item, enum delivery_end end)
{
    bool crowded = end == DELIVERY_UNREACHABLE && lane->open > 0;
    if (end != DELIVERY_BUSY && !crowded)
        return false;
    if (crowded)
        throttle_crowded(&lane->throttle, lane->open);
    else
        schedule_delay(&sender->schedule, lane, delivery->busy_until_us);
    schedule_put_first(&sender->schedule, lane, item);
    return true;
}

/* One parcel. Then the lane's affairs are put in order. False: this thread is not to go on with it. */
static bool send_one(struct sender *sender, struct lane *lane, struct delivery *delivery, bool *open,
                     struct item *item)
{
    CLEANUP(arena_release) struct arena arena = ARENA(RESULT_ARENA_MAX);
    CLEANUP(outbound_message_release) struct outbound_message message = {.fd = -1};
    struct outbound_result results[OUTBOUND_RECIPIENTS_MAX];
    struct error error;
    size_t count = item->parcel->recipient_count;
    unsigned connections = delivery->connections;
    enum err err = link_outbound_open(&sender->link, sender->hand, item->parcel->entry, &message, &error);
    if (err != ERR_OK) {
        LOG(LOG_WARN, item->parcel->sid, "send.open", F_ID("entry", item->parcel->entry.v), F_ERR(&error));
        give_back(sender, item, clock_wall_us() + CLOCK_MINUTE);
        return true;
    }
    enum delivery_end end = delivery_run(delivery, item->parcel, &message, &arena, results);
    pthread_mutex_lock(&sender->schedule.lock);
    lane->connections += delivery->connections - connections;
    lane->open -= *open;
    *open = delivery->client != NULL;
    bool others = put_back(sender, lane, delivery, item, end);
    if (!others)
        judge(sender, lane, delivery, end, results, count);
    lane->open += *open;
    schedule_make_ready(&sender->schedule, lane);
    pthread_mutex_unlock(&sender->schedule.lock);
    if (others)
        return false;
    tell(sender, item, results);
    return true;
}

/* Locked. The next item for a connection that is open; waits a moment for one. */
static struct item *next_item(struct sender *sender, struct lane *lane, bool connected)
{
    int64_t until = clock_mono_us() + SENDER_IDLE_SECONDS * CLOCK_SECOND;
    while (connected && lane->waiting == 0 && !sender->stopping && clock_mono_us() < until) {
        lane->keeping++;
        (void)schedule_wait(&lane->arrived, &sender->schedule.lock, until - clock_mono_us());
        lane->keeping--;
    }
    return sender->stopping ? NULL : schedule_take(&sender->schedule, lane);
}

/* Locked. Waits for the lane's turn, by its rate, if that is near; else the item is its next one again, and
 * the lane delayed. */
static bool await_turn(struct sender *sender, struct lane *lane, struct item *item)
{
    int64_t before = lane->throttle.turn_us;
    int64_t turn = throttle_take_turn(&lane->throttle.turn_us, lane->rate, clock_mono_us());
    int64_t wait = turn - clock_mono_us();
    if (wait <= 0)
        return true;
    if (wait <= DELIVERY_TURN_US) {
        pthread_mutex_unlock(&sender->schedule.lock);
        pause_for(wait);
        pthread_mutex_lock(&sender->schedule.lock);
        return true;
    }
    lane->throttle.turn_us = before;
    schedule_delay(&sender->schedule, lane, turn);
    schedule_put_first(&sender->schedule, lane, item);
    return false;
}

/* Locked. What holds for the lane now; a session that began under other terms ends. */
static void renew_terms(struct sender *sender, struct lane *lane, struct delivery *delivery, bool *open)
{
    if (delivery->table == sender->schedule.terms)
        return;
    struct terms_table *before = delivery->table;
    lane->open -= *open;
    *open = false;
    delivery->table = terms_table_ref(sender->schedule.terms);
    delivery->terms = terms_of_domain(delivery->table, delivery->domain);
    pthread_mutex_unlock(&sender->schedule.lock);
    delivery_close(delivery, true);
    terms_table_unref(before);
    pthread_mutex_lock(&sender->schedule.lock);
}

/* All there is for one lane, over one connection at a time. Locked at the call and after it. */
static void serve(struct sender *sender, struct lane *lane)
{
    struct delivery delivery = {.options = &sender->options,
                                .gate = &sender->gate,
                                .tls = sender->tls,
                                .sts = sender->sts,
                                .link = &sender->link,
                                .domain = lane->name,
                                .tried = BUF(DELIVERY_TRIED_MAX)};
    struct slice name, addresses;
    struct error ignored;
    struct item *item;
    bool open = false;
    bool goes_on = true;
    slice_cut(slice_cstr(lane->key), '\n', &name, &addresses);
    if (own_addresses_parse(addresses, &delivery.addresses, &ignored) != ERR_OK)
        delivery.addresses.count = 0; /* store has read them before */
    lane->active++;
    sender->schedule.serving++;
    schedule_make_ready(&sender->schedule, lane);
    if (lane->event_us == 0)
        lane->event_us = clock_mono_us();
    while (goes_on && !lane->delayed && (item = next_item(sender, lane, delivery.client != NULL)) != NULL) {
        int64_t blocked_until_us = lane->throttle.blocked_until_us;
        bool blocked = throttle_is_blocked(&lane->throttle, clock_mono_us());
        renew_terms(sender, lane, &delivery, &open);
        if (item->back_until_us == 0 && !blocked && !await_turn(sender, lane, item))
            break;
        pthread_mutex_unlock(&sender->schedule.lock);
        if (item->back_until_us != 0)
            give_back(sender, item, item->back_until_us);
        else if (blocked)
            give_back(sender, item, after_trouble(blocked_until_us));
        else
            goes_on = send_one(sender, lane, &delivery, &open, item);
        pthread_mutex_lock(&sender->schedule.lock);
    }
    lane->open -= open;
    pthread_mutex_unlock(&sender->schedule.lock);
    delivery_end(&delivery);
    terms_table_unref(delivery.table);
    pthread_mutex_lock(&sender->schedule.lock);
    lane->active--;
    sender->schedule.serving--;
    schedule_make_ready(&sender->schedule, lane);
    schedule_forget_if_unused(&sender->schedule, lane);
}

static void add_thread(struct sender *sender);

static void *worker_main(void *context)
{
    struct sender *sender = context;
    struct schedule *schedule = &sender->schedule;
    pthread_mutex_lock(&schedule->lock);
    while (!sender->stopping) {
        struct lane *lane = schedule_next(schedule);
        if (lane != NULL) {
            /* One idle thread may have been counted on for several lanes. */
            if (schedule->first_ready != NULL)
                add_thread(sender);
            serve(sender, lane);
            continue;
        }
        sender->idle++;
        bool woken = schedule_wait(&schedule->work, &schedule->lock, THREAD_IDLE_SECONDS * CLOCK_SECOND);
        sender->idle--;
        if (!woken && schedule->first_ready == NULL)
            break;
    }
    sender->threads--;
    pthread_cond_broadcast(&sender->quiet);
    pthread_mutex_unlock(&schedule->lock);
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

/* Wakes lanes that were delayed. */
static void *clock_main(void *context)
{
    struct sender *sender = context;
    struct schedule *schedule = &sender->schedule;
    pthread_mutex_lock(&schedule->lock);
    while (!sender->stopping) {
        int64_t next = schedule_wake(schedule, clock_mono_us());
        if (schedule->first_ready != NULL)
            add_thread(sender);
        int64_t wait = MIN(MAX(next - clock_mono_us(), CLOCK_MS), CLOCK_MINUTE);
        (void)schedule_wait(&schedule->delayed, &schedule->lock, wait);
    }
    pthread_mutex_unlock(&schedule->lock);
    return NULL;
}

/* --- taking --- */

/* Locked. False: no memory. */
static bool enqueue(struct sender *sender, struct load *load, const struct outbound_parcel *parcel)
{
    struct lane *lane = schedule_lane(&sender->schedule, parcel);
    struct item *item = lane != NULL ? malloc(sizeof(*item)) : NULL;
    if (item == NULL)
        return false;
    *item = (struct item){.load = load, .parcel = parcel};
    load->left++;
    sender->schedule.parcels++;
    schedule_put(&sender->schedule, lane, item);
    if (sender->schedule.first_ready != NULL)
        add_thread(sender);
    return true;
}

/* What found no memory is leased to this process, which does not know it: the next one is given all of it. */
static void start_anew(void)
{
    LOG(LOG_ERROR, NO_SID, "send.no_memory");
    _exit(EXIT_FAILURE);
}

static void unblock(void *context UNUSED, struct lane *lane)
{
    throttle_unblock(&lane->throttle);
}

static void distribute(struct sender *sender, struct load *load, const struct outbound_batch *batch)
{
    bool good = true;
    pthread_mutex_lock(&sender->schedule.lock);
    if (batch->flushes != sender->flushes) {
        sender->flushes = batch->flushes;
        schedule_each_lane(&sender->schedule, unblock, NULL);
    }
    load->left = 1;
    for (size_t i = 0; i < batch->count && good; i++)
        good = enqueue(sender, load, &batch->parcels[i]);
    bool empty = --load->left == 0;
    pthread_mutex_unlock(&sender->schedule.lock);
    if (!good)
        start_anew();
    if (empty) {
        arena_release(&load->arena);
        free(load);
    }
}

/* Before what comes with them is sent. Those that were stay in force while store does not answer. */
static void ask_terms(struct sender *sender, uint64_t settings)
{
    CLEANUP(arena_release) struct arena arena = ARENA(TERMS_ARENA_MAX);
    struct destination *rows = NULL;
    struct terms_table *terms = NULL;
    size_t count = 0;
    struct error error;
    if (settings == sender->settings)
        return;
    enum err err = link_destinations(&sender->link, &arena, &rows, &count, &error);
    if (err == ERR_OK)
        err = terms_table_create(rows, count, &terms, &error);
    if (err != ERR_OK) {
        LOG(LOG_WARN, NO_SID, "send.terms", F_ERR(&error));
        return;
    }
    pthread_mutex_lock(&sender->schedule.lock);
    schedule_set_terms(&sender->schedule, terms);
    pthread_mutex_unlock(&sender->schedule.lock);
    sender->settings = settings;
}

/* Until there is room. A slow lane gives way, so that what is behind its mail in store comes out. */
static void await_room(struct sender *sender)
{
    struct schedule *schedule = &sender->schedule;
    pthread_mutex_lock(&schedule->lock);
    while (schedule->parcels >= SENDER_PARCELS_MAX && !sender->stopping) {
        if (schedule->back->waiting == 0 && schedule_squeeze(schedule, clock_mono_us(), clock_wall_us()))
            add_thread(sender);
        (void)schedule_wait(&sender->space, &schedule->lock, CLOCK_SECOND);
    }
    pthread_mutex_unlock(&schedule->lock);
}

static void *taker_main(void *context)
{
    struct sender *sender = context;
    uint64_t seen = 0;
    while (!sender->stopping) {
        struct outbound_batch batch;
        struct error error;
        await_room(sender);
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
            ask_terms(sender, batch.settings);
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

/* --- servers with a limit of their own --- */

static bool enter_server(void *context, const struct terms *server)
{
    struct schedule *schedule = context;
    pthread_mutex_lock(&schedule->lock);
    bool entered = schedule_enter(schedule, server);
    pthread_mutex_unlock(&schedule->lock);
    return entered;
}

static void leave_server(void *context, const struct terms *server)
{
    struct schedule *schedule = context;
    pthread_mutex_lock(&schedule->lock);
    schedule_leave(schedule, server);
    pthread_mutex_unlock(&schedule->lock);
}

static int64_t server_turn(void *context, const struct terms *server)
{
    struct schedule *schedule = context;
    pthread_mutex_lock(&schedule->lock);
    int64_t turn = schedule_turn(schedule, server, clock_mono_us());
    pthread_mutex_unlock(&schedule->lock);
    return turn;
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

void sender_lanes(void *context, struct slice after, struct arena *arena,
                  struct lane_state ret_rows[static LANES_PAGE_MAX], size_t *ret_count)
{
    struct sender *sender = context;
    schedule_survey(&sender->schedule, after, arena, ret_rows, ret_count);
}

/* --- beginning and end --- */

enum err sender_create(const struct sender_options *options, struct sender **ret_sender, struct error *error)
{
    struct sender *sender = calloc(1, sizeof(*sender));
    if (sender == NULL || schedule_init(&sender->schedule, SENDER_THREADS_MAX, error) != ERR_OK) {
        free(sender);
        return fail_nomem(error);
    }
    sender->options = *options;
    sender->link.client = options->store;
    sender->hand = id_random();
    sender->gate = (struct delivery_gate){enter_server, leave_server, server_turn, &sender->schedule};
    schedule_condition_init(&sender->space);
    schedule_condition_init(&sender->quiet);
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
        schedule_release(&sender->schedule);
        free(sender);
        return err;
    }
    *ret_sender = sender;
    return ERR_OK;
}

enum err sender_start(struct sender *sender, struct error *error)
{
    pthread_t taker, clock;
    if (pthread_create(&taker, NULL, taker_main, sender) != 0 ||
        pthread_create(&clock, NULL, clock_main, sender) != 0)
        return fail(error, ERR_UNAVAILABLE, NULL, "can't start the threads that take mail to be sent");
    pthread_detach(taker);
    pthread_detach(clock);
    return sender->sts != NULL ? sts_keeper_start(sender->sts, &sender->link, error) : ERR_OK;
}

void sender_stop(struct sender *sender, int64_t deadline_us)
{
    struct schedule *schedule = &sender->schedule;
    pthread_mutex_lock(&schedule->lock);
    sender->stopping = true;
    pthread_cond_broadcast(&schedule->work);
    pthread_cond_broadcast(&schedule->delayed);
    pthread_cond_broadcast(&sender->space);
    while (sender->threads > 0 && clock_mono_us() < deadline_us)
        (void)schedule_wait(&sender->quiet, &schedule->lock, deadline_us - clock_mono_us());
    unsigned left = sender->threads;
    pthread_mutex_unlock(&schedule->lock);
    if (left > 0)
        LOG(LOG_WARN, NO_SID, "send.cut", F_INT("connections", left));
}

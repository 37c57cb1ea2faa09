#include "queue/queue.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/fdio.h"
#include "base/must.h"
#include "mime/header.h"
#include "queue/internal.h"
#include "queue/wish.h"

enum { FILERS_DEFAULT = 2, HEADER_READ = 16 * 1024 };

/* Entries that were on their way when the last process ended. */
static enum err resume(struct queue *queue, struct error *error)
{
    struct queue_id after = {0};
    for (;;) {
        struct pending pending[QUEUE_BATCH_MAX];
        size_t count;
        enum err err = database_pending(queue, after, pending, QUEUE_BATCH_MAX, &count, error);
        if (err != ERR_OK || count == 0)
            return err;
        for (size_t i = 0; i < count; i++) {
            after = pending[i].id;
            if (pending[i].next_us == ENTRY_NEXT_NOW)
                backlog_add(queue, pending[i].id, NULL);
            else if (pending[i].next_us != ENTRY_NEXT_RELAY)
                backlog_due_at(queue, pending[i].next_us < 0 ? -pending[i].next_us : pending[i].next_us);
            outbound_note(queue, pending[i].id, pending[i].relay_us);
        }
    }
}

static enum err start_filers(struct queue *queue, unsigned wanted, struct error *error)
{
    for (unsigned i = 0; i < MIN(wanted, (unsigned)QUEUE_FILERS_MAX); i++) {
        if (pthread_create(&queue->filers[i], NULL, filer_main, queue) != 0)
            return fail(error, ERR_UNAVAILABLE, NULL, "can't start a filing thread");
        queue->filer_count++;
    }
    return ERR_OK;
}

enum err queue_open(const struct queue_options *options, struct queue **ret_queue, struct error *error)
{
    struct queue *queue = calloc(1, sizeof(*queue));
    if (queue == NULL)
        return fail_nomem(error);
    queue->store = options->store;
    queue->directory = options->directory;
    queue->volume = store_volume(options->store);
    queue_set_message_size_max(queue, options->message_size_max);
    queue->hostname = strdup(options->hostname);
    pthread_mutex_init(&queue->database_lock, NULL);
    pthread_mutex_init(&queue->intake.lock, NULL);
    pthread_cond_init(&queue->intake.committed, NULL);
    queue->intake.last = &queue->intake.first;
    pthread_mutex_init(&queue->backlog.lock, NULL);
    pthread_cond_init(&queue->backlog.arrived, NULL);
    pthread_cond_init(&queue->backlog.idle, NULL);
    backlog_init(queue);
    outbound_init(queue);
    hold_init(queue);
    allowance_init(queue);
    pthread_mutex_init(&queue->spools.lock, NULL);
    queue->history = history_open(queue->volume);
    enum err err = queue->hostname != NULL ? database_setup(queue, error) : fail_nomem(error);
    if (err == ERR_OK) {
        queue->intake.last_id = database_max_id(queue);
        err = spool_setup(queue, error);
    }
    if (err == ERR_OK)
        err = resume(queue, error);
    if (err == ERR_OK)
        err = start_filers(queue, options->filers > 0 ? options->filers : FILERS_DEFAULT, error);
    if (err != ERR_OK) {
        queue_close(queue);
        return err;
    }
    *ret_queue = queue;
    return ERR_OK;
}

void queue_set_message_size_max(struct queue *queue, uint64_t bytes)
{
    bool within = bytes > 0 && bytes < QUEUE_MESSAGE_MOST;
    atomic_store(&queue->message_size_max, within ? bytes : QUEUE_MESSAGE_MOST);
}

void queue_close(struct queue *queue)
{
    backlog_stop(queue);
    outbound_stop(queue);
    for (unsigned i = 0; i < queue->filer_count; i++)
        pthread_join(queue->filers[i], NULL);
    while (queue->backlog.first != NULL) {
        struct flight *next = queue->backlog.first->next;
        entry_free(queue->backlog.first->entry);
        free(queue->backlog.first);
        queue->backlog.first = next;
    }
    outbound_teardown(queue);
    spool_teardown(queue);
    history_close(queue->history);
    database_teardown(queue);
    hold_teardown(queue);
    allowance_teardown(queue);
    pthread_mutex_destroy(&queue->spools.lock);
    pthread_cond_destroy(&queue->backlog.idle);
    pthread_cond_destroy(&queue->backlog.arrived);
    pthread_mutex_destroy(&queue->backlog.lock);
    pthread_cond_destroy(&queue->intake.committed);
    pthread_mutex_destroy(&queue->intake.lock);
    pthread_mutex_destroy(&queue->database_lock);
    free(queue->hostname);
    free(queue);
}

void queue_remember(struct queue *queue, const struct entry *entry)
{
    char start[HEADER_READ];
    struct slice header = slice_of(entry->body, entry->body != NULL ? entry->size : 0);
    CLEANUP(fd_close) int fd = -1;
    struct error error;
    if (entry->body == NULL && entry->spool != 0 && spool_open(queue, entry, &fd, &error) == ERR_OK) {
        ssize_t n = pread(fd, start, sizeof(start), 0);
        header = slice_of(start, n > 0 ? (size_t)n : 0);
    }
    history_accepted(queue->history, entry, mime_split(header).header, queue->hostname);
}

/* The body into the entry: a copy, or the finished spool file's name and size. */
static enum err take_body(struct queue *queue, struct entry *entry, struct slice body, uint64_t spool,
                          struct error *error)
{
    if (spool != 0) {
        enum err err = spool_finish(queue, spool, &entry->size, error);
        if (err == ERR_OK)
            entry->spool = spool; /* ours now, to be removed if the rest fails */
        return err;
    }
    if (body.n > QUEUE_INLINE_MAX)
        return fail(error, ERR_LIMIT, NULL, "inline body of %zu bytes", body.n);
    entry->body = malloc(body.n + 1);
    if (entry->body == NULL)
        return fail_nomem(error);
    if (body.n > 0)
        memcpy(entry->body, body.p, body.n);
    entry->size = body.n;
    return ERR_OK;
}

/* What the header says of how the message is to be sent. */
static enum err read_wishes(struct queue *queue, struct entry *entry, struct error *error)
{
    CLEANUP(buf_release) struct buf start = BUF(WISH_HEADER_MAX);
    CLEANUP(fd_close) int fd = -1;
    struct slice text = slice_of(entry->body, entry->body != NULL ? entry->size : 0);
    if (entry->spool != 0) {
        size_t n = (size_t)MIN(entry->size, (uint64_t)WISH_HEADER_MAX);
        char *room = buf_reserve(&start, n);
        enum err err = room != NULL ? spool_open(queue, entry, &fd, error) : fail_nomem(error);
        if (err == ERR_OK)
            err = fd_pread_exact(fd, room, n, 0, error);
        if (err != ERR_OK)
            return err;
        text = slice_of(room, n);
    }
    wish_read(mime_split(text).header, &entry->envelope);
    return ERR_OK;
}

enum err queue_accept(struct queue *queue, const struct queue_envelope *envelope, struct slice body,
                      uint64_t spool, struct queue_id *ret_id, struct error *error)
{
    CLEANUP(entry_release) struct entry *entry = NULL;
    CLEANUP(buf_release) struct buf encoded = BUF(ENTRY_ARENA_MAX);
    if (envelope->recipient_count == 0 || envelope->recipient_count > QUEUE_RECIPIENTS_MAX)
        return fail(error, ERR_INVALID, NULL, "%zu recipients", envelope->recipient_count);
    const int64_t release_us = envelope->release.at_us;
    const int64_t now = clock_wall_us();
    if (release_us < 0 || release_us > now + QUEUE_RELEASE_DAYS_MAX * CLOCK_DAY ||
        (release_us != 0 && envelope->account.v == 0))
        return fail(error, ERR_INVALID, NULL, "held back for too long, or by a stranger");
    entry = entry_new(intake_next_id(queue), envelope, now);
    if (entry == NULL)
        return fail_nomem(error);
    enum err err = take_body(queue, entry, body, spool, error);
    if (err == ERR_OK)
        err = read_wishes(queue, entry, error);
    struct submitted submitted;
    bool counted = envelope->account.v != 0;
    if (err == ERR_OK && counted)
        err = allowance_take(queue, envelope->account, envelope->recipient_count, &submitted, error);
    entry_encode(entry, &encoded);
    if (err == ERR_OK && buf_failed(&encoded))
        err = fail_nomem(error);
    struct job job = {
        .kind = JOB_INSERT,
        .id = entry->id,
        .next_us = release_us > now ? ENTRY_NEXT_SCHEDULED(release_us) : ENTRY_NEXT_NOW,
        .relay_us = ENTRY_RELAY_NONE,
        .envelope = buf_slice(&encoded),
        .body = slice_of(entry->body, spool == 0 ? entry->size : 0),
        .submitted = counted ? &submitted : NULL,
    };
    if (err == ERR_OK)
        err = intake_submit(queue, &job, 1, error);
    if (err != ERR_OK) {
        if (entry->spool != 0)
            spool_remove(queue, spool);
        return err;
    }
    *ret_id = entry->id;
    LOG(LOG_INFO, envelope->sid, "queue.accepted", F_ID("entry", entry->id.v),
        F_STR("from", envelope->sender), F_INT("recipients", envelope->recipient_count),
        F_INT("bytes", entry->size));
    queue_remember(queue, entry);
    if (release_us > now)
        backlog_due_at(queue, release_us);
    else
        backlog_add(queue, *ret_id, take(entry));
    return ERR_OK;
}

enum err queue_drop(struct queue *queue, struct queue_id id, struct error *error)
{
    CLEANUP(entry_release) struct entry *entry = NULL;
    struct job job = {.kind = JOB_DELETE, .id = id, .lasting = true};
    enum err err = database_load(queue, id, false, &entry, error);
    if (err == ERR_OK || err == ERR_CORRUPT)
        err = intake_submit(queue, &job, 1, error);
    if (err != ERR_OK)
        return err;
    if (entry != NULL && entry->spool != 0)
        spool_remove(queue, entry->spool);
    hold_forget(queue, id);
    history_put(queue->history, id, &(struct history_event){.kind = HISTORY_DROPPED});
    return ERR_OK;
}

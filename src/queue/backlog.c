/* What waits to be filed: a list in order of arrival, and the time when deferred entries are due. */
#include <errno.h>
#include <stdlib.h>

#include "base/must.h"
#include "queue/internal.h"

void backlog_init(struct queue *queue)
{
    queue->backlog.last = &queue->backlog.first;
    queue->backlog.next_due_us = INT64_MAX;
}

/* It is on disk: it is looked at again soon. At worst, when there are too many of them, at the next start. */
static void stray(struct queue *queue, struct queue_id id)
{
    struct error error;
    int64_t soon = clock_wall_us() + CLOCK_SECOND;
    pthread_mutex_lock(&queue->backlog.lock);
    bool room = queue->backlog.stray_count < QUEUE_STRAYS_MAX;
    if (room)
        queue->backlog.strays[queue->backlog.stray_count++] = id;
    pthread_mutex_unlock(&queue->backlog.lock);
    if (room || database_defer(queue, id, soon, &error) == ERR_OK)
        backlog_due_at(queue, soon);
    else
        LOG(LOG_ERROR, NO_SID, "queue.left_waiting", F_ID("entry", id.v), F_ERR(&error));
}

/* The backlog's lock is not held. */
static void add_strays(struct queue *queue)
{
    struct queue_id ids[QUEUE_STRAYS_MAX];
    pthread_mutex_lock(&queue->backlog.lock);
    size_t count = queue->backlog.stray_count;
    memcpy(ids, queue->backlog.strays, count * sizeof(*ids));
    queue->backlog.stray_count = 0;
    pthread_mutex_unlock(&queue->backlog.lock);
    for (size_t i = 0; i < count; i++)
        backlog_add(queue, ids[i], NULL);
}

void backlog_add(struct queue *queue, struct queue_id id, struct entry *entry)
{
    struct flight *flight = calloc(1, sizeof(*flight));
    if (flight == NULL) {
        entry_free(entry);
        stray(queue, id);
        return;
    }
    flight->id = id;
    flight->bytes = entry != NULL && entry->body != NULL ? entry->size : 0;
    pthread_mutex_lock(&queue->backlog.lock);
    if (queue->backlog.bytes + flight->bytes > QUEUE_BACKLOG_BYTES_MAX) {
        entry_free(entry);
        entry = NULL;
        flight->bytes = 0;
    }
    flight->entry = entry;
    queue->backlog.bytes += flight->bytes;
    *queue->backlog.last = flight;
    queue->backlog.last = &flight->next;
    pthread_cond_signal(&queue->backlog.arrived);
    pthread_mutex_unlock(&queue->backlog.lock);
}

void backlog_due_at(struct queue *queue, int64_t next_us)
{
    pthread_mutex_lock(&queue->backlog.lock);
    if (next_us < queue->backlog.next_due_us) {
        queue->backlog.next_due_us = next_us;
        pthread_cond_signal(&queue->backlog.arrived);
    }
    pthread_mutex_unlock(&queue->backlog.lock);
}

/* Puts what is due now on the list. The backlog's lock is not held. */
static void add_due(struct queue *queue)
{
    struct due due[QUEUE_FILE_BATCH];
    size_t count = 0;
    int64_t next = INT64_MAX;
    struct error error;
    add_strays(queue);
    if (database_due(queue, clock_wall_us(), due, QUEUE_FILE_BATCH, &count, &next, &error) != ERR_OK) {
        LOG(LOG_ERROR, NO_SID, "queue.due", F_ERR(&error));
        backlog_due_at(queue, clock_wall_us() + CLOCK_MINUTE);
        return;
    }
    for (size_t i = 0; i < count; i++)
        backlog_add(queue, due[i].id, NULL);
    if (count == QUEUE_FILE_BATCH)
        next = clock_wall_us() + CLOCK_SECOND;
    backlog_due_at(queue, next);
}

static void wait_for_work(struct queue *queue)
{
    int64_t now = clock_wall_us();
    int64_t until = queue->backlog.next_due_us;
    if (until > now + CLOCK_HOUR)
        until = now + CLOCK_HOUR;
    struct timespec deadline = {.tv_sec = until / CLOCK_SECOND, .tv_nsec = until % CLOCK_SECOND * 1000};
    pthread_cond_timedwait(&queue->backlog.arrived, &queue->backlog.lock, &deadline);
}

static struct flight *take_list(struct queue *queue, size_t max)
{
    struct flight *first = queue->backlog.first;
    struct flight *last = first;
    for (size_t n = 1; n < max && last->next != NULL; n++)
        last = last->next;
    queue->backlog.first = last->next;
    if (queue->backlog.first == NULL)
        queue->backlog.last = &queue->backlog.first;
    last->next = NULL;
    for (struct flight *f = first; f != NULL; f = f->next)
        queue->backlog.bytes -= f->bytes;
    return first;
}

void backlog_give_back(struct queue *queue, struct flight *flights)
{
    struct flight *last = flights;
    pthread_mutex_lock(&queue->backlog.lock);
    for (struct flight *f = flights; f != NULL; f = f->next) {
        queue->backlog.bytes += f->bytes;
        last = f;
    }
    last->next = queue->backlog.first;
    queue->backlog.first = flights;
    if (last->next == NULL)
        queue->backlog.last = &last->next;
    pthread_cond_signal(&queue->backlog.arrived);
    pthread_mutex_unlock(&queue->backlog.lock);
}

struct flight *backlog_take(struct queue *queue, size_t max)
{
    struct flight *taken = NULL;
    pthread_mutex_lock(&queue->backlog.lock);
    while (!queue->backlog.stopping) {
        if (queue->backlog.next_due_us <= clock_wall_us()) {
            queue->backlog.next_due_us = INT64_MAX;
            queue->backlog.filing++;
            pthread_mutex_unlock(&queue->backlog.lock);
            add_due(queue);
            pthread_mutex_lock(&queue->backlog.lock);
            queue->backlog.filing--;
            if (queue->backlog.stopping)
                break; /* told while the lock was not held */
        }
        if (queue->backlog.first != NULL) {
            taken = take_list(queue, max);
            queue->backlog.filing++;
            break;
        }
        if (queue->backlog.filing == 0)
            pthread_cond_broadcast(&queue->backlog.idle);
        wait_for_work(queue);
    }
    pthread_mutex_unlock(&queue->backlog.lock);
    return taken;
}

void backlog_done(struct queue *queue)
{
    pthread_mutex_lock(&queue->backlog.lock);
    must(queue->backlog.filing > 0);
    queue->backlog.filing--;
    if (queue->backlog.filing == 0 && queue->backlog.first == NULL)
        pthread_cond_broadcast(&queue->backlog.idle);
    pthread_mutex_unlock(&queue->backlog.lock);
}

void backlog_stop(struct queue *queue)
{
    pthread_mutex_lock(&queue->backlog.lock);
    queue->backlog.stopping = true;
    pthread_cond_broadcast(&queue->backlog.arrived);
    pthread_cond_broadcast(&queue->backlog.idle);
    pthread_mutex_unlock(&queue->backlog.lock);
}

bool queue_idle(struct queue *queue, int64_t deadline_us)
{
    bool idle = false;
    pthread_mutex_lock(&queue->backlog.lock);
    for (;;) {
        idle = queue->backlog.first == NULL && queue->backlog.filing == 0;
        int64_t left = deadline_us - clock_mono_us();
        if (idle || left <= 0 || queue->backlog.stopping)
            break;
        int64_t until = clock_wall_us() + left;
        struct timespec when = {.tv_sec = until / CLOCK_SECOND, .tv_nsec = until % CLOCK_SECOND * 1000};
        pthread_cond_timedwait(&queue->backlog.idle, &queue->backlog.lock, &when);
    }
    pthread_mutex_unlock(&queue->backlog.lock);
    return idle;
}

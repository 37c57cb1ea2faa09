/*
 * Group commit. The first thread that finds nobody committing takes all that wait, commits them in one
 * transaction with one sync, and wakes their owners; what arrived meanwhile is the next one's batch. So a
 * lone message waits for nobody, and many share a sync.
 */

#include "queue/internal.h"

static bool must_last(const struct job *job)
{
    return job->kind != JOB_DELETE || job->lasting;
}

/* Up to QUEUE_BATCH_MAX jobs off the list; *ret_sync: at least one must be durable. */
static struct job *take_batch(struct queue *queue, bool *ret_sync)
{
    struct job *batch = queue->intake.first;
    struct job *last = batch;
    bool sync = must_last(batch);
    for (size_t n = 1; n < QUEUE_BATCH_MAX && last->next != NULL; n++) {
        last = last->next;
        sync = sync || must_last(last);
    }
    queue->intake.first = last->next;
    if (queue->intake.first == NULL)
        queue->intake.last = &queue->intake.first;
    last->next = NULL;
    *ret_sync = sync;
    return batch;
}

static void commit_batch(struct queue *queue)
{
    bool sync;
    struct error error;
    struct job *batch = take_batch(queue, &sync);
    queue->intake.committing = true;
    pthread_mutex_unlock(&queue->intake.lock);

    pthread_mutex_lock(&queue->database_lock);
    enum err result = database_commit(queue, batch, sync, &error);
    pthread_mutex_unlock(&queue->database_lock);

    pthread_mutex_lock(&queue->intake.lock);
    queue->intake.committing = false;
    for (struct job *job = batch; job != NULL;) {
        struct job *next = job->next; /* once done is seen, its owner may free it */
        job->result = result;
        if (result != ERR_OK)
            job->error = error;
        job->done = true;
        job = next;
    }
    pthread_cond_broadcast(&queue->intake.committed);
}

enum err intake_submit(struct queue *queue, struct job *jobs, size_t count, struct error *error)
{
    if (count == 0)
        return ERR_OK;
    struct job *last = &jobs[count - 1]; /* batches keep the order: when the last is done, all are */
    pthread_mutex_lock(&queue->intake.lock);
    for (size_t i = 0; i < count; i++) {
        jobs[i].next = NULL;
        jobs[i].done = false;
        *queue->intake.last = &jobs[i];
        queue->intake.last = &jobs[i].next;
    }
    while (!last->done) {
        if (queue->intake.committing)
            pthread_cond_wait(&queue->intake.committed, &queue->intake.lock);
        else
            commit_batch(queue);
    }
    pthread_mutex_unlock(&queue->intake.lock);
    for (size_t i = 0; i < count; i++) {
        if (jobs[i].result != ERR_OK) {
            *error = jobs[i].error;
            return jobs[i].result;
        }
    }
    return ERR_OK;
}

/* Ascending and never used before: microseconds of wall time, or one more than the last. */
struct queue_id intake_next_id(struct queue *queue)
{
    pthread_mutex_lock(&queue->intake.lock);
    uint64_t now = (uint64_t)clock_wall_us();
    queue->intake.last_id = MAX(queue->intake.last_id + 1, now);
    struct queue_id id = {queue->intake.last_id};
    pthread_mutex_unlock(&queue->intake.lock);
    return id;
}

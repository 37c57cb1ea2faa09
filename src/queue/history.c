/* What is to be remembered, until the writer has put it into the database. */
#include "queue/history_private.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/wire.h"
#include "mime/header.h"

enum { RECORD_MAX = 64 * 1024, MESSAGE_ID_MAX = 998 };

const char *history_kind_name(enum history_kind kind)
{
    switch (kind) {
#define X(name, number, text) \
    case HISTORY_##name:      \
        return (text);
        HISTORY_KIND_TABLE(X)
#undef X
    }
    return NULL;
}

/* --- putting --- */

static struct slice cut(struct slice text)
{
    return slice_sub(text, 0, HISTORY_TEXT_MAX);
}

/* Locked. True: kept. */
static void keep(struct history *history, const struct buf *record)
{
    struct buf *records = &history->pending.records;
    bool first = records->n == 0;
    if (buf_failed(record) || buf_failed(records) || record->n > HISTORY_PENDING_MAX - records->n) {
        history->pending.lost++;
        return;
    }
    buf_put(records, buf_slice(record));
    if (first)
        pthread_cond_signal(&history->pending.arrived);
}

/* Addresses are looked for without regard to ASCII case. */
static void put_key(struct buf *out, struct slice address)
{
    CLEANUP(buf_release) struct buf key = BUF(HISTORY_TEXT_MAX);
    struct slice text = cut(address);
    for (size_t i = 0; i < text.n; i++)
        buf_putc(&key, ascii_lower(text.p[i]));
    wire_put_slice(out, buf_slice(&key));
}

void history_put(struct history *history, struct queue_id message, const struct history_event *event)
{
    CLEANUP(buf_release) struct buf record = BUF(RECORD_MAX);
    CLEANUP(buf_release) struct buf detail = BUF(RECORD_MAX);
    if (history == NULL)
        return;
    wire_put_slice(&detail, cut(event->address));
    wire_put_slice(&detail, cut(event->peer));
    wire_put_slice(&detail, cut(event->tls));
    wire_put_slice(&detail, cut(event->status));
    wire_put_slice(&detail, cut(event->text));
    wire_put_slice(&detail, cut(event->tried));
    wire_put_u64(&detail, (uint64_t)event->next_us);
    wire_put_u64(&detail, event->other.v);
    pthread_mutex_lock(&history->pending.lock);
    history->pending.last_us = MAX(history->pending.last_us + 1, clock_wall_us());
    wire_put_u8(&record, (uint8_t)event->kind);
    wire_put_u64(&record, message.v);
    wire_put_u64(&record, (uint64_t)history->pending.last_us);
    put_key(&record, event->address);
    wire_put_slice(&record, buf_slice(&detail));
    keep(history, &record);
    pthread_mutex_unlock(&history->pending.lock);
}

/* The Message-ID as it will leave us: see queue/trace.c. */
static void put_message_id(struct buf *out, const struct entry *entry, struct slice header,
                           const char *hostname)
{
    CLEANUP(buf_release) struct buf made = BUF(MESSAGE_ID_MAX);
    char id[ID_TEXT_MAX];
    struct slice found = slice_sub(mime_field_value(header, S("Message-ID")), 0, MESSAGE_ID_MAX);
    id_to_text(entry->id.v, id);
    if (found.n == 0 && entry->envelope.account.v != 0)
        buf_printf(&made, "<%s.queue@%s>", id, hostname);
    wire_put_slice(out, found.n > 0 ? found : buf_slice(&made));
}

void history_accepted(struct history *history, const struct entry *entry, struct slice header,
                      const char *hostname)
{
    CLEANUP(buf_release) struct buf record = BUF(RECORD_MAX);
    CLEANUP(buf_release) struct buf detail = BUF(RECORD_MAX);
    const struct queue_envelope *e = &entry->envelope;
    if (history == NULL)
        return;
    wire_put_u64(&detail, (uint64_t)entry->received_us);
    wire_put_slice(&detail, cut(e->sender));
    wire_put_u64(&detail, entry->size);
    wire_put_u64(&detail, e->account.v);
    wire_put_slice(&detail, cut(e->protocol));
    wire_put_slice(&detail, cut(e->helo));
    wire_put_slice(&detail, cut(e->peer));
    wire_put_slice(&detail, cut(e->tls));
    wire_put_u8(&record, 0);
    wire_put_u64(&record, entry->id.v);
    put_message_id(&record, entry, header, hostname);
    put_key(&record, e->sender);
    wire_put_slice(&record, buf_slice(&detail));
    pthread_mutex_lock(&history->pending.lock);
    keep(history, &record);
    pthread_mutex_unlock(&history->pending.lock);
    for (size_t i = 0; i < entry->recipient_count; i++) {
        struct history_event event = {.kind = HISTORY_ACCEPTED,
                                      .address = entry->recipients[i].given.address};
        history_put(history, entry->id, &event);
    }
}

/* --- writing --- */

void history_flush(struct history *history)
{
    CLEANUP(buf_release) struct buf records = BUF(HISTORY_PENDING_MAX);
    struct error error;
    pthread_mutex_lock(&history->flush_lock);
    pthread_mutex_lock(&history->pending.lock);
    struct buf taken = history->pending.records;
    history->pending.records = records;
    uint64_t lost = history->pending.lost;
    history->pending.lost = 0;
    pthread_mutex_unlock(&history->pending.lock);
    records = taken;
    enum err err = records.n > 0 ? history_database_write(history, buf_slice(&records), &error) : ERR_OK;
    pthread_mutex_unlock(&history->flush_lock);
    if (err != ERR_OK)
        LOG(LOG_ERROR, NO_SID, "queue.history", F_ERR(&error));
    if (lost > 0)
        LOG(LOG_WARN, NO_SID, "queue.history_lost", F_INT("events", lost));
}

static void trim(struct history *history)
{
    struct error error;
    bool more = true;
    while (more) {
        int64_t before = clock_wall_us() - HISTORY_DAYS * CLOCK_DAY;
        more = false;
        if (history_database_trim(history, before, HISTORY_BYTES_MAX, &more, &error) != ERR_OK)
            LOG(LOG_ERROR, NO_SID, "queue.history", F_ERR(&error));
    }
}

/* Locked. */
static void wait_a_moment(struct history *history, int64_t us)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t ns = until.tv_nsec + us % CLOCK_SECOND * 1000;
    until.tv_sec += us / CLOCK_SECOND + ns / 1000000000;
    until.tv_nsec = ns % 1000000000;
    (void)pthread_cond_timedwait(&history->pending.arrived, &history->pending.lock, &until);
}

static void *writer_main(void *context)
{
    struct history *history = context;
    int64_t trimmed_us = 0;
    pthread_mutex_lock(&history->pending.lock);
    while (!history->pending.stopping) {
        if (history->pending.records.n == 0)
            wait_a_moment(history, HISTORY_TRIM_US);
        if (!history->pending.stopping)
            wait_a_moment(history, HISTORY_PAUSE_US); /* for what comes with it */
        pthread_mutex_unlock(&history->pending.lock);
        history_flush(history);
        if (clock_mono_us() - trimmed_us > HISTORY_TRIM_US) {
            trimmed_us = clock_mono_us();
            trim(history);
        }
        pthread_mutex_lock(&history->pending.lock);
    }
    pthread_mutex_unlock(&history->pending.lock);
    return NULL;
}

/* --- beginning and end --- */

struct history *history_open(struct volume *volume)
{
    pthread_condattr_t attributes;
    struct error error;
    struct history *history = calloc(1, sizeof(*history));
    if (history == NULL)
        return NULL;
    history->pending.records = BUF(HISTORY_PENDING_MAX);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&history->pending.lock, NULL);
    pthread_cond_init(&history->pending.arrived, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&history->flush_lock, NULL);
    pthread_mutex_init(&history->database_lock, NULL);
    enum err err = history_database_open(volume, history, &error);
    if (err == ERR_OK && pthread_create(&history->writer, NULL, writer_main, history) != 0)
        err = fail(&error, ERR_UNAVAILABLE, NULL, "can't start the history's thread");
    history->writing = err == ERR_OK;
    if (err == ERR_OK)
        return history;
    LOG(LOG_ERROR, NO_SID, "queue.history", F_ERR(&error));
    history_close(history);
    return NULL;
}

void history_close(struct history *history)
{
    if (history == NULL)
        return;
    if (history->writing) {
        pthread_mutex_lock(&history->pending.lock);
        history->pending.stopping = true;
        pthread_cond_signal(&history->pending.arrived);
        pthread_mutex_unlock(&history->pending.lock);
        pthread_join(history->writer, NULL);
        history_flush(history);
    }
    history_database_close(history);
    buf_release(&history->pending.records);
    pthread_cond_destroy(&history->pending.arrived);
    pthread_mutex_destroy(&history->pending.lock);
    pthread_mutex_destroy(&history->flush_lock);
    pthread_mutex_destroy(&history->database_lock);
    free(history);
}

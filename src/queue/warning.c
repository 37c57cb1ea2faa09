#include "queue/warning.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/log.h"
#include "mime/compose.h"
#include "queue/warning_text.h"
#include "store/message.h"

enum { WARNING_SIZE_MAX = 64 * 1024, WARNING_ARENA_MAX = 64 * 1024 * 1024, WARNINGS_AT_ONCE = 64 };

struct warner {
    struct store *store;
    struct directory *directory;
    const char *hostname;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t stop;
    bool stopping;
};

/* --- what there is to say --- */

static int by_size(const void *a, const void *b)
{
    const struct folder *first = a;
    const struct folder *second = b;
    return (first->bytes < second->bytes) - (first->bytes > second->bytes);
}

static enum err gather(struct account *account, const struct account_entry *entry, struct arena *arena,
                       struct warning_facts *facts, struct error *error)
{
    struct folder *folders;
    size_t count;
    enum err err = folder_list(account, arena, &folders, &count, error);
    if (err != ERR_OK)
        return err;
    qsort(folders, count, sizeof(*folders), by_size);
    facts->address = entry->address;
    facts->pop3 = (entry->doors & DOOR_POP3) != 0;
    facts->largest = folders;
    while (facts->largest_count < MIN(count, (size_t)WARNING_FOLDERS) &&
           folders[facts->largest_count].bytes > 0)
        facts->largest_count++;
    for (size_t i = 0; i < count && folders[i].bytes > 0; i++) {
        if (folders[i].role == ROLE_FOLDER_TRASH)
            facts->trash = &folders[i];
        else if (folders[i].role == ROLE_FOLDER_JUNK)
            facts->junk = &folders[i];
        else if (folders[i].role == ROLE_FOLDER_SENT)
            facts->sent = &folders[i];
    }
    return ERR_OK;
}

static void compose(const struct account_entry *entry, const struct warning_facts *facts,
                    const char *hostname, struct buf *out)
{
    CLEANUP(buf_release) struct buf text = BUF(WARNING_SIZE_MAX);
    CLEANUP(buf_release) struct buf sender = BUF(ADDRESS_MAX + 1);
    struct mime_composer composer = MIME_COMPOSER(out);
    ssize_t at = slice_rfind_char(entry->address, '@');
    buf_printf(&sender, "postmaster%.*s", SLICE_ARGS(slice_from(entry->address, (size_t)at)));
    mime_compose_mailbox(out, "From", warning_from(entry->language), buf_slice(&sender));
    mime_compose_mailbox(out, "To", entry->name, entry->address);
    warning_subject(entry->language, facts, &text);
    mime_compose_text_field(out, "Subject", buf_slice(&text));
    mime_compose_date(out, "Date", (struct mime_date){.seconds = clock_wall_us() / CLOCK_SECOND});
    buf_put(out, S("Message-ID: "));
    mime_message_id_put(out, slice_cstr(hostname));
    buf_put(out, S("\r\n"));
    mime_compose_field(out, "Auto-Submitted", S("auto-generated")); /* RFC 3834 5: nothing answers it */
    mime_compose_field(out, "Content-Language", entry->language);
    buf_clear(&text);
    warning_body(entry->language, facts, &text);
    mime_compose_text(&composer, "plain", buf_slice(&text));
}

static enum err file(struct account *account, struct slice message, unsigned step, struct arena *arena,
                     bool *ret_duplicate, struct error *error)
{
    struct folder inbox;
    struct append_result result;
    enum err err = folder_by_role(account, ROLE_FOLDER_INBOX, arena, &inbox, error);
    if (err != ERR_OK)
        return err;
    const struct append_item item = {
        .folder = inbox.id, .body = message, .ignore_quota = true, .quota_step = step};
    err = message_append(account, &item, 1, &result, error);
    if (err == ERR_OK)
        *ret_duplicate = result.duplicate;
    return err;
}

static enum err write_warning(struct account *account, const struct account_entry *entry,
                              const char *hostname, struct arena *arena, struct error *error)
{
    CLEANUP(buf_release) struct buf message = BUF(WARNING_SIZE_MAX);
    struct warning_facts facts = {0};
    bool duplicate = false;
    enum err err = quota_state(account, &facts.state, error);
    if (err != ERR_OK || facts.state.due == 0)
        return err;
    err = gather(account, entry, arena, &facts, error);
    if (err != ERR_OK)
        return err;
    compose(entry, &facts, hostname, &message);
    if (buf_failed(&message))
        return fail_nomem(error);
    err = file(account, buf_slice(&message), facts.state.due, arena, &duplicate, error);
    if (err == ERR_OK && !duplicate)
        LOG(LOG_INFO, NO_SID, "queue.quota_warning", F_ID("account", entry->id.v),
            F_INT("percent", facts.state.percent), F_INT("step", facts.state.due));
    return err;
}

enum err warning_send(struct store *store, struct directory *directory, const char *hostname,
                      struct account_id id, struct error *error)
{
    CLEANUP(arena_release) struct arena arena = ARENA(WARNING_ARENA_MAX);
    struct account_entry entry;
    struct account *account;
    enum err err = account_entry_get(directory, id, &arena, &entry, error);
    if (err == ERR_OK)
        err = store_account(store, id, &account, error);
    if (err != ERR_OK)
        return err == ERR_NOT_FOUND ? ERR_OK : err; /* removed meanwhile */
    err = write_warning(account, &entry, hostname, &arena, error);
    account_unref(account);
    return err;
}

/* --- the thread --- */

static void look(struct warner *warner)
{
    struct account_id ids[WARNINGS_AT_ONCE];
    size_t count = store_quota_due(warner->store, ids, ARRAY_LEN(ids));
    for (size_t i = 0; i < count; i++) {
        struct error error;
        if (warning_send(warner->store, warner->directory, warner->hostname, ids[i], &error) != ERR_OK)
            LOG(LOG_ERROR, NO_SID, "queue.quota_warning_failed", F_ID("account", ids[i].v), F_ERR(&error));
    }
}

static void *look_again_and_again(void *context)
{
    struct warner *warner = context;
    pthread_mutex_lock(&warner->lock);
    while (!warner->stopping) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += WARNING_LOOK_SECONDS;
        (void)pthread_cond_timedwait(&warner->stop, &warner->lock, &until);
        pthread_mutex_unlock(&warner->lock);
        look(warner);
        pthread_mutex_lock(&warner->lock);
    }
    pthread_mutex_unlock(&warner->lock);
    return NULL;
}

static void warner_free(struct warner *warner)
{
    pthread_cond_destroy(&warner->stop);
    pthread_mutex_destroy(&warner->lock);
    free(warner);
}

enum err warner_start(struct store *store, struct directory *directory, const char *hostname,
                      struct warner **ret_warner, struct error *error)
{
    struct warner *warner = calloc(1, sizeof(*warner));
    if (warner == NULL)
        return fail_nomem(error);
    warner->store = store;
    warner->directory = directory;
    warner->hostname = hostname;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&warner->lock, NULL);
    pthread_cond_init(&warner->stop, &monotonic);
    pthread_condattr_destroy(&monotonic);
    int result = pthread_create(&warner->thread, NULL, look_again_and_again, warner);
    if (result != 0) {
        warner_free(warner);
        return fail(error, ERR_UNAVAILABLE, NULL, "thread for warnings: %s", strerror(result));
    }
    *ret_warner = warner;
    return ERR_OK;
}

void warner_stop(struct warner *warner)
{
    pthread_mutex_lock(&warner->lock);
    warner->stopping = true;
    pthread_cond_signal(&warner->stop);
    pthread_mutex_unlock(&warner->lock);
    pthread_join(warner->thread, NULL);
    warner_free(warner);
}

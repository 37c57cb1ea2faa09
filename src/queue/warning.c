#include "queue/warning.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/log.h"
#include "queue/warning_domain.h"
#include "queue/warning_message.h"
#include "queue/warning_text.h"

enum { WARNINGS_AT_ONCE = 64 };

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

static enum err write_warning(struct account *account, const struct account_entry *entry,
                              const char *hostname, struct arena *arena, struct error *error)
{
    CLEANUP(buf_release) struct buf message = BUF(WARNING_SIZE_MAX);
    CLEANUP(buf_release) struct buf subject = BUF(WARNING_SIZE_MAX);
    CLEANUP(buf_release) struct buf body = BUF(WARNING_SIZE_MAX);
    struct warning_facts facts = {0};
    bool duplicate = false;
    enum err err = quota_state(account, &facts.state, error);
    if (err != ERR_OK || facts.state.due == 0)
        return err;
    err = gather(account, entry, arena, &facts, error);
    if (err != ERR_OK)
        return err;
    warning_subject(entry->language, &facts, &subject);
    warning_body(entry->language, &facts, &body);
    const struct warning_message parts = {entry, buf_slice(&subject), buf_slice(&body), hostname};
    warning_compose(&parts, &message);
    if (buf_failed(&message) || buf_failed(&subject) || buf_failed(&body))
        return fail_nomem(error);
    const struct append_item item = {.quota_step = facts.state.due};
    err = warning_file(account, buf_slice(&message), item, arena, &duplicate, error);
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

static void look_at_domains(struct warner *warner)
{
    struct domain_id ids[WARNINGS_AT_ONCE];
    size_t count = store_domains_due(warner->store, ids, ARRAY_LEN(ids));
    for (size_t i = 0; i < count; i++) {
        struct error error;
        if (warning_domain_send(warner->store, warner->directory, warner->hostname, ids[i], &error) != ERR_OK)
            LOG(LOG_ERROR, NO_SID, "queue.domain_warning_failed", F_INT("domain", (int64_t)ids[i].v),
                F_ERR(&error));
    }
}

static void look(struct warner *warner)
{
    struct account_id ids[WARNINGS_AT_ONCE];
    size_t count = store_quota_due(warner->store, ids, ARRAY_LEN(ids));
    for (size_t i = 0; i < count; i++) {
        struct error error;
        if (warning_send(warner->store, warner->directory, warner->hostname, ids[i], &error) != ERR_OK)
            LOG(LOG_ERROR, NO_SID, "queue.quota_warning_failed", F_ID("account", ids[i].v), F_ERR(&error));
    }
    look_at_domains(warner);
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

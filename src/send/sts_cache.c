#include "send/sts_cache.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/map.h"
#include "base/must.h"

enum { HTTPS_PORT = 443, HTTP_OK = 200, ENTRY_ARENA_MAX = 2 * 1024 * 1024, FETCH_ARENA_MAX = 256 * 1024 };

struct entry {
    struct arena arena; /* holds the policy */
    struct sts_policy policy;
    bool known; /* there is a policy */
    size_t bytes;
    char id[STS_ID_MAX + 1];
    int64_t fetched_us, expires_us; /* monotonic */
    int64_t retry_us;               /* not fetched before */
};

struct sts_cache {
    struct sts_source source;
    pthread_mutex_t lock;
    pthread_cond_t slot; /* a fetch is over */
    struct map entries;
    size_t bytes;     /* of what entries hold, about */
    unsigned fetches; /* under way */
};

/* --- entries; all locked --- */

static void entry_free(struct entry *entry)
{
    arena_release(&entry->arena);
    free(entry);
}

static void drop(struct sts_cache *cache, struct slice domain)
{
    struct entry *entry = map_remove(&cache->entries, domain);
    if (entry == NULL)
        return;
    cache->bytes -= entry->bytes;
    entry_free(entry);
}

/* The domain's entry, if it still says something. */
static struct entry *get(struct sts_cache *cache, struct slice domain, int64_t now)
{
    struct entry *entry = map_get(&cache->entries, domain);
    if (entry == NULL)
        return NULL;
    if (entry->known && entry->expires_us <= now)
        entry->known = false;
    if (entry->known || entry->retry_us > now)
        return entry;
    drop(cache, domain);
    return NULL;
}

struct old_entry {
    struct slice domain;
    int64_t now;
};

static void look_for_old(void *context, struct slice key, void *value)
{
    struct old_entry *old = context;
    const struct entry *entry = value;
    if ((!entry->known || entry->expires_us <= old->now) && entry->retry_us <= old->now)
        old->domain = key;
}

/* Takes the entry. Without room it is not kept. */
static void put(struct sts_cache *cache, struct slice domain, struct entry *entry, int64_t now)
{
    drop(cache, domain);
    if (cache->entries.count >= STS_CACHE_MAX) {
        struct old_entry old = {slice_none(), now};
        map_each(&cache->entries, look_for_old, &old);
        if (old.domain.n > 0)
            drop(cache, old.domain);
    }
    if (cache->entries.count >= STS_CACHE_MAX || cache->bytes + entry->bytes > STS_CACHE_BYTES_MAX ||
        !map_set(&cache->entries, domain, entry))
        entry_free(entry);
    else
        cache->bytes += entry->bytes;
}

static bool copy_policy(const struct sts_policy *from, struct arena *arena, struct sts_policy *ret)
{
    struct sts_policy copy = *from;
    copy.mx = arena_array(arena, from->mx_count + 1, sizeof(*copy.mx));
    for (size_t i = 0; copy.mx != NULL && i < from->mx_count; i++)
        copy.mx[i] = arena_dup(arena, from->mx[i]);
    if (arena_failed(arena))
        return false;
    *ret = copy;
    return true;
}

/* --- asking --- */

static bool find_id(struct sts_cache *cache, struct slice domain, int64_t deadline_us, struct arena *arena,
                    char ret_id[static STS_ID_MAX + 1])
{
    CLEANUP(buf_release) struct buf name = BUF(RESOLVER_NAME_MAX + 1);
    struct resolver_records found;
    struct error error;
    buf_printf(&name, "_mta-sts.%.*s", SLICE_ARGS(domain));
    return !buf_failed(&name) &&
           cache->source.records(cache->source.names, buf_slice(&name), RESOLVER_TXT, deadline_us, arena,
                                 &found, &error) == ERR_OK &&
           sts_read_records(found.data, found.count, ret_id);
}

/* One of the fetches that may be under way. False: none became free in time. */
static bool take_slot(struct sts_cache *cache, int64_t deadline_us)
{
    pthread_mutex_lock(&cache->lock);
    while (cache->fetches >= STS_CACHE_FETCHES_MAX) {
        struct timespec until = {.tv_sec = deadline_us / CLOCK_SECOND,
                                 .tv_nsec = deadline_us % CLOCK_SECOND * 1000};
        if (pthread_cond_timedwait(&cache->slot, &cache->lock, &until) != 0)
            break;
    }
    bool taken = cache->fetches < STS_CACHE_FETCHES_MAX;
    cache->fetches += taken;
    pthread_mutex_unlock(&cache->lock);
    return taken;
}

static void give_slot(struct sts_cache *cache)
{
    pthread_mutex_lock(&cache->lock);
    cache->fetches--;
    pthread_cond_signal(&cache->slot);
    pthread_mutex_unlock(&cache->lock);
}

/* RFC 8461 3.3: by HTTPS, from a name of its own, without redirects; the certificate must be valid. */
static enum err fetch_text(struct sts_cache *cache, struct slice domain, struct arena *arena,
                           struct slice *ret_text, struct error *error)
{
    CLEANUP(buf_release) struct buf url = BUF(FETCH_URL_MAX);
    struct fetch_answer answer;
    buf_printf(&url, "https://mta-sts.%.*s", SLICE_ARGS(domain));
    if (cache->source.port != HTTPS_PORT)
        buf_printf(&url, ":%u", (unsigned)cache->source.port);
    buf_put(&url, S("/.well-known/mta-sts.txt"));
    if (buf_failed(&url))
        return fail(error, ERR_INVALID, NULL, "too long a name");
    const struct fetch_request request = {.method = FETCH_GET,
                                          .url = buf_slice(&url),
                                          .body_max = STS_TEXT_MAX,
                                          .timeout_us = STS_CACHE_FETCH_US,
                                          .public_only = !cache->source.private_too};
    if (!take_slot(cache, clock_mono_us() + STS_CACHE_FETCH_US))
        return fail(error, ERR_BUSY, NULL, "%d policies are being fetched", STS_CACHE_FETCHES_MAX);
    enum err err = cache->source.fetch(cache->source.fetcher, &request, arena, &answer, error);
    give_slot(cache);
    if (err != ERR_OK)
        return err;
    if (answer.status != HTTP_OK)
        return fail(error, ERR_UNAVAILABLE, NULL, "HTTP status %u", answer.status);
    /* Servers that let strangers put pages there seldom let them put plain text (3.2). */
    struct slice type = answer.content_type;
    (void)slice_cut(type, ';', &type, &(struct slice){0});
    if (!slice_eq_nocase(slice_trim(type), S("text/plain")))
        return fail(error, ERR_INVALID, NULL, "it is not text/plain");
    *ret_text = answer.body;
    return ERR_OK;
}

/* False: it is no policy. */
static bool read_text(struct entry *entry, struct slice text)
{
    text = arena_dup(&entry->arena, text);
    entry->known = text.p != NULL && sts_read_policy(text, &entry->arena, &entry->policy);
    entry->bytes =
        sizeof(*entry) + (entry->known ? text.n + entry->policy.mx_count * sizeof(struct slice) : 0);
    return entry->known;
}

static struct entry *new_entry(struct slice id)
{
    struct entry *entry = calloc(1, sizeof(*entry));
    if (entry == NULL)
        return NULL;
    entry->arena = ARENA(ENTRY_ARENA_MAX);
    snprintf(entry->id, sizeof(entry->id), "%.*s", SLICE_ARGS(id));
    return entry;
}

/* Beyond this process. What can't be kept protects as long as the process lives. */
static void keep_text(struct sts_cache *cache, struct slice domain, const struct entry *entry,
                      struct slice text)
{
    struct error error;
    int64_t now = clock_wall_us();
    const struct kept_policy kept = {.domain = domain,
                                     .id = slice_cstr(entry->id),
                                     .text = text,
                                     .fetched_us = now,
                                     .expires_us = now + (int64_t)entry->policy.max_age * CLOCK_SECOND};
    if (cache->source.keep != NULL && cache->source.keep(cache->source.keeper, &kept, &error) != ERR_OK)
        LOG(LOG_WARN, NO_SID, "send.sts_keep", F_STR("domain", domain), F_ERR(&error));
}

/* What was kept of a domain that the cache does not know; ret_policy is set when there is something. */
static enum err recall(struct sts_cache *cache, struct slice domain, struct arena *arena,
                       struct sts_policy *ret_policy, struct error *error)
{
    struct kept_policy kept;
    if (cache->source.recall == NULL)
        return ERR_OK;
    pthread_mutex_lock(&cache->lock);
    bool known = get(cache, domain, clock_mono_us()) != NULL;
    pthread_mutex_unlock(&cache->lock);
    if (known)
        return ERR_OK;
    enum err err = cache->source.recall(cache->source.keeper, domain, arena, &kept, error);
    if (err != ERR_OK)
        return err == ERR_NOT_FOUND ? ERR_OK : error_context(error, "the kept MTA-STS policy");
    struct entry *entry = new_entry(kept.id);
    if (entry == NULL)
        return fail_nomem(error);
    if (!read_text(entry, kept.text)) {
        entry_free(entry);
        return ERR_OK;
    }
    int64_t now = clock_mono_us();
    int64_t age = MAX(clock_wall_us() - kept.fetched_us, INT64_C(0)); /* a clock that was set back */
    entry->fetched_us = now - age;
    entry->expires_us = entry->fetched_us + (int64_t)entry->policy.max_age * CLOCK_SECOND;
    pthread_mutex_lock(&cache->lock);
    bool good = copy_policy(&entry->policy, arena, ret_policy);
    if (get(cache, domain, now) == NULL)
        put(cache, domain, entry, now);
    else
        entry_free(entry); /* somebody else was faster */
    pthread_mutex_unlock(&cache->lock);
    return good ? ERR_OK : fail_nomem(error);
}

/* A new entry: with the policy, or saying when to try again. NULL: no memory. */
static struct entry *fetch_entry(struct sts_cache *cache, struct slice domain, const char *id)
{
    CLEANUP(arena_release) struct arena scratch = ARENA(FETCH_ARENA_MAX);
    struct slice text = slice_none();
    struct error error;
    struct entry *entry = new_entry(slice_cstr(id));
    if (entry == NULL)
        return NULL;
    enum err err = fetch_text(cache, domain, &scratch, &text, &error);
    entry->bytes = sizeof(*entry);
    if (err == ERR_OK && !read_text(entry, text))
        err = fail(&error, ERR_INVALID, NULL, "it is malformed");
    if (err == ERR_OK)
        keep_text(cache, domain, entry, text);
    else
        entry->policy.trouble =
            err == ERR_INVALID ? TLS_RESULT_STS_POLICY_INVALID : TLS_RESULT_STS_POLICY_FETCH_ERROR;
    if (err != ERR_OK)
        LOG(LOG_INFO, NO_SID, "send.sts_policy", F_STR("domain", domain), F_ERR(&error));
    entry->fetched_us = clock_mono_us();
    entry->expires_us = entry->fetched_us + (int64_t)entry->policy.max_age * CLOCK_SECOND;
    if (!entry->known)
        entry->retry_us = entry->fetched_us + STS_CACHE_RETRY_SECONDS * CLOCK_SECOND;
    return entry;
}

/* Locked. The record says that there is something newer, or it is time to look. */
static bool is_due(const struct entry *entry, const char *id, int64_t now)
{
    if (entry == NULL)
        return true;
    if (entry->retry_us > now)
        return false;
    int64_t refresh = MIN((int64_t)entry->policy.max_age / 2, (int64_t)STS_CACHE_REFRESH_SECONDS);
    return !entry->known || strcmp(entry->id, id) != 0 || now - entry->fetched_us >= refresh * CLOCK_SECOND;
}

/* Locked. What was fetched takes the old one's place; if that failed, the old one stays in force. */
static void keep(struct sts_cache *cache, struct slice domain, struct entry *fetched)
{
    struct entry *old = get(cache, domain, fetched->fetched_us);
    if (!fetched->known && old != NULL) {
        old->retry_us = fetched->retry_us;
        entry_free(fetched);
        return;
    }
    put(cache, domain, fetched, fetched->fetched_us);
}

enum err sts_cache_find(struct sts_cache *cache, struct slice domain, int64_t deadline_us,
                        struct arena *arena, struct sts_policy *ret_policy, struct error *error)
{
    char id[STS_ID_MAX + 1];
    struct sts_policy policy = {.mode = STS_NONE};
    struct entry *fetched = NULL;
    enum err err = recall(cache, domain, arena, &policy, error);
    if (err != ERR_OK)
        return err;
    bool told = find_id(cache, domain, deadline_us, arena, id);
    pthread_mutex_lock(&cache->lock);
    bool due = told && is_due(get(cache, domain, clock_mono_us()), id, clock_mono_us());
    pthread_mutex_unlock(&cache->lock);
    if (due && (fetched = fetch_entry(cache, domain, id)) == NULL)
        return fail_nomem(error);
    pthread_mutex_lock(&cache->lock);
    /* Copied first: a full table does not keep it. */
    bool good = fetched == NULL || !fetched->known || copy_policy(&fetched->policy, arena, &policy);
    bool have = fetched != NULL && fetched->known;
    const enum tls_result trouble = fetched != NULL ? fetched->policy.trouble : TLS_RESULT_SUCCESS;
    if (fetched != NULL)
        keep(cache, domain, fetched);
    const struct entry *entry = have ? NULL : get(cache, domain, clock_mono_us());
    if (entry != NULL && entry->known)
        good = copy_policy(&entry->policy, arena, &policy);
    pthread_mutex_unlock(&cache->lock);
    if (!good)
        return fail_nomem(error);
    policy.trouble = trouble;
    *ret_policy = policy;
    return ERR_OK;
}

/* --- beginning and end --- */

enum err sts_cache_create(const struct sts_source *source, struct sts_cache **ret_cache, struct error *error)
{
    struct sts_cache *cache = calloc(1, sizeof(*cache));
    pthread_condattr_t attributes;
    if (cache == NULL)
        return fail_nomem(error);
    cache->source = *source;
    pthread_mutex_init(&cache->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&cache->slot, &attributes);
    pthread_condattr_destroy(&attributes);
    *ret_cache = cache;
    return ERR_OK;
}

static void free_value(void *context, struct slice key, void *value)
{
    (void)context;
    (void)key;
    entry_free(value);
}

void sts_cache_destroy(struct sts_cache *cache)
{
    if (cache == NULL)
        return;
    map_each(&cache->entries, free_value, NULL);
    map_release(&cache->entries);
    pthread_cond_destroy(&cache->slot);
    pthread_mutex_destroy(&cache->lock);
    free(cache);
}

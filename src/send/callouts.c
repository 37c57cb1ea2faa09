#include "send/callouts.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>

#include "base/log.h"

struct digest {
    unsigned char bytes[crypto_generichash_BYTES];
};

struct kept {
    struct digest of;
    int64_t until_us; /* monotonic; 0: nothing is kept here */
    enum callout_answer answer;
};

struct callouts {
    struct callouts_source source;
    unsigned char key[crypto_generichash_KEYBYTES]; /* so that nobody chooses who takes whose place */
    pthread_mutex_t lock;
    unsigned asking;
    struct kept kept[CALLOUTS_KEPT_MAX];
};

/* address empty: of the server itself. */
static struct digest digest_of(const struct callouts *callouts, const struct smart_host *host,
                               struct slice address)
{
    struct digest digest;
    crypto_generichash_state state;
    const uint64_t lengths[] = {host->host.n, address.n, host->port, (uint64_t)host->tls};
    crypto_generichash_init(&state, callouts->key, sizeof(callouts->key), sizeof(digest.bytes));
    crypto_generichash_update(&state, (const unsigned char *)lengths, sizeof(lengths));
    crypto_generichash_update(&state, (const unsigned char *)host->host.p, host->host.n);
    crypto_generichash_update(&state, (const unsigned char *)address.p, address.n);
    crypto_generichash_final(&state, digest.bytes, sizeof(digest.bytes));
    return digest;
}

/* Locked. */
static struct kept *place_of(struct callouts *callouts, const struct digest *digest)
{
    uint32_t number;
    memcpy(&number, digest->bytes, sizeof(number));
    return &callouts->kept[number % CALLOUTS_KEPT_MAX];
}

/* Locked. */
static bool recall(struct callouts *callouts, const struct digest *digest, enum callout_answer *ret_answer)
{
    const struct kept *kept = place_of(callouts, digest);
    if (kept->until_us <= clock_mono_us() || memcmp(&kept->of, digest, sizeof(*digest)) != 0)
        return false;
    *ret_answer = kept->answer;
    return true;
}

static void keep(struct callouts *callouts, const struct digest *digest, enum callout_answer answer,
                 int64_t for_us)
{
    pthread_mutex_lock(&callouts->lock);
    *place_of(callouts, digest) = (struct kept){*digest, clock_mono_us() + for_us, answer};
    pthread_mutex_unlock(&callouts->lock);
}

/* What is known already, or that nobody may ask now; else the question begins. */
static bool answer_at_once(struct callouts *callouts, const struct digest *address,
                           const struct digest *server, enum callout_answer *ret_answer)
{
    pthread_mutex_lock(&callouts->lock);
    bool known = recall(callouts, address, ret_answer) || recall(callouts, server, ret_answer);
    if (!known && callouts->asking == CALLOUTS_AT_ONCE_MAX) {
        *ret_answer = CALLOUT_UNKNOWN;
        known = true;
    }
    callouts->asking += !known;
    pthread_mutex_unlock(&callouts->lock);
    return known;
}

static enum callout_answer ask(struct callouts *callouts, const struct smart_host *host, struct slice address)
{
    enum callout_answer answer = CALLOUT_UNKNOWN;
    struct error error;
    struct digest of_address = digest_of(callouts, host, address);
    struct digest of_server = digest_of(callouts, host, S(""));
    if (answer_at_once(callouts, &of_address, &of_server, &answer))
        return answer;
    enum err err = callouts->source.ask(callouts->source.context, host, address,
                                        clock_mono_us() + CALLOUT_WAIT_US, &answer, &error);
    if (err != ERR_OK) {
        LOG(LOG_WARN, NO_SID, "send.callout", F_STR("host", host->host), F_ERR(&error));
        keep(callouts, &of_server, CALLOUT_UNKNOWN, CALLOUTS_SILENT_US);
        answer = CALLOUT_UNKNOWN;
    } else if (answer != CALLOUT_UNKNOWN) {
        keep(callouts, &of_address, answer,
             answer == CALLOUT_TAKEN ? CALLOUTS_TAKEN_US : CALLOUTS_REFUSED_US);
    }
    pthread_mutex_lock(&callouts->lock);
    callouts->asking--;
    pthread_mutex_unlock(&callouts->lock);
    return answer;
}

enum err callouts_answer(void *context, struct slice address, enum callout_answer *ret_answer,
                         struct error *error)
{
    struct callouts *callouts = context;
    CLEANUP(arena_release) struct arena arena = ARENA(CALLOUTS_ARENA_MAX);
    struct smart_host host;
    enum err err = callouts->source.rest(callouts->source.context, address, &arena, &host, error);
    if (err != ERR_OK)
        return err;
    /* Between the two questions it was set up here, or the domain is split no more: edge asks again. */
    *ret_answer = host.host.n > 0 ? ask(callouts, &host, address) : CALLOUT_UNKNOWN;
    return ERR_OK;
}

enum err callouts_create(const struct callouts_source *source, struct callouts **ret_callouts,
                         struct error *error)
{
    struct callouts *callouts = calloc(1, sizeof(*callouts));
    if (callouts == NULL)
        return fail_nomem(error);
    callouts->source = *source;
    randombytes_buf(callouts->key, sizeof(callouts->key));
    pthread_mutex_init(&callouts->lock, NULL);
    *ret_callouts = callouts;
    return ERR_OK;
}

void callouts_free(struct callouts *callouts)
{
    if (callouts == NULL)
        return;
    pthread_mutex_destroy(&callouts->lock);
    free(callouts);
}

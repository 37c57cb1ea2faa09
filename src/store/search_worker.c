#include "store/search_worker.h"

#include <stdlib.h>

#include "store/search_build.h"

struct worker {
    struct search_grams grams;
    bool ready;
};

static enum err turn(void *context, struct account *account, const atomic_bool *stopping, bool *ret_more,
                     struct error *error)
{
    struct worker *worker = context;
    enum err err = worker->ready ? ERR_OK : search_grams_init(&worker->grams, error);
    worker->ready = err == ERR_OK;
    return worker->ready ? search_build_step(account, &worker->grams, false, stopping, ret_more, error) : err;
}

/* Between rounds it holds no memory. */
static void round_end(void *context, const atomic_bool *stopping)
{
    (void)stopping;
    struct worker *worker = context;
    if (worker->ready)
        search_grams_release(&worker->grams);
    worker->ready = false;
}

enum err indexer_start(struct store *store, struct background **ret_indexer, struct error *error)
{
    struct worker *worker = calloc(1, sizeof(*worker));
    if (worker == NULL)
        return fail_nomem(error);
    const struct background_work work = {
        .name = "store-index",
        .interval_s = SEARCH_INTERVAL_S,
        .nice = SEARCH_NICE,
        .turn = turn,
        .round_end = round_end,
        .release = free,
        .context = worker,
    };
    return background_start(store, &work, ret_indexer, error);
}

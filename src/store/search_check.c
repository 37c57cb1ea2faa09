#include "store/search_check.h"

#include <stdlib.h>

#include "store/search_build.h"
#include "store/search_database.h"
#include "store/work.h"

static const char hidden[] = "it would hide a message from a search";
static const char damaged[] = "it is damaged";

struct checking {
    struct search *search;
    struct search_grams grams;
    struct search_segment segment;
    uint16_t any[SEARCH_SPAN_MAX]; /* places of the segment that may hold anything */
    size_t any_count;
    uint16_t places[SEARCH_SPAN_MAX];
    const char *problem;
};

static int compare_places(const void *a, const void *b)
{
    return *(const uint16_t *)a - *(const uint16_t *)b;
}

static bool has(const uint16_t *places, size_t count, uint16_t place)
{
    return bsearch(&place, places, count, sizeof(place), compare_places) != NULL;
}

static enum err places_read(struct checking *c, struct search_walk *walk, uint32_t gram, uint16_t *places,
                            size_t *ret_count, struct error *error)
{
    struct search_entry entry;
    bool found;
    *ret_count = 0;
    enum err err = search_walk_find(walk, gram, &entry, &found, error);
    if (err != ERR_OK || !found)
        return err;
    return search_entry_places(&entry, (uint32_t)(c->segment.last - c->segment.first + 1), places, ret_count,
                               error);
}

/* What was gathered against the segment's blocks. */
static enum err batch_compare(struct checking *c, struct error *error)
{
    CLEANUP(search_walk_end) struct search_walk walk = {.search = c->search, .segment = &c->segment};
    const struct search_grams *grams = &c->grams;
    uint32_t gram = SEARCH_GRAM_END;
    size_t count = 0;
    for (size_t i = 0; i < grams->count; i++) {
        uint16_t place = (uint16_t)grams->pairs[i];
        if (grams->pairs[i] >> 16 != gram) {
            gram = (uint32_t)(grams->pairs[i] >> 16);
            enum err err = places_read(c, &walk, gram, c->places, &count, error);
            if (err != ERR_OK)
                return err;
        }
        if (!has(c->places, count, place) && !has(c->any, c->any_count, place))
            c->problem = hidden;
    }
    for (size_t i = 0; i < grams->any_count; i++)
        if (!has(c->any, c->any_count, grams->any[i]))
            c->problem = hidden;
    return ERR_OK;
}

static enum err locked(struct checking *c, enum err (*act)(struct checking *, struct error *),
                       struct error *error)
{
    enum err err = search_begin(c->search, false, error);
    if (err == ERR_OK) {
        err = act(c, error);
        search_end(c->search);
    }
    if (err != ERR_CORRUPT && err != ERR_NOT_FOUND)
        return err;
    c->problem = damaged;
    return ERR_OK;
}

static enum err any_read(struct checking *c, struct error *error)
{
    CLEANUP(search_walk_end) struct search_walk walk = {.search = c->search, .segment = &c->segment};
    return places_read(c, &walk, SEARCH_GRAM_ANY, c->any, &c->any_count, error);
}

static enum err segment_check(struct checking *c, struct error *error)
{
    static const atomic_bool go_on = false;
    uint64_t from = c->segment.first;
    enum err err = locked(c, any_read, error);
    while (err == ERR_OK && c->problem == NULL && from <= c->segment.last) {
        int64_t objects;
        uint64_t last = MIN(c->segment.last, from + SEARCH_BATCH_SPAN - 1);
        err = search_gather(c->search->account, &c->grams, c->segment.first, from, &last, &objects, &go_on,
                            error);
        if (err == ERR_OK)
            err = locked(c, batch_compare, error);
        from = last + 1;
    }
    return err;
}

/* Objects from first to last that are in no segment must be dead. */
static enum err gap_check(struct checking *c, uint64_t first, uint64_t last, struct error *error)
{
    struct account *account = c->search->account;
    bool found;
    int64_t alive = 0;
    if (first > last)
        return ERR_OK;
    enum err err = account_lock(account, error);
    if (err != ERR_OK)
        return err;
    err = DB_NUMBER(account, OBJECT_COUNT, &found, &alive, error, (int64_t)first, (int64_t)last);
    account_unlock(account);
    if (alive > 0)
        c->problem = hidden;
    return err;
}

static enum err segments_check(struct checking *c, const struct search_segment *segments, size_t count,
                               uint64_t indexed, struct error *error)
{
    enum err err = ERR_OK;
    uint64_t next = 1;
    for (size_t i = 0; err == ERR_OK && c->problem == NULL && i < count; i++) {
        c->segment = segments[i];
        err = gap_check(c, next, segments[i].first - 1, error);
        if (err == ERR_OK && c->problem == NULL)
            err = segment_check(c, error);
        next = segments[i].last + 1;
    }
    return err == ERR_OK && c->problem == NULL ? gap_check(c, next, indexed, error) : err;
}

/* SQLite's own opinion of its pages, and what segments there are. */
static enum err begin(struct checking *c, struct search_segment **ret_segments, size_t *ret_count,
                      uint64_t *ret_indexed, struct error *error)
{
    int64_t whole = 0;
    struct search *search = c->search;
    enum err err = search_begin(search, false, error);
    if (err != ERR_OK)
        return err;
    err = search_number(search, "SELECT quick_check = 'ok' FROM pragma_quick_check(1)", &whole, error);
    if (err == ERR_CORRUPT || (err == ERR_OK && whole == 0)) {
        c->problem = damaged;
        err = ERR_OK;
    }
    struct search_segment *segments = calloc(search->segment_count + 1, sizeof(*segments));
    if (segments != NULL && search->segment_count > 0)
        memcpy(segments, search->segments, search->segment_count * sizeof(*segments));
    *ret_segments = segments;
    *ret_count = search->segment_count;
    *ret_indexed = search->indexed;
    search_end(search);
    return err == ERR_OK && segments == NULL ? fail_nomem(error) : err;
}

static enum err check_locked(struct checking *c, struct error *error)
{
    struct search_segment *segments = NULL;
    size_t count = 0;
    uint64_t indexed = 0;
    enum err err = begin(c, &segments, &count, &indexed, error);
    if (err == ERR_OK && c->problem == NULL)
        err = search_grams_init(&c->grams, error);
    if (err == ERR_OK && c->problem == NULL)
        err = segments_check(c, segments, count, indexed, error);
    search_grams_release(&c->grams);
    free(segments);
    return err == ERR_NOT_FOUND ? ERR_OK : err; /* there is no index */
}

enum err search_check(struct account *account, bool repair, const char **ret_problem, struct error *error)
{
    static const atomic_bool go_on = false;
    struct checking *c = calloc(1, sizeof(*c));
    if (c == NULL)
        return fail_nomem(error);
    c->search = account->search;
    pthread_mutex_lock(&account->search->building);
    enum err err = check_locked(c, error);
    pthread_mutex_unlock(&account->search->building);
    const char *problem = c->problem;
    free(c);
    if (err == ERR_OK && problem != NULL && repair)
        err = search_build(account, true, &go_on, NULL, NULL, error);
    if (err == ERR_OK)
        *ret_problem = problem;
    return err;
}

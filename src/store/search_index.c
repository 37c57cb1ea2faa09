#include "store/search_index.h"

#include <stdlib.h>

#include "store/search_database.h"
#include "store/work.h"

enum { IDS_FIRST = 64 };

void search_hits_release(struct search_hits *hits)
{
    free(hits->owner);
    *hits = (struct search_hits){0};
}

bool search_hits_may_match(const struct search_hits *hits, struct object_id object)
{
    if (!hits->known || object.v > hits->indexed)
        return true;
    size_t low = 0;
    size_t high = hits->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (hits->ids[middle] < object.v)
            low = middle + 1;
        else
            high = middle;
    }
    return low < hits->count && hits->ids[low] == object.v;
}

/* --- asking --- */

/* One needle's question. */
struct question {
    uint32_t grams[SEARCH_GRAMS_ASKED + 1]; /* ascending */
    size_t gram_count;
    uint64_t *ids;
    size_t count;
    size_t cap;
    uint16_t *places; /* room for SEARCH_SPAN_MAX each; too much for a session's stack */
    uint16_t *any;
};

static int compare_grams(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Of a long needle, grams spread over it. */
static void choose_grams(struct question *question, struct slice needle)
{
    size_t all = needle.n - SEARCH_GRAM_SIZE + 1;
    size_t wanted = MIN(all, (size_t)SEARCH_GRAMS_ASKED);
    for (size_t i = 0; i < wanted; i++)
        question->grams[i] = search_gram(needle.p + i * all / wanted);
    qsort(question->grams, wanted, sizeof(question->grams[0]), compare_grams);
    size_t kept = 0;
    for (size_t i = 0; i < wanted; i++)
        if (kept == 0 || question->grams[kept - 1] != question->grams[i])
            question->grams[kept++] = question->grams[i];
    question->gram_count = kept;
}

static enum err segment_places(struct search *search, const struct search_segment *segment,
                               const struct question *question, uint16_t places[static SEARCH_SPAN_MAX],
                               size_t *ret_count, struct error *error)
{
    CLEANUP(search_walk_end) struct search_walk walk = {.search = search, .segment = segment};
    uint32_t span = (uint32_t)(segment->last - segment->first + 1);
    *ret_count = 0;
    for (size_t i = 0; i < question->gram_count; i++) {
        struct search_entry entry;
        bool found;
        enum err err = search_walk_find(&walk, question->grams[i], &entry, &found, error);
        if (err != ERR_OK)
            return err;
        if (!found)
            *ret_count = 0;
        else if (i == 0)
            err = search_entry_places(&entry, span, places, ret_count, error);
        else
            err = search_entry_keep(&entry, span, places, ret_count, error);
        if (err != ERR_OK || *ret_count == 0)
            return err;
    }
    return ERR_OK;
}

static enum err segment_any(struct search *search, const struct search_segment *segment,
                            uint16_t places[static SEARCH_SPAN_MAX], size_t *ret_count, struct error *error)
{
    struct question any = {.grams = {SEARCH_GRAM_ANY}, .gram_count = 1};
    *ret_count = 0;
    return segment->any ? segment_places(search, segment, &any, places, ret_count, error) : ERR_OK;
}

static enum err add_ids(struct question *question, const struct search_segment *segment,
                        const uint16_t *places, size_t count, struct error *error)
{
    if (question->cap - question->count < count) {
        size_t cap = MAX(MAX(question->cap * 2, question->count + count), (size_t)IDS_FIRST);
        uint64_t *more = realloc(question->ids, cap * sizeof(*more));
        if (more == NULL)
            return fail_nomem(error);
        question->ids = more;
        question->cap = cap;
    }
    for (size_t i = 0; i < count; i++)
        question->ids[question->count++] = segment->first + places[i];
    return ERR_OK;
}

static int compare_places(const void *a, const void *b)
{
    return *(const uint16_t *)a - *(const uint16_t *)b;
}

/* Both ascending; what is in both comes once. `a` has room. */
static size_t unite(uint16_t *a, size_t a_n, const uint16_t *b, size_t b_n)
{
    size_t n = a_n;
    for (size_t i = 0; i < b_n; i++)
        if (bsearch(&b[i], a, a_n, sizeof(*a), compare_places) == NULL)
            a[n++] = b[i];
    if (n > a_n)
        qsort(a, n, sizeof(*a), compare_places);
    return n;
}

static enum err ask_segment(struct search *search, const struct search_segment *segment,
                            struct question *question, struct error *error)
{
    size_t count;
    size_t any_count;
    enum err err = segment_places(search, segment, question, question->places, &count, error);
    if (err == ERR_OK)
        err = segment_any(search, segment, question->any, &any_count, error);
    if (err != ERR_OK)
        return err;
    count = unite(question->places, count, question->any, any_count);
    return add_ids(question, segment, question->places, count, error);
}

static enum err ask_one(struct search *search, struct slice needle, size_t max, struct search_hits *ret_hits,
                        struct error *error)
{
    uint16_t *room = malloc(2 * SEARCH_SPAN_MAX * sizeof(*room));
    if (room == NULL)
        return fail_nomem(error);
    struct question question = {.places = room, .any = room + SEARCH_SPAN_MAX};
    enum err err = ERR_OK;
    choose_grams(&question, needle);
    for (size_t i = 0; err == ERR_OK && i < search->segment_count; i++) {
        err = ask_segment(search, &search->segments[i], &question, error);
        if (err == ERR_OK && question.count > max)
            err = fail_plain(error, ERR_LIMIT, "the text is nearly everywhere");
    }
    free(room);
    if (err != ERR_OK) {
        free(question.ids);
        return err;
    }
    *ret_hits = (struct search_hits){true, search->indexed, question.ids, question.count, question.ids};
    return ERR_OK;
}

void search_index_ask(struct account *account, const struct slice *needles, size_t count,
                      struct search_hits *ret_hits)
{
    struct error error;
    memset(ret_hits, 0, count * sizeof(*ret_hits));
    if (search_begin(account->search, false, &error) != ERR_OK)
        return;
    enum err err = ERR_OK;
    size_t left = SEARCH_HITS_MAX;
    for (size_t i = 0; err != ERR_CORRUPT && i < count && i < SEARCH_NEEDLES_MAX; i++) {
        if (needles[i].n >= SEARCH_NEEDLE_MIN)
            err = ask_one(account->search, needles[i], left, &ret_hits[i], &error);
        left -= ret_hits[i].count;
    }
    if (err == ERR_CORRUPT) {
        /* Nothing it said is believed. */
        for (size_t i = 0; i < count; i++)
            search_hits_release(&ret_hits[i]);
        search_damaged(account->search);
    }
    search_end(account->search);
}

/* --- where the objects are --- */

static enum err add_keys(struct account *account, enum statement which, int64_t object, size_t max,
                         struct folder_id folder, struct uid_set *uids, struct error *error)
{
    CLEANUP(db_reset) sqlite3_stmt *statement = NULL;
    enum err err = db_statement(account, which, &statement, error);
    if (err != ERR_OK)
        return err;
    sqlite3_bind_int64(statement, 1, object);
    sqlite3_bind_int64(statement, 2, (int64_t)max + 1);
    for (size_t i = 0;; i++) {
        bool row;
        err = db_step(account, statement, &row, error);
        if (err != ERR_OK || !row)
            return err;
        if (i == max)
            return fail_plain(error, ERR_LIMIT, "too many messages to look them up");
        int64_t key = sqlite3_column_int64(statement, 0);
        if (key_folder(key).v == folder.v)
            uid_set_add(uids, key_uid(key), key_uid(key));
    }
}

bool search_hits_uids(struct account *account, struct folder_id folder, const struct search_hits *hits,
                      struct uid_set *uids)
{
    struct error error;
    if (!hits->known || hits->count > SEARCH_NARROW_MAX)
        return false;
    CLEANUP(uid_set_release) struct uid_set found = {0};
    if (account_lock(account, &error) != ERR_OK)
        return false;
    enum err err = add_keys(account, STATEMENT_MEMBER_KEYS_ABOVE, (int64_t)hits->indexed, SEARCH_NARROW_MAX,
                            folder, &found, &error);
    for (size_t i = 0; err == ERR_OK && i < hits->count; i++)
        err = add_keys(account, STATEMENT_MEMBER_KEYS_OF, (int64_t)hits->ids[i], SEARCH_NARROW_MAX, folder,
                       &found, &error);
    account_unlock(account);
    if (err != ERR_OK || found.failed)
        return false;
    uid_set_union(uids, &found);
    return true;
}

/* --- figures --- */

enum err search_index_figures(struct account *account, struct search_figures *ret_figures,
                              struct error *error)
{
    struct search_figures figures = {0};
    int64_t pages = 0;
    struct search *search = account->search;
    enum err err = search_begin(search, false, error);
    if (err != ERR_OK)
        return err;
    for (size_t i = 0; i < search->segment_count; i++) {
        figures.objects += (uint64_t)search->segments[i].objects;
        figures.text += (uint64_t)search->segments[i].text;
    }
    err = search_number(search,
                        "SELECT (page_count - freelist_count) * page_size FROM pragma_page_count, "
                        "pragma_freelist_count, pragma_page_size",
                        &pages, error);
    search_end(search);
    figures.bytes = (uint64_t)pages;
    if (err == ERR_OK)
        *ret_figures = figures;
    return err;
}

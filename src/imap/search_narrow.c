#include "imap/search_narrow.h"

#include "store/search_index.h"

enum { FEW_PART = 4 /* looking up where one object is costs about as much as listing so many rows */ };

/* The keys that hold a text, in one list. */
struct texts {
    struct imap_search_key **keys;
    struct slice *needles;
    size_t count;
};

static bool is_text(const struct imap_search_key *key)
{
    return (key->kind == SEARCH_HEADER || key->kind == SEARCH_BODY || key->kind == SEARCH_TEXT) &&
           key->asked.n >= SEARCH_NEEDLE_MIN;
}

/* Counts them while texts->keys is NULL. */
static void gather(struct texts *texts, struct imap_search_key *key)
{
    if (is_text(key)) {
        if (texts->keys != NULL) {
            texts->keys[texts->count] = key;
            texts->needles[texts->count] = key->asked;
        }
        texts->count++;
    }
    for (struct imap_search_key *child = key->child; child != NULL; child = child->next)
        gather(texts, child);
}

static bool ask(struct imap_call *call, struct imap_search_key *root)
{
    struct texts texts = {0};
    gather(&texts, root);
    if (texts.count == 0)
        return false;
    struct search_hits *hits = arena_array(&call->arena, texts.count, sizeof(*hits));
    texts.needles = arena_array(&call->arena, texts.count, sizeof(*texts.needles));
    texts.keys = arena_array(&call->arena, texts.count, sizeof(*texts.keys));
    if (hits == NULL || texts.needles == NULL || texts.keys == NULL)
        return false;
    texts.count = 0;
    gather(&texts, root);
    search_index_ask(call->session->account, texts.needles, texts.count, hits);
    for (size_t i = 0; i < texts.count; i++)
        texts.keys[i]->hits = hits[i];
    return true;
}

/* What the key may match; ids may come twice. They live in the arena or belong to a key. */
static struct search_hits may_match(struct arena *arena, const struct imap_search_key *key);

/* The narrowest of what must match all. */
static struct search_hits may_match_all(struct arena *arena, const struct imap_search_key *key)
{
    struct search_hits best = {0};
    for (const struct imap_search_key *child = key->child; child != NULL; child = child->next) {
        struct search_hits hits = may_match(arena, child);
        if (hits.known && (!best.known || hits.count < best.count))
            best = hits;
    }
    return best;
}

static struct search_hits may_match_any(struct arena *arena, const struct imap_search_key *key)
{
    struct search_hits all = {0};
    uint64_t *ids = arena_array(arena, SEARCH_NARROW_MAX, sizeof(*ids));
    for (const struct imap_search_key *child = key->child; child != NULL; child = child->next) {
        struct search_hits hits = may_match(arena, child);
        if (ids == NULL || !hits.known || hits.count > SEARCH_NARROW_MAX - all.count)
            return (struct search_hits){0};
        if (hits.count > 0)
            memcpy(ids + all.count, hits.ids, hits.count * sizeof(*ids));
        all.count += hits.count;
        all.indexed = all.known ? MIN(all.indexed, hits.indexed) : hits.indexed;
        all.known = true;
    }
    all.ids = ids;
    return all;
}

static struct search_hits may_match(struct arena *arena, const struct imap_search_key *key)
{
    struct search_hits hits = {0};
    if (key->kind == SEARCH_AND)
        return may_match_all(arena, key);
    if (key->kind == SEARCH_OR)
        return may_match_any(arena, key);
    if (is_text(key))
        hits = key->hits;
    hits.owner = NULL;
    return hits;
}

void imap_search_narrow(struct imap_call *call, struct imap_search *search, struct uid_set *uids)
{
    uint64_t messages = uid_set_size(uids);
    if (messages < IMAP_NARROW_MIN || !ask(call, search->root))
        return;
    CLEANUP(arena_release) struct arena arena = ARENA(IMAP_COMMAND_ARENA_MAX);
    CLEANUP(uid_set_release) struct uid_set narrow = {0};
    struct search_hits hits = may_match(&arena, search->root);
    if (hits.known && hits.count <= messages / FEW_PART &&
        search_hits_uids(call->session->account, call->session->folder, &hits, &narrow))
        uid_set_intersect(uids, &narrow);
}

#include "store/search_grams.h"

#include <stdlib.h>

enum {
    SEEN_WORDS = SEARCH_GRAM_ANY / 64,
    PAIRS_FIRST = 64 * 1024,
    PLACE_BITS = 16,
    RADIX_BITS = 12,
    RADIX = 1 << RADIX_BITS,
    SLICE = 4096,
};

enum err search_grams_init(struct search_grams *grams, struct error *error)
{
    memset(grams, 0, sizeof(*grams));
    grams->reader = MIME_SEARCH(SEARCH_GRAMS_TEXT_MAX);
    grams->arena = ARENA(MIME_STRUCTURE_ARENA_MAX);
    grams->seen = calloc(SEEN_WORDS, sizeof(uint64_t));
    return grams->seen != NULL ? ERR_OK : fail_nomem(error);
}

void search_grams_release(struct search_grams *grams)
{
    free(take(grams->pairs));
    free(take(grams->seen));
    mime_search_release(&grams->reader);
    arena_release(&grams->arena);
}

void search_grams_clear(struct search_grams *grams)
{
    grams->count = grams->any_count = 0;
    grams->text = 0;
}

bool search_grams_room(const struct search_grams *grams)
{
    return grams->count <= SEARCH_GRAMS_MAX - SEARCH_GRAMS_MESSAGE_MAX;
}

/* --- gathering --- */

static bool make_room(struct search_grams *grams, size_t more)
{
    if (grams->cap - grams->count >= more)
        return true;
    size_t cap = MAX(grams->cap * 2, (size_t)PAIRS_FIRST);
    cap = MIN(MAX(cap, grams->count + more), (size_t)SEARCH_GRAMS_MAX);
    uint64_t *pairs = realloc(grams->pairs, cap * sizeof(*pairs));
    if (pairs == NULL)
        return false;
    grams->pairs = pairs;
    grams->cap = cap;
    return true;
}

struct adding {
    struct search_grams *grams;
    uint16_t place;
    bool nomem;
};

/* In slices, so that room for them is looked for once each. */
static bool add_slice(struct adding *adding, struct slice text)
{
    struct search_grams *grams = adding->grams;
    size_t had = grams->count - grams->begun_at;
    size_t most = MIN(text.n, (size_t)SEARCH_GRAMS_MESSAGE_MAX - had);
    if (!make_room(grams, most)) {
        adding->nomem = true;
        return false;
    }
    uint64_t *at = grams->pairs + grams->count;
    const uint64_t *end = at + most;
    uint32_t gram = (uint32_t)(unsigned char)text.p[0] << 8 | (unsigned char)text.p[1];
    size_t i = 2;
    for (; i < text.n && at < end; i++) {
        gram = (gram << 8 | (unsigned char)text.p[i]) & (SEARCH_GRAM_ANY - 1);
        uint64_t bit = UINT64_C(1) << gram % 64;
        uint64_t *word = &grams->seen[gram / 64];
        *at = (uint64_t)gram << PLACE_BITS | adding->place;
        at += (*word & bit) == 0;
        *word |= bit;
    }
    grams->count = (size_t)(at - grams->pairs);
    return i == text.n;
}

static bool add_text(void *context, struct mime_search_text text)
{
    struct adding *adding = context;
    struct slice folded = mime_search_indexed(&adding->grams->reader, text);
    adding->grams->text += folded.n;
    for (; folded.n >= SEARCH_GRAM_SIZE; folded = slice_from(folded, SLICE - SEARCH_GRAM_SIZE + 1)) {
        if (!add_slice(adding, slice_sub(folded, 0, SLICE)))
            return false;
        if (folded.n <= SLICE)
            break;
    }
    return true;
}

static void forget_seen(struct search_grams *grams)
{
    for (size_t i = grams->begun_at; i < grams->count; i++)
        grams->seen[grams->pairs[i] >> PLACE_BITS >> 6] = 0;
}

void search_grams_add_any(struct search_grams *grams, uint16_t place)
{
    grams->any[grams->any_count++] = place;
}

enum err search_grams_add(struct search_grams *grams, uint16_t place, const struct content *message,
                          struct error *error)
{
    struct adding adding = {.grams = grams, .place = place};
    struct mime_part *root;
    struct error unread;
    mime_search_begin(&grams->reader);
    arena_reset(&grams->arena);
    grams->begun_at = grams->count;
    bool known = mime_parse(&grams->arena, message->whole, &root, &unread) == ERR_OK &&
                 mime_search_fields(&grams->reader, slice_sub(message->whole, 0, message->header_n), add_text,
                                    &adding) &&
                 mime_search_body(&grams->reader, root, add_text, &adding) &&
                 !mime_search_failed(&grams->reader);
    forget_seen(grams);
    if (adding.nomem)
        return fail_nomem(error);
    if (!known) {
        grams->count = grams->begun_at;
        search_grams_add_any(grams, place);
    }
    return ERR_OK;
}

/* --- sorting and writing --- */

static void radix_pass(const uint64_t *from, uint64_t *to, size_t count, unsigned shift)
{
    uint32_t starts[RADIX] = {0};
    for (size_t i = 0; i < count; i++)
        starts[from[i] >> shift & (RADIX - 1)]++;
    uint32_t start = 0;
    for (size_t i = 0; i < RADIX; i++) {
        uint32_t n = starts[i];
        starts[i] = start;
        start += n;
    }
    for (size_t i = 0; i < count; i++)
        to[starts[from[i] >> shift & (RADIX - 1)]++] = from[i];
}

/* Places ascend already, and each pass keeps the order of what it finds equal. */
enum err search_grams_sort(struct search_grams *grams, struct error *error)
{
    if (grams->count == 0)
        return ERR_OK;
    uint64_t *other = malloc(grams->count * sizeof(*other));
    if (other == NULL)
        return fail_nomem(error);
    radix_pass(grams->pairs, other, grams->count, PLACE_BITS);
    radix_pass(other, grams->pairs, grams->count, PLACE_BITS + RADIX_BITS);
    free(other);
    return ERR_OK;
}

enum err search_grams_write(struct search_grams *grams, struct search_writer *writer, struct error *error)
{
    uint16_t *places = malloc(SEARCH_SPAN_MAX * sizeof(*places)); /* too much for a session's stack */
    if (places == NULL)
        return fail_nomem(error);
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < grams->count;) {
        uint64_t gram = grams->pairs[i] >> PLACE_BITS;
        size_t n = 0;
        while (i < grams->count && grams->pairs[i] >> PLACE_BITS == gram)
            places[n++] = (uint16_t)grams->pairs[i++];
        err = search_writer_add(writer, (uint32_t)gram, places, n, error);
    }
    free(places);
    if (err == ERR_OK && grams->any_count > 0)
        err = search_writer_add(writer, SEARCH_GRAM_ANY, grams->any, grams->any_count, error);
    return err == ERR_OK ? search_writer_end(writer, error) : err;
}

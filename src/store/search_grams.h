/*
 * The grams of some messages, gathered to become a segment of the search index.
 *
 * Ownership: search_grams_release. Errors: ERR_NOMEM. Threads: one at a time.
 * Limits: SEARCH_GRAMS_MESSAGE_MAX different grams in one message (more: it may hold anything),
 * SEARCH_GRAMS_MAX in all: 32 MB with the room for sorting, and 2 MB to tell what a message has already.
 */
#ifndef POSTHORN_STORE_SEARCH_GRAMS_H
#define POSTHORN_STORE_SEARCH_GRAMS_H

#include "mime/search_text.h"
#include "store/message.h"
#include "store/search_block.h"

enum {
    SEARCH_GRAMS_MESSAGE_MAX = 128 * 1024,
    SEARCH_GRAMS_MAX = 2 * 1024 * 1024,
    SEARCH_GRAMS_TEXT_MAX = 32 * 1024 * 1024, /* decoded bytes of one part; more: may hold anything */
};

struct search_grams {
    uint64_t *pairs; /* gram << 16 | place */
    size_t count;
    size_t cap;
    uint64_t *seen;                /* a bit for each gram of the message begun */
    size_t begun_at;               /* its first pair */
    uint16_t any[SEARCH_SPAN_MAX]; /* places of what may hold anything */
    size_t any_count;
    uint64_t text; /* bytes of folded text */
    struct mime_search reader;
    struct arena arena; /* of one message's structure */
};

/* Zeroed and unusable on failure. */
enum err search_grams_init(struct search_grams *grams, struct error *error) MUST_CHECK;
void search_grams_release(struct search_grams *grams);
/* Forgets what was gathered. */
void search_grams_clear(struct search_grams *grams);
/* There is room for another message. */
bool search_grams_room(const struct search_grams *grams);

/* Places ascend. A message that can't be read as a search would read it may hold anything. */
enum err search_grams_add(struct search_grams *grams, uint16_t place, const struct content *message,
                          struct error *error) MUST_CHECK;
void search_grams_add_any(struct search_grams *grams, uint16_t place);
/* By gram, then place; nothing may be added after it. */
enum err search_grams_sort(struct search_grams *grams, struct error *error) MUST_CHECK;
/* Writes what was sorted, to the writer's end. */
enum err search_grams_write(struct search_grams *grams, struct search_writer *writer,
                            struct error *error) MUST_CHECK;

#endif

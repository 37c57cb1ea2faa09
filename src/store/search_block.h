/*
 * Blocks of the search index: which objects hold which three bytes ("gram") of folded text.
 *
 * A segment covers a range of object ids; within it an object is a place, id - first. Its blocks, one row of
 * the database each, hold the grams in ascending order. A block, little-endian:
 *
 *   - at 0: check u32 of all that follows and of the block's first gram, which is in the row's key
 *   - at 4: first gram of the next block u32, SEARCH_GRAM_END in the last; the first block's own is 0, and
 *     there always is one: so a lost row is noticed
 *   - entries: gram as varint, less the one before (the first less the block's own, so 0); bytes of the list
 *     as varint, twice, plus 1 for a bitmap; the list: places as varints, each less the one before less one,
 *     or a bit for each place, whichever is shorter
 *
 * Purpose: writing and reading of that, nothing else. Ownership: entries borrow from the block. Errors: a
 * block that doesn't match its check, or a list that can't be, is ERR_CORRUPT; the check finds accidents, not
 * malice. Threads: any. Limits: a block never passes SEARCH_BLOCK_MAX, so that it fits one page.
 */
#ifndef POSTHORN_STORE_SEARCH_BLOCK_H
#define POSTHORN_STORE_SEARCH_BLOCK_H

#include "base/error.h"
#include "base/slice.h"

enum {
    SEARCH_SPAN_MAX = 16384,   /* places of a segment */
    SEARCH_BLOCK_MAX = 4056,   /* bytes; a row of that fills a page of 4096 */
    SEARCH_GRAM_SIZE = 3,      /* bytes of text */
    SEARCH_GRAM_ANY = 1 << 24, /* not of text: objects that may hold anything */
    SEARCH_GRAM_END = SEARCH_GRAM_ANY + 1,
};

static inline uint32_t search_gram(const char *text)
{
    const unsigned char *p = (const unsigned char *)text;
    return (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
}

/* --- writing --- */

/* A full block; `first` is its first gram. */
typedef enum err search_block_put_fn(void *context, uint32_t first, struct slice block, struct error *error);

struct search_writer {
    search_block_put_fn *put;
    void *context;
    size_t n; /* bytes of the block begun; 0: none is */
    uint32_t first;
    uint32_t last; /* gram added */
    bool entries;  /* some were added */
    char block[SEARCH_BLOCK_MAX];
};

/* Grams ascend, and the places of one do; at least one place. */
enum err search_writer_add(struct search_writer *writer, uint32_t gram, const uint16_t *places, size_t count,
                           struct error *error) MUST_CHECK;
enum err search_writer_end(struct search_writer *writer, struct error *error) MUST_CHECK;

/* --- reading --- */

struct search_block {
    struct cursor rest;
    uint32_t first;
    uint32_t next; /* the block's that follows */
    uint32_t gram; /* of the last entry read */
};
struct search_entry {
    uint32_t gram;
    bool bitmap;
    struct slice list;
};

/* What its first four bytes should be. */
uint32_t search_block_check(struct slice block, uint32_t first);
enum err search_block_open(struct slice block, uint32_t first, struct search_block *ret_block,
                           struct error *error) MUST_CHECK;
/* *ret_found false: no more. */
enum err search_block_next(struct search_block *block, struct search_entry *ret_entry, bool *ret_found,
                           struct error *error) MUST_CHECK;
/* The entry of a gram at or behind the last one read. */
enum err search_block_find(struct search_block *block, uint32_t gram, struct search_entry *ret_entry,
                           bool *ret_found, struct error *error) MUST_CHECK;

/* The places of an entry, all below span. */
enum err search_entry_places(const struct search_entry *entry, uint32_t span,
                             uint16_t ret_places[static SEARCH_SPAN_MAX], size_t *ret_count,
                             struct error *error) MUST_CHECK;
/* Keeps those of `places` that the entry has too. */
enum err search_entry_keep(const struct search_entry *entry, uint32_t span, uint16_t *places, size_t *count,
                           struct error *error) MUST_CHECK;

#endif

#include "store/search_block.h"

#include "base/must.h"
#include "base/wire.h"

enum {
    BLOCK_HEAD = 8, /* check and next gram */
    VARINT_MAX = 4, /* bytes of those here */
};
_Static_assert(BLOCK_HEAD + 2 * VARINT_MAX + SEARCH_SPAN_MAX / 8 <= SEARCH_BLOCK_MAX, "a list fits a block");

/* Eight bytes at a time; finds bit rot and bytes out of place, which is all it is for. */
uint32_t search_block_check(struct slice block, uint32_t first)
{
    struct slice bytes = slice_from(block, sizeof(uint32_t));
    const uint64_t prime = UINT64_C(0x9e3779b97f4a7c15);
    uint64_t hash = first * prime + bytes.n;
    size_t i = 0;
    uint64_t word;
    for (; i + sizeof(word) <= bytes.n; i += sizeof(word)) {
        memcpy(&word, bytes.p + i, sizeof(word));
        hash = (hash ^ word) * prime;
        hash ^= hash >> 29;
    }
    word = 0;
    if (i < bytes.n)
        memcpy(&word, bytes.p + i, bytes.n - i);
    hash = (hash ^ word) * prime;
    return (uint32_t)(hash >> 32);
}

/* --- writing --- */

static size_t put_varint(char *to, uint32_t v)
{
    size_t n = 0;
    for (; v >= 0x80; v >>= 7)
        to[n++] = (char)(v | 0x80);
    to[n++] = (char)v;
    return n;
}

static size_t varint_size(uint32_t v)
{
    return v < 0x80 ? 1 : v < 0x4000 ? 2 : 3;
}

static void block_begin(struct search_writer *writer, uint32_t first)
{
    writer->n = BLOCK_HEAD;
    writer->first = writer->last = first;
}

static enum err block_end(struct search_writer *writer, uint32_t next, struct error *error)
{
    struct slice block = slice_of(writer->block, writer->n);
    memcpy(writer->block + sizeof(uint32_t), &next, sizeof(next));
    uint32_t check = search_block_check(block, writer->first);
    memcpy(writer->block, &check, sizeof(check));
    writer->n = 0;
    return writer->put(writer->context, writer->first, block, error);
}

static void put_list(struct search_writer *writer, const uint16_t *places, size_t count, bool bitmap,
                     size_t size)
{
    char *to = writer->block + writer->n;
    writer->n += size;
    if (bitmap) {
        memset(to, 0, size);
        for (size_t i = 0; i < count; i++)
            to[places[i] / 8] = (char)(to[places[i] / 8] | 1 << places[i] % 8);
        return;
    }
    uint32_t expected = 0;
    for (size_t i = 0; i < count; i++) {
        to += put_varint(to, places[i] - expected);
        expected = places[i] + 1U;
    }
}

enum err search_writer_add(struct search_writer *writer, uint32_t gram, const uint16_t *places, size_t count,
                           struct error *error)
{
    must(count > 0 && gram <= SEARCH_GRAM_ANY && places[count - 1] < SEARCH_SPAN_MAX);
    must(!writer->entries || gram > writer->last);
    size_t varints = 0;
    uint32_t expected = 0;
    for (size_t i = 0; i < count; i++) {
        must(places[i] >= expected);
        varints += varint_size(places[i] - expected);
        expected = places[i] + 1U;
    }
    size_t bits = places[count - 1] / 8 + 1U;
    bool bitmap = bits < varints;
    size_t size = bitmap ? bits : varints;
    if (writer->n > 0 && writer->n + 2 * VARINT_MAX + size > SEARCH_BLOCK_MAX) {
        enum err err = block_end(writer, gram, error);
        if (err != ERR_OK)
            return err;
    }
    if (writer->n == 0)
        block_begin(writer, writer->entries ? gram : 0);
    writer->n += put_varint(writer->block + writer->n, gram - writer->last);
    writer->n += put_varint(writer->block + writer->n, (uint32_t)size << 1 | bitmap);
    put_list(writer, places, count, bitmap, size);
    writer->last = gram;
    writer->entries = true;
    return ERR_OK;
}

enum err search_writer_end(struct search_writer *writer, struct error *error)
{
    if (writer->n == 0)
        block_begin(writer, 0);
    return block_end(writer, SEARCH_GRAM_END, error);
}

/* --- reading --- */

static enum err damaged(struct error *error, const char *how)
{
    return fail(error, ERR_CORRUPT, NULL, "search index: %s", how);
}

static bool get_varint(struct cursor *c, uint32_t *ret)
{
    uint32_t v = 0;
    for (unsigned shift = 0; shift < 28 && !cursor_done(c); shift += 7) {
        unsigned char byte = (unsigned char)*c->p++;
        v |= (uint32_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *ret = v;
            return true;
        }
    }
    return false;
}

enum err search_block_open(struct slice block, uint32_t first, struct search_block *ret_block,
                           struct error *error)
{
    uint32_t check;
    uint32_t next;
    if (block.n < BLOCK_HEAD || block.n > SEARCH_BLOCK_MAX)
        return damaged(error, "a block of impossible length");
    memcpy(&check, block.p, sizeof(check));
    memcpy(&next, block.p + sizeof(check), sizeof(next));
    if (check != search_block_check(block, first))
        return damaged(error, "a block does not match its check");
    if (next <= first || next > SEARCH_GRAM_END)
        return damaged(error, "a block is out of order");
    *ret_block = (struct search_block){cursor_of(slice_from(block, BLOCK_HEAD)), first, next, first};
    return ERR_OK;
}

enum err search_block_next(struct search_block *block, struct search_entry *ret_entry, bool *ret_found,
                           struct error *error)
{
    *ret_found = false;
    if (cursor_done(&block->rest))
        return ERR_OK;
    uint32_t step;
    uint32_t size;
    if (!get_varint(&block->rest, &step) || !get_varint(&block->rest, &size))
        return damaged(error, "an entry is cut off");
    if (step >= block->next - block->gram || size / 2 > cursor_left(&block->rest))
        return damaged(error, "an entry that can't be");
    block->gram += step;
    *ret_entry = (struct search_entry){block->gram, size & 1, cursor_take(&block->rest, size / 2)};
    *ret_found = true;
    return ERR_OK;
}

enum err search_block_find(struct search_block *block, uint32_t gram, struct search_entry *ret_entry,
                           bool *ret_found, struct error *error)
{
    *ret_found = false;
    for (;;) {
        struct cursor before = block->rest;
        uint32_t last = block->gram;
        struct search_entry entry;
        bool found;
        enum err err = search_block_next(block, &entry, &found, error);
        if (err != ERR_OK || !found)
            return err;
        if (entry.gram < gram)
            continue;
        if (entry.gram == gram) {
            *ret_entry = entry;
            *ret_found = true;
        } else {
            block->rest = before; /* a later call may want it */
            block->gram = last;
        }
        return ERR_OK;
    }
}

static enum err bitmap_places(struct slice bits, uint32_t span, uint16_t *places, size_t *ret_count,
                              struct error *error)
{
    size_t count = 0;
    for (size_t i = 0; i < bits.n; i++) {
        unsigned byte = (unsigned char)bits.p[i];
        for (; byte != 0; byte &= byte - 1) {
            size_t place = i * 8 + (size_t)__builtin_ctz(byte);
            if (place >= span)
                return damaged(error, "a place outside of its segment");
            places[count++] = (uint16_t)place;
        }
    }
    *ret_count = count;
    return ERR_OK;
}

enum err search_entry_places(const struct search_entry *entry, uint32_t span,
                             uint16_t ret_places[static SEARCH_SPAN_MAX], size_t *ret_count,
                             struct error *error)
{
    must(span <= SEARCH_SPAN_MAX);
    if (entry->bitmap)
        return bitmap_places(entry->list, span, ret_places, ret_count, error);
    struct cursor c = cursor_of(entry->list);
    uint32_t expected = 0;
    size_t count = 0;
    while (!cursor_done(&c)) {
        uint32_t step;
        if (!get_varint(&c, &step) || step >= span - expected)
            return damaged(error, "a place outside of its segment");
        ret_places[count++] = (uint16_t)(expected + step);
        expected += step + 1;
    }
    *ret_count = count;
    return ERR_OK;
}

static void keep_in_bitmap(struct slice bits, uint16_t *places, size_t *count)
{
    size_t kept = 0;
    for (size_t i = 0; i < *count; i++) {
        size_t byte = places[i] / 8;
        if (byte < bits.n && ((unsigned char)bits.p[byte] >> places[i] % 8 & 1))
            places[kept++] = places[i];
    }
    *count = kept;
}

enum err search_entry_keep(const struct search_entry *entry, uint32_t span, uint16_t *places, size_t *count,
                           struct error *error)
{
    if (entry->bitmap) {
        keep_in_bitmap(entry->list, places, count);
        return ERR_OK;
    }
    struct cursor c = cursor_of(entry->list);
    uint32_t expected = 0;
    size_t kept = 0;
    size_t i = 0;
    while (!cursor_done(&c) && i < *count) {
        uint32_t step;
        if (!get_varint(&c, &step) || step >= span - expected)
            return damaged(error, "a place outside of its segment");
        uint32_t place = expected + step;
        expected = place + 1;
        while (i < *count && places[i] < place)
            i++;
        if (i < *count && places[i] == place)
            places[kept++] = places[i++];
    }
    *count = kept;
    return ERR_OK;
}

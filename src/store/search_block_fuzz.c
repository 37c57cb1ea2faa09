/* Blocks of the search index as a damaged disk might give them. Input: the first gram, then the block, whose
 * check is made to match so that what is behind it is reached. */
#include "store/search_block.h"

#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_all(struct slice bytes, uint32_t first)
{
    static uint16_t places[SEARCH_SPAN_MAX];
    struct search_block block;
    struct search_entry entry;
    struct error error;
    bool found;
    if (search_block_open(bytes, first, &block, &error) != ERR_OK)
        return;
    while (search_block_next(&block, &entry, &found, &error) == ERR_OK && found) {
        size_t n = 0;
        must(entry.gram >= first && entry.gram < block.next);
        if (search_entry_places(&entry, SEARCH_SPAN_MAX, places, &n, &error) != ERR_OK)
            continue;
        size_t kept = n;
        must(search_entry_keep(&entry, SEARCH_SPAN_MAX, places, &kept, &error) == ERR_OK && kept == n);
        for (size_t i = 1; i < n; i++)
            must(places[i] > places[i - 1]);
    }
    if (search_block_open(bytes, first, &block, &error) == ERR_OK)
        for (uint32_t gram = first; gram < SEARCH_GRAM_END; gram += 1 + gram / 2)
            if (search_block_find(&block, gram, &entry, &found, &error) != ERR_OK)
                break;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint32_t first = 0;
    static char bytes[SEARCH_BLOCK_MAX + 1];
    if (size < sizeof(first) || size - sizeof(first) > sizeof(bytes))
        return 0;
    memcpy(&first, data, sizeof(first));
    struct slice block = slice_of(bytes, size - sizeof(first));
    memcpy(bytes, data + sizeof(first), block.n);
    read_all(block, first);
    if (block.n >= sizeof(uint32_t)) {
        uint32_t check = search_block_check(block, first);
        memcpy(bytes, &check, sizeof(check));
    }
    read_all(block, first);
    return 0;
}

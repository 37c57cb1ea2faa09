#include "store/search_block.h"

#include <stdlib.h>

#include "base/must.h"
#include "base/test.h"

/* Blocks as they were put. */
struct shelf {
    struct {
        uint32_t first;
        size_t n;
        char bytes[SEARCH_BLOCK_MAX];
    } * blocks;
    size_t count;
};

static enum err put(void *context, uint32_t first, struct slice block, struct error *error)
{
    struct shelf *shelf = context;
    (void)error;
    shelf->blocks = realloc(shelf->blocks, (shelf->count + 1) * sizeof(*shelf->blocks));
    must(shelf->blocks != NULL && block.n <= SEARCH_BLOCK_MAX);
    shelf->blocks[shelf->count].first = first;
    shelf->blocks[shelf->count].n = block.n;
    memcpy(shelf->blocks[shelf->count++].bytes, block.p, block.n);
    return ERR_OK;
}

static struct slice block_of(const struct shelf *shelf, size_t i)
{
    return slice_of(shelf->blocks[i].bytes, shelf->blocks[i].n);
}

static uint32_t state = 1;

static uint32_t draw(uint32_t below)
{
    state = state * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)state * below >> 32);
}

/* Each place with a chance of one in `rarity`; at least one. */
static size_t draw_places(uint16_t places[static SEARCH_SPAN_MAX], uint32_t span, uint32_t rarity)
{
    size_t n = 0;
    for (uint32_t place = 0; place < span; place++)
        if (draw(rarity) == 0)
            places[n++] = (uint16_t)place;
    if (n == 0)
        places[n++] = (uint16_t)draw(span);
    return n;
}

enum { GRAMS = 300 };

static uint16_t wanted[GRAMS][SEARCH_SPAN_MAX];
static size_t wanted_n[GRAMS];
static uint32_t grams[GRAMS];

static void write_some(struct shelf *shelf, uint32_t span)
{
    struct search_writer writer = {.put = put, .context = shelf};
    struct error error;
    uint32_t gram = draw(2) * draw(1000);
    for (size_t i = 0; i < GRAMS; i++) {
        grams[i] = i + 1 < GRAMS ? gram : SEARCH_GRAM_ANY;
        wanted_n[i] = draw_places(wanted[i], span, 1U << draw(14));
        assert_int_equal(search_writer_add(&writer, grams[i], wanted[i], wanted_n[i], &error), ERR_OK);
        gram += 1 + draw(50000);
    }
    assert_int_equal(search_writer_end(&writer, &error), ERR_OK);
}

static void test_what_is_written_is_read(void **unused)
{
    (void)unused;
    static uint16_t places[SEARCH_SPAN_MAX];
    const uint32_t spans[] = {1, 7, 8, 9, 300, 2048, SEARCH_SPAN_MAX};
    for (size_t round = 0; round < ARRAY_LEN(spans); round++) {
        struct shelf shelf = {0};
        struct error error;
        size_t seen = 0;
        write_some(&shelf, spans[round]);
        for (size_t i = 0; i < shelf.count; i++) {
            struct search_block block;
            struct search_entry entry;
            bool found;
            assert_int_equal(search_block_open(block_of(&shelf, i), shelf.blocks[i].first, &block, &error),
                             ERR_OK);
            assert_int_equal(block.next, i + 1 < shelf.count ? shelf.blocks[i + 1].first : SEARCH_GRAM_END);
            while (search_block_next(&block, &entry, &found, &error) == ERR_OK && found) {
                size_t n = 0;
                assert_int_equal(entry.gram, grams[seen]);
                assert_int_equal(search_entry_places(&entry, spans[round], places, &n, &error), ERR_OK);
                assert_int_equal(n, wanted_n[seen]);
                assert_memory_equal(places, wanted[seen], n * sizeof(places[0]));
                seen++;
            }
        }
        assert_int_equal(seen, GRAMS);
        free(shelf.blocks);
    }
}

static void test_nothing_is_a_block_too(void **unused)
{
    (void)unused;
    struct shelf shelf = {0};
    struct error error;
    struct search_writer writer = {.put = put, .context = &shelf};
    struct search_block block;
    struct search_entry entry;
    bool found;
    assert_int_equal(search_writer_end(&writer, &error), ERR_OK);
    assert_int_equal(shelf.count, 1);
    assert_int_equal(search_block_open(block_of(&shelf, 0), 0, &block, &error), ERR_OK);
    assert_int_equal(block.next, SEARCH_GRAM_END);
    assert_int_equal(search_block_next(&block, &entry, &found, &error), ERR_OK);
    assert_false(found);
    free(shelf.blocks);
}

static void test_keeping_is_intersection(void **unused)
{
    (void)unused;
    static uint16_t places[SEARCH_SPAN_MAX];
    static uint16_t kept[SEARCH_SPAN_MAX];
    struct shelf shelf = {0};
    struct error error;
    write_some(&shelf, 5000);
    size_t seen = 0;
    for (size_t i = 0; i < shelf.count; i++) {
        struct search_block block;
        struct search_entry entry;
        bool found;
        assert_int_equal(search_block_open(block_of(&shelf, i), shelf.blocks[i].first, &block, &error),
                         ERR_OK);
        while (search_block_next(&block, &entry, &found, &error) == ERR_OK && found) {
            size_t n = draw_places(places, 5000, 1U << draw(10));
            memcpy(kept, places, n * sizeof(kept[0]));
            size_t kept_n = n;
            assert_int_equal(search_entry_keep(&entry, 5000, kept, &kept_n, &error), ERR_OK);
            size_t at = 0;
            for (size_t j = 0; j < n; j++) {
                bool in = false;
                for (size_t k = 0; k < wanted_n[seen]; k++)
                    in = in || wanted[seen][k] == places[j];
                if (in)
                    assert_true(at < kept_n && kept[at++] == places[j]);
            }
            assert_int_equal(at, kept_n);
            seen++;
        }
    }
    free(shelf.blocks);
}

static void test_finding_goes_forward_and_leaves_later_grams(void **unused)
{
    (void)unused;
    struct shelf shelf = {0};
    struct error error;
    struct search_writer writer = {.put = put, .context = &shelf};
    const uint16_t place = 3;
    for (uint32_t gram = 10; gram <= 30; gram += 10)
        assert_int_equal(search_writer_add(&writer, gram, &place, 1, &error), ERR_OK);
    assert_int_equal(search_writer_end(&writer, &error), ERR_OK);
    struct search_block block;
    struct search_entry entry;
    bool found;
    assert_int_equal(search_block_open(block_of(&shelf, 0), 0, &block, &error), ERR_OK);
    const struct {
        uint32_t gram;
        bool found;
    } asked[] = {{9, false}, {10, true}, {15, false}, {16, false}, {20, true}, {30, true}, {31, false}};
    for (size_t i = 0; i < ARRAY_LEN(asked); i++) {
        assert_int_equal(search_block_find(&block, asked[i].gram, &entry, &found, &error), ERR_OK);
        assert_int_equal(found, asked[i].found);
    }
    free(shelf.blocks);
}

/* Every byte counts, and so does the place where the block lies. */
static void test_damage_is_noticed(void **unused)
{
    (void)unused;
    struct shelf shelf = {0};
    struct error error;
    struct search_block block;
    write_some(&shelf, 2048);
    struct slice whole = block_of(&shelf, 0);
    uint32_t first = shelf.blocks[0].first;
    for (size_t i = 0; i < whole.n; i++) {
        shelf.blocks[0].bytes[i] ^= 1;
        assert_int_equal(search_block_open(whole, first, &block, &error), ERR_CORRUPT);
        shelf.blocks[0].bytes[i] ^= 1;
    }
    assert_int_equal(search_block_open(whole, first + 1, &block, &error), ERR_CORRUPT);
    assert_int_equal(search_block_open(slice_sub(whole, 0, whole.n - 1), first, &block, &error), ERR_CORRUPT);
    assert_int_equal(search_block_open(slice_sub(whole, 0, 7), first, &block, &error), ERR_CORRUPT);
    assert_int_equal(search_block_open(whole, first, &block, &error), ERR_OK);
    free(shelf.blocks);
}

static void test_places_past_the_span_are_damage(void **unused)
{
    (void)unused;
    uint16_t places[] = {5, 6};
    static uint16_t out[SEARCH_SPAN_MAX];
    size_t n = 2;
    struct error error;
    struct search_entry listed = {.list = S("\x05\x01")};
    assert_int_equal(search_entry_places(&listed, 8, out, &n, &error), ERR_OK);
    assert_int_equal(search_entry_places(&listed, 7, out, &n, &error), ERR_CORRUPT);
    n = 2;
    assert_int_equal(search_entry_keep(&listed, 5, places, &n, &error), ERR_CORRUPT);
    struct search_entry bits = {.bitmap = true, .list = S("\x60")};
    assert_int_equal(search_entry_places(&bits, 7, out, &n, &error), ERR_OK);
    assert_int_equal(n, 2);
    assert_int_equal(search_entry_places(&bits, 6, out, &n, &error), ERR_CORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_written_is_read),
        cmocka_unit_test(test_nothing_is_a_block_too),
        cmocka_unit_test(test_keeping_is_intersection),
        cmocka_unit_test(test_finding_goes_forward_and_leaves_later_grams),
        cmocka_unit_test(test_damage_is_noticed),
        cmocka_unit_test(test_places_past_the_span_are_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

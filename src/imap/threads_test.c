#include "imap/threads.h"

#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { REFERENCES_MAX = 8, OUTPUT_MAX = 64 * 1024 * 1024 };

struct sample {
    int64_t date;
    uint64_t id;
    uint64_t references[REFERENCES_MAX]; /* up to the first 0 */
    const char *subject;
    bool reply;
};

static void put_key(char *to, uint64_t key)
{
    for (size_t i = 0; i < 8; i++)
        to[i] = (char)(key >> (8 * i));
}

static void add_arrived(struct imap_threads *t, uint32_t number, const struct sample *sample, int64_t arrived)
{
    char keys[1 + 8 * (1 + REFERENCES_MAX)] = {sample->reply ? 1 : 0};
    size_t n = 9;
    put_key(keys + 1, sample->id);
    for (size_t i = 0; i < REFERENCES_MAX && sample->references[i] != 0; i++, n += 8)
        put_key(keys + n, sample->references[i]);
    imap_threads_add(t, &(struct imap_threads_message){.number = number,
                                                       .date = sample->date,
                                                       .arrived = arrived,
                                                       .subject = slice_cstr(sample->subject),
                                                       .keys = slice_of(keys, n)});
}

static void add(struct imap_threads *t, uint32_t number, const struct sample *sample)
{
    add_arrived(t, number, sample, sample->date);
}

static void check(enum imap_thread_algorithm algorithm, const struct sample *samples, size_t count,
                  const char *wanted)
{
    CLEANUP(buf_release) struct buf out = BUF(OUTPUT_MAX);
    struct imap_threads t;
    imap_threads_init(&t, algorithm);
    for (size_t i = 0; i < count; i++)
        add(&t, (uint32_t)i + 1, &samples[i]);
    imap_threads_put(&t, &out);
    assert_false(t.failed);
    assert_string_equal(buf_cstr(&out), wanted);
    imap_threads_release(&t);
}
#define CHECK(algorithm, samples, wanted) check(IMAP_THREAD_##algorithm, samples, ARRAY_LEN(samples), wanted)

static void test_nothing_gives_nothing(void **state)
{
    (void)state;
    check(IMAP_THREAD_REFERENCES, NULL, 0, "");
    check(IMAP_THREAD_ORDEREDSUBJECT, NULL, 0, "");
    check(IMAP_THREAD_REFS, NULL, 0, "");
}

static void test_replies_nest_and_branch(void **state)
{
    (void)state;
    /* RFC 5256 4: (2)(3 6 (4 23)(44 7 96)) in small. */
    const struct sample samples[] = {
        {1, 10, {0}, "A", false},     {2, 20, {0}, "B", false},         {3, 30, {20}, "B", true},
        {4, 40, {20, 30}, "B", true}, {5, 50, {20, 30, 40}, "B", true}, {6, 60, {20, 30}, "B", true},
    };
    CHECK(REFERENCES, samples, " (1)(2 3 (4 5)(6))");
    CHECK(REFS, samples, " (1)(2 3 (4 5)(6))");
    CHECK(ORDEREDSUBJECT, samples, " (1)(2 (3)(4)(5)(6))");
}

static void test_siblings_without_their_parent_stand_together(void **state)
{
    (void)state;
    const struct sample samples[] = {
        {5, 30, {99}, "A", true},
        {4, 50, {99}, "A", true},
        {1, 60, {98}, "C", true},
    };
    /* A dummy has the date of its first child; one child alone takes its place. */
    CHECK(REFERENCES, samples, " (3)((2)(1))");
}

static void test_dummies_below_the_top_are_spliced_out(void **state)
{
    (void)state;
    const struct sample samples[] = {
        {1, 10, {0}, "A", false},         {2, 20, {10, 91, 92}, "x", true}, {3, 30, {10, 91, 93}, "y", true},
        {4, 40, {81, 82, 83}, "z", true}, {5, 50, {81, 82, 84}, "z", true}, {6, 60, {71, 72}, "w", true},
    };
    CHECK(REFERENCES, samples, " (1 (2)(3))((4)(5))(6)");
}

static void test_loops_are_not_made(void **state)
{
    (void)state;
    const struct sample samples[] = {
        {1, 10, {20}, "A", false},
        {2, 20, {10}, "B", false},
        {3, 30, {30}, "C", false},
        {4, 40, {10, 20, 10, 40}, "D", false},
    };
    CHECK(REFS, samples, " (2 1)(3)(4)");
}

static void test_one_id_twice_counts_once(void **state)
{
    (void)state;
    const struct sample samples[] = {
        {1, 10, {0}, "A", false}, {2, 10, {0}, "B", false}, {3, 30, {10}, "C", true},
        {4, 0, {0}, "D", false},  {5, 0, {0}, "E", false},
    };
    CHECK(REFERENCES, samples, " (1 3)(2)(4)(5)");
}

static void test_refs_orders_threads_by_arrival_and_messages_by_sending(void **state)
{
    (void)state;
    const struct sample samples[] = {{1, 10, {0}, "A", false},
                                     {5, 20, {10}, "A", true},
                                     {4, 30, {10}, "A", true},
                                     {7, 40, {0}, "B", false}};
    const int64_t arrived[] = {1, 6, 9, 8};
    CLEANUP(buf_release) struct buf out = BUF(OUTPUT_MAX);
    struct imap_threads t;
    imap_threads_init(&t, IMAP_THREAD_REFS);
    for (size_t i = 0; i < ARRAY_LEN(samples); i++)
        add_arrived(&t, (uint32_t)i + 1, &samples[i], arrived[i]);
    imap_threads_put(&t, &out);
    assert_string_equal(buf_cstr(&out), " (4)(1 (3)(2))");
    imap_threads_release(&t);
}

static void test_last_reference_wins_over_a_guessed_parent(void **state)
{
    (void)state;
    const struct sample samples[] = {
        {1, 10, {0}, "A", false},
        {2, 20, {0}, "B", false},
        {3, 40, {10, 30}, "C", true}, /* guesses that 30 is a child of 10 */
        {4, 30, {20}, "D", true},     /* but it says 20 */
    };
    CHECK(REFS, samples, " (1)(2 4 3)");
}

static void test_one_subject_is_one_thread(void **state)
{
    (void)state;
    const struct sample reply_joins[] = {
        {1, 10, {0}, "A", false},
        {2, 20, {0}, "A", true},
        {3, 30, {0}, "", false},
        {4, 40, {0}, "", false},
    };
    CHECK(REFERENCES, reply_joins, " (1 2)(3)(4)");
    const struct sample equals_stand_beside[] = {
        {1, 10, {0}, "A", false},
        {2, 20, {0}, "A", false},
        {3, 30, {0}, "A", true},
    };
    CHECK(REFERENCES, equals_stand_beside, " ((1)(2)(3))");
    const struct sample original_comes_later[] = {
        {1, 10, {0}, "A", true},
        {2, 20, {0}, "A", false},
    };
    CHECK(REFERENCES, original_comes_later, " (2 1)");
    const struct sample dummies_join[] = {
        {1, 10, {91}, "A", true}, {2, 20, {91}, "A", true}, {3, 30, {92}, "A", true},
        {4, 40, {92}, "A", true}, {5, 50, {0}, "A", false},
    };
    CHECK(REFERENCES, dummies_join, " ((1)(2)(3)(4)(5))");
}

static void test_refs_goes_by_the_latest_message_and_no_subject(void **state)
{
    (void)state;
    const struct sample samples[] = {
        {1, 10, {0}, "A", false},
        {2, 20, {0}, "A", false},
        {9, 30, {10}, "A", true},
        {3, 40, {0}, "A", false},
    };
    CHECK(REFS, samples, " (2)(4)(1 3)");
}

static void test_a_very_long_thread_is_put_without_recursion(void **state)
{
    (void)state;
    enum { LONG = 200000 };
    CLEANUP(buf_release) struct buf out = BUF(OUTPUT_MAX);
    struct imap_threads t;
    imap_threads_init(&t, IMAP_THREAD_REFERENCES);
    for (uint32_t i = 1; i <= LONG; i++)
        add(&t, i, &(struct sample){.date = i, .id = i, .references = {i - 1}, .subject = "A"});
    imap_threads_put(&t, &out);
    assert_false(t.failed);
    assert_int_equal(slice_rfind_char(buf_slice(&out), '('), 1);
    assert_true(slice_ends(buf_slice(&out), S(" 199999 200000)")));
    imap_threads_release(&t);
}

/* A chain below `length` ancestors gets a child that has one itself. */
static bool joins_below(uint32_t length)
{
    CLEANUP(buf_release) struct buf out = BUF(OUTPUT_MAX);
    struct imap_threads t;
    imap_threads_init(&t, IMAP_THREAD_REFS);
    for (uint32_t i = 1; i <= length; i++)
        add(&t, i, &(struct sample){.date = i, .id = i, .references = {i - 1}});
    add(&t, length + 1, &(struct sample){.date = length + 1, .id = 1000002, .references = {1000001}});
    add(&t, length + 2, &(struct sample){.date = length + 2, .id = 1000001, .references = {length}});
    imap_threads_put(&t, &out);
    assert_false(t.failed);
    imap_threads_release(&t);
    return slice_rfind_char(buf_slice(&out), '(') == 1;
}

static void test_looks_for_loops_only_so_far(void **state)
{
    (void)state;
    assert_true(joins_below(IMAP_THREADS_WALK_MAX));
    assert_false(joins_below(IMAP_THREADS_WALK_MAX + 1));
}

/* One message that names `ids` different ones. */
static bool takes_ids(uint32_t ids)
{
    size_t n = 1 + 8 * ((size_t)ids + 1);
    char *keys = calloc(1, n);
    assert_non_null(keys);
    for (uint32_t i = 0; i < ids; i++)
        put_key(keys + 9 + 8 * (size_t)i, i + 1);
    struct imap_threads t;
    imap_threads_init(&t, IMAP_THREAD_REFS);
    imap_threads_add(&t, &(struct imap_threads_message){.number = 1, .keys = slice_of(keys, n)});
    bool taken = !t.failed;
    CLEANUP(buf_release) struct buf out = BUF(OUTPUT_MAX);
    imap_threads_put(&t, &out);
    assert_true(slice_eq(buf_slice(&out), taken ? S(" (1)") : S("")));
    imap_threads_release(&t);
    free(keys);
    return taken;
}

static void test_takes_only_so_many_messages_and_ids(void **state)
{
    (void)state;
    /* The root and the message are nodes too. */
    assert_true(takes_ids(IMAP_THREADS_NODES_MAX - 2));
    assert_false(takes_ids(IMAP_THREADS_NODES_MAX - 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_gives_nothing),
        cmocka_unit_test(test_replies_nest_and_branch),
        cmocka_unit_test(test_siblings_without_their_parent_stand_together),
        cmocka_unit_test(test_dummies_below_the_top_are_spliced_out),
        cmocka_unit_test(test_loops_are_not_made),
        cmocka_unit_test(test_one_id_twice_counts_once),
        cmocka_unit_test(test_refs_orders_threads_by_arrival_and_messages_by_sending),
        cmocka_unit_test(test_last_reference_wins_over_a_guessed_parent),
        cmocka_unit_test(test_one_subject_is_one_thread),
        cmocka_unit_test(test_refs_goes_by_the_latest_message_and_no_subject),
        cmocka_unit_test(test_a_very_long_thread_is_put_without_recursion),
        cmocka_unit_test(test_looks_for_loops_only_so_far),
        cmocka_unit_test(test_takes_only_so_many_messages_and_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "directory/cache.h"

#include <pthread.h>
#include <stdatomic.h>

#include "directory/test.h"

static bool has(struct cache *cache, char kind, const char *key, const char *expected)
{
    CLEANUP(arena_release) struct arena arena = ARENA(64 * 1024);
    struct slice value;
    return cache_get(cache, kind, slice_cstr(key), &arena, &value) && slice_eq(value, slice_cstr(expected));
}

static void test_keeps_replaces_drops(void **state UNUSED)
{
    struct cache *cache = cache_new(1000, 1 << 20);
    assert_false(has(cache, 'a', "key", ""));
    cache_put(cache, 'a', S("key"), S("one"));
    cache_put(cache, 'b', S("key"), S(""));
    cache_put(cache, 'a', S("key"), S("two"));
    assert_true(has(cache, 'a', "key", "two"));
    assert_true(has(cache, 'b', "key", ""));
    cache_drop(cache, 'a', S("key"));
    cache_drop(cache, 'a', S("key"));
    assert_false(has(cache, 'a', "key", "two"));
    assert_int_equal(cache_count(cache), 1);
    cache_free(cache);
}

static void test_is_bounded_and_keeps_what_is_used(void **state UNUSED)
{
    enum { ENTRIES = 640 };
    struct cache *cache = cache_new(ENTRIES, 1 << 20);
    cache_put(cache, 'a', S("used"), S("yes"));
    for (int i = 0; i < 20 * ENTRIES; i++) {
        char key[16];
        snprintf(key, sizeof(key), "%d", i);
        cache_put(cache, 'a', slice_cstr(key), S("x"));
        assert_true(has(cache, 'a', "used", "yes"));
    }
    assert_int_equal(cache_count(cache), ENTRIES);
    cache_free(cache);
}

static void test_bytes_are_bounded(void **state UNUSED)
{
    static char value[2048];
    struct cache *cache = cache_new(1 << 20, (size_t)CACHE_SHARDS * 4096);
    for (int i = 0; i < 1000; i++) {
        char key[16];
        snprintf(key, sizeof(key), "%d", i);
        cache_put(cache, 'a', slice_cstr(key), slice_of(value, sizeof(value)));
    }
    assert_in_range(cache_count(cache), 1, CACHE_SHARDS);
    static char large[8192];
    cache_put(cache, 'a', S("large"), slice_of(large, sizeof(large)));
    assert_false(has(cache, 'a', "large", ""));
    cache_free(cache);
}

/* --- coherence: after a change has returned, nobody sees what was before --- */

enum { READERS = 3, CHANGES = 60 };

struct race {
    struct fixture *t;
    atomic_uint done; /* changes that have returned: quota_messages is at least this */
    atomic_bool stop;
    atomic_bool wrong;
};

static void *read_on(void *context)
{
    struct race *race = context;
    while (!atomic_load(&race->stop)) {
        CLEANUP(arena_release) struct arena arena = ARENA(1 << 20);
        struct account_entry entry;
        struct error error;
        unsigned least = atomic_load(&race->done);
        bool right = account_entry_find(race->t->directory, S("anna@demo.example"), &arena, &entry, &error) ==
                         ERR_OK &&
                     entry.quota_messages >= least;
        struct route route;
        unsigned aliases = atomic_load(&race->done);
        char name[32];
        snprintf(name, sizeof(name), "a%u@demo.example", aliases);
        right = right &&
                directory_route(race->t->directory, slice_cstr(name), &arena, &route, &error) == ERR_OK &&
                (aliases == 0 || route.kind == ROUTE_LOCAL);
        /* The next one, so that its absence is in the cache when it is made. */
        snprintf(name, sizeof(name), "a%u@demo.example", aliases + 1);
        right =
            right && directory_route(race->t->directory, slice_cstr(name), &arena, &route, &error) == ERR_OK;
        if (!right)
            atomic_store(&race->wrong, true);
    }
    return NULL;
}

static void test_changes_are_seen_by_all_at_once(void **state)
{
    struct fixture *t = *state;
    struct race race = {.t = t};
    pthread_t readers[READERS];
    make_domain(t, "demo.example");
    make_account(t, "anna@demo.example", "secret");
    for (size_t i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&readers[i], NULL, read_on, &race), 0);
    for (unsigned i = 1; i <= CHANGES; i++) {
        char name[32];
        struct account_changes changes = ACCOUNT_CHANGES_NONE;
        changes.quota_messages = i;
        ASSERT_OK(t, account_entry_set(t->directory, S("anna@demo.example"), &changes, &t->error));
        snprintf(name, sizeof(name), "a%u@demo.example", i);
        ASSERT_OK(t, set_alias(t, name, false, "anna@demo.example", NULL));
        atomic_store(&race.done, i);
    }
    atomic_store(&race.stop, true);
    for (size_t i = 0; i < READERS; i++)
        pthread_join(readers[i], NULL);
    assert_false(atomic_load(&race.wrong));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keeps_replaces_drops),
        cmocka_unit_test(test_is_bounded_and_keeps_what_is_used),
        cmocka_unit_test(test_bytes_are_bounded),
        cmocka_unit_test_setup_teardown(test_changes_are_seen_by_all_at_once, fixture_make, fixture_free),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

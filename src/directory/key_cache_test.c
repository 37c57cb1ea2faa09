#include "directory/key_cache.h"

#include "base/test.h"

static int setup(void **state)
{
    static struct key_cache cache;
    key_cache_init(&cache);
    *state = &cache;
    return 0;
}

static int teardown(void **state)
{
    key_cache_release(*state);
    return 0;
}

static EVP_PKEY *put_new(struct key_cache *cache, uint64_t id)
{
    struct dkim_private_key key;
    struct error error;
    assert_int_equal(dkim_private_key_make(DKIM_ED25519_SHA256, &key, &error), ERR_OK);
    key_cache_put(cache, id, &key);
    EVP_PKEY *made = key.key;
    dkim_private_key_release(&key); /* the cache holds it by itself */
    return made;
}

static bool has(struct key_cache *cache, uint64_t id, const EVP_PKEY *wanted)
{
    struct dkim_private_key key = {0};
    if (!key_cache_get(cache, id, &key))
        return false;
    bool same = key.key == wanted && key.algorithm == DKIM_ED25519_SHA256;
    dkim_private_key_release(&key);
    return same;
}

static void test_a_key_is_got_again_until_it_is_dropped(void **state)
{
    struct key_cache *cache = *state;
    assert_false(has(cache, 7, NULL));
    EVP_PKEY *key = put_new(cache, 7);
    assert_true(has(cache, 7, key));
    assert_true(has(cache, 7, key));
    assert_false(has(cache, 8, key));
    key_cache_drop(cache, 7 + KEY_CACHE_SLOTS); /* another one's */
    assert_true(has(cache, 7, key));
    key_cache_drop(cache, 7);
    assert_false(has(cache, 7, key));
    assert_false(has(cache, 0, NULL));
}

static void test_who_comes_later_takes_the_place(void **state)
{
    struct key_cache *cache = *state;
    EVP_PKEY *first = put_new(cache, 7);
    EVP_PKEY *second = put_new(cache, 7 + KEY_CACHE_SLOTS);
    assert_false(has(cache, 7, first));
    assert_true(has(cache, 7 + KEY_CACHE_SLOTS, second));
}

static void test_who_uses_a_key_keeps_it(void **state)
{
    struct key_cache *cache = *state;
    struct dkim_private_key used;
    CLEANUP(buf_release) struct buf signature = BUF(1024);
    static const unsigned char hash[32] = {1};
    struct error error;
    (void)put_new(cache, 7);
    assert_true(key_cache_get(cache, 7, &used));
    key_cache_drop(cache, 7);
    assert_int_equal(dkim_private_key_sign(&used, hash, &signature, &error), ERR_OK);
    dkim_private_key_release(&used);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_key_is_got_again_until_it_is_dropped, setup, teardown),
        cmocka_unit_test_setup_teardown(test_who_comes_later_takes_the_place, setup, teardown),
        cmocka_unit_test_setup_teardown(test_who_uses_a_key_keeps_it, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

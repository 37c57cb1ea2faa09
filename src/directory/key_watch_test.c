#include "directory/key_watch.h"

#include "authres/zone_testing.h"
#include "directory/test.h"

static struct slice add(struct fixture *t, const char *selector)
{
    struct domain_key key = {0};
    ASSERT_OK(t, domain_key_add(t->directory, S("demo.example"), slice_cstr(selector), DKIM_ED25519_SHA256,
                                &t->arena, &key, &t->error));
    return key.record;
}

static size_t look(struct fixture *t, struct zone *zone)
{
    const struct authres_dns dns = {zone_records, zone};
    size_t activated = 99;
    ASSERT_OK(t, key_watch_look(t->directory, &dns, &activated, &t->error));
    return activated;
}

static enum domain_key_state state_of(struct fixture *t, const char *selector)
{
    struct domain_key *keys;
    size_t count;
    ASSERT_OK(t, domain_key_list(t->directory, S("demo.example"), &t->arena, &keys, &count, &t->error));
    for (size_t i = 0; i < count; i++)
        if (slice_eq(keys[i].selector, slice_cstr(selector)))
            return keys[i].state;
    assert_true(false);
    return DOMAIN_KEY_RETIRED;
}

static void test_a_key_signs_when_its_record_is_seen(void **state)
{
    struct fixture *t = *state;
    make_domain(t, "demo.example");
    struct slice old = add(t, "old");
    struct slice new = add(t, "new");
    char new_text[1000];
    char old_text[1000];
    snprintf(new_text, sizeof(new_text), "%.*s", SLICE_ARGS(new));
    snprintf(old_text, sizeof(old_text), "%.*s", SLICE_ARGS(old));
    struct zone none = {0};
    assert_int_equal(look(t, &none), 0);
    assert_int_equal(none.asked, 1); /* only about the one that waits */
    const struct zone_row wrong[] = {{"new._domainkey.demo.example", RESOLVER_TXT, old_text}};
    struct zone other = ZONE_OF(wrong);
    assert_int_equal(look(t, &other), 0);
    const struct zone_row silent[] = {{"new._domainkey.demo.example", RESOLVER_TXT, NULL}};
    struct zone mute = ZONE_OF(silent);
    assert_int_equal(look(t, &mute), 0);
    assert_int_equal(state_of(t, "new"), DOMAIN_KEY_PENDING);
    const struct zone_row right[] = {{"new._domainkey.demo.example", RESOLVER_TXT, new_text}};
    struct zone zone = ZONE_OF(right);
    assert_int_equal(look(t, &zone), 1);
    assert_int_equal(state_of(t, "new"), DOMAIN_KEY_ACTIVE);
    assert_int_equal(state_of(t, "old"), DOMAIN_KEY_RETIRED);
    assert_int_equal(look(t, &zone), 0);
}

static void test_ends_when_it_is_told(void **state)
{
    struct fixture *t = *state;
    struct zone none = {0};
    const struct authres_dns dns = {zone_records, &none};
    struct key_watch *watch;
    ASSERT_OK(t, key_watch_start(t->directory, &dns, &watch, &t->error));
    key_watch_stop(watch);
    assert_int_equal(none.asked, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_make, fixture_free)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_key_signs_when_its_record_is_seen),
        TEST(test_ends_when_it_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "serve/current.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct settings *settings_named(const char *hostname)
{
    char text[100];
    struct settings *settings = NULL;
    struct error error;
    snprintf(text, sizeof(text), "hostname = %s\n", hostname);
    assert_int_equal(settings_parse(slice_cstr(text), "test", &settings, &error), ERR_OK);
    return settings;
}

/* The sanitizer sees a version that is freed too early, or never. */
static void test_old_version_lives_as_long_as_its_users(void **state)
{
    (void)state;
    struct current current;
    struct error error;
    assert_int_equal(current_init(&current, settings_named("old.example"), NULL, &error), ERR_OK);
    struct version *old = current_get(&current);
    assert_int_equal(current_replace(&current, settings_named("new.example"), NULL, &error), ERR_OK);
    struct version *new = current_get(&current);
    assert_string_equal(old->settings->hostname, "old.example");
    assert_string_equal(new->settings->hostname, "new.example");
    current_put(old);
    current_put(new);
    assert_string_equal(current.version->settings->hostname, "new.example");
    current_put(current.version);
    pthread_mutex_destroy(&current.lock);
}

enum { ROUNDS = 200 };

static void *replace_often(void *argument)
{
    struct error error;
    for (int i = 0; i < ROUNDS; i++)
        assert_int_equal(current_replace(argument, settings_named("a.example"), NULL, &error), ERR_OK);
    return NULL;
}

static void test_reading_and_replacing_at_once(void **state)
{
    (void)state;
    struct current current;
    struct error error;
    pthread_t thread;
    assert_int_equal(current_init(&current, settings_named("a.example"), NULL, &error), ERR_OK);
    assert_int_equal(pthread_create(&thread, NULL, replace_often, &current), 0);
    for (int i = 0; i < ROUNDS; i++) {
        struct version *version = current_get(&current);
        assert_string_equal(version->settings->hostname, "a.example");
        current_put(version);
    }
    pthread_join(thread, NULL);
    current_put(current.version);
    pthread_mutex_destroy(&current.lock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_old_version_lives_as_long_as_its_users),
        cmocka_unit_test(test_reading_and_replacing_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

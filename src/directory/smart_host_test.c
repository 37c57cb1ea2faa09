#include "directory/smart_host.h"

#include "directory/inside.h"
#include "directory/test.h"

static struct account_id id_of(struct fixture *t, const char *address)
{
    struct account_entry entry = {0};
    ASSERT_OK(t, account_entry_find(t->directory, slice_cstr(address), &t->arena, &entry, &t->error));
    return entry.id;
}

static void set(struct fixture *t, enum option_level level, const char *owner, const char *host)
{
    struct smart_host parsed;
    ASSERT_OK(t, smart_host_parse(slice_cstr(host), &t->arena, &parsed, &t->error));
    ASSERT_OK(t, smart_host_set(t->directory, level, slice_cstr(owner), &parsed, &t->error));
}

static struct smart_host get(struct fixture *t, struct account_id account, const char *sender)
{
    struct smart_host host;
    ASSERT_OK(t, smart_host_for(t->directory, account, slice_cstr(sender), &t->arena, &host, &t->error));
    return host;
}

static void test_the_nearest_to_the_sender_counts(void **state)
{
    struct fixture *t = *state;
    struct account_id stranger = {0};
    make_domain(t, "demo.example");
    make_domain(t, "other.example");
    make_account(t, "anna@demo.example", "secret");
    struct account_id anna = id_of(t, "anna@demo.example");
    ASSERT_SLICE(get(t, anna, "anna@demo.example").host, "");
    set(t, LEVEL_BUILT_IN, "", "all.example");
    ASSERT_SLICE(get(t, anna, "anna@demo.example").host, "all.example");
    ASSERT_SLICE(get(t, stranger, "").host, "all.example");
    set(t, LEVEL_PLAN, "imap", "plan.example");
    ASSERT_SLICE(get(t, anna, "anna@demo.example").host, "plan.example");
    ASSERT_SLICE(get(t, stranger, "anna@demo.example").host, "all.example");
    set(t, LEVEL_DOMAIN, "Demo.example", "Domain.example:587");
    ASSERT_SLICE(get(t, anna, "Anna@DEMO.example").host, "domain.example");
    assert_int_equal(get(t, stranger, "x@demo.example").port, 587);
    ASSERT_SLICE(get(t, anna, "anna@other.example").host, "plan.example");
    set(t, LEVEL_ACCOUNT, "anna@demo.example", "direct");
    ASSERT_SLICE(get(t, anna, "anna@demo.example").host, "");
    ASSERT_OK(t, smart_host_remove(t->directory, LEVEL_ACCOUNT, S("anna@demo.example"), &t->error));
    ASSERT_SLICE(get(t, anna, "anna@demo.example").host, "domain.example");
    assert_int_equal(smart_host_remove(t->directory, LEVEL_ACCOUNT, S("anna@demo.example"), &t->error),
                     ERR_NOT_FOUND);
}

static void test_keeps_the_password_sealed(void **state)
{
    struct fixture *t = *state;
    struct smart_host host = {.host = S("out.example"),
                              .port = 465,
                              .tls = SMART_HOST_TLS_IMPLICIT,
                              .user = S("demo"),
                              .password = S("a very secret word")};
    struct smart_host_row *rows;
    size_t count;
    make_domain(t, "demo.example");
    make_domain(t, "other.example");
    ASSERT_OK(t, smart_host_set(t->directory, LEVEL_DOMAIN, S("demo.example"), &host, &t->error));
    fixture_reopen(t);
    struct smart_host found = get(t, (struct account_id){0}, "x@demo.example");
    ASSERT_SLICE(found.user, "demo");
    ASSERT_SLICE(found.password, "a very secret word");
    assert_true(found.port == 465 && found.tls == SMART_HOST_TLS_IMPLICIT);
    ASSERT_OK(t, smart_host_list(t->directory, &t->arena, &rows, &count, &t->error));
    assert_int_equal(count, 1);
    ASSERT_SLICE(rows[0].owner, "demo.example");
    assert_null(rows[0].host.password.p);
    /* A row that was moved to another owner does not open. */
    assert_int_equal(sqlite3_exec(t->directory->database.sqlite, "UPDATE smart_host SET owner = owner + 1",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(smart_host_for(t->directory, (struct account_id){0}, S("x@other.example"), &t->arena,
                                    &host, &t->error),
                     ERR_CORRUPT);
}

static void test_goes_with_its_owner(void **state)
{
    struct fixture *t = *state;
    struct smart_host_row *rows;
    size_t count;
    make_domain(t, "demo.example");
    make_account(t, "anna@demo.example", "secret");
    set(t, LEVEL_ACCOUNT, "anna@demo.example", "one.example");
    set(t, LEVEL_DOMAIN, "demo.example", "two.example");
    ASSERT_OK(t, account_entry_remove(t->directory, S("anna@demo.example"), &t->error));
    ASSERT_OK(t, domain_remove(t->directory, S("demo.example"), &t->error));
    ASSERT_OK(t, smart_host_list(t->directory, &t->arena, &rows, &count, &t->error));
    assert_int_equal(count, 0);
}

static void test_reads_what_is_typed(void **state)
{
    struct fixture *t = *state;
    struct smart_host host;
    static const char *const wrong[] = {
        "",           ":25", "a.example:", "a.example:0",   "a.example:65536", "a.example:x",
        "[192.0.2.1", "[]",  "[x]",        "[192.0.2.1]25", "[192.0.2.1]:",    "a b.example"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        assert_int_equal(smart_host_parse(slice_cstr(wrong[i]), &t->arena, &host, &t->error), ERR_INVALID);
    ASSERT_OK(t, smart_host_parse(S("a.example:65535"), &t->arena, &host, &t->error));
    assert_int_equal(host.port, 65535);
    ASSERT_OK(t, smart_host_parse(S("[2001:db8::1]:25"), &t->arena, &host, &t->error));
    ASSERT_SLICE(host.host, "[2001:db8::1]");
    assert_int_equal(host.port, 25);
    ASSERT_OK(t, smart_host_parse(S("[192.0.2.1]"), &t->arena, &host, &t->error));
    assert_int_equal(host.port, 0);
}

static void test_refuses_a_password_in_the_clear_and_one_too_long(void **state)
{
    struct fixture *t = *state;
    static char large[SMART_HOST_PASSWORD_MAX + 1];
    memset(large, 'x', sizeof(large));
    struct smart_host host = {.host = S("a.example"), .port = 25, .user = S("demo"), .password = S("secret")};
    assert_int_equal(smart_host_set(t->directory, LEVEL_BUILT_IN, S(""), &host, &t->error), ERR_INVALID);
    host.tls = SMART_HOST_TLS_REQUIRED;
    host.password = slice_of(large, sizeof(large));
    assert_int_equal(smart_host_set(t->directory, LEVEL_BUILT_IN, S(""), &host, &t->error), ERR_INVALID);
    host.password.n--;
    ASSERT_OK(t, smart_host_set(t->directory, LEVEL_BUILT_IN, S(""), &host, &t->error));
    host.user = slice_of(large, SMART_HOST_USER_MAX + 1);
    assert_int_equal(smart_host_set(t->directory, LEVEL_BUILT_IN, S(""), &host, &t->error), ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_nearest_to_the_sender_counts, fixture_make, fixture_free),
        cmocka_unit_test_setup_teardown(test_keeps_the_password_sealed, fixture_make, fixture_free),
        cmocka_unit_test_setup_teardown(test_goes_with_its_owner, fixture_make, fixture_free),
        cmocka_unit_test_setup_teardown(test_reads_what_is_typed, fixture_make, fixture_free),
        cmocka_unit_test_setup_teardown(test_refuses_a_password_in_the_clear_and_one_too_long, fixture_make,
                                        fixture_free),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "directory/domain_key.h"

#include <openssl/evp.h>
#include <sys/stat.h>

#include "directory/test.h"

static struct domain_key add(struct fixture *t, const char *domain, const char *selector,
                             enum dkim_algorithm algorithm)
{
    struct domain_key key = {0};
    ASSERT_OK(t, domain_key_add(t->directory, slice_cstr(domain), slice_cstr(selector), algorithm, &t->arena,
                                &key, &t->error));
    return key;
}

/* "selector:state" of each with a blank behind it. */
static void assert_keys(struct fixture *t, const char *wanted)
{
    CLEANUP(buf_release) struct buf said = BUF(4096);
    struct domain_key *keys;
    size_t count;
    ASSERT_OK(t, domain_key_list(t->directory, S("demo.example"), &t->arena, &keys, &count, &t->error));
    for (size_t i = 0; i < count; i++)
        buf_printf(&said, "%.*s:%s ", SLICE_ARGS(keys[i].selector), domain_key_state_word(keys[i].state));
    assert_string_equal(said.n > 0 ? buf_cstr(&said) : "", wanted);
}

/* The selectors that sign. */
static void assert_signs(struct fixture *t, const char *domain, const char *wanted)
{
    CLEANUP(domain_signing_release) struct domain_signing signing = {.count = 0};
    CLEANUP(buf_release) struct buf said = BUF(4096);
    ASSERT_OK(t, domain_signing_load(t->directory, slice_cstr(domain), &t->arena, &signing, &t->error));
    for (size_t i = 0; i < signing.count; i++)
        buf_printf(&said, "%.*s ", SLICE_ARGS(signing.keys[i].selector));
    assert_string_equal(said.n > 0 ? buf_cstr(&said) : "", wanted);
}

static void test_first_key_of_a_kind_signs(void **state)
{
    struct fixture *t = *state;
    make_domain(t, "demo.example");
    add(t, "Demo.example", "a", DKIM_ED25519_SHA256);
    add(t, "demo.example", "b", DKIM_ED25519_SHA256);
    assert_keys(t, "a:active b:pending ");
    add(t, "demo.example", "c", DKIM_RSA_SHA256);
    assert_keys(t, "c:active a:active b:pending ");
    assert_signs(t, "demo.example", "c a ");
    fixture_reopen(t);
    assert_signs(t, "DEMO.example", "c a ");
}

static void test_keys_take_turns(void **state)
{
    struct fixture *t = *state;
    make_domain(t, "demo.example");
    add(t, "demo.example", "a", DKIM_ED25519_SHA256);
    add(t, "demo.example", "b", DKIM_ED25519_SHA256);
    ASSERT_OK(t, domain_key_activate(t->directory, S("demo.example"), S("B"), &t->error));
    assert_keys(t, "a:retired b:active ");
    ASSERT_OK(t, domain_key_activate(t->directory, S("demo.example"), S("a"), &t->error));
    assert_keys(t, "a:active b:retired ");
    assert_signs(t, "demo.example", "a ");
    assert_int_equal(domain_key_activate(t->directory, S("demo.example"), S("x"), &t->error), ERR_NOT_FOUND);
}

static void test_key_of_the_domain_above_signs(void **state)
{
    struct fixture *t = *state;
    make_domain(t, "demo.example");
    make_domain(t, "own.demo.example");
    add(t, "demo.example", "a", DKIM_ED25519_SHA256);
    assert_signs(t, "mail.demo.example", "a ");
    assert_signs(t, "own.demo.example", "a ");
    assert_signs(t, "xdemo.example", "");
    add(t, "own.demo.example", "b", DKIM_ED25519_SHA256);
    assert_signs(t, "own.demo.example", "b ");
}

static size_t files(struct fixture *t)
{
    struct slice *names;
    size_t count;
    ASSERT_OK(t, volume_list(t->volume, "keys/dkim", &t->arena, &names, &count, &t->error));
    return count;
}

static void test_removed_keys_leave_no_file(void **state)
{
    struct fixture *t = *state;
    make_domain(t, "demo.example");
    add(t, "demo.example", "a", DKIM_ED25519_SHA256);
    add(t, "demo.example", "b", DKIM_ED25519_SHA256);
    assert_int_equal(files(t), 2);
    assert_int_equal(domain_key_remove(t->directory, S("demo.example"), S("a"), false, &t->error), ERR_BUSY);
    ASSERT_OK(t, domain_key_remove(t->directory, S("demo.example"), S("b"), false, &t->error));
    assert_int_equal(domain_key_remove(t->directory, S("demo.example"), S("b"), true, &t->error),
                     ERR_NOT_FOUND);
    assert_int_equal(files(t), 1);
    assert_keys(t, "a:active ");
    ASSERT_OK(t, domain_remove(t->directory, S("demo.example"), &t->error));
    assert_int_equal(files(t), 0);
    make_domain(t, "demo.example");
    assert_keys(t, "");
}

static void test_private_keys_are_for_the_owner_only(void **state)
{
    struct fixture *t = *state;
    char path[200];
    char id[ID_TEXT_MAX];
    struct stat status;
    make_domain(t, "demo.example");
    struct domain_key key = add(t, "demo.example", "a", DKIM_ED25519_SHA256);
    id_to_text(key.id, id);
    snprintf(path, sizeof(path), "%s/keys/dkim/%s.key", t->path, id);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    /* A lost file signs nothing, and stops nothing. */
    assert_int_equal(unlink(path), 0);
    assert_signs(t, "demo.example", "");
    assert_int_equal(truncate(path, 0), -1);
}

static void test_refuses(void **state)
{
    static const char *const selectors[] = {
        "a.b", "-a",       "a-",
        "a b", "\xc3\xa4", "a234567890123456789012345678901234567890123456789012345678901234"};
    struct fixture *t = *state;
    struct domain_key key;
    make_domain(t, "demo.example");
    for (size_t i = 0; i < ARRAY_LEN(selectors); i++)
        assert_int_equal(domain_key_add(t->directory, S("demo.example"), slice_cstr(selectors[i]),
                                        DKIM_ED25519_SHA256, &t->arena, &key, &t->error),
                         ERR_INVALID);
    add(t, "demo.example", "a23456789012345678901234567890123456789012345678901234567890123",
        DKIM_ED25519_SHA256);
    add(t, "demo.example", "a", DKIM_ED25519_SHA256);
    assert_int_equal(
        domain_key_add(t->directory, S("demo.example"), S("A"), DKIM_RSA_SHA256, &t->arena, &key, &t->error),
        ERR_EXISTS);
    assert_int_equal(
        domain_key_add(t->directory, S("other.example"), S("a"), DKIM_RSA_SHA256, &t->arena, &key, &t->error),
        ERR_NOT_FOUND);
    assert_int_equal(files(t), 2);
}

static void test_limits_keys(void **state)
{
    struct fixture *t = *state;
    struct domain_key key;
    make_domain(t, "demo.example");
    for (int i = 0; i < DOMAIN_KEYS_MAX; i++) {
        key = add(t, "demo.example", "", DKIM_ED25519_SHA256);
        assert_int_equal(key.selector.p[0], 'e');
    }
    assert_int_equal(domain_key_add(t->directory, S("demo.example"), S(""), DKIM_ED25519_SHA256, &t->arena,
                                    &key, &t->error),
                     ERR_LIMIT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_make, fixture_free)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_first_key_of_a_kind_signs),
        TEST(test_keys_take_turns),
        TEST(test_key_of_the_domain_above_signs),
        TEST(test_removed_keys_leave_no_file),
        TEST(test_private_keys_are_for_the_owner_only),
        TEST(test_refuses),
        TEST(test_limits_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

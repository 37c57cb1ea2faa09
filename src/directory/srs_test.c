/* Senders that are rewritten and found again. */
#include "directory/srs.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/test.h"
#include "directory/directory.h"

static const unsigned char key[SRS_KEY_SIZE] = "a key of ours";
static const unsigned char other_key[SRS_KEY_SIZE] = "another key";
#define DAY_ONE (20000 * CLOCK_DAY)

struct bench {
    struct arena arena;
    struct error error;
};

static int make(void **state)
{
    struct bench *b = calloc(1, sizeof(*b));
    b->arena = ARENA(1024 * 1024);
    *state = b;
    return 0;
}

static int destroy(void **state)
{
    struct bench *b = *state;
    arena_release(&b->arena);
    free(b);
    return 0;
}

static struct slice encode(struct bench *b, struct slice sender)
{
    struct slice rewritten;
    assert_int_equal(srs_encode(key, sender, S("ours.example"), DAY_ONE, &b->arena, &rewritten, &b->error),
                     ERR_OK);
    assert_true(slice_ends(rewritten, S("@ours.example")));
    return slice_sub(rewritten, 0, rewritten.n - 13);
}

static enum err decode(struct bench *b, struct slice local, int64_t now_us, struct slice *ret)
{
    return srs_decode(key, local, now_us, &b->arena, ret, &b->error);
}

static void assert_back(struct bench *b, struct slice local, struct slice address)
{
    struct slice found;
    assert_int_equal(decode(b, local, DAY_ONE, &found), ERR_OK);
    assert_true(slice_eq(found, address));
}

static void test_a_sender_comes_back(void **state)
{
    struct bench *b = *state;
    static const char *const senders[] = {"max@far.example",     "a=b=c@far.example",
                                          "Max.M+x@far.example", "m\xc3\xbcller@far.example",
                                          "srs0@far.example",    "SRS1-x@far.example"};
    for (size_t i = 0; i < ARRAY_LEN(senders); i++) {
        struct slice local = encode(b, slice_cstr(senders[i]));
        assert_true(slice_starts(local, S("SRS0=")));
        assert_true(srs_is_form(local));
        assert_back(b, local, slice_cstr(senders[i]));
    }
}

static void test_a_sender_that_was_rewritten_before_goes_back_to_the_first(void **state)
{
    struct bench *b = *state;
    struct slice local = encode(b, S("SRS0+hhh=tt=far.example=max@first.example"));
    assert_true(slice_starts(local, S("SRS1=")));
    assert_true(slice_ends(local, S("=first.example=+hhh=tt=far.example=max")));
    assert_back(b, local, S("SRS0+hhh=tt=far.example=max@first.example"));
    local = encode(b, S("SRS1=xxx=first.example==hhh=tt=far.example=max@second.example"));
    assert_true(slice_ends(local, S("=first.example==hhh=tt=far.example=max")));
    assert_back(b, local, S("SRS0=hhh=tt=far.example=max@first.example"));
}

static void test_case_does_not_matter(void **state)
{
    struct bench *b = *state;
    struct slice local = encode(b, S("Max@far.example"));
    char lower[200];
    for (size_t i = 0; i < local.n; i++)
        lower[i] = ascii_lower(local.p[i]);
    assert_back(b, slice_of(lower, local.n), S("max@far.example"));
}

static void test_it_expires(void **state)
{
    struct bench *b = *state;
    struct slice found;
    struct slice local = encode(b, S("max@far.example"));
    assert_int_equal(decode(b, local, DAY_ONE + SRS_DAYS * CLOCK_DAY, &found), ERR_OK);
    assert_int_equal(decode(b, local, DAY_ONE + (SRS_DAYS + 1) * CLOCK_DAY, &found), ERR_INVALID);
    assert_int_equal(decode(b, local, DAY_ONE - CLOCK_DAY, &found), ERR_INVALID);
}

static void test_every_changed_byte_is_a_forgery(void **state)
{
    struct bench *b = *state;
    static const char *const senders[] = {"max@far.example", "SRS0=hhh=tt=far.example=max@first.example"};
    for (size_t k = 0; k < ARRAY_LEN(senders); k++) {
        struct slice local = encode(b, slice_cstr(senders[k]));
        char changed[200];
        for (size_t i = 0; i < local.n; i++) {
            struct slice found;
            memcpy(changed, local.p, local.n);
            changed[i] = changed[i] == 'x' ? 'y' : 'x';
            assert_int_equal(decode(b, slice_of(changed, local.n), DAY_ONE, &found), ERR_INVALID);
            assert_int_equal(decode(b, slice_sub(local, 0, i), DAY_ONE, &found), ERR_INVALID);
        }
        struct slice found;
        assert_int_equal(srs_decode(other_key, local, DAY_ONE, &b->arena, &found, &b->error), ERR_INVALID);
    }
}

static void test_what_has_no_form_is_told(void **state)
{
    struct bench *b = *state;
    static const char *const senders[] = {"", "max", "@far.example", "\"max m\"@far.example"};
    struct slice found;
    for (size_t i = 0; i < ARRAY_LEN(senders); i++)
        assert_int_equal(
            srs_encode(key, slice_cstr(senders[i]), S("ours.example"), DAY_ONE, &b->arena, &found, &b->error),
            ERR_INVALID);
    static const char *const locals[] = {
        "", "srs", "srs0", "SRS0=", "SRS1==", "SRS0=aaaaaaaa", "max", "SRS2=a=b"};
    for (size_t i = 0; i < ARRAY_LEN(locals); i++)
        assert_int_equal(decode(b, slice_cstr(locals[i]), DAY_ONE, &found), ERR_INVALID);
}

static void test_a_result_over_the_limit_is_none(void **state)
{
    struct bench *b = *state;
    char sender[ADDRESS_MAX];
    struct slice found;
    /* "SRS0=" 8 "=" 2 "=far.example=" local "@ours.example" */
    size_t n = ADDRESS_MAX - 5 - 8 - 1 - 2 - 13 - 13;
    memset(sender, 'a', n + 1);
    memcpy(sender + n, "@far.example", 12);
    assert_back(b, encode(b, slice_of(sender, n + 12)), slice_of(sender, n + 12));
    memset(sender, 'a', n + 1);
    memcpy(sender + n + 1, "@far.example", 12);
    assert_int_equal(
        srs_encode(key, slice_of(sender, n + 13), S("ours.example"), DAY_ONE, &b->arena, &found, &b->error),
        ERR_INVALID);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, destroy)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_sender_comes_back),
        TEST(test_a_sender_that_was_rewritten_before_goes_back_to_the_first),
        TEST(test_case_does_not_matter),
        TEST(test_it_expires),
        TEST(test_every_changed_byte_is_a_forgery),
        TEST(test_what_has_no_form_is_told),
        TEST(test_a_result_over_the_limit_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

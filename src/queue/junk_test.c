#include "queue/junk.h"

#include "base/clock.h"
#include "queue/testing.h"
#include "store/junk_learn.h"

enum { LESSONS = 25 };

#define CASINO "casino bonus jackpot winner lottery unlimited roulette deposit poker slots"
#define WORK "meeting minutes project budget review schedule agenda slides draft colleague"

static struct folder_id role(struct house *t, struct account *account, enum folder_role which)
{
    struct folder folder;
    ASSERT_OK(t, folder_by_role(account, which, &t->arena, &folder, &t->error));
    return folder.id;
}

static void put(struct house *t, struct account *account, struct folder_id folder, const char *text)
{
    struct append_item item = {.folder = folder, .body = slice_cstr(text)};
    struct append_result result;
    ASSERT_OK(t, message_append(account, &item, 1, &result, &t->error));
}

static void move_all(struct house *t, struct account *account, struct folder_id from, struct folder_id to)
{
    CLEANUP(uid_set_release) struct uid_set all = {0};
    CLEANUP(copy_result_release) struct copy_result moved = {0};
    uid_set_add(&all, 1, UINT32_MAX);
    clock_shift(CLOCK_SECOND);
    ASSERT_OK(t, message_copy(account, from, &all, to, true, &moved, &t->error));
}

/* Anna knows a friend, and what she calls junk. */
static int setup(void **state)
{
    static const atomic_bool stopping = false;
    if (house_make(state) != 0)
        return -1;
    struct house *t = *state;
    struct account *account;
    bool more = true;
    const struct account_limits limits = ACCOUNT_LIMITS_DEFAULT;
    ASSERT_OK(t, store_account(t->store, t->anna, &account, &t->error));
    store_account_limits(t->store, t->anna, &limits);
    struct folder_id inbox = role(t, account, ROLE_FOLDER_INBOX);
    for (int i = 0; i < LESSONS; i++)
        put(t, account, inbox, "From: a@b.example\r\n\r\n" CASINO "\r\n");
    move_all(t, account, inbox, role(t, account, ROLE_FOLDER_JUNK));
    for (int i = 0; i < LESSONS; i++)
        put(t, account, inbox, "From: a@b.example\r\n\r\n" WORK "\r\n");
    move_all(t, account, inbox, role(t, account, ROLE_FOLDER_ARCHIVE));
    put(t, account, role(t, account, ROLE_FOLDER_SENT), "To: friend@far.example\r\n\r\nhi\r\n");
    while (more)
        ASSERT_OK(t, junk_learn_step(account, &stopping, &more, &t->error));
    account_unref(account);
    return 0;
}

/* Whether it goes into Junk; the field in *ret_field. */
static bool judged(struct house *t, const struct queue_envelope *envelope, const char *text,
                   char field[static 1000])
{
    struct account *account;
    CLEANUP(buf_release) struct buf prefix = BUF(16 * 1024);
    struct entry *entry = entry_new((struct queue_id){1}, envelope, 1);
    assert_non_null(entry);
    entry->size = strlen(text);
    entry->body = strdup(text);
    ASSERT_OK(t, store_account(t->store, t->anna, &account, &t->error));
    bool junk = junk_filing(account, entry, &prefix);
    account_unref(account);
    entry_free(entry);
    snprintf(field, 1000, "%.*s", SLICE_ARGS(buf_slice(&prefix)));
    return junk;
}

static const struct queue_envelope stranger = {.protocol = {"ESMTP", 5}};

#define LIKE_JUNK "\r\n" CASINO "\r\n"

static void test_what_is_like_junk_goes_there(void **state)
{
    struct house *t = *state;
    char field[1000];
    assert_true(judged(t, &stranger, "From: x@y.example\r\n" LIKE_JUNK, field));
    ASSERT_HAS(field, "X-Posthorn-Junk: yes, 0.9");
    assert_false(judged(t, &stranger, "From: x@y.example\r\n\r\n" WORK "\r\n", field));
    ASSERT_HAS(field, "X-Posthorn-Junk: no, 0.0");
}

static void test_whom_she_knows_is_not_junk_but_who_forges_him(void **state)
{
    struct house *t = *state;
    char field[1000];
    struct queue_envelope forged = stranger;
    assert_false(judged(t, &stranger, "From: friend@far.example\r\n" LIKE_JUNK, field));
    ASSERT_HAS(field, "X-Posthorn-Junk: no, 0.9");
    ASSERT_HAS(field, "; sender known");
    forged.results =
        S("Authentication-Results: mail.example;\r\n\tdmarc=fail (p=none) header.from=far.example\r\n");
    assert_true(judged(t, &forged, "From: friend@far.example\r\n" LIKE_JUNK, field));
    forged.results =
        S("Authentication-Results: mail.example;\r\n\tdmarc=pass (p=none) header.from=far.example\r\n");
    assert_false(judged(t, &forged, "From: friend@far.example\r\n" LIKE_JUNK, field));
}

static void test_what_the_house_says_comes_first(void **state)
{
    struct house *t = *state;
    char field[1000];
    struct queue_envelope envelope = stranger;
    envelope.junk = true;
    assert_true(judged(t, &envelope, "From: x@y.example\r\n\r\n" WORK "\r\n", field));
    assert_string_equal(field, "");
    envelope = (struct queue_envelope){.protocol = S("ESMTP"), .ours = true};
    assert_false(judged(t, &envelope, "From: x@y.example\r\n" LIKE_JUNK, field));
    assert_string_equal(field, "");
}

static void test_marked_only_or_not_at_all(void **state)
{
    struct house *t = *state;
    char field[1000];
    struct account_limits limits = ACCOUNT_LIMITS_DEFAULT;
    limits.junk_filter = JUNK_FILTER_MARK;
    store_account_limits(t->store, t->anna, &limits);
    assert_false(judged(t, &stranger, "From: x@y.example\r\n" LIKE_JUNK, field));
    ASSERT_HAS(field, "X-Posthorn-Junk: yes, 0.9");
    limits.junk_filter = JUNK_FILTER_OFF;
    store_account_limits(t->store, t->anna, &limits);
    assert_false(judged(t, &stranger, "From: x@y.example\r\n" LIKE_JUNK, field));
    assert_string_equal(field, "");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, house_free)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_is_like_junk_goes_there),
        TEST(test_whom_she_knows_is_not_junk_but_who_forges_him),
        TEST(test_what_the_house_says_comes_first),
        TEST(test_marked_only_or_not_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "base/clock.h"
#include "store/share.h"
#include "store/testing.h"

static const struct account_id other_account = {0x1111111111111111};

struct pair {
    struct fixture *fixture;
    struct account *other;
    struct folder inbox;
};

static struct pair make_pair(struct fixture *fixture)
{
    struct pair pair = {.fixture = fixture};
    OK(store_account_ensure(fixture->store, other_account, &pair.other, &fixture->error));
    OK(folder_find(pair.other, S("INBOX"), &fixture->arena, &pair.inbox, &fixture->error));
    return pair;
}

static struct message *messages_of(struct fixture *fixture, struct account *account, struct folder_id folder,
                                   size_t *ret_count)
{
    CLEANUP(uid_set_release) struct uid_set all = range(1, UINT32_MAX);
    struct message *messages = NULL;
    OK(message_list(account, folder, &all, WANT_FLAGS, 0, &fixture->arena, &messages, ret_count,
                    &fixture->error));
    return messages;
}

static enum err copy(struct pair *pair, bool move, struct flagset keep, struct copy_result *ret_result)
{
    struct fixture *fixture = pair->fixture;
    CLEANUP(uid_set_release) struct uid_set all = range(1, UINT32_MAX);
    const struct copy_order order = {.move = move, .keep = keep};
    return message_copy_across(fixture->account, fixture->inbox.id, &all, pair->other, pair->inbox.id, &order,
                               ret_result, &fixture->error);
}

static unsigned bit_of(struct fixture *fixture, struct account *account, const char *name)
{
    unsigned bit = 0;
    OK(keyword_bit(account, slice_cstr(name), true, &bit, &fixture->error));
    return bit;
}

static void append_flagged(struct fixture *fixture, const unsigned *bits, size_t count)
{
    struct append_item item = {
        .folder = fixture->inbox.id, .body = small_message, .internal_date_us = 1000 * CLOCK_SECOND};
    struct append_result result;
    for (size_t i = 0; i < count; i++)
        flag_set(&item.flags, bits[i]);
    OK(message_append(fixture->account, &item, 1, &result, &fixture->error));
}

static void test_copies_bytes_dates_and_flags_with_keywords_by_name(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = make_pair(fixture);
    CLEANUP(copy_result_release) struct copy_result result = {0};
    CLEANUP(content_release) struct content content = {0};
    size_t count;
    bit_of(fixture, pair.other, "already");
    bit_of(fixture, fixture->account, "unused");
    append_flagged(fixture, (unsigned[]){FLAG_SEEN, bit_of(fixture, fixture->account, "work")}, 2);
    append(fixture, fixture->inbox.id, small_message);
    OK(copy(&pair, false, FLAGS_ALL, &result));
    assert_true(uid_set_has(&result.from, 2) && uid_set_size(&result.to) == 2);
    assert_int_equal(result.uidvalidity, pair.inbox.uidvalidity);
    struct message *messages = messages_of(fixture, pair.other, pair.inbox.id, &count);
    assert_int_equal(count, 2);
    assert_true(flag_has(&messages[0].flags, FLAG_SEEN));
    assert_true(flag_has(&messages[0].flags, FLAG_KEYWORDS_FROM + 1));
    assert_int_equal(bit_of(fixture, pair.other, "WORK"), FLAG_KEYWORDS_FROM + 1);
    assert_int_equal(messages[0].internal_date_us, 1000 * CLOCK_SECOND);
    OK(message_read(pair.other, messages[0].object, CONTENT_WHOLE, &content, &fixture->error));
    assert_true(slice_eq(content.whole, small_message));
    messages_of(fixture, fixture->account, fixture->inbox.id, &count);
    assert_int_equal(count, 2);
    account_unref(pair.other);
}

static void test_keeps_only_the_flags_that_may_be_set(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = make_pair(fixture);
    CLEANUP(copy_result_release) struct copy_result result = {0};
    size_t count;
    append_flagged(
        fixture, (unsigned[]){FLAG_SEEN, FLAG_DELETED, FLAG_DRAFT, bit_of(fixture, fixture->account, "work")},
        4);
    OK(copy(&pair, false, rights_flags(RIGHT_SEEN), &result));
    struct message *messages = messages_of(fixture, pair.other, pair.inbox.id, &count);
    assert_int_equal(messages[0].flags.words[0], 1U << FLAG_SEEN);
    struct slice *names;
    OK(keyword_names(pair.other, &fixture->arena, &names, &count, &fixture->error));
    assert_int_equal(count, 0);
    account_unref(pair.other);
}

static void test_moves_in_batches_and_in_order(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = make_pair(fixture);
    CLEANUP(copy_result_release) struct copy_result result = {0};
    size_t count;
    for (int i = 0; i < 250; i++)
        append(fixture, fixture->inbox.id, small_message);
    OK(copy(&pair, true, FLAGS_ALL, &result));
    assert_int_equal(uid_set_size(&result.from), 250);
    assert_int_equal(uid_set_size(&result.to), 250);
    messages_of(fixture, fixture->account, fixture->inbox.id, &count);
    assert_int_equal(count, 0);
    messages_of(fixture, pair.other, pair.inbox.id, &count);
    assert_int_equal(count, 250);
    account_check_invariants(fixture->account);
    account_check_invariants(pair.other);
    account_unref(pair.other);
}

static void test_what_does_not_fit_leaves_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct pair pair = make_pair(fixture);
    struct copy_result result = {0};
    size_t count;
    for (int i = 0; i < 150; i++)
        append(fixture, fixture->inbox.id, small_message);
    const struct account_limits limits = {.quota_messages = 120};
    store_account_limits(fixture->store, other_account, &limits);
    assert_int_equal(copy(&pair, true, FLAGS_ALL, &result), ERR_QUOTA);
    messages_of(fixture, pair.other, pair.inbox.id, &count);
    assert_int_equal(count, 0);
    messages_of(fixture, fixture->account, fixture->inbox.id, &count);
    assert_int_equal(count, 150);
    account_check_invariants(pair.other);
    account_unref(pair.other);
}

static void test_an_order_limits_flags_within_an_account(void **state)
{
    struct fixture *fixture = *state;
    struct folder_id plans = make_folder(fixture, "Plans");
    CLEANUP(uid_set_release) struct uid_set all = range(1, UINT32_MAX);
    CLEANUP(copy_result_release) struct copy_result copied = {0};
    CLEANUP(flag_result_release) struct flag_result flagged = {0};
    size_t count;
    append_flagged(fixture, (unsigned[]){FLAG_SEEN, FLAG_FLAGGED}, 2);
    const struct copy_order copy_order = {.keep = rights_flags(RIGHT_WRITE)};
    OK(message_copy_order(fixture->account, fixture->inbox.id, &all, plans, &copy_order, &copied,
                          &fixture->error));
    struct message *messages = messages_of(fixture, fixture->account, plans, &count);
    assert_int_equal(messages[0].flags.words[0], 1U << FLAG_FLAGGED);
    assert_int_equal(get_folder(fixture, plans).unseen, 1);
    /* FLAGS (\Seen \Deleted) by one who may change \Deleted only. */
    const struct flag_order order = {.how = FLAGS_REPLACE,
                                     .flags = {{1U << FLAG_SEEN | 1U << FLAG_DELETED}},
                                     .may = rights_flags(RIGHT_TRASH)};
    OK(message_flags_order(fixture->account, plans, &all, &order, &flagged, &fixture->error));
    messages = messages_of(fixture, fixture->account, plans, &count);
    assert_int_equal(messages[0].flags.words[0], 1U << FLAG_FLAGGED | 1U << FLAG_DELETED);
    account_check_invariants(fixture->account);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_copies_bytes_dates_and_flags_with_keywords_by_name),
        STORE_TEST(test_keeps_only_the_flags_that_may_be_set),
        STORE_TEST(test_moves_in_batches_and_in_order),
        STORE_TEST(test_what_does_not_fit_leaves_nothing),
        STORE_TEST(test_an_order_limits_flags_within_an_account),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

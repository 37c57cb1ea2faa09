#include "store/remembered.h"

#include "base/clock.h"
#include "store/testing.h"
#include "store/work.h"

#define HERE S("delivery number1")
#define THERE S("delivery number2")

static struct remembered item(uint32_t number, int64_t expires_us)
{
    struct remembered item = {.expires_us = expires_us};
    memcpy(item.key, &number, sizeof(number));
    return item;
}

static bool find(struct fixture *fixture, const struct remembered *wanted, struct slice delivery, int64_t now)
{
    bool found = false;
    OK(remembered_find(fixture->account, wanted, delivery, now, &found, &fixture->error));
    return found;
}

static void test_what_another_delivery_noted_is_found_until_it_expires(void **state)
{
    struct fixture *fixture = *state;
    const struct remembered one = item(1, 1000), other = item(2, 1000);
    assert_false(find(fixture, &one, HERE, 500));
    OK(remembered_note(fixture->account, &one, 1, HERE, &fixture->error));
    fixture_again(fixture);
    assert_true(find(fixture, &one, THERE, 999));
    assert_true(find(fixture, &one, slice_none(), 999));
    assert_false(find(fixture, &one, THERE, 1000));
    assert_false(find(fixture, &other, THERE, 500));
}

static void test_a_delivery_that_is_tried_again_does_not_find_its_own(void **state)
{
    struct fixture *fixture = *state;
    const struct remembered one = item(1, 1000);
    OK(remembered_note(fixture->account, &one, 1, HERE, &fixture->error));
    assert_false(find(fixture, &one, HERE, 500));
}

static void test_it_comes_and_goes_with_the_message(void **state)
{
    struct fixture *fixture = *state;
    const struct remembered one = item(1, INT64_MAX), other = item(2, INT64_MAX);
    struct append_item message = {.folder = fixture->inbox.id,
                                  .body = S("Subject: a\r\n\r\n"),
                                  .delivery_id = HERE,
                                  .remember = &one,
                                  .remember_count = 1};
    struct append_result result;
    OK(message_append(fixture->account, &message, 1, &result, &fixture->error));
    assert_true(find(fixture, &one, THERE, 0));
    message.folder.v += 1000;
    message.delivery_id = THERE;
    message.remember = &other;
    assert_int_equal(message_append(fixture->account, &message, 1, &result, &fixture->error), ERR_NOT_FOUND);
    assert_false(find(fixture, &other, HERE, 0));
}

static void test_past_the_limit_the_first_to_expire_goes(void **state)
{
    struct fixture *fixture = *state;
    struct remembered *items = calloc(REMEMBERED_MAX + 1, sizeof(*items));
    must(items != NULL);
    for (uint32_t i = 0; i <= REMEMBERED_MAX; i++)
        items[i] = item(i, 1000 + (int64_t)i);
    OK(remembered_note(fixture->account, items, REMEMBERED_MAX, HERE, &fixture->error));
    assert_true(find(fixture, &items[0], THERE, 0));
    OK(remembered_note(fixture->account, &items[REMEMBERED_MAX], 1, HERE, &fixture->error));
    assert_false(find(fixture, &items[0], THERE, 0));
    assert_true(find(fixture, &items[1], THERE, 0));
    assert_true(find(fixture, &items[REMEMBERED_MAX], THERE, 0));
    free(items);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_what_another_delivery_noted_is_found_until_it_expires),
        STORE_TEST(test_a_delivery_that_is_tried_again_does_not_find_its_own),
        STORE_TEST(test_it_comes_and_goes_with_the_message),
        STORE_TEST(test_past_the_limit_the_first_to_expire_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

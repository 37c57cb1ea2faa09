#include "bench/message.h"

#include "base/test.h"

static const struct message_kind plain = {
    .seed = 1, .size = 4096, .sender = "a@b.example", .recipient = "c@d.example"};

static void test_same_seed_and_number_give_the_same_message(void **state)
{
    (void)state;
    CLEANUP(buf_release) struct buf first = BUF(100000);
    CLEANUP(buf_release) struct buf second = BUF(100000);
    message_write(&plain, 7, &first);
    message_write(&plain, 7, &second);
    assert_true(slice_eq(buf_slice(&first), buf_slice(&second)));
    buf_clear(&second);
    message_write(&plain, 8, &second);
    assert_false(slice_eq(buf_slice(&first), buf_slice(&second)));
}

static void test_messages_are_about_as_large_as_asked(void **state)
{
    (void)state;
    for (uint64_t number = 0; number < 16; number++) {
        struct message_kind kind = plain;
        kind.mixed = true;
        CLEANUP(buf_release) struct buf out = BUF(100000);
        message_write(&kind, number, &out);
        assert_false(buf_failed(&out));
        assert_in_range(out.n, 4096, 4096 + 300);
    }
}

static void test_no_line_wants_dot_stuffing(void **state)
{
    (void)state;
    CLEANUP(buf_release) struct buf out = BUF(1000000);
    for (uint64_t number = 0; number < 16; number++)
        message_write(&plain, number, &out);
    assert_int_equal(slice_find(buf_slice(&out), S("\n.")), -1);
    assert_true(slice_ends(buf_slice(&out), S("\r\n")));
}

static void test_one_in_a_thousand_has_the_needle(void **state)
{
    (void)state;
    unsigned found = 0;
    for (uint64_t number = 0; number < 3000; number++) {
        CLEANUP(buf_release) struct buf out = BUF(100000);
        message_write(&plain, number, &out);
        found += slice_find(buf_slice(&out), S("needle")) >= 0;
    }
    assert_int_equal(found, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_seed_and_number_give_the_same_message),
        cmocka_unit_test(test_messages_are_about_as_large_as_asked),
        cmocka_unit_test(test_no_line_wants_dot_stuffing),
        cmocka_unit_test(test_one_in_a_thousand_has_the_needle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

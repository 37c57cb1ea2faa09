#include "managesieve/reader.h"

#include "base/test.h"
#include "managesieve/managesieve.h"

struct fed {
    struct managesieve_reader reader;
    enum reader_status status;
    size_t used;
};

static void feed(struct fed *t, struct slice in)
{
    CLEANUP(buf_release) struct buf out = BUF(100);
    t->status = t->reader.reader.feed(&t->reader.reader, in, &t->used, &out);
    assert_int_equal(out.n, 0);
}

static struct fed start(void)
{
    struct fed t = {0};
    managesieve_reader_init(&t.reader, 40, 20);
    return t;
}

static void expect(struct fed *t, const char *text)
{
    assert_int_equal(t->status, READER_DONE);
    assert_true(slice_eq(managesieve_reader_text(&t->reader), slice_cstr(text)));
}

static void test_a_line_and_what_follows_it(void **state)
{
    struct fed t = start();
    (void)state;
    feed(&t, S("NOOP\r\nLOGOUT\n"));
    expect(&t, "NOOP");
    assert_int_equal(t.used, 6);
    feed(&t, S("LOGOUT\n"));
    expect(&t, "LOGOUT");
    managesieve_reader_release(&t.reader);
}

static void test_literals_stand_in_the_text_in_whatever_pieces_they_come(void **state)
{
    static const char whole[] = "PUTSCRIPT {1+}\r\na {7+}\r\nkeep;\r\n\r\n";
    (void)state;
    for (size_t cut = 1; cut < sizeof(whole) - 1; cut++) {
        struct fed t = start();
        feed(&t, slice_of(whole, cut));
        if (t.status == READER_MORE) {
            assert_int_equal(t.used, cut);
            feed(&t, slice_of(whole + cut, sizeof(whole) - 1 - cut));
        }
        expect(&t, "PUTSCRIPT {1+}\r\na {7+}\r\nkeep;\r\n");
        managesieve_reader_release(&t.reader);
    }
}

static void test_an_empty_literal_ends_at_once(void **state)
{
    struct fed t = start();
    (void)state;
    feed(&t, S("SETACTIVE {0+}\r\n\r\n"));
    expect(&t, "SETACTIVE {0+}\r\n");
    managesieve_reader_release(&t.reader);
}

static void test_a_line_has_a_limit_and_the_next_is_read(void **state)
{
    struct fed t = start();
    (void)state;
    feed(&t, S("1234567890123456789012345678901234567890\n"));
    expect(&t, "1234567890123456789012345678901234567890");
    feed(&t, S("12345678901234567890123456789012345678901\n"));
    assert_int_equal(t.status, READER_FAILED);
    assert_false(t.reader.flooded);
    feed(&t, S("NOOP\r\n"));
    expect(&t, "NOOP");
    managesieve_reader_release(&t.reader);
}

static void test_literals_together_have_a_limit_and_are_passed_over(void **state)
{
    struct fed t = start();
    (void)state;
    feed(&t, S("A {20+}\r\n12345678901234567890\r\n"));
    expect(&t, "A {20+}\r\n12345678901234567890");
    feed(&t, S("A {15+}\r\n123456789012345 {6+}\r\n"));
    assert_int_equal(t.status, READER_MORE);
    feed(&t, S("123\n56 {3+}\r\nabc\r\n"));
    assert_int_equal(t.status, READER_FAILED);
    feed(&t, S("NOOP\r\n"));
    expect(&t, "NOOP");
    managesieve_reader_release(&t.reader);
}

static void test_too_much_to_pass_over_ends_it(void **state)
{
    char line[60];
    (void)state;
    for (int more = 0; more < 2; more++) {
        struct fed t = start();
        snprintf(line, sizeof(line), "A {%d+}\r\n", MANAGESIEVE_SKIP_MAX + more);
        feed(&t, slice_cstr(line));
        assert_int_equal(t.status, more ? READER_FAILED : READER_MORE);
        assert_int_equal(t.reader.flooded, more);
        managesieve_reader_release(&t.reader);
    }
    struct fed t = start();
    feed(&t, S("A {99999999999999999999999999+}\r\n"));
    assert_true(t.status == READER_FAILED && t.reader.flooded);
    managesieve_reader_release(&t.reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_line_and_what_follows_it),
        cmocka_unit_test(test_literals_stand_in_the_text_in_whatever_pieces_they_come),
        cmocka_unit_test(test_an_empty_literal_ends_at_once),
        cmocka_unit_test(test_a_line_has_a_limit_and_the_next_is_read),
        cmocka_unit_test(test_literals_together_have_a_limit_and_are_passed_over),
        cmocka_unit_test(test_too_much_to_pass_over_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

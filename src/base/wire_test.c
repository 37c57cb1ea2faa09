#include "base/test.h"
#include "base/wire.h"

static void test_reads_what_was_written(void **state UNUSED)
{
    static const uint64_t numbers[] = {0, 1, 127, 128, 16383, 16384, UINT32_MAX, INT64_MAX, UINT64_MAX};
    CLEANUP(buf_release) struct buf b = BUF(1000);
    wire_put_u8(&b, 200);
    wire_put_u32(&b, 0xdeadbeef);
    wire_put_u64(&b, UINT64_MAX - 1);
    wire_put_slice(&b, S("a\0b"));
    wire_put_slice(&b, slice_none());
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        wire_put_varint(&b, numbers[i]);
    struct wire_reader r = wire_reader_of(buf_slice(&b));
    assert_int_equal(wire_get_u8(&r), 200);
    assert_int_equal(wire_get_u32(&r), 0xdeadbeef);
    assert_int_equal(wire_get_u64(&r), UINT64_MAX - 1);
    assert_true(slice_eq(wire_get_slice(&r), S("a\0b")));
    assert_int_equal(wire_get_slice(&r).n, 0);
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        assert_int_equal(wire_get_varint(&r), numbers[i]);
    assert_true(wire_end(&r));
}

static void test_numbers_are_little_endian(void **state UNUSED)
{
    CLEANUP(buf_release) struct buf b = BUF(100);
    wire_put_u32(&b, 0x01020304);
    wire_put_varint(&b, 300);
    assert_true(slice_eq(buf_slice(&b), S("\x04\x03\x02\x01\xac\x02")));
}

static void test_missing_bytes_fail_for_good(void **state UNUSED)
{
    struct wire_reader r = wire_reader_of(S("\x01\x02\x03"));
    assert_int_equal(wire_get_u32(&r), 0);
    assert_false(wire_ok(&r));
    assert_int_equal(wire_get_u8(&r), 0); /* a byte is there, but the record is broken */
    assert_int_equal(wire_get_slice(&r).n, 0);
    assert_false(wire_end(&r));
}

static void test_empty_input(void **state UNUSED)
{
    struct wire_reader r = wire_reader_of(slice_none());
    assert_true(wire_end(&r));
    assert_int_equal(wire_get_varint(&r), 0);
    assert_false(wire_ok(&r));
}

static void test_rest_is_seen(void **state UNUSED)
{
    struct wire_reader r = wire_reader_of(S("\x01\x02"));
    assert_int_equal(wire_get_u8(&r), 1);
    assert_true(wire_ok(&r));
    assert_false(wire_end(&r));
}

static void test_slice_longer_than_the_input_fails(void **state UNUSED)
{
    struct wire_reader exact = wire_reader_of(S("\x03"
                                                "abc"));
    assert_true(slice_eq(wire_get_slice(&exact), S("abc")));
    assert_true(wire_end(&exact));
    struct wire_reader r = wire_reader_of(S("\x04"
                                            "abc"));
    assert_int_equal(wire_get_slice(&r).n, 0);
    assert_false(wire_ok(&r));
    struct wire_reader huge = wire_reader_of(S("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"
                                               "abc"));
    assert_int_equal(wire_get_slice(&huge).n, 0);
    assert_false(wire_ok(&huge));
}

static void test_varint_takes_64_bits_and_no_more(void **state UNUSED)
{
    struct wire_reader most = wire_reader_of(S("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"));
    assert_int_equal(wire_get_varint(&most), UINT64_MAX);
    assert_true(wire_end(&most));
    struct wire_reader bit_65 = wire_reader_of(S("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x02"));
    assert_int_equal(wire_get_varint(&bit_65), 0);
    assert_false(wire_ok(&bit_65));
    struct wire_reader endless = wire_reader_of(S("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"));
    assert_int_equal(wire_get_varint(&endless), 0);
    assert_false(wire_ok(&endless));
    struct wire_reader cut = wire_reader_of(S("\x80"));
    assert_int_equal(wire_get_varint(&cut), 0);
    assert_false(wire_ok(&cut));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_what_was_written),
        cmocka_unit_test(test_numbers_are_little_endian),
        cmocka_unit_test(test_missing_bytes_fail_for_good),
        cmocka_unit_test(test_empty_input),
        cmocka_unit_test(test_rest_is_seen),
        cmocka_unit_test(test_slice_longer_than_the_input_fails),
        cmocka_unit_test(test_varint_takes_64_bits_and_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

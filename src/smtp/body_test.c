#include "link/test_link.h"

#include "base/test.h"
#include "smtp/body.h"

enum { SIZE_MAX_HERE = 200 * 1024 };

static struct smtp_body body_of(size_t n, size_t step)
{
    static char bytes[SIZE_MAX_HERE + 1];
    static struct link link;
    struct smtp_body body;
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)('a' + i % 26);
    played_reset();
    smtp_body_init(&body, &link, SIZE_MAX_HERE);
    for (size_t at = 0; at < n; at += step)
        smtp_body_put(&body, slice_sub(slice_of(bytes, n), at, step));
    smtp_body_finish(&body);
    return body;
}

/* What store would see in the file. */
static size_t spooled(void)
{
    CLEANUP(buf_release) struct buf text = BUF(2 * SIZE_MAX_HERE);
    struct error error;
    assert_int_equal(lseek(played.spool_fd, 0, SEEK_SET), 0);
    assert_int_equal(fd_read_all(played.spool_fd, &text, &error), ERR_OK);
    for (size_t i = 0; i < text.n; i++)
        assert_int_equal(text.p[i], 'a' + (char)(i % 26));
    return text.n;
}

static void test_stays_in_memory_up_to_the_limit(void **state)
{
    struct smtp_body body = body_of(QUEUE_INLINE_MAX, 1000);
    (void)state;
    assert_int_equal(body.spool, 0);
    assert_int_equal(body.memory.n, QUEUE_INLINE_MAX);
    assert_false(body.failed || body.too_large);
    smtp_body_drop(&body);
    assert_int_equal(played.dropped, 0);
}

static void test_one_byte_more_goes_to_a_file(void **state)
{
    (void)state;
    for (size_t step = 1000; step < SIZE_MAX_HERE; step += 70000) {
        struct smtp_body body = body_of(QUEUE_INLINE_MAX + 1, step);
        assert_int_equal(body.spool, PLAYED_SPOOL);
        assert_int_equal(spooled(), QUEUE_INLINE_MAX + 1);
        smtp_body_drop(&body);
        assert_int_equal(played.dropped, 1);
        assert_true(body.spool == 0 && body.size == 0 && body.fd == -1);
    }
    struct smtp_body body = body_of(SIZE_MAX_HERE, 7777);
    assert_int_equal(spooled(), SIZE_MAX_HERE);
    smtp_body_accepted(&body);
    smtp_body_drop(&body);
    assert_int_equal(played.dropped, 0);
}

static void test_too_large_is_remembered(void **state)
{
    struct smtp_body body = body_of(SIZE_MAX_HERE + 1, 1000);
    (void)state;
    assert_true(body.too_large);
    smtp_body_drop(&body);
    assert_int_equal(played.dropped, 1);
    assert_false(body.too_large);
}

static void test_failing_spool_is_remembered(void **state)
{
    static struct link link;
    static char bytes[QUEUE_INLINE_MAX];
    struct smtp_body body;
    (void)state;
    for (int way = 0; way < 2; way++) {
        played_reset();
        played.no_spool = way == 0;
        played.spool_is_full = way == 1;
        smtp_body_init(&body, &link, SIZE_MAX_HERE);
        smtp_body_put(&body, slice_of(bytes, sizeof(bytes)));
        assert_false(body.failed);
        smtp_body_put(&body, S("x"));
        smtp_body_put(&body, S("y"));
        smtp_body_finish(&body);
        assert_true(body.failed);
        smtp_body_drop(&body);
        assert_int_equal(played.dropped, way);
    }
    played_reset();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stays_in_memory_up_to_the_limit),
        cmocka_unit_test(test_one_byte_more_goes_to_a_file),
        cmocka_unit_test(test_too_large_is_remembered),
        cmocka_unit_test(test_failing_spool_is_remembered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

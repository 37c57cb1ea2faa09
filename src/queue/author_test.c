/* Who is named as the author of what is submitted. */
#include "queue/author.h"

#include "base/fdio.h"
#include "mime/address.h"
#include "queue/testing.h"

static enum err check_as(struct house *t, struct account_id person, const char *header)
{
    CLEANUP(buf_release) struct buf message = BUF(4 * AUTHOR_HEADER_MAX);
    buf_printf(&message, "%s\r\nbody\r\nFrom: otto@demo.example\r\n", header);
    return queue_author_check(t->queue, t->anna, person, buf_slice(&message), 0, &t->error);
}

static enum err check(struct house *t, const char *header)
{
    return check_as(t, (struct account_id){0}, header);
}

static void test_own_addresses_are_well(void **state)
{
    struct house *t = *state;
    struct slice anna[] = {S("anna@demo.example")};
    house_alias(t, "info@demo.example", anna, 1, false);
    ASSERT_OK(t, check(t, "From: Anna <ANNA@demo.example>\r\n"));
    ASSERT_OK(t, check(t, "From: \"otto@demo.example\" <anna+x@demo.example>\r\n"));
    ASSERT_OK(t, check(t, "from : anna@demo.example (otto@demo.example)\r\nSender: info@demo.example\r\n"));
    ASSERT_OK(t, check(t, "From: Anna\r\n <info@demo.example>,\r\n\tanna@demo.example\r\n"));
    ASSERT_OK(t, check(t, "Subject: nobody is named\r\n"));
    ASSERT_OK(t, check(t, "From: Undisclosed:;\r\n")); /* RFC 6854 */
}

static void test_others_are_refused_by_name(void **state)
{
    struct house *t = *state;
    static const char *const wrong[] = {
        "From: otto@demo.example\r\n",
        "From: Anna <otto@demo.example>\r\n",
        "From: anna@demo.example, otto@demo.example\r\n",
        "From: anna@demo.example\r\nFrom: otto@demo.example\r\n",
        "From: anna@demo.example\r\nSender: otto@demo.example\r\n",
        "FROM: us:anna@demo.example,otto@demo.example;\r\n",
        "From: anna@elsewhere.example\r\n",
        "From: anna\r\n",
        "From: <@demo.example:otto@demo.example>\r\n",
        "Resent-From: anna@demo.example\r\nFrom: otto@demo.example\r\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        assert_int_equal(check(t, wrong[i]), ERR_DENIED);
    assert_int_equal(check(t, "Sender: otto@demo.example\r\n"), ERR_DENIED);
    assert_string_equal(t->error.client, "Sender: you may not send as otto@demo.example");
    assert_int_equal(check(t, "From: =?utf-8?q?x?= <\xc3\xa4\x01@demo.example>\r\n"), ERR_DENIED);
    for (const char *c = t->error.client; *c != 0; c++)
        assert_true(*c >= ' ' && *c < 0x7f);
}

static void test_the_person_who_opened_a_mailbox_may_sign(void **state)
{
    struct house *t = *state;
    ASSERT_OK(t, check_as(t, t->otto, "From: anna@demo.example\r\nSender: otto@demo.example\r\n"));
    assert_int_equal(check_as(t, t->otto, "From: small@demo.example\r\n"), ERR_DENIED);
}

static void test_an_option_lets_it_be(void **state)
{
    struct house *t = *state;
    uint64_t no = 0;
    ASSERT_OK(t,
              option_set(t->directory, LEVEL_DOMAIN, S("demo.example"), OPTION_FROM_CHECK, &no, &t->error));
    ASSERT_OK(t, check(t, "From: otto@demo.example\r\n"));
    uint64_t yes = 1;
    ASSERT_OK(t, option_set(t->directory, LEVEL_ACCOUNT, S("anna@demo.example"), OPTION_FROM_CHECK, &yes,
                            &t->error));
    assert_int_equal(check(t, "From: otto@demo.example\r\n"), ERR_DENIED);
}

/* A field of that many bytes, then a From. */
static enum err check_behind(struct house *t, size_t n, bool spooled)
{
    static const char from[] = "\r\nFrom: otto@demo.example\r\n\r\nbody\r\n";
    CLEANUP(buf_release) struct buf message = BUF(4 * AUTHOR_HEADER_MAX);
    struct slice none = slice_none();
    buf_put(&message, S("X: "));
    while (message.n < n)
        buf_putc(&message, 'x');
    buf_put(&message, slice_cstr(from));
    assert_false(buf_failed(&message));
    if (!spooled)
        return queue_author_check(t->queue, t->anna, (struct account_id){0}, buf_slice(&message), 0,
                                  &t->error);
    uint64_t spool = 0;
    CLEANUP(fd_close) int fd = -1;
    ASSERT_OK(t, queue_spool_create(t->queue, &spool, &fd, &t->error));
    ASSERT_OK(t, fd_pwrite_all(fd, buf_slice(&message), 0, &t->error));
    enum err err = queue_author_check(t->queue, t->anna, (struct account_id){0}, none, spool, &t->error);
    queue_spool_drop(t->queue, spool);
    return err;
}

static void test_nothing_hides_behind_a_long_header(void **state)
{
    struct house *t = *state;
    for (int spooled = 0; spooled < 2; spooled++) {
        assert_int_equal(check_behind(t, 100, spooled != 0), ERR_DENIED);
        assert_int_equal(check_behind(t, AUTHOR_HEADER_MAX - 100, spooled != 0), ERR_DENIED);
        assert_non_null(strstr(t->error.client, "otto@demo.example"));
        assert_int_equal(check_behind(t, AUTHOR_HEADER_MAX + 1, spooled != 0), ERR_DENIED);
        assert_non_null(strstr(t->error.client, "too large"));
        assert_int_equal(check_behind(t, 2 * AUTHOR_HEADER_MAX, spooled != 0), ERR_DENIED);
    }
}

static void test_too_many_addresses_are_refused(void **state)
{
    struct house *t = *state;
    CLEANUP(buf_release) struct buf header = BUF(AUTHOR_HEADER_MAX);
    buf_put(&header, S("From: anna@demo.example"));
    for (size_t i = 0; i < MIME_ADDRESSES_MAX; i++)
        buf_put(&header, S(",\r\n anna@demo.example"));
    buf_put(&header, S("\r\n"));
    buf_putc(&header, 0);
    assert_int_equal(check(t, header.p), ERR_DENIED);
    assert_non_null(strstr(t->error.client, "too many"));
}

#define HOUSE(test) cmocka_unit_test_setup_teardown(test, house_make, house_free)

int main(void)
{
    const struct CMUnitTest tests[] = {
        HOUSE(test_own_addresses_are_well),
        HOUSE(test_others_are_refused_by_name),
        HOUSE(test_the_person_who_opened_a_mailbox_may_sign),
        HOUSE(test_an_option_lets_it_be),
        HOUSE(test_nothing_hides_behind_a_long_header),
        HOUSE(test_too_many_addresses_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

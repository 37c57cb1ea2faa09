#include <errno.h>

#include "base/error.h"
#include "base/test.h"
#include "base/utf8.h"

static void test_two_texts_for_two_readers(void **state UNUSED)
{
    struct error error = {0};
    assert_int_equal(fail(&error, ERR_QUOTA, NULL, "account %d has %s", 7, "no room"), ERR_QUOTA);
    assert_int_equal(error.code, ERR_QUOTA);
    assert_string_equal(error.client, "the mailbox is full");
    assert_string_equal(error.detail, "account 7 has no room");
    fail(&error, ERR_INVALID, "say it again", "bad byte %02x", 0x80);
    assert_string_equal(error.client, "say it again");
    fail_plain(&error, ERR_LIMIT, "at most %d", 5);
    assert_string_equal(error.client, "at most 5");
    assert_string_equal(error.detail, "at most 5");
}

static void test_client_text_is_one_line(void **state UNUSED)
{
    struct error error;
    fail(&error, ERR_INVALID, "a\r\n* BYE b\t\x7f", "x");
    assert_string_equal(error.client, "a  * BYE b  ");
    fail_plain(&error, ERR_INVALID, "a%sb", "\r\n");
    assert_string_equal(error.client, "a  b");
}

static void test_long_texts_are_cut(void **state UNUSED)
{
    struct error error;
    fail_plain(&error, ERR_INVALID, "%*d", 1000, 1);
    assert_int_equal(strlen(error.client), ERROR_CLIENT_MAX - 1);
    assert_int_equal(strlen(error.detail), ERROR_DETAIL_MAX - 1);
    fail_plain(&error, ERR_INVALID, "%*d", ERROR_CLIENT_MAX - 1, 1);
    assert_int_equal(error.client[ERROR_CLIENT_MAX - 2], '1');
}

static void test_client_text_is_cut_between_characters(void **state UNUSED)
{
    struct error error;
    char text[ERROR_CLIENT_MAX + 2];
    memset(text, 'a', sizeof(text));
    memcpy(text + ERROR_CLIENT_MAX - 2, "\xc3\xbc", 3); /* the limit goes through it */
    fail(&error, ERR_INVALID, text, "x");
    assert_true(utf8_valid(slice_cstr(error.client)));
    assert_int_equal(strlen(error.client), ERROR_CLIENT_MAX - 2);
}

static void test_error_may_be_made_from_itself(void **state UNUSED)
{
    struct error error;
    fail(&error, ERR_IO, "first", "one");
    fail(&error, ERR_DENIED, error.client, "%s, two", error.detail);
    assert_string_equal(error.client, "first");
    assert_string_equal(error.detail, "one, two");
}

static void test_context_goes_before(void **state UNUSED)
{
    struct error error;
    fail(&error, ERR_NOT_FOUND, "no such folder", "row 5");
    assert_int_equal(error_context(&error, "open %s", "Sent"), ERR_NOT_FOUND);
    assert_string_equal(error.detail, "open Sent: row 5");
    assert_string_equal(error.client, "no such folder");
    for (int i = 0; i < 100; i++)
        error_context(&error, "level %d", i);
    assert_int_equal(strlen(error.detail), ERROR_DETAIL_MAX - 1);
    assert_memory_equal(error.detail, "level 99: level 98: ", 20);
}

static void test_errno_becomes_a_code(void **state UNUSED)
{
    static const struct {
        int number;
        enum err code;
    } rows[] = {
        {ENOENT, ERR_IO},          {ENOMEM, ERR_NOMEM},       {EMFILE, ERR_UNAVAILABLE},
        {ENFILE, ERR_UNAVAILABLE}, {ENOSPC, ERR_UNAVAILABLE}, {EDQUOT, ERR_UNAVAILABLE},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct error error;
        errno = rows[i].number;
        assert_int_equal(fail_errno(&error, "open %s", "f"), rows[i].code);
        assert_memory_equal(error.detail, "open f: ", 8);
        assert_string_equal(error.detail + 8, strerror(rows[i].number));
        assert_string_equal(error.client, err_text(rows[i].code)); /* the system's words stay in the log */
    }
}

static void test_every_code_has_name_and_text(void **state UNUSED)
{
    assert_string_equal(err_name(ERR_NOT_FOUND), "NOT_FOUND");
    for (unsigned code = ERR_OK; code <= ERR_VERSION; code++)
        assert_true(strlen(err_name((enum err)code)) > 0 && strlen(err_text((enum err)code)) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_texts_for_two_readers),
        cmocka_unit_test(test_client_text_is_one_line),
        cmocka_unit_test(test_long_texts_are_cut),
        cmocka_unit_test(test_client_text_is_cut_between_characters),
        cmocka_unit_test(test_error_may_be_made_from_itself),
        cmocka_unit_test(test_context_goes_before),
        cmocka_unit_test(test_errno_becomes_a_code),
        cmocka_unit_test(test_every_code_has_name_and_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Headers in ASCII: whole messages are in tests/wire/pop3/utf8_*.txt. */
#include "pop3/surrogate.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h> /* last: it defines fail() */

static void expect(const char *header, const char *wanted)
{
    CLEANUP(pop3_surrogate_release) struct surrogate surrogate = {0};
    struct error error;
    assert_int_equal(pop3_surrogate_make(slice_cstr(header), &surrogate, &error), ERR_OK);
    assert_int_equal(surrogate.count, 1);
    assert_string_equal(buf_cstr(&surrogate.texts), wanted);
}

static void test_leaves_messages_alone_whose_headers_are_ascii(void **state)
{
    CLEANUP(pop3_surrogate_release) struct surrogate surrogate = {0};
    struct error error;
    (void)state;
    assert_int_equal(pop3_surrogate_make(S("Subject: x\r\n\r\n\xc3\xbc\r\n"), &surrogate, &error), ERR_OK);
    assert_int_equal(surrogate.count, 0);
}

static void test_keeps_what_reads_already(void **state)
{
    (void)state;
    expect("To: =?utf-8?q?K=C3=A4the?= <k@x.example>, \xc3\xbc <u@x.example>\r\n\r\n",
           "To: =?utf-8?b?S8OkdGhl?= <k@x.example>, =?utf-8?b?w7w=?= <u@x.example>\r\n\r\n");
    expect("Content-Type: text/plain; name*=utf-8''%C3%BC; x=\"\xc3\xbc\"\r\n\r\n",
           "Content-Type: text/plain; name*=utf-8''%C3%BC; x*=utf-8''%C3%BC\r\n\r\n");
}

static void test_leaves_out_what_it_could_only_spoil(void **state)
{
    (void)state;
    expect("Message-ID: <\xc3\xbc@x>\r\nSubject: a\r\n\r\n", "Subject: a\r\n\r\n");
    expect("Content-Type: t\xc3\xbc/plain\r\nSubject: a\r\n\r\n", "Subject: a\r\n\r\n");
    expect("From \xc3\xbc\r\nSubject: a\r\n\r\n", "Subject: a\r\n\r\n");
}

static void test_fields_have_a_limit(void **state)
{
    static char text[SURROGATE_FIELD_MAX + 10];
    (void)state;
    size_t n = SURROGATE_FIELD_MAX - 2;
    memset(text, ' ', sizeof(text));
    memcpy(text, "Subject: \xc3\xbc", 11);
    memcpy(text + n, "\r\n\r\n", 5);
    expect(text, "Subject: =?utf-8?b?w7w=?=\r\n\r\n");
    memcpy(text + n, " \r\n\r\n", 6);
    expect(text, "\r\n");
}

static void test_headers_have_a_limit(void **state)
{
    enum { FIELDS = SURROGATE_HEADERS_MAX / 10 };
    CLEANUP(buf_release) struct buf message = BUF(16 * SURROGATE_HEADERS_MAX);
    CLEANUP(pop3_surrogate_release) struct surrogate surrogate = {0};
    struct error error;
    (void)state;
    for (size_t i = 0; i < FIELDS; i++)
        buf_put(&message, S("Subject: \xc3\xbc\r\n"));
    assert_int_equal(pop3_surrogate_make(buf_slice(&message), &surrogate, &error), ERR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_leaves_messages_alone_whose_headers_are_ascii),
        cmocka_unit_test(test_keeps_what_reads_already),
        cmocka_unit_test(test_leaves_out_what_it_could_only_spoil),
        cmocka_unit_test(test_fields_have_a_limit),
        cmocka_unit_test(test_headers_have_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

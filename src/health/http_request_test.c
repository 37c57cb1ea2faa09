#include "health/http_request.h"

#include "base/test.h"

static enum http_status parse(const char *head, const char *path)
{
    struct slice found;
    enum http_status status = http_request_parse(slice_cstr(head), &found);
    if (status == HTTP_OK)
        assert_true(slice_eq(found, slice_cstr(path)));
    return status;
}

static void test_takes_a_get(void **state UNUSED)
{
    assert_int_equal(parse("GET /metrics HTTP/1.1\r\nHost: a\r\n", "/metrics"), HTTP_OK);
    assert_int_equal(parse("GET /a?b=c HTTP/1.0\r\n", "/a"), HTTP_OK);
    assert_int_equal(parse("GET / HTTP/1.1\r\nhost:\r\nAccept: */*;q=0.1\r\nX: \xc3\xa4\r\n", "/"), HTTP_OK);
    assert_int_equal(parse("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n", "/"), HTTP_OK);
}

static void test_refuses_what_is_no_request(void **state UNUSED)
{
    static const char *const bad[] = {
        "",
        "\r\n",
        "GET\r\n",
        "GET /\r\n",
        "GET / HTTP/1.1",
        "GET  / HTTP/1.1\r\nHost: a\r\n",
        "GET /  HTTP/1.1\r\nHost: a\r\n",
        "GET / HTTP/1.1 \r\nHost: a\r\n",
        "GET / http/1.1\r\nHost: a\r\n",
        "GET metrics HTTP/1.1\r\nHost: a\r\n",
        "GET http://a/ HTTP/1.1\r\nHost: a\r\n",
        "G(T / HTTP/1.1\r\nHost: a\r\n",
        "GET / HTTP/1.1\nHost: a\n",
        "GET / HTTP/1.1\r\nHost: a\nX: b\r\n",
        "GET / HTTP/1.1\r\nHost: a\rb\r\n",
        "GET / HTTP/1.1\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n",
        "GET / HTTP/1.1\r\nHost : a\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n folded\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n: b\r\n",
        "GET / HTTP/1.1\r\nHost: a\x01\r\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_string_equal(parse(bad[i], "") == HTTP_BAD_REQUEST ? "" : bad[i], "");
}

static void test_says_what_it_does_not_do(void **state UNUSED)
{
    assert_int_equal(parse("POST / HTTP/1.1\r\nHost: a\r\n", ""), HTTP_NOT_ALLOWED);
    assert_int_equal(parse("HEAD / HTTP/1.1\r\nHost: a\r\n", ""), HTTP_NOT_ALLOWED);
    assert_int_equal(parse("GET / HTTP/2.0\r\n", ""), HTTP_VERSION);
    assert_int_equal(parse("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n", ""), HTTP_TOO_LARGE);
    assert_int_equal(parse("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -0\r\n", ""), HTTP_TOO_LARGE);
    assert_int_equal(parse("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: x\r\n", ""), HTTP_TOO_LARGE);
}

static void test_fields_have_a_limit(void **state UNUSED)
{
    CLEANUP(buf_release) struct buf head = BUF(HTTP_HEAD_MAX);
    struct slice path;
    buf_put(&head, S("GET / HTTP/1.1\r\nHost: a\r\n"));
    for (int i = 1; i < HTTP_FIELDS_MAX; i++)
        buf_put(&head, S("X: y\r\n"));
    assert_int_equal(http_request_parse(buf_slice(&head), &path), HTTP_OK);
    buf_put(&head, S("X: y\r\n"));
    assert_int_equal(http_request_parse(buf_slice(&head), &path), HTTP_HEAD_TOO_LARGE);
}

static void test_reader_stops_at_the_empty_line_and_at_its_limit(void **state UNUSED)
{
    struct http_reader r;
    size_t used;
    http_reader_init(&r);
    struct slice in = S("GET / HTTP/1.0\r\n\r\nmore");
    assert_int_equal(r.reader.feed(&r.reader, in, &used, NULL), READER_DONE);
    assert_int_equal(used, in.n - 4);
    assert_true(slice_eq(buf_slice(&r.head), S("GET / HTTP/1.0\r\n")));
    http_reader_release(&r);
    http_reader_init(&r);
    static char much[HTTP_HEAD_MAX];
    memset(much, 'a', sizeof(much));
    assert_int_equal(r.reader.feed(&r.reader, slice_of(much, sizeof(much)), &used, NULL), READER_MORE);
    assert_int_equal(r.reader.feed(&r.reader, S("a"), &used, NULL), READER_FAILED);
    http_reader_release(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_takes_a_get),
        cmocka_unit_test(test_refuses_what_is_no_request),
        cmocka_unit_test(test_says_what_it_does_not_do),
        cmocka_unit_test(test_fields_have_a_limit),
        cmocka_unit_test(test_reader_stops_at_the_empty_line_and_at_its_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

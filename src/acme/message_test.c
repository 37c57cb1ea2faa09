#include "acme/message.h"

#include "base/buf.h"
#include "base/test.h"

static struct arena arena;

static int set_up(void **state UNUSED)
{
    arena = ARENA(4 * 1024 * 1024);
    return 0;
}

static int tear_down(void **state UNUSED)
{
    arena_release(&arena);
    return 0;
}

static void test_reads_an_order(void **state UNUSED)
{
    struct acme_order order;
    assert_true(
        acme_read_order(S("{\"status\":\"valid\",\"authorizations\":[\"https://a/1\",\"https://a/2\"],"
                          "\"finalize\":\"https://a/f\",\"certificate\":\"https://a/c\"}"),
                        &arena, &order));
    assert_int_equal(order.status, ACME_VALID);
    assert_int_equal(order.count, 2);
    assert_true(slice_eq(order.certificate, S("https://a/c")));
    assert_int_equal(order.problem.type.n, 0);
    assert_false(acme_read_order(S("{\"status\":\"odd\",\"finalize\":\"https://a/f\"}"), &arena, &order));
    assert_false(acme_read_order(S("{\"status\":\"valid\",\"finalize\":\"http://a/f\"}"), &arena, &order));
    assert_false(acme_read_order(
        S("{\"status\":\"valid\",\"finalize\":\"https://a/f\",\"authorizations\":[1]}"), &arena, &order));
    assert_false(acme_read_order(S("not json"), &arena, &order));
}

static bool order_with(unsigned authorizations)
{
    CLEANUP(buf_release) struct buf text = BUF(10000);
    struct acme_order order;
    buf_put(&text, S("{\"status\":\"pending\",\"finalize\":\"https://a/f\",\"authorizations\":["));
    for (unsigned i = 0; i < authorizations; i++)
        buf_printf(&text, "%s\"https://a/%u\"", i > 0 ? "," : "", i);
    buf_put(&text, S("]}"));
    return acme_read_order(buf_slice(&text), &arena, &order);
}

static void test_refuses_more_authorizations_than_it_holds(void **state UNUSED)
{
    assert_true(order_with(ACME_AUTHORIZATIONS_MAX));
    assert_false(order_with(ACME_AUTHORIZATIONS_MAX + 1));
}

static void test_a_token_is_base64url(void **state UNUSED)
{
    char longest[ACME_TOKEN_MAX + 1];
    memset(longest, 'a', sizeof(longest));
    assert_true(acme_token_valid(S("aZ0-_")));
    assert_true(acme_token_valid(slice_of(longest, ACME_TOKEN_MAX)));
    assert_false(acme_token_valid(slice_of(longest, ACME_TOKEN_MAX + 1)));
    assert_false(acme_token_valid(S("a/b")));
    assert_false(acme_token_valid(S("../b")));
    assert_false(acme_token_valid(S("")));
}

static void test_passes_over_offers_that_it_does_not_know(void **state UNUSED)
{
    CLEANUP(buf_release) struct buf text = BUF(20000);
    struct acme_authorization found;
    buf_put(&text, S("{\"status\":\"pending\",\"identifier\":{\"value\":\"a.example\"},\"challenges\":["
                     "{\"type\":\"new-99\",\"url\":\"https://a/n\"},7"));
    for (unsigned i = 0; i <= ACME_OFFERS_MAX; i++)
        buf_printf(&text, ",{\"type\":\"http-01\",\"url\":\"https://a/%u\",\"token\":\"t%u\"}", i, i);
    buf_put(&text, S("]}"));
    assert_true(acme_read_authorization(buf_slice(&text), &arena, &found));
    assert_int_equal(found.count, ACME_OFFERS_MAX);
    assert_true(slice_eq(found.offers[0].token, S("t0")));
    assert_false(acme_read_authorization(S("{\"status\":\"pending\"}"), &arena, &found));
}

static void test_a_problem_is_one_line(void **state UNUSED)
{
    struct acme_problem problem = acme_read_problem(
        S("{\"type\":\"urn:ietf:params:acme:error:rejectedIdentifier\",\"detail\":\"whole\",\"subproblems\":"
          "[{\"detail\":\"a\\nb\"}]}"),
        &arena);
    assert_true(slice_eq(problem.type, S("rejectedIdentifier")));
    assert_true(slice_eq(problem.detail, S("a?b")));
    assert_int_equal(acme_read_problem(S("<html>"), &arena).type.n, 0);
}

static void test_reads_when_to_come_again(void **state UNUSED)
{
    assert_int_equal(acme_retry_after(S("Retry-After: 120\r\n"), 0), 120);
    assert_int_equal(acme_retry_after(S("retry-after: Thu, 01 Jan 1970 00:01:00 GMT\r\n"), 10), 50);
    assert_int_equal(acme_retry_after(S("Retry-After: Thu, 01 Jan 1970 00:01:00 GMT\r\n"), 100), 0);
    assert_int_equal(acme_retry_after(S("Retry-After: soon\r\n"), 0), 0);
    assert_int_equal(acme_retry_after(S("Retry-After: 99999999999\r\n"), 0), 30 * 24 * 3600);
    assert_int_equal(acme_retry_after(S(""), 0), 0);
}

static void test_the_last_answer_s_headers_count(void **state UNUSED)
{
    struct slice headers =
        S("HTTP/1.1 100 Continue\r\nLocation: old\r\n\r\nHTTP/1.1 201 Created\r\nX: y\r\n");
    assert_int_equal(acme_header(headers, S("Location")).n, 0);
    assert_true(slice_eq(acme_header(headers, S("x")), S("y")));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_reads_an_order),
        TEST(test_refuses_more_authorizations_than_it_holds),
        TEST(test_a_token_is_base64url),
        TEST(test_passes_over_offers_that_it_does_not_know),
        TEST(test_a_problem_is_one_line),
        TEST(test_reads_when_to_come_again),
        TEST(test_the_last_answer_s_headers_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Both ends, over a real channel, with a played fetcher. */
#include "rt/test_ipc.h"

#include "fetch/fetch.h"

struct pair {
    struct test_ipc ipc;
    struct fetch_service service;
    struct arena arena;
    struct error error;
};

static char long_body[FETCH_BODY_MAX + 1];

/* The URL says what is to happen. */
static enum err play(void *context, const struct fetch_request *request, struct arena *arena,
                     struct fetch_answer *ret_answer, struct error *error)
{
    CLEANUP(buf_release) struct buf echo = BUF(FETCH_BODY_MAX);
    (void)context;
    if (slice_eq(request->url, S("https://down.example/")))
        return fail(error, ERR_UNAVAILABLE, NULL, "down.example: refused");
    if (slice_eq(request->url, S("https://long.example/"))) {
        *ret_answer = (struct fetch_answer){.status = 200, .body = slice_of(long_body, request->body_max)};
        return ERR_OK;
    }
    buf_printf(&echo, "%d %.*s %lld", (int)request->method, SLICE_ARGS(request->url),
               (long long)request->timeout_us);
    for (size_t i = 0; i < request->header_count; i++)
        buf_printf(&echo, " [%.*s]", SLICE_ARGS(request->headers[i]));
    buf_printf(&echo, " %.*s", SLICE_ARGS(request->body));
    *ret_answer = (struct fetch_answer){
        .status = 418, .body = arena_dup(arena, buf_slice(&echo)), .content_type = S("text/plain")};
    return ERR_OK;
}

static int setup(void **state)
{
    struct pair *t = calloc(1, sizeof(*t));
    assert_non_null(t);
    t->arena = ARENA(1024 * 1024);
    t->service = (struct fetch_service){play, NULL};
    test_ipc_open(&t->ipc, fetch_serve, &t->service);
    *state = t;
    return 0;
}

static int teardown(void **state)
{
    struct pair *t = *state;
    test_ipc_close(&t->ipc);
    arena_release(&t->arena);
    free(t);
    return 0;
}

static struct fetch_request get(const char *url)
{
    return (struct fetch_request){
        .url = slice_cstr(url), .body_max = FETCH_BODY_MAX, .timeout_us = CLOCK_SECOND};
}

static enum err ask(struct pair *t, const struct fetch_request *request, struct fetch_answer *ret_answer)
{
    return fetch_ask(t->ipc.client, request, &t->arena, ret_answer, &t->error);
}

static void test_carries_request_and_answer(void **state)
{
    struct pair *t = *state;
    static const struct slice headers[] = {{"Accept: a/b", 11}, {"X: y", 4}};
    struct fetch_request request = get("https://a.example/");
    struct fetch_answer answer;
    request.method = FETCH_POST;
    request.headers = headers;
    request.header_count = 2;
    request.body = S("a=1");
    assert_int_equal(ask(t, &request, &answer), ERR_OK);
    assert_int_equal(answer.status, 418);
    assert_true(slice_eq(answer.content_type, S("text/plain")));
    assert_true(slice_eq(answer.body, S("1 https://a.example/ 1000000 [Accept: a/b] [X: y] a=1")));
}

static void test_carries_errors(void **state)
{
    struct pair *t = *state;
    struct fetch_request request = get("https://down.example/");
    struct fetch_answer answer;
    assert_int_equal(ask(t, &request, &answer), ERR_UNAVAILABLE);
    assert_string_equal(t->error.detail, "relay: down.example: refused");
}

static void test_longest_answer_arrives(void **state)
{
    struct pair *t = *state;
    struct fetch_request request = get("https://long.example/");
    struct fetch_answer answer;
    assert_int_equal(ask(t, &request, &answer), ERR_OK);
    assert_int_equal(answer.body.n, FETCH_BODY_MAX);
    request.body_max++;
    assert_int_equal(ask(t, &request, &answer), ERR_INVALID);
}

static void test_limits_of_a_request(void **state)
{
    struct pair *t = *state;
    static char url[FETCH_URL_MAX + 1];
    static char body[FETCH_REQUEST_BODY_MAX + 1];
    static struct slice headers[FETCH_HEADERS_MAX + 1];
    struct fetch_answer answer;
    memset(url, 'u', sizeof(url));
    memset(body, 'b', sizeof(body));
    for (size_t i = 0; i < ARRAY_LEN(headers); i++)
        headers[i] = S("A: b");
    struct fetch_request good = {.method = FETCH_POST,
                                 .url = slice_of(url, FETCH_URL_MAX),
                                 .headers = headers,
                                 .header_count = FETCH_HEADERS_MAX,
                                 .body = slice_of(body, FETCH_REQUEST_BODY_MAX),
                                 .body_max = 10,
                                 .timeout_us = FETCH_TIMEOUT_MAX_US};
    assert_int_equal(fetch_check(&good, &t->error), ERR_OK);
    struct fetch_request bad = good;
    bad.url.n++;
    assert_int_equal(ask(t, &bad, &answer), ERR_INVALID);
    bad = good;
    bad.header_count++;
    assert_int_equal(ask(t, &bad, &answer), ERR_INVALID);
    bad = good;
    bad.body.n++;
    assert_int_equal(ask(t, &bad, &answer), ERR_INVALID);
    bad = good;
    bad.timeout_us++;
    assert_int_equal(ask(t, &bad, &answer), ERR_INVALID);
    bad = good;
    bad.method = FETCH_GET; /* with a body */
    assert_int_equal(ask(t, &bad, &answer), ERR_INVALID);
    static char line[FETCH_HEADER_LINE_MAX + 1] = "A:";
    memset(line + 2, 'a', sizeof(line) - 2);
    headers[0] = slice_of(line, sizeof(line));
    assert_int_equal(ask(t, &good, &answer), ERR_INVALID);
}

static void test_refuses_what_would_be_another_request(void **state)
{
    struct pair *t = *state;
    static const char *const lines[] = {"", "Name", ": x", "A: b\r\nC: d", "A: \x80"};
    static const char *const urls[] = {"", "https://a.example/ b", "https://a.example/\n",
                                       "https://\xc3\xa4/"};
    struct fetch_answer answer;
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        struct slice header = slice_cstr(lines[i]);
        struct fetch_request request = get("https://a.example/");
        request.headers = &header;
        request.header_count = 1;
        assert_int_equal(ask(t, &request, &answer), ERR_INVALID);
    }
    for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
        struct fetch_request request = get(urls[i]);
        assert_int_equal(ask(t, &request, &answer), ERR_INVALID);
    }
}

static void test_refuses_malformed_records(void **state)
{
    struct pair *t = *state;
    static const struct slice bodies[] = {
        {"", 0}, {"\0", 1}, {"\0\1h\0\0", 5}, {"\7\1h\0\0\0\0\0\0\0\0\0", 12}};
    for (uint32_t type = 39; type <= 41; type++) {
        for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
            CLEANUP(buf_release) struct buf body = BUF(IPC_BODY_MAX);
            struct ipc_message request = {.type = type, .body = bodies[i]};
            struct ipc_message reply = {0};
            fetch_serve(&t->service, &request, &body, &reply);
            assert_int_equal(reply.type, 1);
        }
    }
}

static void test_no_relay_is_told(void **state)
{
    struct pair *t = *state;
    struct ipc_client *nobody;
    struct fetch_request request = get("https://a.example/");
    struct fetch_answer answer;
    assert_int_equal(ipc_client_create(&nobody, &t->error), ERR_OK);
    assert_int_equal(fetch_ask(nobody, &request, &t->arena, &answer, &t->error), ERR_UNAVAILABLE);
    ipc_client_destroy(nobody);
}

int main(void)
{
#define PAIR_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        PAIR_TEST(test_carries_request_and_answer),
        PAIR_TEST(test_carries_errors),
        PAIR_TEST(test_longest_answer_arrives),
        PAIR_TEST(test_limits_of_a_request),
        PAIR_TEST(test_refuses_what_would_be_another_request),
        PAIR_TEST(test_refuses_malformed_records),
        PAIR_TEST(test_no_relay_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

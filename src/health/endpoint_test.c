/* The endpoint over a socket pair; store is played here. */
#include "health/endpoint.h"

#include "health/http_request.h"
#include "rt/test_wire.h"

static struct {
    bool down;
    bool failing;
} played;

enum err link_health(struct link *link UNUSED, enum health_question question, struct buf *ret_text,
                     bool *ret_well, struct error *error)
{
    if (played.down)
        return fail_plain(error, ERR_UNAVAILABLE, "store is down");
    buf_put(ret_text, question == HEALTH_METRICS ? S("posthorn_up 1\n") : S("{}\n"));
    *ret_well = !played.failing;
    return ERR_OK;
}

static void release_guest(struct guest *guest)
{
    assert_int_equal(guest->fd, -1);
}

/* Sends a request, and compares status line and body of what comes. */
static void ask(const char *request, const char *status, const char *body)
{
    int pair[2];
    char text[4096];
    size_t n = 0;
    struct link link = {NULL};
    wire_pair(pair);
    struct guest guest = {.loop = wire_loop(), .link = &link, .fd = pair[1], .release = release_guest};
    endpoint_start(&guest);
    struct wire wire = wire_of(pair[0]);
    wire_send(&wire, request);
    for (ssize_t got; (got = recv(wire.fd, text + n, sizeof(text) - 1 - n, 0)) > 0;)
        n += (size_t)got;
    text[n] = 0;
    char first[100];
    snprintf(first, sizeof(first), "HTTP/1.1 %s\r\n", status);
    if (strncmp(text, first, strlen(first)) != 0)
        assert_string_equal(text, first);
    const char *end = strstr(text, "\r\n\r\n");
    assert_non_null(end);
    assert_string_equal(end + 4, body);
    wire_close(&wire);
    wire_finish(guest.loop);
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: localhost\r\n\r\n"

static void test_answers_from_store(void **state UNUSED)
{
    played.down = played.failing = false;
    ask(GET("/metrics"), "200 OK", "posthorn_up 1\n");
    ask(GET("/metrics?x=y"), "200 OK", "posthorn_up 1\n");
    ask(GET("/health"), "200 OK", "{}\n");
    ask(GET("/health/ready"), "200 OK", "{\"status\":\"ok\"}\n");
}

static void test_a_failing_house_is_503_but_alive_and_ready(void **state UNUSED)
{
    played.down = false;
    played.failing = true;
    ask(GET("/health"), "503 Service Unavailable", "{}\n");
    ask(GET("/health/live"), "200 OK", "{\"status\":\"ok\"}\n");
    ask(GET("/health/ready"), "200 OK", "{\"status\":\"ok\"}\n");
}

static void test_says_so_when_store_is_down(void **state UNUSED)
{
    played.down = true;
    ask(GET("/health"), "503 Service Unavailable",
        "{\"status\":\"failing\",\"problems\":[{\"what\":\"store\",\"level\":\"failing\","
        "\"text\":\"store does not answer\"}]}\n");
    ask(GET("/health/ready"), "503 Service Unavailable", "{\"status\":\"failing\"}\n");
    ask(GET("/health/live"), "200 OK", "{\"status\":\"ok\"}\n");
}

static void test_refuses_what_it_does_not_have(void **state UNUSED)
{
    played.down = false;
    ask(GET("/"), "404 Not Found", "Not Found\n");
    ask(GET("/health/"), "404 Not Found", "Not Found\n");
    ask("POST /metrics HTTP/1.1\r\nHost: a\r\n\r\n", "405 Method Not Allowed", "Method Not Allowed\n");
    ask("GET /metrics HTTP/1.1\r\n\r\n", "400 Bad Request", "Bad Request\n");
}

static void test_a_head_has_a_limit(void **state UNUSED)
{
    static char request[HTTP_HEAD_MAX + 2];
    memset(request, 'a', sizeof(request) - 1);
    memcpy(request, "GET /", 5);
    ask(request, "431 Request Header Fields Too Large", "Request Header Fields Too Large\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers_from_store),
        cmocka_unit_test(test_a_failing_house_is_503_but_alive_and_ready),
        cmocka_unit_test(test_says_so_when_store_is_down),
        cmocka_unit_test(test_refuses_what_it_does_not_have),
        cmocka_unit_test(test_a_head_has_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

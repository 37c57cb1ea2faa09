#include "rt/test_wire.h"

#include "admin/admin.h"

struct fixture {
    struct admin_context context; /* no command that is asked here gets as far as using it */
    struct loop *loop;
    struct wire client;
};

/* Ends connected; the context stays where it is while the session runs. Gives the client's descriptor. */
static int start(struct fixture *f)
{
    int fds[2];
    struct error error;
    *f = (struct fixture){.loop = wire_loop()};
    wire_pair(fds);
    f->client = wire_of(fds[0]);
    assert_int_equal(admin_start(f->loop, &f->context, fds[1], &error), ERR_OK);
    return fds[0];
}

static void finish(struct fixture *f)
{
    wire_close(&f->client);
    wire_finish(f->loop);
}

static void expect_line(struct fixture *f, const char *request, const char *code, const char *said)
{
    char line[1000];
    size_t n = 0;
    if (request[0] != 0) /* else it was sent already, and the server may have closed */
        wire_send(&f->client, request);
    while (n < sizeof(line) - 1 && wire_recv(&f->client, line + n, 1) == 1 && line[n] != '\n')
        n++;
    line[n] = 0;
    json_t *answer = json_loads(line, 0, NULL);
    assert_true(json_is_false(json_object_get(answer, "ok")));
    assert_string_equal(json_string_value(json_object_get(answer, "code")), code);
    assert_non_null(strstr(json_string_value(json_object_get(answer, "error")), said));
    json_decref(answer);
}

static void test_answers_each_wrong_request(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    expect_line(&f, "hello\n", "INVALID", "one JSON object");
    expect_line(&f, "[]\n", "INVALID", "one JSON object");
    expect_line(&f, "{}\n", "INVALID", "\"command\"");
    expect_line(&f, "{\"command\":\"domain.ad\"}\n", "INVALID", "no command \"domain.ad\"");
    expect_line(&f, "{\"command\":\"domain.add\"}\n", "INVALID", "needs the argument \"domain\"");
    expect_line(&f, "{\"command\":\"domain.add\",\"domain\":7}\n", "INVALID", "must be text");
    expect_line(&f, "{\"command\":\"domain.add\",\"domain\":\"a\\u0000b\"}\n", "INVALID", "one JSON object");
    expect_line(&f, "{\"command\":\"domain.add\",\"domain\":\"a\",\"x\":1}\n", "INVALID",
                "no argument \"x\"");
    expect_line(&f, "{\"command\":\"account.add\",\"address\":\"a\",\"quota\":-1}\n", "INVALID", "0 or more");
    expect_line(&f, "{\"command\":\"account.check\",\"address\":\"a\",\"repair\":1}\n", "INVALID",
                "true or false");
    expect_line(&f, "{\"command\":\"group.add\",\"address\":\"a\",\"members\":[1]}\n", "INVALID",
                "list of texts");
    expect_line(&f, "{\"command\":\"queue.list\"}\n", "UNAVAILABLE", "queue");
    finish(&f);
}

static void test_refuses_a_request_one_byte_too_large(void **state)
{
    (void)state;
    struct fixture f;
    int fd = start(&f);
    const size_t n = ADMIN_REQUEST_MAX + 2; /* the line's end included */
    char *line = malloc(n + 1);
    assert_non_null(line);
    memset(line, ' ', n);
    line[n - 1] = '\n';
    line[n] = 0;
    struct error error;
    assert_int_equal(fd_write_all(fd, slice_of(line + 1, n - 1), &error), ERR_OK);
    expect_line(&f, "", "INVALID", "one JSON object"); /* as large as may be */
    (void)!fd_write_all(fd, slice_of(line, n), &error);
    expect_line(&f, "", "INVALID", "too large");
    free(line);
    finish(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers_each_wrong_request),
        cmocka_unit_test(test_refuses_a_request_one_byte_too_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

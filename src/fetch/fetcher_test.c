/* The fetcher against a server and a name server of this process, in the open and within relay's sandbox. */
#include "base/test.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fdio.h"
#include "fetch/fetcher.h"
#include "fetch/resolver.h"
#include "rt/sandbox.h"

enum { QUESTION_MAX = 512, REQUEST_MAX = 100 * 1024, SHORT_MS = 300 };

struct world {
    int listener;
    int names; /* the name server's UDP socket */
    int stop[2];
    int release[2]; /* its end lets go of those who get no answer */
    uint16_t port;
    char resolver[32];
    pthread_t server;
    pthread_t name_server;
    struct fetcher *fetcher;
    struct arena arena;
    struct error error;
    pthread_mutex_t lock;
    char answer[2 * FETCH_BODY_MAX]; /* what the server says next; empty: nothing */
    char request[REQUEST_MAX];       /* what it heard */
};

static int open_socket(int type, uint16_t *ret_port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(at);
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    *ret_port = ntohs(at.sin_port);
    return fd;
}

/* False: the pipe `end` was closed first. */
static bool wait_for(int fd, int end)
{
    struct pollfd fds[] = {{.fd = fd, .events = POLLIN}, {.fd = end, .events = POLLIN}};
    while (poll(fds, 2, -1) < 0)
        continue;
    return fds[1].revents == 0;
}

static bool request_is_whole(struct slice request)
{
    ssize_t end = slice_find(request, S("\r\n\r\n"));
    ssize_t length = slice_find(request, S("Content-Length: "));
    if (end < 0 || length < 0)
        return end >= 0;
    struct cursor c = cursor_of(slice_from(request, (size_t)length + 16));
    uint64_t n = 0;
    return cursor_u64(&c, &n) && request.n >= (size_t)end + 4 + n;
}

static void converse(struct world *w, int fd)
{
    char request[REQUEST_MAX];
    char answer[sizeof(w->answer)];
    size_t n = 0;
    ssize_t got = 1;
    while (n < sizeof(request) - 1 && got > 0 && !request_is_whole(slice_of(request, n))) {
        got = recv(fd, request + n, sizeof(request) - 1 - n, 0);
        n += got > 0 ? (size_t)got : 0;
    }
    request[n] = 0;
    pthread_mutex_lock(&w->lock);
    snprintf(w->request, sizeof(w->request), "%s", request);
    snprintf(answer, sizeof(answer), "%s", w->answer);
    pthread_mutex_unlock(&w->lock);
    if (answer[0] != 0)
        (void)!send(fd, answer, strlen(answer), MSG_NOSIGNAL);
    else
        (void)wait_for(fd, w->release[0]); /* until the other side has enough */
}

static void *serve(void *context)
{
    struct world *w = context;
    while (wait_for(w->listener, w->stop[0])) {
        CLEANUP(fd_close) int fd = accept4(w->listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0)
            converse(w, fd);
    }
    return NULL;
}

/* "here.example" is 127.0.0.1, "far.example" is not here, "mute.example" gets no answer; others do not exist.
 */
static size_t answer_name(unsigned char *packet, size_t n)
{
    static const unsigned char head[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4};
    struct slice name = slice_of(packet + 12, n - 12);
    bool here = slice_starts(name, slice_of("\4here\7example", 14));
    bool far = slice_starts(name, slice_of("\3far\7example", 13));
    bool six = n > 20 && packet[12 + strlen((char *)packet + 12) + 2] == 28;
    if (slice_starts(name, S("\4mute")))
        return 0;
    n = 12 + strlen((char *)packet + 12) + 5; /* without EDNS */
    memcpy(packet + 2, "\x81\x80\0\1\0\0\0\0\0\0", 10);
    if (!here && !far)
        packet[3] |= 3; /* NXDOMAIN */
    if ((here || far) && !six) {
        packet[7] = 1;
        memcpy(packet + n, head, sizeof(head));
        memcpy(packet + n + sizeof(head), here ? "\x7f\0\0\1" : "\xc0\0\2\1", 4);
        n += sizeof(head) + 4;
    }
    return n;
}

static void *serve_names(void *context)
{
    struct world *w = context;
    while (wait_for(w->names, w->stop[0])) {
        unsigned char packet[QUESTION_MAX + 64];
        struct sockaddr_in from;
        socklen_t size = sizeof(from);
        ssize_t n = recvfrom(w->names, packet, QUESTION_MAX, 0, (struct sockaddr *)&from, &size);
        size_t length = n > 17 ? answer_name(packet, (size_t)n) : 0;
        if (length > 0)
            (void)!sendto(w->names, packet, length, 0, (const struct sockaddr *)&from, size);
    }
    return NULL;
}

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    uint16_t name_port;
    assert_non_null(w);
    pthread_mutex_init(&w->lock, NULL);
    w->arena = ARENA(4 * 1024 * 1024);
    w->listener = open_socket(SOCK_STREAM, &w->port);
    assert_int_equal(listen(w->listener, 2 * FETCHES_AT_ONCE), 0);
    w->names = open_socket(SOCK_DGRAM, &name_port);
    snprintf(w->resolver, sizeof(w->resolver), "127.0.0.1:%u", name_port);
    assert_int_equal(pipe2(w->stop, O_CLOEXEC), 0);
    assert_int_equal(pipe2(w->release, O_CLOEXEC), 0);
    assert_int_equal(pthread_create(&w->server, NULL, serve, w), 0);
    assert_int_equal(pthread_create(&w->name_server, NULL, serve_names, w), 0);
    *state = w;
    return 0;
}

static void make_fetcher(struct world *w)
{
    assert_int_equal(fetcher_create("/nonexistent", w->resolver, &w->fetcher, &w->error), ERR_OK);
    assert_int_equal(fetcher_authorities(w->fetcher), 0);
    assert_int_equal(fetcher_start(w->fetcher, &w->error), ERR_OK);
}

static int setup_with_fetcher(void **state)
{
    setup(state);
    make_fetcher(*state);
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    fetcher_destroy(w->fetcher);
    fd_close(&w->stop[1]);
    pthread_join(w->server, NULL);
    pthread_join(w->name_server, NULL);
    fd_close(&w->stop[0]);
    fd_close(&w->release[0]);
    fd_close(&w->release[1]);
    fd_close(&w->listener);
    fd_close(&w->names);
    arena_release(&w->arena);
    pthread_mutex_destroy(&w->lock);
    free(w);
    return 0;
}

static void will_say(struct world *w, const char *answer)
{
    pthread_mutex_lock(&w->lock);
    snprintf(w->answer, sizeof(w->answer), "%s", answer);
    pthread_mutex_unlock(&w->lock);
}

static enum err fetch(struct world *w, const char *host, struct fetch_answer *ret_answer)
{
    char url[200];
    snprintf(url, sizeof(url), "http://%s:%u/path?a=b", host, w->port);
    const struct fetch_request request = {
        .url = slice_cstr(url), .body_max = 10, .timeout_us = 20 * CLOCK_SECOND};
    return fetcher_fetch(w->fetcher, &request, &w->arena, ret_answer, &w->error);
}

#define ASSERT_FETCHED(w, host, text)                                                         \
    do {                                                                                      \
        struct fetch_answer answer_ = {0};                                                    \
        assert_string_equal(fetch(w, host, &answer_) == ERR_OK ? "" : (w)->error.detail, ""); \
        assert_int_equal(answer_.status, 200);                                                \
        assert_true(slice_eq(answer_.body, slice_cstr(text)));                                \
    } while (0)

static void test_gets_by_address_and_by_name(void **state)
{
    struct world *w = *state;
    will_say(w, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello");
    ASSERT_FETCHED(w, "127.0.0.1", "hello");
    assert_true(slice_starts(slice_cstr(w->request), S("GET /path?a=b HTTP/1.1\r\nHost: 127.0.0.1:")));
    ASSERT_FETCHED(w, "here.example", "hello");
    ASSERT_FETCHED(w, "localhost", "hello");
    will_say(w, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n");
    ASSERT_FETCHED(w, "here.example", "hello");
    will_say(w, "HTTP/1.0 200 OK\r\n\r\nhello");
    ASSERT_FETCHED(w, "here.example", "hello");
}

static void test_posts_with_headers(void **state)
{
    struct world *w = *state;
    static const struct slice headers[] = {{"Content-Type: a/b", 17}, {"Authorization: Basic eDp5", 25}};
    char url[100];
    struct fetch_answer answer;
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/", w->port);
    const struct fetch_request request = {.method = FETCH_POST,
                                          .url = slice_cstr(url),
                                          .headers = headers,
                                          .header_count = 2,
                                          .body = S("token=x"),
                                          .body_max = 10,
                                          .timeout_us = CLOCK_SECOND};
    will_say(w, "HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n");
    assert_int_equal(fetcher_fetch(w->fetcher, &request, &w->arena, &answer, &w->error), ERR_OK);
    assert_int_equal(answer.status, 401);
    assert_int_equal(answer.body.n, 0);
    struct slice heard = slice_cstr(w->request);
    assert_true(slice_starts(heard, S("POST / HTTP/1.1\r\n")));
    assert_true(slice_find(heard, S("\r\nContent-Type: a/b\r\n")) > 0);
    assert_true(slice_find(heard, S("\r\nAuthorization: Basic eDp5\r\n")) > 0);
    assert_true(slice_find(heard, S("\r\nExpect")) < 0);
    assert_true(slice_ends(heard, S("\r\n\r\ntoken=x")));
}

static void test_bounds_the_answer(void **state)
{
    struct world *w = *state;
    CLEANUP(buf_release) struct buf text = BUF(sizeof(w->answer));
    struct fetch_answer answer;
    will_say(w, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n1234567890");
    ASSERT_FETCHED(w, "127.0.0.1", "1234567890");
    will_say(w, "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n12345678901");
    assert_int_equal(fetch(w, "127.0.0.1", &answer), ERR_LIMIT);
    will_say(w, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n12345678901"); /* no word about its length */
    assert_int_equal(fetch(w, "127.0.0.1", &answer), ERR_LIMIT);
    buf_put(&text, S("HTTP/1.1 200 OK\r\n"));
    while (text.n <= FETCH_ANSWER_HEADERS_MAX)
        buf_put(&text, S("X-Header: with some text, many times over and over again\r\n"));
    buf_put(&text, S("\r\n"));
    will_say(w, buf_cstr(&text));
    assert_int_equal(fetch(w, "127.0.0.1", &answer), ERR_LIMIT);
}

static void test_does_not_follow(void **state)
{
    struct world *w = *state;
    struct fetch_answer answer;
    will_say(w, "HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n");
    assert_int_equal(fetch(w, "127.0.0.1", &answer), ERR_OK);
    assert_int_equal(answer.status, 302);
}

static void test_what_is_no_http_is_no_answer(void **state)
{
    struct world *w = *state;
    struct fetch_answer answer;
    will_say(w, "220 mail.example ESMTP\r\n");
    assert_int_equal(fetch(w, "127.0.0.1", &answer), ERR_UNAVAILABLE);
    will_say(w, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe");
    assert_int_equal(fetch(w, "127.0.0.1", &answer), ERR_UNAVAILABLE);
}

static void test_waits_no_longer_than_asked(void **state)
{
    struct world *w = *state;
    static const char *const hosts[] = {"127.0.0.1", "mute.example"};
    struct fetch_answer answer;
    will_say(w, "");
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        char url[100];
        snprintf(url, sizeof(url), "http://%s:%u/", hosts[i], w->port);
        const struct fetch_request request = {
            .url = slice_cstr(url), .body_max = 10, .timeout_us = SHORT_MS * CLOCK_MS};
        assert_int_equal(fetcher_fetch(w->fetcher, &request, &w->arena, &answer, &w->error), ERR_TIMEOUT);
    }
}

static void test_asks_only_where_it_may(void **state)
{
    struct world *w = *state;
    static const char *const bad[] = {
        "ftp://127.0.0.1/",
        "file:///etc/passwd",
        "127.0.0.1",
        "http://u:p@127.0.0.1/",
        "http://",
        "http://far.example/",
        "http://192.0.2.1/",
        "http://[2001:db8::1]/",
        "gopher://127.0.0.1/",
    };
    struct fetch_answer answer;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        const struct fetch_request request = {
            .url = slice_cstr(bad[i]), .body_max = 10, .timeout_us = CLOCK_SECOND};
        assert_int_equal(fetcher_fetch(w->fetcher, &request, &w->arena, &answer, &w->error), ERR_INVALID);
    }
}

static void test_unreachable_is_told(void **state)
{
    struct world *w = *state;
    static const char *const urls[] = {"http://127.0.0.1:1/", "http://nobody.example/", "https://127.0.0.1/"};
    struct fetch_answer answer;
    for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
        const struct fetch_request request = {
            .url = slice_cstr(urls[i]), .body_max = 10, .timeout_us = 20 * CLOCK_SECOND};
        assert_int_equal(fetcher_fetch(w->fetcher, &request, &w->arena, &answer, &w->error), ERR_UNAVAILABLE);
    }
}

/* In the order of relay's life. The exit status says how far it came. */
static int fetch_in_sandbox(struct world *w, const char *resolver)
{
    CLEANUP(buf_release) struct buf missing = BUF(1000);
    const struct sandbox_options options = {.role = ROLE_RELAY};
    struct fetch_answer answer;
    if (fetcher_create("/etc/ssl/certs/ca-certificates.crt", resolver, &w->fetcher, &w->error) != ERR_OK)
        return 1;
    if (sandbox_enter(&options, &missing, &w->error) != ERR_OK)
        return 2;
    if (fetcher_start(w->fetcher, &w->error) != ERR_OK)
        return 3;
    if (fetch(w, "localhost", &answer) != ERR_OK || fetch(w, "127.0.0.1", &answer) != ERR_OK)
        return 4;
    if (resolver[0] != 0 && fetch(w, "here.example", &answer) != ERR_OK)
        return 5;
    if (resolver[0] != 0 && fetch(w, "nobody.example", &answer) != ERR_UNAVAILABLE)
        return 6;
    return answer.status == 200 ? 0 : 7;
}

/* Any file opened late would end it by a signal. Name servers: ours, and those of the machine, which are not
 * asked for what it knows itself. */
static void test_works_within_relays_sandbox(void **state)
{
    struct world *w = *state;
    const char *const resolvers[] = {w->resolver, ""};
    will_say(w, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello");
    for (size_t i = 0; i < ARRAY_LEN(resolvers); i++) {
        int status = 0;
        pid_t pid = fork();
        if (pid == 0)
            _exit(fetch_in_sandbox(w, resolvers[i]));
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
    }
}

static enum err fetch_for(struct world *w, int64_t timeout_us)
{
    CLEANUP(arena_release) struct arena arena = ARENA(10000);
    struct fetch_answer answer;
    struct error error;
    char url[100];
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/", w->port);
    const struct fetch_request request = {.url = slice_cstr(url), .body_max = 10, .timeout_us = timeout_us};
    return fetcher_fetch(w->fetcher, &request, &arena, &answer, &error);
}

static void *fetch_and_wait(void *context)
{
    enum err err;
    do
        err = fetch_for(context, FETCH_TIMEOUT_MAX_US);
    while (err == ERR_BUSY); /* somebody who only glances has the place */
    return (void *)(uintptr_t)err;
}

/* The server answers nobody; as soon as all places are taken, one more is refused at once. */
static void test_bounds_how_many_at_once(void **state)
{
    struct world *w = *state;
    pthread_t threads[FETCHES_AT_ONCE];
    enum err err;
    will_say(w, "");
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, fetch_and_wait, w), 0);
    do
        err = fetch_for(w, CLOCK_MS); /* takes a place itself, while there is one */
    while (err == ERR_TIMEOUT);
    assert_int_equal(err, ERR_BUSY);
    fd_close(&w->release[1]);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        void *result;
        pthread_join(threads[i], &result);
        assert_int_equal((uintptr_t)result, ERR_UNAVAILABLE);
    }
    assert_int_equal(fetch_for(w, CLOCK_SECOND * 20), ERR_UNAVAILABLE); /* room again */
}

int main(void)
{
#define WORLD_TEST(name) cmocka_unit_test_setup_teardown(name, setup_with_fetcher, teardown)
    const struct CMUnitTest tests[] = {
        WORLD_TEST(test_gets_by_address_and_by_name),
        WORLD_TEST(test_posts_with_headers),
        WORLD_TEST(test_bounds_the_answer),
        WORLD_TEST(test_does_not_follow),
        WORLD_TEST(test_what_is_no_http_is_no_answer),
        WORLD_TEST(test_waits_no_longer_than_asked),
        WORLD_TEST(test_asks_only_where_it_may),
        WORLD_TEST(test_unreachable_is_told),
        WORLD_TEST(test_bounds_how_many_at_once),
        cmocka_unit_test_setup_teardown(test_works_within_relays_sandbox, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

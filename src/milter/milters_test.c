/* Milters that are scripted: what they say stands in the socket before they are asked. */
#include "milter/milters.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fdio.h"
#include "base/test.h"

#define BYTES(literal) slice_of(literal, sizeof(literal) - 1)
/* The options of a milter that wants all, and hears no answers but to MAIL, RCPT and the end. */
#define ALL BYTES("\0\0\0\x0dO\0\0\0\6\0\0\0\xff\0\x0d\x30\x80")
#define CONTINUE BYTES("\0\0\0\1c")

enum { PLAYED_MAX = 4 };

/* In the order of their being connected to. */
static struct play {
    struct slice says; /* p NULL: nobody is there */
    int fd;            /* our end */
} plays[PLAYED_MAX];
static size_t played;

static enum err connect_played(struct ipc_client *relay, const char *address, int *ret_fd,
                               struct error *error)
{
    int fds[2];
    int size = 8 * 1024 * 1024;
    (void)relay;
    assert_true(played < PLAYED_MAX);
    struct play *play = &plays[played++];
    if (play->says.p == NULL)
        return fail(error, ERR_UNAVAILABLE, NULL, "nobody at %s", address);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    (void)setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    assert_int_equal(fd_write_all(fds[1], play->says, error), ERR_OK);
    assert_int_equal(shutdown(fds[1], SHUT_WR), 0); /* who waits for more hears that it is over */
    play->fd = fds[1];
    *ret_fd = fds[0];
    return ERR_OK;
}

struct desk {
    struct settings *settings;
    struct milter_office office;
    struct milters *milters;
    struct milter_client client;
    struct milter_message message;
    struct milter_changes changes;
    struct milters_verdict verdict;
    struct arena arena;
    struct buf says[PLAYED_MAX];
    struct error error;
};

static int setup(void **state)
{
    struct desk *t = calloc(1, sizeof(*t));
    assert_non_null(t);
    t->arena = ARENA(MILTER_ARENA_MAX);
    t->office.connect = connect_played;
    t->client = (struct milter_client){
        .own_name = S("mail.example"), .peer = S("192.0.2.1"), .helo = S("client.example"), .id = S("1")};
    for (size_t i = 0; i < PLAYED_MAX; i++) {
        t->says[i] = BUF(4 * 1024 * 1024);
        plays[i] = (struct play){.fd = -1};
    }
    played = 0;
    struct slice text = S("X: y\r\n\r\nbody\r\n");
    assert_int_equal(milter_message_read(&t->message, text, -1, text.n, &t->arena, &t->error), ERR_OK);
    *state = t;
    return 0;
}

static int teardown(void **state)
{
    struct desk *t = *state;
    milters_destroy(t->milters);
    milter_message_release(&t->message);
    for (size_t i = 0; i < PLAYED_MAX; i++) {
        fd_close(&plays[i].fd);
        buf_release(&t->says[i]);
    }
    settings_free(t->settings);
    arena_release(&t->arena);
    free(t);
    return 0;
}

static void set_up(struct desk *t, const char *settings)
{
    CLEANUP(buf_release) struct buf text = BUF(1000);
    buf_printf(&text, "hostname = mail.example\n%s", settings);
    assert_int_equal(settings_parse(buf_slice(&text), "x", &t->settings, &t->error), ERR_OK);
    milters_destroy(t->milters);
    assert_int_equal(milters_create(&t->office, t->settings, false, &t->milters, &t->error), ERR_OK);
}

static void says(struct desk *t, size_t milter, struct slice bytes)
{
    buf_put(&t->says[milter], bytes);
    plays[milter].says = buf_slice(&t->says[milter]);
}

static enum milter_outcome mail(struct desk *t)
{
    milters_mail(t->milters, &t->client, S("x@a.example"), &t->verdict);
    return t->verdict.verdict.outcome;
}

static enum milter_outcome rcpt(struct desk *t)
{
    milters_rcpt(t->milters, S("anna@demo.example"), &t->verdict);
    return t->verdict.verdict.outcome;
}

static enum milter_outcome message(struct desk *t)
{
    milters_message(t->milters, &t->client, &t->message, &t->changes, &t->verdict);
    return t->verdict.verdict.outcome;
}

/* Everything up to the end, which `end` is. */
static enum milter_outcome through(struct desk *t, struct slice end)
{
    set_up(t, "milter = unix:/a\n");
    says(t, 0, ALL);
    says(t, 0, CONTINUE);
    says(t, 0, CONTINUE);
    says(t, 0, end);
    assert_int_equal(mail(t), MILTER_GO_ON);
    assert_int_equal(rcpt(t), MILTER_GO_ON);
    return message(t);
}

static void test_one_sees_what_the_one_before_has_changed(void **state)
{
    struct desk *t = *state;
    set_up(t, "milter = unix:/a\nmilter = unix:/b\n");
    for (size_t i = 0; i < 2; i++) {
        says(t, i, ALL);
        says(t, i, CONTINUE);
        says(t, i, CONTINUE);
    }
    says(t, 0, BYTES("\0\0\0\7hNew\0z\0\0\0\0\1a"));
    says(t, 1, CONTINUE);
    assert_int_equal(mail(t), MILTER_GO_ON);
    assert_int_equal(rcpt(t), MILTER_GO_ON);
    assert_int_equal(message(t), MILTER_GO_ON);
    char heard[4096];
    ssize_t n = recv(plays[1].fd, heard, sizeof(heard), MSG_DONTWAIT);
    assert_true(n > 0);
    struct slice all = slice_of(heard, (size_t)n);
    assert_true(slice_find(all, BYTES("LX\0y\0")) > 0);
    assert_true(slice_find(all, BYTES("LNew\0z\0")) > slice_find(all, BYTES("LX\0y\0")));
    assert_true(slice_find(all, BYTES("Bbody\r\n")) > 0);
    assert_true(slice_find(all, BYTES("M<x@a.example>\0")) > slice_find(all, BYTES("Hclient.example\0")));
    assert_true(slice_find(all, BYTES("R<anna@demo.example>\0")) > 0);
}

static void test_first_refusal_ends_it(void **state)
{
    struct desk *t = *state;
    set_up(t, "milter = unix:/a\nmilter = unix:/b\n");
    says(t, 0, ALL);
    says(t, 0, BYTES("\0\0\0\x0ey550 5.7.1 no\0"));
    assert_int_equal(mail(t), MILTER_REFUSED);
    assert_string_equal(t->verdict.verdict.reply, "550 5.7.1 no");
    assert_string_equal(t->verdict.by, "unix:/a");
    assert_int_equal(played, 1);
}

static void test_client_is_refused_as_such(void **state)
{
    struct desk *t = *state;
    set_up(t, "milter = unix:/a\n");
    says(t, 0, BYTES("\0\0\0\x0dO\0\0\0\6\0\0\0\0\0\0\0\0\0\0\0\1r"));
    says(t, 1, BYTES("\0\0\0\x0dO\0\0\0\6\0\0\0\0\0\0\0\0\0\0\0\1c\0\0\0\1t"));
    says(t, 2, BYTES("\0\0\0\x0dO\0\0\0\6\0\0\0\0\0\0\0\0\0\0\0\1c\0\0\0\1a"));
    assert_int_equal(mail(t), MILTER_REFUSED);
    assert_string_equal(t->verdict.verdict.reply, "550 5.7.1 a filter refuses this");
    assert_int_equal(mail(t), MILTER_REFUSED);
    assert_non_null(strstr(t->verdict.verdict.reply, "451 4.7.1 "));
    assert_int_equal(mail(t), MILTER_GO_ON);
    assert_int_equal(rcpt(t), MILTER_GO_ON);
    assert_int_equal(message(t), MILTER_GO_ON);
    milters_abort(t->milters);
    assert_int_equal(mail(t), MILTER_GO_ON); /* it has let the client pass for good */
    assert_int_equal(played, 3);
}

static void test_what_is_accepted_is_over_for_that_milter(void **state)
{
    struct desk *t = *state;
    set_up(t, "milter = unix:/a\n");
    says(t, 0, ALL);
    says(t, 0, BYTES("\0\0\0\1a"));
    assert_int_equal(mail(t), MILTER_GO_ON);
    assert_int_equal(rcpt(t), MILTER_GO_ON);
    assert_int_equal(message(t), MILTER_GO_ON);
    assert_false(t->verdict.failed);
}

static void test_failure_is_what_the_setting_says(void **state)
{
    struct desk *t = *state;
    set_up(t, "milter = unix:/a accept\nmilter = unix:/b defer\n");
    assert_int_equal(mail(t), MILTER_REFUSED);
    assert_true(t->verdict.failed);
    assert_non_null(strstr(t->verdict.verdict.reply, "451 4.7.1 "));
    assert_string_equal(t->verdict.by, "unix:/b");
    assert_int_equal(played, 2);
    says(t, 2, ALL);
    says(t, 2, CONTINUE);
    assert_int_equal(mail(t), MILTER_GO_ON); /* the first is left alone, the second asked anew */
    assert_int_equal(rcpt(t), MILTER_REFUSED);
    assert_int_equal(rcpt(t), MILTER_REFUSED);
    assert_int_equal(message(t), MILTER_REFUSED);
    assert_int_equal(played, 3);
}

static void test_milter_that_was_started_anew_is_asked_again(void **state)
{
    struct desk *t = *state;
    set_up(t, "milter = unix:/a\n");
    says(t, 0, ALL);
    says(t, 0, CONTINUE);
    says(t, 1, ALL);
    says(t, 1, CONTINUE);
    assert_int_equal(mail(t), MILTER_GO_ON);
    milters_abort(t->milters);
    assert_int_equal(mail(t), MILTER_GO_ON);
    assert_int_equal(played, 2);
}

static void test_what_no_milter_may_say(void **state)
{
    static const struct slice wrong[] = {
        {"\0\0\0\0", 4},           /* an empty packet */
        {"\0\x10\0\1x", 5},        /* one byte too long */
        {"\0\0\0\1?", 5},          /* no reply */
        {"\0\0\0\7hNew\0z\0", 11}, /* a change, and no end */
        {"\0\0\0\7hN:w\0z\0\0\0\0\1c", 16},
        {"", 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        assert_int_equal(setup(state), 0);
        assert_int_equal(through(*state, wrong[i]), MILTER_REFUSED);
        assert_true(((struct desk *)*state)->verdict.failed);
        teardown(state);
    }
    assert_int_equal(setup(state), 0);
    struct desk *t = *state;
    set_up(t, "milter = unix:/a\n");
    says(t, 0, ALL);
    says(t, 0, BYTES("\0\0\0\7hNew\0z\0"));
    assert_int_equal(mail(t), MILTER_REFUSED); /* nothing is to be changed yet */
    teardown(state);
}

static void test_progress_has_an_end(void **state)
{
    struct desk *t = NULL;
    for (int more = 0; more < 2; more++) {
        CLEANUP(buf_release) struct buf end = BUF(10000);
        assert_int_equal(setup(state), 0);
        t = *state;
        for (int i = 0; i < MILTER_PROGRESS_MAX - 1 + more; i++)
            buf_put(&end, BYTES("\0\0\0\1p"));
        buf_put(&end, CONTINUE);
        assert_int_equal(through(t, buf_slice(&end)), more == 0 ? MILTER_GO_ON : MILTER_REFUSED);
        teardown(state);
    }
}

static void test_changes_have_a_limit(void **state)
{
    for (int more = 0; more < 2; more++) {
        CLEANUP(buf_release) struct buf end = BUF(100000);
        assert_int_equal(setup(state), 0);
        struct desk *t = *state;
        for (int i = 0; i < MILTER_CHANGES_MAX + more; i++)
            buf_put(&end, BYTES("\0\0\0\5+a@b\0"));
        buf_put(&end, CONTINUE);
        assert_int_equal(through(t, buf_slice(&end)), more == 0 ? MILTER_GO_ON : MILTER_REFUSED);
        assert_int_equal(t->changes.count, MILTER_CHANGES_MAX);
        teardown(state);
    }
}

static void test_so_many_at_once(void **state)
{
    struct desk *t = *state;
    set_up(t, "milter = unix:/a accept\n");
    atomic_store(&t->office.at_work, MILTERS_AT_ONCE_MAX);
    assert_int_equal(mail(t), MILTER_REFUSED);
    assert_int_equal(played, 0);
    atomic_store(&t->office.at_work, MILTERS_AT_ONCE_MAX - 1);
    assert_int_equal(mail(t), MILTER_GO_ON);
    assert_int_equal(atomic_load(&t->office.at_work), MILTERS_AT_ONCE_MAX - 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_one_sees_what_the_one_before_has_changed),
        TEST(test_first_refusal_ends_it),
        TEST(test_client_is_refused_as_such),
        TEST(test_what_is_accepted_is_over_for_that_milter),
        TEST(test_failure_is_what_the_setting_says),
        TEST(test_milter_that_was_started_anew_is_asked_again),
        cmocka_unit_test(test_what_no_milter_may_say),
        cmocka_unit_test(test_progress_has_an_end),
        cmocka_unit_test(test_changes_have_a_limit),
        TEST(test_so_many_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

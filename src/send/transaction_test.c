/* One message over a session: the server's replies are there before, what it was told is read afterwards. */
#include "send/transaction.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fdio.h"
#include "base/test.h"

struct dialogue {
    struct outbound_result results[2];
    struct buf sent;
    struct arena arena;
    enum transaction_end end;
};

static struct outbound_recipient recipients[] = {{.number = 4, .address = S("a@there.example")},
                                                 {.number = 7, .address = S("b@there.example")}};

static bool keeps_transaction; /* RSET is due */
static bool requires_tls, is_proven;
static struct deliver_by by_when;
static uint64_t by_min;

/* fd: the message's file, or -1; size: what it should have. */
static void run_with(struct dialogue *d, unsigned extensions, const char *replies, struct slice text, int fd,
                     uint64_t size)
{
    int pair[2];
    struct error error;
    struct client client = {.reply = REPLY,
                            .extensions = extensions,
                            .in_transaction = keeps_transaction,
                            .proven = is_proven,
                            .by_min = by_min,
                            .peer = "mx.there.example [192.0.2.1]"};
    struct outbound_message message = {.text = BUF(100000), .fd = fd};
    struct outbound_parcel parcel = {.domain = S("there.example"),
                                     .sender = S("us@here.example"),
                                     .recipients = recipients,
                                     .recipient_count = 2,
                                     .require_tls = requires_tls,
                                     .by = by_when,
                                     .size = size};
    *d = (struct dialogue){.sent = BUF(1000000), .arena = ARENA(1000000)};
    buf_put(&message.text, text);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_int_equal(fcntl(pair[0], F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(fd_write_all(pair[1], slice_cstr(replies), &error), ERR_OK);
    shutdown(pair[1], SHUT_WR);
    client.stream = (struct stream){.fd = pair[0], .input = BUF(STREAM_INPUT_MAX + 65536)};
    d->end = transaction_run(&client, &parcel, &message, &d->arena, d->results);
    stream_close(&client.stream);
    reply_release(&client.reply);
    assert_int_equal(fd_read_all(pair[1], &d->sent, &error), ERR_OK);
    close(pair[1]);
    buf_release(&message.text);
}

/* What a server says to the second message over its connection, whose first was not finished. */
static void run_again(struct dialogue *d, unsigned extensions, const char *replies)
{
    keeps_transaction = true;
    run_with(d, extensions, replies, S("x\r\n"), -1, 3);
    keeps_transaction = false;
}

static void run(struct dialogue *d, unsigned extensions, const char *replies, struct slice text)
{
    run_with(d, extensions, replies, text, -1, text.n);
}

static void end(struct dialogue *d)
{
    buf_release(&d->sent);
    arena_release(&d->arena);
}

static void assert_outcomes(const struct dialogue *d, enum outbound_outcome a, enum outbound_outcome b)
{
    assert_int_equal(d->results[0].recipient, 4);
    assert_int_equal(d->results[0].outcome, a);
    assert_int_equal(d->results[1].recipient, 7);
    assert_int_equal(d->results[1].outcome, b);
}

static void test_sends_and_stuffs_dots(void **state UNUSED)
{
    static const unsigned ways[] = {0, CLIENT_PIPELINING};
    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        struct dialogue d;
        run(&d, ways[i], "250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n250 taken\r\n", S(".a\r\n..b\r\nc.\r\n"));
        assert_outcomes(&d, OUTBOUND_RELAYED, OUTBOUND_RELAYED);
        assert_int_equal(d.end, TRANSACTION_DONE);
        assert_string_equal(buf_cstr(&d.sent), "MAIL FROM:<us@here.example>\r\nRCPT TO:<a@there.example>\r\n"
                                               "RCPT TO:<b@there.example>\r\nDATA\r\n"
                                               "..a\r\n...b\r\nc.\r\n.\r\n");
        end(&d);
    }
}

/* RFC 8689 4.2.1, 5: said where the session is good for it; that it must be is the delivery's affair. */
static void test_passes_the_requirement_of_tls_on_where_it_can(void **state UNUSED)
{
    for (unsigned way = 0; way < 8; way++) {
        struct dialogue d;
        requires_tls = (way & 1) != 0;
        is_proven = (way & 2) != 0;
        run(&d, (way & 4) != 0 ? CLIENT_REQUIRETLS : 0,
            "250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n250 taken\r\n", S("x\r\n"));
        assert_int_equal(
            slice_starts(buf_slice(&d.sent), S("MAIL FROM:<us@here.example> REQUIRETLS\r\nRCPT ")), way == 7);
        end(&d);
    }
    requires_tls = is_proven = false;
}

static void assert_by(enum deliver_by_mode mode, bool trace, int64_t seconds, unsigned extensions,
                      uint64_t min, enum outbound_outcome outcome, const char *parameter)
{
    struct dialogue d;
    CLEANUP(buf_release) struct buf start = BUF(200);
    by_when = (struct deliver_by){mode, trace, clock_wall_us() + seconds * CLOCK_SECOND};
    by_min = min;
    bool asked = outcome != OUTBOUND_FAILED;
    run(&d, extensions, asked ? "250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n250 taken\r\n" : "", S("x\r\n"));
    assert_outcomes(&d, outcome, outcome);
    if (outcome == OUTBOUND_FAILED)
        assert_true(slice_eq(d.results[0].status, S("5.4.7")) && d.sent.n == 0);
    else
        assert_int_equal(d.results[0].by_passed_on, (extensions & CLIENT_DELIVERBY) != 0);
    buf_printf(&start, "MAIL FROM:<us@here.example>%s", parameter);
    if (outcome != OUTBOUND_FAILED)
        assert_true(slice_starts(buf_slice(&d.sent), buf_slice(&start)));
    end(&d);
    by_when = (struct deliver_by){0};
    by_min = 0;
}

/* RFC 2852 4.1.4: what is left of the time; and what must come back does not go where nobody promises
 * anything. */
static void test_the_time_is_passed_on(void **state UNUSED)
{
    assert_by(DELIVER_BY_NOTIFY, true, -100000000, CLIENT_DELIVERBY, 0, OUTBOUND_RELAYED, " BY=-1000000");
    assert_by(DELIVER_BY_NOTIFY, false, 100, 0, 0, OUTBOUND_RELAYED, "\r\n");
    assert_by(DELIVER_BY_RETURN, false, 99999999999, CLIENT_DELIVERBY, 0, OUTBOUND_RELAYED,
              " BY=999999999;R\r\n");
    assert_by(DELIVER_BY_RETURN, true, 99999999999, CLIENT_DELIVERBY, 1000, OUTBOUND_RELAYED,
              " BY=999999999;RT\r\n");
    assert_by(DELIVER_BY_RETURN, false, 1000, CLIENT_DELIVERBY, 1001, OUTBOUND_FAILED, "");
    assert_by(DELIVER_BY_RETURN, false, 1000, 0, 0, OUTBOUND_FAILED, "");
    assert_by(DELIVER_BY_RETURN, false, 0, CLIENT_DELIVERBY, 0, OUTBOUND_FAILED, "");
}

static void test_each_recipient_has_its_own_outcome(void **state UNUSED)
{
    struct dialogue d;
    run(&d, CLIENT_PIPELINING, "250 ok\r\n550 5.1.1 who\r\n250 ok\r\n354 go\r\n250 taken\r\n", S("x\r\n"));
    assert_outcomes(&d, OUTBOUND_FAILED, OUTBOUND_RELAYED);
    assert_true(slice_eq(d.results[0].status, S("5.1.1")));
    assert_true(slice_eq(d.results[0].peer, S("mx.there.example")));
    end(&d);
}

static void test_552_at_rcpt_is_for_now(void **state UNUSED)
{
    struct dialogue d;
    run(&d, 0, "250 ok\r\n250 ok\r\n552 too many\r\n354 go\r\n250 taken\r\n", S("x\r\n"));
    assert_outcomes(&d, OUTBOUND_RELAYED, OUTBOUND_DEFERRED);
    end(&d);
}

/* RFC 2920 3.1: nobody was taken, but DATA was: an empty message, whose reply counts for nothing. */
static void test_data_for_nobody_is_ended_empty(void **state UNUSED)
{
    struct dialogue d;
    run(&d, CLIENT_PIPELINING, "250 ok\r\n550 a\r\n450 b\r\n354 go\r\n250 taken\r\n", S("x\r\n"));
    assert_outcomes(&d, OUTBOUND_FAILED, OUTBOUND_DEFERRED);
    assert_true(slice_ends(buf_slice(&d.sent), S("DATA\r\n.\r\n")));
    end(&d);
}

static void test_data_answered_with_250_is_not_taken_for_delivery(void **state UNUSED)
{
    static const unsigned ways[] = {0, CLIENT_PIPELINING};
    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        struct dialogue d;
        run(&d, ways[i], "250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n", S("x\r\n"));
        assert_outcomes(&d, OUTBOUND_DEFERRED, OUTBOUND_DEFERRED);
        assert_int_equal(d.end, TRANSACTION_LAST);
        end(&d);
    }
}

static void test_connection_lost_before_the_last_reply_is_for_now(void **state UNUSED)
{
    struct dialogue d;
    run(&d, 0, "250 ok\r\n250 ok\r\n550 no\r\n354 go\r\n", S("x\r\n"));
    assert_outcomes(&d, OUTBOUND_DEFERRED, OUTBOUND_FAILED);
    assert_int_equal(d.end, TRANSACTION_LAST);
    end(&d);
}

static void test_421_ends_the_session(void **state UNUSED)
{
    struct dialogue d;
    run(&d, 0, "421 4.3.2 going down\r\n", S("x\r\n"));
    assert_outcomes(&d, OUTBOUND_DEFERRED, OUTBOUND_DEFERRED);
    assert_int_equal(d.end, TRANSACTION_UNSAID);
    end(&d);
}

/* It waited in the connection, before anything was asked: also when everything was asked at once. */
static void test_421_that_answers_the_first_command_says_nothing_of_the_message(void **state UNUSED)
{
    struct dialogue d;
    run(&d, CLIENT_PIPELINING, "421 4.4.2 idle for too long\r\n", S("x\r\n"));
    assert_outcomes(&d, OUTBOUND_DEFERRED, OUTBOUND_DEFERRED);
    assert_int_equal(d.end, TRANSACTION_UNSAID);
    end(&d);
    run(&d, 0, "250 ok\r\n421 4.3.2 going down\r\n", S("x\r\n"));
    assert_outcomes(&d, OUTBOUND_DEFERRED, OUTBOUND_DEFERRED);
    assert_int_equal(d.end, TRANSACTION_LAST);
    end(&d);
}

static void test_session_that_is_not_reset_is_over(void **state UNUSED)
{
    static const char *const replies[] = {
        "421 4.4.2 idle for too long\r\n",
        "",
        "502 5.5.1 what?\r\n250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n250 taken\r\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(replies); i++) {
        struct dialogue d;
        run_again(&d, 0, replies[i]);
        assert_outcomes(&d, OUTBOUND_DEFERRED, OUTBOUND_DEFERRED);
        assert_int_equal(d.end, TRANSACTION_UNSAID);
        assert_string_equal(buf_cstr(&d.sent), "RSET\r\n");
        end(&d);
    }
    struct dialogue d;
    run_again(&d, 0, "250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n250 taken\r\n");
    assert_outcomes(&d, OUTBOUND_RELAYED, OUTBOUND_RELAYED);
    end(&d);
}

/* A server that has had enough in the middle of a message: its last word, and it hangs up. */
struct impatient {
    int fd;
    const char *last_word;
};

static void *hang_up_in_the_middle(void *context)
{
    struct impatient *server = context;
    struct error error;
    CLEANUP(buf_release) struct buf read_so_far = BUF(1000000);
    assert_int_equal(fd_write_all(server->fd, S("250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n"), &error), ERR_OK);
    while (slice_find(buf_slice(&read_so_far), S("line")) < 0) {
        char *to = buf_reserve(&read_so_far, 4096);
        ssize_t n = read(server->fd, to, 4096);
        assert_true(n > 0);
        buf_grew(&read_so_far, (size_t)n);
    }
    assert_int_equal(fd_write_all(server->fd, slice_cstr(server->last_word), &error), ERR_OK);
    close(server->fd);
    return NULL;
}

static void assert_refused_in_the_middle(const char *last_word, enum outbound_outcome outcome)
{
    int pair[2];
    pthread_t thread;
    struct outbound_result results[2];
    struct client client = {.reply = REPLY, .peer = "mx.there.example [192.0.2.1]"};
    CLEANUP(outbound_message_release)
    struct outbound_message message = {.text = BUF(16 * 1024 * 1024), .fd = -1};
    const struct outbound_parcel parcel = {.domain = S("there.example"),
                                           .sender = S("us@here.example"),
                                           .recipients = recipients,
                                           .recipient_count = 2};
    CLEANUP(arena_release) struct arena arena = ARENA(1000000);
    for (size_t i = 0; i < 1000000; i++)
        buf_put(&message.text, S("a line\r\n"));
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_int_equal(fcntl(pair[0], F_SETFL, O_NONBLOCK), 0);
    struct impatient server = {pair[1], last_word};
    assert_int_equal(pthread_create(&thread, NULL, hang_up_in_the_middle, &server), 0);
    client.stream = (struct stream){.fd = pair[0], .input = BUF(STREAM_INPUT_MAX + 65536)};
    assert_int_equal(transaction_run(&client, &parcel, &message, &arena, results), TRANSACTION_LAST);
    pthread_join(thread, NULL);
    stream_close(&client.stream);
    reply_release(&client.reply);
    assert_int_equal(results[0].outcome, outcome);
    assert_int_equal(results[1].outcome, outcome);
}

static void test_refusal_in_the_middle_of_a_message_is_obeyed(void **state UNUSED)
{
    assert_refused_in_the_middle("554 5.7.1 we don't want this\r\n", OUTBOUND_FAILED);
    assert_refused_in_the_middle("452 4.3.1 full\r\n", OUTBOUND_DEFERRED);
    assert_refused_in_the_middle("250 2.0.0 we have not read it, but thanks\r\n", OUTBOUND_DEFERRED);
    assert_refused_in_the_middle("", OUTBOUND_DEFERRED);
}

static void test_file_that_was_cut_is_not_sent_as_whole(void **state UNUSED)
{
    struct dialogue d;
    struct error error;
    int fd = memfd_create("message", 0);
    assert_int_equal(fd_write_all(fd, S("body\r\n"), &error), ERR_OK);
    const char *replies = "250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n250 taken\r\n";
    run_with(&d, 0, replies, S("A: b\r\n\r\n"), fd, 6);
    assert_outcomes(&d, OUTBOUND_RELAYED, OUTBOUND_RELAYED);
    end(&d);
    run_with(&d, 0, replies, S("A: b\r\n\r\n"), fd, 7);
    assert_outcomes(&d, OUTBOUND_DEFERRED, OUTBOUND_DEFERRED);
    assert_int_equal(d.end, TRANSACTION_LAST);
    assert_false(slice_ends(buf_slice(&d.sent), S("\r\n.\r\n")));
    end(&d);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sends_and_stuffs_dots),
        cmocka_unit_test(test_passes_the_requirement_of_tls_on_where_it_can),
        cmocka_unit_test(test_the_time_is_passed_on),
        cmocka_unit_test(test_each_recipient_has_its_own_outcome),
        cmocka_unit_test(test_552_at_rcpt_is_for_now),
        cmocka_unit_test(test_data_for_nobody_is_ended_empty),
        cmocka_unit_test(test_data_answered_with_250_is_not_taken_for_delivery),
        cmocka_unit_test(test_connection_lost_before_the_last_reply_is_for_now),
        cmocka_unit_test(test_421_ends_the_session),
        cmocka_unit_test(test_421_that_answers_the_first_command_says_nothing_of_the_message),
        cmocka_unit_test(test_session_that_is_not_reset_is_over),
        cmocka_unit_test(test_refusal_in_the_middle_of_a_message_is_obeyed),
        cmocka_unit_test(test_file_that_was_cut_is_not_sent_as_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

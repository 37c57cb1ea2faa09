/* What a server's replies say about an address: they are there before, what it was told is read afterwards.
 */
#include "send/ask.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fdio.h"
#include "base/test.h"

static enum err ask(unsigned extensions, const char *replies, struct slice address, struct buf *sent,
                    enum callout_answer *ret_answer)
{
    int pair[2];
    struct error error;
    struct client client = {.reply = REPLY, .extensions = extensions};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_int_equal(fcntl(pair[0], F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(fd_write_all(pair[1], slice_cstr(replies), &error), ERR_OK);
    shutdown(pair[1], SHUT_WR);
    client.stream = (struct stream){.fd = pair[0], .input = BUF(STREAM_INPUT_MAX + 65536)};
    enum err err = ask_recipient(&client, address, ret_answer, &error);
    stream_close(&client.stream);
    reply_release(&client.reply);
    assert_int_equal(fd_read_all(pair[1], sent, &error), ERR_OK);
    close(pair[1]);
    return err;
}

static enum callout_answer answer(const char *replies)
{
    CLEANUP(buf_release) struct buf sent = BUF(100000);
    enum callout_answer answer = CALLOUT_ANSWERS;
    assert_int_equal(ask(0, replies, S("otto@demo.example"), &sent, &answer), ERR_OK);
    return answer;
}

static void test_the_reply_to_rcpt_is_the_answer(void **state UNUSED)
{
    assert_int_equal(answer("250 ok\r\n250 2.1.5 ok\r\n"), CALLOUT_TAKEN);
    assert_int_equal(answer("250 ok\r\n251 will forward\r\n"), CALLOUT_TAKEN);
    assert_int_equal(answer("250 ok\r\n550 5.1.1 no\r\n"), CALLOUT_REFUSED);
    assert_int_equal(answer("250 ok\r\n450 4.2.1 later\r\n"), CALLOUT_UNKNOWN);
    assert_int_equal(answer("250 ok\r\n552 5.2.2 full\r\n"), CALLOUT_UNKNOWN);
}

static void test_a_refused_mail_says_nothing_about_the_address(void **state UNUSED)
{
    assert_int_equal(answer("550 5.7.1 not from you\r\n"), CALLOUT_UNKNOWN);
    assert_int_equal(answer("421 4.3.2 closing\r\n"), CALLOUT_UNKNOWN);
}

static void test_a_broken_session_is_an_error(void **state UNUSED)
{
    CLEANUP(buf_release) struct buf sent = BUF(100000);
    enum callout_answer answer;
    assert_int_equal(ask(0, "250 ok\r\n", S("otto@demo.example"), &sent, &answer), ERR_CLOSED);
    assert_true(slice_eq(buf_slice(&sent), S("MAIL FROM:<>\r\nRCPT TO:<otto@demo.example>\r\n")));
}

static void test_utf8_needs_a_server_that_takes_it(void **state UNUSED)
{
    CLEANUP(buf_release) struct buf sent = BUF(100000);
    enum callout_answer answer;
    const char *replies = "250 ok\r\n250 ok\r\n";
    assert_int_equal(ask(0, "", S("j\xc3\xb6rg@demo.example"), &sent, &answer), ERR_OK);
    assert_int_equal(answer, CALLOUT_REFUSED);
    assert_int_equal(sent.n, 0);
    assert_int_equal(ask(CLIENT_SMTPUTF8, replies, S("j\xc3\xb6rg@demo.example"), &sent, &answer), ERR_OK);
    assert_int_equal(answer, CALLOUT_TAKEN);
    assert_true(
        slice_eq(buf_slice(&sent), S("MAIL FROM:<> SMTPUTF8\r\nRCPT TO:<j\xc3\xb6rg@demo.example>\r\n")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_reply_to_rcpt_is_the_answer),
        cmocka_unit_test(test_a_refused_mail_says_nothing_about_the_address),
        cmocka_unit_test(test_a_broken_session_is_an_error),
        cmocka_unit_test(test_utf8_needs_a_server_that_takes_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* STARTTLS (RFC 3207) and implicit TLS over a socket pair; store is played by link/test_link.h. */
#include "link/test_link.h"
#include "smtp/smtp.h"

#include "rt/test_wire.h"

struct talk {
    struct loop *loop;
    struct settings settings;
    struct link link;
    struct guest guest;
    struct wire wire;
};

static void release_guest(struct guest *guest)
{
    assert_int_equal(guest->fd, -1);
}

static void start(struct talk *t, enum smtp_service service, bool tls_first)
{
    int pair[2];
    played_reset();
    wire_pair(pair);
    t->loop = wire_loop();
    t->settings = (struct settings){.hostname = "mail.example", .message_size_max = 100000};
    t->guest = (struct guest){.loop = t->loop,
                              .link = &t->link,
                              .guard = login_guard_create(),
                              .tls = wire_tls("mail.example"),
                              .tls_first = tls_first,
                              .settings = &t->settings,
                              .fd = pair[1],
                              .peer = "127.0.0.1",
                              .release = release_guest};
    t->wire = wire_of(pair[0]);
    smtp_start(&t->guest, service);
}

static void stop(struct talk *t)
{
    wire_close(&t->wire);
    wire_finish(t->loop);
    login_guard_destroy(t->guest.guard);
    tls_context_unref(t->guest.tls);
}

#define GREETING "220 mail.example ESMTP Posthorn\r\n"
#define OFFERS                                                   \
    "250-mail.example\r\n250-PIPELINING\r\n250-SIZE "            \
    "100000\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-CHUNKING\r\n" \
    "250-BINARYMIME\r\n250-DSN\r\n250-DELIVERBY 60\r\n"
#define OFFERS_IN_TLS OFFERS "250-REQUIRETLS\r\n"
#define LAST "250 ENHANCEDSTATUSCODES\r\n"

/* RFC 4865 3: its date depends on today's. */
static void expect_rest_of_submission(struct wire *wire)
{
    char date[23] = {0};
    size_t have = 0;
    wire_expect(wire, "250-FUTURERELEASE 5184000 ");
    while (have < sizeof(date) - 1) {
        ssize_t n = wire_recv(wire, date + have, sizeof(date) - 1 - have);
        assert_true(n > 0);
        have += (size_t)n;
    }
    assert_string_equal(date + 19, "Z\r\n");
    wire_expect(wire, "250-BURL\r\n" LAST);
}

static void test_forgets_all_that_was_said_in_the_clear(void **state)
{
    struct talk t;
    (void)state;
    start(&t, SMTP_SUBMISSION, false);
    wire_expect(&t.wire, GREETING);
    wire_send(&t.wire, "EHLO evil.example\r\n");
    wire_expect(&t.wire, OFFERS "250-STARTTLS\r\n250-AUTH PLAIN LOGIN SCRAM-SHA-256 SCRAM-SHA-1\r\n");
    expect_rest_of_submission(&t.wire);
    wire_send(&t.wire, "AUTH PLAIN AGFubmEAc2VjcmV0\r\n");
    wire_expect(&t.wire, "235 2.7.0 welcome\r\n");
    wire_send(&t.wire, "MAIL FROM:<anna@demo.example>\r\n");
    wire_expect(&t.wire, "250 2.1.0 sender noted\r\n");
    wire_send(&t.wire, "STARTTLS\r\n");
    wire_expect(&t.wire, "503 5.5.1 STARTTLS is out of order here\r\n");
    wire_send(&t.wire, "RSET\r\nSTARTTLS\r\n");
    wire_expect(&t.wire, "250 2.0.0 forgotten\r\n220 2.0.0 go ahead\r\n");
    wire_start_tls(&t.wire, "mail.example", 0);
    wire_send(&t.wire, "MAIL FROM:<anna@demo.example>\r\n");
    wire_expect(&t.wire, "503 5.5.1 MAIL is out of order here\r\n");
    wire_send(&t.wire, "EHLO client.example\r\n");
    wire_expect(&t.wire, OFFERS_IN_TLS "250-AUTH PLAIN LOGIN SCRAM-SHA-256 SCRAM-SHA-256-PLUS SCRAM-SHA-1 "
                                       "SCRAM-SHA-1-PLUS\r\n");
    expect_rest_of_submission(&t.wire);
    wire_send(&t.wire, "MAIL FROM:<anna@demo.example>\r\nSTARTTLS\r\n");
    wire_expect(&t.wire, "530 5.7.0 please log in first\r\n503 5.5.1 TLS is on already\r\n");
    assert_int_equal(played.released, 1);
    stop(&t);
}

static void test_refuses_what_was_sent_behind_it(void **state)
{
    struct talk t;
    (void)state;
    start(&t, SMTP_RELAY, false);
    wire_expect(&t.wire, GREETING);
    wire_send(&t.wire, "EHLO client.example\r\nSTARTTLS\r\nMAIL FROM:<evil@b.example>\r\n");
    wire_expect(&t.wire,
                OFFERS "250-STARTTLS\r\n" LAST "501 5.5.1 nothing may follow STARTTLS before TLS is on\r\n");
    wire_expect_end(&t.wire);
    stop(&t);
}

static void test_says_with_what_it_was_received(void **state)
{
    struct talk t;
    (void)state;
    start(&t, SMTP_RELAY, false);
    wire_expect(&t.wire, GREETING);
    wire_send(&t.wire, "EHLO client.example\r\n");
    wire_expect(&t.wire, OFFERS "250-STARTTLS\r\n" LAST);
    wire_send(&t.wire, "STARTTLS\r\n");
    wire_expect(&t.wire, "220 2.0.0 go ahead\r\n");
    wire_start_tls(&t.wire, "mail.example", 0);
    wire_send(
        &t.wire,
        "EHLO client.example\r\nMAIL FROM:<> REQUIRETLS\r\nRCPT TO:<anna@demo.example>\r\nDATA\r\n.\r\n");
    wire_expect(&t.wire, OFFERS_IN_TLS LAST "250 2.1.0 sender noted\r\n250 2.1.5 recipient noted\r\n"
                                            "354 go ahead; end with a line that has only a dot\r\n"
                                            "250 2.0.0 accepted as ");
    assert_string_equal(buf_cstr(&played.envelope),
                        "from <> to <anna@demo.example> helo client.example ESMTPS REQUIRETLS");
    stop(&t);
}

static void test_implicit_tls_greets_inside(void **state)
{
    struct talk t;
    (void)state;
    start(&t, SMTP_SUBMISSION, true);
    wire_start_tls(&t.wire, "mail.example", 0);
    wire_expect(&t.wire, GREETING);
    wire_send(&t.wire, "EHLO client.example\r\nAUTH PLAIN AGFubmEAc2VjcmV0\r\nQUIT\r\n");
    wire_expect(&t.wire, OFFERS_IN_TLS "250-AUTH PLAIN LOGIN SCRAM-SHA-256 SCRAM-SHA-256-PLUS SCRAM-SHA-1 "
                                       "SCRAM-SHA-1-PLUS\r\n");
    expect_rest_of_submission(&t.wire);
    wire_expect(&t.wire, "235 2.7.0 welcome\r\n221 2.0.0 mail.example: goodbye\r\n");
    wire_expect_end(&t.wire);
    stop(&t);
    assert_int_equal(played.released, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forgets_all_that_was_said_in_the_clear),
        cmocka_unit_test(test_refuses_what_was_sent_behind_it),
        cmocka_unit_test(test_says_with_what_it_was_received),
        cmocka_unit_test(test_implicit_tls_greets_inside),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    played_reset();
    return failed;
}

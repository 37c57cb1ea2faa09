/* Before log-in, over a socket pair; store is played by link/test_link.h. */
#include "link/test_link.h"
#include "managesieve/managesieve.h"

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

static void start(struct talk *t, const char *peer, struct tls_context *tls)
{
    int pair[2];
    played_reset();
    t->loop = wire_loop();
    t->settings = (struct settings){.hostname = "mail.example"};
    t->guest = (struct guest){.loop = t->loop,
                              .link = &t->link,
                              .guard = login_guard_create(),
                              .tls = tls,
                              .settings = &t->settings,
                              .release = release_guest};
    snprintf(t->guest.peer, sizeof(t->guest.peer), "%s", peer);
    wire_pair(pair);
    t->guest.fd = pair[1];
    t->wire = wire_of(pair[0]);
    managesieve_login_start(&t->guest);
}

static void stop(struct talk *t)
{
    wire_close(&t->wire);
    wire_finish(t->loop);
    login_guard_destroy(t->guest.guard);
    if (t->guest.tls != NULL)
        tls_context_unref(t->guest.tls);
}

#define PASSWORDS "PLAIN LOGIN SCRAM-SHA-256 SCRAM-SHA-1"

/* The capabilities and, behind them, the answer. */
static void expect_capabilities(struct talk *t, const char *mechanisms, const char *tls, const char *end)
{
    CLEANUP(buf_release) struct buf text = BUF(4096);
    buf_printf(&text, "\"IMPLEMENTATION\" \"Posthorn\"\r\n\"SASL\" \"%s\"\r\n\"SIEVE\" \"", mechanisms);
    sieve_extensions_put(SIEVE_ALL, &text);
    buf_printf(&text,
               "\"\r\n%s\"NOTIFY\" \"mailto\"\r\n\"MAXREDIRECTS\" \"10\"\r\n\"LANGUAGE\" "
               "\"en\"\r\n\"VERSION\" \"1.0\"\r\n%s",
               tls, end);
    wire_expect(&t->wire, buf_cstr(&text));
}

#define GREETING "OK \"mail.example ManageSieve\"\r\n"
#define NO_ANSWER "NO \"that is no valid answer\"\r\n"

static void test_logs_in_and_hands_over_what_is_pending(void **state)
{
    struct talk t;
    (void)state;
    start(&t, "127.0.0.1", NULL);
    expect_capabilities(&t, PASSWORDS, "", GREETING);
    wire_send(&t.wire, "Authenticate \"PLAIN\" \"AGFubmEAd3Jvbmc=\"\r\n");
    wire_expect(&t.wire, "NO \"name or password is wrong\"\r\n");
    wire_send(&t.wire, "AUTHENTICATE \"plain\" {16+}\r\nAGFubmEAc2VjcmV0\r\nLISTSCRIPTS\r\n");
    wire_expect(&t.wire, "+OK from store <LISTSCRIPTS\r\n>\r\n");
    stop(&t);
}

static void test_challenges_are_strings_and_so_are_answers(void **state)
{
    struct talk t;
    (void)state;
    start(&t, "127.0.0.1", NULL);
    expect_capabilities(&t, PASSWORDS, "", GREETING);
    wire_send(&t.wire, "AUTHENTICATE \"SCRAM-SHA-256\" \"biwsbj1hbm5h\"\r\n");
    wire_expect(&t.wire, "\"Y2hhbGxlbmdl\"\r\n");
    wire_send(&t.wire, "\"*\"\r\n");
    wire_expect(&t.wire, "NO \"log-in given up\"\r\n");
    assert_int_equal(played.cancelled, 1);
    wire_send(&t.wire, "AUTHENTICATE \"SCRAM-SHA-256\" \"biwsbj1hbm5h\"\r\n");
    wire_expect(&t.wire, "\"Y2hhbGxlbmdl\"\r\n");
    wire_send(&t.wire, "cHJvb2Y=\r\n"); /* no string */
    wire_expect(&t.wire, NO_ANSWER);
    wire_send(&t.wire, "AUTHENTICATE \"PLAIN\"\r\n");
    wire_expect(&t.wire, "\"\"\r\n");
    wire_send(&t.wire, "{16+}\r\nAGFubmEAc2VjcmV0\r\n");
    wire_expect(&t.wire, "+OK from store <>\r\n");
    stop(&t);
}

static void test_says_why_not(void **state)
{
    struct talk t;
    (void)state;
    start(&t, "127.0.0.1", NULL);
    expect_capabilities(&t, PASSWORDS, "", GREETING);
    wire_send(&t.wire, "AUTHENTICATE\r\nAUTHENTICATE \"PLAIN\" \"x\" \"y\"\r\nAUTHENTICATE PLAIN\r\n");
    for (int i = 0; i < 3; i++)
        wire_expect(&t.wire, "NO \"AUTHENTICATE needs a mechanism, and at most one answer\"\r\n");
    wire_send(
        &t.wire,
        "AUTHENTICATE \"NONSENSE\"\r\nAUTHENTICATE \"PLAIN\" \"!!!\"\r\nAUTHENTICATE \"PLAIN\" \"\"\r\n");
    wire_expect(&t.wire, "NO \"mechanism not known here\"\r\n" NO_ANSWER NO_ANSWER);
    wire_send(&t.wire, "LISTSCRIPTS\r\nCAPABILITY \"x\"\r\nSTARTTLS\r\nSTARTTLS \"x\"\r\n");
    wire_expect(&t.wire, "NO \"not known, or only after log-in\"\r\nNO \"CAPABILITY has no argument\"\r\n"
                         "NO \"TLS is on already, or not set up\"\r\nNO \"STARTTLS has no argument\"\r\n");
    played.down = true;
    wire_send(&t.wire, "AUTHENTICATE \"PLAIN\" \"AGFubmEAc2VjcmV0\"\r\n");
    wire_expect(&t.wire, "NO (TRYLATER) \"log-in is temporarily unavailable\"\r\n");
    played.down = false;
    played.full = true;
    wire_send(&t.wire, "AUTHENTICATE \"PLAIN\" \"AGFubmEAc2VjcmV0\"\r\n");
    wire_expect(&t.wire, "BYE (TRYLATER) \"too many sessions\"\r\n");
    wire_expect_end(&t.wire);
    stop(&t);
}

static void test_no_passwords_in_the_clear(void **state)
{
    struct talk t;
    (void)state;
    start(&t, "192.0.2.1", wire_tls("mail.example"));
    expect_capabilities(&t, "SCRAM-SHA-256 SCRAM-SHA-1", "\"STARTTLS\"\r\n", GREETING);
    wire_send(&t.wire, "AUTHENTICATE \"PLAIN\" \"AGFubmEAc2VjcmV0\"\r\n");
    wire_expect(&t.wire, "NO (ENCRYPT-NEEDED) \"please start TLS first (STARTTLS)\"\r\n");
    wire_send(&t.wire, "STARTTLS\r\n");
    wire_expect(&t.wire, "OK \"go ahead\"\r\n");
    wire_start_tls(&t.wire, "mail.example", 0);
    expect_capabilities(&t, "PLAIN LOGIN SCRAM-SHA-256 SCRAM-SHA-256-PLUS SCRAM-SHA-1 SCRAM-SHA-1-PLUS", "",
                        GREETING);
    wire_send(&t.wire, "LOGOUT\r\n");
    wire_expect(&t.wire, "OK \"goodbye\"\r\n");
    wire_expect_end(&t.wire);
    stop(&t);
}

static void test_nothing_may_be_sent_behind_starttls(void **state)
{
    struct talk t;
    (void)state;
    start(&t, "192.0.2.1", wire_tls("mail.example"));
    expect_capabilities(&t, "SCRAM-SHA-256 SCRAM-SHA-1", "\"STARTTLS\"\r\n", GREETING);
    wire_send(&t.wire, "STARTTLS\r\nNOOP\r\n");
    wire_expect(&t.wire, "BYE \"nothing may follow STARTTLS before TLS is on\"\r\n");
    wire_expect_end(&t.wire);
    stop(&t);
}

static void test_noop_gives_its_tag_back(void **state)
{
    struct talk t;
    (void)state;
    start(&t, "127.0.0.1", NULL);
    expect_capabilities(&t, PASSWORDS, "", GREETING);
    wire_send(&t.wire, "NOOP\r\nNOOP \"STARTTLS-SYNC-42\"\r\nNOOP {5+}\r\na\r\nbc\r\nNOOP x\r\n");
    wire_expect(
        &t.wire,
        "OK \"Done\"\r\nOK (TAG \"STARTTLS-SYNC-42\") \"Done\"\r\nOK (TAG {5}\r\na\r\nbc) \"Done\"\r\n"
        "NO \"NOOP has at most one string\"\r\n");
    stop(&t);
}

static void test_too_long_and_too_many_errors(void **state)
{
    struct talk t;
    static char line[MANAGESIEVE_LOGIN_LINE_MAX + 10];
    (void)state;
    start(&t, "127.0.0.1", NULL);
    expect_capabilities(&t, PASSWORDS, "", GREETING);
    memset(line, 'x', sizeof(line));
    memcpy(line + MANAGESIEVE_LOGIN_LINE_MAX, "\n", 2);
    wire_send(&t.wire, line);
    wire_expect(&t.wire, "NO \"not known, or only after log-in\"\r\n");
    memcpy(line + MANAGESIEVE_LOGIN_LINE_MAX, "x\n", 3);
    wire_send(&t.wire, line);
    wire_expect(&t.wire, "NO \"the command is too long\"\r\n");
    for (int i = 3; i < MANAGESIEVE_ERRORS_MAX; i++) {
        wire_send(&t.wire, "X\r\n");
        wire_expect(&t.wire, "NO \"not known, or only after log-in\"\r\n");
    }
    wire_send(&t.wire, "X\r\n");
    wire_expect(&t.wire, "BYE \"too many errors\"\r\n");
    wire_expect_end(&t.wire);
    stop(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_logs_in_and_hands_over_what_is_pending),
        cmocka_unit_test(test_challenges_are_strings_and_so_are_answers),
        cmocka_unit_test(test_says_why_not),
        cmocka_unit_test(test_no_passwords_in_the_clear),
        cmocka_unit_test(test_nothing_may_be_sent_behind_starttls),
        cmocka_unit_test(test_noop_gives_its_tag_back),
        cmocka_unit_test(test_too_long_and_too_many_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

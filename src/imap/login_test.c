/* The log-in dialogue over a socket pair; the link to store is played by this file. */
#include <sys/socket.h>
#include <unistd.h>

#include "base/fdio.h"
#include "imap/login.h"
#include "imap/reader.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>

#include <cmocka.h>

enum { PATIENCE_MS = 10000 };

static atomic_int cancelled;
static atomic_int taken; /* connections that store took */
static atomic_bool store_is_full;

/* PLAIN knows anna with "secret"; SCRAM is three steps of our own making. */
enum err link_sasl_begin(struct link *link, const struct sasl_start *start, struct arena *arena,
                         struct sasl_result *ret_result, struct error *error)
{
    (void)link;
    (void)arena;
    (void)error;
    *ret_result = (struct sasl_result){.status = SASL_FAILED, .code = ERR_AUTH};
    if (start->mechanism == SASL_PLAIN && slice_eq(start->initial, S("\0anna\0secret")))
        ret_result->status = SASL_OK;
    else if (start->mechanism == SASL_PLAIN && slice_eq(start->initial, S("\0broken\0x")))
        ret_result->status = SASL_TEMPORARY;
    else if (start->mechanism != SASL_PLAIN)
        *ret_result = (struct sasl_result){.status = SASL_CONTINUE, .exchange = 7, .data = S("challenge")};
    return ERR_OK;
}

enum err link_sasl_step(struct link *link, uint64_t exchange, struct slice response, struct arena *arena,
                        struct sasl_result *ret_result, struct error *error)
{
    (void)link;
    (void)arena;
    (void)error;
    assert_int_equal(exchange, 7);
    *ret_result = (struct sasl_result){.status = SASL_FAILED, .code = ERR_AUTH};
    if (slice_eq(response, S("proof")))
        *ret_result = (struct sasl_result){.status = SASL_OK, .data = S("v=1")};
    return ERR_OK;
}

void link_sasl_cancel(struct link *link, uint64_t exchange)
{
    (void)link;
    (void)exchange;
    cancelled++;
}

void link_ticket_release(struct link *link, struct slice ticket)
{
    (void)link;
    (void)ticket;
    cancelled++;
}

/* Store answers the tag and shows what was pending. */
enum err link_hand_over(struct link *link, const struct link_hand_over *hand_over, struct error *error)
{
    (void)link;
    if (store_is_full)
        return fail_plain(error, ERR_LIMIT, "too many sessions");
    CLEANUP(buf_release) struct buf text = BUF(100000);
    buf_printf(&text, "%.*s OK from store <%.*s>%s%.*s%s%.*s\r\n", SLICE_ARGS(hand_over->tag),
               SLICE_ARGS(hand_over->pending), hand_over->capabilities_off.n > 0 ? " without " : "",
               SLICE_ARGS(hand_over->capabilities_off), hand_over->language.n > 0 ? " in " : "",
               SLICE_ARGS(hand_over->language));
    taken++;
    return fd_write_all(hand_over->fd, buf_slice(&text), error);
}

struct talk {
    struct loop *loop;
    struct settings settings;
    struct link link;
    struct guest guest;
    int fd;
    struct buf in;
};

static void release_guest(struct guest *guest)
{
    assert_int_equal(guest->fd, -1);
}

/* One more connection of the same guest list. */
static void connect_again(struct talk *t, const char *peer)
{
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    t->guest.loop = t->loop;
    t->guest.link = &t->link;
    t->guest.settings = &t->settings;
    t->guest.fd = pair[1];
    t->guest.release = release_guest;
    snprintf(t->guest.peer, sizeof(t->guest.peer), "%s", peer);
    t->fd = pair[0];
    t->in = BUF(1 << 20);
    imap_login_start(&t->guest);
}

static void start(struct talk *t, const char *peer)
{
    struct error error;
    struct loop_options loop_options = {.name = "login", .threads_min = 1, .threads_max = 2};
    t->settings.hostname = "mail.example";
    t->guest.guard = login_guard_create();
    assert_non_null(t->guest.guard);
    assert_int_equal(loop_create(&loop_options, &t->loop, &error), ERR_OK);
    assert_int_equal(loop_start(t->loop, &error), ERR_OK);
    connect_again(t, peer);
}

static void stop(struct talk *t)
{
    fd_close(&t->fd);
    buf_release(&t->in);
    loop_stop(t->loop);
    assert_true(loop_drained(t->loop, clock_mono_us() + 60 * CLOCK_SECOND));
    loop_destroy(t->loop);
    login_guard_destroy(t->guest.guard);
}

static void say(struct talk *t, const char *text)
{
    struct error error;
    assert_int_equal(fd_write_all(t->fd, slice_cstr(text), &error), ERR_OK);
}

/* All that comes next must be this. Empty: the connection is closed. */
static void hear(struct talk *t, const char *wanted)
{
    size_t n = strlen(wanted);
    while (t->in.n < MAX(n, (size_t)1)) {
        struct pollfd wait = {.fd = t->fd, .events = POLLIN};
        if (poll(&wait, 1, PATIENCE_MS) <= 0)
            fail_msg("wanted %s, nothing came after %.*s", wanted, SLICE_ARGS(buf_slice(&t->in)));
        char *to = buf_reserve(&t->in, 4096);
        ssize_t got = recv(t->fd, to, 4096, 0);
        if (got <= 0)
            break;
        buf_grew(&t->in, (size_t)got);
    }
    if (n == 0 ? t->in.n > 0 : !slice_starts(buf_slice(&t->in), slice_cstr(wanted)))
        fail_msg("wanted %s\ncame %.*s", wanted, SLICE_ARGS(buf_slice(&t->in)));
    buf_consume(&t->in, n);
}

#define SAID_BEFORE "IMAP4rev1 IMAP4rev2 LITERAL+ SASL-IR ID ENABLE IDLE LANGUAGE"
#define GREETING_LOOPBACK           \
    "* OK [CAPABILITY " SAID_BEFORE \
    " AUTH=PLAIN AUTH=LOGIN AUTH=SCRAM-SHA-256 AUTH=SCRAM-SHA-1] mail.example Posthorn ready\r\n"
#define GREETING_FAR                \
    "* OK [CAPABILITY " SAID_BEFORE \
    " LOGINDISABLED AUTH=SCRAM-SHA-256 AUTH=SCRAM-SHA-1] mail.example Posthorn ready\r\n"

static void test_login_hands_over_tag_and_pending(void **state)
{
    (void)state;
    struct talk t = {0};
    start(&t, "127.0.0.1");
    hear(&t, GREETING_LOOPBACK);
    say(&t, "a1 LOGIN {4}\r\n");
    hear(&t, "+ OK\r\n");
    say(&t, "anna {6+}\r\nsecret\r\na2 SELECT INBOX\r\n");
    hear(&t, "a1 OK from store <a2 SELECT INBOX\r\n>\r\n");
    stop(&t);
}

/* RFC 5255 3.2, and the choice goes to store. */
static void test_speaks_the_language_that_is_chosen(void **state)
{
    (void)state;
    struct talk t = {0};
    start(&t, "127.0.0.1");
    hear(&t, GREETING_LOOPBACK);
    say(&t, "a1 LANGUAGE\r\n");
    hear(&t, "* LANGUAGE (en de i-default)\r\na1 OK Completed\r\n");
    say(&t, "a2 LANGUAGE fr\r\n");
    hear(&t, "a2 NO This language is not known here\r\n");
    say(&t, "a3 LANGUAGE default\r\n");
    hear(&t, "* LANGUAGE (i-default)\r\na3 OK Completed\r\n");
    say(&t, "a4 LANGUAGE fr de-AT\r\n");
    hear(&t, "* LANGUAGE (de)\r\na4 OK Ausgef\xc3\xbchrt\r\n");
    say(&t, "a5 LOGIN anna wrong\r\n");
    hear(&t, "a5 NO [AUTHENTICATIONFAILED] Der Name oder das Passwort ist falsch\r\n");
    say(&t, "a6 SELECT INBOX\r\n");
    hear(&t, "a6 BAD Melden Sie sich zuerst an\r\n");
    store_is_full = true;
    say(&t, "a7 LOGIN anna secret\r\n");
    hear(&t, "a7 NO [LIMIT] Dieses Konto hat zu viele Sitzungen\r\n"
             "* BYE Versuchen Sie es sp\xc3\xa4ter noch einmal\r\n");
    store_is_full = false;
    fd_close(&t.fd);
    buf_release(&t.in);
    connect_again(&t, "127.0.0.1");
    hear(&t, GREETING_LOOPBACK);
    say(&t, "b1 LANGUAGE de\r\nb2 LOGIN anna secret\r\n");
    hear(&t, "* LANGUAGE (de)\r\nb1 OK Ausgef\xc3\xbchrt\r\nb2 OK from store <> in de\r\n");
    stop(&t);
}

static void test_refuses_passwords_in_the_clear_from_afar(void **state)
{
    (void)state;
    struct talk t = {0};
    start(&t, "192.0.2.1");
    hear(&t, GREETING_FAR);
    say(&t, "a1 LOGIN anna secret\r\n");
    hear(&t, "a1 NO [PRIVACYREQUIRED] Use STARTTLS first: a password is not sent in the clear\r\n");
    say(&t, "a2 AUTHENTICATE PLAIN AGFubmEAc2VjcmV0\r\n");
    hear(&t, "a2 NO [PRIVACYREQUIRED]");
    stop(&t);
}

static void test_authenticates_with_and_without_initial_response(void **state)
{
    (void)state;
    struct talk t = {0};
    start(&t, "127.0.0.1");
    hear(&t, GREETING_LOOPBACK);
    say(&t, "a1 AUTHENTICATE PLAIN\r\n");
    hear(&t, "+ \r\n");
    say(&t, "*\r\n");
    hear(&t, "a1 BAD AUTHENTICATE was cancelled\r\n");
    say(&t, "a2 AUTHENTICATE NOSUCH\r\n");
    hear(&t, "a2 NO [CANNOT] We don't know this mechanism\r\n");
    say(&t, "a3 AUTHENTICATE PLAIN !!!\r\n");
    hear(&t, "a3 BAD That is no valid response\r\n");
    say(&t, "a4 AUTHENTICATE PLAIN AGFubmEAc2VjcmV0\r\n");
    hear(&t, "a4 OK from store <>\r\n");
    stop(&t);
}

static void test_last_word_of_a_mechanism_takes_one_more_round(void **state)
{
    (void)state;
    struct talk t = {0};
    start(&t, "192.0.2.1");
    hear(&t, GREETING_FAR);
    int before = cancelled;
    say(&t, "a1 AUTHENTICATE SCRAM-SHA-256 biwsbj1hbm5h\r\n");
    hear(&t, "+ Y2hhbGxlbmdl\r\n");
    say(&t, "*\r\n");
    hear(&t, "a1 BAD AUTHENTICATE was cancelled\r\n");
    assert_int_equal(cancelled, before + 1);
    say(&t, "a2 AUTHENTICATE SCRAM-SHA-256 biwsbj1hbm5h\r\n");
    hear(&t, "+ Y2hhbGxlbmdl\r\n");
    say(&t, "cHJvb2Y=\r\n");
    hear(&t, "+ dj0x\r\n");
    say(&t, "\r\n");
    hear(&t, "a2 OK from store <>\r\n");
    stop(&t);
}

#define WRONG "a NO [AUTHENTICATIONFAILED] The name or the password is wrong\r\n"

static void guess(struct talk *t, int times)
{
    for (int i = 0; i < times; i++) {
        say(t, "a LOGIN anna wrong\r\n");
        hear(t, WRONG);
    }
}

static void test_says_bye_after_too_many_failures(void **state)
{
    (void)state;
    struct talk t = {0};
    start(&t, "127.0.0.1");
    hear(&t, GREETING_LOOPBACK);
    guess(&t, LOGIN_FAILURES_MAX);
    hear(&t, "* BYE Too many failed log-ins\r\n");
    hear(&t, "");
    stop(&t);
}

/* A new connection does not help; another name does. */
static void test_stops_checking_who_guesses_on(void **state)
{
    (void)state;
    struct talk t = {0};
    start(&t, "127.0.0.1");
    hear(&t, GREETING_LOOPBACK);
    guess(&t, LOGIN_FAILURES_MAX);
    hear(&t, "* BYE Too many failed log-ins\r\n");
    fd_close(&t.fd);
    buf_release(&t.in);
    connect_again(&t, "127.0.0.1");
    hear(&t, GREETING_LOOPBACK);
    guess(&t, 1);
    say(&t, "a LOGIN anna secret\r\n");
    hear(&t, "a NO [LIMIT] Too many failed log-ins; wait a few minutes\r\n");
    say(&t, "b LOGIN broken x\r\n");
    hear(&t, "b NO [UNAVAILABLE]");
    stop(&t);
}

static void test_says_what_is_only_temporary(void **state)
{
    (void)state;
    struct talk t = {0};
    start(&t, "127.0.0.1");
    hear(&t, GREETING_LOOPBACK);
    say(&t, "a1 LOGIN broken x\r\n");
    hear(&t, "a1 NO [UNAVAILABLE] Log-in is not possible now; try again later\r\n");
    store_is_full = true;
    say(&t, "a2 LOGIN anna secret\r\n");
    hear(&t, "a2 NO [LIMIT] This account has too many sessions\r\n* BYE Try again later\r\n");
    store_is_full = false;
    stop(&t);
}

static void test_serves_few_commands_and_counts_errors(void **state)
{
    (void)state;
    struct talk t = {0};
    start(&t, "192.0.2.1");
    hear(&t, GREETING_FAR);
    say(&t, "a1 CAPABILITY\r\na2 ID NIL\r\na3 STARTTLS\r\n");
    hear(&t, "* CAPABILITY " SAID_BEFORE
             " LOGINDISABLED AUTH=SCRAM-SHA-256 AUTH=SCRAM-SHA-1\r\na1 OK Completed\r\n"
             "* ID (\"name\" \"Posthorn\")\r\na2 OK Completed\r\n"
             "a3 BAD TLS is not to be had here, or is there already\r\n");
    for (int i = 0; i < IMAP_LOGIN_ERRORS_MAX; i++) {
        say(&t, "a SELECT INBOX\r\n");
        hear(&t, "a BAD Log in first\r\n");
    }
    hear(&t, "* BYE Too many errors\r\n");
    hear(&t, "");
    stop(&t);
}

static void test_lines_and_literals_are_short_before_the_log_in(void **state)
{
    (void)state;
    struct talk t = {0};
    CLEANUP(buf_release) struct buf text = BUF(100000);
    start(&t, "192.0.2.1");
    hear(&t, GREETING_FAR);
    buf_put(&text, S("a1 CAPABILITY "));
    while (text.n < IMAP_LOGIN_LINE_MAX - 1) /* CR counts */
        buf_putc(&text, 'x');
    size_t longest = text.n;
    buf_put(&text, S("\r\na2 CAPABILITY "));
    while (text.n < 2 * longest + 2)
        buf_putc(&text, 'x');
    buf_put(&text, S("x\r\n"));
    say(&t, buf_cstr(&text));
    hear(&t, "a1 BAD there is more than the command takes\r\na2 BAD The line is too long\r\n");
    buf_clear(&text);
    buf_printf(&text, "a3 LOGIN {%d}\r\n", IMAP_LOGIN_LITERAL_MAX + 1);
    say(&t, buf_cstr(&text));
    hear(&t, "a3 NO [TOOBIG] The literal is larger than we take\r\n");
    buf_clear(&text);
    buf_printf(&text, "a4 LOGIN {%d}\r\n", IMAP_LOGIN_LITERAL_MAX);
    say(&t, buf_cstr(&text));
    hear(&t, "+ OK\r\n");
    stop(&t);
}

static void test_starttls_refuses_what_was_sent_behind_it(void **state)
{
    (void)state;
    struct error error;
    CLEANUP(buf_release) struct buf chain = BUF(100000);
    CLEANUP(buf_release) struct buf key = BUF(100000);
    struct talk t = {0};
    assert_int_equal(tls_make_self_signed("mail.example", &chain, &key, &error), ERR_OK);
    struct tls_pem pem = {.chain = buf_slice(&chain), .key = buf_slice(&key)};
    assert_int_equal(tls_context_create(&pem, 1, &t.guest.tls, &error), ERR_OK);
    start(&t, "192.0.2.1");
    hear(&t, "* OK [CAPABILITY " SAID_BEFORE
             " STARTTLS LOGINDISABLED AUTH=SCRAM-SHA-256 AUTH=SCRAM-SHA-1] mail.example Posthorn "
             "ready\r\n");
    say(&t, "a1 STARTTLS\r\na2 NOOP\r\n");
    hear(&t, "a1 BAD Nothing may follow STARTTLS before our answer\r\n* BYE Commands were sent behind "
             "STARTTLS\r\n");
    hear(&t, "");
    stop(&t);
    tls_context_unref(t.guest.tls);
}

static void test_serves_no_mechanism_that_is_switched_off(void **state)
{
    (void)state;
    struct talk t = {.settings = {.sasl_without = "PLAIN SCRAM-SHA-1"}};
    start(&t, "127.0.0.1");
    hear(&t, "* OK [CAPABILITY " SAID_BEFORE
             " LOGINDISABLED AUTH=LOGIN AUTH=SCRAM-SHA-256] mail.example Posthorn ready\r\n");
    say(&t, "a1 LOGIN anna secret\r\na2 AUTHENTICATE PLAIN =\r\na3 AUTHENTICATE SCRAM-SHA-1\r\n");
    hear(&t, "a1 NO [CANNOT] This way of logging in is switched off here\r\n"
             "a2 NO [CANNOT] This way of logging in is switched off here\r\n"
             "a3 NO [CANNOT] This way of logging in is switched off here\r\n");
    stop(&t);
}

static void test_capabilities_switched_off_for_all_are_unknown(void **state)
{
    (void)state;
    struct talk t = {.settings = {.imap_without = "SASL-IR ID LITERAL+"}};
    start(&t, "127.0.0.1");
    hear(&t, "* OK [CAPABILITY IMAP4rev1 IMAP4rev2 LITERAL- ENABLE IDLE LANGUAGE AUTH=PLAIN AUTH=LOGIN "
             "AUTH=SCRAM-SHA-256 "
             "AUTH=SCRAM-SHA-1] mail.example Posthorn ready\r\n");
    say(&t, "a1 AUTHENTICATE PLAIN AGFubmEAc2VjcmV0\r\na2 ID NIL\r\n");
    hear(&t, "a1 BAD AUTHENTICATE takes the mechanism only\r\na2 BAD there is no such command\r\n");
    stop(&t);
}

static void test_what_a_client_does_not_get_is_unknown_from_id_on(void **state)
{
    (void)state;
    struct talk t = {.settings = {.imap_without = "ENABLE",
                                  .imap_clients = {{"Broken*", "SASL-IR IMAP4rev2"}},
                                  .imap_client_count = 1}};
    start(&t, "127.0.0.1");
    hear(&t, "* OK [CAPABILITY IMAP4rev1 LITERAL+ SASL-IR ID IDLE LANGUAGE AUTH=PLAIN AUTH=LOGIN "
             "AUTH=SCRAM-SHA-256 "
             "AUTH=SCRAM-SHA-1] mail.example Posthorn ready\r\n");
    say(&t, "a1 ID (\"name\" \"Broken Mail\")\r\na2 AUTHENTICATE PLAIN AGFubmEAc2VjcmV0\r\n");
    hear(&t, "* ID (\"name\" \"Posthorn\")\r\n* CAPABILITY IMAP4rev1 LITERAL+ ID IDLE LANGUAGE AUTH=PLAIN "
             "AUTH=LOGIN "
             "AUTH=SCRAM-SHA-256 AUTH=SCRAM-SHA-1\r\na1 OK Completed\r\n"
             "a2 BAD AUTHENTICATE takes the mechanism only\r\n");
    say(&t, "a3 LOGIN anna secret\r\n");
    hear(&t, "a3 OK from store <> without ENABLE SASL-IR IMAP4REV2\r\n");
    stop(&t);
}

static void test_logout(void **state)
{
    (void)state;
    struct talk t = {0};
    start(&t, "::1");
    hear(&t, GREETING_LOOPBACK);
    say(&t, "a1 LOGOUT\r\n");
    hear(&t, "* BYE Logging out\r\na1 OK Completed\r\n");
    hear(&t, "");
    stop(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_login_hands_over_tag_and_pending),
        cmocka_unit_test(test_speaks_the_language_that_is_chosen),
        cmocka_unit_test(test_refuses_passwords_in_the_clear_from_afar),
        cmocka_unit_test(test_authenticates_with_and_without_initial_response),
        cmocka_unit_test(test_last_word_of_a_mechanism_takes_one_more_round),
        cmocka_unit_test(test_stops_checking_who_guesses_on),
        cmocka_unit_test(test_says_bye_after_too_many_failures),
        cmocka_unit_test(test_says_what_is_only_temporary),
        cmocka_unit_test(test_serves_few_commands_and_counts_errors),
        cmocka_unit_test(test_lines_and_literals_are_short_before_the_log_in),
        cmocka_unit_test(test_starttls_refuses_what_was_sent_behind_it),
        cmocka_unit_test(test_serves_no_mechanism_that_is_switched_off),
        cmocka_unit_test(test_capabilities_switched_off_for_all_are_unknown),
        cmocka_unit_test(test_what_a_client_does_not_get_is_unknown_from_id_on),
        cmocka_unit_test(test_logout),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

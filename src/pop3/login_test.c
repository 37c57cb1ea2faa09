/* POP3's AUTHORIZATION state over a socket pair; store is played by link/test_link.h. */
#include "link/test_link.h"
#include "pop3/pop3.h"

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

static void enter(struct talk *t)
{
    int pair[2];
    wire_pair(pair);
    t->guest.fd = pair[1];
    t->wire = wire_of(pair[0]);
    pop3_login_start(&t->guest);
}

static void start(struct talk *t, const char *peer, struct tls_context *tls, bool tls_first)
{
    played_reset();
    t->loop = wire_loop();
    t->settings = (struct settings){.hostname = "mail.example"};
    t->guest = (struct guest){.loop = t->loop,
                              .link = &t->link,
                              .guard = login_guard_create(),
                              .tls = tls,
                              .tls_first = tls_first,
                              .settings = &t->settings,
                              .release = release_guest};
    snprintf(t->guest.peer, sizeof(t->guest.peer), "%s", peer);
    enter(t);
}

static void stop(struct talk *t)
{
    wire_close(&t->wire);
    wire_finish(t->loop);
    login_guard_destroy(t->guest.guard);
    if (t->guest.tls != NULL)
        tls_context_unref(t->guest.tls);
}

#define GREETING "+OK mail.example POP3\r\n"
#define CAPABILITIES                                                                            \
    "TOP\r\nUIDL\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\nPIPELINING\r\nLANG\r\nUTF8 USER\r\nEXPIRE " \
    "NEVER\r\nLOGIN-DELAY 0\r\n"                                                                \
    "IMPLEMENTATION Posthorn\r\n"
#define WRONG "-ERR [AUTH] name or password is wrong\r\n"
#define NO_ANSWER "-ERR that is no valid answer\r\n"

static void test_user_and_pass_hand_over_what_is_pending(void **state)
{
    struct talk t;
    (void)state;
    start(&t, "127.0.0.1", NULL, false);
    wire_expect(&t.wire, GREETING);
    wire_send(&t.wire, "PASS secret\r\n");
    wire_expect(&t.wire, "-ERR USER comes first\r\n");
    wire_send(&t.wire, "USER\r\n");
    wire_expect(&t.wire, "-ERR USER needs a name\r\n");
    wire_send(&t.wire, "user anna\r\n");
    wire_expect(&t.wire, "+OK and the password?\r\n");
    wire_send(&t.wire, "PASS wrong\r\nPASS secret\r\n");
    wire_expect(&t.wire, WRONG "-ERR USER comes first\r\n");
    wire_send(&t.wire, "USER anna\r\nPASS secret\r\nSTAT\r\n");
    wire_expect(&t.wire, "+OK and the password?\r\n+OK from store <STAT\r\n>\r\n");
    stop(&t);
}

static void test_name_has_a_limit(void **state)
{
    struct talk t;
    char name[POP3_USER_MAX + 20];
    (void)state;
    start(&t, "127.0.0.1", NULL, false);
    wire_expect(&t.wire, GREETING);
    memset(name, 'a', sizeof(name));
    memcpy(name, "USER ", 5);
    memcpy(name + 5 + POP3_USER_MAX, "\r\n", 3);
    wire_send(&t.wire, name);
    wire_expect(&t.wire, "+OK and the password?\r\n");
    memcpy(name + 5 + POP3_USER_MAX, "a\r\n", 4);
    wire_send(&t.wire, name);
    wire_expect(&t.wire, "-ERR USER needs a name\r\n");
    stop(&t);
}

/* RFC 5034. */
static void test_auth(void **state)
{
    struct talk t;
    (void)state;
    start(&t, "127.0.0.1", NULL, false);
    wire_expect(&t.wire, GREETING);
    wire_send(&t.wire, "AUTH\r\n");
    wire_expect(&t.wire, "+OK\r\nPLAIN\r\nLOGIN\r\nSCRAM-SHA-256\r\nSCRAM-SHA-1\r\n.\r\n");
    wire_send(&t.wire, "AUTH NONSENSE\r\n");
    wire_expect(&t.wire, "-ERR mechanism not known here\r\n");
    wire_send(&t.wire, "AUTH PLAIN !!!\r\n");
    wire_expect(&t.wire, NO_ANSWER);
    wire_send(&t.wire, "AUTH PLAIN =\r\n");
    wire_expect(&t.wire, NO_ANSWER);
    wire_send(&t.wire, "AUTH PLAIN\r\n");
    wire_expect(&t.wire, "+ \r\n");
    wire_send(&t.wire, "*\r\n");
    wire_expect(&t.wire, "-ERR log-in given up\r\n");
    wire_send(&t.wire, "AUTH SCRAM-SHA-256 biwsbj1hbm5h\r\n");
    wire_expect(&t.wire, "+ Y2hhbGxlbmdl\r\n");
    wire_send(&t.wire, "*\r\n");
    wire_expect(&t.wire, "-ERR log-in given up\r\n");
    assert_int_equal(played.cancelled, 1);
    wire_send(&t.wire, "AUTH SCRAM-SHA-256 biwsbj1hbm5h\r\n");
    wire_expect(&t.wire, "+ Y2hhbGxlbmdl\r\n");
    wire_send(&t.wire, "cHJvb2Y=\r\n");
    wire_expect(&t.wire, "+ dj0x\r\n");
    wire_send(&t.wire, "\r\n");
    wire_expect(&t.wire, "+OK from store <>\r\n");
    stop(&t);
}

static void test_serves_no_mechanism_that_is_switched_off(void **state)
{
    struct talk t;
    (void)state;
    start(&t, "127.0.0.1", NULL, false);
    wire_expect(&t.wire, GREETING);
    t.settings.sasl_without = "PLAIN SCRAM-SHA-1";
    wire_send(&t.wire, "AUTH\r\n");
    wire_expect(&t.wire, "+OK\r\nLOGIN\r\nSCRAM-SHA-256\r\n.\r\n");
    wire_send(&t.wire, "USER anna\r\n");
    wire_expect(&t.wire, "-ERR USER is switched off here\r\n");
    wire_send(&t.wire, "AUTH SCRAM-SHA-1\r\n");
    wire_expect(&t.wire, "-ERR mechanism not known here\r\n");
    stop(&t);
}

static void test_says_why_not(void **state)
{
    struct talk t;
    (void)state;
    start(&t, "127.0.0.1", NULL, false);
    wire_expect(&t.wire, GREETING);
    wire_send(&t.wire, "AUTH PLAIN AGNsb3NlZAB4\r\n");
    wire_expect(&t.wire,
                "-ERR [AUTH] this account's plan has no POP3; use IMAP, or have the plan changed\r\n");
    wire_send(&t.wire, "AUTH PLAIN AGJyb2tlbgB4\r\n");
    wire_expect(&t.wire, "-ERR [SYS/TEMP] log-in is temporarily unavailable\r\n");
    played.down = true;
    wire_send(&t.wire, "AUTH PLAIN AGFubmEAc2VjcmV0\r\n");
    wire_expect(&t.wire, "-ERR [SYS/TEMP] log-in is temporarily unavailable\r\n");
    played.down = false;
    played.full = true;
    wire_send(&t.wire, "AUTH PLAIN AGFubmEAc2VjcmV0\r\n");
    wire_expect(&t.wire, "-ERR [SYS/TEMP] too many sessions\r\n");
    wire_expect_end(&t.wire);
    stop(&t);
}

static void test_capa_and_no_passwords_in_the_clear(void **state)
{
    struct talk t;
    (void)state;
    start(&t, "192.0.2.1", NULL, false);
    wire_expect(&t.wire, GREETING);
    wire_send(&t.wire, "CAPA\r\n");
    wire_expect(&t.wire, "+OK\r\n" CAPABILITIES "SASL SCRAM-SHA-256 SCRAM-SHA-1\r\n.\r\n");
    wire_send(&t.wire, "USER anna\r\nAUTH PLAIN AGFubmEAc2VjcmV0\r\nSTLS\r\nSTAT\r\nQUIT\r\n");
    wire_expect(&t.wire, "-ERR please start TLS first (STLS)\r\n-ERR please start TLS first (STLS)\r\n"
                         "-ERR TLS is on already, or not set up\r\n-ERR not known, or only after log-in\r\n"
                         "+OK goodbye\r\n");
    wire_expect_end(&t.wire);
    stop(&t);
}

static void test_stls_forgets_the_name(void **state)
{
    struct talk t;
    (void)state;
    start(&t, "127.0.0.1", wire_tls("mail.example"), false);
    wire_expect(&t.wire, GREETING);
    wire_send(&t.wire, "USER evil\r\n");
    wire_expect(&t.wire, "+OK and the password?\r\n");
    wire_send(&t.wire, "STLS\r\n");
    wire_expect(&t.wire, "+OK go ahead\r\n");
    wire_start_tls(&t.wire, "mail.example", 0);
    wire_send(&t.wire, "PASS secret\r\nSTLS\r\nUSER anna\r\nPASS secret\r\n");
    wire_expect(&t.wire, "-ERR USER comes first\r\n-ERR TLS is on already, or not set up\r\n"
                         "+OK and the password?\r\n+OK from store <>\r\n");
    stop(&t);
}

/* RFC 6856 2.1. */
static void test_store_hears_of_utf8(void **state)
{
    struct talk t;
    (void)state;
    start(&t, "127.0.0.1", wire_tls("mail.example"), false);
    wire_expect(&t.wire, GREETING);
    wire_send(&t.wire, "UTF8 USER\r\nUTF8\r\nSTLS\r\nutf8\r\nUSER anna\r\nPASS secret\r\n");
    wire_expect(&t.wire, "-ERR UTF8 has no argument\r\n+OK UTF8 it is\r\n-ERR STLS comes before UTF8\r\n"
                         "+OK UTF8 it is\r\n+OK and the password?\r\n+OK from store <> tag UTF8\r\n");
    stop(&t);
}

static void test_stls_refuses_what_was_sent_behind_it(void **state)
{
    struct talk t;
    (void)state;
    start(&t, "127.0.0.1", wire_tls("mail.example"), false);
    wire_expect(&t.wire, GREETING);
    wire_send(&t.wire, "STLS\r\nUSER evil\r\n");
    wire_expect(&t.wire, "-ERR nothing may follow STLS before TLS is on\r\n");
    wire_expect_end(&t.wire);
    stop(&t);
}

static void test_implicit_tls(void **state)
{
    struct talk t;
    (void)state;
    start(&t, "192.0.2.1", wire_tls("mail.example"), true);
    wire_start_tls(&t.wire, "mail.example", 0);
    wire_expect(&t.wire, GREETING);
    wire_send(&t.wire, "CAPA\r\n");
    wire_expect(&t.wire,
                "+OK\r\n" CAPABILITIES "USER\r\n"
                "SASL PLAIN LOGIN SCRAM-SHA-256 SCRAM-SHA-256-PLUS SCRAM-SHA-1 SCRAM-SHA-1-PLUS\r\n.\r\n");
    wire_send(&t.wire, "USER anna\r\nPASS secret\r\n");
    wire_expect(&t.wire, "+OK and the password?\r\n+OK from store <>\r\n");
    stop(&t);
}

/* RFC 6856 2.2 */
static void test_refuses_names_and_passwords_that_are_no_utf8(void **state)
{
    struct talk t;
    (void)state;
    start(&t, "127.0.0.1", NULL, false);
    wire_expect(&t.wire, GREETING);
    wire_send(&t.wire, "USER j\xf6rg\r\nUSER j\xc2\x80rg\r\nUSER j\xc3\xb6rg\r\nPASS T\xfcr\r\n");
    wire_expect(&t.wire, "-ERR a name is in UTF-8, without control characters\r\n"
                         "-ERR a name is in UTF-8, without control characters\r\n"
                         "+OK and the password?\r\n" NO_ANSWER);
    wire_send(&t.wire, "USER j\xc3\xb6rg\r\nPASS T\xee\x80\x80r\r\n");
    wire_expect(&t.wire, "+OK and the password?\r\n" NO_ANSWER);
    wire_send(&t.wire, "USER j\xc3\xb6rg\r\nPASS T\xc3\xbcr\r\n");
    wire_expect(&t.wire, "+OK and the password?\r\n" WRONG);
    stop(&t);
}

/* RFC 6856 3, and the choice goes to store. */
static void test_speaks_the_language_that_is_chosen(void **state)
{
    struct talk t;
    (void)state;
    start(&t, "127.0.0.1", NULL, false);
    wire_expect(&t.wire, GREETING);
    wire_send(&t.wire, "LANG\r\nLANG *\r\nLANG fr\r\n");
    wire_expect(&t.wire, "+OK language listing follows\r\nen English\r\nde Deutsch\r\n.\r\n"
                         "+OK en language changed\r\n-ERR this language is not known here\r\n");
    wire_send(&t.wire, "lang de-DE\r\nFOO\r\nUSER anna\r\nPASS wrong\r\n");
    wire_expect(&t.wire,
                "+OK de Sprache ge\xc3\xa4ndert\r\n-ERR nicht bekannt oder erst nach der Anmeldung\r\n"
                "+OK und das Passwort?\r\n-ERR [AUTH] Name oder Passwort ist falsch\r\n");
    wire_send(&t.wire, "USER anna\r\nPASS secret\r\n");
    wire_expect(&t.wire, "+OK und das Passwort?\r\n+OK from store <> in de\r\n");
    stop(&t);
}

/* What was chosen in the clear, somebody else may have chosen (RFC 6856 7). */
static void test_forgets_the_language_when_tls_begins(void **state)
{
    struct talk t;
    (void)state;
    start(&t, "192.0.2.1", wire_tls("mail.example"), false);
    wire_expect(&t.wire, GREETING);
    wire_send(&t.wire, "LANG de\r\nSTLS\r\n");
    wire_expect(&t.wire, "+OK de Sprache ge\xc3\xa4ndert\r\n+OK bitte sehr\r\n");
    wire_start_tls(&t.wire, "mail.example", 0);
    wire_send(&t.wire, "USER anna\r\nPASS secret\r\n");
    wire_expect(&t.wire, "+OK and the password?\r\n+OK from store <>\r\n");
    stop(&t);
}

static void test_slows_down_who_guesses(void **state)
{
    struct talk t;
    (void)state;
    start(&t, "127.0.0.1", NULL, false);
    wire_expect(&t.wire, GREETING);
    for (int i = 0; i < LOGIN_FAILURES_MAX; i++) {
        wire_send(&t.wire, "AUTH PLAIN AGFubmEAeA==\r\n");
        wire_expect(&t.wire, WRONG);
    }
    wire_expect_end(&t.wire);
    wire_close(&t.wire);
    enter(&t);
    wire_expect(&t.wire, GREETING);
    wire_send(&t.wire, "AUTH PLAIN AGFubmEAeA==\r\nAUTH PLAIN AGFubmEAc2VjcmV0\r\n");
    wire_expect(&t.wire, WRONG "-ERR [SYS/TEMP] too many failed log-ins; wait a few minutes\r\n");
    stop(&t);
}

static void test_closes_after_too_many_errors(void **state)
{
    struct talk t;
    (void)state;
    start(&t, "127.0.0.1", NULL, false);
    wire_expect(&t.wire, GREETING);
    for (int i = 0; i < POP3_ERRORS_MAX; i++) {
        wire_send(&t.wire, "NOOP\r\n");
        wire_expect(&t.wire, "-ERR not known, or only after log-in\r\n");
    }
    wire_expect(&t.wire, "-ERR too many errors\r\n");
    wire_expect_end(&t.wire);
    stop(&t);
}

static void test_line_has_a_limit(void **state)
{
    static char line[POP3_LINE_MAX + 2];
    struct talk t;
    (void)state;
    start(&t, "127.0.0.1", NULL, false);
    wire_expect(&t.wire, GREETING);
    memset(line, 'x', sizeof(line) - 1);
    wire_send(&t.wire, "AUTH PLAIN\r\n");
    wire_expect(&t.wire, "+ \r\n");
    wire_send(&t.wire, line);
    wire_send(&t.wire, "\r\nCAPA\r\n");
    wire_expect(&t.wire, "-ERR line too long\r\n+OK\r\nTOP\r\n");
    stop(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_user_and_pass_hand_over_what_is_pending),
        cmocka_unit_test(test_name_has_a_limit),
        cmocka_unit_test(test_auth),
        cmocka_unit_test(test_serves_no_mechanism_that_is_switched_off),
        cmocka_unit_test(test_says_why_not),
        cmocka_unit_test(test_capa_and_no_passwords_in_the_clear),
        cmocka_unit_test(test_stls_forgets_the_name),
        cmocka_unit_test(test_store_hears_of_utf8),
        cmocka_unit_test(test_stls_refuses_what_was_sent_behind_it),
        cmocka_unit_test(test_implicit_tls),
        cmocka_unit_test(test_refuses_names_and_passwords_that_are_no_utf8),
        cmocka_unit_test(test_speaks_the_language_that_is_chosen),
        cmocka_unit_test(test_forgets_the_language_when_tls_begins),
        cmocka_unit_test(test_slows_down_who_guesses),
        cmocka_unit_test(test_closes_after_too_many_errors),
        cmocka_unit_test(test_line_has_a_limit),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    played_reset();
    return failed;
}

/* The guard against guessing, and what an exchange half done leaves behind; store is played. */
#include "link/test_link.h"

#include "link/login.h"
#include "rt/test_wire.h"

struct talk {
    struct loop *loop;
    struct link link;
    struct login_guard *guard;
    struct settings settings;
    struct conn *conn;
    struct login login;
    int fd;
};

static void on_ready(struct conn *conn, void *session)
{
    (void)conn;
    (void)session;
}

static void on_closed(void *session)
{
    (void)session;
}

static void start(struct talk *t, const char *peer, struct login_guard *guard)
{
    static const struct conn_handler handler = {.protocol = "test", .ready = on_ready, .closed = on_closed};
    struct conn_options options = {.sid = {1}, .peer = peer};
    struct error error;
    int pair[2];
    *t = (struct talk){.loop = wire_loop(), .guard = guard};
    wire_pair(pair);
    assert_int_equal(conn_open(t->loop, pair[1], &handler, t, &options, &t->conn, &error), ERR_OK);
    t->fd = pair[0];
    login_init(&t->login, &t->link, t->guard, &t->settings, t->conn, DOOR_IMAP);
}

static void stop(struct talk *t)
{
    struct line_reader line;
    login_release(&t->login);
    line_reader_init(&line, 100);
    conn_expect(t->conn, &line.reader, 0);
    conn_close(t->conn);
    conn_start(t->conn, slice_none());
    fd_close(&t->fd);
    wire_finish(t->loop);
    line_reader_release(&line);
}

static enum login_status try(struct talk *t, const char *name, const char *password)
{
    struct error error;
    return login_password(&t->login, slice_cstr(name), slice_cstr(password), &error);
}

static void test_one_name_waits_and_no_other(void **state)
{
    struct login_guard *guard = login_guard_create();
    struct talk t;
    (void)state;
    played_reset();
    start(&t, "192.0.2.1", guard);
    for (int i = 0; i < 5; i++)
        assert_int_equal(try(&t, "anna", "wrong"), LOGIN_FAILED);
    assert_int_equal(try(&t, "anna", "wrong"), LOGIN_FAILED);
    assert_int_equal(try(&t, "anna", "secret"), LOGIN_SLOW_DOWN);
    assert_int_equal(try(&t, "otto", "wrong"), LOGIN_FAILED);
    assert_int_equal(t.login.failures, 8);
    stop(&t);
    start(&t, "192.0.2.2", guard); /* from elsewhere she may */
    assert_int_equal(try(&t, "anna", "secret"), LOGIN_OK);
    stop(&t);
    clock_shift(20 * CLOCK_SECOND); /* after a while she may again */
    start(&t, "192.0.2.1", guard);
    assert_int_equal(try(&t, "anna", "secret"), LOGIN_OK);
    stop(&t);
    clock_shift(-20 * CLOCK_SECOND);
    login_guard_destroy(guard);
}

static void test_an_address_that_tries_many_names_waits(void **state)
{
    struct login_guard *guard = login_guard_create();
    struct talk t;
    char name[16];
    (void)state;
    played_reset();
    start(&t, "192.0.2.1", guard);
    for (int i = 0; i < 10; i++) {
        snprintf(name, sizeof(name), "name%d", i);
        assert_int_equal(try(&t, name, "x"), LOGIN_FAILED);
    }
    assert_int_equal(try(&t, "anna", "secret"), LOGIN_SLOW_DOWN);
    stop(&t);
    login_guard_destroy(guard);
}

/* Of that name; those of the address stay, or an account of one's own would buy guesses at others'. */
static void test_success_wipes_the_names_slate(void **state)
{
    struct login_guard *guard = login_guard_create();
    struct talk t;
    (void)state;
    played_reset();
    start(&t, "192.0.2.1", guard);
    for (int i = 0; i < 5; i++)
        assert_int_equal(try(&t, "anna", "wrong"), LOGIN_FAILED);
    assert_int_equal(try(&t, "anna", "secret"), LOGIN_OK);
    for (int i = 0; i < 4; i++)
        assert_int_equal(try(&t, "anna", "wrong"), LOGIN_FAILED);
    assert_int_equal(try(&t, "anna", "secret"), LOGIN_OK);
    assert_int_equal(try(&t, "anna", "wrong"), LOGIN_FAILED);
    assert_int_equal(try(&t, "anna", "secret"), LOGIN_SLOW_DOWN);
    stop(&t);
    login_guard_destroy(guard);
}

/* Spelling and the rest of an IPv6 network make no new guesser. */
static void test_guesser_is_known_again(void **state)
{
    struct login_guard *guard = login_guard_create();
    struct talk t;
    (void)state;
    played_reset();
    for (int i = 0; i < 6; i++) {
        char peer[40];
        snprintf(peer, sizeof(peer), "2001:db8:0:1::%d", i);
        start(&t, peer, guard);
        assert_int_equal(try(&t, i % 2 == 0 ? "anna" : "ANNA", "wrong"), LOGIN_FAILED);
        stop(&t);
    }
    start(&t, "2001:db8:0:1:ffff::1", guard);
    assert_int_equal(try(&t, "anna", "secret"), LOGIN_SLOW_DOWN);
    stop(&t);
    start(&t, "2001:db8:0:2::1", guard);
    assert_int_equal(try(&t, "anna", "secret"), LOGIN_OK);
    stop(&t);
    login_guard_destroy(guard);
}

static enum login_status try_scram(struct talk *t, const char *first)
{
    struct error error;
    enum login_status status = login_begin(&t->login, SASL_SCRAM_SHA_256, slice_cstr(first), &error);
    return status == LOGIN_CHALLENGE ? login_step(&t->login, S("eA=="), &error) : status;
}

static enum login_status try_login(struct talk *t, const char *name)
{
    struct error error;
    enum login_status status = login_begin(&t->login, SASL_LOGIN, slice_none(), &error);
    if (status == LOGIN_CHALLENGE)
        status = login_step(&t->login, slice_cstr(name), &error);
    return status == LOGIN_CHALLENGE ? login_step(&t->login, S("eA=="), &error) : status;
}

/* The guard knows the name in each mechanism: colleagues behind the same address do not wait with anna. */
static void test_name_is_known_in_every_mechanism(void **state)
{
    struct login_guard *guard = login_guard_create();
    struct talk t;
    (void)state;
    played_reset();
    start(&t, "192.0.2.1", guard);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(try_scram(&t, "bixhPW90dG8sbj1hbm5hLHI9eHl6"),
                         LOGIN_FAILED); /* n,a=otto,n=anna,r=xyz */
        assert_int_equal(try_login(&t, "YW5uYQ=="), LOGIN_FAILED);
        assert_int_equal(try(&t, "Anna", "wrong"), LOGIN_FAILED);
    }
    assert_int_equal(try_scram(&t, "biwsbj1hbm5hLHI9eHl6"), LOGIN_SLOW_DOWN); /* n,,n=anna,r=xyz */
    int cancelled = played.cancelled;
    assert_int_equal(try_login(&t, "YW5uYQ=="), LOGIN_SLOW_DOWN);
    assert_int_equal(played.cancelled, cancelled + 1);
    assert_int_equal(try(&t, "anna", "secret"), LOGIN_SLOW_DOWN);
    assert_int_equal(try_scram(&t, "biwsbj1vdHRvLHI9eHl6"), LOGIN_FAILED); /* n,,n=otto,r=xyz */
    stop(&t);
    login_guard_destroy(guard);
}

static void test_what_is_no_fault_of_the_client_is_not_counted(void **state)
{
    struct login_guard *guard = login_guard_create();
    struct talk t;
    (void)state;
    played_reset();
    start(&t, "192.0.2.1", guard);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(try(&t, "broken", "x"), LOGIN_UNAVAILABLE);
        assert_int_equal(try(&t, "closed", "x"), LOGIN_CLOSED_DOOR);
    }
    assert_int_equal(try(&t, "anna", "secret"), LOGIN_OK);
    stop(&t);
    login_guard_destroy(guard);
}

static void test_nothing_is_left_of_an_exchange_given_up(void **state)
{
    struct login_guard *guard = login_guard_create();
    struct talk t;
    struct error error;
    (void)state;
    played_reset();
    start(&t, "192.0.2.1", guard);
    assert_int_equal(login_begin(&t.login, SASL_SCRAM_SHA_256, slice_none(), &error), LOGIN_CHALLENGE);
    login_cancel(&t.login); /* store has not heard of it yet */
    assert_int_equal(played.cancelled, 0);
    assert_int_equal(login_begin(&t.login, SASL_SCRAM_SHA_256, S("bg=="), &error), LOGIN_CHALLENGE);
    assert_int_equal(login_step(&t.login, S("!"), &error), LOGIN_MALFORMED);
    assert_int_equal(played.cancelled, 1);
    assert_int_equal(login_begin(&t.login, SASL_SCRAM_SHA_256, S("bg=="), &error), LOGIN_CHALLENGE);
    assert_int_equal(login_step(&t.login, S("cHJvb2Y="), &error), LOGIN_CHALLENGE);
    login_cancel(&t.login); /* logged in, and then it said "*": the ticket goes back */
    assert_int_equal(played.released, 1);
    stop(&t);
    login_guard_destroy(guard);
}

static void test_a_name_with_nul_is_malformed(void **state)
{
    struct login_guard *guard = login_guard_create();
    struct talk t;
    struct error error;
    static char large[SASL_MESSAGE_MAX];
    (void)state;
    played_reset();
    start(&t, "192.0.2.1", guard);
    assert_int_equal(login_password(&t.login, S("an\0na"), S("x"), &error), LOGIN_MALFORMED);
    memset(large, 'p', sizeof(large));
    assert_int_equal(login_password(&t.login, S("anna"), slice_of(large, SASL_MESSAGE_MAX - 6), &error),
                     LOGIN_FAILED);
    assert_int_equal(login_password(&t.login, S("anna"), slice_of(large, SASL_MESSAGE_MAX - 5), &error),
                     LOGIN_MALFORMED);
    stop(&t);
    login_guard_destroy(guard);
}

/* The refusal comes as a challenge: it counts then, and only once. */
static void test_refused_token_counts_once_however_it_ends(void **state)
{
    struct login_guard *guard = login_guard_create();
    struct talk t;
    struct error error;
    struct slice message = S("bixhPWFubmEsAWF1dGg9QmVhcmVyIHgBAQ=="); /* n,a=anna,^Aauth=Bearer x^A^A */
    (void)state;
    played_reset();
    start(&t, "192.0.2.9", guard);
    assert_int_equal(login_begin(&t.login, SASL_OAUTHBEARER, message, &error), LOGIN_CHALLENGE);
    assert_true(slice_eq(slice_of(t.login.name, t.login.name_n), S("anna")));
    assert_int_equal(t.login.failures, 1);
    assert_int_equal(login_step(&t.login, S("AQ=="), &error), LOGIN_FAILED);
    assert_int_equal(t.login.failures, 1);
    assert_int_equal(login_begin(&t.login, SASL_OAUTHBEARER, message, &error), LOGIN_CHALLENGE);
    login_cancel(&t.login);
    assert_int_equal(t.login.failures, 2);
    message = S("dXNlcj1BbmVhAWF1dGg9QmVhcmVyIHgBAQ=="); /* user=Anea^A... */
    assert_int_equal(login_begin(&t.login, SASL_XOAUTH2, message, &error), LOGIN_CHALLENGE);
    assert_true(slice_eq(slice_of(t.login.name, t.login.name_n), S("anea")));
    assert_int_equal(login_step(&t.login, S(""), &error), LOGIN_FAILED);
    assert_int_equal(t.login.failures, 3);
    assert_int_equal(try(&t, "anna", "wrong"), LOGIN_FAILED); /* what comes next counts for itself */
    assert_int_equal(t.login.failures, 4);
    stop(&t);
    login_guard_destroy(guard);
}

static void test_tokens_need_a_provider(void **state)
{
    struct login_guard *guard = login_guard_create();
    struct talk t;
    (void)state;
    played_reset();
    start(&t, "127.0.0.1", guard);
    assert_true(login_is_off(SASL_XOAUTH2, &t.settings));
    assert_false(login_offers(t.conn, SASL_OAUTHBEARER, &t.settings));
    t.settings.oauth = true;
    assert_true(login_offers(t.conn, SASL_OAUTHBEARER, &t.settings));
    assert_true(login_offers(t.conn, SASL_XOAUTH2, &t.settings));
    stop(&t);
    start(&t, "192.0.2.1", guard); /* in the clear, from afar */
    t.settings.oauth = true;
    assert_false(login_offers(t.conn, SASL_OAUTHBEARER, &t.settings));
    stop(&t);
    login_guard_destroy(guard);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused_token_counts_once_however_it_ends),
        cmocka_unit_test(test_tokens_need_a_provider),
        cmocka_unit_test(test_one_name_waits_and_no_other),
        cmocka_unit_test(test_an_address_that_tries_many_names_waits),
        cmocka_unit_test(test_success_wipes_the_names_slate),
        cmocka_unit_test(test_guesser_is_known_again),
        cmocka_unit_test(test_name_is_known_in_every_mechanism),
        cmocka_unit_test(test_what_is_no_fault_of_the_client_is_not_counted),
        cmocka_unit_test(test_nothing_is_left_of_an_exchange_given_up),
        cmocka_unit_test(test_a_name_with_nul_is_malformed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

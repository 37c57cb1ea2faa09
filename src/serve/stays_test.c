#include "serve/stays.h"

#include <sys/socket.h>

#include "base/clock.h"
#include "directory/app_password.h"
#include "directory/test.h"

struct session {
    struct stay stay;
    int fd;
    int peer;
};

static uint64_t make_password(struct fixture *t, const char *name, int64_t expires)
{
    struct app_password *passwords;
    size_t count;
    char text[APP_PASSWORD_TEXT];
    const struct app_password_new wanted = {.name = slice_cstr(name), .expires = expires};
    ASSERT_OK(t, app_password_add(t->directory, S("anna@demo.example"), &wanted, text, &t->error));
    ASSERT_OK(
        t, app_password_list(t->directory, S("anna@demo.example"), &t->arena, &passwords, &count, &t->error));
    return passwords[count - 1].id;
}

static void enter_by(struct fixture *t, struct stays *stays, struct session *session, enum door door,
                     uint64_t app_password)
{
    int pair[2];
    struct account_entry anna;
    must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
    session->peer = pair[0];
    session->fd = pair[1];
    ASSERT_OK(t, account_entry_find(t->directory, S("anna@demo.example"), &t->arena, &anna, &t->error));
    const struct sasl_holder holder = {.account = anna.id, .app_password = app_password};
    stays_enter(stays, &session->stay, &holder, door, session->fd);
}

static void enter(struct fixture *t, struct stays *stays, struct session *session, uint64_t app_password)
{
    enter_by(t, stays, session, DOOR_IMAP, app_password);
}

static void leave(struct session *session)
{
    stays_leave(&session->stay);
    close(session->fd);
    close(session->peer);
}

static bool has_ended(const struct session *session)
{
    char c;
    return recv(session->peer, &c, 1, MSG_DONTWAIT) == 0;
}

static void test_sessions_end_with_their_app_password(void **state)
{
    struct fixture *t = *state;
    struct stays *stays;
    struct session phone[2], tablet;
    size_t removed;
    ASSERT_OK(t, stays_create(t->directory, &stays, &t->error));
    uint64_t id = make_password(t, "phone", 0);
    enter(t, stays, &phone[0], id);
    enter(t, stays, &tablet, make_password(t, "tablet", 0));
    enter(t, stays, &phone[1], id);
    stays_look(stays);
    assert_false(has_ended(&phone[0]) || has_ended(&phone[1]) || has_ended(&tablet));
    ASSERT_OK(t, app_password_remove(t->directory, S("anna@demo.example"), S("phone"), &removed, &t->error));
    stays_look(stays);
    assert_true(has_ended(&phone[0]) && has_ended(&phone[1]));
    assert_false(has_ended(&tablet));
    for (size_t i = 0; i < 2; i++)
        leave(&phone[i]);
    leave(&tablet);
    stays_destroy(stays);
}

static void test_sessions_end_when_it_expires(void **state)
{
    struct fixture *t = *state;
    struct stays *stays;
    struct session phone;
    ASSERT_OK(t, stays_create(t->directory, &stays, &t->error));
    enter(t, stays, &phone, make_password(t, "phone", clock_wall_us() / CLOCK_SECOND + 3600));
    clock_shift(CLOCK_HOUR);
    stays_look(stays);
    assert_true(has_ended(&phone));
    clock_shift(-CLOCK_HOUR);
    leave(&phone);
    stays_destroy(stays);
}

static void test_sessions_end_when_the_account_is_disabled(void **state)
{
    struct fixture *t = *state;
    struct stays *stays;
    struct session session, tablet;
    struct account_changes changes = ACCOUNT_CHANGES_NONE;
    ASSERT_OK(t, stays_create(t->directory, &stays, &t->error));
    enter(t, stays, &session, 0);
    enter(t, stays, &tablet, make_password(t, "tablet", 0));
    changes.enabled = 1;
    ASSERT_OK(t, account_entry_set(t->directory, S("anna@demo.example"), &changes, &t->error));
    stays_look(stays);
    assert_false(has_ended(&session) || has_ended(&tablet));
    changes.enabled = 0;
    ASSERT_OK(t, account_entry_set(t->directory, S("anna@demo.example"), &changes, &t->error));
    stays_look(stays);
    assert_true(has_ended(&session) && has_ended(&tablet));
    leave(&session);
    leave(&tablet);
    stays_destroy(stays);
}

static void test_sessions_end_when_their_door_closes(void **state)
{
    struct fixture *t = *state;
    struct stays *stays;
    struct session imap, pop3;
    struct account_changes changes = ACCOUNT_CHANGES_NONE;
    ASSERT_OK(t, stays_create(t->directory, &stays, &t->error));
    enter_by(t, stays, &imap, DOOR_IMAP, 0);
    enter_by(t, stays, &pop3, DOOR_POP3, 0);
    changes.plan = S("pop3");
    ASSERT_OK(t, account_entry_set(t->directory, S("anna@demo.example"), &changes, &t->error));
    stays_look(stays);
    assert_true(has_ended(&imap));
    assert_false(has_ended(&pop3));
    leave(&imap);
    leave(&pop3);
    stays_destroy(stays);
}

static void test_sessions_end_with_the_account(void **state)
{
    struct fixture *t = *state;
    struct stays *stays;
    struct session session;
    ASSERT_OK(t, stays_create(t->directory, &stays, &t->error));
    enter(t, stays, &session, 0);
    ASSERT_OK(t, account_entry_remove(t->directory, S("anna@demo.example"), &t->error));
    stays_look(stays);
    assert_true(has_ended(&session));
    leave(&session);
    stays_destroy(stays);
}

static int make_anna(void **state)
{
    fixture_make(state);
    make_domain(*state, "demo.example");
    make_account(*state, "anna@demo.example", "secret");
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_anna, fixture_free)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_sessions_end_with_their_app_password),
        TEST(test_sessions_end_when_it_expires),
        TEST(test_sessions_end_when_the_account_is_disabled),
        TEST(test_sessions_end_when_their_door_closes),
        TEST(test_sessions_end_with_the_account),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

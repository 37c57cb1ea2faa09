#include "directory/app_password.h"

#include "base/clock.h"
#include "directory/credential.h"
#include "directory/inside.h"
#include "directory/test.h"
#include "directory/test_client.h"

#define ANNA S("anna@demo.example")
#define DAY (24 * CLOCK_HOUR)

static int64_t in_days(int days)
{
    return clock_wall_us() / CLOCK_SECOND + days * 24 * 3600;
}

static void add(struct fixture *t, struct app_password_new wanted, char ret_text[static APP_PASSWORD_TEXT])
{
    ASSERT_OK(t, app_password_add(t->directory, ANNA, &wanted, ret_text, &t->error));
}

static enum err try_to_add(struct fixture *t, struct slice name, int64_t expires)
{
    char text[APP_PASSWORD_TEXT];
    struct app_password_new wanted = {.name = name, .expires = expires};
    return app_password_add(t->directory, ANNA, &wanted, text, &t->error);
}

static struct sasl_result log_in(struct fixture *t, struct sasl *sasl, enum door door, const char *password)
{
    CLEANUP(buf_release) struct buf message = BUF(1000);
    buf_putc(&message, 0);
    buf_put(&message, ANNA);
    buf_putc(&message, 0);
    buf_put(&message, slice_cstr(password));
    return plain(t, sasl, door, buf_slice(&message));
}

static size_t count(struct fixture *t)
{
    struct app_password *passwords;
    size_t n;
    ASSERT_OK(t, app_password_list(t->directory, ANNA, &t->arena, &passwords, &n, &t->error));
    return n;
}

static struct app_password first(struct fixture *t)
{
    struct app_password *passwords;
    size_t n;
    ASSERT_OK(t, app_password_list(t->directory, ANNA, &t->arena, &passwords, &n, &t->error));
    assert_true(n > 0);
    return passwords[0];
}

static void remove_one(struct fixture *t, const char *name)
{
    size_t removed;
    ASSERT_OK(t, app_password_remove(t->directory, ANNA, slice_cstr(name), &removed, &t->error));
    assert_int_equal(removed, 1);
}

static int make_anna(void **state)
{
    fixture_make(state);
    make_domain(*state, "demo.example");
    make_account(*state, "anna@demo.example", "secret");
    return 0;
}

static void test_it_logs_in_beside_the_accounts_own(void **state)
{
    struct fixture *t = *state;
    CLEANUP(release) struct sasl *sasl = sasl_of(t);
    char phone[APP_PASSWORD_TEXT], laptop[APP_PASSWORD_TEXT];
    add(t, (struct app_password_new){.name = S("phone")}, phone);
    add(t, (struct app_password_new){.name = S("laptop")}, laptop);
    assert_string_not_equal(phone, laptop);
    assert_int_equal(log_in(t, sasl, DOOR_IMAP, phone).status, SASL_OK);
    assert_int_equal(log_in(t, sasl, DOOR_POP3, laptop).status, SASL_OK);
    assert_int_equal(log_in(t, sasl, DOOR_IMAP, "secret").status, SASL_OK);
    phone[0] = phone[0] == 'x' ? 'y' : 'x';
    assert_int_equal(log_in(t, sasl, DOOR_IMAP, phone).status, SASL_FAILED);
    make_account(t, "ben@demo.example", "other"); /* his it is not */
    CLEANUP(buf_release) struct buf message = BUF(1000);
    buf_put(&message, S("\0ben@demo.example\0"));
    buf_put(&message, slice_cstr(laptop));
    assert_int_equal(plain(t, sasl, DOOR_IMAP, buf_slice(&message)).status, SASL_FAILED);
}

static void test_blanks_dashes_and_case_do_not_matter(void **state)
{
    struct fixture *t = *state;
    CLEANUP(release) struct sasl *sasl = sasl_of(t);
    char text[APP_PASSWORD_TEXT], typed[2 * APP_PASSWORD_TEXT];
    add(t, (struct app_password_new){.name = S("phone")}, text);
    size_t n = 0;
    for (size_t i = 0; text[i] != 0; i++)
        if (text[i] != '-')
            typed[n++] = ascii_upper(text[i]);
    typed[n] = 0;
    assert_int_equal(n, APP_PASSWORD_SIGNS);
    assert_int_equal(log_in(t, sasl, DOOR_IMAP, typed).status, SASL_OK);
    n = 0;
    for (size_t i = 0; text[i] != 0; i++)
        typed[n++] = text[i] == '-' ? ' ' : text[i];
    typed[n++] = ' ';
    typed[n] = 0;
    assert_int_equal(log_in(t, sasl, DOOR_IMAP, typed).status, SASL_OK);
    typed[n - 1] = 'a'; /* one sign too many */
    assert_int_equal(log_in(t, sasl, DOOR_IMAP, typed).status, SASL_FAILED);
}

static void test_it_opens_its_doors_only(void **state)
{
    struct fixture *t = *state;
    CLEANUP(release) struct sasl *sasl = sasl_of(t);
    char text[APP_PASSWORD_TEXT];
    add(t, (struct app_password_new){.name = S("phone"), .doors = DOOR_IMAP | DOOR_SUBMISSION | DOOR_EAS},
        text);
    assert_int_equal(log_in(t, sasl, DOOR_IMAP, text).status, SASL_OK);
    assert_int_equal(log_in(t, sasl, DOOR_SUBMISSION, text).status, SASL_OK);
    struct sasl_result result = log_in(t, sasl, DOOR_POP3, text);
    assert_int_equal(result.status, SASL_FAILED);
    assert_int_equal(result.code, ERR_DENIED);
    result = log_in(t, sasl, DOOR_EAS, text); /* which her plan has not */
    assert_int_equal(result.code, ERR_DENIED);
}

static void test_removing_it_ends_it_at_once(void **state)
{
    struct fixture *t = *state;
    CLEANUP(release) struct sasl *sasl = sasl_of(t);
    char text[APP_PASSWORD_TEXT];
    struct sasl_holder holder;
    add(t, (struct app_password_new){.name = S("phone")}, text);
    struct sasl_result result = log_in(t, sasl, DOOR_SUBMISSION, text);
    struct slice ticket = slice_of(result.ticket, TICKET_SIZE);
    ASSERT_OK(t, sasl_ticket(sasl, ticket, DOOR_SUBMISSION, false, &holder, &t->error));
    assert_int_equal(holder.app_password, first(t).id);
    remove_one(t, "phone");
    assert_int_equal(sasl_ticket(sasl, ticket, DOOR_SUBMISSION, false, &holder, &t->error), ERR_AUTH);
    assert_int_equal(log_in(t, sasl, DOOR_SUBMISSION, text).code, ERR_AUTH);
    assert_false(app_password_is_valid(t->directory, holder.app_password));
    size_t removed;
    assert_int_equal(app_password_remove(t->directory, ANNA, S("phone"), &removed, &t->error), ERR_NOT_FOUND);
    ASSERT_OK(t, app_password_remove(t->directory, ANNA, slice_none(), &removed, &t->error));
    assert_int_equal(removed, 0);
}

static void test_it_expires(void **state)
{
    struct fixture *t = *state;
    CLEANUP(release) struct sasl *sasl = sasl_of(t);
    char text[APP_PASSWORD_TEXT];
    struct sasl_holder holder;
    add(t, (struct app_password_new){.name = S("phone"), .expires = in_days(2)}, text);
    struct client client = {.gs2 = "n,,", .name = "anna", .password = text};
    clock_shift(DAY);
    struct sasl_result result = log_in(t, sasl, DOOR_SUBMISSION, text);
    assert_int_equal(result.status, SASL_OK);
    assert_int_equal(scram(t, sasl, SASL_SCRAM_SHA_256, "", &client, NULL).status, SASL_OK);
    clock_shift(DAY - CLOCK_HOUR);
    struct slice ticket = slice_of(result.ticket, TICKET_SIZE);
    ASSERT_OK(t, sasl_ticket(sasl, ticket, DOOR_SUBMISSION, false, &holder, &t->error));
    clock_shift(CLOCK_HOUR);
    assert_int_equal(sasl_ticket(sasl, ticket, DOOR_SUBMISSION, false, &holder, &t->error), ERR_AUTH);
    assert_int_equal(log_in(t, sasl, DOOR_SUBMISSION, text).code, ERR_AUTH);
    assert_int_equal(scram(t, sasl, SASL_SCRAM_SHA_256, "", &client, NULL).code, ERR_AUTH);
    assert_int_equal(count(t), 1);
    clock_shift(-2 * DAY);
}

static void test_scram(void **state)
{
    static const enum sasl_mechanism mechanisms[] = {SASL_SCRAM_SHA_256, SASL_SCRAM_SHA_1};
    struct fixture *t = *state;
    char texts[2][APP_PASSWORD_TEXT];
    struct slice salts[4];
    CLEANUP(release) struct sasl *sasl = sasl_of(t);
    assert_int_equal(log_in(t, sasl, DOOR_IMAP, "secret").status, SASL_OK); /* which makes keys for SHA-1 */
    add(t, (struct app_password_new){.name = S("a"), .doors = DOOR_IMAP}, texts[0]);
    add(t, (struct app_password_new){.name = S("b"), .doors = DOOR_POP3}, texts[1]);
    for (size_t i = 0; i < ARRAY_LEN(mechanisms); i++) {
        struct client client = {.gs2 = "n,,", .name = "anna", .password = texts[0]};
        assert_int_equal(scram(t, sasl, mechanisms[i], "", &client, &salts[0]).status, SASL_OK);
        client.password = texts[1];
        assert_int_equal(scram(t, sasl, mechanisms[i], "", &client, &salts[1]).code, ERR_DENIED);
        client.password = "secret";
        assert_int_equal(scram(t, sasl, mechanisms[i], "", &client, &salts[2]).status, SASL_OK);
        client.password = "wrong";
        assert_int_equal(scram(t, sasl, mechanisms[i], "", &client, &salts[3]).code, ERR_AUTH);
        for (size_t k = 1; k < 4; k++)
            assert_true(slice_eq(salts[k], salts[0]));
    }
    remove_one(t, "a");
    struct client client = {.gs2 = "n,,", .name = "anna", .password = texts[0]};
    assert_int_equal(scram(t, sasl, SASL_SCRAM_SHA_256, "", &client, NULL).code, ERR_AUTH);
}

/* An account whose keys come later, or are made anew, keeps the salt that its app passwords have. */
static void test_scram_outlives_a_change_of_the_password(void **state)
{
    struct fixture *t = *state;
    CLEANUP(release) struct sasl *sasl = sasl_of(t);
    char text[APP_PASSWORD_TEXT];
    add(t, (struct app_password_new){.name = S("phone")}, text); /* she has no keys for SHA-1 yet */
    struct client client = {.gs2 = "n,,", .name = "anna", .password = text};
    assert_int_equal(scram(t, sasl, SASL_SCRAM_SHA_1, "", &client, NULL).status, SASL_OK);
    assert_int_equal(log_in(t, sasl, DOOR_IMAP, "secret").status, SASL_OK);
    struct account_changes changes = ACCOUNT_CHANGES_NONE;
    changes.password = S("another");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(scram(t, sasl, SASL_SCRAM_SHA_1, "", &client, NULL).status, SASL_OK);
        assert_int_equal(scram(t, sasl, SASL_SCRAM_SHA_256, "", &client, NULL).status, SASL_OK);
        assert_int_equal(log_in(t, sasl, DOOR_IMAP, text).status, SASL_OK);
        ASSERT_OK(t, account_entry_set(t->directory, ANNA, &changes, &t->error));
    }
    client.password = "another";
    assert_int_equal(scram(t, sasl, SASL_SCRAM_SHA_1, "", &client, NULL).status, SASL_OK);
    client.password = "secret";
    assert_int_equal(scram(t, sasl, SASL_SCRAM_SHA_1, "", &client, NULL).code, ERR_AUTH);
}

static void test_an_account_without_a_password_has_app_passwords(void **state)
{
    struct fixture *t = *state;
    CLEANUP(release) struct sasl *sasl = sasl_of(t);
    char text[APP_PASSWORD_TEXT];
    ASSERT_OK(t, account_entry_remove(t->directory, ANNA, &t->error));
    struct account_new account = {.address = ANNA};
    struct account_id id;
    ASSERT_OK(t, account_entry_add(t->directory, &account, &id, &t->error));
    assert_int_equal(count(t), 0);
    add(t, (struct app_password_new){.name = S("phone")}, text);
    assert_int_equal(log_in(t, sasl, DOOR_IMAP, text).status, SASL_OK);
    struct client client = {.gs2 = "n,,", .name = "anna", .password = text};
    assert_int_equal(scram(t, sasl, SASL_SCRAM_SHA_256, "", &client, NULL).status, SASL_OK);
}

/* Keys that are made while an app password is: theirs is the other salt, so they are left out. */
static void test_keys_with_another_salt_are_not_written(void **state)
{
    struct fixture *t = *state;
    CLEANUP(release) struct sasl *sasl = sasl_of(t);
    char text[APP_PASSWORD_TEXT];
    struct credential credential, read;
    struct account_entry anna;
    bool found;
    ASSERT_OK(t, account_entry_find(t->directory, ANNA, &t->arena, &anna, &t->error));
    ASSERT_OK(t, credential_make(t->directory, anna.id, S("third"), true, &credential, &t->error));
    add(t, (struct app_password_new){.name = S("phone")}, text);
    ASSERT_OK(t, change_begin(t->directory, &t->error));
    ASSERT_OK(t, change_end(t->directory, credential_write(t->directory, anna.id, &credential, &t->error),
                            &t->error));
    ASSERT_OK(t, credential_read(t->directory, anna.id, &read, &found, &t->error));
    assert_int_equal(read.sealed[SCRAM_SHA_256].n, 0);
    struct client client = {.gs2 = "n,,", .name = "anna", .password = text};
    assert_int_equal(scram(t, sasl, SASL_SCRAM_SHA_256, "", &client, NULL).status, SASL_OK);
}

static void test_last_use_is_kept_to_the_hour(void **state)
{
    struct fixture *t = *state;
    CLEANUP(release) struct sasl *sasl = sasl_of(t);
    char text[APP_PASSWORD_TEXT];
    add(t, (struct app_password_new){.name = S("phone")}, text);
    assert_int_equal(first(t).used, 0);
    assert_int_equal(log_in(t, sasl, DOOR_IMAP, text).status, SASL_OK);
    int64_t used = first(t).used;
    assert_true(used >= first(t).made);
    clock_shift(30 * CLOCK_MINUTE);
    assert_int_equal(log_in(t, sasl, DOOR_IMAP, text).status, SASL_OK);
    assert_int_equal(first(t).used, used);
    clock_shift(31 * CLOCK_MINUTE);
    struct client client = {.gs2 = "n,,", .name = "anna", .password = text};
    assert_int_equal(scram(t, sasl, SASL_SCRAM_SHA_256, "", &client, NULL).status, SASL_OK);
    assert_true(first(t).used > used);
    clock_shift(-61 * CLOCK_MINUTE);
}

static void test_names_and_ends_are_checked(void **state)
{
    struct fixture *t = *state;
    char name[APP_PASSWORD_NAME_MAX + 1];
    memset(name, 'x', sizeof(name));
    ASSERT_OK(t, try_to_add(t, S("Anna's phone \303\244"), 0));
    assert_int_equal(try_to_add(t, S("Anna's phone \303\244"), 0), ERR_EXISTS);
    assert_int_equal(try_to_add(t, S(""), 0), ERR_INVALID);
    assert_int_equal(try_to_add(t, S("a\nb"), 0), ERR_INVALID);
    assert_int_equal(try_to_add(t, S("\xff"), 0), ERR_INVALID);
    assert_int_equal(try_to_add(t, slice_of(name, APP_PASSWORD_NAME_MAX + 1), 0), ERR_LIMIT);
    ASSERT_OK(t, try_to_add(t, slice_of(name, APP_PASSWORD_NAME_MAX), 0));
    assert_int_equal(try_to_add(t, S("late"), in_days(-1)), ERR_INVALID);
    struct app_password_new wanted = {.name = S("x")};
    char text[APP_PASSWORD_TEXT];
    assert_int_equal(app_password_add(t->directory, S("nobody@demo.example"), &wanted, text, &t->error),
                     ERR_NOT_FOUND);
}

static void test_as_many_as_there_may_be(void **state)
{
    struct fixture *t = *state;
    char name[20];
    for (int i = 0; i < APP_PASSWORDS_MAX; i++) {
        snprintf(name, sizeof(name), "number %d", i);
        ASSERT_OK(t, try_to_add(t, slice_cstr(name), 0));
    }
    assert_int_equal(try_to_add(t, S("one more"), 0), ERR_LIMIT);
    assert_int_equal(count(t), APP_PASSWORDS_MAX);
}

static void test_they_are_lost_with_their_key(void **state)
{
    struct fixture *t = *state;
    ASSERT_OK(t, account_entry_remove(t->directory, ANNA, &t->error));
    struct account_new account = {.address = ANNA};
    struct account_id id;
    ASSERT_OK(t, account_entry_add(t->directory, &account, &id, &t->error));
    ASSERT_OK(t, try_to_add(t, S("phone"), 0));
    directory_close(t->directory);
    t->directory = NULL;
    ASSERT_OK(t, volume_file_remove(t->volume, "keys/credential.key", &t->error));
    assert_int_equal(directory_open(t->volume, &t->directory, &t->error), ERR_CORRUPT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_anna, fixture_free)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_it_logs_in_beside_the_accounts_own),
        TEST(test_blanks_dashes_and_case_do_not_matter),
        TEST(test_it_opens_its_doors_only),
        TEST(test_removing_it_ends_it_at_once),
        TEST(test_it_expires),
        TEST(test_scram),
        TEST(test_scram_outlives_a_change_of_the_password),
        TEST(test_an_account_without_a_password_has_app_passwords),
        TEST(test_keys_with_another_salt_are_not_written),
        TEST(test_last_use_is_kept_to_the_hour),
        TEST(test_names_and_ends_are_checked),
        TEST(test_as_many_as_there_may_be),
        TEST(test_they_are_lost_with_their_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

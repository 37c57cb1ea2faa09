/* Several people on one mailbox: who gets in, as whom, by which door. */
#include "directory/people.h"

#include "directory/app_password.h"
#include "directory/test.h"
#include "directory/test_client.h"
#include "store/share.h"

struct crowd {
    struct account_id info, anna, bert;
};

static struct crowd make_crowd(struct fixture *t)
{
    struct crowd crowd;
    make_domain(t, "x.example");
    crowd.info = make_account(t, "info@x.example", "secret-info");
    crowd.anna = make_account(t, "anna@x.example", "secret-anna");
    crowd.bert = make_account(t, "bert@x.example", "secret-bert");
    return crowd;
}

static void let_in(struct fixture *t, const char *person, enum person_rights rights)
{
    ASSERT_OK(t, people_set(t->directory, S("info@x.example"), slice_cstr(person), rights, &t->error));
}

/* PLAIN with "authzid|name|password". */
static struct sasl_result as(struct fixture *t, struct sasl *sasl, enum door door, const char *message)
{
    char bytes[300];
    size_t n = strlen(message);
    for (size_t i = 0; i < n; i++)
        bytes[i] = message[i] == '|' ? 0 : message[i];
    return plain(t, sasl, door, slice_of(bytes, n));
}

static void assert_denied(struct fixture *t, struct sasl *sasl, enum door door, const char *message)
{
    struct sasl_result result = as(t, sasl, door, message);
    assert_int_equal(result.status, SASL_FAILED);
    assert_int_equal(result.code, ERR_DENIED);
}

static void test_a_person_names_the_mailbox_in_two_ways(void **state)
{
    struct fixture *t = *state;
    struct crowd crowd = make_crowd(t);
    CLEANUP(release) struct sasl *sasl = sasl_of(t);
    static const char *const ways[] = {
        "info@x.example|anna@x.example|secret-anna",
        "INFO|anna|secret-anna", /* the only domain */
        "|info@x.example*anna@x.example|secret-anna",
        "|Info@X.example*anna|secret-anna",
        "info@x.example|info@x.example*anna@x.example|secret-anna",
    };
    for (size_t i = 0; i < ARRAY_LEN(ways); i++)
        assert_denied(t, sasl, DOOR_IMAP, ways[i]);
    let_in(t, "anna@x.example", PERSON_WRITE);
    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        struct sasl_result result = as(t, sasl, DOOR_IMAP, ways[i]);
        struct sasl_holder holder;
        assert_int_equal(result.status, SASL_OK);
        assert_int_equal(result.account.v, crowd.info.v);
        ASSERT_SLICE(result.address, "info@x.example");
        ASSERT_SLICE(result.person, "anna@x.example");
        ASSERT_OK(
            t, sasl_ticket(sasl, slice_of(result.ticket, TICKET_SIZE), DOOR_IMAP, true, &holder, &t->error));
        assert_int_equal(holder.account.v, crowd.info.v);
        assert_int_equal(holder.person.v, crowd.anna.v);
        assert_int_equal(holder.rights, PERSON_WRITE);
    }
    struct sasl_result own = as(t, sasl, DOOR_IMAP, "|anna@x.example|secret-anna");
    assert_int_equal(own.account.v, crowd.anna.v);
    assert_int_equal(own.person.n, 0);
}

static void test_nobody_else_gets_in(void **state)
{
    struct fixture *t = *state;
    make_crowd(t);
    let_in(t, "anna@x.example", PERSON_ALL);
    CLEANUP(release) struct sasl *sasl = sasl_of(t);
    assert_denied(t, sasl, DOOR_IMAP, "info@x.example|bert@x.example|secret-bert");
    assert_denied(t, sasl, DOOR_IMAP, "anna@x.example|info@x.example|secret-info"); /* not the other way */
    assert_denied(t, sasl, DOOR_IMAP, "bert@x.example|info@x.example*anna@x.example|secret-anna");
    assert_denied(t, sasl, DOOR_IMAP, "|nobody@x.example*anna@x.example|secret-anna");
    assert_int_equal(as(t, sasl, DOOR_IMAP, "|info@x.example*anna@x.example|secret-info").code, ERR_AUTH);
    assert_int_equal(as(t, sasl, DOOR_IMAP, "|info@x.example*|secret-info").code, ERR_AUTH);
    assert_int_equal(as(t, sasl, DOOR_IMAP, "|info@x.example*anna@x.example*bert@x.example|secret-bert").code,
                     ERR_AUTH);
}

static void test_scram_names_it_too(void **state)
{
    struct fixture *t = *state;
    struct crowd crowd = make_crowd(t);
    let_in(t, "anna@x.example", PERSON_ALL);
    CLEANUP(release) struct sasl *sasl = sasl_of(t);
    static const struct client by_identity = {"n,a=info@x.example,", "anna@x.example", "secret-anna", {0}};
    static const struct client by_name = {"n,,", "info@x.example*anna@x.example", "secret-anna", {0}};
    static const struct client wrong = {"n,a=bert@x.example,", "anna@x.example", "secret-anna", {0}};
    assert_int_equal(scram(t, sasl, SASL_SCRAM_SHA_256, "", &by_identity, NULL).account.v, crowd.info.v);
    assert_int_equal(scram(t, sasl, SASL_SCRAM_SHA_256, "", &by_name, NULL).account.v, crowd.info.v);
    assert_int_equal(scram(t, sasl, SASL_SCRAM_SHA_256, "", &wrong, NULL).code, ERR_DENIED);
}

static void test_app_passwords_open_it_by_their_doors(void **state)
{
    struct fixture *t = *state;
    struct crowd crowd = make_crowd(t);
    char text[APP_PASSWORD_TEXT];
    char message[200];
    const struct app_password_new wanted = {.name = S("phone"), .doors = DOOR_IMAP};
    let_in(t, "anna@x.example", PERSON_ALL);
    ASSERT_OK(t, app_password_add(t->directory, S("anna@x.example"), &wanted, text, &t->error));
    CLEANUP(release) struct sasl *sasl = sasl_of(t);
    snprintf(message, sizeof(message), "|info@x.example*anna@x.example|%s", text);
    assert_int_equal(as(t, sasl, DOOR_IMAP, message).account.v, crowd.info.v);
    assert_denied(t, sasl, DOOR_POP3, message);
}

static void set(struct fixture *t, const char *address, const char *plan, int enabled)
{
    struct account_changes changes = ACCOUNT_CHANGES_NONE;
    changes.plan = slice_cstr(plan);
    changes.enabled = enabled;
    ASSERT_OK(t, account_entry_set(t->directory, slice_cstr(address), &changes, &t->error));
}

static void test_both_must_be_enabled_and_have_the_door(void **state)
{
    struct fixture *t = *state;
    static const char way[] = "info@x.example|anna@x.example|secret-anna";
    static const char *const both[] = {"info@x.example", "anna@x.example"};
    make_crowd(t);
    let_in(t, "anna@x.example", PERSON_ALL);
    CLEANUP(release) struct sasl *sasl = sasl_of(t);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(as(t, sasl, DOOR_IMAP, way).status, SASL_OK);
        set(t, both[i], "pop3", -1);
        assert_denied(t, sasl, DOOR_IMAP, way);
        assert_int_equal(as(t, sasl, DOOR_POP3, way).status, SASL_OK);
        set(t, both[i], "imap", 0);
        assert_denied(t, sasl, DOOR_IMAP, way);
        set(t, both[i], "imap", 1);
    }
}

static void test_readers_send_nothing(void **state)
{
    struct fixture *t = *state;
    static const char way[] = "info@x.example|anna@x.example|secret-anna";
    make_crowd(t);
    let_in(t, "anna@x.example", PERSON_READ);
    CLEANUP(release) struct sasl *sasl = sasl_of(t);
    assert_int_equal(as(t, sasl, DOOR_IMAP, way).status, SASL_OK);
    assert_denied(t, sasl, DOOR_SUBMISSION, way);
    let_in(t, "anna@x.example", PERSON_WRITE);
    assert_int_equal(as(t, sasl, DOOR_SUBMISSION, way).status, SASL_OK);
    assert_int_equal(person_rights_mask(PERSON_READ), RIGHT_LOOKUP | RIGHT_READ | RIGHT_SEEN);
    assert_int_equal(person_rights_mask(PERSON_WRITE), RIGHTS_ALL & ~RIGHT_ADMINISTER);
    assert_int_equal(person_rights_mask(PERSON_ALL), RIGHTS_ALL);
    assert_int_equal(person_rights_mask(PERSON_NONE), 0);
}

/* For whom nobody else vouches, the log-in is over. */
static void test_a_log_in_ends_with_what_it_stands_on(void **state)
{
    struct fixture *t = *state;
    struct crowd crowd = make_crowd(t);
    let_in(t, "anna@x.example", PERSON_ALL);
    const struct sasl_holder holder = {.account = crowd.info, .person = crowd.anna, .rights = PERSON_ALL};
    assert_true(sasl_holder_is_welcome(t->directory, &holder, DOOR_IMAP));
    set(t, "anna@x.example", "imap", 0);
    assert_false(sasl_holder_is_welcome(t->directory, &holder, DOOR_IMAP));
    set(t, "anna@x.example", "imap", 1);
    let_in(t, "anna@x.example", PERSON_READ);
    assert_false(sasl_holder_is_welcome(t->directory, &holder, DOOR_IMAP));
    let_in(t, "anna@x.example", PERSON_ALL);
    assert_true(sasl_holder_is_welcome(t->directory, &holder, DOOR_IMAP));
    let_in(t, "anna@x.example", PERSON_NONE);
    assert_false(sasl_holder_is_welcome(t->directory, &holder, DOOR_IMAP));
    let_in(t, "anna@x.example", PERSON_ALL);
    ASSERT_OK(t, account_entry_remove(t->directory, S("anna@x.example"), &t->error));
    assert_false(sasl_holder_is_welcome(t->directory, &holder, DOOR_IMAP));
}

static void test_people_are_listed_and_stay_after_a_rename(void **state)
{
    struct fixture *t = *state;
    struct account_id none;
    struct person_entry *people;
    size_t count;
    make_crowd(t);
    let_in(t, "bert@x.example", PERSON_READ);
    let_in(t, "anna@x.example", PERSON_WRITE);
    let_in(t, "anna@x.example", PERSON_ALL);
    const struct account_rename rename = {.from = S("anna@x.example"), .to = S("zoe@x.example")};
    ASSERT_OK(t, account_entry_rename(t->directory, &rename, &none, &t->error));
    fixture_reopen(t);
    ASSERT_OK(t, people_list(t->directory, S("info@x.example"), &t->arena, &people, &count, &t->error));
    assert_int_equal(count, 2);
    ASSERT_SLICE(people[0].address, "bert@x.example");
    assert_string_equal(person_rights_word(people[0].rights), "read");
    ASSERT_SLICE(people[1].address, "zoe@x.example");
    assert_string_equal(person_rights_word(people[1].rights), "all");
    const enum person_rights no = PERSON_NONE;
    assert_int_equal(people_set(t->directory, S("bert@x.example"), S("zoe@x.example"), no, &t->error),
                     ERR_NOT_FOUND);
    assert_int_equal(
        people_set(t->directory, S("bert@x.example"), S("bert@x.example"), PERSON_ALL, &t->error),
        ERR_INVALID);
    assert_int_equal(
        people_set(t->directory, S("info@x.example"), S("nobody@x.example"), PERSON_ALL, &t->error),
        ERR_NOT_FOUND);
}

static void test_only_so_many_people(void **state)
{
    struct fixture *t = *state;
    char address[32];
    make_crowd(t);
    for (int i = 0; i < PEOPLE_MAX; i++) {
        struct account_new account = {.address = slice_of(address, 0)};
        struct account_id id;
        account.address.n = (size_t)snprintf(address, sizeof(address), "p%d@x.example", i);
        ASSERT_OK(t, account_entry_add(t->directory, &account, &id, &t->error));
        let_in(t, address, PERSON_READ);
    }
    assert_int_equal(
        people_set(t->directory, S("info@x.example"), S("anna@x.example"), PERSON_READ, &t->error),
        ERR_LIMIT);
}

static void test_names_are_taken_apart(void **state)
{
    static const struct {
        const char *name, *mailbox, *person;
    } cases[] = {
        {"anna@x.example", "", "anna@x.example"},
        {"info@x.example*anna@x.example", "info@x.example", "anna@x.example"},
        {"in*fo@x.example*an*na@x.example", "in*fo@x.example", "an*na@x.example"},
        {"in*fo@x.example", "", "in*fo@x.example"},
        {"info*anna", "", "info*anna"},
        {"\"a@b*c\"@x.example", "", "\"a@b*c\"@x.example"},
        {"info@x.example*", "info@x.example", ""},
        {"@*", "", "@*"},
        {"", "", ""},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct slice mailbox;
        struct slice person;
        people_split_name(slice_cstr(cases[i].name), &mailbox, &person);
        ASSERT_SLICE(mailbox, cases[i].mailbox);
        ASSERT_SLICE(person, cases[i].person);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_make, fixture_free)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_person_names_the_mailbox_in_two_ways),
        TEST(test_nobody_else_gets_in),
        TEST(test_scram_names_it_too),
        TEST(test_app_passwords_open_it_by_their_doors),
        TEST(test_both_must_be_enabled_and_have_the_door),
        TEST(test_readers_send_nothing),
        TEST(test_a_log_in_ends_with_what_it_stands_on),
        TEST(test_people_are_listed_and_stay_after_a_rename),
        TEST(test_only_so_many_people),
        TEST(test_names_are_taken_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

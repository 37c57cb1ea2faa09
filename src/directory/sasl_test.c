#include "directory/sasl.h"

#include "base/clock.h"
#include "directory/inside.h"
#include "directory/oauth.h"
#include "directory/scram.h"
#include "directory/test.h"
#include "directory/test_client.h"

static void assert_failed(struct sasl_result result, enum err code)
{
    assert_int_equal(result.status, SASL_FAILED);
    assert_int_equal(result.code, code);
}

#define ANNA_PLAIN S("\0anna@demo.example\0secret")

static void make_anna(struct fixture *t, const char *hash)
{
    struct domain_id id;
    bool local;
    ASSERT_OK(t, domain_is_local(t->directory, S("demo.example"), &local, &t->error));
    if (!local)
        ASSERT_OK(t, domain_add(t->directory, S("demo.example"), &id, &t->error));
    struct account_new account = {.address = S("anna@demo.example"), .hash = slice_cstr(hash)};
    struct account_id anna;
    ASSERT_OK(t, account_entry_add(t->directory, &account, &anna, &t->error));
}

static void test_plain(void **state)
{
    struct fixture *t = *state;
    CLEANUP(release) struct sasl *sasl = sasl_of(t);
    make_domain(t, "demo.example");
    struct account_id anna = make_account(t, "anna@demo.example", "secret");
    make_account(t, "ben@demo.example", "other");
    struct sasl_result result = plain(t, sasl, DOOR_IMAP, ANNA_PLAIN);
    assert_int_equal(result.status, SASL_OK);
    assert_int_equal(result.account.v, anna.v);
    ASSERT_SLICE(result.address, "anna@demo.example");
    assert_int_equal(plain(t, sasl, DOOR_IMAP, S("anna\0ANNA@demo.example\0secret")).status, SASL_OK);
    assert_int_equal(plain(t, sasl, DOOR_IMAP, S("\0anna\0secret")).status, SASL_OK);
    assert_failed(plain(t, sasl, DOOR_IMAP, S("ben@demo.example\0anna@demo.example\0secret")), ERR_DENIED);
    assert_failed(plain(t, sasl, DOOR_IMAP, S("ben@demo.example\0anna@demo.example\0wrong")), ERR_AUTH);
    assert_failed(plain(t, sasl, DOOR_IMAP, S("\0anna@demo.example\0wrong")), ERR_AUTH);
    assert_failed(plain(t, sasl, DOOR_IMAP, S("\0nobody@demo.example\0secret")), ERR_AUTH);
    assert_failed(plain(t, sasl, DOOR_IMAP, S("\0anna@demo.example\0secret\0")), ERR_AUTH);
    assert_failed(plain(t, sasl, DOOR_IMAP, S("anna@demo.example\0secret")), ERR_AUTH);
    assert_failed(plain(t, sasl, DOOR_IMAP, S("\0anna@demo.example\0")), ERR_AUTH);
    assert_failed(plain(t, sasl, DOOR_IMAP, S("")), ERR_AUTH);
}

/* RFC 6856 2.2: by its letters, not its bytes. */
static void test_plain_takes_a_password_however_it_was_typed(void **state)
{
    struct fixture *t = *state;
    CLEANUP(release) struct sasl *sasl = sasl_of(t);
    make_domain(t, "demo.example");
    make_account(t, "anna@demo.example", "T\xc3\xbcr");
    make_account(t, "ben@demo.example", "Tu\xcc\x88r");
    assert_int_equal(plain(t, sasl, DOOR_POP3, S("\0anna@demo.example\0T\xc3\xbcr")).status, SASL_OK);
    assert_int_equal(plain(t, sasl, DOOR_POP3, S("\0anna@demo.example\0Tu\xcc\x88r")).status, SASL_OK);
    assert_int_equal(plain(t, sasl, DOOR_POP3, S("\0ben@demo.example\0T\xc3\xbcr")).status, SASL_OK);
    assert_int_equal(plain(t, sasl, DOOR_POP3, S("\0ben@demo.example\0Tu\xcc\x88r")).status, SASL_OK);
    assert_failed(plain(t, sasl, DOOR_POP3, S("\0anna@demo.example\0Tur")), ERR_AUTH);
    assert_failed(plain(t, sasl, DOOR_POP3, S("\0anna@demo.example\0T\xc3\x9cr")), ERR_AUTH);
    assert_failed(plain(t, sasl, DOOR_POP3, S("\0anna@demo.example\0T\xfcr")), ERR_AUTH);
}

static void test_plain_without_initial_response(void **state)
{
    struct fixture *t = *state;
    CLEANUP(release) struct sasl *sasl = sasl_of(t);
    make_domain(t, "demo.example");
    make_account(t, "anna@demo.example", "secret");
    struct sasl_start start = {.mechanism = SASL_PLAIN, .door = DOOR_IMAP};
    struct sasl_result asked = begin(t, sasl, &start);
    assert_int_equal(asked.status, SASL_CONTINUE);
    assert_int_equal(asked.data.n, 0);
    assert_int_equal(step(t, sasl, asked.exchange, ANNA_PLAIN).status, SASL_OK);
    assert_failed(step(t, sasl, asked.exchange, ANNA_PLAIN), ERR_AUTH);
}

static void test_login_prompts(void **state)
{
    struct fixture *t = *state;
    CLEANUP(release) struct sasl *sasl = sasl_of(t);
    make_domain(t, "demo.example");
    make_account(t, "anna@demo.example", "secret");
    struct sasl_start start = {.mechanism = SASL_LOGIN, .door = DOOR_SUBMISSION};
    struct sasl_result result = begin(t, sasl, &start);
    ASSERT_SLICE(result.data, "Username:");
    result = step(t, sasl, result.exchange, S("anna@demo.example"));
    ASSERT_SLICE(result.data, "Password:");
    assert_int_equal(step(t, sasl, result.exchange, S("secret")).status, SASL_OK);
    start.initial = S("anna@demo.example");
    start.has_initial = true;
    result = begin(t, sasl, &start);
    ASSERT_SLICE(result.data, "Password:");
    assert_failed(step(t, sasl, result.exchange, S("wrong")), ERR_AUTH);
}

static void test_bare_names_need_exactly_one_domain(void **state)
{
    struct fixture *t = *state;
    CLEANUP(release) struct sasl *sasl = sasl_of(t);
    assert_failed(plain(t, sasl, DOOR_IMAP, S("\0anna\0secret")), ERR_AUTH);
    make_domain(t, "demo.example");
    make_account(t, "anna@demo.example", "secret");
    assert_int_equal(plain(t, sasl, DOOR_IMAP, S("\0anna\0secret")).status, SASL_OK);
    make_domain(t, "second.example");
    assert_failed(plain(t, sasl, DOOR_IMAP, S("\0anna\0secret")), ERR_AUTH);
    ASSERT_OK(t, domain_remove(t->directory, S("second.example"), &t->error));
    assert_int_equal(plain(t, sasl, DOOR_IMAP, S("\0anna\0secret")).status, SASL_OK);
}

static void test_aliases_do_not_log_in(void **state)
{
    struct fixture *t = *state;
    CLEANUP(release) struct sasl *sasl = sasl_of(t);
    make_domain(t, "demo.example");
    make_account(t, "anna@demo.example", "secret");
    ASSERT_OK(t, set_alias(t, "info@demo.example", false, "anna@demo.example", NULL));
    assert_failed(plain(t, sasl, DOOR_IMAP, S("\0info@demo.example\0secret")), ERR_AUTH);
    assert_failed(plain(t, sasl, DOOR_IMAP, S("\0anna+x@demo.example\0secret")), ERR_AUTH);
}

static void change(struct fixture *t, struct account_changes changes)
{
    ASSERT_OK(t, account_entry_set(t->directory, S("anna@demo.example"), &changes, &t->error));
}

static void test_closed_door_and_disabled_account_are_told_after_the_password_only(void **state)
{
    struct fixture *t = *state;
    CLEANUP(release) struct sasl *sasl = sasl_of(t);
    make_domain(t, "demo.example");
    make_account(t, "anna@demo.example", "secret");
    struct account_changes changes = ACCOUNT_CHANGES_NONE;
    changes.plan = S("pop3");
    change(t, changes);
    assert_failed(plain(t, sasl, DOOR_IMAP, ANNA_PLAIN), ERR_DENIED);
    assert_failed(plain(t, sasl, DOOR_IMAP, S("\0anna@demo.example\0wrong")), ERR_AUTH);
    assert_int_equal(plain(t, sasl, DOOR_POP3, ANNA_PLAIN).status, SASL_OK);
    changes = ACCOUNT_CHANGES_NONE;
    changes.enabled = 0;
    change(t, changes);
    assert_failed(plain(t, sasl, DOOR_POP3, ANNA_PLAIN), ERR_DENIED);
    assert_failed(plain(t, sasl, DOOR_POP3, S("\0anna@demo.example\0wrong")), ERR_AUTH);
}

static void test_changed_password_counts_at_once(void **state)
{
    struct fixture *t = *state;
    CLEANUP(release) struct sasl *sasl = sasl_of(t);
    make_domain(t, "demo.example");
    make_account(t, "anna@demo.example", "secret");
    assert_int_equal(plain(t, sasl, DOOR_IMAP, ANNA_PLAIN).status, SASL_OK);
    assert_int_equal(plain(t, sasl, DOOR_IMAP, ANNA_PLAIN).status, SASL_OK); /* remembered */
    struct account_changes changes = ACCOUNT_CHANGES_NONE;
    changes.password = S("another");
    change(t, changes);
    assert_failed(plain(t, sasl, DOOR_IMAP, ANNA_PLAIN), ERR_AUTH);
    assert_int_equal(plain(t, sasl, DOOR_IMAP, S("\0anna@demo.example\0another")).status, SASL_OK);
}

/* --- hashes of other systems --- */

static void test_every_imported_hash_logs_in_and_is_upgraded(void **state)
{
    static const char *const hashes[] = {
        "$1$saltsalt$9xy1btjgzLYfb7hivXtC//",
        "{CRYPT}$5$saltsalt$0IyaXrmV7.sGNS6tirgqHLqX/G.FBvgkYA.lpPdS5sA",
        "{SHA512-CRYPT}$6$saltsalt$TVLlQcbpFVof5W3Yz4DTP6gRstiNuHwwTt6GLc1E5n0U0aDehy0S5knV8wiOQSpT0Y77vwPZN."
        "Pq."
        "H91p5hVO1",
        "$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW",
        "{BLF-CRYPT}$2y$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW",
        "$2a$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW",
        "$y$j9T$abcdefgh$IUWJt2doU4Kf6E/JP1UkAT3S5O3Q7SSA8SJirXIlEu9",
        "{ARGON2ID}$argon2id$v=19$m=128,t=1,p=1$wqTE1N4uAwce+S77JIgegg$"
        "BeKGxy2qvNOt8tp0AvuVkDGwI887e2VPPNQkej26CnE",
        "{SSHA}gVK8WC9YyFT1gMsQHTGCgT3sSv5zYWx0",
        "{SSHA256}+E+iFJ27Yu1ODPH1UNKUmzOmUT06dwfghQJRHHnMsO5zYWx0",
        "{SHA256}K7gNU3sdo+OL0wNhqoVWhr3g6s1xYv72ol/pe/Unols=",
        "{sha256}2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b",
        "{SSHA512}E491yrR9AdCoE7rbOPYS3EZgSuZpVE65AD9xko08s6floNesY/"
        "Zpe9zMVvLix4S2FiQSJ99RIkNvhHomNO9uL3NhbHQ=",
        "{PLAIN-MD5}5ebe2294ecd0e0f08eab7690d2a6ee69",
        "{SMD5}mc0uWpXVVe5747A4pKhGJXNhbHQ=",
        "{PLAIN}secret",
    };
    struct fixture *t = *state;
    for (size_t i = 0; i < ARRAY_LEN(hashes); i++) {
        CLEANUP(release) struct sasl *sasl = sasl_of(t);
        make_anna(t, hashes[i]);
        assert_failed(plain(t, sasl, DOOR_IMAP, S("\0anna@demo.example\0Secret")), ERR_AUTH);
        assert_int_equal(plain(t, sasl, DOOR_IMAP, ANNA_PLAIN).status, SASL_OK);
        sqlite3_stmt *row = NULL;
        must(sqlite3_prepare_v2(t->directory->database.sqlite,
                                "SELECT hash LIKE '$argon2id$v=19$m=19456,t=2,p=1$%', scram IS NOT NULL AND "
                                "scram_sha1 IS NOT NULL FROM credential",
                                -1, &row, NULL) == SQLITE_OK);
        assert_int_equal(sqlite3_step(row), SQLITE_ROW);
        assert_int_equal(sqlite3_column_int(row, 0), 1);
        assert_int_equal(sqlite3_column_int(row, 1), 1);
        sqlite3_finalize(row);
        ASSERT_OK(t, account_entry_remove(t->directory, S("anna@demo.example"), &t->error));
    }
}

static void test_refuses_hashes_that_are_damaged_or_cost_too_much(void **state)
{
    static const char *const hashes[] = {
        "secret",
        "{SSHA}",
        "{SSHA}gVK8WC9YyFT1gMsQHTGCgT3sSv4=",
        "{SHA256}zz",
        "{NEW}abc",
        "$6$rounds=1000001$saltsalt$x",
        "$2b$15$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW",
        "$y$jDT$abcdefgh$IUWJt2doU4Kf6E/JP1UkAT3S5O3Q7SSA8SJirXIlEu9",
        "$argon2id$v=19$m=262145,t=1,p=1$wqTE1N4uAwce$x",
        "$argon2id$v=19$m=128,t=17,p=1$wqTE1N4uAwce$x",
        "$6$salt$\x01",
    };
    struct fixture *t = *state;
    make_domain(t, "demo.example");
    for (size_t i = 0; i < ARRAY_LEN(hashes); i++) {
        struct account_new account = {.address = S("anna@demo.example"), .hash = slice_cstr(hashes[i])};
        struct account_id id;
        assert_int_equal(account_entry_add(t->directory, &account, &id, &t->error), ERR_INVALID);
    }
}

static void test_scram(void **state)
{
    struct fixture *t = *state;
    CLEANUP(release) struct sasl *sasl = sasl_of(t);
    make_domain(t, "demo.example");
    struct account_id anna = make_account(t, "anna@demo.example", "secret");
    struct client client = {.gs2 = "n,,", .name = "anna@demo.example", .password = "secret"};
    struct sasl_result result = scram(t, sasl, SASL_SCRAM_SHA_256, "", &client, NULL);
    assert_int_equal(result.status, SASL_OK);
    assert_int_equal(result.account.v, anna.v);
    assert_true(slice_starts(result.data, S("v=")));
    client.password = "wrong";
    result = scram(t, sasl, SASL_SCRAM_SHA_256, "", &client, NULL);
    assert_failed(result, ERR_AUTH);
    ASSERT_SLICE(result.data, "e=invalid-proof");
    client.password = "secret";
    client.gs2 = "n,a=anna@demo.example,";
    assert_int_equal(scram(t, sasl, SASL_SCRAM_SHA_256, "", &client, NULL).status, SASL_OK);
    client.gs2 = "n,a=ben@demo.example,";
    assert_failed(scram(t, sasl, SASL_SCRAM_SHA_256, "", &client, NULL), ERR_DENIED);
}

static void test_scram_with_channel_binding(void **state)
{
    struct fixture *t = *state;
    CLEANUP(release) struct sasl *sasl = sasl_of(t);
    make_domain(t, "demo.example");
    make_account(t, "anna@demo.example", "secret");
    struct client client = {
        .gs2 = "p=tls-exporter,,", .name = "anna", .password = "secret", .binding = S("channel")};
    assert_int_equal(scram(t, sasl, SASL_SCRAM_SHA_256_PLUS, "tls-exporter", &client, NULL).status, SASL_OK);
    client.binding = S("another");
    struct sasl_result result = scram(t, sasl, SASL_SCRAM_SHA_256_PLUS, "tls-exporter", &client, NULL);
    assert_failed(result, ERR_AUTH);
    ASSERT_SLICE(result.data, "e=channel-bindings-dont-match");
    client = (struct client){.gs2 = "y,,", .name = "anna", .password = "secret"};
    assert_int_equal(scram(t, sasl, SASL_SCRAM_SHA_256, "", &client, NULL).status, SASL_OK);
    assert_failed(scram(t, sasl, SASL_SCRAM_SHA_256, "tls-exporter", &client, NULL), ERR_AUTH);
    assert_failed(scram(t, sasl, SASL_SCRAM_SHA_256_PLUS, "", &client, NULL), ERR_AUTH);
}

static void assert_constant_salt(struct fixture *t, enum sasl_mechanism mechanism, struct slice *ret_salt)
{
    struct slice salts[3];
    for (size_t i = 0; i < 3; i++) {
        CLEANUP(release) struct sasl *sasl = sasl_of(t);
        struct client client = {.gs2 = "n,,",
                                .name = i < 2 ? "nobody@demo.example" : "no-one@demo.example",
                                .password = "secret"};
        struct sasl_result result = scram(t, sasl, mechanism, "", &client, &salts[i]);
        assert_failed(result, ERR_AUTH);
        ASSERT_SLICE(result.data, "e=invalid-proof");
    }
    assert_true(slice_eq(salts[0], salts[1]));
    assert_false(slice_eq(salts[0], salts[2]));
    assert_int_equal(salts[0].n, 24);
    *ret_salt = salts[0];
}

static void test_scram_unknown_person_has_a_constant_salt(void **state)
{
    struct fixture *t = *state;
    struct slice sha256, sha1;
    make_domain(t, "demo.example");
    assert_constant_salt(t, SASL_SCRAM_SHA_256, &sha256);
    assert_constant_salt(t, SASL_SCRAM_SHA_1, &sha1);
    assert_false(slice_eq(sha256, sha1));
}

/* Keys for SHA-1 are made when the password is set, but not for many accounts at once: those get them when
 * they log in with the password itself. Until then it is as if there were no such name. */
static void test_scram_sha_1_keys_come_with_the_first_password(void **state)
{
    struct fixture *t = *state;
    CLEANUP(release) struct sasl *sasl = sasl_of(t);
    struct slice before, again, after;
    make_domain(t, "demo.example");
    make_account(t, "anna@demo.example", "secret");
    struct client client = {.gs2 = "n,,", .name = "anna", .password = "secret"};
    struct sasl_result result = scram(t, sasl, SASL_SCRAM_SHA_1, "", &client, &before);
    assert_failed(result, ERR_AUTH);
    ASSERT_SLICE(result.data, "e=invalid-proof");
    assert_failed(scram(t, sasl, SASL_SCRAM_SHA_1, "", &client, &again), ERR_AUTH);
    assert_true(slice_eq(before, again));
    assert_int_equal(plain(t, sasl, DOOR_IMAP, ANNA_PLAIN).status, SASL_OK);
    assert_int_equal(scram(t, sasl, SASL_SCRAM_SHA_1, "", &client, &after).status, SASL_OK);
    assert_false(slice_eq(before, after));
    assert_int_equal(scram(t, sasl, SASL_SCRAM_SHA_256, "", &client, NULL).status, SASL_OK);
    client.password = "Secret";
    assert_failed(scram(t, sasl, SASL_SCRAM_SHA_1, "", &client, NULL), ERR_AUTH);
}

static void test_scram_sha_1_works_at_once_with_a_password_set_singly(void **state)
{
    struct fixture *t = *state;
    CLEANUP(release) struct sasl *sasl = sasl_of(t);
    make_anna(t, "{PLAIN}secret");
    struct client client = {.gs2 = "n,,", .name = "anna", .password = "secret"};
    struct sasl_result result = scram(t, sasl, SASL_SCRAM_SHA_1, "", &client, NULL);
    assert_int_equal(result.status, SASL_OK);
    assert_int_equal(result.data.n, strlen("v=") + 28);
    client = (struct client){
        .gs2 = "p=tls-unique,,", .name = "anna", .password = "secret", .binding = S("channel")};
    assert_int_equal(scram(t, sasl, SASL_SCRAM_SHA_1_PLUS, "tls-unique", &client, NULL).status, SASL_OK);
    assert_failed(scram(t, sasl, SASL_SCRAM_SHA_1_PLUS, "tls-exporter", &client, NULL), ERR_AUTH);
    assert_failed(scram(t, sasl, SASL_SCRAM_SHA_1_PLUS, "", &client, NULL), ERR_AUTH);
    struct account_changes changes = ACCOUNT_CHANGES_NONE;
    changes.password = S("another");
    change(t, changes);
    client = (struct client){.gs2 = "n,,", .name = "anna", .password = "secret"};
    assert_failed(scram(t, sasl, SASL_SCRAM_SHA_1, "", &client, NULL), ERR_AUTH);
    client.password = "another";
    assert_int_equal(scram(t, sasl, SASL_SCRAM_SHA_1, "", &client, NULL).status, SASL_OK);
}

static void test_keys_outlive_a_restart_and_are_lost_with_their_key(void **state)
{
    struct fixture *t = *state;
    make_domain(t, "demo.example");
    make_account(t, "anna@demo.example", "secret");
    fixture_reopen(t);
    {
        CLEANUP(release) struct sasl *sasl = sasl_of(t);
        struct client client = {.gs2 = "n,,", .name = "anna@demo.example", .password = "secret"};
        assert_int_equal(scram(t, sasl, SASL_SCRAM_SHA_256, "", &client, NULL).status, SASL_OK);
    }
    directory_close(t->directory);
    t->directory = NULL;
    ASSERT_OK(t, volume_file_remove(t->volume, "keys/credential.key", &t->error));
    assert_int_equal(directory_open(t->volume, &t->directory, &t->error), ERR_CORRUPT);
    assert_non_null(strstr(t->error.client, "keys/credential.key"));
}

/* --- limits and time --- */

static void test_message_and_password_limits(void **state)
{
    struct fixture *t = *state;
    CLEANUP(release) struct sasl *sasl = sasl_of(t);
    make_domain(t, "demo.example");
    struct account_new account = {.address = S("anna@demo.example"), .quick_hash = true};
    static char password[PASSWORD_MAX + 1];
    static char message[SASL_MESSAGE_MAX + 1];
    struct account_id id;
    memset(password, 'x', sizeof(password));
    account.password = slice_of(password, PASSWORD_MAX + 1);
    assert_int_equal(account_entry_add(t->directory, &account, &id, &t->error), ERR_LIMIT);
    account.password = slice_of(password, PASSWORD_MAX);
    ASSERT_OK(t, account_entry_add(t->directory, &account, &id, &t->error));
    memcpy(message, "\0anna@demo.example", 19);
    memcpy(message + 19, password, PASSWORD_MAX + 1);
    assert_int_equal(plain(t, sasl, DOOR_IMAP, slice_of(message, 19 + PASSWORD_MAX)).status, SASL_OK);
    assert_failed(plain(t, sasl, DOOR_IMAP, slice_of(message, 19 + PASSWORD_MAX + 1)), ERR_AUTH);
    struct sasl_start start = {
        .mechanism = SASL_LOGIN, .initial = slice_of(message, SASL_MESSAGE_MAX), .has_initial = true};
    assert_int_equal(begin(t, sasl, &start).status, SASL_CONTINUE);
    start.initial.n++;
    assert_failed(begin(t, sasl, &start), ERR_AUTH);
}

static void test_exchanges_are_limited_and_end_in_time(void **state)
{
    struct fixture *t = *state;
    CLEANUP(release) struct sasl *sasl = sasl_of(t);
    struct sasl_start start = {.mechanism = SASL_LOGIN};
    uint64_t first = begin(t, sasl, &start).exchange;
    uint64_t second = 0;
    for (int i = 1; i < SASL_EXCHANGES_MAX; i++)
        second = begin(t, sasl, &start).exchange;
    assert_int_equal(begin(t, sasl, &start).status, SASL_TEMPORARY);
    sasl_cancel(sasl, second);
    sasl_cancel(sasl, second);
    assert_int_equal(begin(t, sasl, &start).status, SASL_CONTINUE);
    clock_shift(SASL_EXCHANGE_SECONDS * CLOCK_SECOND);
    assert_failed(step(t, sasl, first, S("anna")), ERR_AUTH);
    assert_int_equal(begin(t, sasl, &start).status, SASL_CONTINUE);
}

static void test_names_of_mechanisms(void **state UNUSED)
{
    enum sasl_mechanism mechanism;
    assert_true(sasl_mechanism_find(S("scram-sha-256-plus"), &mechanism));
    assert_int_equal(mechanism, SASL_SCRAM_SHA_256_PLUS);
    assert_string_equal(sasl_mechanism_name(mechanism), "SCRAM-SHA-256-PLUS");
    assert_true(sasl_mechanism_find(S("SCRAM-SHA-1"), &mechanism));
    assert_int_equal(mechanism, SASL_SCRAM_SHA_1);
    assert_false(sasl_mechanism_find(S("SCRAM-SHA"), &mechanism));
    assert_false(sasl_mechanism_find(S(""), &mechanism));
}

/* --- OAuth --- */

/* The provider: a token is the account's name, "late" gets no answer. */
static enum err introspect(void *context, const struct fetch_request *request, struct arena *arena,
                           struct fetch_answer *ret_answer, struct error *error)
{
    CLEANUP(buf_release) struct buf text = BUF(1000);
    struct slice head, token;
    (void)context;
    slice_cut(request->body, '=', &head, &token);
    slice_cut(token, '&', &token, &head);
    if (slice_eq(token, S("late")))
        return fail(error, ERR_TIMEOUT, NULL, "played");
    buf_printf(&text, "{\"active\":%s,\"email\":\"%.*s@demo.example\"}",
               slice_eq(token, S("revoked")) ? "false" : "true", SLICE_ARGS(token));
    *ret_answer = (struct fetch_answer){.status = 200, .body = arena_dup(arena, buf_slice(&text))};
    return ERR_OK;
}

static struct oauth *oauth_of(struct fixture *t, struct sasl *sasl)
{
    const struct oauth_options options = {.jwks = "",
                                          .introspection = "https://id.example/",
                                          .client = "",
                                          .secret = "",
                                          .issuer = "",
                                          .audience = "",
                                          .claim = "email",
                                          .fetch = introspect};
    struct oauth *oauth = NULL;
    ASSERT_OK(t, oauth_create(&options, &oauth, &t->error));
    sasl_use_oauth(sasl, oauth);
    return oauth;
}

static void release_oauth(struct oauth **oauth)
{
    oauth_destroy(*oauth);
}

static struct sasl_result show(struct fixture *t, struct sasl *sasl, enum sasl_mechanism mechanism,
                               const char *message)
{
    struct sasl_start start = {.mechanism = mechanism,
                               .door = DOOR_IMAP,
                               .initial = slice_cstr(message),
                               .has_initial = true,
                               .tls = true};
    return begin(t, sasl, &start);
}

static void test_tokens(void **state)
{
    struct fixture *t = *state;
    CLEANUP(release) struct sasl *sasl = sasl_of(t);
    CLEANUP(release_oauth) struct oauth *oauth = oauth_of(t, sasl);
    make_domain(t, "demo.example");
    struct account_id anna = make_account(t, "anna@demo.example", "secret");
    make_account(t, "ben@demo.example", "other");
    struct sasl_result result = show(t, sasl, SASL_OAUTHBEARER, "n,,\1auth=Bearer anna\1\1");
    assert_int_equal(result.status, SASL_OK);
    assert_int_equal(result.account.v, anna.v);
    ASSERT_SLICE(result.address, "anna@demo.example");
    assert_int_equal(show(t, sasl, SASL_OAUTHBEARER, "n,a=anna,\1auth=Bearer anna\1\1").status, SASL_OK);
    assert_int_equal(show(t, sasl, SASL_XOAUTH2, "user=anna@demo.example\1auth=Bearer anna\1\1").status,
                     SASL_OK);
    assert_int_equal(show(t, sasl, SASL_XOAUTH2, "user=\1auth=Bearer late\1\1").status, SASL_TEMPORARY);
    /* whose token it is, not who he says he is */
    assert_failed(show(t, sasl, SASL_XOAUTH2, "user=ben@demo.example\1auth=Bearer anna\1\1"), ERR_DENIED);
    assert_failed(show(t, sasl, SASL_OAUTHBEARER, "n,a=x@y.example,\1auth=Bearer anna\1\1"), ERR_DENIED);
    assert_failed(show(t, sasl, SASL_OAUTHBEARER, "user=anna\1auth=Bearer anna\1\1"), ERR_AUTH);
    assert_failed(show(t, sasl, SASL_XOAUTH2, "n,,\1auth=Bearer anna\1\1"), ERR_AUTH);
    sasl_use_oauth(sasl, NULL);
    assert_failed(show(t, sasl, SASL_XOAUTH2, "user=\1auth=Bearer anna\1\1"), ERR_AUTH);
}

static void test_refused_token_is_told_why_and_then_fails(void **state)
{
    struct fixture *t = *state;
    static const struct {
        enum sasl_mechanism mechanism;
        const char *message;
        const char *said;
        struct slice answer;
    } talks[] = {
        {SASL_OAUTHBEARER, "n,,\1auth=Bearer revoked\1\1", "{\"status\":\"invalid_token\"}", {"\1", 1}},
        {SASL_OAUTHBEARER, "n,,\1auth=Bearer nobody\1\1", "{\"status\":\"invalid_token\"}", {"\1", 1}},
        {SASL_XOAUTH2,
         "user=\1auth=Bearer revoked\1\1",
         "{\"status\":\"401\",\"schemes\":\"bearer\"}",
         {"", 0}},
        /* a good message comes too late */
        {SASL_XOAUTH2,
         "user=\1auth=Bearer revoked\1\1",
         "{\"status\":\"401\",\"schemes\":\"bearer\"}",
         {"user=\1auth=Bearer anna\1\1", 24}},
    };
    CLEANUP(release) struct sasl *sasl = sasl_of(t);
    CLEANUP(release_oauth) struct oauth *oauth = oauth_of(t, sasl);
    make_domain(t, "demo.example");
    make_account(t, "anna@demo.example", "secret");
    for (size_t i = 0; i < ARRAY_LEN(talks); i++) {
        struct sasl_result result = show(t, sasl, talks[i].mechanism, talks[i].message);
        assert_int_equal(result.status, SASL_CONTINUE);
        ASSERT_SLICE(result.data, talks[i].said);
        assert_failed(step(t, sasl, result.exchange, talks[i].answer), ERR_AUTH);
        assert_failed(step(t, sasl, result.exchange, talks[i].answer), ERR_AUTH);
    }
}

static void test_good_token_opens_no_closed_door(void **state)
{
    struct fixture *t = *state;
    CLEANUP(release) struct sasl *sasl = sasl_of(t);
    CLEANUP(release_oauth) struct oauth *oauth = oauth_of(t, sasl);
    make_domain(t, "demo.example");
    make_account(t, "anna@demo.example", "secret");
    struct account_changes changes = ACCOUNT_CHANGES_NONE;
    changes.plan = S("pop3");
    change(t, changes);
    assert_failed(show(t, sasl, SASL_XOAUTH2, "user=\1auth=Bearer anna\1\1"), ERR_DENIED);
}

/* --- tickets --- */

static enum err use_ticket(struct fixture *t, struct sasl *sasl, const struct sasl_result *result,
                           enum door door, bool use_up)
{
    struct sasl_holder holder = {0};
    enum err code =
        sasl_ticket(sasl, slice_of(result->ticket, TICKET_SIZE), door, use_up, &holder, &t->error);
    if (code == ERR_OK)
        assert_int_equal(holder.account.v, result->account.v);
    return code;
}

static void test_tickets(void **state)
{
    struct fixture *t = *state;
    CLEANUP(release) struct sasl *sasl = sasl_of(t);
    make_domain(t, "demo.example");
    make_account(t, "anna@demo.example", "secret");
    struct sasl_result result = plain(t, sasl, DOOR_IMAP, ANNA_PLAIN);
    assert_int_equal(use_ticket(t, sasl, &result, DOOR_POP3, true), ERR_AUTH);
    assert_int_equal(use_ticket(t, sasl, &result, DOOR_IMAP, false), ERR_OK);
    assert_int_equal(use_ticket(t, sasl, &result, DOOR_IMAP, true), ERR_OK);
    assert_int_equal(use_ticket(t, sasl, &result, DOOR_IMAP, true), ERR_AUTH);
    result = plain(t, sasl, DOOR_SUBMISSION, ANNA_PLAIN);
    sasl_ticket_release(sasl, slice_of(result.ticket, TICKET_SIZE));
    assert_int_equal(use_ticket(t, sasl, &result, DOOR_SUBMISSION, false), ERR_AUTH);
    result = plain(t, sasl, DOOR_SUBMISSION, ANNA_PLAIN);
    clock_shift(TICKET_IDLE_HOURS * CLOCK_HOUR - CLOCK_MINUTE);
    assert_int_equal(use_ticket(t, sasl, &result, DOOR_SUBMISSION, false), ERR_OK);
    clock_shift(CLOCK_HOUR);
    assert_int_equal(use_ticket(t, sasl, &result, DOOR_SUBMISSION, false), ERR_OK);
    clock_shift(TICKET_IDLE_HOURS * CLOCK_HOUR);
    assert_int_equal(use_ticket(t, sasl, &result, DOOR_SUBMISSION, false), ERR_AUTH);
    struct sasl_holder holder;
    assert_int_equal(sasl_ticket(sasl, S("short"), DOOR_IMAP, true, &holder, &t->error), ERR_AUTH);
}

static void test_ticket_ends_with_the_account(void **state)
{
    struct fixture *t = *state;
    CLEANUP(release) struct sasl *sasl = sasl_of(t);
    make_domain(t, "demo.example");
    make_account(t, "anna@demo.example", "secret");
    struct sasl_result result = plain(t, sasl, DOOR_SUBMISSION, ANNA_PLAIN);
    struct account_changes changes = ACCOUNT_CHANGES_NONE;
    changes.enabled = 0;
    change(t, changes);
    assert_int_equal(use_ticket(t, sasl, &result, DOOR_SUBMISSION, false), ERR_AUTH);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_make, fixture_free)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_plain),
        TEST(test_plain_takes_a_password_however_it_was_typed),
        TEST(test_plain_without_initial_response),
        TEST(test_login_prompts),
        TEST(test_bare_names_need_exactly_one_domain),
        TEST(test_aliases_do_not_log_in),
        TEST(test_closed_door_and_disabled_account_are_told_after_the_password_only),
        TEST(test_changed_password_counts_at_once),
        TEST(test_every_imported_hash_logs_in_and_is_upgraded),
        TEST(test_refuses_hashes_that_are_damaged_or_cost_too_much),
        TEST(test_scram),
        TEST(test_scram_with_channel_binding),
        TEST(test_scram_unknown_person_has_a_constant_salt),
        TEST(test_scram_sha_1_keys_come_with_the_first_password),
        TEST(test_scram_sha_1_works_at_once_with_a_password_set_singly),
        TEST(test_keys_outlive_a_restart_and_are_lost_with_their_key),
        TEST(test_message_and_password_limits),
        TEST(test_exchanges_are_limited_and_end_in_time),
        TEST(test_names_of_mechanisms),
        TEST(test_tokens),
        TEST(test_refused_token_is_told_why_and_then_fails),
        TEST(test_good_token_opens_no_closed_door),
        TEST(test_tickets),
        TEST(test_ticket_ends_with_the_account),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

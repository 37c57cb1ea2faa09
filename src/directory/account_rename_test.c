/* What a rename takes along, and what becomes of the address it leaves. */
#include "base/clock.h"
#include "directory/account_check.h"
#include "directory/share.h"
#include "directory/test.h"
#include "directory/test_client.h"

static enum err move(struct fixture *t, struct account_rename wanted, struct account_id *ret_new)
{
    wanted.from = S("anna@demo.example");
    wanted.to = S("anna.old@demo.example");
    return account_entry_rename(t->directory, &wanted, ret_new, &t->error);
}

static struct account_id only(struct fixture *t, const char *address)
{
    struct route route;
    ASSERT_OK(t, directory_route(t->directory, slice_cstr(address), &t->arena, &route, &t->error));
    assert_int_equal(route.account_count, 1);
    assert_int_equal(route.foreign_count, 0);
    return route.accounts[0].id;
}

static struct account_entry find(struct fixture *t, const char *address)
{
    struct account_entry entry = {0};
    ASSERT_OK(t, account_entry_find(t->directory, slice_cstr(address), &t->arena, &entry, &t->error));
    return entry;
}

static void test_renewed_address_is_an_empty_account_like_the_old_one(void **state)
{
    struct fixture *t = *state;
    struct account_id new_id;
    make_domain(t, "demo.example");
    struct account_id anna = make_account(t, "Anna@demo.example", "secret");
    struct account_changes changes = ACCOUNT_CHANGES_NONE;
    changes.name = S("Anna A.");
    changes.plan = S("pop3");
    changes.language = S("de");
    changes.quota_bytes = 1000;
    changes.quota_messages = 10;
    changes.certificate_login = 1;
    ASSERT_OK(t, account_entry_set(t->directory, S("anna@demo.example"), &changes, &t->error));
    ASSERT_OK(t,
              move(t, (struct account_rename){.old = OLD_ADDRESS_ANEW, .password = S("another")}, &new_id));
    assert_int_not_equal(new_id.v, 0);
    assert_int_equal(find(t, "anna.old@demo.example").id.v, anna.v);
    struct account_entry entry = find(t, "anna@demo.example");
    assert_int_equal(entry.id.v, new_id.v);
    ASSERT_SLICE(entry.address, "Anna@demo.example");
    ASSERT_SLICE(entry.name, "Anna A.");
    ASSERT_SLICE(entry.plan, "pop3");
    ASSERT_SLICE(entry.language, "de");
    assert_int_equal(entry.quota_bytes, 1000);
    assert_int_equal(entry.quota_messages, 10);
    assert_true(entry.enabled);
    assert_false(
        entry.certificate_login); /* who has a certificate for the address need not be the new owner */
    CLEANUP(release) struct sasl *sasl = sasl_of(t);
    assert_int_equal(plain(t, sasl, DOOR_POP3, slice_of("\0anna@demo.example\0secret", 25)).status,
                     SASL_FAILED);
    assert_int_equal(plain(t, sasl, DOOR_POP3, slice_of("\0anna@demo.example\0another", 26)).account.v,
                     new_id.v);
    assert_int_equal(plain(t, sasl, DOOR_POP3, slice_of("\0anna.old@demo.example\0secret", 29)).account.v,
                     anna.v);
}

static void test_renewed_address_without_a_password_lets_nobody_in(void **state)
{
    struct fixture *t = *state;
    struct account_id new_id;
    make_domain(t, "demo.example");
    make_account(t, "anna@demo.example", "secret");
    ASSERT_OK(t, move(t, (struct account_rename){.old = OLD_ADDRESS_ANEW}, &new_id));
    CLEANUP(release) struct sasl *sasl = sasl_of(t);
    assert_int_equal(plain(t, sasl, DOOR_IMAP, slice_of("\0anna@demo.example\0secret", 25)).status,
                     SASL_FAILED);
}

static void make_users(struct fixture *t)
{
    make_domain(t, "demo.example");
    make_account(t, "anna@demo.example", "secret");
    ASSERT_OK(t, set_alias(t, "info@demo.example", false, "anna@demo.example", NULL));
    ASSERT_OK(t, set_alias(t, "all@demo.example", true, "anna@demo.example", NULL));
    ASSERT_OK(t, domain_set_catch_all(t->directory, S("demo.example"), S("anna@demo.example"), &t->error));
    only(t, "info@demo.example"); /* cached */
    only(t, "nobody@demo.example");
}

static void test_what_names_a_renewed_address_stays_with_it(void **state)
{
    struct fixture *t = *state;
    struct account_id new_id;
    make_users(t);
    ASSERT_OK(t, move(t, (struct account_rename){.old = OLD_ADDRESS_ANEW}, &new_id));
    assert_int_equal(only(t, "info@demo.example").v, new_id.v);
    assert_int_equal(only(t, "all@demo.example").v, new_id.v);
    assert_int_equal(only(t, "nobody@demo.example").v, new_id.v);
}

static void test_what_names_a_renewed_address_follows_on_wish(void **state)
{
    struct fixture *t = *state;
    struct account_id new_id;
    make_users(t);
    ASSERT_OK(t, move(t, (struct account_rename){.old = OLD_ADDRESS_ANEW, .aliases_follow = true}, &new_id));
    uint64_t old = find(t, "anna.old@demo.example").id.v;
    assert_int_equal(only(t, "info@demo.example").v, old);
    assert_int_equal(only(t, "all@demo.example").v, old);
    assert_int_equal(only(t, "nobody@demo.example").v, old);
    assert_int_equal(only(t, "anna@demo.example").v, new_id.v);
}

static void test_old_address_stays_as_an_alias(void **state)
{
    struct fixture *t = *state;
    struct account_id new_id;
    make_users(t);
    ASSERT_OK(t, move(t, (struct account_rename){.old = OLD_ADDRESS_ALIAS}, &new_id));
    assert_int_equal(new_id.v, 0);
    struct account_id anna = find(t, "anna.old@demo.example").id;
    assert_int_equal(only(t, "anna@demo.example").v, anna.v);
    assert_true(directory_may_send_as(t->directory, anna, S("anna@demo.example")));
    fixture_reopen(t);
    assert_int_equal(only(t, "anna@demo.example").v, anna.v);
    assert_int_equal(only(t, "nobody@demo.example").v, anna.v);
}

static void test_one_alias_too_many_undoes_the_rename(void **state)
{
    struct fixture *t = *state;
    struct account_id new_id;
    char alias[64];
    make_domain(t, "demo.example");
    make_account(t, "anna@demo.example", "secret");
    for (int i = 0; i < ALIASES_MAX; i++) {
        snprintf(alias, sizeof(alias), "a%d@demo.example", i);
        ASSERT_OK(t, set_alias(t, alias, false, "anna@demo.example", NULL));
    }
    assert_int_equal(move(t, (struct account_rename){.old = OLD_ADDRESS_ALIAS}, &new_id), ERR_LIMIT);
    assert_int_equal(find(t, "anna@demo.example").id.v, only(t, "a0@demo.example").v);
}

static void test_shares_and_administration_stay_with_the_mail(void **state)
{
    struct fixture *t = *state;
    struct account_id new_id;
    struct slice before;
    struct slice after;
    make_domain(t, "demo.example");
    struct account_id anna = make_account(t, "anna@demo.example", "secret");
    ASSERT_OK(t, domain_set_administrator(t->directory, S("demo.example"), S("anna@demo.example"), true,
                                          &t->error));
    ASSERT_OK(t, share_grantee(t->directory, S("anna@demo.example"), &t->arena, &before, &t->error));
    ASSERT_OK(t, move(t, (struct account_rename){.old = OLD_ADDRESS_ANEW}, &new_id));
    assert_true(directory_may_administer(t->directory, anna, S("x@demo.example")));
    assert_false(directory_may_administer(t->directory, new_id, S("x@demo.example")));
    ASSERT_OK(t, share_identifier(t->directory, before, &t->arena, &after, &t->error));
    ASSERT_SLICE(after, "anna.old@demo.example");
    assert_false(share_grantee_is(before, new_id));
}

static struct account_id former(struct fixture *t, const char *address)
{
    struct account_id id = {0};
    ASSERT_OK(t, directory_former(t->directory, slice_cstr(address), &id, &t->error));
    return id;
}

static void test_freed_address_is_remembered_for_a_while(void **state)
{
    struct fixture *t = *state;
    struct account_id new_id;
    make_domain(t, "demo.example");
    struct account_id anna = make_account(t, "anna@demo.example", "secret");
    assert_int_equal(former(t, "anna@demo.example").v, 0);
    ASSERT_OK(t, move(t, (struct account_rename){0}, &new_id));
    assert_int_equal(former(t, "ANNA@demo.example").v, anna.v);
    assert_int_equal(former(t, "anna+lists@demo.example").v, anna.v);
    assert_int_equal(former(t, "ann@demo.example").v, 0);
    clock_shift(FORMER_DAYS * CLOCK_DAY + CLOCK_SECOND);
    assert_int_equal(former(t, "anna@demo.example").v, 0);
    clock_shift(-(FORMER_DAYS * CLOCK_DAY + CLOCK_SECOND));
}

static void test_address_of_somebody_else_is_nobodys_former_one(void **state)
{
    struct fixture *t = *state;
    struct account_id new_id;
    make_domain(t, "demo.example");
    make_account(t, "anna@demo.example", "secret");
    ASSERT_OK(t, move(t, (struct account_rename){0}, &new_id));
    make_account(t, "anna@demo.example", "secret");
    ASSERT_OK(t, account_entry_remove(t->directory, S("anna@demo.example"), &t->error));
    assert_int_equal(former(t, "anna@demo.example").v, 0);
}

static void test_scram_begun_before_a_rename_lets_nobody_into_the_new_account(void **state)
{
    struct fixture *t = *state;
    struct account_id new_id;
    CLEANUP(buf_release) struct buf final = BUF(4096);
    const struct client client = {"n,,", "anna@demo.example", "secret", {0}};
    make_domain(t, "demo.example");
    make_account(t, "anna@demo.example", "secret");
    CLEANUP(release) struct sasl *sasl = sasl_of(t);
    struct sasl_start start = {.mechanism = SASL_SCRAM_SHA_256,
                               .door = DOOR_IMAP,
                               .initial = S("n,,n=anna@demo.example,r=clientnonce"),
                               .has_initial = true};
    struct sasl_result result = begin(t, sasl, &start);
    assert_int_equal(result.status, SASL_CONTINUE);
    ASSERT_OK(t,
              move(t, (struct account_rename){.old = OLD_ADDRESS_ANEW, .password = S("another")}, &new_id));
    client_final(&client, SCRAM_SHA_256, result.data, &final);
    assert_int_equal(step(t, sasl, result.exchange, buf_slice(&final)).status, SASL_FAILED);
}

static void test_refuses_what_makes_no_sense(void **state)
{
    struct fixture *t = *state;
    struct account_id new_id = {7};
    make_domain(t, "demo.example");
    make_account(t, "anna@demo.example", "secret");
    make_account(t, "ben@demo.example", "secret");
    const struct account_rename same = {
        .from = S("anna@demo.example"), .to = S("Anna@demo.example"), .old = OLD_ADDRESS_ANEW};
    assert_int_equal(account_entry_rename(t->directory, &same, &new_id, &t->error), ERR_INVALID);
    const struct account_rename taken = {
        .from = S("anna@demo.example"), .to = S("ben@demo.example"), .old = OLD_ADDRESS_ANEW};
    assert_int_equal(account_entry_rename(t->directory, &taken, &new_id, &t->error), ERR_EXISTS);
    assert_int_equal(
        move(t, (struct account_rename){.old = OLD_ADDRESS_ANEW, .password = S("a"), .hash = S("b")},
             &new_id),
        ERR_INVALID);
    assert_int_equal(new_id.v, 7);
    assert_int_not_equal(find(t, "anna@demo.example").id.v, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_make, fixture_free)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_renewed_address_is_an_empty_account_like_the_old_one),
        TEST(test_renewed_address_without_a_password_lets_nobody_in),
        TEST(test_what_names_a_renewed_address_stays_with_it),
        TEST(test_what_names_a_renewed_address_follows_on_wish),
        TEST(test_old_address_stays_as_an_alias),
        TEST(test_one_alias_too_many_undoes_the_rename),
        TEST(test_shares_and_administration_stay_with_the_mail),
        TEST(test_freed_address_is_remembered_for_a_while),
        TEST(test_address_of_somebody_else_is_nobodys_former_one),
        TEST(test_scram_begun_before_a_rename_lets_nobody_into_the_new_account),
        TEST(test_refuses_what_makes_no_sense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

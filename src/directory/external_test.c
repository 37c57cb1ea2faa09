/* EXTERNAL: who a certificate lets in. What a good certificate is, rt/client_ca_test.c says. */
#include "directory/test.h"
#include "directory/test_client.h"
#include "rt/test_certificates.h"

static struct test_certificate authority;

static int make_house(void **state)
{
    fixture_make(state);
    struct fixture *t = *state;
    authority = test_certificate_make(&(struct test_wish){.common_name = "ours", .is_ca = true}, NULL);
    make_domain(t, "demo.example");
    make_account(t, "anna@demo.example", "secret");
    make_account(t, "ben@demo.example", "secret");
    ASSERT_OK(t, set_alias(t, "info@demo.example", false, "anna@demo.example", NULL));
    struct account_changes changes = ACCOUNT_CHANGES_NONE;
    changes.certificate_login = 1;
    ASSERT_OK(t, account_entry_set(t->directory, S("anna@demo.example"), &changes, &t->error));
    return 0;
}

static int leave_house(void **state)
{
    test_certificate_free(&authority);
    return fixture_free(state);
}

static struct sasl *external_sasl(struct fixture *t)
{
    struct sasl *sasl = sasl_of(t);
    struct client_ca *ca = test_client_ca(&authority);
    sasl_set_client_ca(sasl, ca);
    client_ca_unref(ca);
    return sasl;
}

static struct sasl_result external(struct fixture *t, struct sasl *sasl, const char *san,
                                   struct slice authzid)
{
    CLEANUP(buf_release) struct buf chain = BUF(CLIENT_CHAIN_MAX);
    struct test_certificate c =
        test_certificate_make(&(struct test_wish){.common_name = "x", .san = san}, &authority);
    test_put_der(&c, &chain);
    struct sasl_start start = {.mechanism = SASL_EXTERNAL,
                               .door = DOOR_IMAP,
                               .initial = authzid,
                               .has_initial = true,
                               .certificate = buf_slice(&chain)};
    struct sasl_result result = begin(t, sasl, &start);
    test_certificate_free(&c);
    return result;
}

static void assert_failed(struct sasl_result result, enum err code)
{
    assert_int_equal(result.status, SASL_FAILED);
    assert_int_equal(result.code, code);
}

static void test_the_address_in_the_certificate_logs_in(void **state)
{
    struct fixture *t = *state;
    CLEANUP(release) struct sasl *sasl = external_sasl(t);
    struct sasl_result result = external(t, sasl, "email:Anna@DEMO.example", slice_none());
    assert_int_equal(result.status, SASL_OK);
    ASSERT_SLICE(result.address, "anna@demo.example");
    assert_int_equal(external(t, sasl, "email:anna@demo.example", S("anna@demo.example")).status, SASL_OK);
    assert_int_equal(external(t, sasl, "email:anna@demo.example", S("anna")).status, SASL_OK);
    assert_failed(external(t, sasl, "email:nobody@demo.example", slice_none()), ERR_AUTH);
    assert_failed(external(t, sasl, "email:anna@elsewhere.example", slice_none()), ERR_AUTH);
    assert_failed(external(t, sasl, "email:info@demo.example", slice_none()), ERR_AUTH); /* an alias */
    assert_failed(external(t, sasl, "email:anna", slice_none()), ERR_AUTH);
    assert_failed(external(t, sasl, "DNS:demo.example", slice_none()), ERR_AUTH);
}

static void test_only_accounts_that_allow_it(void **state)
{
    struct fixture *t = *state;
    CLEANUP(release) struct sasl *sasl = external_sasl(t);
    assert_failed(external(t, sasl, "email:ben@demo.example", slice_none()), ERR_DENIED);
    struct account_changes changes = ACCOUNT_CHANGES_NONE;
    changes.certificate_login = 0;
    ASSERT_OK(t, account_entry_set(t->directory, S("anna@demo.example"), &changes, &t->error));
    assert_failed(external(t, sasl, "email:anna@demo.example", slice_none()), ERR_DENIED);
    changes.certificate_login = 1;
    changes.enabled = 0;
    ASSERT_OK(t, account_entry_set(t->directory, S("anna@demo.example"), &changes, &t->error));
    assert_failed(external(t, sasl, "email:anna@demo.example", slice_none()), ERR_DENIED);
}

static void test_nobody_acts_for_another(void **state)
{
    struct fixture *t = *state;
    CLEANUP(release) struct sasl *sasl = external_sasl(t);
    assert_failed(external(t, sasl, "email:anna@demo.example", S("ben@demo.example")), ERR_DENIED);
    assert_failed(external(t, sasl, "email:anna@demo.example", S("nobody@demo.example")), ERR_DENIED);
    assert_failed(external(t, sasl, "email:anna@demo.example", S("anna@demo.example\0")), ERR_AUTH);
}

static void test_of_several_addresses_the_identity_chooses(void **state)
{
    struct fixture *t = *state;
    CLEANUP(release) struct sasl *sasl = external_sasl(t);
    const char *both = "email:x@elsewhere.example,email:ben@demo.example,email:anna@demo.example";
    assert_failed(external(t, sasl, both, slice_none()), ERR_DENIED); /* the first, who may not */
    struct sasl_result result = external(t, sasl, both, S("anna@demo.example"));
    assert_int_equal(result.status, SASL_OK);
    ASSERT_SLICE(result.address, "anna@demo.example");
}

static void test_store_believes_no_edge(void **state)
{
    struct fixture *t = *state;
    struct test_certificate ours = authority;
    struct sasl_start start = {.mechanism = SASL_EXTERNAL, .door = DOOR_IMAP, .has_initial = true};
    CLEANUP(release) struct sasl *sasl = external_sasl(t);
    assert_failed(begin(t, sasl, &start), ERR_AUTH); /* no certificate */
    start.has_initial = false;
    assert_failed(begin(t, sasl, &start), ERR_AUTH);
    authority = test_certificate_make(&(struct test_wish){.common_name = "ours", .is_ca = true}, NULL);
    assert_failed(external(t, sasl, "email:anna@demo.example", slice_none()), ERR_AUTH);
    test_certificate_free(&authority);
    authority = ours;
    assert_int_equal(external(t, sasl, "email:anna@demo.example", slice_none()).status, SASL_OK);
    sasl_set_client_ca(sasl, NULL);
    assert_failed(external(t, sasl, "email:anna@demo.example", slice_none()), ERR_AUTH);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_house, leave_house)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_address_in_the_certificate_logs_in),
        TEST(test_only_accounts_that_allow_it),
        TEST(test_nobody_acts_for_another),
        TEST(test_of_several_addresses_the_identity_chooses),
        TEST(test_store_believes_no_edge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "send/scram_client.h"

#include "base/test.h"

/* The example of RFC 7677 3. */
#define NONCE "rOprNGfwEbeRWgbNEkqO"
#define FIRST "r=" NONCE "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"

static void test_says_what_the_rfc_says(void **state)
{
    (void)state;
    CLEANUP(scram_client_release) struct scram_client client;
    CLEANUP(buf_release) struct buf out = BUF(1000);
    scram_client_init(&client, SCRAM_SHA_256, NONCE);
    assert_false(scram_client_verify(&client, S("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")));
    scram_client_first(&client, S("user"), &out);
    assert_string_equal(buf_cstr(&out), "n,,n=user,r=" NONCE);
    buf_clear(&out);
    assert_true(scram_client_final(&client, S("pencil"), S(FIRST), &out));
    assert_string_equal(buf_cstr(&out), "c=biws,r=" NONCE "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
                                        "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
    assert_true(scram_client_verify(&client, S("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")));
    assert_false(scram_client_verify(&client, S("v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")));
    assert_false(scram_client_verify(&client, S("e=other-error")));
}

static void test_escapes_names(void **state)
{
    (void)state;
    CLEANUP(scram_client_release) struct scram_client client;
    CLEANUP(buf_release) struct buf out = BUF(1000);
    scram_client_init(&client, SCRAM_SHA_1, "n");
    scram_client_first(&client, S("a,b=c"), &out);
    assert_string_equal(buf_cstr(&out), "n,,n=a=2Cb=3Dc,r=n");
}

static void test_refuses_what_makes_no_sense(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "r=" NONCE ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096", /* nothing of its own */
        "r=x" NONCE "y,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
        "r=" NONCE "y,s=,i=4096",
        "r=" NONCE "y,s=??,i=4096",
        "r=" NONCE "y,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=0",
        "r=" NONCE "y,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=1000001",
        "r=" NONCE "y,s=W22ZaJ0SNY7soEsUEjb6gQ==",
        "m=x,r=" NONCE "y,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
    };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        CLEANUP(scram_client_release) struct scram_client client;
        CLEANUP(buf_release) struct buf out = BUF(1000);
        scram_client_init(&client, SCRAM_SHA_256, NONCE);
        scram_client_first(&client, S("user"), &out);
        assert_false(scram_client_final(&client, S("pencil"), slice_cstr(wrong[i]), &out));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_says_what_the_rfc_says),
        cmocka_unit_test(test_escapes_names),
        cmocka_unit_test(test_refuses_what_makes_no_sense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

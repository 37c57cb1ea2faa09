#include "rt/client_ca.h"

#include "rt/test_certificates.h"

static struct test_certificate authority_of(const char *name)
{
    return test_certificate_make(&(struct test_wish){.common_name = name, .is_ca = true}, NULL);
}

/* What the check of the one certificate says: its addresses with a blank behind each, or what is wrong. */
static void assert_says(struct client_ca *ca, const struct test_certificate *c, const char *expected)
{
    CLEANUP(buf_release) struct buf chain = BUF(CLIENT_CHAIN_MAX);
    CLEANUP(buf_release) struct buf addresses = BUF(CLIENT_ADDRESSES_MAX);
    CLEANUP(buf_release) struct buf said = BUF(CLIENT_ADDRESSES_MAX);
    struct error error;
    test_put_der(c, &chain);
    if (client_ca_check(ca, buf_slice(&chain), &addresses, &error) != ERR_OK) {
        assert_int_equal(error.code, ERR_AUTH);
        assert_string_equal(error.detail, expected);
        return;
    }
    struct wire_reader reader = wire_reader_of(buf_slice(&addresses));
    while (!cursor_done(&reader.c)) {
        buf_put(&said, wire_get_slice(&reader));
        buf_putc(&said, ' ');
    }
    assert_string_equal(said.n > 0 ? buf_cstr(&said) : "", expected);
}

static void assert_wish(struct client_ca *ca, const struct test_certificate *authority, struct test_wish wish,
                        const char *expected)
{
    wish.common_name = "client";
    struct test_certificate c = test_certificate_make(&wish, authority);
    assert_says(ca, &c, expected);
    test_certificate_free(&c);
}

static void test_addresses_of_a_certificate(void **state)
{
    (void)state;
    struct test_certificate authority = authority_of("ours");
    struct client_ca *ca = test_client_ca(&authority);
    const char *anna = "anna@demo.example ";
    assert_wish(ca, &authority, (struct test_wish){.san = "email:anna@demo.example"}, anna);
    assert_wish(ca, &authority, (struct test_wish){.email = "anna@demo.example"}, anna);
    assert_wish(ca, &authority,
                (struct test_wish){.email = "ben@demo.example", .san = "email:anna@demo.example"}, anna);
    assert_wish(ca, &authority, (struct test_wish){.email = "anna@demo.example", .san = "DNS:x.example"},
                anna);
    assert_wish(ca, &authority,
                (struct test_wish){.san = "email:anna@demo.example,DNS:x.example,email:info@demo.example",
                                   .usage = "clientAuth"},
                "anna@demo.example info@demo.example ");
    assert_wish(ca, &authority, (struct test_wish){.usage = "clientAuth"}, "");
    client_ca_unref(ca);
    test_certificate_free(&authority);
}

static void test_refuses_what_is_not_good(void **state)
{
    (void)state;
    struct test_certificate authority = authority_of("ours");
    struct test_certificate stranger = authority_of("another");
    struct test_certificate impostor = authority_of("ours");
    struct client_ca *ca = test_client_ca(&authority);
    const char *san = "email:anna@demo.example";
    assert_wish(ca, &stranger, (struct test_wish){.san = san},
                "client certificate: unable to get local issuer certificate");
    assert_wish(ca, &impostor, (struct test_wish){.san = san},
                "client certificate: certificate signature failure");
    assert_wish(ca, NULL, (struct test_wish){.san = san}, "client certificate: self-signed certificate");
    assert_wish(ca, &authority, (struct test_wish){.san = san, .lasts_seconds = -60},
                "client certificate: certificate has expired");
    assert_wish(ca, &authority, (struct test_wish){.san = san, .usage = "serverAuth"},
                "client certificate: unsuitable certificate purpose");
    client_ca_unref(ca);
    test_certificate_free(&impostor);
    test_certificate_free(&stranger);
    test_certificate_free(&authority);
}

static void test_a_chain_with_an_authority_between(void **state)
{
    (void)state;
    CLEANUP(buf_release) struct buf chain = BUF(CLIENT_CHAIN_MAX);
    CLEANUP(buf_release) struct buf addresses = BUF(CLIENT_ADDRESSES_MAX);
    struct error error;
    struct test_certificate root = authority_of("root");
    struct test_certificate between =
        test_certificate_make(&(struct test_wish){.common_name = "between", .is_ca = true}, &root);
    struct test_certificate leaf =
        test_certificate_make(&(struct test_wish){.common_name = "x", .san = "email:a@b.example"}, &between);
    struct client_ca *ca = test_client_ca(&root);
    test_put_der(&leaf, &chain);
    assert_int_equal(client_ca_check(ca, buf_slice(&chain), &addresses, &error), ERR_AUTH);
    test_put_der(&between, &chain);
    assert_int_equal(client_ca_check(ca, buf_slice(&chain), &addresses, &error), ERR_OK);
    client_ca_unref(ca);
    test_certificate_free(&leaf);
    test_certificate_free(&between);
    test_certificate_free(&root);
}

static void test_damaged_chains_and_limits(void **state)
{
    (void)state;
    CLEANUP(buf_release) struct buf chain = BUF(2 * CLIENT_CHAIN_MAX);
    CLEANUP(buf_release) struct buf addresses = BUF(CLIENT_ADDRESSES_MAX);
    struct error error;
    struct test_certificate authority = authority_of("ours");
    struct test_certificate c = test_certificate_make(
        &(struct test_wish){.common_name = "x", .san = "email:a@b.example"}, &authority);
    struct client_ca *ca = test_client_ca(&authority);
    assert_int_equal(client_ca_check(ca, slice_none(), &addresses, &error), ERR_AUTH);
    for (int i = 0; i < CLIENT_CERTIFICATES_MAX; i++)
        test_put_der(&c, &chain);
    assert_int_equal(client_ca_check(ca, buf_slice(&chain), &addresses, &error), ERR_OK);
    assert_int_equal(client_ca_check(ca, slice_sub(buf_slice(&chain), 0, chain.n - 1), &addresses, &error),
                     ERR_AUTH);
    test_put_der(&c, &chain);
    assert_int_equal(client_ca_check(ca, buf_slice(&chain), &addresses, &error), ERR_AUTH);
    buf_clear(&chain);
    wire_put_slice(&chain, S("\x30\x03\x02\x01\x01"));
    assert_int_equal(client_ca_check(ca, buf_slice(&chain), &addresses, &error), ERR_AUTH);
    static char large[CLIENT_CHAIN_MAX + 1];
    assert_int_equal(client_ca_check(ca, slice_of(large, sizeof(large)), &addresses, &error), ERR_AUTH);
    assert_string_equal(error.detail, "a client's certificates of 32769 bytes");
    client_ca_unref(ca);
    test_certificate_free(&c);
    test_certificate_free(&authority);
}

/* A list of what the authority has revoked: nothing, or this one. */
static void put_list(const struct test_certificate *authority, const struct test_certificate *revoked,
                     struct buf *out)
{
    X509_CRL *list = X509_CRL_new();
    ASN1_TIME *now = X509_gmtime_adj(NULL, -60);
    ASN1_TIME *next = X509_gmtime_adj(NULL, 3600);
    X509_CRL_set_version(list, X509_CRL_VERSION_2);
    X509_CRL_set_issuer_name(list, X509_get_subject_name(authority->x));
    X509_CRL_set1_lastUpdate(list, now);
    X509_CRL_set1_nextUpdate(list, next);
    if (revoked != NULL) {
        X509_REVOKED *entry = X509_REVOKED_new();
        X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(revoked->x));
        X509_REVOKED_set_revocationDate(entry, now);
        X509_CRL_add0_revoked(list, entry);
    }
    must(X509_CRL_sign(list, authority->key, EVP_sha256()) > 0);
    BIO *bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509_CRL(bio, list);
    test_put_bio(bio, out);
    ASN1_TIME_free(now);
    ASN1_TIME_free(next);
    X509_CRL_free(list);
}

static void test_a_revocation_list_in_the_file_counts(void **state)
{
    (void)state;
    struct error error;
    struct test_certificate authority = authority_of("ours");
    struct test_wish wish = {.common_name = "x", .san = "email:a@b.example"};
    struct test_certificate lost = test_certificate_make(&wish, &authority);
    struct test_certificate kept = test_certificate_make(&wish, &authority);
    CLEANUP(buf_release) struct buf pem = BUF(100000);
    struct client_ca *ca;
    test_put_pem(&authority, &pem);
    put_list(&authority, &lost, &pem);
    assert_int_equal(client_ca_create(buf_slice(&pem), &ca, &error), ERR_OK);
    assert_says(ca, &lost, "client certificate: certificate revoked");
    assert_says(ca, &kept, "a@b.example ");
    client_ca_unref(ca);
    test_certificate_free(&kept);
    test_certificate_free(&lost);
    test_certificate_free(&authority);
}

static void test_a_file_without_certificates_is_none(void **state)
{
    (void)state;
    struct client_ca *ca;
    struct error error;
    assert_int_equal(client_ca_create(S(""), &ca, &error), ERR_INVALID);
    assert_int_equal(client_ca_create(S("hello\n"), &ca, &error), ERR_INVALID);
    assert_int_equal(
        client_ca_create(S("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), &ca, &error),
        ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses_of_a_certificate),
        cmocka_unit_test(test_refuses_what_is_not_good),
        cmocka_unit_test(test_a_chain_with_an_authority_between),
        cmocka_unit_test(test_damaged_chains_and_limits),
        cmocka_unit_test(test_a_revocation_list_in_the_file_counts),
        cmocka_unit_test(test_a_file_without_certificates_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

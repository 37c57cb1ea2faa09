/* Certificates by name, versions, bindings: server and client in one process over a socket pair. */
#include "rt/test_certificates.h"
#include "rt/test_wire.h"
#include "rt/tls_stream.h"

struct pair {
    struct tls *server;
    SSL_CTX *context;
    SSL *client;
    int fds[2];
};

static struct tls_pem self_signed(const char *host, struct buf *chain, struct buf *key)
{
    struct error error;
    assert_int_equal(tls_make_self_signed(host, chain, key, &error), ERR_OK);
    return (struct tls_pem){buf_slice(chain), buf_slice(key)};
}

/* An RSA certificate for a host, by hand. */
static struct tls_pem rsa_signed(const char *host, struct buf *chain, struct buf *key)
{
    char name[100];
    EVP_PKEY *k = EVP_RSA_gen(2048);
    X509 *x = X509_new();
    X509_set_version(x, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 7);
    X509_gmtime_adj(X509_getm_notBefore(x), 0);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    X509_set_pubkey(x, k);
    snprintf(name, sizeof(name), "DNS:%s,DNS:*.%s", host, host);
    X509_EXTENSION *san = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, name);
    X509_add_ext(x, san, -1);
    X509_EXTENSION_free(san);
    assert_true(X509_sign(x, k, EVP_sha256()) > 0);
    *chain = BUF(100000);
    *key = BUF(100000);
    BIO *bio = BIO_new(BIO_s_mem());
    char *text;
    PEM_write_bio_X509(bio, x);
    long n = BIO_get_mem_data(bio, &text);
    buf_put(chain, slice_of(text, (size_t)n));
    BIO_reset(bio);
    PEM_write_bio_PrivateKey(bio, k, NULL, NULL, 0, NULL, NULL);
    n = BIO_get_mem_data(bio, &text);
    buf_put(key, slice_of(text, (size_t)n));
    BIO_free(bio);
    X509_free(x);
    EVP_PKEY_free(k);
    return (struct tls_pem){buf_slice(chain), buf_slice(key)};
}

static bool shake(struct pair *p)
{
    struct error error;
    enum io server = IO_WANT_INPUT;
    int client = -1;
    for (int i = 0; i < 20 && (server != IO_DONE || client != 1); i++) {
        if (client != 1) {
            client = SSL_connect(p->client);
            if (client != 1 && SSL_get_error(p->client, client) != SSL_ERROR_WANT_READ)
                return false;
        }
        if (server != IO_DONE)
            server = tls_handshake(p->server, &error);
        if (server == IO_FAILED)
            return false;
    }
    return server == IO_DONE && client == 1;
}

static void pair_begin(struct pair *p, struct tls_context *context, const char *name)
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, p->fds), 0);
    p->server = tls_new(context, p->fds[0]);
    p->context = SSL_CTX_new(TLS_client_method());
    p->client = SSL_new(p->context);
    SSL_set_fd(p->client, p->fds[1]);
    if (name != NULL)
        SSL_set_tlsext_host_name(p->client, name);
}

static void pair_end(struct pair *p)
{
    tls_free(p->server);
    SSL_free(p->client);
    SSL_CTX_free(p->context);
    close(p->fds[0]);
    close(p->fds[1]);
}

/* The certificate that a client asking for `name` gets is for `host`. */
static void expect_host(struct tls_context *context, const char *name, const char *host)
{
    struct pair p;
    pair_begin(&p, context, name);
    assert_true(shake(&p));
    X509 *x = SSL_get1_peer_certificate(p.client);
    assert_int_equal(X509_check_host(x, host, 0, 0, NULL), 1);
    X509_free(x);
    assert_string_equal(tls_server_name(p.server), name != NULL ? name : "");
    pair_end(&p);
}

static void test_chooses_the_certificate_by_name(void **state)
{
    (void)state;
    struct buf other[4] = {0};
    struct tls_pem pems[2] = {self_signed("first.example", &other[0], &other[1]),
                              self_signed("mail.example.org", &other[2], &other[3])};
    struct tls_context *context;
    struct error error;
    assert_int_equal(tls_context_create(pems, 2, &context, &error), ERR_OK);
    expect_host(context, NULL, "first.example");
    expect_host(context, "mail.example.org", "mail.example.org");
    expect_host(context, "MAIL.Example.ORG", "mail.example.org");
    expect_host(context, "imap.mail.example.org", "imap.mail.example.org");
    expect_host(context, "a.b.mail.example.org", "first.example");
    expect_host(context, "unknown.example", "first.example");
    tls_context_unref(context);
    for (int i = 0; i < 4; i++)
        buf_release(&other[i]);
}

static void test_ecdsa_and_rsa_for_one_name_serve_both_kinds_of_client(void **state)
{
    (void)state;
    struct buf b[4] = {0};
    struct tls_pem pems[2] = {self_signed("two.example", &b[0], &b[1]),
                              rsa_signed("two.example", &b[2], &b[3])};
    struct tls_context *context;
    struct error error;
    assert_int_equal(tls_context_create(pems, 2, &context, &error), ERR_OK);
    for (int rsa = 0; rsa < 2; rsa++) {
        struct pair p;
        pair_begin(&p, context, "two.example");
        assert_int_equal(SSL_set1_sigalgs_list(p.client, rsa ? "rsa_pss_rsae_sha256" : "ECDSA+SHA256"), 1);
        assert_true(shake(&p));
        X509 *x = SSL_get1_peer_certificate(p.client);
        assert_int_equal(EVP_PKEY_get_base_id(X509_get0_pubkey(x)), rsa ? EVP_PKEY_RSA : EVP_PKEY_EC);
        X509_free(x);
        pair_end(&p);
    }
    tls_context_unref(context);
    for (int i = 0; i < 4; i++)
        buf_release(&b[i]);
}

static void expect_binding(struct pair *p, struct slice type, const void *wanted, size_t n)
{
    CLEANUP(buf_release) struct buf data = BUF(200);
    assert_true(tls_channel_binding(p->server, type, &data));
    assert_int_equal(data.n, n);
    assert_memory_equal(data.p, wanted, n);
}

static void bindings(int version)
{
    struct tls_context *context = wire_tls("bind.example");
    struct pair p;
    pair_begin(&p, context, NULL);
    SSL_set_max_proto_version(p.client, version);
    assert_true(shake(&p));
    assert_string_equal(tls_version(p.server), version == TLS1_2_VERSION ? "TLSv1.2" : "TLSv1.3");
    assert_string_equal(tls_cipher(p.server), SSL_get_cipher_name(p.client));
    unsigned char bytes[EVP_MAX_MD_SIZE];
    assert_int_equal(
        SSL_export_keying_material(p.client, bytes, 32, "EXPORTER-Channel-Binding", 24, NULL, 0, 1), 1);
    expect_binding(&p, S("tls-exporter"), bytes, 32);
    X509 *x = SSL_get1_peer_certificate(p.client);
    unsigned n;
    X509_digest(x, EVP_sha256(), bytes, &n);
    X509_free(x);
    expect_binding(&p, S("tls-server-end-point"), bytes, n);
    CLEANUP(buf_release) struct buf data = BUF(200);
    if (version == TLS1_2_VERSION) {
        size_t length = SSL_get_finished(p.client, bytes, sizeof(bytes));
        expect_binding(&p, S("tls-unique"), bytes, length);
    } else {
        assert_false(tls_channel_binding(p.server, S("tls-unique"), &data));
    }
    assert_false(tls_channel_binding(p.server, S("tls-other"), &data));
    pair_end(&p);
    tls_context_unref(context);
}

static void test_channel_bindings_of_tls13(void **state)
{
    (void)state;
    bindings(TLS1_3_VERSION);
}

static void test_channel_bindings_of_tls12(void **state)
{
    (void)state;
    bindings(TLS1_2_VERSION);
}

static void test_tls_unique_of_a_resumed_session_is_the_servers_finished(void **state)
{
    (void)state;
    struct tls_context *context = wire_tls("bind.example");
    struct pair p;
    pair_begin(&p, context, NULL);
    SSL_set_max_proto_version(p.client, TLS1_2_VERSION);
    assert_true(shake(&p));
    SSL_SESSION *session = SSL_get1_session(p.client);
    SSL_shutdown(p.client); /* without it the session may not be resumed */
    pair_end(&p);
    pair_begin(&p, context, NULL);
    SSL_set_max_proto_version(p.client, TLS1_2_VERSION);
    SSL_set_session(p.client, session);
    assert_true(shake(&p));
    assert_int_equal(SSL_session_reused(p.client), 1);
    unsigned char bytes[EVP_MAX_MD_SIZE];
    size_t n = SSL_get_peer_finished(p.client, bytes, sizeof(bytes));
    expect_binding(&p, S("tls-unique"), bytes, n);
    pair_end(&p);
    SSL_SESSION_free(session);
    tls_context_unref(context);
}

static void test_refuses_old_versions_and_weak_ciphers(void **state)
{
    (void)state;
    struct tls_context *context = wire_tls("old.example");
    struct pair p;
    pair_begin(&p, context, NULL);
    SSL_set_security_level(p.client, 0);
    SSL_set_min_proto_version(p.client, TLS1_VERSION);
    SSL_set_max_proto_version(p.client, TLS1_1_VERSION);
    assert_false(shake(&p));
    pair_end(&p);
    pair_begin(&p, context, NULL);
    SSL_set_max_proto_version(p.client, TLS1_2_VERSION);
    SSL_set_cipher_list(p.client, "ECDHE+AES:!AESGCM:!AESCCM");
    assert_false(shake(&p));
    pair_end(&p);
    tls_context_unref(context);
}

static void test_says_what_is_wrong_with_a_certificate(void **state)
{
    (void)state;
    struct buf b[4] = {0};
    struct tls_pem one = self_signed("one.example", &b[0], &b[1]);
    struct tls_pem two = self_signed("two.example", &b[2], &b[3]);
    struct tls_pem bad[] = {
        {S("rubbish"), one.key}, {one.chain, S("rubbish")}, {one.chain, two.key}, {S(""), S("")}};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct tls_context *context;
        struct error error;
        assert_int_equal(tls_context_create(&bad[i], 1, &context, &error), ERR_INVALID);
        assert_true(strlen(error.detail) > 10);
    }
    struct buf chain;
    struct buf key;
    struct error error;
    assert_int_equal(tls_make_self_signed("a,DNS:evil", &chain, &key, &error), ERR_INVALID);
    assert_int_equal(tls_make_self_signed("", &chain, &key, &error), ERR_INVALID);
    for (int i = 0; i < 4; i++)
        buf_release(&b[i]);
}

/* What the server thinks of a client that shows this certificate (NULL: none), and what it was asked for. */
static bool is_certified(struct tls_context *context, const struct test_certificate *client, int version)
{
    struct pair p;
    CLEANUP(buf_release) struct buf chain = BUF(CLIENT_CHAIN_MAX);
    pair_begin(&p, context, NULL);
    SSL_set_max_proto_version(p.client, version);
    if (client != NULL) {
        assert_int_equal(SSL_use_certificate(p.client, client->x), 1);
        assert_int_equal(SSL_use_PrivateKey(p.client, client->key), 1);
    }
    assert_true(shake(&p));
    tls_client_chain(p.server, &chain);
    assert_int_equal(chain.n > 0, client != NULL);
    bool certified = tls_client_is_certified(p.server);
    pair_end(&p);
    return certified;
}

static void test_clients_are_asked_for_certificates_and_need_none(void **state)
{
    (void)state;
    struct buf b[2] = {0};
    struct tls_pem pem = self_signed("mail.example", &b[0], &b[1]);
    const struct test_wish ca_wish = {.common_name = "ours", .is_ca = true};
    const struct test_wish wish = {.common_name = "anna", .san = "email:anna@demo.example"};
    struct test_certificate authority = test_certificate_make(&ca_wish, NULL);
    struct test_certificate anna = test_certificate_make(&wish, &authority);
    struct test_certificate stranger = test_certificate_make(&wish, NULL);
    struct client_ca *ca = test_client_ca(&authority);
    struct tls_context *context;
    struct error error;
    assert_int_equal(tls_context_create(&pem, 1, &context, &error), ERR_OK);
    assert_false(is_certified(context, NULL, TLS1_3_VERSION));
    assert_int_equal(tls_context_ask_clients(context, ca, &error), ERR_OK);
    client_ca_unref(ca);
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
        assert_true(is_certified(context, &anna, versions[i]));
        assert_false(is_certified(context, &stranger, versions[i]));
        assert_false(is_certified(context, NULL, versions[i]));
    }
    tls_context_unref(context);
    test_certificate_free(&stranger);
    test_certificate_free(&anna);
    test_certificate_free(&authority);
    for (int i = 0; i < 2; i++)
        buf_release(&b[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chooses_the_certificate_by_name),
        cmocka_unit_test(test_ecdsa_and_rsa_for_one_name_serve_both_kinds_of_client),
        cmocka_unit_test(test_channel_bindings_of_tls13),
        cmocka_unit_test(test_channel_bindings_of_tls12),
        cmocka_unit_test(test_tls_unique_of_a_resumed_session_is_the_servers_finished),
        cmocka_unit_test(test_refuses_old_versions_and_weak_ciphers),
        cmocka_unit_test(test_says_what_is_wrong_with_a_certificate),
        cmocka_unit_test(test_clients_are_asked_for_certificates_and_need_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

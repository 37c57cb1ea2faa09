/* Authorities and clients' certificates, made on the spot, for tests. They last for an hour. */
#ifndef POSTHORN_RT_TEST_CERTIFICATES_H
#define POSTHORN_RT_TEST_CERTIFICATES_H

#include "base/test.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/must.h"
#include "base/wire.h"
#include "rt/client_ca.h"

struct test_certificate {
    X509 *x;
    EVP_PKEY *key;
};

struct test_wish {
    const char *common_name;
    const char *email; /* in the subject; NULL: none */
    const char *san;   /* "email:anna@demo.example,DNS:x"; NULL: none */
    const char *usage; /* of the key: "clientAuth"; NULL: none is said */
    bool is_ca;
    int lasts_seconds; /* 0: an hour; negative: it is over */
};

static inline void test_certificate_free(struct test_certificate *c)
{
    X509_free(c->x);
    EVP_PKEY_free(c->key);
    *c = (struct test_certificate){0};
}

static inline void test_extend(X509 *x, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    must(extension != NULL && X509_add_ext(x, extension, -1) == 1);
    X509_EXTENSION_free(extension);
}

/* issuer NULL: self-signed. */
static inline struct test_certificate test_certificate_make(const struct test_wish *wish,
                                                            const struct test_certificate *issuer)
{
    static long serial = 1;
    struct test_certificate c = {X509_new(), EVP_EC_gen("P-256")};
    must(c.x != NULL && c.key != NULL);
    X509_NAME *subject = X509_get_subject_name(c.x);
    X509_set_version(c.x, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(c.x), serial++);
    X509_gmtime_adj(X509_getm_notBefore(c.x), -7200);
    X509_gmtime_adj(X509_getm_notAfter(c.x), wish->lasts_seconds != 0 ? wish->lasts_seconds : 3600);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)wish->common_name, -1, -1,
                               0);
    if (wish->email != NULL)
        X509_NAME_add_entry_by_txt(subject, "emailAddress", MBSTRING_ASC, (const unsigned char *)wish->email,
                                   -1, -1, 0);
    X509_set_pubkey(c.x, c.key);
    X509_set_issuer_name(c.x, issuer != NULL ? X509_get_subject_name(issuer->x) : subject);
    if (wish->is_ca)
        test_extend(c.x, NID_basic_constraints, "critical,CA:TRUE");
    if (wish->san != NULL)
        test_extend(c.x, NID_subject_alt_name, wish->san);
    if (wish->usage != NULL)
        test_extend(c.x, NID_ext_key_usage, wish->usage);
    must(X509_sign(c.x, issuer != NULL ? issuer->key : c.key, EVP_sha256()) > 0);
    return c;
}

static inline void test_put_bio(BIO *bio, struct buf *out)
{
    char *text;
    long n = BIO_get_mem_data(bio, &text);
    buf_put(out, slice_of(text, (size_t)n));
    BIO_free(bio);
    must(!buf_failed(out));
}

static inline void test_put_pem(const struct test_certificate *c, struct buf *out)
{
    BIO *bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(bio, c->x);
    test_put_bio(bio, out);
}

/* As the chain of client_ca_check has it. */
static inline void test_put_der(const struct test_certificate *c, struct buf *out)
{
    unsigned char *der = NULL;
    int n = i2d_X509(c->x, &der);
    must(n > 0);
    wire_put_slice(out, slice_of(der, (size_t)n));
    OPENSSL_free(der);
}

static inline struct client_ca *test_client_ca(const struct test_certificate *authority)
{
    CLEANUP(buf_release) struct buf pem = BUF(100000);
    struct client_ca *ca = NULL;
    struct error error;
    test_put_pem(authority, &pem);
    must(client_ca_create(buf_slice(&pem), &ca, &error) == ERR_OK);
    return ca;
}

#endif

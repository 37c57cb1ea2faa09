#include "rt/client_ca.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdatomic.h>

#include "base/wire.h"

struct client_ca {
    _Atomic unsigned references;
    X509_STORE *store;
    STACK_OF(X509_NAME) * names;
};

static void bio_release(BIO **bio)
{
    BIO_free(*bio);
}

static void x509_release(X509 **certificate)
{
    X509_free(*certificate);
}

static void chain_release(STACK_OF(X509) * *chain)
{
    sk_X509_pop_free(*chain, X509_free);
}

static void infos_release(STACK_OF(X509_INFO) * *infos)
{
    sk_X509_INFO_pop_free(*infos, X509_INFO_free);
}

static void context_release(X509_STORE_CTX **context)
{
    X509_STORE_CTX_free(*context);
}

/* --- the authorities --- */

static bool add_certificate(struct client_ca *ca, X509 *certificate)
{
    X509_NAME *name = X509_NAME_dup(X509_get_subject_name(certificate));
    if (name == NULL || sk_X509_NAME_push(ca->names, name) <= 0) {
        X509_NAME_free(name);
        return false;
    }
    return X509_STORE_add_cert(ca->store, certificate) == 1;
}

static bool add_list(struct client_ca *ca, X509_CRL *list)
{
    return X509_STORE_add_crl(ca->store, list) == 1 &&
           X509_STORE_set_flags(ca->store, X509_V_FLAG_CRL_CHECK) == 1;
}

static enum err read_authorities(struct client_ca *ca, struct slice pem, struct error *error)
{
    CLEANUP(bio_release)
    BIO *bio = pem.n > 0 && pem.n <= INT32_MAX ? BIO_new_mem_buf(pem.p, (int)pem.n) : NULL;
    CLEANUP(infos_release)
    STACK_OF(X509_INFO) *infos = bio != NULL ? PEM_X509_INFO_read_bio(bio, NULL, NULL, NULL) : NULL;
    for (int i = 0; i < sk_X509_INFO_num(infos); i++) {
        const X509_INFO *info = sk_X509_INFO_value(infos, i);
        if ((info->x509 != NULL && !add_certificate(ca, info->x509)) ||
            (info->crl != NULL && !add_list(ca, info->crl)))
            return fail_nomem(error);
    }
    ERR_clear_error();
    return sk_X509_NAME_num(ca->names) > 0
               ? ERR_OK
               : fail_plain(error, ERR_INVALID, "there is no certificate in it, or one is damaged");
}

enum err client_ca_create(struct slice pem, struct client_ca **ret_ca, struct error *error)
{
    struct client_ca *ca = calloc(1, sizeof(*ca));
    if (ca == NULL)
        return fail_nomem(error);
    atomic_init(&ca->references, 1);
    ca->store = X509_STORE_new();
    ca->names = sk_X509_NAME_new_null();
    enum err err =
        ca->store != NULL && ca->names != NULL ? read_authorities(ca, pem, error) : fail_nomem(error);
    if (err != ERR_OK) {
        client_ca_unref(ca);
        return err;
    }
    *ret_ca = ca;
    return ERR_OK;
}

struct client_ca *client_ca_ref(struct client_ca *ca)
{
    if (ca != NULL)
        atomic_fetch_add(&ca->references, 1);
    return ca;
}

void client_ca_unref(struct client_ca *ca)
{
    if (ca == NULL || atomic_fetch_sub(&ca->references, 1) > 1)
        return;
    X509_STORE_free(ca->store);
    sk_X509_NAME_pop_free(ca->names, X509_NAME_free);
    free(ca);
}

STACK_OF(X509_NAME) * client_ca_names(const struct client_ca *ca)
{
    return SSL_dup_CA_list(ca->names);
}

/* --- a client --- */

static X509 *read_der(struct slice der)
{
    const unsigned char *at = (const unsigned char *)der.p;
    X509 *certificate = d2i_X509(NULL, &at, (long)der.n);
    if (certificate != NULL && at != (const unsigned char *)der.p + der.n) {
        X509_free(certificate);
        return NULL;
    }
    return certificate;
}

static enum err read_chain(struct slice chain, X509 **ret_leaf, STACK_OF(X509) * others, struct error *error)
{
    struct wire_reader reader = wire_reader_of(chain);
    CLEANUP(x509_release) X509 *leaf = NULL;
    if (chain.n > CLIENT_CHAIN_MAX)
        return fail(error, ERR_AUTH, NULL, "a client's certificates of %zu bytes", chain.n);
    for (int i = 0; !cursor_done(&reader.c); i++) {
        struct slice der = wire_get_slice(&reader);
        X509 *certificate = wire_ok(&reader) && i < CLIENT_CERTIFICATES_MAX ? read_der(der) : NULL;
        if (certificate == NULL) {
            ERR_clear_error();
            return fail(error, ERR_AUTH, NULL, "a client's certificate is damaged, or there are too many");
        }
        if (leaf == NULL)
            leaf = certificate;
        else if (sk_X509_push(others, certificate) <= 0) {
            X509_free(certificate);
            return fail_nomem(error);
        }
    }
    if (leaf == NULL)
        return fail(error, ERR_AUTH, NULL, "no client certificate");
    *ret_leaf = take(leaf);
    return ERR_OK;
}

static enum err verify(const struct client_ca *ca, X509 *leaf, STACK_OF(X509) * others, struct error *error)
{
    CLEANUP(context_release) X509_STORE_CTX *context = X509_STORE_CTX_new();
    if (context == NULL || X509_STORE_CTX_init(context, ca->store, leaf, others) != 1 ||
        X509_STORE_CTX_set_purpose(context, X509_PURPOSE_SSL_CLIENT) != 1)
        return fail_nomem(error);
    bool good = X509_verify_cert(context) == 1;
    ERR_clear_error();
    return good ? ERR_OK
                : fail(error, ERR_AUTH, NULL, "client certificate: %s",
                       X509_verify_cert_error_string(X509_STORE_CTX_get_error(context)));
}

static bool put_address(struct buf *out, const ASN1_STRING *text)
{
    struct slice address = slice_of(ASN1_STRING_get0_data(text), (size_t)ASN1_STRING_length(text));
    if (address.n == 0 || slice_find_char(address, 0) >= 0)
        return false;
    wire_put_slice(out, address);
    return true;
}

static void put_addresses(const X509 *leaf, struct buf *out)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
    bool any = false;
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type == GEN_EMAIL)
            any |= put_address(out, name->d.rfc822Name);
    }
    GENERAL_NAMES_free(names);
    const X509_NAME *subject = X509_get_subject_name(leaf);
    for (int at = -1; !any && (at = X509_NAME_get_index_by_NID(subject, NID_pkcs9_emailAddress, at)) >= 0;)
        (void)put_address(out, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
}

enum err client_ca_check(const struct client_ca *ca, struct slice chain, struct buf *ret_addresses,
                         struct error *error)
{
    CLEANUP(x509_release) X509 *leaf = NULL;
    CLEANUP(chain_release) STACK_OF(X509) *others = sk_X509_new_null();
    if (others == NULL)
        return fail_nomem(error);
    enum err err = read_chain(chain, &leaf, others, error);
    if (err == ERR_OK)
        err = verify(ca, leaf, others, error);
    if (err != ERR_OK)
        return err;
    put_addresses(leaf, ret_addresses);
    return buf_failed(ret_addresses) ? fail(error, ERR_AUTH, NULL, "too many addresses in a certificate")
                                     : ERR_OK;
}

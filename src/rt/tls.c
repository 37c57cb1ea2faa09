#include "rt/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/map.h"
#include "base/must.h"
#include "base/wire.h"
#include "rt/tls_private.h"

enum {
    NAME_MAX_BYTES = 253,
    CHAIN_MAX = 16, /* certificates in one chain */
    EXPORTER_BYTES = 32,
};

/* Forward secrecy and AEAD only (RFC 9325 4.2). */
static const char tls12_ciphers[] = "ECDHE+AESGCM:ECDHE+CHACHA20";

enum err fail_tls(struct error *error, enum err code, const char *what)
{
    unsigned long number = ERR_get_error();
    char reason[160] = "no reason given";
    if (number != 0)
        ERR_error_string_n(number, reason, sizeof(reason));
    ERR_clear_error();
    return fail(error, code, NULL, "%s: %s", what, reason);
}

static void bio_release(BIO **bio)
{
    BIO_free(*bio);
}

static void x509_release(X509 **certificate)
{
    X509_free(*certificate);
}

static void key_release(EVP_PKEY **key)
{
    EVP_PKEY_free(*key);
}

static void chain_release(STACK_OF(X509) * *chain)
{
    sk_X509_pop_free(*chain, X509_free);
}

static BIO *bio_of(struct slice pem)
{
    return pem.n <= INT32_MAX ? BIO_new_mem_buf(pem.n > 0 ? pem.p : "", (int)pem.n) : NULL;
}

/* Refuses to ask at the terminal for the pass phrase of an encrypted key. */
static int no_pass_phrase(char *to UNUSED, int size UNUSED, int writing UNUSED, void *context UNUSED)
{
    return -1;
}

static enum err read_pem(const struct tls_pem *pem, X509 **ret_leaf, STACK_OF(X509) * *ret_chain,
                         EVP_PKEY **ret_key, struct error *error)
{
    CLEANUP(bio_release) BIO *chain_bio = bio_of(pem->chain);
    CLEANUP(bio_release) BIO *key_bio = bio_of(pem->key);
    CLEANUP(x509_release) X509 *leaf = NULL;
    CLEANUP(key_release) EVP_PKEY *key = NULL;
    CLEANUP(chain_release) STACK_OF(X509) *chain = sk_X509_new_null();
    if (chain_bio == NULL || key_bio == NULL || chain == NULL)
        return fail_nomem(error);
    leaf = PEM_read_bio_X509(chain_bio, NULL, no_pass_phrase, NULL);
    if (leaf == NULL)
        return fail_tls(error, ERR_INVALID, "certificate");
    for (X509 *next; (next = PEM_read_bio_X509(chain_bio, NULL, no_pass_phrase, NULL)) != NULL;) {
        if (sk_X509_num(chain) >= CHAIN_MAX || sk_X509_push(chain, next) == 0) {
            X509_free(next);
            return fail(error, ERR_INVALID, NULL, "more than %d certificates in a chain", CHAIN_MAX);
        }
    }
    key = PEM_read_bio_PrivateKey(key_bio, NULL, no_pass_phrase, NULL);
    if (key == NULL)
        return fail_tls(error, ERR_INVALID, "private key");
    ERR_clear_error(); /* reading the chain ends with "no start line" */
    if (X509_check_private_key(leaf, key) != 1)
        return fail_tls(error, ERR_INVALID, "certificate and private key do not match");
    *ret_leaf = take(leaf);
    *ret_chain = take(chain);
    *ret_key = take(key);
    return ERR_OK;
}

/* The name in lower case without its final dot; empty when it is no host name. */
static struct slice normal_name(struct slice name, char to[static NAME_MAX_BYTES])
{
    if (slice_ends(name, S(".")))
        name.n--;
    if (name.n == 0 || name.n > NAME_MAX_BYTES || slice_find_char(name, 0) >= 0)
        return slice_none();
    for (size_t i = 0; i < name.n; i++)
        to[i] = ascii_lower(name.p[i]);
    return slice_of(to, name.n);
}

static SSL_CTX *find_name(const struct tls_context *context, struct slice name)
{
    char lower[NAME_MAX_BYTES];
    char wild[NAME_MAX_BYTES + 1];
    name = normal_name(name, lower);
    if (name.n == 0)
        return NULL;
    SSL_CTX *found = map_get(&context->names, name);
    ssize_t dot = slice_find_char(name, '.');
    if (found != NULL || dot < 0)
        return found;
    /* A wildcard stands for the whole first label (RFC 6125 6.4.3). */
    struct slice rest = slice_from(name, (size_t)dot);
    wild[0] = '*';
    memcpy(wild + 1, rest.p, rest.n);
    return map_get(&context->names, slice_of(wild, rest.n + 1));
}

static bool add_name(struct tls_context *context, struct slice name, SSL_CTX *ssl_context)
{
    char lower[NAME_MAX_BYTES];
    name = normal_name(name, lower);
    if (name.n == 0 || map_get(&context->names, name) != NULL)
        return true;
    return map_set(&context->names, name, ssl_context);
}

static struct slice asn1_slice(const ASN1_STRING *text)
{
    return slice_of(ASN1_STRING_get0_data(text), (size_t)ASN1_STRING_length(text));
}

static struct slice common_name(const X509 *leaf)
{
    const X509_NAME *subject = X509_get_subject_name(leaf);
    int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    if (at < 0)
        return slice_none();
    return asn1_slice(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
}

/* Calls fn for each DNS name of the SAN, or for the CN when there is none (RFC 6125 6.4.4). */
static bool each_name(struct tls_context *context, const X509 *leaf, SSL_CTX *ssl_context,
                      bool (*fn)(struct tls_context *context, struct slice name, SSL_CTX *ssl_context))
{
    GENERAL_NAMES *names = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
    bool ok = true;
    bool any = false;
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type != GEN_DNS)
            continue;
        any = true;
        ok = ok && fn(context, asn1_slice(name->d.dNSName), ssl_context);
    }
    GENERAL_NAMES_free(names);
    if (!any)
        ok = fn(context, common_name(leaf), ssl_context);
    return ok;
}

/* Every name is free, or stands for ssl_context (NULL: for none). */
static bool name_is_theirs(struct tls_context *context, struct slice name, SSL_CTX *ssl_context)
{
    char lower[NAME_MAX_BYTES];
    name = normal_name(name, lower);
    return name.n == 0 || map_get(&context->names, name) == ssl_context;
}

/* An RSA certificate for the same names as an ECDSA one shares its SSL_CTX: the client's abilities decide. */
static SSL_CTX *twin(struct tls_context *context, const X509 *leaf, const EVP_PKEY *key)
{
    for (size_t i = 0; i < context->count; i++) {
        const EVP_PKEY *other = SSL_CTX_get0_privatekey(context->each[i]);
        if (EVP_PKEY_get_base_id(other) != EVP_PKEY_get_base_id(key) &&
            each_name(context, leaf, context->each[i], name_is_theirs))
            return context->each[i];
    }
    return NULL;
}

static int choose_certificate(SSL *ssl, int *alert UNUSED, void *argument)
{
    const struct tls_context *context = argument;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    SSL_CTX *found = name != NULL ? find_name(context, slice_cstr(name)) : NULL;
    if (found == NULL)
        return name != NULL ? SSL_TLSEXT_ERR_ALERT_WARNING : SSL_TLSEXT_ERR_NOACK;
    SSL_set_SSL_CTX(ssl, found);
    return SSL_TLSEXT_ERR_OK;
}

static SSL_CTX *new_ssl_context(struct tls_context *context)
{
    SSL_CTX *s = SSL_CTX_new(TLS_server_method());
    if (s == NULL)
        return NULL;
    SSL_CTX_set_options(s, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                               SSL_OP_PRIORITIZE_CHACHA | SSL_OP_IGNORE_UNEXPECTED_EOF);
    /* Buffers go back to the heap while a connection waits; a record is read with one system call. */
    SSL_CTX_set_mode(s, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                            SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(s, 1);
    /* Resumption is by tickets alone: nothing is kept here. */
    SSL_CTX_set_session_cache_mode(s, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(s, 1);
    SSL_CTX_set_tlsext_servername_callback(s, choose_certificate);
    SSL_CTX_set_tlsext_servername_arg(s, context);
    static const unsigned char session_context[] = "posthorn";
    if (SSL_CTX_set_min_proto_version(s, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_cipher_list(s, tls12_ciphers) != 1 ||
        SSL_CTX_set_session_id_context(s, session_context, sizeof(session_context) - 1) != 1) {
        SSL_CTX_free(s);
        return NULL;
    }
    return s;
}

static void note_expiry(struct tls_context *context, const X509 *leaf)
{
    struct tm tm;
    if (ASN1_TIME_to_tm(X509_get0_notAfter(leaf), &tm) == 1)
        context->expiry = MIN(context->expiry, (int64_t)timegm(&tm));
}

int64_t tls_context_expiry(const struct tls_context *context)
{
    return context->expiry;
}

static enum err add_pem(struct tls_context *context, const struct tls_pem *pem, struct error *error)
{
    CLEANUP(x509_release) X509 *leaf = NULL;
    CLEANUP(key_release) EVP_PKEY *key = NULL;
    CLEANUP(chain_release) STACK_OF(X509) *chain = NULL;
    enum err result = read_pem(pem, &leaf, &chain, &key, error);
    if (result != ERR_OK)
        return result;
    SSL_CTX *ssl_context = twin(context, leaf, key);
    if (ssl_context == NULL) {
        ssl_context = new_ssl_context(context);
        if (ssl_context == NULL)
            return fail_tls(error, ERR_NOMEM, "TLS context");
        context->each[context->count++] = ssl_context;
    }
    if (SSL_CTX_use_cert_and_key(ssl_context, leaf, key, chain, 0) != 1)
        return fail_tls(error, ERR_INVALID, "certificate");
    note_expiry(context, leaf);
    return each_name(context, leaf, ssl_context, add_name) ? ERR_OK : fail_nomem(error);
}

enum err tls_context_create(const struct tls_pem *pems, size_t count, struct tls_context **ret_context,
                            struct error *error)
{
    if (count == 0)
        return fail_plain(error, ERR_INVALID, "no certificate");
    struct tls_context *context = calloc(1, sizeof(*context));
    if (context == NULL)
        return fail_nomem(error);
    atomic_init(&context->references, 1);
    context->expiry = INT64_MAX;
    context->each = calloc(count, sizeof(SSL_CTX *));
    enum err result = context->each != NULL ? ERR_OK : fail_nomem(error);
    for (size_t i = 0; i < count && result == ERR_OK; i++) {
        result = add_pem(context, &pems[i], error);
        if (result != ERR_OK)
            error_context(error, "certificate %zu", i + 1);
    }
    if (result != ERR_OK) {
        tls_context_unref(context);
        return result;
    }
    *ret_context = context;
    return ERR_OK;
}

struct tls_context *tls_context_ref(struct tls_context *context)
{
    if (context != NULL)
        atomic_fetch_add(&context->references, 1);
    return context;
}

void tls_context_unref(struct tls_context *context)
{
    if (context == NULL || atomic_fetch_sub(&context->references, 1) > 1)
        return;
    for (size_t i = 0; i < context->count; i++)
        SSL_CTX_free(context->each[i]);
    free(context->each);
    free(context->owned);
    map_release(&context->names);
    client_ca_unref(context->client_ca);
    free(context);
}

/* A certificate that is not good is as good as none: the client may still log in otherwise. */
static int take_any(X509_STORE_CTX *context UNUSED, void *argument UNUSED)
{
    return 1;
}

enum err tls_context_ask_clients(struct tls_context *context, struct client_ca *ca, struct error *error)
{
    for (size_t i = 0; i < context->count; i++) {
        SSL_CTX *s = context->each[i];
        STACK_OF(X509_NAME) *names = client_ca_names(ca);
        if (names == NULL)
            return fail_nomem(error);
        SSL_CTX_set_client_CA_list(s, names);
        must(SSL_CTX_set_num_tickets(s, 0) == 1);
        SSL_CTX_set_options(s, SSL_OP_NO_TICKET);
        SSL_CTX_set_max_cert_list(s, CLIENT_CHAIN_MAX);
        SSL_CTX_set_cert_verify_callback(s, take_any, NULL);
        SSL_CTX_set_verify(s, SSL_VERIFY_PEER, NULL);
    }
    context->client_ca = client_ca_ref(ca);
    return ERR_OK;
}

static void put_der(struct buf *out, X509 *certificate)
{
    unsigned char *der = NULL;
    int n = i2d_X509(certificate, &der);
    if (n > 0)
        wire_put_slice(out, slice_of(der, (size_t)n));
    OPENSSL_free(der);
}

void tls_client_chain(const struct tls *tls, struct buf *out)
{
    X509 *leaf = SSL_get0_peer_certificate(tls->ssl);
    STACK_OF(X509) *others = SSL_get_peer_cert_chain(tls->ssl); /* without the leaf, at the server */
    if (leaf != NULL)
        put_der(out, leaf);
    for (int i = 0; i < sk_X509_num(others); i++)
        put_der(out, sk_X509_value(others, i));
}

static void check_client(struct tls *tls)
{
    CLEANUP(buf_release) struct buf chain = BUF(CLIENT_CHAIN_MAX);
    CLEANUP(buf_release) struct buf addresses = BUF(CLIENT_ADDRESSES_MAX);
    struct error why;
    if (tls->context->client_ca == NULL || SSL_get0_peer_certificate(tls->ssl) == NULL)
        return;
    tls_client_chain(tls, &chain);
    tls->client_is_certified =
        !buf_failed(&chain) &&
        client_ca_check(tls->context->client_ca, buf_slice(&chain), &addresses, &why) == ERR_OK;
}

bool tls_client_is_certified(const struct tls *tls)
{
    return tls->client_is_certified;
}

struct tls *tls_new(struct tls_context *context, int fd)
{
    struct tls *tls = calloc(1, sizeof(*tls));
    if (tls == NULL)
        return NULL;
    tls->context = tls_context_ref(context);
    tls->ssl = SSL_new(context->each[0]);
    if (tls->ssl == NULL || SSL_set_fd(tls->ssl, fd) != 1) {
        tls_free(tls);
        ERR_clear_error();
        return NULL;
    }
    SSL_set_accept_state(tls->ssl);
    return tls;
}

void tls_free(struct tls *tls)
{
    if (tls == NULL)
        return;
    SSL_free(tls->ssl);
    tls_context_unref(tls->context);
    free(tls);
}

static enum io io_of(struct tls *tls, int result)
{
    switch (SSL_get_error(tls->ssl, result)) {
    case SSL_ERROR_NONE:
        return IO_DONE;
    case SSL_ERROR_WANT_READ:
        return IO_WANT_INPUT;
    case SSL_ERROR_WANT_WRITE:
        return IO_WANT_OUTPUT;
    case SSL_ERROR_ZERO_RETURN:
        return IO_END;
    default:
        return IO_FAILED;
    }
}

enum io tls_handshake(struct tls *tls, struct error *error)
{
    ERR_clear_error();
    errno = 0;
    int result = SSL_do_handshake(tls->ssl);
    enum io io = io_of(tls, result);
    if (io == IO_FAILED || io == IO_END) {
        fail_tls(error, ERR_CLOSED, "TLS handshake");
        return IO_FAILED;
    }
    if (io == IO_DONE)
        check_client(tls);
    return io;
}

enum io tls_read(struct tls *tls, char *to, size_t n, size_t *ret_n)
{
    size_t got = 0;
    ERR_clear_error();
    int result = SSL_read_ex(tls->ssl, to, n, &got);
    enum io io = io_of(tls, result);
    if (io == IO_DONE)
        *ret_n = got;
    return io;
}

enum io tls_write(struct tls *tls, struct slice s, size_t *ret_n)
{
    size_t put = 0;
    ERR_clear_error();
    int result = SSL_write_ex(tls->ssl, s.p, s.n, &put);
    enum io io = io_of(tls, result);
    if (io == IO_DONE)
        *ret_n = put;
    return io == IO_END ? IO_FAILED : io;
}

bool tls_has_more(const struct tls *tls)
{
    return SSL_has_pending(tls->ssl) == 1;
}

void tls_end(struct tls *tls)
{
    ERR_clear_error();
    if (SSL_is_init_finished(tls->ssl))
        SSL_shutdown(tls->ssl);
    ERR_clear_error();
}

const char *tls_version(const struct tls *tls)
{
    return SSL_get_version(tls->ssl);
}

const char *tls_cipher(const struct tls *tls)
{
    return SSL_get_cipher_name(tls->ssl);
}

const char *tls_server_name(const struct tls *tls)
{
    const char *name = SSL_get_servername(tls->ssl, TLSEXT_NAMETYPE_host_name);
    return name != NULL ? name : "";
}

/* RFC 9266 3: in TLS 1.2 only with the extended master secret. */
static bool binding_exporter(SSL *ssl, struct buf *out)
{
    static const char label[] = "EXPORTER-Channel-Binding";
    unsigned char bytes[EXPORTER_BYTES];
    if (SSL_version(ssl) < TLS1_3_VERSION && SSL_get_extms_support(ssl) != 1)
        return false;
    if (SSL_export_keying_material(ssl, bytes, sizeof(bytes), label, sizeof(label) - 1, NULL, 0, 1) != 1)
        return false;
    buf_put(out, slice_of(bytes, sizeof(bytes)));
    return true;
}

/* RFC 5929 3.1: the first Finished of the handshake: the client's, or ours when the session was resumed. */
static bool binding_unique(SSL *ssl, struct buf *out)
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    if (SSL_version(ssl) != TLS1_2_VERSION)
        return false;
    size_t n = SSL_session_reused(ssl) ? SSL_get_finished(ssl, bytes, sizeof(bytes))
                                       : SSL_get_peer_finished(ssl, bytes, sizeof(bytes));
    buf_put(out, slice_of(bytes, MIN(n, sizeof(bytes))));
    return n > 0;
}

/* RFC 5929 4.1: the certificate's hash by its signature's own function, SHA-256 in place of MD5 and SHA-1. */
static bool binding_end_point(SSL *ssl, struct buf *out)
{
    const X509 *certificate = SSL_get_certificate(ssl);
    int digest;
    if (certificate == NULL || X509_get_signature_info((X509 *)certificate, &digest, NULL, NULL, NULL) != 1)
        return false;
    if (digest == NID_md5 || digest == NID_sha1)
        digest = NID_sha256;
    const EVP_MD *function = EVP_get_digestbynid(digest);
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned n;
    if (function == NULL || X509_digest(certificate, function, bytes, &n) != 1)
        return false;
    buf_put(out, slice_of(bytes, n));
    return true;
}

bool tls_channel_binding(const struct tls *tls, struct slice type, struct buf *ret_data)
{
    bool found = false;
    ERR_clear_error();
    if (slice_eq(type, S("tls-exporter")))
        found = binding_exporter(tls->ssl, ret_data);
    else if (slice_eq(type, S("tls-unique")))
        found = binding_unique(tls->ssl, ret_data);
    else if (slice_eq(type, S("tls-server-end-point")))
        found = binding_end_point(tls->ssl, ret_data);
    ERR_clear_error();
    return found && !buf_failed(ret_data);
}

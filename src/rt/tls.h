/*
 * TLS 1.2 and 1.3 by OpenSSL: server contexts with certificates chosen by SNI, and one connection's state.
 *
 * A tls_context is immutable once made and counted: a reload makes a new one while running connections keep
 * the old. Errors: a handshake that fails says why in one line. Threads: contexts may be shared; a struct tls
 * is its connection's.
 */
#ifndef POSTHORN_RT_TLS_H
#define POSTHORN_RT_TLS_H

#include "base/buf.h"
#include "base/error.h"
#include "rt/client_ca.h"

struct tls_context;
struct tls;

/* One certificate chain and key in PEM, as the supervisor read them. */
struct tls_pem {
    struct slice chain;
    struct slice key;
};

/* The first is the default; others are chosen by the names in them (SAN, or CN), wildcards too. */
enum err tls_context_create(const struct tls_pem *pems, size_t count, struct tls_context **ret_context,
                            struct error *error) MUST_CHECK;
/* When the first of its certificates expires: seconds since 1970. */
int64_t tls_context_expiry(const struct tls_context *context);
struct tls_context *tls_context_ref(struct tls_context *context);
void tls_context_unref(struct tls_context *context);

/* Clients are asked for a certificate, and need not have one. Before the context is used. No connection of
 * it is resumed, since a resumed one would know less of its client. */
enum err tls_context_ask_clients(struct tls_context *context, struct client_ca *ca,
                                 struct error *error) MUST_CHECK;

/* A self-signed ECDSA P-256 certificate for host (and *.host), valid for ten years, as PEM. */
enum err tls_make_self_signed(const char *host, struct buf *ret_chain, struct buf *ret_key,
                              struct error *error) MUST_CHECK;

/* "TLSv1.3", "TLS_AES_256_GCM_SHA384", the SNI name the client asked for (may be empty). */
const char *tls_version(const struct tls *tls);
const char *tls_cipher(const struct tls *tls);
const char *tls_server_name(const struct tls *tls);
/*
 * Channel bindings for SCRAM-PLUS: "tls-exporter" (RFC 9266), "tls-unique" (TLS 1.2 only, RFC 5929),
 * "tls-server-end-point". False when this connection has none of that type.
 */
bool tls_channel_binding(const struct tls *tls, struct slice type, struct buf *ret_data) MUST_CHECK;

/* The client has shown a certificate of the context's client_ca, and that he has its key. */
bool tls_client_is_certified(const struct tls *tls);
/* His chain, as client_ca_check reads it. */
void tls_client_chain(const struct tls *tls, struct buf *out);

#endif

/*
 * The TLS of a door at which an authority proves names (RFC 8737, TLS-ALPN-01), and nothing else: whoever
 * does not speak "acme-tls/1" is refused; who does gets a certificate made for this handshake, which holds
 * the proof.
 *
 * Errors: as tls.h. Threads: contexts may be shared; `find` is called from any, within the handshake.
 */
#ifndef POSTHORN_RT_TLS_CHALLENGE_H
#define POSTHORN_RT_TLS_CHALLENGE_H

#include "rt/tls.h"

enum { TLS_CHALLENGE_DIGEST = 32 /* SHA-256 of a key authorization */ };

/* The proof for this name; false: none is expected. */
typedef bool tls_challenge_fn(void *context, const char *name,
                              unsigned char ret_digest[static TLS_CHALLENGE_DIGEST]);

enum err tls_challenge_context_create(tls_challenge_fn *find, void *context, struct tls_context **ret_context,
                                      struct error *error) MUST_CHECK;

#endif

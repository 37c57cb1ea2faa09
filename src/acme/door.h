/*
 * The doors in edge at which an authority looks for proofs: HTTP on port 80 (RFC 8555 8.3), TLS on port 443
 * (RFC 8737). They serve nothing else; what is to be found there, relay knows.
 */
#ifndef POSTHORN_ACME_DOOR_H
#define POSTHORN_ACME_DOOR_H

#include "link/guest.h"
#include "rt/tls_challenge.h"

#define ACME_DOOR_IDLE_US (10 * CLOCK_SECOND) /* for the whole visit */

/* Each takes the guest. */
void acme_http_start(struct guest *guest);
void acme_tls_start(struct guest *guest);
/* A tls_challenge_fn; its context is the ipc_client that leads to relay. */
tls_challenge_fn acme_tls_find;

#endif

/*
 * Certificates as the supervisor reads them for edge, which opens no files.
 *
 * With none in the settings, one is made for the host name, once, and kept in the data directory's tls
 * folder. The result is checked by making a tls_context of it, so that edge is never sent what it cannot use.
 * Errors name the file. Ownership: ret_fd, a sealed memfd in control.h's form, is the caller's.
 */
#ifndef POSTHORN_RT_CERTIFICATES_H
#define POSTHORN_RT_CERTIFICATES_H

#include "base/error.h"
#include "rt/settings.h"

enum { CERTIFICATE_FILE_MAX = 1024 * 1024 };

enum err certificates_load(const struct settings *settings, int *ret_fd, struct error *error) MUST_CHECK;

/*
 * By ACME (`acme`): the certificate has the key of the self-signed one, which stays through all renewals, so
 * that TLSA records do. In the tls folder lie its chain and the key of the account at the authority.
 *
 * certificates_material: what relay needs for it (acme_material.h), as a memfd; -1 without `acme`. Keys that
 * are missing are made. certificates_take: a chain that relay has brought, checked by a process that is
 * confined like edge, then kept; ERR_INVALID when it is none for the key and the names.
 */
enum err certificates_material(const struct settings *settings, int *ret_fd, struct error *error) MUST_CHECK;
enum err certificates_take(const struct settings *settings, struct slice chain,
                           struct error *error) MUST_CHECK;

/* The text of `client-ca`, checked, appended; nothing when there is none. */
enum err certificates_client_ca(const struct settings *settings, struct buf *out,
                                struct error *error) MUST_CHECK;

#endif

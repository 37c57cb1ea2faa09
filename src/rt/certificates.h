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

/* The text of `client-ca`, checked, appended; nothing when there is none. */
enum err certificates_client_ca(const struct settings *settings, struct buf *out,
                                struct error *error) MUST_CHECK;

#endif

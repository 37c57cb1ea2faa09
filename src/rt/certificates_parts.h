/* What certificates.c and certificates_acme.c share. Private to them. */
#ifndef POSTHORN_RT_CERTIFICATES_PARTS_H
#define POSTHORN_RT_CERTIFICATES_PARTS_H

#include "base/buf.h"
#include "rt/certificates.h"

/* Bytes of private keys: not left in freed memory. */
struct secret {
    struct buf chain;
    struct buf key;
};
#define SECRET_NONE                                          \
    (struct secret)                                          \
    {                                                        \
        BUF(CERTIFICATE_FILE_MAX), BUF(CERTIFICATE_FILE_MAX) \
    }
void secret_release(struct secret *s);  /* for CLEANUP */
void secret_buf_release(struct buf *b); /* the same for one */

enum { CERTIFICATE_NAME_MAX = 300 };

/* The tls folder of the data directory. */
enum err certificates_folder(const struct settings *settings, int *ret_fd, struct error *error) MUST_CHECK;
/* A file of it; directory AT_FDCWD: anywhere. */
enum err certificates_read(int directory, const char *file, struct buf *out, struct error *error) MUST_CHECK;
enum err certificates_write(int directory, const char *file, struct slice pem,
                            struct error *error) MUST_CHECK;
/* The one for the host name; made where there is none. */
enum err certificates_self_signed(const struct settings *settings, struct secret *s,
                                  struct error *error) MUST_CHECK;
/* The chain that ACME has brought, with its key; *ret_there false: there is none that can be used. */
enum err certificates_of_acme(const struct settings *settings, struct secret *s, bool *ret_there,
                              struct error *error) MUST_CHECK;

#endif

/*
 * Whole reads and writes on descriptors (EINTR and short transfers handled), and an owner for a descriptor.
 */
#ifndef POSTHORN_BASE_FDIO_H
#define POSTHORN_BASE_FDIO_H

#include "base/buf.h"
#include "base/error.h"

/* For CLEANUP(fd_close): closes unless -1. */
void fd_close(int *fd) NONNULL;
/* Hands a descriptor over, leaving -1. */
int fd_take(int *fd) NONNULL MUST_CHECK;

enum err fd_write_all(int fd, struct slice s, struct error *error) MUST_CHECK;
enum err fd_pwrite_all(int fd, struct slice s, uint64_t offset, struct error *error) MUST_CHECK;
/* Exactly n bytes at offset; ERR_CORRUPT when the file is shorter. */
enum err fd_pread_exact(int fd, void *ret, size_t n, uint64_t offset, struct error *error) MUST_CHECK;
/* Everything from the current offset to the end, into out; ERR_LIMIT past out->max. */
enum err fd_read_all(int fd, struct buf *out, struct error *error) MUST_CHECK;

#endif

/*
 * The volume's generation, in the file `generation`: a number, and whether the last stop was orderly. Every
 * start after a crash counts it up, and each account takes note of it when opened: an account that has an
 * older one was perhaps being written when the crash came (see recover.h).
 * Errors: ERR_IO, ERR_CORRUPT. Threads: the opening and closing one.
 */
#ifndef POSTHORN_STORE_GENERATION_H
#define POSTHORN_STORE_GENERATION_H

#include "store/volume.h"

/* Reads it, counts it up if need be, and notes on disk that the volume is in use. */
enum err generation_begin(struct volume *volume, int *ret_fd, int64_t *ret_generation,
                          struct error *error) MUST_CHECK;
/* Everything is synced and closed: the stop was orderly. Closes the descriptor. */
void generation_end(int *fd, int64_t generation);

#endif

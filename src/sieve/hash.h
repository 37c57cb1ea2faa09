/*
 * What stands for texts in a database of things that were seen. Of this room only.
 */
#ifndef POSTHORN_SIEVE_HASH_H
#define POSTHORN_SIEVE_HASH_H

#include <sodium.h>

#include "sieve/run.h"

void hash_start(crypto_generichash_state *state);
/* A text after a mark that says what it is. */
void hash_text(crypto_generichash_state *state, char mark, struct slice text);
/* 64 hex digits, in the result. */
enum err hash_end(crypto_generichash_state *state, struct run *run, struct slice *ret,
                  struct error *error) MUST_CHECK;

#endif

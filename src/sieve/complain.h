/*
 * Gathering what is wrong with a script. Of this room only.
 *
 * Past SIEVE_COMPLAINTS_MAX further ones are dropped, but an error is remembered.
 */
#ifndef POSTHORN_SIEVE_COMPLAIN_H
#define POSTHORN_SIEVE_COMPLAIN_H

#include "sieve/sieve.h"

struct place {
    uint32_t line;
    uint32_t column;
};

struct complaining {
    struct sieve_complaints *to;
    bool wrong; /* an error was told, not only warnings */
};

void complain(struct complaining *complaining, struct place at, const char *format, ...) FORMAT(3, 4);
void warn(struct complaining *complaining, struct place at, const char *format, ...) FORMAT(3, 4);

/* For "%.*s" of a stranger's word in a complaint: short, and its first line only. */
struct slice complain_word(struct slice word);

#endif

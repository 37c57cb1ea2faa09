/* The table that po/make_table.py makes. Private to language.c. */
#ifndef POSTHORN_BASE_LANGUAGE_ROWS_H
#define POSTHORN_BASE_LANGUAGE_ROWS_H

#include "base/language.h"

/* In the English text, where a value stands, a byte that says of what kind it is. In a translation, the
 * number of the value, from 1. */
enum language_place {
    PLACE_DATA = 1,  /* %.*s: stays as it is */
    PLACE_WORDS = 2, /* %s: translated itself, if it is known */
    PLACE_NUMBER = 3,
    PLACES_MAX = 7, /* in one sentence */
};

struct language_row {
    const char *in[LANGUAGES];
};

/* In the byte order of the English text. */
extern const struct language_row language_rows[];
extern const size_t language_row_count;

#endif

/*
 * What the server says to people, in their language. Sentences are written in English where they are said;
 * their translations are in po/, and a build step makes one table of them (po/make_table.py). A gate of
 * ./check finds sentences without a translation.
 *
 * A sentence is looked up when it goes out, finished, with its values in it: what comes from a database or
 * from another process as text is translated too. One without a translation goes out in English.
 * Ownership: nothing is kept. Errors: the buf's, sticky. Threads: any. Limits: LANGUAGE_SENTENCE_MAX.
 */
#ifndef POSTHORN_BASE_LANGUAGE_H
#define POSTHORN_BASE_LANGUAGE_H

#include "base/buf.h"

/* name, tag (RFC 5646), its name in itself */
#define LANGUAGE_TABLE(X)  \
    X(EN, "en", "English") \
    X(DE, "de", "Deutsch")
enum language {
#define X(name, tag, itself) LANGUAGE_##name,
    LANGUAGE_TABLE(X)
#undef X
        LANGUAGES
};

enum { LANGUAGE_SENTENCE_MAX = 1000 /* bytes; longer ones stay English */ };

/* How somebody is spoken to. Zero is English. */
struct tongue {
    enum language language;
    bool negotiated; /* the other side takes UTF-8; else our own words are written in ASCII ("ue") */
};

const char *language_tag(enum language language);
const char *language_name(enum language language);
/* "de": a tag of the table; any other is English. */
enum language language_of(struct slice tag);
/* The language for a basic language range (RFC 4647 3.4): "de", "de-AT", "DE-x-private". */
bool language_find(struct slice range, enum language *ret) NONNULL MUST_CHECK;

/* The sentence, without line ends of a protocol. English costs nothing but the copy. */
void language_put(struct buf *out, struct tongue tongue, struct slice english) NONNULL;
/* "[LIMIT] too many sessions": what stands behind a response code is the sentence. */
void language_put_coded(struct buf *out, struct tongue tongue, struct slice english) NONNULL;

#endif

/*
 * The extensions of the language: one row each, with what `require` calls it.
 *
 * A set of them is a number with a bit for each. Threads: any.
 * The byte code holds these bits: whatever changes the order of rows makes older code unreadable (code.h),
 * and it is compiled again.
 */
#ifndef POSTHORN_SIEVE_EXTENSION_H
#define POSTHORN_SIEVE_EXTENSION_H

#include "base/buf.h"

/* X(enumerator, name of the capability, fixed: it changes how a script is read, so `ihave` can't bring it) */
/* clang-format off */
#define SIEVE_EXTENSION_TABLE(X) \
    X(FILEINTO, "fileinto", false) \
    X(ENVELOPE, "envelope", false) \
    X(ENCODED_CHARACTER, "encoded-character", true) \
    X(COMPARATOR_OCTET, "comparator-i;octet", false) \
    X(COMPARATOR_CASEMAP, "comparator-i;ascii-casemap", false) \
    X(COMPARATOR_NUMERIC, "comparator-i;ascii-numeric", false) \
    X(COMPARATOR_UNICODE, "comparator-i;unicode-casemap", false) \
    X(COPY, "copy", false) \
    X(BODY, "body", false) \
    X(VARIABLES, "variables", true) \
    X(RELATIONAL, "relational", false) \
    X(IMAP4FLAGS, "imap4flags", false) \
    X(SUBADDRESS, "subaddress", false) \
    X(REJECT, "reject", false) \
    X(EREJECT, "ereject", false) \
    X(DATE, "date", false) \
    X(INDEX, "index", false) \
    X(VACATION, "vacation", false) \
    X(VACATION_SECONDS, "vacation-seconds", false) \
    X(MAILBOX, "mailbox", false) \
    X(MAILBOXID, "mailboxid", false) \
    X(SPECIAL_USE, "special-use", false) \
    X(MBOXMETADATA, "mboxmetadata", false) \
    X(SERVERMETADATA, "servermetadata", false) \
    X(ENVIRONMENT, "environment", false) \
    X(IHAVE, "ihave", true) \
    X(DUPLICATE, "duplicate", false) \
    X(INCLUDE, "include", true) \
    X(SPAMTEST, "spamtest", false) \
    X(SPAMTESTPLUS, "spamtestplus", false) \
    X(VIRUSTEST, "virustest", false) \
    X(FCC, "fcc", false) \
    X(REGEX, "regex", false) \
    X(EDITHEADER, "editheader", false) \
    X(MIME, "mime", false) \
    X(FOREVERYPART, "foreverypart", false) \
    X(EXTRACTTEXT, "extracttext", false) \
    X(REPLACE, "replace", false) \
    X(ENCLOSE, "enclose", false) \
    X(ENOTIFY, "enotify", false)
/* clang-format on */

enum sieve_extension {
    SIEVE_BASE, /* the language itself: what needs no require */
#define X(name, text, fixed) SIEVE_##name,
    SIEVE_EXTENSION_TABLE(X)
#undef X
        SIEVE_EXTENSIONS
};

_Static_assert(SIEVE_EXTENSIONS <= 64, "a set is 64 bits");

#define SIEVE_BIT(extension) (UINT64_C(1) << (extension))
/* All that are known. */
#define SIEVE_ALL (SIEVE_EXTENSIONS == 64 ? UINT64_MAX : SIEVE_BIT(SIEVE_EXTENSIONS) - 1)

const char *sieve_extension_name(enum sieve_extension extension);
/* Names are exact (RFC 5228 2.10.5, 3.2). False: unknown. */
bool sieve_extension_find(struct slice name, enum sieve_extension *ret) NONNULL MUST_CHECK;
bool sieve_extension_is_fixed(enum sieve_extension extension);
/* The names of a set with blanks between them, as ManageSieve announces them (RFC 5804 1.7). */
void sieve_extensions_put(uint64_t set, struct buf *out) NONNULL;

#endif

/*
 * What the server says it can, in one table. A name stands here only when all of it works.
 *
 * Each can be switched off, for all or for one account (`off`, a base/name_list.h): then it is not announced,
 * and its words are unknown, like any that no extension has. What else it changes asks imap_capable.
 * Ownership: nothing is kept. Errors: none. Threads: any.
 */
#ifndef POSTHORN_IMAP_CAPABILITY_H
#define POSTHORN_IMAP_CAPABILITY_H

#include "base/buf.h"

enum { IMAP_OFF_MAX = 8192 /* bytes of a list of capabilities that are off */ };

/* name, said before log-in, said after it */
/* clang-format off */
#define IMAP_CAPABILITY_TABLE(X) \
    X("IMAP4rev1", true, true) \
    X("IMAP4rev2", true, true) \
    X("LITERAL+", true, true) \
    X("LITERAL-", true, true) \
    X("SASL-IR", true, false) \
    X("ID", true, true) \
    X("ENABLE", true, true) \
    X("IDLE", true, true) \
    X("LANGUAGE", true, true) \
    X("NAMESPACE", false, true) \
    X("CHILDREN", false, true) \
    X("SPECIAL-USE", false, true) \
    X("UIDPLUS", false, true) \
    X("UNSELECT", false, true) \
    X("MOVE", false, true) \
    X("ESEARCH", false, true) \
    X("SEARCHRES", false, true) \
    X("WITHIN", false, true) \
    X("SORT", false, true) \
    X("ESORT", false, true) \
    X("SORT=DISPLAY", false, true) \
    X("THREAD=ORDEREDSUBJECT", false, true) \
    X("THREAD=REFERENCES", false, true) \
    X("CONDSTORE", false, true) \
    X("QRESYNC", false, true) \
    X("STATUS=SIZE", false, true) \
    X("APPENDLIMIT", false, true) \
    X("OBJECTID", false, true) \
    X("SAVEDATE", false, true) \
    X("PREVIEW", false, true) \
    X("LIST-EXTENDED", false, true) \
    X("LIST-STATUS", false, true) \
    X("CREATE-SPECIAL-USE", false, true) \
    X("MULTIAPPEND", false, true) \
    X("ACL", false, true) \
    X("RIGHTS=kxte", false, true) \
    X("LIST-MYRIGHTS", false, true) \
    X("QUOTA", false, true) \
    X("QUOTA=RES-STORAGE", false, true) \
    X("QUOTA=RES-MESSAGE", false, true) \
    X("QUOTASET", false, true) \
    X("UTF8=ACCEPT", false, true) \
    X("PARTIAL", false, true) \
    X("CONTEXT=SEARCH", false, true) \
    X("CONTEXT=SORT", false, true) \
    X("UIDONLY", false, true) \
    X("COMPRESS=DEFLATE", false, true) \
    X("UNAUTHENTICATE", false, true) \
    X("METADATA", false, true) \
    X("LIST-METADATA", false, true) \
    X("MULTISEARCH", false, true) \
    X("SEARCH=FUZZY", false, true) \
    X("THREAD=REFS", false, true) \
    X("I18NLEVEL=2", false, true) \
    X("FILTERS", false, true) \
    X("BINARY", false, true) \
    X("CATENATE", false, true) \
    X("REPLACE", false, true) \
    X("UIDBATCHES", false, true) \
    X("INPROGRESS", false, true) \
    X("NOTIFY", false, true) \
    X("URLAUTH", false, true) \
    X("URLAUTH=BINARY", false, true) \
    X("URL-PARTIAL", false, true) \
    X("MESSAGELIMIT", false, true) \
    X("SAVELIMIT", false, true) \
    /* the end */
/* clang-format on */

/* Without the second the first makes no sense: it is off then too. */
#define IMAP_NEED_TABLE(X)                 \
    X("QRESYNC", "CONDSTORE")              \
    X("QRESYNC", "ENABLE")                 \
    X("UTF8=ACCEPT", "ENABLE")             \
    X("SEARCHRES", "ESEARCH")              \
    X("ESORT", "SORT")                     \
    X("SORT=DISPLAY", "SORT")              \
    X("LIST-STATUS", "LIST-EXTENDED")      \
    X("CREATE-SPECIAL-USE", "SPECIAL-USE") \
    X("QUOTA=RES-STORAGE", "QUOTA")        \
    X("QUOTA=RES-MESSAGE", "QUOTA")        \
    X("QUOTASET", "QUOTA")                 \
    X("CONTEXT=SEARCH", "ESEARCH")         \
    X("CONTEXT=SORT", "ESORT")             \
    X("UIDONLY", "ENABLE")                 \
    X("IMAP4rev2", "ENABLE")               \
    X("IMAP4rev2", "IDLE")                 \
    X("IMAP4rev2", "NAMESPACE")            \
    X("IMAP4rev2", "UNSELECT")             \
    X("IMAP4rev2", "UIDPLUS")              \
    X("IMAP4rev2", "ESEARCH")              \
    X("IMAP4rev2", "SEARCHRES")            \
    X("IMAP4rev2", "LIST-EXTENDED")        \
    X("IMAP4rev2", "LIST-STATUS")          \
    X("IMAP4rev2", "MOVE")                 \
    X("IMAP4rev2", "BINARY")               \
    X("IMAP4rev2", "STATUS=SIZE")          \
    X("LIST-METADATA", "METADATA")         \
    X("LIST-METADATA", "LIST-EXTENDED")    \
    X("MULTISEARCH", "ESEARCH")            \
    X("URLAUTH=BINARY", "URLAUTH")         \
    X("LANGUAGE", "NAMESPACE")             \
    X("RIGHTS=kxte", "ACL")                \
    X("LIST-MYRIGHTS", "ACL")              \
    X("LIST-MYRIGHTS", "LIST-EXTENDED")

struct settings;
/* "IMAP4rev1 LITERAL+ ..." without a space at either end; some with a number that the settings say. */
void imap_put_capabilities(struct buf *out, bool logged_in, struct slice off,
                           const struct settings *settings) NONNULL;
/* It is not off, nor one that it needs. */
bool imap_capable(struct slice off, struct slice capability) MUST_CHECK;
/* What is switched off for a client that names itself so by ID is added to the list. False: nothing is, or it
 * was there already. */
bool imap_add_off_for(struct buf *off, const struct settings *settings, struct slice name,
                      struct slice version);
/* Bytes of the largest literal that need not wait for our go-ahead (RFC 7888). */
uint64_t imap_literal_plus_max(struct slice off) MUST_CHECK;

#endif

/*
 * What the server says it can, in one table. A name stands here only when all of it works.
 */
#ifndef POSTHORN_IMAP_CAPABILITY_H
#define POSTHORN_IMAP_CAPABILITY_H

#include "base/buf.h"

/* name, said before log-in, said after it */
/* clang-format off */
#define IMAP_CAPABILITY_TABLE(X) \
    X("IMAP4rev1", true, true) \
    X("LITERAL+", true, true) \
    X("SASL-IR", true, false) \
    X("ID", true, true) \
    X("ENABLE", true, true) \
    X("IDLE", true, true) \
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
    X("ACL", false, true)                   \
    X("RIGHTS=kxte", false, true)           \
    X("LIST-MYRIGHTS", false, true)         \
    X("QUOTA", false, true) \
    X("QUOTA=RES-STORAGE", false, true) \
    X("QUOTA=RES-MESSAGE", false, true) \
    X("QUOTASET", false, true) \
    X("UTF8=ACCEPT", false, true) \
    X("PARTIAL", false, true) \
    X("CONTEXT=SEARCH", false, true) \
    X("CONTEXT=SORT", false, true) \
    X("UIDONLY", false, true) \
    /* the end */
/* clang-format on */

/* "IMAP4rev1 LITERAL+ ..." without a space at either end. */
void imap_put_capabilities(struct buf *out, bool logged_in) NONNULL;

#endif

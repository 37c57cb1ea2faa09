/*
 * Which words of the language an extension brings, so that they are unknown where it is switched off.
 *
 * A row is all that a new verb, option, key or item needs to follow its capability. Threads: any.
 */
#ifndef POSTHORN_IMAP_WORDS_H
#define POSTHORN_IMAP_WORDS_H

#include "base/slice.h"

/* Where a word of a command may stand. */
#define IMAP_PLACE_TABLE(X) \
    X(VERB)                 \
    X(UID_VERB)             \
    X(SELECT)               \
    X(CREATE)               \
    X(LIST_OPTION)          \
    X(STATUS)               \
    X(APPEND)               \
    X(SET)                  \
    X(SEARCH_OPTION)        \
    X(SORT_OPTION)          \
    X(SEARCH_KEY)           \
    X(SORT_KEY)             \
    X(THREAD)               \
    X(FETCH)                \
    X(FETCH_MODIFIER)       \
    X(STORE_MODIFIER)       \
    X(URLFETCH)
enum imap_place_of_word {
#define X(name) IMAP_WORD_##name,
    IMAP_PLACE_TABLE(X)
#undef X
};

/* The words that an extension brings: place, word ("*": every other one), capability; of a word with several
 * rows, one capability is enough. What is not here is always known. ENABLE's names are capabilities
 * themselves. */
/* clang-format off */
#define IMAP_WORD_TABLE(X) \
    X(VERB, "ID", "ID") \
    X(VERB, "ENABLE", "ENABLE") \
    X(VERB, "IDLE", "IDLE") \
    X(VERB, "LANGUAGE", "LANGUAGE") \
    X(VERB, "COMPARATOR", "I18NLEVEL=2") \
    X(VERB, "NAMESPACE", "NAMESPACE") \
    X(VERB, "UNSELECT", "UNSELECT") \
    X(VERB, "MOVE", "MOVE") \
    X(VERB, "SORT", "SORT") \
    X(VERB, "GETQUOTA", "QUOTA") \
    X(VERB, "GETQUOTAROOT", "QUOTA") \
    X(VERB, "SETQUOTA", "QUOTASET") \
    X(VERB, "SETACL", "ACL") \
    X(VERB, "DELETEACL", "ACL") \
    X(VERB, "GETACL", "ACL") \
    X(VERB, "LISTRIGHTS", "ACL") \
    X(VERB, "MYRIGHTS", "ACL") \
    X(VERB, "CANCELUPDATE", "CONTEXT=SEARCH") \
    X(VERB, "CANCELUPDATE", "CONTEXT=SORT") \
    X(VERB, "GETMETADATA", "METADATA") \
    X(VERB, "SETMETADATA", "METADATA") \
    X(VERB, "NOTIFY", "NOTIFY") \
    X(VERB, "UNAUTHENTICATE", "UNAUTHENTICATE") \
    X(VERB, "COMPRESS", "COMPRESS=DEFLATE") \
    X(VERB, "REPLACE", "REPLACE") \
    X(VERB, "GENURLAUTH", "URLAUTH") \
    X(VERB, "RESETKEY", "URLAUTH") \
    X(VERB, "URLFETCH", "URLAUTH") \
    X(URLFETCH, "(", "URLAUTH=BINARY") \
    X(VERB, "ESEARCH", "MULTISEARCH") \
    X(VERB, "UIDBATCHES", "UIDBATCHES") \
    X(UID_VERB, "EXPUNGE", "UIDPLUS") \
    X(SELECT, "CONDSTORE", "CONDSTORE") \
    X(SELECT, "QRESYNC", "QRESYNC") \
    X(CREATE, "USE", "CREATE-SPECIAL-USE") \
    X(LIST_OPTION, "STATUS", "LIST-STATUS") \
    X(LIST_OPTION, "MYRIGHTS", "LIST-MYRIGHTS") \
    X(LIST_OPTION, "METADATA", "LIST-METADATA") \
    X(LIST_OPTION, "SPECIAL-USE", "SPECIAL-USE") \
    X(LIST_OPTION, "*", "LIST-EXTENDED") \
    X(STATUS, "HIGHESTMODSEQ", "CONDSTORE") \
    X(STATUS, "SIZE", "STATUS=SIZE") \
    X(STATUS, "MAILBOXID", "OBJECTID") \
    X(STATUS, "APPENDLIMIT", "APPENDLIMIT") \
    X(STATUS, "DELETED", "QUOTA=RES-MESSAGE") \
    X(STATUS, "DELETED", "IMAP4rev2") \
    X(STATUS, "DELETED-STORAGE", "QUOTA=RES-STORAGE") \
    X(APPEND, "UTF8", "UTF8=ACCEPT") \
    X(APPEND, "CATENATE", "CATENATE") \
    X(APPEND, "~", "BINARY") \
    X(APPEND, "second message", "MULTIAPPEND") \
    X(SET, "$", "SEARCHRES") \
    X(SEARCH_OPTION, "SAVE", "SEARCHRES") \
    X(SEARCH_OPTION, "PARTIAL", "PARTIAL") \
    X(SEARCH_OPTION, "RELEVANCY", "SEARCH=FUZZY") \
    X(SEARCH_OPTION, "CONTEXT", "CONTEXT=SEARCH") \
    X(SEARCH_OPTION, "UPDATE", "CONTEXT=SEARCH") \
    X(SEARCH_OPTION, "UPDATE items", "NOTIFY") \
    X(SEARCH_OPTION, "*", "ESEARCH") \
    X(SORT_OPTION, "SAVE", "SEARCHRES") \
    X(SORT_OPTION, "PARTIAL", "PARTIAL") \
    X(SORT_OPTION, "RELEVANCY", "SEARCH=FUZZY") \
    X(SORT_OPTION, "CONTEXT", "CONTEXT=SORT") \
    X(SORT_OPTION, "UPDATE", "CONTEXT=SORT") \
    X(SORT_OPTION, "UPDATE items", "NOTIFY") \
    X(SORT_OPTION, "*", "ESORT") \
    X(SEARCH_KEY, "OLDER", "WITHIN") \
    X(SEARCH_KEY, "YOUNGER", "WITHIN") \
    X(SEARCH_KEY, "FUZZY", "SEARCH=FUZZY") \
    X(SEARCH_KEY, "MODSEQ", "CONDSTORE") \
    X(SEARCH_KEY, "EMAILID", "OBJECTID") \
    X(SEARCH_KEY, "THREADID", "OBJECTID") \
    X(SEARCH_KEY, "SAVEDATESUPPORTED", "SAVEDATE") \
    X(SEARCH_KEY, "SAVEDBEFORE", "SAVEDATE") \
    X(SEARCH_KEY, "SAVEDON", "SAVEDATE") \
    X(SEARCH_KEY, "SAVEDSINCE", "SAVEDATE") \
    X(SORT_KEY, "DISPLAYFROM", "SORT=DISPLAY") \
    X(SORT_KEY, "DISPLAYTO", "SORT=DISPLAY") \
    X(SORT_KEY, "RELEVANCY", "SEARCH=FUZZY") \
    X(THREAD, "ORDEREDSUBJECT", "THREAD=ORDEREDSUBJECT") \
    X(THREAD, "REFERENCES", "THREAD=REFERENCES") \
    X(FETCH, "MODSEQ", "CONDSTORE") \
    X(FETCH, "EMAILID", "OBJECTID") \
    X(FETCH, "THREADID", "OBJECTID") \
    X(FETCH, "SAVEDATE", "SAVEDATE") \
    X(FETCH, "PREVIEW", "PREVIEW") \
    X(FETCH, "BINARY", "BINARY") \
    X(FETCH, "BINARY.PEEK", "BINARY") \
    X(FETCH, "BINARY.SIZE", "BINARY") \
    X(FETCH_MODIFIER, "CHANGEDSINCE", "CONDSTORE") \
    X(FETCH_MODIFIER, "VANISHED", "QRESYNC") \
    X(FETCH_MODIFIER, "PARTIAL", "PARTIAL") \
    X(STORE_MODIFIER, "UNCHANGEDSINCE", "CONDSTORE") \
    /* the end */
/* clang-format on */

/* The word does not belong to capabilities that are off. */
bool imap_word_known(struct slice off, enum imap_place_of_word place, struct slice word) MUST_CHECK;

#endif

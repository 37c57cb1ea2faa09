/*
 * Every SQL text the account's code runs, in one table; prepared when first used, kept while the account is
 * open. Parameters are ?1, ?2 ... in the order the code binds them.
 */
#ifndef POSTHORN_STORE_STATEMENTS_H
#define POSTHORN_STORE_STATEMENTS_H

#include "store/derived.h"

/* Columns of meta and of a folder that the code holds as numbers, in SELECT's order. */
#define META_TABLE(X)   \
    X(epoch)            \
    X(change)           \
    X(log_oldest)       \
    X(next_folder)      \
    X(next_object)      \
    X(next_member)      \
    X(last_uidvalidity) \
    X(bytes)            \
    X(messages)         \
    X(generation)       \
    X(synced_pack)      \
    X(synced_offset) X(pruned) X(deleted_bytes) X(deleted_messages) X(purged_bytes) X(quota_warned)
#define FOLDER_COLUMN_TABLE(X) \
    X(parent)                  \
    X(class)                   \
    X(role)                    \
    X(selectable)              \
    X(uidvalidity)             \
    X(uidnext)                 \
    X(messages)                \
    X(unseen) X(deleted) X(bytes) X(deleted_bytes) X(recent) X(recent_from) X(changed) X(seen_apart)

#define META_COLUMNS                                                                                        \
    "epoch, change, log_oldest, next_folder, next_object, next_member, last_uidvalidity, bytes, messages, " \
    "generation, synced_pack, synced_offset, pruned, deleted_bytes, deleted_messages, purged_bytes, "       \
    "quota_warned"
#define FOLDER_COLUMNS                                                                          \
    "parent, class, role, selectable, uidvalidity, uidnext, messages, unseen, deleted, bytes, " \
    "deleted_bytes, recent, recent_from, changed, seen_apart"
#define MEMBER_COLUMNS "key, flags, more, changed, size, internal, saved, id, object, thread"

/* The same where other tables have columns of these names. */
#define MEMBER_LIST_COLUMNS                                                                      \
    "key, flags, more, changed, member.size, member.internal, saved, member.id, member.object, " \
    "member.thread"

#define JUNK_MODEL_COLUMNS "reading, junk, good, era, era_messages, change, kept, pruned"

#define STATEMENT_TABLE(X)                                                                                   \
    X(BEGIN, "BEGIN")                                                                                        \
    X(COMMIT, "COMMIT")                                                                                      \
    X(ROLLBACK, "ROLLBACK")                                                                                  \
    X(META_READ, "SELECT " META_COLUMNS " FROM meta")                                                        \
    X(META_WRITE, "UPDATE meta SET (" META_COLUMNS                                                           \
                  ") = (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)")        \
    X(META_INSERT, "INSERT INTO meta (one, " META_COLUMNS ") "                                               \
                   "VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)") \
    X(FOLDER_READ, "SELECT " FOLDER_COLUMNS ", name FROM folder WHERE id = ?1")                              \
    X(FOLDER_WRITE, "UPDATE folder SET (" FOLDER_COLUMNS ") = "                                              \
                    "(?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16) WHERE id = ?1")     \
    X(FOLDER_INSERT, "INSERT INTO folder (id, name, " FOLDER_COLUMNS ") "                                    \
                     "VALUES (?1, ?2, -?1, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0)")                       \
    X(FOLDER_PLACE, "UPDATE folder SET parent = ?2, name = ?3 WHERE id = ?1")                                \
    X(FOLDER_EXTENT, "WITH RECURSIVE below (id, depth, extra) AS (SELECT ?1, 0, 0 UNION ALL "                \
                     "SELECT folder.id, depth + 1, extra + 1 + length(CAST(name AS BLOB)) "                  \
                     "FROM below JOIN folder ON folder.parent = below.id WHERE depth < ?2) "                 \
                     "SELECT max(depth), max(extra) FROM below")                                             \
    X(FOLDER_DELETE, "DELETE FROM folder WHERE id = ?1")                                                     \
    X(FOLDER_ALL, "SELECT id, name, " FOLDER_COLUMNS " FROM folder ORDER BY id")                             \
    X(FOLDER_CHILD, "SELECT id FROM folder WHERE parent = ?1 AND name = ?2")                                 \
    X(FOLDER_HAS_CHILDREN, "SELECT 1 FROM folder WHERE parent = ?1 LIMIT 1")                                 \
    X(FOLDER_BY_ROLE, "SELECT id FROM folder WHERE role = ?1 AND role <> 0")                                 \
    X(FOLDER_MESSAGES, "SELECT messages, seen_apart FROM folder WHERE id = ?1 AND selectable = 1")           \
    X(FOLDER_COUNT, "SELECT count(*) FROM folder")                                                           \
    X(FOLDER_SKIP_UIDS, "UPDATE folder SET uidnext = min(uidnext + ?1, 4294967295)")                         \
    X(SUBSCRIBE, "INSERT OR IGNORE INTO subscription (path) VALUES (?1)")                                    \
    X(UNSUBSCRIBE, "DELETE FROM subscription WHERE path = ?1")                                               \
    X(SUBSCRIBED, "SELECT 1 FROM subscription WHERE path = ?1")                                              \
    X(SUBSCRIPTIONS, "SELECT path FROM subscription ORDER BY path")                                          \
    X(ANNOTATION_WRITE, "INSERT OR REPLACE INTO annotation (folder, person, entry, value, changed) "         \
                        "VALUES (?1, ?2, ?3, ?4, ?5)")                                                       \
    X(ANNOTATION_DELETE, "UPDATE annotation SET value = NULL, changed = ?4 "                                 \
                         "WHERE folder = ?1 AND person = ?2 AND entry = ?3 AND value IS NOT NULL")           \
    X(ANNOTATION_READ, "SELECT entry, value FROM annotation WHERE folder = ?1 AND person = ?2 AND "          \
                       "(entry = ?3 OR (?4 AND entry > ?3 || '/' AND entry < ?3 || '0')) "                   \
                       "AND value IS NOT NULL ORDER BY entry")                                               \
    X(ANNOTATION_COUNT, "SELECT count(value) FROM annotation WHERE folder = ?1")                             \
    X(ANNOTATION_BYTES, "SELECT coalesce(sum(length(value)), 0) FROM annotation")                            \
    X(ANNOTATION_CHANGED, "SELECT entry FROM annotation WHERE folder = ?1 AND person IN (0, ?2) "            \
                          "AND changed > ?3 ORDER BY entry")                                                 \
    X(ANNOTATION_GRAVES, "SELECT count(*) FROM annotation WHERE folder = ?1 AND value IS NULL")              \
    X(ANNOTATION_FORGET, "DELETE FROM annotation WHERE folder = ?1 AND value IS NULL")                       \
    X(ANNOTATION_OLD, "DELETE FROM annotation WHERE value IS NULL AND changed <= ?1")                        \
    X(ANNOTATIONS_REMOVE, "DELETE FROM annotation WHERE folder = ?1")                                        \
    X(ANNOTATIONS_COPY, "INSERT INTO annotation (folder, person, entry, value, changed) "                    \
                        "SELECT ?2, person, entry, value, ?3 FROM annotation "                               \
                        "WHERE folder = ?1 AND value IS NOT NULL")                                           \
    X(KEYWORDS, "SELECT number, name FROM keyword ORDER BY number")                                          \
    X(KEYWORD_INSERT, "INSERT INTO keyword (number, name) VALUES (?1, ?2)")                                  \
    X(OBJECT_INSERT, "INSERT INTO object (id, type, thread, pack, offset, length, size, header_size, "       \
                     "internal, received, sent) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)")      \
    X(OBJECT_PLACE, "SELECT pack, offset, length FROM object WHERE id = ?1")                                 \
    X(OBJECT_BELOW, "SELECT id, pack, offset, length FROM object WHERE id < ?1 ORDER BY id DESC LIMIT 1")    \
    X(OBJECT_PLACES, "SELECT id, pack, offset, length FROM object WHERE id > ?1 ORDER BY id LIMIT ?2")       \
    X(OBJECT_SIZES, "SELECT id, size FROM object WHERE id BETWEEN ?1 AND ?2 ORDER BY id LIMIT ?3")           \
    X(OBJECT_COUNT, "SELECT count(*) FROM object WHERE id BETWEEN ?1 AND ?2")                                \
    X(OBJECT_MOVE, "UPDATE object SET pack = ?2, offset = ?3 WHERE id = ?1 AND pack = ?4 AND offset = ?5")   \
    X(OBJECT_ALIVE, "SELECT EXISTS (SELECT 1 FROM member WHERE object = ?1) "                                \
                    "OR EXISTS (SELECT 1 FROM tombstone WHERE object = ?1)")                                 \
    X(OBJECT_DELETE, "DELETE FROM object WHERE id = ?1")                                                     \
    X(OBJECT_IDENTITY, "SELECT object.thread, object_text.message_id FROM object "                           \
                       "JOIN object_text ON object_text.object = object.id WHERE object.id = ?1")            \
    X(TEXT_INSERT, "INSERT INTO object_text (object, " DERIVED_TEXT_COLUMNS ") "                             \
                   "VALUES (" DERIVED_TEXT_VALUES ")")                                                       \
    X(TEXT_DELETE, "DELETE FROM object_text WHERE object = ?1")                                              \
    X(MEMBER_INSERT, "INSERT INTO member (" MEMBER_COLUMNS ") "                                              \
                     "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)")                                     \
    X(MEMBER_COPY, "INSERT INTO member (" MEMBER_COLUMNS ") SELECT ?2, ?6, ?7, ?3, size, internal, ?4, "     \
                   "?5, object, thread FROM member WHERE key = ?1")                                          \
    X(MEMBER_LIST,                                                                                           \
      "SELECT " MEMBER_COLUMNS " FROM member WHERE key BETWEEN ?1 AND ?2 ORDER BY key LIMIT ?3")             \
    X(MEMBER_LIST_LEAST, "SELECT key, flags, more, changed, size FROM member "                               \
                         "WHERE key BETWEEN ?1 AND ?2 ORDER BY key LIMIT ?3")                                \
    X(MEMBER_LIST_IDS, "SELECT key, flags, more, changed, size, id, object FROM member "                     \
                       "WHERE key BETWEEN ?1 AND ?2 ORDER BY key LIMIT ?3")                                  \
    X(MEMBER_LIST_TEXT, "SELECT " MEMBER_LIST_COLUMNS ", " DERIVED_TEXT_COLUMNS " FROM member "              \
                        "LEFT JOIN object_text ON object_text.object = member.object "                       \
                        "WHERE key BETWEEN ?1 AND ?2 ORDER BY key LIMIT ?3")                                 \
    X(MEMBER_LIST_SORT,                                                                                      \
      "SELECT " MEMBER_LIST_COLUMNS ", " DERIVED_TEXT_COLUMNS ", sent FROM member "                          \
      "LEFT JOIN object_text ON object_text.object = member.object "                                         \
      "LEFT JOIN object ON object.id = member.object WHERE key BETWEEN ?1 AND ?2 ORDER BY key LIMIT ?3")     \
    X(MEMBER_LIST_SENT,                                                                                      \
      "SELECT " MEMBER_LIST_COLUMNS ", sent FROM member "                                                    \
      "LEFT JOIN object ON object.id = member.object WHERE key BETWEEN ?1 AND ?2 ORDER BY key LIMIT ?3")     \
    X(MEMBER_KEYS, "SELECT key FROM member WHERE key BETWEEN ?1 AND ?2 ORDER BY key")                        \
    X(MEMBER_COUNT, "SELECT count(*) FROM member WHERE key BETWEEN ?1 AND ?2")                               \
    X(MEMBER_UNSEEN, "SELECT key FROM member WHERE key BETWEEN ?1 AND ?2 AND flags & 1 = 0 ORDER BY key "    \
                     "LIMIT 1")                                                                              \
    X(MEMBER_FLAGS, "UPDATE member SET flags = ?2, more = ?3, changed = ?4 WHERE key = ?1")                  \
    X(MEMBER_DELETE, "DELETE FROM member WHERE key BETWEEN ?1 AND ?2")                                       \
    X(MEMBER_KEYS_OF, "SELECT key FROM member WHERE object = ?1 LIMIT ?2")                                   \
    X(MEMBER_KEYS_ABOVE, "SELECT key FROM member WHERE object > ?1 ORDER BY object LIMIT ?2")                \
    X(MEMBER_OF_OBJECT, "SELECT key, flags, size FROM member WHERE object = ?1 ORDER BY key")                \
    X(TOMBSTONE_FILL, "INSERT INTO tombstone (key, flags, more, change, removed, saved, id, object, size) "  \
                      "SELECT key, flags, more, ?3, ?4, saved, id, object, size FROM member AS gone "        \
                      "WHERE key BETWEEN ?1 AND ?2 AND NOT EXISTS (SELECT 1 FROM member WHERE "              \
                      "member.object = gone.object AND member.key NOT BETWEEN ?1 AND ?2)")                   \
    X(TOMBSTONE_BYTES, "SELECT coalesce(sum(size), 0) FROM tombstone WHERE key BETWEEN ?1 AND ?2")           \
    X(TOMBSTONE_BYTES_OF, "SELECT coalesce(sum(size), 0) FROM tombstone WHERE object = ?1")                  \
    X(TOMBSTONE_PAGE, "SELECT key, object, removed, size, (SELECT sent FROM object WHERE object.id = "       \
                      "tombstone.object) FROM tombstone "                                                    \
                      "WHERE (removed, key) > (?1, ?2) ORDER BY removed, key LIMIT ?3")                      \
    X(TOMBSTONE_OLDEST, "SELECT removed FROM tombstone ORDER BY removed LIMIT 1")                            \
    X(TOMBSTONE_FLAGS, "SELECT flags, more FROM tombstone WHERE key = ?1 AND object = ?2")                   \
    X(TOMBSTONE_RAISE,                                                                                       \
      "INSERT INTO member (" MEMBER_COLUMNS ") SELECT ?2, ?6, ?7, ?3, tombstone.size, internal, "            \
      "?4, ?5, tombstone.object, thread FROM tombstone JOIN object ON object.id = tombstone.object WHERE "   \
      "key = ?1")                                                                                            \
    X(GRAVE_SET, "INSERT OR REPLACE INTO folder_grave (folder, path) VALUES (?1, ?2)")                       \
    X(GRAVE_READ, "SELECT path FROM folder_grave WHERE folder = ?1")                                         \
    X(GRAVES_FORGET, "DELETE FROM folder_grave WHERE NOT EXISTS (SELECT 1 FROM tombstone WHERE key "         \
                     "BETWEEN folder << 32 AND (folder << 32) + 4294967295)")                                \
    X(PLACED_SET, "INSERT OR REPLACE INTO folder_placed (folder, time) VALUES (?1, ?2)")                     \
    X(PLACED_READ, "SELECT time FROM folder_placed WHERE folder = ?1")                                       \
    X(PLACED_DROP, "DELETE FROM folder_placed WHERE folder = ?1")                                            \
    X(MEMBER_SAVED_BEFORE,                                                                                   \
      "SELECT key FROM member WHERE key BETWEEN ?1 AND ?2 AND saved <= ?3 ORDER BY key LIMIT ?4")            \
    X(MEMBER_SAVED_FIRST, "SELECT coalesce(min(saved), 0) FROM member WHERE key BETWEEN ?1 AND ?2")          \
    X(FETCHED_NOTE,                                                                                          \
      "INSERT OR IGNORE INTO fetched (key, time) SELECT key, ?3 FROM member WHERE key BETWEEN ?1 AND ?2")    \
    X(FETCHED_BEFORE, "SELECT fetched.key FROM fetched JOIN member ON member.key = fetched.key WHERE "       \
                      "fetched.key BETWEEN ?1 AND ?2 AND time <= ?3 LIMIT ?4")                               \
    X(FETCHED_FIRST,                                                                                         \
      "SELECT time FROM fetched JOIN member ON member.key = fetched.key ORDER BY time LIMIT 1")              \
    X(FETCHED_FORGET,                                                                                        \
      "DELETE FROM fetched WHERE NOT EXISTS (SELECT 1 FROM member WHERE member.key = fetched.key)")          \
    X(OBJECT_LENGTH, "SELECT length FROM object WHERE id = ?1")                                              \
    X(TOMBSTONE_DELETE, "DELETE FROM tombstone WHERE key = ?1")                                              \
    X(TOMBSTONE_OF_OBJECT, "DELETE FROM tombstone WHERE object = ?1")                                        \
    X(CHANGE_INSERT, "INSERT INTO change_log (no, folder, kind, time, uids, flags) "                         \
                     "VALUES (?1, ?2, ?3, ?4, ?5, ?6)")                                                      \
    X(CHANGE_LIST,                                                                                           \
      "SELECT no, folder, kind, uids FROM change_log WHERE no > ?1 AND (?2 = 0 OR folder = ?2) "             \
      "ORDER BY no, folder, kind")                                                                           \
    X(CHANGE_OF_FLAGS, "SELECT uids FROM change_log WHERE no > ?1 AND folder = ?2 AND kind IN (?3, ?4) "     \
                       "AND flags & ?5 <> 0")                                                                \
    X(CHANGE_OLD, "SELECT max(no) FROM change_log WHERE time < ?1")                                          \
    X(CHANGE_DELETE, "DELETE FROM change_log WHERE no <= ?1")                                                \
    X(LOST_NOTE,                                                                                             \
      "INSERT OR REPLACE INTO lost_change (first, last) VALUES (coalesce((SELECT first FROM lost_change "    \
      "WHERE first = (SELECT max(first) FROM lost_change) AND (last + 2 >= ?1 OR "                           \
      "(SELECT count(*) FROM lost_change) >= ?3)), ?1), ?2)")                                                \
    X(LOST_FIND, "SELECT 1 FROM lost_change WHERE first <= ?1 AND last >= ?1")                               \
    X(DELIVERY_FIND, "SELECT object FROM delivery WHERE id = ?1")                                            \
    X(DELIVERY_INSERT, "INSERT INTO delivery (id, object, seen) VALUES (?1, ?2, ?3)")                        \
    X(DELIVERY_OLD, "DELETE FROM delivery WHERE seen < ?1")                                                  \
    X(DELIVERY_OF_OBJECT, "DELETE FROM delivery WHERE object = ?1")                                          \
    X(IMPORT_FOLDER_FIND, "SELECT id, home FROM import_folder WHERE source = ?1 AND name = ?2")              \
    X(IMPORT_FOLDER_SET, "INSERT INTO import_folder (source, name, home) VALUES (?1, ?2, ?3) "               \
                         "ON CONFLICT (source, name) DO UPDATE SET home = ?3")                               \
    X(IMPORT_FIND, "SELECT member, flags, more FROM import_item "                                            \
                   "WHERE folder = ?1 AND validity = ?2 AND item = ?3")                                      \
    X(IMPORT_FLAGS, "UPDATE import_item SET flags = ?4, more = ?5 "                                          \
                    "WHERE folder = ?1 AND validity = ?2 AND item = ?3")                                     \
    X(IMPORT_OLD, "SELECT validity, item FROM import_item "                                                  \
                  "WHERE digest = ?1 AND folder = ?2 AND validity <> ?3 LIMIT 1")                            \
    X(IMPORT_RENUMBER, "UPDATE import_item SET validity = ?4, item = ?5 "                                    \
                       "WHERE folder = ?1 AND validity = ?2 AND item = ?3")                                  \
    X(IMPORT_TWIN, "SELECT object.id, object.thread FROM import_item "                                       \
                   "JOIN object ON object.id = import_item.object "                                          \
                   "WHERE import_item.digest = ?1 AND object.size = ?2 LIMIT 1")                             \
    X(IMPORT_ELSEWHERE, "SELECT 1 FROM import_item WHERE digest = ?1 AND folder <> ?2 LIMIT 1")              \
    X(IMPORT_INSERT,                                                                                         \
      "INSERT INTO import_item (folder, validity, item, member, object, digest, flags, more) "               \
      "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")                                                             \
    X(IMPORT_OF_OBJECT, "DELETE FROM import_item WHERE object = ?1")                                         \
    X(THREAD_FIND, "SELECT thread FROM message_id WHERE hash = ?1")                                          \
    X(THREAD_INSERT, "INSERT OR IGNORE INTO message_id (hash, thread) VALUES (?1, ?2)")                      \
    X(ACCESS_KEY_READ, "SELECT key FROM access_key WHERE folder = ?1")                                       \
    X(ACCESS_KEY_WRITE, "INSERT OR REPLACE INTO access_key (folder, key) VALUES (?1, ?2)")                   \
    X(ACCESS_KEY_DROP, "DELETE FROM access_key WHERE folder = ?1")                                           \
    X(ACCESS_KEYS_REMOVE, "DELETE FROM access_key")                                                          \
    X(SCRIPT_OTHERS, "SELECT count(*), coalesce(sum(length(text)), 0) FROM script WHERE name <> ?1")         \
    X(SCRIPT_LIST, "SELECT name, active, changed, length(text) FROM script ORDER BY name")                   \
    X(SCRIPT_BY_NAME, "SELECT name, active, changed, length(text), text, code FROM script WHERE name = ?1")  \
    X(SCRIPT_ACTIVE, "SELECT name, active, changed, length(text), text, code FROM script WHERE active <> 0") \
    X(SCRIPT_WRITE, "INSERT INTO script (name, active, changed, text, code) VALUES (?1, 0, ?2, ?3, ?4) "     \
                    "ON CONFLICT (name) DO UPDATE SET (changed, text, code) = (?2, ?3, ?4)")                 \
    X(SCRIPT_CODE_WRITE, "UPDATE script SET code = ?3 WHERE name = ?1 AND changed = ?2")                     \
    X(SCRIPT_DELETE, "DELETE FROM script WHERE name = ?1")                                                   \
    X(SCRIPT_RENAME, "UPDATE script SET name = ?2 WHERE name = ?1")                                          \
    X(SCRIPT_ACTIVATE, "UPDATE script SET active = (name = ?1) WHERE active <> (name = ?1)")                 \
    X(REMEMBERED_FIND, "SELECT delivery FROM remembered WHERE key = ?1 AND expires > ?2")                    \
    X(REMEMBERED_WRITE, "INSERT OR REPLACE INTO remembered (key, expires, delivery) VALUES (?1, ?2, ?3)")    \
    X(REMEMBERED_COUNT, "SELECT count(*) FROM remembered")                                                   \
    X(REMEMBERED_SHRINK,                                                                                     \
      "DELETE FROM remembered WHERE key IN (SELECT key FROM remembered ORDER BY expires LIMIT ?1)")          \
    X(REMEMBERED_OLD, "DELETE FROM remembered WHERE expires <= ?1")                                          \
    X(AWAY_READ, "SELECT enabled, first, last, subject, text, days, since FROM away")                        \
    X(AWAY_WRITE, "INSERT OR REPLACE INTO away (one, enabled, first, last, subject, text, days, since) "     \
                  "VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7)")                                                  \
    X(THREAD_DELETE, "DELETE FROM message_id WHERE hash = ?1 AND thread = ?2")                               \
    X(SHARE_LIST, "SELECT folder, grantee, rights FROM share WHERE folder = ?1 ORDER BY grantee")            \
    X(SHARE_ALL, "SELECT folder, grantee, rights FROM share ORDER BY folder, grantee")                       \
    X(SHARE_GRANTEES, "SELECT DISTINCT grantee FROM share WHERE grantee NOT LIKE '-%' ORDER BY grantee")     \
    X(SHARE_SET, "INSERT OR REPLACE INTO share (folder, grantee, rights) VALUES (?1, ?2, ?3)")               \
    X(SHARE_REMOVE, "DELETE FROM share WHERE folder = ?1 AND grantee = ?2")                                  \
    X(SHARE_DROP, "DELETE FROM share WHERE folder = ?1")                                                     \
    X(SHARE_INHERIT, "INSERT OR IGNORE INTO share (folder, grantee, rights) "                                \
                     "SELECT ?1, grantee, rights FROM share WHERE folder = ?2")                              \
    X(SEEN_READ, "SELECT uids, count FROM seen WHERE folder = ?1 AND person = ?2")                           \
    X(SEEN_NEXT, "SELECT person, uids, count FROM seen WHERE folder = ?1 AND person >= ?2 "                  \
                 "ORDER BY person LIMIT 1")                                                                  \
    X(SEEN_WRITE, "INSERT OR REPLACE INTO seen (folder, person, uids, count) VALUES (?1, ?2, ?3, ?4)")       \
    X(SEEN_PEOPLE, "SELECT count(*) FROM seen WHERE folder = ?1")                                            \
    X(SEEN_DROP, "DELETE FROM seen WHERE folder = ?1")                                                       \
    X(SEEN_UNSEEN, "SELECT messages - count FROM seen JOIN folder ON folder.id = seen.folder "               \
                   "WHERE seen.folder = ?1 AND person = ?2")                                                 \
    X(MEMBER_FIRST, "SELECT key FROM member WHERE key BETWEEN ?1 AND ?2 ORDER BY key LIMIT 1")               \
    X(MEMBER_SEEN, "SELECT key, flags & 1 FROM member WHERE key BETWEEN ?1 AND ?2 ORDER BY key")             \
    X(JUNK_MODEL_READ, "SELECT key, " JUNK_MODEL_COLUMNS " FROM junk_model")                                 \
    X(JUNK_MODEL_WRITE, "INSERT OR REPLACE INTO junk_model (one, key, " JUNK_MODEL_COLUMNS                   \
                        ") VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")                                  \
    X(JUNK_TOKEN_READ, "SELECT tag, junk, good, era FROM junk_token WHERE slot = ?1")                        \
    X(JUNK_TOKEN_WRITE,                                                                                      \
      "INSERT OR REPLACE INTO junk_token (slot, tag, junk, good, era) VALUES (?1, ?2, ?3, ?4, ?5)")          \
    X(JUNK_TOKEN_DROP, "DELETE FROM junk_token WHERE slot = ?1")                                             \
    X(JUNK_TOKEN_COUNT, "SELECT count(*) FROM junk_token")                                                   \
    X(JUNK_TOKENS_FORGET, "DELETE FROM junk_token")                                                          \
    X(JUNK_OBJECT_READ, "SELECT wanted, learnt, era FROM junk_object WHERE object = ?1")                     \
    X(JUNK_OBJECT_WRITE,                                                                                     \
      "INSERT OR REPLACE INTO junk_object (object, wanted, learnt, era) VALUES (?1, ?2, ?3, ?4)")            \
    X(JUNK_OBJECT_DROP, "DELETE FROM junk_object WHERE object = ?1")                                         \
    X(JUNK_OBJECT_DUE,                                                                                       \
      "SELECT object, wanted, learnt, era FROM junk_object WHERE wanted <> learnt ORDER BY object LIMIT ?1") \
    X(JUNK_OBJECTS_AGAIN, "UPDATE junk_object SET learnt = 0 WHERE wanted IN (?1, ?2)")                      \
    X(JUNK_OBJECTS_FORGET, "DELETE FROM junk_object WHERE wanted <> ?1")                                     \
    X(JUNK_OBJECTS_PRUNE,                                                                                    \
      "DELETE FROM junk_object WHERE NOT EXISTS (SELECT 1 FROM object WHERE id = junk_object.object)")       \
    X(JUNK_ACTS, "SELECT no, folder, kind, uids, flags FROM change_log WHERE no > ?1 AND kind IN (?2, ?3) "  \
                 "ORDER BY no, folder, kind")                                                                \
    X(JUNK_PLACE, "SELECT object.id, saved > received, flags, more FROM member JOIN object ON object.id = "  \
                  "member.object WHERE key = ?1 UNION ALL SELECT object.id, saved > received, flags, more "  \
                  "FROM tombstone JOIN object ON object.id = tombstone.object WHERE key = ?1 LIMIT 1")       \
    X(JUNK_KEPT, "SELECT id, received, EXISTS (SELECT 1 FROM member JOIN folder ON folder.id = key >> 32 "   \
                 "WHERE member.object = object.id AND flags & 1 AND role NOT IN (?3, ?4, ?5, ?6)) FROM "     \
                 "object WHERE id > ?1 ORDER BY id LIMIT ?2")                                                \
    X(JUNK_ROLE, "SELECT role FROM folder WHERE id = ?1")                                                    \
    X(JUNK_KNOWN_FIND, "SELECT 1 FROM junk_known WHERE hash = ?1")                                           \
    X(JUNK_KNOWN_SET, "INSERT OR REPLACE INTO junk_known (hash, time) VALUES (?1, ?2)")                      \
    X(JUNK_KNOWN_COUNT, "SELECT count(*) FROM junk_known")                                                   \
    X(JUNK_KNOWN_TRIM,                                                                                       \
      "DELETE FROM junk_known WHERE hash IN (SELECT hash FROM junk_known ORDER BY time LIMIT ?1)")           \
    X(JUNK_KNOWN_FORGET, "DELETE FROM junk_known")

enum statement {
#define X(name, sql) STATEMENT_##name,
    STATEMENT_TABLE(X)
#undef X
        STATEMENT_COUNT
};

#endif

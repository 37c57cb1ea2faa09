/*
 * The directory's statements and how they are run: all SQL of this room is in schema.c and in this table.
 *
 * Threads: the caller holds the directory's lock (directory_lock), from sql_start until the statement is
 * released. A statement is prepared once and used by one at a time.
 */
#ifndef POSTHORN_DIRECTORY_SQL_H
#define POSTHORN_DIRECTORY_SQL_H

#include <sqlite3.h>

#include "base/error.h"
#include "base/slice.h"

struct directory;

#define ACCOUNT_COLUMNS_                                                                            \
    "SELECT a.id, a.address, a.shown, a.name, a.plan, a.language, a.quota_bytes, a.quota_messages," \
    " a.enabled, a.generation, a.capabilities_off, a.certificate_login FROM account a "

#define DOMAIN_COLUMNS_                                                                            \
    "SELECT id, name, catch_all, accounts, max_accounts, quota_bytes, quota_messages, used_bytes," \
    " used_messages FROM domain"
#define DESTINATION_COLUMNS_ "pattern, connections, messages, rate, tls, names, addresses, host, port"
#define USAGE_WRITE_(values, update)                                                       \
    "INSERT INTO usage(account, domain, bytes, messages, open) SELECT id, domain, " values \
    " FROM account WHERE id = ?1 ON CONFLICT(account) DO UPDATE SET " update

#define STATEMENT_TABLE(X)                                                                                   \
    X(BEGIN, "BEGIN IMMEDIATE")                                                                              \
    X(COMMIT, "COMMIT")                                                                                      \
    X(PLAN_LIST, "SELECT name FROM plan ORDER BY quota_bytes, doors, name")                                  \
    X(PLAN_ADD, "INSERT INTO plan(name, doors, quota_bytes, quota_max) VALUES (?1, ?2, ?3, ?4)")             \
    X(PLAN_SET, "UPDATE plan SET doors = ?2, quota_bytes = ?3, quota_max = ?4 WHERE name = ?1")              \
    X(PLAN_REMOVE, "DELETE FROM plan WHERE name = ?1")                                                       \
    X(PLAN_COUNT, "SELECT count(*) FROM plan")                                                               \
    X(PLAN_USERS, "SELECT count(*) FROM account WHERE plan = ?1")                                            \
    X(PLAN_GET, "SELECT name, doors, quota_bytes, quota_max FROM plan WHERE name = ?1")                      \
    X(OPTION_LIST, "SELECT name, value FROM option WHERE level = ?1 AND owner = ?2")                         \
    X(OPTION_SET, "INSERT INTO option(level, owner, name, value) VALUES (?1, ?2, ?3, ?4)"                    \
                  " ON CONFLICT DO UPDATE SET value = excluded.value")                                       \
    X(OPTION_CLEAR, "DELETE FROM option WHERE level = ?1 AND owner = ?2 AND name = ?3")                      \
    X(DOMAIN_ADD, "INSERT INTO domain(name) VALUES (?1)")                                                    \
    X(DOMAIN_GET, "SELECT id, catch_all, accounts, aliases, max_accounts, rest_host, rest_port, rest_tls,"   \
                  " source_addresses FROM domain WHERE name = ?1")                                           \
    X(DOMAIN_LIST, DOMAIN_COLUMNS_ " ORDER BY name")                                                         \
    X(DOMAIN_FIND, DOMAIN_COLUMNS_ " WHERE id = ?1")                                                         \
    X(DOMAIN_TWO, "SELECT name FROM domain LIMIT 2")                                                         \
    X(DOMAIN_REMOVE, "DELETE FROM domain WHERE id = ?1")                                                     \
    X(DOMAIN_SET_CATCH_ALL, "UPDATE domain SET catch_all = ?2, catch_all_key = ?3 WHERE name = ?1")          \
    X(DOMAIN_SET_REST, "UPDATE domain SET rest_host = ?2, rest_port = ?3, rest_tls = ?4 WHERE id = ?1")      \
    X(DOMAIN_SET_ADDRESSES, "UPDATE domain SET source_addresses = ?2 WHERE id = ?1")                         \
    X(DOMAIN_SET_MAX_ACCOUNTS, "UPDATE domain SET max_accounts = ?2 WHERE id = ?1")                          \
    X(DOMAIN_SET_QUOTA_BYTES, "UPDATE domain SET quota_bytes = ?2 WHERE id = ?1")                            \
    X(DOMAIN_SET_QUOTA_MESSAGES, "UPDATE domain SET quota_messages = ?2 WHERE id = ?1")                      \
    X(DOMAIN_SET_WARNED, "UPDATE domain SET quota_warned = ?2 WHERE id = ?1")                                \
    X(USAGE_GET, "SELECT a.domain, coalesce(u.bytes, 0), coalesce(u.messages, 0), coalesce(u.open, 0)"       \
                 " FROM account a LEFT JOIN usage u ON u.account = a.id WHERE a.id = ?1")                    \
    X(USAGE_OF_DOMAIN, "SELECT used_bytes, used_messages, quota_bytes, quota_messages, quota_warned"         \
                       " FROM domain WHERE id = ?1")                                                         \
    X(USAGE_OPEN, USAGE_WRITE_("0, 0, 1", "open = 1"))                                                       \
    X(USAGE_SETTLE,                                                                                          \
      USAGE_WRITE_("?2, ?3, 0", "bytes = excluded.bytes, messages = excluded.messages, open = 0"))           \
    X(USAGE_OPENED, "SELECT account FROM usage WHERE open = 1")                                              \
    X(CATCH_ALL_USERS, "SELECT name FROM domain WHERE catch_all_key = ?1")                                   \
    X(CATCH_ALL_MOVE, "UPDATE domain SET catch_all = ?2, catch_all_key = ?3 WHERE catch_all_key = ?1")       \
    X(ADMINISTRATOR_ADD, "INSERT OR IGNORE INTO administrator(domain, account) VALUES (?1, ?2)")             \
    X(ADMINISTRATOR_REMOVE, "DELETE FROM administrator WHERE domain = ?1 AND account = ?2")                  \
    X(ADMINISTRATOR_LIST, "SELECT a.shown FROM administrator JOIN account a ON a.id = account"               \
                          " WHERE administrator.domain = ?1 ORDER BY a.address")                             \
    X(ADMINISTRATOR_GET, "SELECT 1 FROM administrator a JOIN domain d ON d.id = a.domain"                    \
                         " WHERE d.name = ?1 AND a.account = ?2")                                            \
    X(ADDRESS_GET, "SELECT kind, account, shown FROM address WHERE address = ?1")                            \
    X(GROUP_OF_ID, "SELECT shown FROM address WHERE kind = 3 AND account = ?1")                              \
    X(ADDRESS_ADD, "INSERT INTO address(address, domain, kind, account, shown) VALUES (?1, ?2, ?3, ?4, ?5)") \
    X(ADDRESS_REMOVE, "DELETE FROM address WHERE address = ?1")                                              \
    X(TARGET_LIST, "SELECT target FROM target WHERE address = ?1 ORDER BY position")                         \
    X(TARGET_ADD, "INSERT INTO target(address, position, target, key) VALUES (?1, ?2, ?3, ?4)")              \
    X(TARGET_REMOVE, "DELETE FROM target WHERE address = ?1")                                                \
    X(TARGET_USERS, "SELECT DISTINCT address FROM target WHERE key = ?1")                                    \
    X(TARGET_MOVE, "UPDATE target SET target = ?2, key = ?3 WHERE key = ?1")                                 \
    X(TARGET_REMOVE_KEY, "DELETE FROM target WHERE key = ?1")                                                \
    X(TARGET_REMOVE_ONLY, "DELETE FROM address WHERE kind <> 1 AND address IN (SELECT address FROM target"   \
                          " WHERE key = ?1) AND NOT EXISTS (SELECT 1 FROM target t WHERE t.address ="        \
                          " address.address AND t.key <> ?1)")                                               \
    X(ALIAS_COUNT, "SELECT count(DISTINCT t.address) FROM target t JOIN address a ON a.address = t.address"  \
                   " WHERE t.key = ?1 AND a.kind = 2 AND t.address <> ?2")                                   \
    X(ALIAS_LIST, "SELECT address, shown, kind FROM address WHERE domain = ?1 AND kind <> 1"                 \
                  " ORDER BY address")                                                                       \
    X(ALIAS_LIST_ALL, "SELECT address, shown, kind FROM address WHERE kind <> 1 ORDER BY address")           \
    X(ACCOUNT_ADD, "INSERT INTO account(id, address, domain, shown, name, plan, language, quota_bytes)"      \
                   " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")                                               \
    X(ACCOUNT_GET, ACCOUNT_COLUMNS_ "WHERE a.id = ?1")                                                       \
    X(ACCOUNT_LIST, ACCOUNT_COLUMNS_ "WHERE a.domain = ?1 AND a.address > ?2 ORDER BY a.address LIMIT ?3")   \
    X(ACCOUNT_LIST_ALL, ACCOUNT_COLUMNS_ "WHERE a.address > ?1 ORDER BY a.address LIMIT ?2")                 \
    X(ACCOUNT_SET,                                                                                           \
      "UPDATE account SET name = ?2, plan = ?3, language = ?4, quota_bytes = ?5,"                            \
      " quota_messages = ?6, enabled = ?7, capabilities_off = ?8, certificate_login = ?9 WHERE id = ?1")     \
    X(ACCOUNT_MOVE, "UPDATE account SET address = ?2, domain = ?3, shown = ?4,"                              \
                    " generation = generation + 1 WHERE id = ?1")                                            \
    X(ACCOUNT_ADD_LIKE,                                                                                      \
      "INSERT INTO account(id, address, domain, shown, name, plan, language, quota_bytes, quota_messages)"   \
      " SELECT ?2, ?3, ?4, ?5, name, plan, language, quota_bytes, quota_messages FROM account"               \
      " WHERE id = ?1")                                                                                      \
    X(FORWARD_SET, "INSERT OR REPLACE INTO forward(account, keep_copy, since) VALUES (?1, ?2, ?3)")          \
    X(FORWARD_OFF, "DELETE FROM forward WHERE account = ?1")                                                 \
    X(FORWARD_GET, "SELECT t.target, f.keep_copy, f.since FROM forward f JOIN forward_target t"              \
                   " ON t.account = f.account WHERE f.account = ?1 ORDER BY t.position")                     \
    X(FORWARD_TARGET_ADD, "INSERT INTO forward_target(account, position, target, key)"                       \
                          " VALUES (?1, ?2, ?3, ?4)")                                                        \
    X(FORWARD_TARGETS_REMOVE, "DELETE FROM forward_target WHERE account = ?1")                               \
    X(FORWARD_USERS, "SELECT account FROM forward_target WHERE key = ?1")                                    \
    X(FORWARD_TARGET_MOVE, "UPDATE forward_target SET target = ?2, key = ?3 WHERE key = ?1")                 \
    X(FORWARD_TARGET_REMOVE, "DELETE FROM forward_target WHERE key = ?1")                                    \
    X(SEND_AS_ADD, "INSERT OR REPLACE INTO send_as(account, key, shown) VALUES (?1, ?2, ?3)")                \
    X(SEND_AS_REMOVE, "DELETE FROM send_as WHERE account = ?1 AND key = ?2")                                 \
    X(SEND_AS_LIST, "SELECT shown FROM send_as WHERE account = ?1 ORDER BY key")                             \
    X(SEND_AS_COUNT, "SELECT count(*) FROM send_as WHERE account = ?1")                                      \
    X(SEND_AS_HAS, "SELECT 1 FROM send_as WHERE account = ?1 AND key IN (?2, ?3)")                           \
    X(SEND_AS_MOVE, "UPDATE OR REPLACE send_as SET key = ?2, shown = ?3 WHERE key = ?1")                     \
    X(SEND_AS_FORGET, "DELETE FROM send_as WHERE key = ?1")                                                  \
    X(ACCOUNT_OPTIONS_LIKE, "INSERT INTO option(level, owner, name, value) SELECT level, ?2, name, value"    \
                            " FROM option WHERE level = 3 AND owner = ?1")                                   \
    X(SMART_HOST_SET, "INSERT OR REPLACE INTO smart_host(level, owner, host, port, tls, user, secret)"       \
                      " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")                                                \
    X(SMART_HOST_REMOVE, "DELETE FROM smart_host WHERE level = ?1 AND owner = ?2")                           \
    X(SMART_HOST_LIST,                                                                                       \
      "SELECT level, CASE level WHEN 2 THEN (SELECT name FROM domain WHERE id = owner)"                      \
      " WHEN 3 THEN (SELECT shown FROM account WHERE id = owner) ELSE owner END AS named, host,"             \
      " port, tls, user FROM smart_host ORDER BY level, named")                                              \
    X(SMART_HOST_FOR, "SELECT level, owner, host, port, tls, user, secret FROM smart_host WHERE"             \
                      " (level = 3 AND owner = ?1)"                                                          \
                      " OR (level = 2 AND owner = (SELECT id FROM domain WHERE name = ?2))"                  \
                      " OR (level = 1 AND owner = (SELECT plan FROM account WHERE id = ?1))"                 \
                      " OR level = 0 ORDER BY level DESC LIMIT 1")                                           \
    X(PERSON_SET, "INSERT OR REPLACE INTO person(mailbox, account, rights) VALUES (?1, ?2, ?3)")             \
    X(PERSON_REMOVE, "DELETE FROM person WHERE mailbox = ?1 AND account = ?2")                               \
    X(PERSON_GET, "SELECT rights FROM person WHERE mailbox = ?1 AND account = ?2")                           \
    X(PERSON_COUNT, "SELECT count(*) FROM person WHERE mailbox = ?1")                                        \
    X(PERSON_LIST, "SELECT a.shown, p.rights FROM person p JOIN account a ON a.id = p.account"               \
                   " WHERE p.mailbox = ?1 ORDER BY a.address")                                               \
    X(FORMER_ADD, "INSERT OR REPLACE INTO former(address, account, at) VALUES (?1, ?2, ?3)")                 \
    X(FORMER_GET, "SELECT account FROM former WHERE address = ?1 AND at > ?2")                               \
    X(FORMER_PRUNE, "DELETE FROM former WHERE at <= ?1")                                                     \
    X(ACCOUNT_REMOVE, "DELETE FROM account WHERE id = ?1")                                                   \
    X(ACCOUNT_NEXT_GENERATION, "UPDATE account SET generation = generation + 1 WHERE id = ?1")               \
    X(CREDENTIAL_GET, "SELECT hash, scram, scram_sha1 FROM credential WHERE account = ?1")                   \
    X(CREDENTIAL_SET, "INSERT INTO credential(account, hash, scram, scram_sha1) VALUES (?1, ?2, ?3, ?4)"     \
                      " ON CONFLICT(account) DO UPDATE SET hash = excluded.hash, scram = excluded.scram,"    \
                      " scram_sha1 = excluded.scram_sha1")                                                   \
    X(CREDENTIAL_UPGRADE,                                                                                    \
      "UPDATE credential SET hash = ?2, scram = ?3, scram_sha1 = ?5 WHERE account = ?1 AND"                  \
      " (SELECT generation FROM account WHERE id = ?1) = ?4")                                                \
    X(CREDENTIAL_REMOVE, "DELETE FROM credential WHERE account = ?1")                                        \
    X(SHARE_NOTE, "INSERT OR IGNORE INTO share(grantee, owner) VALUES (?1, ?2)")                             \
    X(SHARE_FORGET, "DELETE FROM share WHERE grantee = ?1 AND owner = ?2")                                   \
    X(SHARE_OF_OWNER, "SELECT grantee FROM share WHERE owner = ?1")                                          \
    X(SHARE_OWNERS, "SELECT owner FROM share WHERE grantee = ?1")                                            \
    X(SHARE_HAS, "SELECT 1 FROM share WHERE grantee = ?1 AND owner = ?2")                                    \
    X(APP_PASSWORD_ADD,                                                                                      \
      "INSERT INTO app_password(account, name, doors, made, expires, hash, scram, scram_sha1)"               \
      " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")                                                            \
    X(APP_PASSWORD_LIST, "SELECT id, name, doors, made, expires, used, hash, scram, scram_sha1"              \
                         " FROM app_password WHERE account = ?1 ORDER BY id")                                \
    X(APP_PASSWORD_GET, "SELECT expires FROM app_password WHERE id = ?1")                                    \
    X(APP_PASSWORD_USED, "UPDATE app_password SET used = ?2 WHERE id = ?1")                                  \
    X(APP_PASSWORD_REMOVE, "DELETE FROM app_password WHERE account = ?1 AND name = ?2")                      \
    X(APP_PASSWORD_REMOVE_ALL, "DELETE FROM app_password WHERE account = ?1")                                \
    X(DKIM_KEY_LIST, "SELECT k.id, k.selector, k.algorithm, k.state, k.made, k.changed, k.record"            \
                     " FROM dkim_key k JOIN domain d ON d.id = k.domain WHERE d.name = ?1"                   \
                     " ORDER BY k.algorithm, k.made, k.selector")                                            \
    X(DKIM_KEY_PENDING, "SELECT k.id, k.selector, k.algorithm, k.state, k.made, k.changed, k.record, d.name" \
                        " FROM dkim_key k JOIN domain d ON d.id = k.domain WHERE k.state = 0 ORDER BY k.id"  \
                        " LIMIT ?1")                                                                         \
    X(DKIM_KEY_ADD, "INSERT INTO dkim_key(id, domain, selector, algorithm, state, made, changed, record)"    \
                    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, ?7)")                                              \
    X(DKIM_KEY_SET_STATE, "UPDATE dkim_key SET state = ?2, changed = ?3 WHERE id = ?1")                      \
    X(DKIM_KEY_REMOVE, "DELETE FROM dkim_key WHERE id = ?1")                                                 \
    X(DESTINATION_SET, "INSERT OR REPLACE INTO destination(" DESTINATION_COLUMNS_ ")"                        \
                       " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")                                       \
    X(DESTINATION_REMOVE, "DELETE FROM destination WHERE pattern = ?1")                                      \
    X(DESTINATION_GET, "SELECT " DESTINATION_COLUMNS_ " FROM destination WHERE pattern = ?1")                \
    X(DESTINATION_LIST, "SELECT " DESTINATION_COLUMNS_ " FROM destination ORDER BY pattern")                 \
    X(DESTINATION_COUNT, "SELECT count(*) FROM destination WHERE pattern <> ?1")                             \
    X(CREDENTIAL_ANY,                                                                                        \
      "SELECT 1 FROM credential WHERE scram IS NOT NULL UNION ALL SELECT 1 FROM app_password LIMIT 1")

enum statement {
#define X(name, sql) STATEMENT_##name,
    STATEMENT_TABLE(X)
#undef X
        STATEMENTS
};

struct parameter {
    enum { PARAMETER_TEXT, PARAMETER_BLOB, PARAMETER_NUMBER } kind;
    struct slice bytes;
    uint64_t number;
};
#define TEXT(s) ((struct parameter){PARAMETER_TEXT, (s), 0})
#define BLOB(s) ((struct parameter){PARAMETER_BLOB, (s), 0}) /* p == NULL: NULL */
#define NUMBER(v) ((struct parameter){PARAMETER_NUMBER, {NULL, 0}, (v)})
#define PARAMETERS(...)                      \
    (const struct parameter[]){__VA_ARGS__}, \
        sizeof((const struct parameter[]){__VA_ARGS__}) / sizeof(struct parameter)

/* Binds the parameters. Bytes must live until the release. */
enum err sql_start(struct directory *directory, enum statement which, const struct parameter *parameters,
                   size_t count, sqlite3_stmt **ret_statement, struct error *error) MUST_CHECK;
/* The next row, or none. */
enum err sql_step(struct directory *directory, sqlite3_stmt *statement, bool *ret_row,
                  struct error *error) MUST_CHECK;
/* For CLEANUP: the statement can be started again. */
void sql_release(sqlite3_stmt **statement);
/* Start, run to the end, release. ERR_EXISTS when a row breaks a uniqueness. */
enum err sql_run(struct directory *directory, enum statement which, const struct parameter *parameters,
                 size_t count, struct error *error) MUST_CHECK;
/* A column of the row; borrowed until the next step. */
struct slice sql_bytes(sqlite3_stmt *statement, int column);
uint64_t sql_number(sqlite3_stmt *statement, int column);

#endif

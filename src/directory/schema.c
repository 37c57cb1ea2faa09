#include "directory/schema.h"

#include "store/migrate.h"

/*
 * address.kind: 1 account, 2 alias, 3 group. `shown` is as a person wrote it, `address` and `key` as they are
 * compared. doors are DOOR_TABLE's bits: POP3 1, IMAP 2, submission 4, ManageSieve 8, JMAP 16, DAV 32,
 * EAS 64, EWS 128, web 256. account.quota_bytes 0: the plan's. generation counts the changes of the password;
 * capabilities_off is a list of names (base/name_list.h). app_password.doors 0: all; times in seconds.
 */
static const char *const migrations[] = {
    "CREATE TABLE plan(name TEXT PRIMARY KEY, doors INTEGER NOT NULL, quota_bytes INTEGER NOT NULL)"
    " STRICT, WITHOUT ROWID;"
    "INSERT INTO plan VALUES ('pop3', 1+4+256, 1000000000), ('imap', 1+4+256+2+8+16, 10000000000),"
    " ('exchange', 1+4+256+2+8+16+32+64+128, 10000000000);"
    "CREATE TABLE domain(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE,"
    " catch_all TEXT NOT NULL DEFAULT '', catch_all_key TEXT NOT NULL DEFAULT '',"
    " accounts INTEGER NOT NULL DEFAULT 0, aliases INTEGER NOT NULL DEFAULT 0) STRICT;"
    "CREATE INDEX domain_catch_all ON domain(catch_all_key);"
    "CREATE TABLE address(address TEXT PRIMARY KEY, domain INTEGER NOT NULL, kind INTEGER NOT NULL,"
    " account INTEGER NOT NULL, shown TEXT NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE INDEX address_alias ON address(domain, address) WHERE kind <> 1;"
    "CREATE TRIGGER address_added AFTER INSERT ON address BEGIN UPDATE domain SET"
    " accounts = accounts + (new.kind = 1), aliases = aliases + (new.kind <> 1) WHERE id = new.domain; END;"
    "CREATE TRIGGER address_removed AFTER DELETE ON address BEGIN UPDATE domain SET"
    " accounts = accounts - (old.kind = 1), aliases = aliases - (old.kind <> 1) WHERE id = old.domain; END;"
    "CREATE TABLE target(address TEXT NOT NULL, position INTEGER NOT NULL, target TEXT NOT NULL,"
    " key TEXT NOT NULL, PRIMARY KEY(address, position)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX target_key ON target(key);"
    "CREATE TABLE account(id INTEGER PRIMARY KEY, address TEXT NOT NULL UNIQUE, domain INTEGER NOT NULL,"
    " shown TEXT NOT NULL, name TEXT NOT NULL, plan TEXT NOT NULL, language TEXT NOT NULL,"
    " quota_bytes INTEGER NOT NULL, quota_messages INTEGER NOT NULL DEFAULT 0,"
    " enabled INTEGER NOT NULL DEFAULT 1, generation INTEGER NOT NULL DEFAULT 1) STRICT;"
    "CREATE INDEX account_domain ON account(domain, address);"
    "CREATE TABLE credential(account INTEGER PRIMARY KEY, hash TEXT NOT NULL, scram BLOB) STRICT;",

    "ALTER TABLE account ADD COLUMN capabilities_off TEXT NOT NULL DEFAULT ''",
    /* who may administer which domain */
    "CREATE TABLE administrator(domain INTEGER NOT NULL, account INTEGER NOT NULL,"
    " PRIMARY KEY(domain, account)) STRICT, WITHOUT ROWID;"
    "CREATE TRIGGER administrator_left AFTER DELETE ON account BEGIN"
    " DELETE FROM administrator WHERE account = old.id; END;"
    "CREATE TRIGGER administered_left AFTER DELETE ON domain BEGIN"
    " DELETE FROM administrator WHERE domain = old.id; END;",

    "ALTER TABLE credential ADD COLUMN scram_sha1 BLOB",
    /* Who has shared something with whom: an index of the accounts' own lists (share.h). */
    "CREATE TABLE share(grantee TEXT NOT NULL, owner INTEGER NOT NULL, PRIMARY KEY(grantee, owner))"
    " STRICT, WITHOUT ROWID;"
    "CREATE INDEX share_owner ON share(owner);"
    "CREATE TRIGGER account_shares AFTER DELETE ON account BEGIN DELETE FROM share WHERE owner = old.id OR"
    " grantee = printf('account:%016llx', old.id); END;",

    "CREATE TABLE app_password(id INTEGER PRIMARY KEY AUTOINCREMENT, account INTEGER NOT NULL,"
    " name TEXT NOT NULL, doors INTEGER NOT NULL, made INTEGER NOT NULL, expires INTEGER NOT NULL,"
    " used INTEGER NOT NULL DEFAULT 0, hash BLOB NOT NULL, scram BLOB NOT NULL, scram_sha1 BLOB NOT NULL,"
    " UNIQUE(account, name)) STRICT;",

    "ALTER TABLE account ADD COLUMN certificate_login INTEGER NOT NULL DEFAULT 0",
    /* Free addresses, and who had them until when (in seconds). */
    "CREATE TABLE former(address TEXT PRIMARY KEY, account INTEGER NOT NULL, at INTEGER NOT NULL)"
    " STRICT, WITHOUT ROWID;"
    "CREATE INDEX former_at ON former(at);"
    "CREATE TRIGGER former_taken AFTER INSERT ON address BEGIN"
    " DELETE FROM former WHERE address = new.address; END;"
    "CREATE TRIGGER former_left AFTER DELETE ON account BEGIN"
    " DELETE FROM former WHERE account = old.id; END;",

    /* level 1: owner is a plan's name; 2: a domain's id; 3: an account's (enum option_level) */
    "CREATE TABLE option(level INTEGER NOT NULL, owner ANY NOT NULL, name TEXT NOT NULL,"
    " value INTEGER NOT NULL, PRIMARY KEY(level, owner, name)) STRICT, WITHOUT ROWID;"
    "CREATE TRIGGER plan_options AFTER DELETE ON plan BEGIN"
    " DELETE FROM option WHERE level = 1 AND owner = old.name; END;"
    "CREATE TRIGGER domain_options AFTER DELETE ON domain BEGIN"
    " DELETE FROM option WHERE level = 2 AND owner = old.id; END;"
    "CREATE TRIGGER account_options AFTER DELETE ON account BEGIN"
    " DELETE FROM option WHERE level = 3 AND owner = old.id; END;",
    /* address.account of a group is its id; of those that were there before 0. */
    "CREATE INDEX address_group ON address(account) WHERE kind = 3",

    /* quota_max: the most an account of the plan may get, 0: no limit. Nobody could change the given plans
       yet. */
    "ALTER TABLE plan ADD COLUMN quota_max INTEGER NOT NULL DEFAULT 0;"
    "UPDATE plan SET quota_bytes = 1073741824 WHERE quota_bytes = 1000000000;"
    "UPDATE plan SET quota_bytes = 10737418240 WHERE quota_bytes = 10000000000;"
    "CREATE INDEX account_plan ON account(plan);",
    /* since: in microseconds */
    "CREATE TABLE forward(account INTEGER PRIMARY KEY, keep_copy INTEGER NOT NULL, since INTEGER NOT NULL)"
    " STRICT;"
    "CREATE TABLE forward_target(account INTEGER NOT NULL, position INTEGER NOT NULL, target TEXT NOT NULL,"
    " key TEXT NOT NULL, PRIMARY KEY(account, position)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX forward_key ON forward_target(key);"
    "CREATE TRIGGER forward_left AFTER DELETE ON account BEGIN DELETE FROM forward WHERE account = old.id;"
    " DELETE FROM forward_target WHERE account = old.id; END;",
    /* key: an address, or '@' and a domain */
    "CREATE TABLE send_as(account INTEGER NOT NULL, key TEXT NOT NULL, shown TEXT NOT NULL,"
    " PRIMARY KEY(account, key)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX send_as_key ON send_as(key);"
    "CREATE TRIGGER send_as_left AFTER DELETE ON account BEGIN"
    " DELETE FROM send_as WHERE account = old.id; END;"
    "CREATE TRIGGER send_as_domain_left AFTER DELETE ON domain BEGIN"
    " DELETE FROM send_as WHERE key = '@' || old.name; END;",
    /* account: who may open the mailbox, itself an account; rights: enum person_rights */
    "CREATE TABLE person(mailbox INTEGER NOT NULL, account INTEGER NOT NULL, rights INTEGER NOT NULL,"
    " PRIMARY KEY(mailbox, account)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX person_account ON person(account);"
    "CREATE TRIGGER person_left AFTER DELETE ON account BEGIN"
    " DELETE FROM person WHERE mailbox = old.id OR account = old.id; END;",
    /* max_accounts 0: as many as come */
    "ALTER TABLE domain ADD COLUMN max_accounts INTEGER NOT NULL DEFAULT 0",
    /* algorithm: enum dkim_algorithm; state: enum domain_key_state; times in seconds; record: the TXT's text
     */
    "CREATE TABLE dkim_key(id INTEGER PRIMARY KEY, domain INTEGER NOT NULL, selector TEXT NOT NULL COLLATE"
    " NOCASE, algorithm INTEGER NOT NULL, state INTEGER NOT NULL, made INTEGER NOT NULL,"
    " changed INTEGER NOT NULL, record TEXT NOT NULL, UNIQUE(domain, selector)) STRICT;"
    "CREATE TRIGGER dkim_key_left AFTER DELETE ON domain BEGIN"
    " DELETE FROM dkim_key WHERE domain = old.id; END;",
    /* What accounts hold, and the sums of it for each domain: use.h. quota_* 0: none. */
    "ALTER TABLE domain ADD COLUMN quota_bytes INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE domain ADD COLUMN quota_messages INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE domain ADD COLUMN quota_warned INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE domain ADD COLUMN used_bytes INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE domain ADD COLUMN used_messages INTEGER NOT NULL DEFAULT 0;"
    "CREATE TABLE usage(account INTEGER PRIMARY KEY, domain INTEGER NOT NULL, bytes INTEGER NOT NULL,"
    " messages INTEGER NOT NULL, open INTEGER NOT NULL) STRICT;"
    "CREATE INDEX usage_open ON usage(account) WHERE open = 1;"
    "CREATE TRIGGER usage_added AFTER INSERT ON usage BEGIN UPDATE domain SET"
    " used_bytes = used_bytes + new.bytes, used_messages = used_messages + new.messages"
    " WHERE id = new.domain; END;"
    "CREATE TRIGGER usage_removed AFTER DELETE ON usage BEGIN UPDATE domain SET"
    " used_bytes = used_bytes - old.bytes, used_messages = used_messages - old.messages"
    " WHERE id = old.domain; END;"
    "CREATE TRIGGER usage_changed AFTER UPDATE OF domain, bytes, messages ON usage BEGIN"
    " UPDATE domain SET used_bytes = used_bytes - old.bytes,"
    " used_messages = used_messages - old.messages WHERE id = old.domain;"
    " UPDATE domain SET used_bytes = used_bytes + new.bytes,"
    " used_messages = used_messages + new.messages WHERE id = new.domain; END;"
    "CREATE TRIGGER account_usage_moves AFTER UPDATE OF domain ON account WHEN new.domain <> old.domain BEGIN"
    " UPDATE usage SET domain = new.domain WHERE account = new.id; END;"
    "CREATE TRIGGER account_usage_left AFTER DELETE ON account BEGIN"
    " DELETE FROM usage WHERE account = old.id; END;",
    /* level, owner: as of options; level 0, the installation, has the owner ''. secret: see smart_host.c */
    "CREATE TABLE smart_host(level INTEGER NOT NULL, owner ANY NOT NULL, host TEXT NOT NULL,"
    " port INTEGER NOT NULL, tls INTEGER NOT NULL, user TEXT NOT NULL, secret BLOB,"
    " PRIMARY KEY(level, owner)) STRICT, WITHOUT ROWID;"
    "CREATE TRIGGER plan_smart_host AFTER DELETE ON plan BEGIN"
    " DELETE FROM smart_host WHERE level = 1 AND owner = old.name; END;"
    "CREATE TRIGGER domain_smart_host AFTER DELETE ON domain BEGIN"
    " DELETE FROM smart_host WHERE level = 2 AND owner = old.id; END;"
    "CREATE TRIGGER account_smart_host AFTER DELETE ON account BEGIN"
    " DELETE FROM smart_host WHERE level = 3 AND owner = old.id; END;",
    /* Keys that wait for their record: key_watch.h. */
    "CREATE INDEX dkim_key_pending ON dkim_key(id) WHERE state = 0;",
    /* the server that has the rest of a split domain; '': there is none */
    "ALTER TABLE domain ADD COLUMN rest_host TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE domain ADD COLUMN rest_port INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE domain ADD COLUMN rest_tls INTEGER NOT NULL DEFAULT 0;",
    /* How mail leaves: destination.h. */
    "ALTER TABLE domain ADD COLUMN source_addresses TEXT NOT NULL DEFAULT '';"
    "CREATE TABLE destination(pattern TEXT PRIMARY KEY, connections INTEGER NOT NULL,"
    " messages INTEGER NOT NULL, rate INTEGER NOT NULL, tls INTEGER NOT NULL, names TEXT NOT NULL,"
    " addresses TEXT NOT NULL, host TEXT NOT NULL, port INTEGER NOT NULL) STRICT, WITHOUT ROWID;",
};

enum err directory_schema_migrate(struct database *database, struct error *error)
{
    return database_migrate(database, migrations, ARRAY_LEN(migrations), error);
}

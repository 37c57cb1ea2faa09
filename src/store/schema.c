#include "store/schema.h"

#include "store/migrate.h"

/*
 * Times are microseconds since 1970 UTC. A member's key is folder << 32 | uid: one folder's members lie
 * together and in UID order. What every FETCH and STORE needs is in the narrow member row; long texts are in
 * a table of their own. STRICT makes SQLite refuse a value of another type.
 */
static const char *const migrations[] = {
    /* 1 */
    "CREATE TABLE meta ("
    " one INTEGER PRIMARY KEY CHECK (one = 1),"
    " epoch INTEGER NOT NULL,"
    " change INTEGER NOT NULL,"      /* the last change number given */
    " log_oldest INTEGER NOT NULL,"  /* the change log is whole for every since >= this */
    " next_folder INTEGER NOT NULL," /* ids are never reused */
    " next_object INTEGER NOT NULL,"
    " next_member INTEGER NOT NULL,"
    " last_uidvalidity INTEGER NOT NULL," /* ascending, about the time in seconds */
    " bytes INTEGER NOT NULL,"            /* of all members */
    " messages INTEGER NOT NULL,"         /* members */
    " generation INTEGER NOT NULL,"       /* of the volume when this was last opened: see generation.h */
    " synced_pack INTEGER NOT NULL,"      /* records before this place are on disk for certain */
    " synced_offset INTEGER NOT NULL,"
    " pruned INTEGER NOT NULL" /* when old tombstones and log records were last dropped */
    ") STRICT;"

    "CREATE TABLE folder ("
    " id INTEGER PRIMARY KEY CHECK (id BETWEEN 1 AND 2147483647),"
    " parent INTEGER NOT NULL," /* 0: top */
    " name TEXT NOT NULL,"      /* one part of the path, NFC */
    " class INTEGER NOT NULL,"
    " role INTEGER NOT NULL,"
    " selectable INTEGER NOT NULL,"
    " uidvalidity INTEGER NOT NULL,"
    " uidnext INTEGER NOT NULL,"
    " messages INTEGER NOT NULL,"
    " unseen INTEGER NOT NULL,"
    " deleted INTEGER NOT NULL,"
    " bytes INTEGER NOT NULL,"
    " deleted_bytes INTEGER NOT NULL,"
    " recent INTEGER NOT NULL,"      /* members with uid >= recent_from */
    " recent_from INTEGER NOT NULL," /* not shown to a read-write view before */
    " changed INTEGER NOT NULL,"
    " UNIQUE (parent, name)"
    ") STRICT;"
    "CREATE UNIQUE INDEX folder_role ON folder (role) WHERE role <> 0;"

    /* Immutable content; only compaction changes its place. Alive while a member or tombstone names it. */
    "CREATE TABLE object ("
    " id INTEGER PRIMARY KEY,"
    " type INTEGER NOT NULL,"
    " thread INTEGER NOT NULL," /* the id of the thread's first object */
    " pack INTEGER NOT NULL,"
    " offset INTEGER NOT NULL,"
    " length INTEGER NOT NULL," /* of the record */
    " size INTEGER NOT NULL,"   /* RFC822.SIZE */
    " header_size INTEGER NOT NULL,"
    " internal INTEGER NOT NULL,"
    " received INTEGER NOT NULL," /* when it came into the account */
    " sent INTEGER NOT NULL"      /* the Date field, else internal */
    ") STRICT;"

    "CREATE TABLE object_text ("
    " object INTEGER PRIMARY KEY,"
    " envelope BLOB NOT NULL,"
    " structure BLOB NOT NULL,"
    " preview BLOB NOT NULL,"
    " subject BLOB NOT NULL,"
    " base_subject BLOB NOT NULL,"
    " sort_from BLOB NOT NULL,"
    " sort_to BLOB NOT NULL,"
    " sort_cc BLOB NOT NULL,"
    " message_id BLOB NOT NULL"
    ") STRICT;"

    "CREATE TABLE member ("
    " key INTEGER PRIMARY KEY," /* folder << 32 | uid */
    " flags INTEGER NOT NULL,"  /* bits 0 to 63 */
    " more BLOB,"               /* bits 64 to 255 as three little-endian words; NULL: none set */
    " changed INTEGER NOT NULL,"
    " size INTEGER NOT NULL,"
    " internal INTEGER NOT NULL,"
    " saved INTEGER NOT NULL,"
    " id INTEGER NOT NULL,"
    " object INTEGER NOT NULL,"
    " thread INTEGER NOT NULL"
    ") STRICT;"
    "CREATE INDEX member_object ON member (object);"

    "CREATE TABLE tombstone ("
    " key INTEGER PRIMARY KEY," /* folder << 32 | uid */
    " flags INTEGER NOT NULL,"
    " more BLOB,"
    " change INTEGER NOT NULL," /* that removed it */
    " removed INTEGER NOT NULL,"
    " saved INTEGER NOT NULL,"
    " id INTEGER NOT NULL,"
    " object INTEGER NOT NULL"
    ") STRICT;"
    "CREATE INDEX tombstone_object ON tombstone (object);"

    "CREATE TABLE keyword ("
    " number INTEGER PRIMARY KEY," /* bit FLAG_KEYWORDS_FROM + number */
    " name TEXT NOT NULL"
    ") STRICT;"

    /* One record per transaction, folder and kind. */
    "CREATE TABLE change_log ("
    " no INTEGER NOT NULL,"
    " folder INTEGER NOT NULL,"
    " kind INTEGER NOT NULL," /* enum change_kind */
    " time INTEGER NOT NULL,"
    " uids BLOB NOT NULL," /* uid_set_encode */
    " PRIMARY KEY (no, folder, kind)"
    ") STRICT, WITHOUT ROWID;"

    "CREATE TABLE subscription (path TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;"

    "CREATE TABLE device ("
    " protocol TEXT NOT NULL,"
    " device TEXT NOT NULL,"
    " folder INTEGER NOT NULL,"
    " key INTEGER NOT NULL," /* the protocol's number of this state */
    " state BLOB NOT NULL,"
    " seen INTEGER NOT NULL,"
    " PRIMARY KEY (protocol, device, folder, key)"
    ") STRICT, WITHOUT ROWID;"

    "CREATE TABLE share ("
    " folder INTEGER NOT NULL,"
    " grantee TEXT NOT NULL,"
    " rights TEXT NOT NULL," /* RFC 4314 letters */
    " PRIMARY KEY (folder, grantee)"
    ") STRICT, WITHOUT ROWID;"

    "CREATE TABLE delivery ("
    " id BLOB PRIMARY KEY," /* 16 bytes */
    " object INTEGER NOT NULL,"
    " seen INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID;"

    "CREATE TABLE message_id ("
    " hash INTEGER PRIMARY KEY,"
    " thread INTEGER NOT NULL"
    ") STRICT;",

    /* 2: for SORT=DISPLAY and THREAD. NULL in older rows: message_list makes the values from the header then.
     */
    "ALTER TABLE object_text ADD COLUMN display_from BLOB;"
    "ALTER TABLE object_text ADD COLUMN display_to BLOB;"
    "ALTER TABLE object_text ADD COLUMN thread_keys BLOB;",

    /* METADATA: folder 0 is the account, person 0 everybody. */
    "CREATE TABLE annotation ("
    " folder INTEGER NOT NULL,"
    " person INTEGER NOT NULL,"
    " entry TEXT NOT NULL,"
    " value BLOB," /* NULL: removed, which is remembered for a while */
    " changed INTEGER NOT NULL,"
    " PRIMARY KEY (folder, person, entry)"
    ") STRICT, WITHOUT ROWID;",

    /* URLAUTH: with what the URLs of a mailbox are signed. */
    "CREATE TABLE access_key ("
    " folder INTEGER PRIMARY KEY,"
    " key BLOB NOT NULL"
    ") STRICT;",
    /* Undelete: what tombstones keep, counted; and where folders were that are gone. */
    "ALTER TABLE tombstone ADD COLUMN size INTEGER NOT NULL DEFAULT 0;"
    "UPDATE tombstone SET size = coalesce((SELECT size FROM object WHERE id = tombstone.object), 0);"
    "CREATE INDEX tombstone_removed ON tombstone (removed);"
    "CREATE TABLE folder_grave ("
    " folder INTEGER PRIMARY KEY,"
    " path TEXT NOT NULL" /* when it was deleted */
    ") STRICT;"
    "ALTER TABLE meta ADD COLUMN deleted_bytes INTEGER NOT NULL DEFAULT 0;" /* of all tombstones */
    "ALTER TABLE meta ADD COLUMN deleted_messages INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE meta ADD COLUMN purged_bytes INTEGER NOT NULL DEFAULT 0;" /* died in packs since compaction
                                                                            */
    "UPDATE meta SET (deleted_bytes, deleted_messages) = "
    "(SELECT coalesce(sum(size), 0), count(*) FROM tombstone);",

    /* the highest percentage of the quota that the owner was warned of, and has not fallen below since */
    "ALTER TABLE meta ADD COLUMN quota_warned INTEGER NOT NULL DEFAULT 0;",

    /* \Seen for each person apart. Who has no row sees what the members' rows say. */
    "ALTER TABLE folder ADD COLUMN seen_apart INTEGER NOT NULL DEFAULT 0;"
    "CREATE TABLE seen ("
    " folder INTEGER NOT NULL,"
    " person INTEGER NOT NULL,"
    " uids BLOB NOT NULL,"     /* uid_set_encode; of UIDs that are gone it may say anything */
    " count INTEGER NOT NULL," /* members in it */
    " PRIMARY KEY (folder, person)"
    ") STRICT, WITHOUT ROWID;",

    /* Conditional STORE: which flags a record is about (change.h); -1: any, as in older rows. */
    "ALTER TABLE change_log ADD COLUMN flags INTEGER NOT NULL DEFAULT -1;",
    /* What goes by itself. */
    "CREATE TABLE folder_placed ("
    " folder INTEGER PRIMARY KEY,"
    " time INTEGER NOT NULL" /* when it came to its place by being renamed */
    ") STRICT;"
    "CREATE TABLE fetched ("
    " key INTEGER PRIMARY KEY," /* a member */
    " time INTEGER NOT NULL"    /* when POP3 fetched it first */
    ") STRICT;"
    "CREATE INDEX fetched_time ON fetched (time);",
    /* What came from other servers and files: see import.h. */
    "CREATE TABLE import_folder ("
    " id INTEGER PRIMARY KEY,"
    " source TEXT NOT NULL,"
    " name TEXT NOT NULL," /* there */
    " home INTEGER NOT NULL,"
    " UNIQUE (source, name)"
    ") STRICT;"
    "CREATE TABLE import_item ("
    " folder INTEGER NOT NULL," /* import_folder */
    " validity INTEGER NOT NULL,"
    " item INTEGER NOT NULL,"
    " member INTEGER NOT NULL," /* where it was put; 0: nowhere */
    " object INTEGER NOT NULL,"
    " digest BLOB NOT NULL,"
    " flags INTEGER NOT NULL," /* there, as in member */
    " more BLOB,"
    " PRIMARY KEY (folder, validity, item)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX import_digest ON import_item (digest);"
    "CREATE INDEX import_object ON import_item (object);",
    /* Change numbers that a crash may have taken back after clients were told them; ranges don't touch. */
    "CREATE TABLE lost_change ("
    " first INTEGER PRIMARY KEY,"
    " last INTEGER NOT NULL"
    ") STRICT;",
    SCHEMA_FORGET_BROKEN_KEYS,
    /* What the owner calls junk: see junk.h. Counts are of hashed features; nothing here can be read. */
    "CREATE TABLE junk_model ("
    " one INTEGER PRIMARY KEY CHECK (one = 1),"
    " key BLOB NOT NULL,"        /* under which everything here is hashed */
    " reading INTEGER NOT NULL," /* JUNK_READING it was learnt with */
    " junk INTEGER NOT NULL,"    /* learnt, as junk_counts are counted */
    " good INTEGER NOT NULL,"
    " era INTEGER NOT NULL,"
    " era_messages INTEGER NOT NULL,"
    " change INTEGER NOT NULL," /* the change log was looked through up to there */
    " kept INTEGER NOT NULL,"   /* objects up to this one were looked at: were they read and kept? */
    " pruned INTEGER NOT NULL"  /* meta.pruned when objects that are gone were last forgotten */
    ") STRICT;"
    "CREATE TABLE junk_token ("
    " slot INTEGER PRIMARY KEY,"
    " tag INTEGER NOT NULL," /* whose the slot is */
    " junk INTEGER NOT NULL,"
    " good INTEGER NOT NULL,"
    " era INTEGER NOT NULL"
    ") STRICT;"
    "CREATE TABLE junk_object ("
    " object INTEGER PRIMARY KEY,"
    " wanted INTEGER NOT NULL," /* enum junk_class: what it is to be learnt as */
    " learnt INTEGER NOT NULL," /* what it was learnt as */
    " era INTEGER NOT NULL"     /* when */
    ") STRICT;"
    "CREATE INDEX junk_object_due ON junk_object (object) WHERE wanted <> learnt;"
    "CREATE TABLE junk_known ("
    " hash INTEGER PRIMARY KEY," /* of an address that the owner wrote to */
    " time INTEGER NOT NULL"
    ") STRICT;",
    /* Sieve scripts; and what they are to recognize when it comes again: see remembered.h. */
    "CREATE TABLE script ("
    " name TEXT PRIMARY KEY,"
    " active INTEGER NOT NULL," /* of one at most */
    " changed INTEGER NOT NULL,"
    " text BLOB NOT NULL,"
    " code BLOB NOT NULL" /* sieve_program_put */
    ") STRICT;"
    "CREATE TABLE remembered ("
    " key BLOB PRIMARY KEY,"
    " expires INTEGER NOT NULL,"
    " delivery BLOB NOT NULL" /* that made it, or empty */
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX remembered_expires ON remembered (expires);",
    /* Out of office: see away.h. Times are microseconds, 0: open. */
    "CREATE TABLE away ("
    " one INTEGER PRIMARY KEY CHECK (one = 1),"
    " enabled INTEGER NOT NULL,"
    " first INTEGER NOT NULL,"
    " last INTEGER NOT NULL,"
    " subject TEXT NOT NULL,"
    " text TEXT NOT NULL,"
    " days INTEGER NOT NULL,"
    " since INTEGER NOT NULL"
    ") STRICT;",
};

enum err schema_migrate(struct database *database, struct error *error)
{
    return database_migrate(database, migrations, ARRAY_LEN(migrations), error);
}

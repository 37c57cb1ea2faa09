#include "store/check_run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fdio.h"
#include "base/must.h"
#include "store/derived.h"
#include "store/schema.h"

static const struct account_id account = {UINT64_C(0x0123456789abcdef)};

enum { MESSAGES = 6, SENT = 7, FINDINGS_MAX = 64 };

/* Folder 1 is INBOX with UIDs 1 to 3, folder 7 is Sent with UIDs 11 to 13; object n is UID n or n + 7. */
struct fixture {
    char path[64];
    char directory[128];
    struct volume *volume;
    struct error error;
    struct pack_place places[MESSAGES + 1];
    struct check_finding findings[FINDINGS_MAX];
    char where[FINDINGS_MAX][128];
    size_t count;
    uint64_t deleted; /* messages that a test made tombstones of */
    struct check_result result;
};

static void sql_run(struct fixture *t, const char *sql)
{
    struct database database;
    memset(&database, 0, sizeof(database));
    assert_int_equal(volume_database_open(t->volume, "accounts/01/0123456789abcdef/account.db", true,
                                          &database, &t->error),
                     ERR_OK);
    assert_int_equal(schema_migrate(&database, &t->error), ERR_OK);
    if (sqlite3_exec(database.sqlite, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s", sqlite3_errmsg(database.sqlite));
    volume_database_close(&database);
}

static int64_t sql_number(struct fixture *t, const char *sql)
{
    struct database database;
    sqlite3_stmt *statement = NULL;
    memset(&database, 0, sizeof(database));
    assert_int_equal(volume_database_open(t->volume, "accounts/01/0123456789abcdef/account.db", false,
                                          &database, &t->error),
                     ERR_OK);
    assert_int_equal(sqlite3_prepare_v2(database.sqlite, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int64_t number = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    volume_database_close(&database);
    return number;
}

static void message_text(unsigned n, char ret_text[static 512])
{
    snprintf(ret_text, 512,
             "From: a%u@b.example\r\nSubject: number %u\r\nDate: Sun, 22 Nov 2026 14:00:0%u "
             "+0000\r\n\r\nBody %u\r\n",
             n, n, n, n);
}

static void message_rows(struct fixture *t, struct packs *packs, unsigned n)
{
    char text[512];
    message_text(n, text);
    unsigned folder = n <= 3 ? 1 : SENT;
    unsigned uid = n <= 3 ? n : n + 7;
    struct pack_record record = {.object = {n},
                                 .folder = {folder},
                                 .uid = {uid},
                                 .internal_date_us = 1000 + n,
                                 .body = slice_cstr(text)};
    assert_int_equal(packs_append(packs, &record, &t->places[n], &t->error), ERR_OK);
    CLEANUP(arena_release) struct arena arena = ARENA(DERIVED_ARENA_MAX);
    struct derived derived;
    struct database database;
    sqlite3_stmt *statement = NULL;
    assert_int_equal(derived_make(&arena, record.body, 1000 + n, &derived, &t->error), ERR_OK);
    char sql[2048];
    snprintf(sql, sizeof(sql),
             "INSERT INTO object VALUES (%u, 0, %u, %u, %llu, %llu, %zu, %zu, %u, %u, %lld);"
             "INSERT INTO member VALUES ((%u << 32) + %u, %u, NULL, %u, %zu, %u, %u, %u, %u, %u)",
             n, n, t->places[n].pack, (unsigned long long)t->places[n].offset,
             (unsigned long long)t->places[n].length, record.body.n,
             (size_t)slice_find(record.body, S("\r\n\r\n")) + 4, 1000 + n, 1000 + n,
             (long long)derived.sent_us, folder, uid, n % 2, n, record.body.n, 1000 + n, 1000 + n, n, n, n);
    sql_run(t, sql);
    memset(&database, 0, sizeof(database));
    assert_int_equal(volume_database_open(t->volume, "accounts/01/0123456789abcdef/account.db", false,
                                          &database, &t->error),
                     ERR_OK);
    assert_int_equal(sqlite3_prepare_v2(database.sqlite,
                                        "INSERT INTO object_text VALUES (" DERIVED_TEXT_VALUES ")", -1,
                                        &statement, NULL),
                     SQLITE_OK);
    derived_bind(statement, record.object, &derived);
    assert_int_equal(sqlite3_step(statement), SQLITE_DONE);
    sqlite3_finalize(statement);
    volume_database_close(&database);
}

static int set_up(void **state)
{
    struct fixture *t = calloc(1, sizeof(*t));
    must(t != NULL);
    snprintf(t->path, sizeof(t->path), "/tmp/check-test-XXXXXX");
    must(mkdtemp(t->path) != NULL);
    snprintf(t->directory, sizeof(t->directory), "%s/accounts/01/0123456789abcdef", t->path);
    assert_int_equal(volume_open_local(t->path, &t->volume, &t->error), ERR_OK);
    assert_int_equal(volume_directory_make(t->volume, "accounts/01/0123456789abcdef", &t->error), ERR_OK);
    sql_run(t, "INSERT INTO meta VALUES (1, 77, 10, 0, 8, 7, 7, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);"
               "INSERT INTO folder VALUES (1, 0, 'INBOX', 0, 1, 1, 4, 9, 0, 0, 0, 0, 0, 0, 100, 3, 0);"
               "INSERT INTO folder VALUES (7, 0, 'Sent', 0, 2, 1, 5, 20, 0, 0, 0, 0, 0, 0, 100, 6, 0);"
               "INSERT INTO subscription VALUES ('INBOX');"
               "INSERT INTO keyword VALUES (0, 'Work');");
    struct packs *packs = NULL;
    assert_int_equal(packs_open(t->volume, account, (struct pack_mark){0}, &packs, &t->error), ERR_OK);
    for (unsigned n = 1; n <= MESSAGES; n++)
        message_rows(t, packs, n);
    assert_int_equal(packs_sync(packs, &t->error), ERR_OK);
    struct pack_mark mark = packs_synced(packs);
    packs_close(packs);
    char sql[1024];
    snprintf(sql, sizeof(sql),
             "UPDATE folder SET messages = 3, unseen = (SELECT sum(flags & 1 = 0) FROM member "
             "WHERE key >> 32 = folder.id), "
             "bytes = (SELECT sum(size) FROM member WHERE key >> 32 = folder.id);"
             "UPDATE meta SET messages = 6, bytes = (SELECT sum(size) FROM member), synced_pack = %u, "
             "synced_offset = %llu",
             mark.pack, (unsigned long long)mark.offset);
    sql_run(t, sql);
    *state = t;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *t = *state;
    must(volume_directory_remove(t->volume, "accounts", &t->error) == ERR_OK);
    volume_close(t->volume);
    char lock[128];
    snprintf(lock, sizeof(lock), "%s/lock", t->path);
    unlink(lock);
    rmdir(t->path);
    free(t);
    return 0;
}

static void on_finding(void *context, const struct check_finding *finding)
{
    struct fixture *t = context;
    must(t->count < FINDINGS_MAX);
    t->findings[t->count] = *finding;
    snprintf(t->where[t->count], sizeof(t->where[0]), "%s", finding->where);
    t->count++;
}

static void check(struct fixture *t, bool repair)
{
    const struct check_options options = {.repair = repair, .report = on_finding, .context = t};
    t->count = 0;
    if (check_run(t->volume, account, &options, &t->result, &t->error) != ERR_OK)
        fail_msg("%s", t->error.detail);
    assert_int_equal(t->result.findings, t->count);
}

static bool found(const struct fixture *t, const char *what, const char *where)
{
    for (size_t i = 0; i < t->count; i++)
        if (strcmp(t->findings[i].what, what) == 0 && strstr(t->where[i], where) != NULL)
            return true;
    for (size_t i = 0; i < t->count; i++)
        print_message("  %s | %s | %s\n", t->findings[i].what, t->where[i], t->findings[i].problem);
    return false;
}

/* Finds, mends, and then finds nothing any more. */
static void assert_mended(struct fixture *t, const char *what, const char *where, uint64_t lost)
{
    check(t, false);
    assert_true(found(t, what, where));
    assert_int_equal(t->result.repaired, 0);
    check(t, true);
    assert_true(found(t, what, where));
    assert_int_equal(t->result.lost, lost);
    assert_int_equal(t->result.repaired + t->result.lost, t->result.findings);
    assert_int_equal(t->result.messages, MESSAGES - t->deleted - lost);
    check(t, false);
    if (t->count > 0)
        found(t, "", "show what is left");
    assert_int_equal(t->result.findings, 0);
    assert_int_equal(t->result.messages, MESSAGES - t->deleted - lost);
}

/* The messages that are left are where they were, as they were. */
static void assert_kept(struct fixture *t, uint64_t but)
{
    for (unsigned n = 1; n <= MESSAGES; n++) {
        char sql[512];
        unsigned folder = n <= 3 ? 1 : SENT;
        unsigned uid = n <= 3 ? n : n + 7;
        snprintf(sql, sizeof(sql),
                 "SELECT count(*) FROM member JOIN object ON object.id = member.object JOIN object_text ON "
                 "object_text.object = object.id WHERE key = (%u << 32) + %u AND flags = %u AND object.id = "
                 "%u AND "
                 "object_text.subject = CAST('number %u' AS BLOB)",
                 folder, uid, n % 2, n, n);
        assert_int_equal(sql_number(t, sql), n == but ? 0 : 1);
    }
    assert_int_equal(
        sql_number(t, "SELECT count(*) FROM folder WHERE (id = 1 AND name = 'INBOX' AND role = 1 AND "
                      "uidvalidity = 4) OR (id = 7 AND name = 'Sent' AND uidvalidity = 5)"),
        2);
    assert_int_equal(sql_number(t, "SELECT count(*) FROM keyword WHERE name = 'Work'"), 1);
}

static void pack_path(const struct fixture *t, unsigned pack, char ret_path[static 256])
{
    snprintf(ret_path, 256, "%s/packs/%08u.pack", t->directory, pack);
}

static void flip(const char *path, uint64_t offset, size_t n)
{
    CLEANUP(fd_close) int fd = open(path, O_RDWR | O_CLOEXEC);
    for (size_t i = 0; i < n; i++) {
        char byte = 0;
        assert_int_equal(pread(fd, &byte, 1, (off_t)(offset + i)), 1);
        byte = (char)(byte ^ 0x55);
        assert_int_equal(pwrite(fd, &byte, 1, (off_t)(offset + i)), 1);
    }
}

static void flip_in_record(struct fixture *t, unsigned n, uint64_t offset)
{
    char path[256];
    pack_path(t, 1, path);
    flip(path, t->places[n].offset + offset, 1);
}

static ino_t database_inode(const struct fixture *t)
{
    char path[256];
    struct stat st;
    snprintf(path, sizeof(path), "%s/account.db", t->directory);
    assert_int_equal(stat(path, &st), 0);
    return st.st_ino;
}

static void test_healthy_account_is_left_alone(void **state)
{
    struct fixture *t = *state;
    ino_t before = database_inode(t);
    check(t, false);
    if (t->count > 0)
        found(t, "", "show");
    assert_int_equal(t->result.findings, 0);
    check(t, true);
    assert_int_equal(t->result.findings, 0);
    assert_int_equal(t->result.messages, MESSAGES);
    assert_true(database_inode(t) == before);
    assert_int_equal(sql_number(t, "SELECT epoch FROM meta"), 77);
    assert_kept(t, 0);
}

static void test_damaged_body_is_lost_and_the_rest_kept(void **state)
{
    struct fixture *t = *state;
    flip_in_record(t, 5, t->places[5].length - 1);
    assert_mended(t, "message", "folder 7 UID 12", 1);
    assert_kept(t, 5);
    assert_int_not_equal(sql_number(t, "SELECT epoch FROM meta"), 77);
    /* What was damaged is kept. */
    char path[256];
    snprintf(path, sizeof(path), "%s/account.db.damaged-1", t->directory);
    assert_int_equal(access(path, F_OK), 0);
    snprintf(path, sizeof(path), "%s/pack-00000001.damaged-1", t->directory);
    assert_int_equal(access(path, F_OK), 0);
}

static void test_damaged_header_is_found(void **state)
{
    struct fixture *t = *state;
    flip_in_record(t, 2, PACK_FIXED + 3);
    check(t, false);
    assert_true(found(t, "pack record", "pack 1 offset"));
    assert_mended(t, "message", "folder 1 UID 2", 1);
    assert_kept(t, 2);
}

static void test_damaged_fixed_part_is_found(void **state)
{
    struct fixture *t = *state;
    flip_in_record(t, 1, 60);
    assert_mended(t, "message", "folder 1 UID 1", 1);
    assert_kept(t, 1);
}

static void test_truncated_pack_loses_only_what_was_cut(void **state)
{
    struct fixture *t = *state;
    char path[256];
    pack_path(t, 1, path);
    assert_int_equal(truncate(path, (off_t)(t->places[6].offset + 20)), 0);
    assert_mended(t, "message", "folder 7 UID 13", 1);
    assert_kept(t, 6);
}

static void test_missing_pack_loses_its_messages(void **state)
{
    struct fixture *t = *state;
    char path[256];
    pack_path(t, 1, path);
    assert_int_equal(unlink(path), 0);
    assert_mended(t, "message", "folder 1 UID 3", MESSAGES);
    assert_int_equal(sql_number(t, "SELECT count(*) FROM folder WHERE messages = 0 AND bytes = 0"), 2);
}

static void test_row_that_points_nowhere_finds_its_record(void **state)
{
    struct fixture *t = *state;
    sql_run(t, "UPDATE object SET offset = offset + 1 WHERE id = 4");
    assert_mended(t, "object", "object 4", 0);
    assert_kept(t, 0);
}

static void test_lost_object_row_is_made_from_the_message(void **state)
{
    struct fixture *t = *state;
    sql_run(t, "DELETE FROM object WHERE id = 3; DELETE FROM object_text WHERE object = 3");
    assert_mended(t, "object", "object 3", 0);
    assert_kept(t, 0);
}

static void test_wrong_derived_values_are_made_again(void **state)
{
    struct fixture *t = *state;
    sql_run(
        t,
        "UPDATE object_text SET envelope = x'00' WHERE object = 2; UPDATE object SET sent = 4 WHERE id = 5");
    assert_mended(t, "object", "object 2", 0);
    assert_kept(t, 0);
}

static void test_wrong_counters_are_counted_again(void **state)
{
    struct fixture *t = *state;
    int64_t bytes = sql_number(t, "SELECT bytes FROM folder WHERE id = 7");
    sql_run(t, "UPDATE folder SET messages = 9, bytes = 1 WHERE id = 7; UPDATE meta SET bytes = 3");
    assert_mended(t, "counter", "folder 7", 0);
    assert_int_equal(sql_number(t, "SELECT bytes FROM folder WHERE id = 7"), bytes);
    assert_kept(t, 0);
}

/* Object 6 is UID 13 of Sent. */
static void tombstone_make(struct fixture *t)
{
    t->deleted = 1;
    sql_run(
        t, "INSERT INTO tombstone SELECT key, flags, more, changed, 5, saved, id, object, size FROM member "
           "WHERE object = 6; DELETE FROM member WHERE object = 6;"
           "UPDATE folder SET (messages, unseen, bytes) = (SELECT count(*), sum(flags & 1 = 0), sum(size) "
           "FROM member WHERE key >> 32 = 7) WHERE id = 7;"
           "UPDATE meta SET (messages, bytes) = (SELECT count(*), sum(size) FROM member);"
           "UPDATE meta SET (deleted_messages, deleted_bytes) = (SELECT count(*), sum(size) FROM tombstone)");
}

static void test_what_was_deleted_is_counted_again(void **state)
{
    struct fixture *t = *state;
    tombstone_make(t);
    int64_t bytes = sql_number(t, "SELECT size FROM tombstone");
    sql_run(t, "UPDATE meta SET deleted_messages = 4; UPDATE tombstone SET size = 1");
    assert_mended(t, "counter", "deleted messages", 0);
    assert_int_equal(sql_number(t, "SELECT deleted_messages FROM meta"), 1);
    assert_int_equal(sql_number(t, "SELECT deleted_bytes FROM meta"), bytes);
    assert_int_equal(sql_number(t, "SELECT size FROM tombstone"), bytes);
}

static void test_what_was_deleted_is_checked_too(void **state)
{
    struct fixture *t = *state;
    tombstone_make(t);
    sql_run(t, "UPDATE object SET sent = 4 WHERE id = 6");
    assert_mended(t, "object", "object 6", 0);
    assert_int_equal(sql_number(t, "SELECT deleted_messages FROM meta"), 1);
}

static void test_low_uidnext_is_raised(void **state)
{
    struct fixture *t = *state;
    sql_run(t, "UPDATE folder SET uidnext = 12 WHERE id = 7");
    assert_mended(t, "UIDNEXT", "folder 7", 0);
    assert_int_equal(sql_number(t, "SELECT uidnext FROM folder WHERE id = 7"), 14);
    assert_kept(t, 0);
}

/* The set of UIDs 10 and 12 is 0a 00 01 00 (uid_set_encode); Sent has 11 to 13, and UIDNEXT 20. */
static void test_what_is_seen_is_counted_again(void **state)
{
    struct fixture *t = *state;
    sql_run(t,
            "UPDATE folder SET seen_apart = 1 WHERE id = 7; INSERT INTO seen VALUES (7, 5, x'0a000100', 1)");
    check(t, false);
    assert_int_equal(t->result.findings, 0);
    sql_run(t, "UPDATE seen SET count = 2");
    assert_mended(t, "seen", "folder 7 person 0000000000000005", 0);
    sql_run(t, "UPDATE seen SET uids = x'0a000108', person = -1"); /* 12 to 20 */
    assert_mended(t, "seen", "folder 7 person ffffffffffffffff", 0);
    assert_int_equal(sql_number(t, "SELECT count FROM seen WHERE hex(uids) = '0A000107'"), 2);
    sql_run(t, "UPDATE seen SET uids = x'0a'");
    assert_mended(t, "seen", "folder 7 person ffffffffffffffff", 0);
    assert_int_equal(sql_number(t, "SELECT count(*) FROM seen"), 0);
    sql_run(t, "INSERT INTO seen VALUES (1, 5, x'', 0), (999, 5, x'', 0)");
    assert_mended(t, "seen", "folder 999 person 0000000000000005", 0);
    assert_int_equal(sql_number(t, "SELECT count(*) FROM seen"), 0);
    assert_kept(t, 0);
}

static void test_low_change_and_id_numbers_are_raised(void **state)
{
    struct fixture *t = *state;
    sql_run(t, "UPDATE meta SET change = 2, next_object = 3, next_member = 1");
    assert_mended(t, "change number", "account", 0);
    assert_int_equal(sql_number(t, "SELECT next_object FROM meta"), 7);
    assert_kept(t, 0);
}

static void test_object_without_a_message_goes(void **state)
{
    struct fixture *t = *state;
    sql_run(
        t,
        "INSERT INTO object SELECT 9, type, 9, pack, offset, length, size, header_size, internal, received, "
        "sent FROM object WHERE id = 1");
    assert_mended(t, "object", "object 9", 0);
    assert_kept(t, 0);
}

static void test_second_record_of_an_object_is_no_damage(void **state)
{
    struct fixture *t = *state;
    struct packs *packs = NULL;
    struct pack_place place;
    struct object_id object = {1};
    struct pack_mark mark = {1, t->places[6].offset + t->places[6].length};
    assert_int_equal(packs_open(t->volume, account, mark, &packs, &t->error), ERR_OK);
    assert_int_equal(packs_move(packs, t->places[1], object, &place, &t->error), ERR_OK);
    packs_close(packs);
    check(t, false);
    assert_int_equal(t->result.findings, 0);
    /* It even stands in for the first. */
    flip_in_record(t, 1, 60);
    assert_mended(t, "object", "object 1", 0);
    assert_kept(t, 0);
}

static void test_message_in_an_unknown_folder_comes_back(void **state)
{
    struct fixture *t = *state;
    sql_run(t, "DELETE FROM folder WHERE id = 7");
    assert_mended(t, "folder", "folder 7", 0);
    assert_int_equal(
        sql_number(t, "SELECT count(*) FROM folder WHERE id = 7 AND name = 'Folder 7' AND messages = 3 "
                      "AND parent = (SELECT id FROM folder WHERE name = 'Recovered' AND parent = 0)"),
        1);
    assert_int_equal(
        sql_number(t, "SELECT count(*) FROM member WHERE key >> 32 = 7 AND key & 255 IN (11, 12, 13)"), 3);
}

static void test_database_that_is_gone_is_made_from_the_packs(void **state)
{
    struct fixture *t = *state;
    char path[256];
    snprintf(path, sizeof(path), "%s/account.db", t->directory);
    assert_int_equal(unlink(path), 0);
    assert_mended(t, "database", "account.db", 0);
    assert_int_equal(
        sql_number(t, "SELECT count(*) FROM member WHERE key IN (4294967297, 4294967298, 4294967299, "
                      "30064771083, 30064771084, 30064771085)"),
        6);
    assert_int_equal(
        sql_number(t, "SELECT count(*) FROM folder WHERE id = 1 AND name = 'INBOX' AND role = 1 AND "
                      "messages = 3 AND uidnext = 4"),
        1);
    assert_int_equal(sql_number(t, "SELECT count(*) FROM folder WHERE id = 7 AND name = 'Folder 7'"), 1);
}

static void test_database_of_garbage_is_kept_and_replaced(void **state)
{
    struct fixture *t = *state;
    char path[256];
    snprintf(path, sizeof(path), "%s/account.db", t->directory);
    flip(path, 0, 4096);
    assert_mended(t, "database", "account.db", 0);
    snprintf(path, sizeof(path), "%s/account.db.damaged-1", t->directory);
    assert_int_equal(access(path, F_OK), 0);
}

/* Whichever page is destroyed: every message is there afterwards, and a second check is clean. */
static void test_any_destroyed_page_costs_no_message(void **state)
{
    struct fixture *t = *state;
    char path[256];
    snprintf(path, sizeof(path), "%s/account.db", t->directory);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    CLEANUP(buf_release) struct buf whole = BUF(16 << 20);
    CLEANUP(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(fd_read_all(fd, &whole, &t->error), ERR_OK);
    for (off_t page = 0; page < st.st_size / 4096; page++) {
        CLEANUP(fd_close) int out = open(path, O_RDWR | O_TRUNC | O_CREAT | O_CLOEXEC, 0600);
        assert_int_equal(fd_write_all(out, buf_slice(&whole), &t->error), ERR_OK);
        fd_close(&out);
        flip(path, (uint64_t)page * 4096, 4096);
        check(t, true);
        if (t->result.messages != MESSAGES || t->result.lost != 0)
            fail_msg("page %ld: %llu messages", (long)page, (unsigned long long)t->result.messages);
        check(t, false);
        if (t->result.findings != 0)
            found(t, "", "show");
        assert_int_equal(t->result.findings, 0);
    }
}

/* A record that no row names was removed long ago, if the rows about messages can all be read. */
static void test_damaged_index_does_not_bring_removed_messages_back(void **state)
{
    struct fixture *t = *state;
    struct packs *packs = NULL;
    struct pack_place place;
    struct pack_mark mark = {1, t->places[6].offset + t->places[6].length};
    struct pack_record record = {.object = {5000}, .folder = {1}, .uid = {5}, .body = S("Gone: yes\r\n\r\n")};
    assert_int_equal(packs_open(t->volume, account, mark, &packs, &t->error), ERR_OK);
    assert_int_equal(packs_append(packs, &record, &place, &t->error), ERR_OK);
    packs_close(packs);
    sql_run(t, "UPDATE meta SET next_object = 5001");
    int64_t page = sql_number(t, "SELECT rootpage FROM sqlite_schema WHERE name = 'member_object'");
    char path[256];
    snprintf(path, sizeof(path), "%s/account.db", t->directory);
    flip(path, (uint64_t)(page - 1) * 4096, 4096);
    check(t, false);
    assert_true(found(t, "database", "account.db"));
    check(t, true);
    assert_int_equal(t->result.messages, MESSAGES);
    check(t, false);
    assert_int_equal(t->result.findings, 0);
    assert_kept(t, 0);
}

static void test_torn_tail_is_set_aside_by_a_repair(void **state)
{
    struct fixture *t = *state;
    char path[256];
    pack_path(t, 1, path);
    CLEANUP(fd_close) int fd = open(path, O_RDWR | O_APPEND | O_CLOEXEC);
    assert_int_equal(fd_write_all(fd, S("PHR1 torn"), &t->error), ERR_OK);
    sql_run(t, "UPDATE meta SET messages = 3");
    assert_mended(t, "counter", "account", 0);
    assert_kept(t, 0);
}

static void test_garbage_among_the_packs_is_put_aside(void **state)
{
    struct fixture *t = *state;
    char path[256];
    snprintf(path, sizeof(path), "%s/packs/core.1234", t->directory);
    fd_close(&(int){open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600)});
    pack_path(t, 3, path);
    CLEANUP(fd_close) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(fd_write_all(fd, S("PHR1 but no record of ours"), &t->error), ERR_OK);
    check(t, false);
    assert_true(found(t, "file", "packs/core.1234"));
    check(t, true);
    check(t, true);
    assert_kept(t, 0);
}

static void test_torn_tail_behind_the_mark_is_no_damage(void **state)
{
    struct fixture *t = *state;
    char path[256];
    pack_path(t, 1, path);
    CLEANUP(fd_close) int fd = open(path, O_RDWR | O_APPEND | O_CLOEXEC);
    assert_int_equal(fd_write_all(fd, S("PHR1 torn"), &t->error), ERR_OK);
    check(t, false);
    assert_int_equal(t->result.findings, 0);
}

static void test_interrupted_exchange_is_ended(void **state)
{
    struct fixture *t = *state;
    char from[256];
    char to[256];
    snprintf(from, sizeof(from), "%s/account.db", t->directory);
    snprintf(to, sizeof(to), "%s/account.db.repaired", t->directory);
    assert_int_equal(rename(from, to), 0);
    check(t, false);
    assert_int_equal(t->result.findings, 0);
    assert_kept(t, 0);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_healthy_account_is_left_alone),
        TEST(test_damaged_body_is_lost_and_the_rest_kept),
        TEST(test_damaged_header_is_found),
        TEST(test_damaged_fixed_part_is_found),
        TEST(test_truncated_pack_loses_only_what_was_cut),
        TEST(test_missing_pack_loses_its_messages),
        TEST(test_row_that_points_nowhere_finds_its_record),
        TEST(test_lost_object_row_is_made_from_the_message),
        TEST(test_wrong_derived_values_are_made_again),
        TEST(test_wrong_counters_are_counted_again),
        TEST(test_what_was_deleted_is_counted_again),
        TEST(test_what_was_deleted_is_checked_too),
        TEST(test_low_uidnext_is_raised),
        TEST(test_what_is_seen_is_counted_again),
        TEST(test_low_change_and_id_numbers_are_raised),
        TEST(test_object_without_a_message_goes),
        TEST(test_second_record_of_an_object_is_no_damage),
        TEST(test_message_in_an_unknown_folder_comes_back),
        TEST(test_database_that_is_gone_is_made_from_the_packs),
        TEST(test_database_of_garbage_is_kept_and_replaced),
        TEST(test_any_destroyed_page_costs_no_message),
        TEST(test_damaged_index_does_not_bring_removed_messages_back),
        TEST(test_torn_tail_is_set_aside_by_a_repair),
        TEST(test_garbage_among_the_packs_is_put_aside),
        TEST(test_torn_tail_behind_the_mark_is_no_damage),
        TEST(test_interrupted_exchange_is_ended),
    };
    return cmocka_run_group_tests_name("check", tests, NULL, NULL);
}

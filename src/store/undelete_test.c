#include "store/undelete.h"

#include "base/clock.h"
#include "store/compact.h"
#include "store/prune.h"
#include "store/testing.h"
#include "store/tombstone.h"

static const struct deleted_query everything = {0};

static void expunge(struct fixture *fixture, struct folder_id folder, uint32_t first, uint32_t last)
{
    CLEANUP(uid_set_release) struct uid_set uids = range(first, last);
    CLEANUP(uid_set_release) struct uid_set removed = {0};
    OK(message_expunge(fixture->account, folder, &uids, false, &removed, &fixture->error));
}

static uint64_t bring_back(struct fixture *fixture, const struct deleted_query *query, const char *to)
{
    struct undelete_result result;
    OK(undelete(fixture->account, query, slice_cstr(to), &result, &fixture->error));
    account_check_invariants(fixture->account);
    return result.messages;
}

static struct message *list(struct fixture *fixture, struct folder_id folder, size_t *ret_count)
{
    CLEANUP(uid_set_release) struct uid_set all = range(1, UINT32_MAX);
    struct message *messages;
    OK(message_list(fixture->account, folder, &all, WANT_FLAGS, 0, &fixture->arena, &messages, ret_count,
                    &fixture->error));
    return messages;
}

static struct account_usage usage(struct fixture *fixture)
{
    struct account_usage usage = {0};
    OK(account_usage(fixture->account, &usage, &fixture->error));
    return usage;
}

static void test_comes_back_as_it_was(void **state)
{
    struct fixture *fixture = *state;
    unsigned keyword;
    OK(keyword_bit(fixture->account, S("$Work"), true, &keyword, &fixture->error));
    struct append_item item = {
        .folder = fixture->inbox.id, .body = small_message, .internal_date_us = 86400 * CLOCK_SECOND};
    flag_set(&item.flags, FLAG_FLAGGED);
    flag_set(&item.flags, FLAG_DELETED);
    flag_set(&item.flags, keyword);
    struct append_result added;
    OK(message_append(fixture->account, &item, 1, &added, &fixture->error));
    size_t count;
    struct message before = list(fixture, fixture->inbox.id, &count)[0];
    expunge(fixture, fixture->inbox.id, 1, 1);
    assert_int_equal(usage(fixture).bytes, 0);
    assert_int_equal(usage(fixture).deleted_bytes, small_message.n);
    assert_int_equal(usage(fixture).deleted_messages, 1);
    assert_int_equal(bring_back(fixture, &everything, ""), 1);
    struct message after = list(fixture, fixture->inbox.id, &count)[0];
    assert_int_equal(count, 1);
    assert_int_equal(after.uid.v, before.uid.v + 1);
    assert_true(after.member.v != before.member.v);
    assert_int_equal(after.object.v, before.object.v);
    assert_int_equal(after.thread.v, before.thread.v);
    assert_int_equal(after.internal_date_us, before.internal_date_us);
    assert_true(after.saved_us > before.saved_us);
    assert_true(flag_has(&after.flags, FLAG_FLAGGED) && flag_has(&after.flags, keyword));
    assert_false(flag_has(&after.flags, FLAG_DELETED)); /* the next EXPUNGE would take it again */
    assert_int_equal(usage(fixture).deleted_bytes, 0);
    assert_int_equal(bring_back(fixture, &everything, ""), 0);
    fixture_again(fixture);
    assert_int_equal(bring_back(fixture, &everything, ""), 0);
    list(fixture, fixture->inbox.id, &count);
    assert_int_equal(count, 1);
}

static void test_sessions_are_told(void **state)
{
    struct fixture *fixture = *state;
    append(fixture, fixture->inbox.id, small_message);
    expunge(fixture, fixture->inbox.id, 1, 1);
    struct view *view;
    OK(view_open(fixture->account, fixture->inbox.id, true, &view, &fixture->error));
    CLEANUP(view_changes_release) struct view_changes changes = {0};
    assert_int_equal(bring_back(fixture, &everything, ""), 1);
    OK(view_sync(view, true, &changes, &fixture->error));
    assert_true(changes.exists_changed);
    assert_int_equal(changes.exists, 1);
    view_check(view);
    view_close(view);
}

/* The folder itself, however it is called today; else one at its path of then. */
static void test_goes_where_it_was(void **state)
{
    struct fixture *fixture = *state;
    struct folder_id renamed = make_folder(fixture, "Work");
    struct folder_id gone = make_folder(fixture, "Old/Deep");
    append(fixture, renamed, small_message);
    append(fixture, gone, small_message);
    expunge(fixture, renamed, 1, 1);
    OK(folder_rename(fixture->account, S("Work"), S("Jobs"), &fixture->error));
    OK(folder_delete(fixture->account, S("Old/Deep"), &fixture->error));
    OK(folder_delete(fixture->account, S("Old"), &fixture->error));
    assert_int_equal(bring_back(fixture, &everything, ""), 2);
    struct folder folder;
    OK(folder_find(fixture->account, S("Jobs"), &fixture->arena, &folder, &fixture->error));
    assert_int_equal(folder.messages, 1);
    OK(folder_find(fixture->account, S("Old/Deep"), &fixture->arena, &folder, &fixture->error));
    assert_int_equal(folder.messages, 1);
    assert_int_equal(folder_find(fixture->account, S("Work"), &fixture->arena, &folder, &fixture->error),
                     ERR_NOT_FOUND);
}

static void test_name_that_was_left_is_a_mailbox_again(void **state)
{
    struct fixture *fixture = *state;
    struct folder_id id = make_folder(fixture, "Work");
    make_folder(fixture, "Work/Below");
    append(fixture, id, small_message);
    uint32_t uidvalidity = get_folder(fixture, id).uidvalidity;
    OK(folder_delete(fixture->account, S("Work"), &fixture->error));
    assert_int_equal(bring_back(fixture, &everything, ""), 1);
    struct folder folder = get_folder(fixture, id);
    assert_true(folder.selectable && folder.messages == 1);
    assert_true(folder.uidvalidity > uidvalidity);
}

static void test_goes_where_it_is_wanted(void **state)
{
    struct fixture *fixture = *state;
    append(fixture, fixture->inbox.id, small_message);
    expunge(fixture, fixture->inbox.id, 1, 1);
    assert_int_equal(bring_back(fixture, &everything, "Found/Again"), 1);
    struct folder folder;
    OK(folder_find(fixture->account, S("Found/Again"), &fixture->arena, &folder, &fixture->error));
    assert_int_equal(folder.messages, 1);
    struct undelete_result ignored;
    assert_int_equal(undelete(fixture->account, &everything, S("a//b"), &ignored, &fixture->error),
                     ERR_INVALID);
}

/* MOVE, and COPY with EXPUNGE as clients without MOVE do. */
static void test_moving_is_no_deletion(void **state)
{
    struct fixture *fixture = *state;
    struct folder_id work = make_folder(fixture, "Work");
    append(fixture, fixture->inbox.id, small_message);
    append(fixture, fixture->inbox.id, small_message);
    for (uint32_t uid = 1; uid <= 2; uid++) {
        CLEANUP(uid_set_release) struct uid_set one = range(uid, uid);
        CLEANUP(copy_result_release) struct copy_result copied = {0};
        OK(message_copy(fixture->account, fixture->inbox.id, &one, work, uid == 1, &copied, &fixture->error));
    }
    expunge(fixture, fixture->inbox.id, 2, 2);
    assert_int_equal(bring_back(fixture, &everything, ""), 0);
    expunge(fixture, work, 1, 2);
    assert_int_equal(bring_back(fixture, &everything, ""), 2);
    assert_int_equal(get_folder(fixture, work).messages, 2);
}

/* Two copies that go in one run are two deletions; each comes back once. */
static void test_copies_removed_together_come_back_together(void **state)
{
    struct fixture *fixture = *state;
    append(fixture, fixture->inbox.id, small_message);
    CLEANUP(uid_set_release) struct uid_set one = range(1, 1);
    CLEANUP(copy_result_release) struct copy_result copied = {0};
    OK(message_copy(fixture->account, fixture->inbox.id, &one, fixture->inbox.id, false, &copied,
                    &fixture->error));
    expunge(fixture, fixture->inbox.id, 1, 2);
    assert_int_equal(bring_back(fixture, &everything, ""), 2);
    assert_int_equal(bring_back(fixture, &everything, ""), 0);
}

struct told {
    struct deleted_message messages[8];
    size_t count;
    struct arena arena;
};

static enum err note(void *context, const struct deleted_message *message, struct error *error)
{
    struct told *told = context;
    (void)error;
    struct deleted_message *copy = &told->messages[told->count++];
    *copy = *message;
    copy->folder = arena_dup(&told->arena, message->folder);
    copy->from = arena_dup(&told->arena, message->from);
    copy->subject = arena_dup(&told->arena, message->subject);
    return ERR_OK;
}

static size_t seen(struct fixture *fixture, const struct deleted_query *query, struct told *told)
{
    *told = (struct told){.arena = ARENA(1 << 20)};
    OK(deleted_each(fixture->account, query, note, told, &fixture->error));
    size_t count = told->count;
    arena_release(&told->arena);
    return count;
}

static void test_tells_what_was_deleted(void **state)
{
    struct fixture *fixture = *state;
    make_folder(fixture, "Work");
    append(fixture, fixture->inbox.id, small_message);
    append(fixture, fixture->inbox.id, S("no header at all"));
    int64_t start = clock_wall_us();
    expunge(fixture, fixture->inbox.id, 1, 2);
    struct told told = {.arena = ARENA(1 << 20)};
    OK(deleted_each(fixture->account, &everything, note, &told, &fixture->error));
    assert_int_equal(told.count, 2);
    const struct deleted_message *message = &told.messages[0];
    assert_true(slice_eq(message->folder, S("INBOX")));
    assert_true(slice_eq(message->subject, S("Re: Lunch")));
    assert_true(slice_eq(message->from, S("Ann <ann@example.org>")));
    assert_int_equal(message->sent_us / CLOCK_SECOND, 837596665);
    assert_int_equal(message->size, small_message.n);
    assert_true(message->removed_us >= start);
    assert_int_equal(message->until_us - message->removed_us, UNDELETE_KEEP_DAYS * CLOCK_DAY);
    assert_int_equal(told.messages[1].subject.n, 0);
    arena_release(&told.arena);
}

static void test_chooses_by_what_is_asked(void **state)
{
    struct fixture *fixture = *state;
    struct told told;
    struct folder_id work = make_folder(fixture, "Work");
    append(fixture, fixture->inbox.id, small_message);
    append(fixture, work,
           S("From: =?utf-8?q?J=C3=B6rg?= <j@example.net>\r\nSubject: Stra\xc3\x9f"
             "e\r\n\r\nx\r\n"));
    expunge(fixture, fixture->inbox.id, 1, 1);
    expunge(fixture, work, 1, 1);
    assert_int_equal(seen(fixture, &(struct deleted_query){.folder = S("inbox")}, &told), 1);
    assert_int_equal(seen(fixture, &(struct deleted_query){.folder = S("Nowhere")}, &told), 0);
    assert_int_equal(seen(fixture, &(struct deleted_query){.subject = S("LUNCH")}, &told), 1);
    assert_int_equal(seen(fixture, &(struct deleted_query){.subject = S("strasse")}, &told), 1);
    assert_int_equal(seen(fixture, &(struct deleted_query){.from = S("j\xc3\x96rg")}, &told), 1);
    assert_int_equal(seen(fixture, &(struct deleted_query){.from = S("ANN@EXAMPLE")}, &told), 1);
    assert_int_equal(seen(fixture, &(struct deleted_query){.from = S("ann"), .folder = S("Work")}, &told), 0);
    assert_int_equal(
        seen(fixture, &(struct deleted_query){.since_us = clock_wall_us() + CLOCK_SECOND}, &told), 0);
    assert_int_equal(bring_back(fixture, &(struct deleted_query){.subject = S("lunch")}, ""), 1);
    assert_int_equal(get_folder(fixture, work).messages, 0);
    assert_int_equal(seen(fixture, &everything, &told), 1);
}

/* More than a batch and a page, in several folders. */
static void test_many_come_back(void **state)
{
    struct fixture *fixture = *state;
    enum { MANY = TOMBSTONE_BATCH + UNDELETE_BATCH + 7 };
    struct folder_id work = make_folder(fixture, "Work");
    struct append_item *items = calloc(MANY, sizeof(*items));
    struct append_result *results = calloc(MANY, sizeof(*results));
    assert_non_null(items);
    assert_non_null(results);
    for (unsigned i = 0; i < MANY; i++)
        items[i] =
            (struct append_item){.folder = i % 3 == 0 ? work : fixture->inbox.id, .body = small_message};
    OK(message_append(fixture->account, items, MANY, results, &fixture->error));
    free(items);
    free(results);
    expunge(fixture, fixture->inbox.id, 1, UINT32_MAX);
    expunge(fixture, work, 1, UINT32_MAX);
    assert_int_equal(bring_back(fixture, &everything, ""), MANY);
    assert_int_equal(get_folder(fixture, work).messages, (MANY + 2) / 3);
    assert_int_equal(usage(fixture).messages, MANY);
}

static void test_time_takes_it_away(void **state)
{
    struct fixture *fixture = *state;
    append(fixture, fixture->inbox.id, small_message);
    append(fixture, fixture->inbox.id, small_message);
    expunge(fixture, fixture->inbox.id, 1, 1);
    clock_shift(UNDELETE_KEEP_DAYS * CLOCK_DAY - CLOCK_HOUR);
    OK(account_prune(fixture->account, &fixture->error));
    assert_int_equal(usage(fixture).deleted_messages, 1);
    clock_shift(2 * CLOCK_HOUR);
    assert_int_equal(bring_back(fixture, &everything, ""), 0); /* before anybody has swept */
    expunge(fixture, fixture->inbox.id, 2, 2);
    OK(account_prune(fixture->account, &fixture->error));
    clock_shift(-UNDELETE_KEEP_DAYS * CLOCK_DAY - CLOCK_HOUR);
    assert_int_equal(usage(fixture).deleted_messages, 1);
    assert_int_equal(bring_back(fixture, &everything, ""), 1);
}

static void test_off_keeps_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct told told;
    struct account_limits limits = {.undelete_keep_s = 0};
    store_account_limits(fixture->store, test_account, &limits);
    append(fixture, fixture->inbox.id, small_message);
    expunge(fixture, fixture->inbox.id, 1, 1);
    assert_int_equal(seen(fixture, &everything, &told), 0);
    OK(account_prune(fixture->account, &fixture->error));
    assert_int_equal(usage(fixture).deleted_messages, 0);
}

/* A mailbox that is filled and emptied again and again. */
static void test_deleted_mail_is_capped_by_the_quota(void **state)
{
    struct fixture *fixture = *state;
    enum { ROOM = 10 };
    struct account_limits limits = ACCOUNT_LIMITS_DEFAULT;
    limits.quota_bytes = ROOM * small_message.n;
    assert_true(tombstone_cap(&limits) <= limits.quota_bytes);
    limits.quota_bytes += 100; /* percents round down */
    store_account_limits(fixture->store, test_account, &limits);
    uint32_t last = 0;
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < ROOM; i++)
            last = append(fixture, fixture->inbox.id, small_message);
        expunge(fixture, fixture->inbox.id, 1, UINT32_MAX);
        account_check_invariants(fixture->account);
        assert_int_equal(usage(fixture).deleted_messages, ROOM);
    }
    append(fixture, fixture->inbox.id, small_message);
    expunge(fixture, fixture->inbox.id, last + 1, last + 1); /* one more than the limit: the oldest goes */
    assert_int_equal(usage(fixture).deleted_messages, ROOM);
    size_t count;
    assert_int_equal(bring_back(fixture, &everything, ""), ROOM);
    const struct message *messages = list(fixture, fixture->inbox.id, &count);
    assert_int_equal(messages[0].object.v, 5 * ROOM + 1 - ROOM + 1);
}

static bool file_holds(const struct fixture *fixture, const char *name, const char *text)
{
    char path[200];
    char bytes[1 << 20];
    snprintf(path, sizeof(path), "%s/accounts/12/1234567890abcdef/%s", fixture->directory, name);
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return false;
    size_t n = fread(bytes, 1, sizeof(bytes), file);
    fclose(file);
    return memmem(bytes, n, text, strlen(text)) != NULL;
}

static bool held_anywhere(const struct fixture *fixture, const char *text)
{
    return file_holds(fixture, "account.db", text) || file_holds(fixture, "account.db-wal", text) ||
           file_holds(fixture, "packs/00000001.pack", text) ||
           file_holds(fixture, "packs/00000002.pack", text) ||
           file_holds(fixture, "packs/00000003.pack", text);
}

static void test_purge_leaves_no_byte(void **state)
{
    struct fixture *fixture = *state;
    append(fixture, fixture->inbox.id, S("Subject: terriblesecret\r\n\r\nunspeakablebody\r\n"));
    append(fixture, fixture->inbox.id, S("Subject: harmlessthing\r\n\r\nstays\r\n"));
    expunge(fixture, fixture->inbox.id, 1, 1);
    assert_true(held_anywhere(fixture, "unspeakablebody"));
    assert_true(held_anywhere(fixture, "terriblesecret"));
    struct undelete_result result;
    OK(undelete_purge(fixture->account, &result, &fixture->error));
    assert_int_equal(result.messages, 1);
    account_check_invariants(fixture->account);
    assert_false(held_anywhere(fixture, "unspeakablebody"));
    assert_false(held_anywhere(fixture, "terriblesecret"));
    assert_true(held_anywhere(fixture, "harmlessthing"));
    assert_int_equal(bring_back(fixture, &everything, ""), 0);
    CLEANUP(content_release) struct content content = {0};
    OK(message_read(fixture->account, (struct object_id){2}, CONTENT_WHOLE, &content, &fixture->error));
    OK(undelete_purge(fixture->account, &result, &fixture->error));
    assert_int_equal(result.messages, 0);
}

static void test_compaction_keeps_what_can_come_back(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < 20; i++)
        append(fixture, fixture->inbox.id, small_message);
    expunge(fixture, fixture->inbox.id, 1, 20);
    struct compact_result compacted;
    OK(compact_account(fixture->account, COMPACT_ALL, &compacted, &fixture->error));
    fixture_again(fixture);
    assert_int_equal(bring_back(fixture, &everything, ""), 20);
    size_t count;
    const struct message *messages = list(fixture, fixture->inbox.id, &count);
    for (size_t i = 0; i < count; i++) {
        CLEANUP(content_release) struct content content = {0};
        OK(message_read(fixture->account, messages[i].object, CONTENT_WHOLE, &content, &fixture->error));
        assert_true(slice_eq(content.whole, small_message));
    }
}

/* Random appends, copies, expunges, deleted folders: whatever was there and is nowhere comes back once. */
static void test_every_object_comes_back(void **state)
{
    struct fixture *fixture = *state;
    unsigned seed = 11;
    char name[16];
    for (int step = 0; step < 400; step++) {
        seed = seed * 1103515245 + 12345;
        snprintf(name, sizeof(name), "f%u", (seed >> 16) % 4);
        struct folder_id folder;
        struct folder found;
        if (folder_find(fixture->account, slice_cstr(name), &fixture->arena, &found, &fixture->error) ==
            ERR_OK)
            folder = found.id;
        else
            folder = make_folder(fixture, name);
        CLEANUP(uid_set_release) struct uid_set some = range(seed >> 20 & 15, (seed >> 20 & 15) + 5);
        CLEANUP(copy_result_release) struct copy_result copied = {0};
        switch (seed >> 24 & 7) {
        case 0:
        case 1:
        case 2:
            append(fixture, folder, small_message);
            break;
        case 3:
            OK(message_copy(fixture->account, folder, &some, fixture->inbox.id, (seed >> 28 & 1) != 0,
                            &copied, &fixture->error));
            break;
        case 4:
            OK(folder_delete(fixture->account, slice_cstr(name), &fixture->error));
            break;
        case 5:
            bring_back(fixture, &(struct deleted_query){.folder = slice_cstr(name)}, "");
            break;
        default:
            expunge(fixture, (seed >> 28 & 1) != 0 ? folder : fixture->inbox.id, some.ranges[0].first,
                    some.ranges[0].last);
        }
        account_check_invariants(fixture->account);
    }
    bring_back(fixture, &everything, "All");
    assert_int_equal(usage(fixture).deleted_messages, 0);
    uint64_t objects = 0;
    for (uint64_t id = 1;; id++, objects++) {
        CLEANUP(content_release) struct content content = {0};
        if (message_read(fixture->account, (struct object_id){id}, CONTENT_WHOLE, &content,
                         &fixture->error) != ERR_OK)
            break;
    }
    assert_true(objects > 100);
    assert_true(usage(fixture).messages >= objects);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_comes_back_as_it_was),
        STORE_TEST(test_sessions_are_told),
        STORE_TEST(test_goes_where_it_was),
        STORE_TEST(test_name_that_was_left_is_a_mailbox_again),
        STORE_TEST(test_goes_where_it_is_wanted),
        STORE_TEST(test_moving_is_no_deletion),
        STORE_TEST(test_copies_removed_together_come_back_together),
        STORE_TEST(test_tells_what_was_deleted),
        STORE_TEST(test_chooses_by_what_is_asked),
        STORE_TEST(test_many_come_back),
        STORE_TEST(test_time_takes_it_away),
        STORE_TEST(test_off_keeps_nothing),
        STORE_TEST(test_deleted_mail_is_capped_by_the_quota),
        STORE_TEST(test_purge_leaves_no_byte),
        STORE_TEST(test_compaction_keeps_what_can_come_back),
        STORE_TEST(test_every_object_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

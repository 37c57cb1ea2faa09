#include "base/clock.h"
#include "store/schema.h"
#include "store/testing.h"

#include "store/account.h"
#include "store/prune.h"

enum { KEYWORD_TOO_MANY = KEYWORDS_MAX + 1 };

static struct message *list_all(struct fixture *fixture, struct folder_id folder, unsigned want,
                                size_t *count)
{
    struct message *messages = NULL;
    CLEANUP(uid_set_release) struct uid_set all = range(1, UINT32_MAX);
    OK(message_list(fixture->account, folder, &all, want, 0, &fixture->arena, &messages, count,
                    &fixture->error));
    return messages;
}

/* --- accounts --- */

static void test_new_account_has_the_standard_folders(void **state)
{
    struct fixture *fixture = *state;
    struct folder *folders;
    size_t count;
    OK(folder_list(fixture->account, &fixture->arena, &folders, &count, &fixture->error));
    const char *names[] = {"INBOX", "Archive", "Drafts", "Junk", "Sent", "Trash"};
    assert_int_equal(count, ARRAY_LEN(names));
    for (size_t i = 0; i < count; i++) {
        assert_true(slice_eq(folders[i].path, slice_cstr(names[i])));
        assert_true(folders[i].subscribed && folders[i].selectable && !folders[i].has_children);
        assert_true(folders[i].uidvalidity > 0);
        assert_int_equal(folders[i].uidnext, 1);
    }
    assert_string_equal(folder_role_attribute(folders[4].role), "\\Sent");
    assert_int_equal(store_account_create(fixture->store, test_account, &fixture->error), ERR_EXISTS);
}

static void test_account_in_use_is_not_removed(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(store_account_remove(fixture->store, test_account, &fixture->error), ERR_BUSY);
    account_unref(take(fixture->account));
    OK(store_account_remove(fixture->store, test_account, &fixture->error));
    struct account *account;
    assert_int_equal(store_account(fixture->store, test_account, &account, &fixture->error), ERR_NOT_FOUND);
}

static void test_closes_idle_accounts_over_the_limit(void **state)
{
    struct fixture *fixture = *state;
    account_unref(take(fixture->account));
    store_close(fixture->store);
    struct store_options options = {.directory = fixture->directory, .open_max = 2};
    OK(store_open(&options, &fixture->store, &fixture->error));
    for (uint64_t id = 1; id <= 5; id++) {
        struct account *account;
        OK(store_account_create(fixture->store, (struct account_id){id}, &fixture->error));
        OK(store_account(fixture->store, (struct account_id){id}, &account, &fixture->error));
        OK(account_sync(account, &fixture->error));
        account_unref(account);
    }
    struct account_id *ids;
    size_t count;
    OK(store_account_list(fixture->store, &fixture->arena, &ids, &count, &fixture->error));
    assert_int_equal(count, 6);
    fixture_account(fixture);
}

static void test_store_sync_covers_many_accounts(void **state)
{
    struct fixture *fixture = *state;
    for (uint64_t id = 1; id <= 12; id++) {
        struct account *account;
        struct folder inbox;
        struct append_result result;
        OK(store_account_create(fixture->store, (struct account_id){id}, &fixture->error));
        OK(store_account(fixture->store, (struct account_id){id}, &account, &fixture->error));
        OK(folder_by_role(account, ROLE_FOLDER_INBOX, &fixture->arena, &inbox, &fixture->error));
        struct append_item item = {.folder = inbox.id, .body = small_message};
        OK(message_append(account, &item, 1, &result, &fixture->error));
        account_unref(account);
    }
    OK(store_sync(fixture->store, &fixture->error));
    OK(store_sync(fixture->store, &fixture->error));
}

/* --- adding and reading --- */

static void test_thread_keys_and_display_names_are_listed(void **state)
{
    struct fixture *fixture = *state;
    struct append_item item = {
        .folder = fixture->inbox.id,
        .body = S("From: =?utf-8?Q?J=C3=B6rg?= <j@example.org>\r\nTo: anna@example.net\r\nSubject: Re: x\r\n"
                  "Message-ID: <\"2\"@example.org>\r\nIn-Reply-To: <9@example.org>\r\n"
                  "References: <1@example.org>\r\n <2@example.org>\r\n\r\nHello\r\n")};
    struct append_result result;
    OK(message_append(fixture->account, &item, 1, &result, &fixture->error));
    /* Twice: as it was written, and brought up from the schema before there were such columns. */
    for (int old = 0; old < 2; old++) {
        size_t count;
        struct message *m = list_all(fixture, fixture->inbox.id, WANT_SORT_KEYS, &count);
        assert_int_equal(count, 1);
        assert_true(slice_eq(m->display_from, S("J\xc3\xb6rg")));
        assert_true(slice_eq(m->display_to, S("anna@example.net")));
        assert_int_equal(m->thread_keys.n, 1 + 3 * 8);
        assert_int_equal(m->thread_keys.p[0], 1);
        assert_memory_equal(m->thread_keys.p + 1, m->thread_keys.p + 1 + 2 * 8, 8); /* both are <2@...> */
        assert_memory_not_equal(m->thread_keys.p + 1, m->thread_keys.p + 1 + 8, 8);
        assert_int_equal(sqlite3_exec(fixture->account->database.sqlite,
                                      "UPDATE object_text SET (display_from, display_to, thread_keys) = "
                                      "(NULL, NULL, NULL)", /* as a row from before they were kept */
                                      NULL, NULL, NULL),
                         SQLITE_OK);
        fixture_again(fixture);
    }
}

/* Accounts from before broken texts had sort keys of their own (RFC 5255 4.6) are brought along. */
static void test_keys_of_broken_texts_are_made_anew(void **state)
{
    struct fixture *fixture = *state;
    sqlite3 *sqlite = fixture->account->database.sqlite;
    static const struct {
        const char *subject;
        const char *stored;
        const char *wanted;
    } rows[] = {
        {"plain", "as stored", "as stored"},
        {"=?UTF-8?Q?=C3=A4?= =?koi8-r?q?=C1?=", "as stored", "as stored"},
        {"=?UTF-8?Q?a=FF?=", "a\xef\xbf\xbd",
         "\xff"
         "a\xff"},
        {"=?utf-8?q?a?= =?x-nope?q?b?=", "ab",
         "\xff"
         "ab"},
        {"=?utf-8*en?q?a?=", "from the header", "a"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(buf_release) struct buf text = BUF(1000);
        buf_printf(&text, "Subject: %s\r\n\r\nx\r\n", rows[i].subject);
        append(fixture, fixture->inbox.id, buf_slice(&text));
        buf_clear(&text);
        buf_printf(
            &text,
            "UPDATE object_text SET (subject, base_subject) = (CAST('%s' AS BLOB), CAST('%s' AS BLOB)) "
            "WHERE object = (SELECT max(object) FROM object_text)",
            rows[i].stored, rows[i].stored);
        assert_int_equal(sqlite3_exec(sqlite, buf_cstr(&text), NULL, NULL, NULL), SQLITE_OK);
    }
    assert_int_equal(sqlite3_exec(sqlite, SCHEMA_FORGET_BROKEN_KEYS, NULL, NULL, NULL), SQLITE_OK);
    fixture_again(fixture);
    size_t count;
    struct message *m = list_all(fixture, fixture->inbox.id, WANT_SORT_KEYS, &count);
    assert_int_equal(count, ARRAY_LEN(rows));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_true(slice_eq(m[i].base_subject, slice_cstr(rows[i].wanted)) && m[i].thread_keys.n > 0);
}

static void test_appended_message_reads_back(void **state)
{
    struct fixture *fixture = *state;
    struct append_item item = {.folder = fixture->inbox.id,
                               .prefix = S("Return-Path: <a@example.org>\r\n"),
                               .body = small_message,
                               .internal_date_us = 1234567};
    struct append_result result;
    flag_set(&item.flags, FLAG_FLAGGED);
    flag_set(&item.flags, FLAG_BITS - 1);
    OK(message_append(fixture->account, &item, 1, &result, &fixture->error));
    fixture_again(fixture);
    size_t count;
    struct message *m = list_all(fixture, fixture->inbox.id,
                                 WANT_ENVELOPE | WANT_STRUCTURE | WANT_PREVIEW | WANT_SORT_KEYS, &count);
    assert_int_equal(count, 1);
    assert_int_equal(m->uid.v, 1);
    assert_int_equal(m->object.v, result.object.v);
    assert_int_equal(m->internal_date_us, 1234567);
    assert_int_equal(m->size, item.prefix.n + item.body.n);
    assert_true(flag_has(&m->flags, FLAG_FLAGGED) && flag_has(&m->flags, FLAG_BITS - 1));
    assert_false(flag_has(&m->flags, FLAG_SEEN));
    assert_true(slice_eq(m->subject, S("Re: Lunch")) && slice_eq(m->base_subject, S("Lunch")));
    assert_true(slice_eq(m->message_id, S("<1@example.org>")) && slice_eq(m->preview, S("Hello, lunch?")));
    assert_true(slice_starts(m->envelope, S("(\"Wed, 17 Jul 1996")) && m->structure.n > 0);
    assert_int_equal(m->sent_us, INT64_C(837596665) * CLOCK_SECOND);
    CLEANUP(content_release) struct content whole = {0};
    CLEANUP(content_release) struct content header = {0};
    OK(message_read(fixture->account, m->object, CONTENT_WHOLE, &whole, &fixture->error));
    assert_int_equal(whole.whole.n, m->size);
    assert_true(slice_starts(whole.whole, item.prefix) && slice_ends(whole.whole, item.body));
    OK(message_read(fixture->account, m->object, CONTENT_HEADER, &header, &fixture->error));
    assert_int_equal(header.whole.n, whole.header_n);
    assert_int_equal(
        message_read(fixture->account, (struct object_id){99999}, CONTENT_WHOLE, &whole, &fixture->error),
        ERR_NOT_FOUND);
}

static void test_large_message_with_prefix_gets_the_joined_header(void **state)
{
    struct fixture *fixture = *state;
    size_t n = 600 * 1024;
    char *text = malloc(n);
    assert_non_null(text);
    memset(text, 'x', n);
    memcpy(text, "Subject: big\r\n\r\n", 16);
    struct append_item item = {.folder = fixture->inbox.id,
                               .prefix = S("Message-ID: <2@example.org>\r\n"),
                               .body = slice_of(text, n)};
    struct append_result result;
    OK(message_append(fixture->account, &item, 1, &result, &fixture->error));
    free(text);
    size_t count;
    struct message *m = list_all(fixture, fixture->inbox.id, WANT_SORT_KEYS, &count);
    assert_true(slice_eq(m->message_id, S("<2@example.org>")) && slice_eq(m->subject, S("big")));
}

static void test_delivery_seen_before_is_not_added_again(void **state)
{
    struct fixture *fixture = *state;
    struct append_item item = {
        .folder = fixture->inbox.id, .body = small_message, .delivery_id = S("0123456789abcdef")};
    struct append_result first, second;
    OK(message_append(fixture->account, &item, 1, &first, &fixture->error));
    OK(message_append(fixture->account, &item, 1, &second, &fixture->error));
    assert_false(first.duplicate);
    assert_true(second.duplicate);
    assert_int_equal(first.object.v, second.object.v);
    assert_int_equal(get_folder(fixture, fixture->inbox.id).messages, 1);
    item.delivery_id.n = 15;
    assert_int_equal(message_append(fixture->account, &item, 1, &second, &fixture->error), ERR_INVALID);
}

static void test_quota_is_kept_unless_ignored(void **state)
{
    struct fixture *fixture = *state;
    struct account_limits limits = {.quota_messages = 2, .quota_bytes = small_message.n * 10};
    store_account_limits(fixture->store, test_account, &limits);
    struct append_item items[3] = {{.folder = fixture->inbox.id, .body = small_message},
                                   {.folder = fixture->inbox.id, .body = small_message},
                                   {.folder = fixture->inbox.id, .body = small_message}};
    struct append_result results[3];
    assert_int_equal(message_append(fixture->account, items, 3, results, &fixture->error), ERR_QUOTA);
    assert_int_equal(get_folder(fixture, fixture->inbox.id).messages, 0); /* all or none */
    OK(message_append(fixture->account, items, 2, results, &fixture->error));
    CLEANUP(uid_set_release) struct uid_set all = range(1, 9);
    CLEANUP(copy_result_release) struct copy_result copied = {0};
    assert_int_equal(message_copy(fixture->account, fixture->inbox.id, &all, fixture->inbox.id, false,
                                  &copied, &fixture->error),
                     ERR_QUOTA);
    items[2].ignore_quota = true;
    OK(message_append(fixture->account, &items[2], 1, results, &fixture->error));
    struct account_usage usage;
    OK(account_usage(fixture->account, &usage, &fixture->error));
    assert_int_equal(usage.messages, 3);
    assert_int_equal(usage.bytes, 3 * small_message.n);
    account_check_invariants(fixture->account);
}

static void test_replacing_is_one_change_on_net_quota(void **state)
{
    struct fixture *fixture = *state;
    struct account_limits limits = {.quota_messages = 1};
    struct append_item item = {.folder = fixture->inbox.id, .body = small_message};
    struct append_result result;
    store_account_limits(fixture->store, test_account, &limits);
    uint32_t uid = append(fixture, fixture->inbox.id, small_message);
    struct folder before = get_folder(fixture, fixture->inbox.id);
    OK(message_replace(fixture->account, &item, fixture->inbox.id, (struct uid){uid}, &result,
                       &fixture->error));
    struct folder after = get_folder(fixture, fixture->inbox.id);
    assert_int_equal(after.changed.v, before.changed.v + 1);
    assert_int_equal(after.messages, 1);
    assert_int_equal(result.uid.v, uid + 1);
    assert_int_equal(result.uidvalidity, after.uidvalidity);
    /* Gone: nothing is added in its place. */
    assert_int_equal(message_replace(fixture->account, &item, fixture->inbox.id, (struct uid){uid}, &result,
                                     &fixture->error),
                     ERR_NOT_FOUND);
    /* What can't be added doesn't take the old one away. */
    item.folder.v += 1000;
    assert_int_equal(
        message_replace(fixture->account, &item, fixture->inbox.id, result.uid, &result, &fixture->error),
        ERR_NOT_FOUND);
    assert_int_equal(get_folder(fixture, fixture->inbox.id).messages, 1);
    account_check_invariants(fixture->account);
}

static void test_replies_share_a_thread(void **state)
{
    struct fixture *fixture = *state;
    append(fixture, fixture->inbox.id, S("Message-ID: <a@x>\r\n\r\n"));
    append(fixture, fixture->inbox.id, S("Message-ID: <b@x>\r\nIn-Reply-To: <a@x>\r\n\r\n"));
    append(fixture, fixture->inbox.id, S("Message-ID: <d@x>\r\nReferences: <b@x> <c@x>\r\n\r\n"));
    append(fixture, fixture->inbox.id, S("Message-ID: <c@x>\r\n\r\n"));
    append(fixture, fixture->inbox.id, S("Message-ID: <e@x>\r\n\r\n"));
    size_t count;
    struct message *m = list_all(fixture, fixture->inbox.id, WANT_FLAGS, &count);
    assert_int_equal(m[1].thread.v, m[0].thread.v);
    assert_int_equal(m[2].thread.v, m[0].thread.v);
    assert_int_equal(m[3].thread.v, m[0].thread.v);
    assert_int_not_equal(m[4].thread.v, m[0].thread.v);
}

/* --- flags, copies --- */

static void test_unchanged_since_skips_what_changed(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < 3; i++)
        append(fixture, fixture->inbox.id, small_message);
    struct account_state then;
    OK(account_state(fixture->account, &then, &fixture->error));
    struct flagset seen = {{1 << FLAG_SEEN}};
    CLEANUP(uid_set_release) struct uid_set two = range(2, 2);
    CLEANUP(uid_set_release) struct uid_set all = range(1, 3);
    CLEANUP(flag_result_release) struct flag_result first = {0};
    CLEANUP(flag_result_release) struct flag_result second = {0};
    CLEANUP(flag_result_release) struct flag_result third = {0};
    struct flagset flagged = {{1 << FLAG_FLAGGED}};
    OK(message_flags(fixture->account, fixture->inbox.id, &two, FLAGS_ADD, &flagged, (struct change_no){0},
                     &first, &fixture->error));
    OK(message_flags(fixture->account, fixture->inbox.id, &all, FLAGS_REPLACE, &seen, then.change, &second,
                     &fixture->error));
    assert_int_equal(uid_set_size(&second.changed), 2);
    assert_int_equal(uid_set_size(&second.modified), 1);
    assert_true(uid_set_has(&second.modified, 2));
    assert_true(second.change.v > first.change.v);
    assert_int_equal(get_folder(fixture, fixture->inbox.id).unseen, 1);
    OK(message_flags(fixture->account, fixture->inbox.id, &two, FLAGS_ADD, &flagged, (struct change_no){0},
                     &third, &fixture->error));
    assert_int_equal(third.change.v, 0); /* nothing changed */
}

static void test_move_keeps_object_and_date(void **state)
{
    struct fixture *fixture = *state;
    append(fixture, fixture->inbox.id, small_message);
    struct folder_id to = make_folder(fixture, "Work");
    size_t count;
    struct message *before = list_all(fixture, fixture->inbox.id, WANT_FLAGS, &count);
    CLEANUP(uid_set_release) struct uid_set all = range(1, 1);
    CLEANUP(copy_result_release) struct copy_result moved = {0};
    OK(message_copy(fixture->account, fixture->inbox.id, &all, to, true, &moved, &fixture->error));
    struct message *after = list_all(fixture, to, WANT_FLAGS, &count);
    assert_int_equal(count, 1);
    assert_int_equal(after->object.v, before->object.v);
    assert_int_not_equal(after->member.v, before->member.v);
    assert_int_equal(after->internal_date_us, before->internal_date_us);
    assert_int_equal(get_folder(fixture, fixture->inbox.id).messages, 0);
    account_check_invariants(fixture->account);
}

static void test_keywords_keep_their_first_spelling_and_are_limited(void **state)
{
    struct fixture *fixture = *state;
    unsigned bit, again;
    OK(keyword_bit(fixture->account, S("$Forwarded"), true, &bit, &fixture->error));
    OK(keyword_bit(fixture->account, S("$FORWARDED"), true, &again, &fixture->error));
    assert_int_equal(bit, again);
    assert_int_equal(keyword_bit(fixture->account, S("other"), false, &bit, &fixture->error), ERR_NOT_FOUND);
    for (int i = 1; i < KEYWORDS_MAX; i++) {
        char name[16];
        snprintf(name, sizeof(name), "k%d", i);
        OK(keyword_bit(fixture->account, slice_cstr(name), true, &bit, &fixture->error));
    }
    assert_int_equal(bit, FLAG_BITS - 1);
    assert_int_equal(keyword_bit(fixture->account, S("one more"), true, &bit, &fixture->error), ERR_LIMIT);
    fixture_again(fixture);
    struct slice *names;
    size_t count;
    OK(keyword_names(fixture->account, &fixture->arena, &names, &count, &fixture->error));
    assert_int_equal(count, KEYWORDS_MAX);
    assert_true(slice_eq(names[0], S("$Forwarded")));
}

/* --- the change log, pruning --- */

static void test_change_list_tells_what_happened_in_order(void **state)
{
    struct fixture *fixture = *state;
    struct account_state then;
    OK(account_state(fixture->account, &then, &fixture->error));
    append(fixture, fixture->inbox.id, small_message);
    make_folder(fixture, "a/b/c");
    CLEANUP(uid_set_release) struct uid_set one = range(1, 1);
    CLEANUP(uid_set_release) struct uid_set removed = {0};
    OK(message_expunge(fixture->account, fixture->inbox.id, &one, false, &removed, &fixture->error));
    CLEANUP(change_list_release) struct change_list list = {0};
    OK(change_list(fixture->account, (struct folder_id){0}, then.change, 0, &list, &fixture->error));
    assert_int_equal(list.count, 5);
    assert_int_equal(list.changes[0].kind, CHANGE_ADDED);
    assert_int_equal(list.changes[1].kind, CHANGE_FOLDER_MADE);
    assert_int_equal(list.changes[4].kind, CHANGE_REMOVED);
    assert_true(uid_set_has(&list.changes[4].uids, 1));
    CLEANUP(change_list_release) struct change_list page = {0};
    OK(change_list(fixture->account, (struct folder_id){0}, list.changes[0].no, 1, &page, &fixture->error));
    assert_int_equal(page.count, 3); /* a page never ends within a number */
    assert_true(page.more);
}

static void test_old_tombstones_and_changes_are_forgotten(void **state)
{
    struct fixture *fixture = *state;
    append(fixture, fixture->inbox.id, small_message);
    CLEANUP(uid_set_release) struct uid_set one = range(1, 1);
    CLEANUP(uid_set_release) struct uid_set removed = {0};
    OK(message_expunge(fixture->account, fixture->inbox.id, &one, false, &removed, &fixture->error));
    account_check_invariants(fixture->account);
    clock_shift((CHANGE_KEEP_DAYS + 1) * CLOCK_DAY);
    enum err err = account_prune(fixture->account, &fixture->error);
    clock_shift(-(CHANGE_KEEP_DAYS + 1) * CLOCK_DAY);
    assert_int_equal(err, ERR_OK);
    account_check_invariants(fixture->account); /* the object went with its last tombstone */
    struct content content;
    assert_int_equal(
        message_read(fixture->account, (struct object_id){1}, CONTENT_WHOLE, &content, &fixture->error),
        ERR_NOT_FOUND);
    struct change_list list;
    assert_int_equal(change_list(fixture->account, (struct folder_id){0}, (struct change_no){1}, 0, &list,
                                 &fixture->error),
                     ERR_NOT_FOUND);
}

/* --- folders --- */

static enum err create(struct fixture *fixture, struct slice path)
{
    struct folder_id ignored;
    return folder_create(fixture->account, path, FOLDER_MAIL, ROLE_FOLDER_NONE, &ignored, &fixture->error);
}

static void test_folders_are_only_so_deep_and_so_long(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP(buf_release) struct buf path = BUF(10000);
    for (int i = 1; i < FOLDER_DEPTH_MAX; i++)
        buf_put(&path, S("a/"));
    buf_put(&path, S("a"));
    assert_int_equal(create(fixture, buf_slice(&path)), ERR_OK);
    buf_put(&path, S("/a"));
    assert_int_equal(create(fixture, buf_slice(&path)), ERR_LIMIT);
    buf_clear(&path);
    while (path.n < FOLDER_PATH_MAX)
        buf_putc(&path, path.n % 100 == 50 ? '/' : 'b');
    assert_int_equal(create(fixture, buf_slice(&path)), ERR_OK);
    buf_putc(&path, 'b');
    assert_int_equal(create(fixture, buf_slice(&path)), ERR_LIMIT);
}

static void test_an_account_has_so_many_folders_at_most(void **state)
{
    struct fixture *fixture = *state;
    char name[20];
    enum err err = ERR_OK;
    int made = 6; /* the standard ones */
    for (; err == ERR_OK && made <= FOLDERS_MAX; made++) {
        snprintf(name, sizeof(name), "folder %d", made);
        err = create(fixture, slice_cstr(name));
    }
    assert_int_equal(err, ERR_LIMIT);
    assert_int_equal(made, FOLDERS_MAX + 1);
}

static void test_folder_names_are_checked(void **state)
{
    struct fixture *fixture = *state;
    char long_name[FOLDER_NAME_MAX + 1];
    memset(long_name, 'n', sizeof(long_name));
    assert_int_equal(create(fixture, S("")), ERR_INVALID);
    assert_int_equal(create(fixture, S("/a")), ERR_INVALID);
    assert_int_equal(create(fixture, S("a//b")), ERR_INVALID);
    assert_int_equal(create(fixture, S("a\x01")), ERR_INVALID);
    assert_int_equal(create(fixture, S("a\xff")), ERR_INVALID);
    assert_int_equal(create(fixture, slice_of(long_name, FOLDER_NAME_MAX + 1)), ERR_LIMIT);
    assert_int_equal(create(fixture, slice_of(long_name, FOLDER_NAME_MAX)), ERR_OK);
    assert_int_equal(create(fixture, S("1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17/18/19/20/21")), ERR_LIMIT);
    assert_int_equal(create(fixture, S("1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17/18/19/20")), ERR_OK);
    assert_int_equal(create(fixture, S("../.")), ERR_OK); /* just names */
    assert_int_equal(create(fixture, S("inbox")), ERR_EXISTS);
    assert_int_equal(create(fixture, S("iNbox/x/")), ERR_OK);
    struct folder folder;
    OK(folder_find(fixture->account, S("INBOX/x"), &fixture->arena, &folder, &fixture->error));
    assert_int_equal(create(fixture, S("A\xcc\x88")), ERR_OK); /* A and a combining diaeresis */
    OK(folder_find(fixture->account, S("\xc3\x84"), &fixture->arena, &folder, &fixture->error));
}

static void test_rename_takes_the_subtree_along(void **state)
{
    struct fixture *fixture = *state;
    struct folder_id leaf = make_folder(fixture, "a/b/c");
    struct folder before = get_folder(fixture, leaf);
    OK(folder_rename(fixture->account, S("a"), S("new/place"), &fixture->error));
    struct folder after = get_folder(fixture, leaf);
    assert_true(slice_eq(after.path, S("new/place/b/c")));
    assert_int_equal(after.uidvalidity, before.uidvalidity);
    assert_int_equal(folder_rename(fixture->account, S("new"), S("new/below"), &fixture->error), ERR_INVALID);
    assert_int_equal(folder_rename(fixture->account, S("a"), S("z"), &fixture->error), ERR_NOT_FOUND);
    assert_int_equal(folder_rename(fixture->account, S("new"), S("Sent"), &fixture->error), ERR_EXISTS);
    make_folder(fixture, "1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17/18");
    OK(folder_rename(fixture->account, S("1"), S("x/1"), &fixture->error));
    assert_int_equal(folder_rename(fixture->account, S("x"), S("y/y/y"), &fixture->error), ERR_LIMIT);
}

static void test_renaming_inbox_moves_its_messages(void **state)
{
    struct fixture *fixture = *state;
    append(fixture, fixture->inbox.id, small_message);
    make_folder(fixture, "INBOX/child");
    OK(folder_rename(fixture->account, S("INBOX"), S("old/mail"), &fixture->error));
    struct folder folder;
    OK(folder_find(fixture->account, S("old/mail"), &fixture->arena, &folder, &fixture->error));
    assert_int_equal(folder.messages, 1);
    assert_int_equal(get_folder(fixture, fixture->inbox.id).messages, 0);
    OK(folder_find(fixture->account, S("INBOX/child"), &fixture->arena, &folder, &fixture->error));
}

static void test_deleted_folder_with_children_stays_as_a_name(void **state)
{
    struct fixture *fixture = *state;
    struct folder_id id = make_folder(fixture, "a");
    make_folder(fixture, "a/b");
    append(fixture, id, small_message);
    uint32_t uidvalidity = get_folder(fixture, id).uidvalidity;
    OK(folder_delete(fixture->account, S("a"), &fixture->error));
    struct folder folder = get_folder(fixture, id);
    assert_false(folder.selectable);
    assert_true(folder.has_children);
    assert_int_equal(folder.messages, 0);
    assert_int_equal(folder_delete(fixture->account, S("a"), &fixture->error), ERR_INVALID);
    struct append_item item = {.folder = id, .body = small_message};
    struct append_result result;
    assert_int_equal(message_append(fixture->account, &item, 1, &result, &fixture->error), ERR_NOT_FOUND);
    assert_int_equal(create(fixture, S("a")), ERR_OK);
    assert_true(get_folder(fixture, id).uidvalidity > uidvalidity);
    assert_int_equal(folder_delete(fixture->account, S("inbox"), &fixture->error), ERR_INVALID);
    account_check_invariants(fixture->account);
}

static void test_subscriptions_outlive_folders(void **state)
{
    struct fixture *fixture = *state;
    OK(folder_subscribe(fixture->account, S("not/there"), true, &fixture->error));
    OK(folder_subscribe(fixture->account, S("Junk"), false, &fixture->error));
    struct slice *paths;
    size_t count;
    OK(folder_subscriptions(fixture->account, &fixture->arena, &paths, &count, &fixture->error));
    assert_int_equal(count, 6);
    assert_true(slice_eq(paths[5], S("not/there")));
}

static void test_role_is_given_once(void **state)
{
    struct fixture *fixture = *state;
    struct folder_id id;
    assert_int_equal(
        folder_create(fixture->account, S("Spam"), FOLDER_MAIL, ROLE_FOLDER_JUNK, &id, &fixture->error),
        ERR_EXISTS);
    OK(folder_delete(fixture->account, S("Junk"), &fixture->error));
    OK(folder_create(fixture->account, S("Spam"), FOLDER_MAIL, ROLE_FOLDER_JUNK, &id, &fixture->error));
}

static uint64_t change_flag(struct fixture *fixture, unsigned bit, uint64_t since, bool *ret_done)
{
    CLEANUP(uid_set_release) struct uid_set one = range(1, 1);
    CLEANUP(flag_result_release) struct flag_result result = {0};
    struct flag_order order = {.how = FLAGS_ADD, .may = FLAGS_ALL, .unchanged_since = {since}};
    flag_set(&order.flags, bit);
    OK(message_flags_order(fixture->account, fixture->inbox.id, &one, &order, &result, &fixture->error));
    *ret_done = result.modified.count == 0;
    return result.change.v;
}

/* RFC 7162 3.1.12; flags from 64 on are told from the others, not from each other. */
static void test_condition_is_of_the_flags_named(void **state)
{
    struct fixture *fixture = *state;
    bool done;
    append(fixture, fixture->inbox.id, small_message);
    uint64_t before = change_flag(fixture, FLAG_DRAFT, 0, &done);
    assert_int_not_equal(change_flag(fixture, FLAG_KEYWORDS_FROM + 100, 0, &done), 0);
    change_flag(fixture, FLAG_ANSWERED, before, &done);
    assert_true(done);
    change_flag(fixture, FLAG_KEYWORDS_FROM + 3, before, &done);
    assert_true(done);
    change_flag(fixture, FLAG_KEYWORDS_FROM + 101, before, &done);
    assert_false(done);
    change_flag(fixture, FLAG_ANSWERED, before, &done);
    assert_false(done);
    change_flag(fixture, FLAG_FLAGGED, before - 1, &done);
    assert_true(done);
    /* It came after that. */
    change_flag(fixture, FLAG_SEEN, before - 2, &done);
    assert_false(done);
}

/* Too far back the message's own number decides. */
static void test_condition_is_not_looked_for_for_ever(void **state)
{
    struct fixture *fixture = *state;
    bool done;
    append(fixture, fixture->inbox.id, small_message);
    uint64_t before = change_flag(fixture, FLAG_DRAFT, 0, &done);
    uint64_t now = change_flag(fixture, FLAG_FLAGGED, 0, &done);
    for (unsigned i = 0; now < before + CONDITION_REACH - 1; i++) {
        OK(folder_subscribe(fixture->account, S("Sent"), i % 2 != 0, &fixture->error));
        now++;
    }
    change_flag(fixture, FLAG_SEEN, before, &done);
    assert_true(done);
    change_flag(fixture, FLAG_ANSWERED, before, &done);
    assert_true(done);
    change_flag(fixture, FLAG_KEYWORDS_FROM, before, &done);
    assert_false(done);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_new_account_has_the_standard_folders),
        STORE_TEST(test_account_in_use_is_not_removed),
        STORE_TEST(test_closes_idle_accounts_over_the_limit),
        STORE_TEST(test_store_sync_covers_many_accounts),
        STORE_TEST(test_appended_message_reads_back),
        STORE_TEST(test_thread_keys_and_display_names_are_listed),
        STORE_TEST(test_keys_of_broken_texts_are_made_anew),
        STORE_TEST(test_large_message_with_prefix_gets_the_joined_header),
        STORE_TEST(test_delivery_seen_before_is_not_added_again),
        STORE_TEST(test_quota_is_kept_unless_ignored),
        STORE_TEST(test_replacing_is_one_change_on_net_quota),
        STORE_TEST(test_replies_share_a_thread),
        STORE_TEST(test_unchanged_since_skips_what_changed),
        STORE_TEST(test_move_keeps_object_and_date),
        STORE_TEST(test_keywords_keep_their_first_spelling_and_are_limited),
        STORE_TEST(test_change_list_tells_what_happened_in_order),
        STORE_TEST(test_old_tombstones_and_changes_are_forgotten),
        STORE_TEST(test_folders_are_only_so_deep_and_so_long),
        STORE_TEST(test_an_account_has_so_many_folders_at_most),
        STORE_TEST(test_folder_names_are_checked),
        STORE_TEST(test_rename_takes_the_subtree_along),
        STORE_TEST(test_renaming_inbox_moves_its_messages),
        STORE_TEST(test_deleted_folder_with_children_stays_as_a_name),
        STORE_TEST(test_subscriptions_outlive_folders),
        STORE_TEST(test_role_is_given_once),
        STORE_TEST(test_condition_is_of_the_flags_named),
        STORE_TEST(test_condition_is_not_looked_for_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

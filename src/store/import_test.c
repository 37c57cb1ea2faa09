#include "store/testing.h"

#include "store/import.h"

/* Imports: what has been brought is known, whatever becomes of it here. */

enum { VALIDITY = 7 };

static struct import_folder source_folder(struct fixture *fixture, const char *name)
{
    struct import_folder folder = {0};
    OK(import_folder_set(fixture->account, S("imap://anna@old.example"), slice_cstr(name), fixture->inbox.id,
                         &folder, &fixture->error));
    return folder;
}

struct bring {
    int64_t folder;
    uint32_t validity;
    uint64_t item;
    struct slice body;
    bool spare;
    struct flagset flags;
};

static enum import_verdict bring(struct fixture *fixture, struct bring what, struct append_result *ret_result)
{
    struct import_mark mark = {
        .folder = what.folder, .validity = what.validity, .item = what.item, .spare = what.spare};
    import_digest(what.body, mark.digest);
    const struct append_item item = {
        .folder = fixture->inbox.id, .body = what.body, .flags = what.flags, .import = &mark};
    OK(message_append(fixture->account, &item, 1, ret_result, &fixture->error));
    return mark.verdict;
}

static uint32_t messages(struct fixture *fixture)
{
    struct folder folder;
    OK(folder_get(fixture->account, fixture->inbox.id, &fixture->arena, &folder, &fixture->error));
    return folder.messages;
}

static const struct slice first = {"Subject: 1\r\n\r\nOne.\r\n", 20};
static const struct slice second = {"Subject: 2\r\n\r\nTwo.\r\n", 20};

static void test_brings_each_message_once(void **state)
{
    struct fixture *fixture = *state;
    struct append_result result;
    struct import_folder inbox = source_folder(fixture, "INBOX");
    assert_int_equal(bring(fixture,
                           (struct bring){.folder = inbox.id, .validity = VALIDITY, .item = 1, .body = first},
                           &result),
                     IMPORT_NEW);
    assert_int_equal(
        bring(fixture, (struct bring){.folder = inbox.id, .validity = VALIDITY, .item = 2, .body = second},
              &result),
        IMPORT_NEW);
    assert_int_equal(bring(fixture,
                           (struct bring){.folder = inbox.id, .validity = VALIDITY, .item = 1, .body = first},
                           &result),
                     IMPORT_KNOWN);
    fixture_again(fixture);
    assert_int_equal(
        bring(fixture, (struct bring){.folder = inbox.id, .validity = VALIDITY, .item = 2, .body = second},
              &result),
        IMPORT_KNOWN);
    assert_int_equal(messages(fixture), 2);
}

static void test_does_not_bring_back_what_was_deleted(void **state)
{
    struct fixture *fixture = *state;
    struct append_result result;
    CLEANUP(uid_set_release) struct uid_set uids = {0};
    CLEANUP(uid_set_release) struct uid_set removed = {0};
    struct import_folder inbox = source_folder(fixture, "INBOX");
    assert_int_equal(bring(fixture,
                           (struct bring){.folder = inbox.id, .validity = VALIDITY, .item = 1, .body = first},
                           &result),
                     IMPORT_NEW);
    uid_set_add(&uids, result.uid.v, result.uid.v);
    OK(message_expunge(fixture->account, fixture->inbox.id, &uids, false, &removed, &fixture->error));
    assert_int_equal(bring(fixture,
                           (struct bring){.folder = inbox.id, .validity = VALIDITY, .item = 1, .body = first},
                           &result),
                     IMPORT_KNOWN);
    assert_int_equal(messages(fixture), 0);
}

static void test_recognises_messages_that_were_numbered_anew(void **state)
{
    struct fixture *fixture = *state;
    struct append_result result;
    struct import_folder inbox = source_folder(fixture, "INBOX");
    assert_int_equal(bring(fixture,
                           (struct bring){.folder = inbox.id, .validity = VALIDITY, .item = 1, .body = first},
                           &result),
                     IMPORT_NEW);
    assert_int_equal(
        bring(fixture, (struct bring){.folder = inbox.id, .validity = VALIDITY + 1, .item = 9, .body = first},
              &result),
        IMPORT_RECOGNISED);
    assert_int_equal(
        bring(fixture, (struct bring){.folder = inbox.id, .validity = VALIDITY + 1, .item = 9, .body = first},
              &result),
        IMPORT_KNOWN);
    /* A second copy there is a second one here. */
    assert_int_equal(
        bring(fixture,
              (struct bring){.folder = inbox.id, .validity = VALIDITY + 1, .item = 10, .body = first},
              &result),
        IMPORT_SHARED);
    assert_int_equal(messages(fixture), 2);
}

static void test_stores_the_content_of_twins_once(void **state)
{
    struct fixture *fixture = *state;
    struct append_result one;
    struct append_result other;
    struct import_folder inbox = source_folder(fixture, "INBOX");
    struct import_folder all = source_folder(fixture, "All Mail");
    assert_int_equal(bring(fixture,
                           (struct bring){.folder = inbox.id, .validity = VALIDITY, .item = 1, .body = first},
                           &one),
                     IMPORT_NEW);
    assert_int_equal(bring(fixture,
                           (struct bring){.folder = all.id, .validity = VALIDITY, .item = 5, .body = first},
                           &other),
                     IMPORT_SHARED);
    assert_int_equal(one.object.v, other.object.v);
    assert_int_not_equal(one.uid.v, other.uid.v);
    assert_int_equal(
        bring(fixture,
              (struct bring){.folder = all.id, .validity = VALIDITY, .item = 6, .body = first, .spare = true},
              &other),
        IMPORT_ELSEWHERE);
    assert_int_equal(
        bring(
            fixture,
            (struct bring){.folder = all.id, .validity = VALIDITY, .item = 7, .body = second, .spare = true},
            &other),
        IMPORT_NEW);
    assert_int_equal(messages(fixture), 3);
}

static struct flagset flags_of(struct fixture *fixture, struct uid uid)
{
    CLEANUP(uid_set_release) struct uid_set uids = {0};
    struct message *list;
    size_t count;
    uid_set_add(&uids, uid.v, uid.v);
    OK(message_list(fixture->account, fixture->inbox.id, &uids, WANT_FLAGS, 0, &fixture->arena, &list, &count,
                    &fixture->error));
    assert_int_equal(count, 1);
    return list[0].flags;
}

static size_t look(struct fixture *fixture, int64_t folder, uint64_t item, struct flagset flags,
                   bool only_look, bool *ret_new)
{
    struct import_entry entry = {.item = item, .flags = flags};
    size_t flagged;
    OK(import_look(fixture->account, folder, VALIDITY, &entry, 1, only_look, &flagged, &fixture->error));
    *ret_new = entry.is_new;
    return flagged;
}

static void change(struct fixture *fixture, struct uid uid, enum flag_change how, unsigned bit)
{
    CLEANUP(uid_set_release) struct uid_set uids = {0};
    CLEANUP(flag_result_release) struct flag_result result = {0};
    struct flagset flags = {0};
    flag_set(&flags, bit);
    uid_set_add(&uids, uid.v, uid.v);
    OK(message_flags(fixture->account, fixture->inbox.id, &uids, how, &flags, (struct change_no){0}, &result,
                     &fixture->error));
}

static void test_takes_over_only_the_flags_that_changed_at_the_source(void **state)
{
    struct fixture *fixture = *state;
    struct append_result result;
    bool is_new;
    struct import_folder inbox = source_folder(fixture, "INBOX");
    struct flagset there = {0};
    flag_set(&there, FLAG_SEEN);
    bring(fixture,
          (struct bring){.folder = inbox.id, .validity = VALIDITY, .item = 1, .body = first, .flags = there},
          &result);
    change(fixture, result.uid, FLAGS_REMOVE, FLAG_SEEN);
    change(fixture, result.uid, FLAGS_ADD, FLAG_DRAFT);
    assert_int_equal(look(fixture, inbox.id, 1, there, false, &is_new), 0);
    assert_false(is_new);
    flag_set(&there, FLAG_FLAGGED);
    flag_set(&there, FLAG_KEYWORDS_FROM + 100);
    assert_int_equal(look(fixture, inbox.id, 1, there, true, &is_new), 1); /* not done yet */
    assert_int_equal(look(fixture, inbox.id, 1, there, false, &is_new), 1);
    assert_int_equal(look(fixture, inbox.id, 1, there, false, &is_new), 0);
    struct flagset here = flags_of(fixture, result.uid);
    assert_false(flag_has(&here, FLAG_SEEN)); /* changed here alone */
    assert_true(flag_has(&here, FLAG_DRAFT));
    assert_true(flag_has(&here, FLAG_FLAGGED));
    assert_true(flag_has(&here, FLAG_KEYWORDS_FROM + 100));
    there = (struct flagset){0};
    assert_int_equal(look(fixture, inbox.id, 1, there, false, &is_new), 1);
    here = flags_of(fixture, result.uid);
    assert_false(flag_has(&here, FLAG_FLAGGED));
    assert_true(flag_has(&here, FLAG_DRAFT));
    assert_int_equal(look(fixture, inbox.id, 2, there, false, &is_new), 0);
    assert_true(is_new);
}

static void test_remembers_a_folders_home(void **state)
{
    struct fixture *fixture = *state;
    struct import_folder folder = {0};
    bool found = true;
    OK(import_folder_find(fixture->account, S("s"), S("Sent"), &found, &folder, &fixture->error));
    assert_false(found);
    struct import_folder made = source_folder(fixture, "Sent");
    OK(import_folder_find(fixture->account, S("imap://anna@old.example"), S("Sent"), &found, &folder,
                          &fixture->error));
    assert_true(found);
    assert_int_equal(folder.id, made.id);
    assert_int_equal(folder.home.v, fixture->inbox.id.v);
}

static void test_refuses_one_too_many(void **state)
{
    struct fixture *fixture = *state;
    struct import_folder folder = {0};
    struct import_entry *entries = calloc(IMPORT_LOOK_MAX + 1, sizeof(*entries));
    CLEANUP(buf_release) struct buf name = BUF(IMPORT_NAME_MAX + 1);
    size_t flagged;
    assert_non_null(entries);
    OK(import_look(fixture->account, 1, VALIDITY, entries, IMPORT_LOOK_MAX, false, &flagged,
                   &fixture->error));
    assert_int_equal(import_look(fixture->account, 1, VALIDITY, entries, IMPORT_LOOK_MAX + 1, false, &flagged,
                                 &fixture->error),
                     ERR_LIMIT);
    free(entries);
    for (size_t i = 0; i < IMPORT_NAME_MAX + 1; i++)
        buf_putc(&name, 'a');
    assert_int_equal(import_folder_set(fixture->account, S("s"), buf_slice(&name), fixture->inbox.id, &folder,
                                       &fixture->error),
                     ERR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_brings_each_message_once),
        STORE_TEST(test_does_not_bring_back_what_was_deleted),
        STORE_TEST(test_recognises_messages_that_were_numbered_anew),
        STORE_TEST(test_stores_the_content_of_twins_once),
        STORE_TEST(test_takes_over_only_the_flags_that_changed_at_the_source),
        STORE_TEST(test_remembers_a_folders_home),
        STORE_TEST(test_refuses_one_too_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "store/annotation.h"

#include "store/testing.h"

#define ANNOTATION(entry, value) ((struct annotation){S(entry), S(value)})
static const struct account_id other = {99};
static const struct folder_id of_account = {0};

static void set(struct fixture *fixture, struct folder_id folder, struct account_id person,
                struct annotation item)
{
    OK(annotation_set(fixture->account, folder, person, &item, 1, &fixture->error));
}

/* The entries found, joined by spaces; the values are "<entry's last part>" in these tests. */
static const char *get(struct fixture *fixture, struct folder_id folder, struct account_id person,
                       const char *entry, enum annotation_depth depth)
{
    struct annotation *items;
    size_t count;
    CLEANUP(buf_release) struct buf text = BUF(ANNOTATION_VALUE_MAX);
    OK(annotation_get(fixture->account, folder, person, slice_cstr(entry), depth, &fixture->arena, &items,
                      &count, &fixture->error));
    for (size_t i = 0; i < count; i++)
        buf_printf(&text, "%s%.*s=%.*s", i > 0 ? " " : "", SLICE_ARGS(items[i].entry),
                   SLICE_ARGS(items[i].value));
    buf_putc(&text, 0);
    return arena_dup(&fixture->arena, buf_slice(&text)).p;
}

static void test_shared_is_everybodys_and_private_each_persons(void **state)
{
    struct fixture *fixture = *state;
    struct folder_id inbox = fixture->inbox.id;
    set(fixture, inbox, test_account, ANNOTATION("/shared/comment", "ours"));
    set(fixture, inbox, test_account, ANNOTATION("/private/comment", "mine"));
    set(fixture, inbox, other, ANNOTATION("/private/comment", ""));
    assert_string_equal(get(fixture, inbox, other, "/shared/comment", ANNOTATION_ITSELF),
                        "/shared/comment=ours");
    assert_string_equal(get(fixture, inbox, test_account, "/private/comment", ANNOTATION_ITSELF),
                        "/private/comment=mine");
    assert_string_equal(get(fixture, inbox, other, "/private/comment", ANNOTATION_ITSELF),
                        "/private/comment=");
    assert_string_equal(get(fixture, of_account, test_account, "/private/comment", ANNOTATION_ITSELF), "");
    assert_string_equal(get(fixture, inbox, test_account, "/private", ANNOTATION_ALL_BELOW),
                        "/private/comment=mine");
}

static void test_depth_says_what_is_found(void **state)
{
    struct fixture *fixture = *state;
    set(fixture, of_account, test_account, ANNOTATION("/private/a", "0"));
    set(fixture, of_account, test_account, ANNOTATION("/private/a/b", "1"));
    set(fixture, of_account, test_account, ANNOTATION("/private/a/b/c", "2"));
    set(fixture, of_account, test_account, ANNOTATION("/private/ab", "other"));
    set(fixture, of_account, test_account, ANNOTATION("/private/a-b", "other"));
    assert_string_equal(get(fixture, of_account, test_account, "/private/a", ANNOTATION_ITSELF),
                        "/private/a=0");
    assert_string_equal(get(fixture, of_account, test_account, "/private/a", ANNOTATION_CHILDREN),
                        "/private/a=0 /private/a/b=1");
    assert_string_equal(get(fixture, of_account, test_account, "/private/a", ANNOTATION_ALL_BELOW),
                        "/private/a=0 /private/a/b=1 /private/a/b/c=2");
}

static void test_many_are_set_all_or_none(void **state)
{
    struct fixture *fixture = *state;
    char names[ANNOTATIONS_MAX + 1][32];
    struct annotation items[ANNOTATIONS_MAX + 1];
    for (size_t i = 0; i < ARRAY_LEN(items); i++) {
        snprintf(names[i], sizeof(names[i]), "/private/vendor/x/%zu", i);
        items[i] = (struct annotation){slice_cstr(names[i]), S("v")};
    }
    assert_int_equal(annotation_set(fixture->account, fixture->inbox.id, test_account, items,
                                    ANNOTATIONS_MAX + 1, &fixture->error),
                     ERR_LIMIT);
    assert_string_equal(get(fixture, fixture->inbox.id, test_account, "/private", ANNOTATION_ALL_BELOW), "");
    OK(annotation_set(fixture->account, fixture->inbox.id, test_account, items, ANNOTATIONS_MAX,
                      &fixture->error));
    assert_int_equal(annotation_set(fixture->account, fixture->inbox.id, test_account,
                                    &items[ANNOTATIONS_MAX], 1, &fixture->error),
                     ERR_LIMIT);
    items[0].value = slice_none();
    OK(annotation_set(fixture->account, fixture->inbox.id, test_account, items, 1, &fixture->error));
    OK(annotation_set(fixture->account, fixture->inbox.id, test_account, &items[ANNOTATIONS_MAX], 1,
                      &fixture->error));
}

static void test_all_values_together_are_bounded(void **state)
{
    struct fixture *fixture = *state;
    static char value[ANNOTATION_VALUE_MAX];
    memset(value, 'x', sizeof(value));
    enum { FIT = ANNOTATIONS_BYTES_MAX / ANNOTATION_VALUE_MAX };
    char name[32];
    for (size_t i = 0; i <= FIT; i++) {
        snprintf(name, sizeof(name), "/private/vendor/x/%zu", i);
        struct annotation item = {slice_cstr(name), slice_of(value, sizeof(value))};
        assert_int_equal(
            annotation_set(fixture->account, of_account, test_account, &item, 1, &fixture->error),
            i < FIT ? ERR_OK : ERR_LIMIT);
    }
}

static void test_annotations_follow_their_folder(void **state)
{
    struct fixture *fixture = *state;
    struct folder_id folder = make_folder(fixture, "Work");
    set(fixture, folder, test_account, ANNOTATION("/shared/comment", "work"));
    set(fixture, fixture->inbox.id, test_account, ANNOTATION("/shared/comment", "inbox"));
    OK(folder_rename(fixture->account, S("Work"), S("Play"), &fixture->error));
    assert_string_equal(get(fixture, folder, test_account, "/shared/comment", ANNOTATION_ITSELF),
                        "/shared/comment=work");
    OK(folder_rename(fixture->account, S("INBOX"), S("Old"), &fixture->error));
    struct folder old;
    OK(folder_find(fixture->account, S("Old"), &fixture->arena, &old, &fixture->error));
    assert_string_equal(get(fixture, old.id, test_account, "/shared/comment", ANNOTATION_ITSELF),
                        "/shared/comment=inbox");
    assert_string_equal(get(fixture, fixture->inbox.id, test_account, "/shared/comment", ANNOTATION_ITSELF),
                        "/shared/comment=inbox");
    OK(folder_delete(fixture->account, S("Play"), &fixture->error));
    assert_string_equal(get(fixture, folder, test_account, "/shared/comment", ANNOTATION_ITSELF), "");
    struct annotation item = ANNOTATION("/shared/comment", "x");
    assert_int_equal(annotation_set(fixture->account, folder, test_account, &item, 1, &fixture->error),
                     ERR_NOT_FOUND);
    fixture_again(fixture);
    assert_string_equal(get(fixture, old.id, test_account, "/shared/comment", ANNOTATION_ITSELF),
                        "/shared/comment=inbox");
}

static void test_says_what_changed_since(void **state)
{
    struct fixture *fixture = *state;
    struct account_state before;
    struct annotation *items;
    size_t count;
    set(fixture, of_account, test_account, ANNOTATION("/private/old", "1"));
    set(fixture, of_account, test_account, ANNOTATION("/private/gone", "1"));
    OK(account_state(fixture->account, &before, &fixture->error));
    set(fixture, of_account, test_account, ANNOTATION("/private/new", "1"));
    set(fixture, of_account, other, ANNOTATION("/private/others", "1"));
    struct annotation removed = {S("/private/gone"), slice_none()};
    set(fixture, of_account, test_account, removed);
    OK(annotation_changed(fixture->account, of_account, test_account, before.change, &fixture->arena, &items,
                          &count, &fixture->error));
    assert_int_equal(count, 2);
    assert_true(slice_eq(items[0].entry, S("/private/gone")));
    assert_true(slice_eq(items[1].entry, S("/private/new")));
    CLEANUP(change_list_release) struct change_list list = {0};
    OK(change_list(fixture->account, of_account, before.change, 0, &list, &fixture->error));
    assert_int_equal(list.count, 3);
    assert_int_equal(list.changes[2].kind, CHANGE_ANNOTATION);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_shared_is_everybodys_and_private_each_persons),
        STORE_TEST(test_depth_says_what_is_found),
        STORE_TEST(test_many_are_set_all_or_none),
        STORE_TEST(test_all_values_together_are_bounded),
        STORE_TEST(test_annotations_follow_their_folder),
        STORE_TEST(test_says_what_changed_since),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

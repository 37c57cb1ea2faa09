#include "directory/share.h"

#include "directory/inside.h"
#include "directory/test.h"
#include "store/folder.h"

static struct account_id anna_id, bob_id;

/* A house with a store too: sharing is between accounts that have folders. */
struct house {
    struct fixture t;
    struct store *store;
    struct account *bob;
    struct folder inbox;
};

static int house_make(void **state)
{
    struct house *h = calloc(1, sizeof(*h));
    struct fixture *t = &h->t;
    must(h != NULL);
    snprintf(t->path, sizeof(t->path), "/tmp/directory-share-XXXXXX");
    must(mkdtemp(t->path) != NULL);
    t->arena = ARENA(64 * 1024 * 1024);
    ASSERT_OK(t, store_open(&(struct store_options){.directory = t->path}, &h->store, &t->error));
    ASSERT_OK(t, directory_open(store_volume(h->store), &t->directory, &t->error));
    make_domain(t, "example.org");
    anna_id = make_account(t, "anna@example.org", "x");
    bob_id = make_account(t, "Bob@example.org", "x");
    ASSERT_OK(t, store_account_ensure(h->store, bob_id, &h->bob, &t->error));
    ASSERT_OK(t, folder_find(h->bob, S("INBOX"), &t->arena, &h->inbox, &t->error));
    *state = h;
    return 0;
}

static int house_free(void **state)
{
    struct house *h = *state;
    account_unref(h->bob);
    directory_close(h->t.directory);
    store_close(h->store);
    arena_release(&h->t.arena);
    nftw(h->t.path, fixture_remove, 16, FTW_DEPTH | FTW_PHYS);
    free(h);
    return 0;
}

#define HOUSE_TEST(function) cmocka_unit_test_setup_teardown(function, house_make, house_free)

static struct slice grantee(struct fixture *t, const char *identifier)
{
    struct slice name = slice_none();
    ASSERT_OK(t, share_grantee(t->directory, slice_cstr(identifier), &t->arena, &name, &t->error));
    return name;
}

static struct share_identity identity(struct fixture *t, struct account_id id)
{
    struct share_identity person = {0};
    ASSERT_OK(t, share_identity(t->directory, id, &t->arena, &person, &t->error));
    return person;
}

static void give(struct house *h, const char *identifier, enum share_how how, unsigned rights)
{
    struct fixture *t = &h->t;
    const struct share_change change = {h->inbox.id, grantee(t, identifier), how, rights};
    ASSERT_OK(t, share_set(t->directory, h->bob, &change, &t->error));
}

/* "Bob@example.org" */
static void assert_owners(struct house *h, struct account_id person, const char *wanted)
{
    struct fixture *t = &h->t;
    struct share_identity who = identity(t, person);
    struct sharer *sharers;
    size_t count;
    CLEANUP(buf_release) struct buf text = BUF(1000);
    ASSERT_OK(t, share_owners(t->directory, &who, &t->arena, &sharers, &count, &t->error));
    buf_put(&text, S(""));
    for (size_t i = 0; i < count; i++)
        buf_printf(&text, "%.*s ", SLICE_ARGS(sharers[i].address));
    ASSERT_SLICE(buf_slice(&text), wanted);
}

static void test_names_become_grantees_and_names_again(void **state)
{
    struct house *h = *state;
    struct fixture *t = &h->t;
    static const struct {
        const char *identifier, *shown;
    } cases[] = {
        {"anyone", "anyone"},
        {"-anyone", "-anyone"},
        {"BOB@Example.org", "Bob@example.org"},
        {"bob", "Bob@example.org"},
        {"-bob", "-Bob@example.org"},
        {"office@example.org", "Bob@example.org"},
        {"Team@example.org", "team@example.org"},
    };
    assert_int_equal(set_alias(t, "office@example.org", false, "bob@example.org", NULL), ERR_OK);
    assert_int_equal(set_alias(t, "team@example.org", true, "bob@example.org", NULL), ERR_OK);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct slice shown = slice_none();
        ASSERT_OK(
            t, share_identifier(t->directory, grantee(t, cases[i].identifier), &t->arena, &shown, &t->error));
        ASSERT_SLICE(shown, cases[i].shown);
    }
    assert_true(share_grantee_is(grantee(t, "bob"), bob_id));
    assert_false(share_grantee_is(grantee(t, "bob"), anna_id));
    assert_false(share_grantee_is(grantee(t, "-bob"), bob_id));
}

static void test_what_names_nobody_is_refused(void **state)
{
    struct house *h = *state;
    struct fixture *t = &h->t;
    struct slice name;
    static const char *const nobody[] = {"nobody@example.org", "anna@example.net", "Anyone", "everyone",
                                         "a@"};
    static const char *const invalid[] = {"", "-", "\x07", "\xc2\xad"};
    assert_int_equal(set_alias(t, "all@example.org", false, "bob@example.org", "anna@example.org"), ERR_OK);
    for (size_t i = 0; i < ARRAY_LEN(nobody); i++)
        assert_int_equal(share_grantee(t->directory, slice_cstr(nobody[i]), &t->arena, &name, &t->error),
                         ERR_NOT_FOUND);
    assert_int_equal(share_grantee(t->directory, S("all@example.org"), &t->arena, &name, &t->error),
                     ERR_NOT_FOUND);
    for (size_t i = 0; i < ARRAY_LEN(invalid); i++)
        assert_int_equal(share_grantee(t->directory, slice_cstr(invalid[i]), &t->arena, &name, &t->error),
                         ERR_INVALID);
    char big[ADDRESS_MAX + 2];
    memset(big, 'a', sizeof(big));
    assert_int_equal(share_grantee(t->directory, slice_of(big, ADDRESS_MAX + 1), &t->arena, &name, &t->error),
                     ERR_INVALID);
}

static void test_a_person_is_in_groups_of_groups(void **state)
{
    struct house *h = *state;
    struct fixture *t = &h->t;
    assert_int_equal(identity(t, anna_id).count, 2);
    assert_int_equal(set_alias(t, "a@example.org", false, "anna@example.org", NULL), ERR_OK);
    assert_int_equal(set_alias(t, "team@example.org", true, "a@example.org", "x@example.net"), ERR_OK);
    assert_int_equal(set_alias(t, "all@example.org", true, "team@example.org", "all@example.org"), ERR_OK);
    uint64_t generation = directory_generation(t->directory);
    struct share_identity person = identity(t, anna_id);
    assert_int_equal(person.count, 4);
    ASSERT_SLICE(person.grantees[0], "anyone");
    assert_true(share_grantee_is(person.grantees[1], anna_id));
    assert_true(slice_eq(person.grantees[2], grantee(t, "team@example.org")));
    assert_true(slice_eq(person.grantees[3], grantee(t, "all@example.org")));
    ASSERT_OK(t, alias_remove(t->directory, S("team@example.org"), &t->error));
    assert_int_equal(identity(t, anna_id).count, 2);
    assert_int_not_equal(directory_generation(t->directory), generation);
}

static void test_a_person_is_in_so_many_groups_at_most(void **state)
{
    struct house *h = *state;
    struct fixture *t = &h->t;
    char group[40];
    for (int i = 0; i < IDENTITY_MAX; i++) {
        if (i == IDENTITY_MAX - 1)
            assert_int_equal(identity(t, anna_id).count, 2 + i);
        snprintf(group, sizeof(group), "group%d@example.org", i);
        assert_int_equal(set_alias(t, group, true, "anna@example.org", NULL), ERR_OK);
    }
    struct share_identity person;
    assert_int_equal(share_identity(t->directory, anna_id, &t->arena, &person, &t->error), ERR_LIMIT);
}

/* A group made anew under an old name is another one; one that only gets other members is not. */
static void test_a_group_is_known_by_its_id(void **state)
{
    struct house *h = *state;
    struct fixture *t = &h->t;
    struct slice shown;
    assert_int_equal(set_alias(t, "team@example.org", true, "bob@example.org", NULL), ERR_OK);
    struct slice first = grantee(t, "team@example.org");
    assert_int_equal(set_alias(t, "team@example.org", true, "anna@example.org", NULL), ERR_OK);
    assert_true(slice_eq(grantee(t, "team@example.org"), first));
    ASSERT_OK(t, alias_remove(t->directory, S("team@example.org"), &t->error));
    assert_int_equal(share_identifier(t->directory, first, &t->arena, &shown, &t->error), ERR_NOT_FOUND);
    assert_int_equal(set_alias(t, "team@example.org", true, "anna@example.org", NULL), ERR_OK);
    assert_false(slice_eq(grantee(t, "team@example.org"), first));
    assert_int_equal(share_identifier(t->directory, first, &t->arena, &shown, &t->error), ERR_NOT_FOUND);
    assert_int_equal(set_alias(t, "team@example.org", false, "anna@example.org", NULL), ERR_OK);
    assert_int_equal(set_alias(t, "team@example.org", true, "anna@example.org", NULL), ERR_OK);
    assert_int_equal(share_identifier(t->directory, first, &t->arena, &shown, &t->error), ERR_NOT_FOUND);
}

/* Groups from before they had ids keep what was given to them. */
static void test_a_group_without_an_id_is_known_by_its_address(void **state)
{
    struct house *h = *state;
    struct fixture *t = &h->t;
    struct slice shown;
    assert_int_equal(set_alias(t, "team@example.org", true, "anna@example.org", NULL), ERR_OK);
    assert_int_equal(sqlite3_exec(t->directory->database.sqlite,
                                  "UPDATE address SET account = 0 WHERE kind = 3", NULL, NULL, NULL),
                     SQLITE_OK);
    ASSERT_SLICE(grantee(t, "team@example.org"), "group:team@example.org");
    ASSERT_SLICE(identity(t, anna_id).grantees[2], "group:team@example.org");
    ASSERT_OK(t, share_identifier(t->directory, S("group:team@example.org"), &t->arena, &shown, &t->error));
    ASSERT_SLICE(shown, "team@example.org");
    assert_int_equal(set_alias(t, "team@example.org", true, "bob@example.org", NULL), ERR_OK);
    ASSERT_SLICE(grantee(t, "team@example.org"), "group:team@example.org");
    ASSERT_OK(t, alias_remove(t->directory, S("team@example.org"), &t->error));
    assert_int_equal(set_alias(t, "team@example.org", true, "anna@example.org", NULL), ERR_OK);
    assert_int_equal(slice_find_char(grantee(t, "team@example.org"), '@'), -1);
}

static void test_the_index_knows_who_shares(void **state)
{
    struct house *h = *state;
    struct fixture *t = &h->t;
    assert_owners(h, anna_id, "");
    give(h, "anna", SHARE_REPLACE, RIGHT_LOOKUP | RIGHT_READ);
    assert_owners(h, anna_id, "Bob@example.org ");
    assert_owners(h, bob_id, "");
    struct share_identity anna = identity(t, anna_id);
    struct sharer sharer;
    ASSERT_OK(t, share_owner(t->directory, &anna, S("BOB@example.org"), &t->arena, &sharer, &t->error));
    assert_int_equal(sharer.id.v, bob_id.v);
    ASSERT_SLICE(sharer.address, "Bob@example.org");
    give(h, "anna", SHARE_REMOVE, RIGHT_LOOKUP | RIGHT_READ);
    assert_owners(h, anna_id, "");
    give(h, "anyone", SHARE_ADD, RIGHT_LOOKUP);
    assert_owners(h, anna_id, "Bob@example.org ");
    give(h, "-anna", SHARE_ADD, RIGHT_LOOKUP); /* the index may say too much */
    assert_owners(h, anna_id, "Bob@example.org ");
    give(h, "anyone", SHARE_REPLACE, 0);
    assert_owners(h, anna_id, "");
}

static void test_who_shares_nothing_is_as_if_not_there(void **state)
{
    struct house *h = *state;
    struct fixture *t = &h->t;
    struct share_identity anna = identity(t, anna_id);
    struct sharer sharer;
    static const char *const names[] = {"bob@example.org", "nobody@example.org", "anna@example.org",
                                        "x@example.net",   "no address",         ""};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        assert_int_equal(
            share_owner(t->directory, &anna, slice_cstr(names[i]), &t->arena, &sharer, &t->error),
            ERR_NOT_FOUND);
}

static void test_a_deleted_folder_leaves_the_index_at_a_refresh(void **state)
{
    struct house *h = *state;
    struct fixture *t = &h->t;
    struct folder_id id;
    ASSERT_OK(t, folder_create(h->bob, S("Plans"), FOLDER_MAIL, ROLE_FOLDER_NONE, &id, &t->error));
    const struct share_change change = {id, grantee(t, "anna"), SHARE_ADD, RIGHT_LOOKUP};
    ASSERT_OK(t, share_set(t->directory, h->bob, &change, &t->error));
    ASSERT_OK(t, folder_delete(h->bob, S("Plans"), &t->error));
    assert_owners(h, anna_id, "Bob@example.org ");
    ASSERT_OK(t, share_index_refresh(t->directory, h->bob, &t->error));
    assert_owners(h, anna_id, "");
    /* The other way round: a list that came back with a restore. */
    ASSERT_OK(t, share_change(h->bob, h->inbox.id, grantee(t, "anna"), SHARE_ADD, RIGHT_LOOKUP, &t->error));
    assert_owners(h, anna_id, "");
    ASSERT_OK(t, share_index_refresh(t->directory, h->bob, &t->error));
    assert_owners(h, anna_id, "Bob@example.org ");
}

static void test_a_removed_account_leaves_the_index(void **state)
{
    struct house *h = *state;
    struct fixture *t = &h->t;
    struct slice shown;
    struct slice anna = grantee(t, "anna");
    give(h, "anna", SHARE_REPLACE, RIGHT_LOOKUP);
    give(h, "anyone", SHARE_REPLACE, RIGHT_LOOKUP);
    ASSERT_OK(t, account_entry_remove(t->directory, S("bob@example.org"), &t->error));
    assert_owners(h, anna_id, "");
    ASSERT_OK(t, account_entry_remove(t->directory, S("anna@example.org"), &t->error));
    assert_int_equal(share_identifier(t->directory, anna, &t->arena, &shown, &t->error), ERR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HOUSE_TEST(test_names_become_grantees_and_names_again),
        HOUSE_TEST(test_what_names_nobody_is_refused),
        HOUSE_TEST(test_a_person_is_in_groups_of_groups),
        HOUSE_TEST(test_a_person_is_in_so_many_groups_at_most),
        HOUSE_TEST(test_a_group_is_known_by_its_id),
        HOUSE_TEST(test_a_group_without_an_id_is_known_by_its_address),
        HOUSE_TEST(test_the_index_knows_who_shares),
        HOUSE_TEST(test_who_shares_nothing_is_as_if_not_there),
        HOUSE_TEST(test_a_deleted_folder_leaves_the_index_at_a_refresh),
        HOUSE_TEST(test_a_removed_account_leaves_the_index),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

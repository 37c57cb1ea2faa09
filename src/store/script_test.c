#include "store/script.h"

#include "store/testing.h"
#include "store/work.h"

#define FILING S("require \"fileinto\";\r\nfileinto \"Work\";\r\n")

static enum err put(struct fixture *fixture, struct slice name, struct slice text)
{
    struct sieve_complaints complaints;
    return script_put(fixture->account, name, text, &complaints, &fixture->error);
}

static size_t list(struct fixture *fixture, struct script **ret_items)
{
    size_t count = 0;
    OK(script_list(fixture->account, &fixture->arena, ret_items, &count, &fixture->error));
    return count;
}

static void test_a_script_stays_as_it_was_given(void **state)
{
    struct fixture *fixture = *state;
    struct slice text;
    struct script *items;
    OK(put(fixture, S("second"), S("keep;")));
    OK(put(fixture, S("first"), FILING));
    fixture_again(fixture);
    OK(script_get(fixture->account, S("first"), &fixture->arena, &text, &fixture->error));
    assert_true(slice_eq(text, FILING));
    assert_int_equal(list(fixture, &items), 2);
    assert_true(slice_eq(items[0].name, S("first")) && slice_eq(items[1].name, S("second")));
    assert_int_equal(items[0].size, FILING.n);
    assert_false(items[0].active || items[1].active);
    assert_int_equal(script_get(fixture->account, S("third"), &fixture->arena, &text, &fixture->error),
                     ERR_NOT_FOUND);
    account_check_invariants(fixture->account);
}

static void test_a_wrong_script_changes_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct sieve_complaints complaints;
    struct slice text;
    OK(put(fixture, S("a"), S("keep;")));
    assert_int_equal(
        script_put(fixture->account, S("a"), S("keep;\r\n  nonsense;"), &complaints, &fixture->error),
        ERR_INVALID);
    assert_int_equal(complaints.count, 1);
    assert_int_equal(complaints.items[0].line, 2);
    assert_int_equal(complaints.items[0].column, 3);
    OK(script_get(fixture->account, S("a"), &fixture->arena, &text, &fixture->error));
    assert_true(slice_eq(text, S("keep;")));
}

static void test_names_that_can_not_be_are_refused(void **state)
{
    struct fixture *fixture = *state;
    char name[SIEVE_SCRIPT_NAME_MAX + 1];
    memset(name, 'n', sizeof(name));
    OK(put(fixture, slice_of(name, SIEVE_SCRIPT_NAME_MAX), S("keep;")));
    assert_int_equal(put(fixture, slice_of(name, SIEVE_SCRIPT_NAME_MAX + 1), S("keep;")), ERR_INVALID);
    const struct slice bad[] = {S(""), S("a\nb"), S("a\x7f"), S("a\xc2\x85"), S("a\xe2\x80\xa8"), S("a\xff")};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(put(fixture, bad[i], S("keep;")), ERR_INVALID);
        assert_int_equal(script_rename(fixture->account, S("x"), bad[i], &fixture->error), ERR_INVALID);
    }
    OK(put(fixture, S("f\xc3\xbcr die B\xc3\xbcrozeit"), S("keep;")));
}

static void test_one_is_active_and_is_not_deleted(void **state)
{
    struct fixture *fixture = *state;
    struct script *items;
    OK(put(fixture, S("a"), S("keep;")));
    OK(put(fixture, S("b"), S("discard;")));
    OK(script_activate(fixture->account, S("a"), &fixture->error));
    OK(script_activate(fixture->account, S("b"), &fixture->error));
    assert_int_equal(list(fixture, &items), 2);
    assert_true(!items[0].active && items[1].active);
    assert_int_equal(script_delete(fixture->account, S("b"), &fixture->error), ERR_BUSY);
    assert_int_equal(script_activate(fixture->account, S("c"), &fixture->error), ERR_NOT_FOUND);
    OK(put(fixture, S("b"), S("keep;"))); /* stays active */
    assert_int_equal(list(fixture, &items), 2);
    assert_true(items[1].active);
    OK(script_activate(fixture->account, slice_none(), &fixture->error));
    OK(script_delete(fixture->account, S("b"), &fixture->error));
    assert_int_equal(script_delete(fixture->account, S("b"), &fixture->error), ERR_NOT_FOUND);
    assert_int_equal(list(fixture, &items), 1);
    assert_false(items[0].active);
}

static void test_a_renamed_script_stays_active(void **state)
{
    struct fixture *fixture = *state;
    struct script *items;
    OK(put(fixture, S("a"), S("keep;")));
    OK(put(fixture, S("b"), S("keep;")));
    OK(script_activate(fixture->account, S("a"), &fixture->error));
    assert_int_equal(script_rename(fixture->account, S("a"), S("b"), &fixture->error), ERR_EXISTS);
    assert_int_equal(script_rename(fixture->account, S("c"), S("d"), &fixture->error), ERR_NOT_FOUND);
    OK(script_rename(fixture->account, S("a"), S("z"), &fixture->error));
    assert_int_equal(list(fixture, &items), 2);
    assert_true(slice_eq(items[1].name, S("z")) && items[1].active);
}

static void test_room_ends_at_its_limits(void **state)
{
    struct fixture *fixture = *state;
    enum script_room room;
    char name[16];
    char *text = calloc(1, SIEVE_SCRIPT_MAX + 1);
    must(text != NULL);
    memset(text, '\n', SIEVE_SCRIPT_MAX + 1);
    assert_int_equal(put(fixture, S("large"), slice_of(text, SIEVE_SCRIPT_MAX + 1)), ERR_INVALID);
    for (int i = 0; i < SCRIPTS_BYTES_MAX / SIEVE_SCRIPT_MAX; i++) {
        snprintf(name, sizeof(name), "large %d", i);
        OK(put(fixture, slice_cstr(name), slice_of(text, SIEVE_SCRIPT_MAX)));
    }
    assert_int_equal(put(fixture, S("one more"), S("\n")), ERR_QUOTA);
    OK(put(fixture, S("large 0"), S("keep;"))); /* in the place of another */
    free(text);
    for (int i = SCRIPTS_BYTES_MAX / SIEVE_SCRIPT_MAX; i < SCRIPTS_MAX; i++) {
        snprintf(name, sizeof(name), "small %d", i);
        OK(put(fixture, slice_cstr(name), S("keep;")));
    }
    assert_int_equal(put(fixture, S("one more"), S("keep;")), ERR_QUOTA);
    OK(script_room(fixture->account, S("one more"), 5, &room, &fixture->error));
    assert_int_equal(room, SCRIPT_ROOM_NO_SCRIPTS);
    OK(script_room(fixture->account, S("small 50"), 5, &room, &fixture->error));
    assert_int_equal(room, SCRIPT_ROOM);
    OK(script_room(fixture->account, S("small 50"), SIEVE_SCRIPT_MAX, &room, &fixture->error));
    assert_int_equal(room, SCRIPT_ROOM_NO_BYTES);
}

static void test_the_active_one_is_loaded_to_be_run(void **state)
{
    struct fixture *fixture = *state;
    struct sieve_program *program;
    struct script script;
    OK(put(fixture, S("a"), FILING));
    assert_int_equal(
        script_load(fixture->account, slice_none(), &fixture->arena, &program, &script, &fixture->error),
        ERR_NOT_FOUND);
    OK(script_load(fixture->account, S("a"), &fixture->arena, &program, &script, &fixture->error));
    sieve_program_free(program);
    OK(script_activate(fixture->account, S("a"), &fixture->error));
    OK(script_load(fixture->account, slice_none(), &fixture->arena, &program, &script, &fixture->error));
    assert_true(slice_eq(script.name, S("a")) && script.active);
    sieve_program_free(program);
}

static void set_code(struct fixture *fixture, struct slice code)
{
    sqlite3_stmt *statement;
    OK(account_lock(fixture->account, &fixture->error));
    must(sqlite3_prepare_v2(fixture->account->database.sqlite, "UPDATE script SET code = ?1", -1, &statement,
                            NULL) == SQLITE_OK);
    db_bind_blob(statement, 1, code);
    must(sqlite3_step(statement) == SQLITE_DONE);
    sqlite3_finalize(statement);
    account_unlock(fixture->account);
}

static void test_code_of_another_version_is_compiled_again(void **state)
{
    struct fixture *fixture = *state;
    struct sieve_program *program;
    struct script script;
    OK(put(fixture, S("a"), FILING));
    OK(script_load(fixture->account, S("a"), &fixture->arena, &program, &script, &fixture->error));
    CLEANUP(buf_release) struct buf code = BUF(SIEVE_CODE_MAX);
    sieve_program_put(program, &code);
    sieve_program_free(program);
    CLEANUP(buf_release) struct buf other = BUF(SIEVE_CODE_MAX);
    buf_put(&other, buf_slice(&code));
    other.p[3]++; /* the version, see sieve/code_test.c */
    assert_int_equal(sieve_program_load(buf_slice(&other), &program, &fixture->error), ERR_VERSION);
    set_code(fixture, buf_slice(&other));
    for (int i = 0; i < 2; i++) {
        OK(script_load(fixture->account, S("a"), &fixture->arena, &program, &script, &fixture->error));
        CLEANUP(buf_release) struct buf again = BUF(SIEVE_CODE_MAX);
        sieve_program_put(program, &again);
        assert_true(slice_eq(buf_slice(&again), buf_slice(&code)));
        sieve_program_free(program);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_a_script_stays_as_it_was_given),
        STORE_TEST(test_a_wrong_script_changes_nothing),
        STORE_TEST(test_names_that_can_not_be_are_refused),
        STORE_TEST(test_one_is_active_and_is_not_deleted),
        STORE_TEST(test_a_renamed_script_stays_active),
        STORE_TEST(test_room_ends_at_its_limits),
        STORE_TEST(test_the_active_one_is_loaded_to_be_run),
        STORE_TEST(test_code_of_another_version_is_compiled_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

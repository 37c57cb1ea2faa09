/* Both ends, over a real channel, with a played resolver. */
#include "fetch/names.h"

#include "rt/test_ipc.h"

struct pair {
    struct test_ipc ipc;
    struct names_service service;
    struct arena arena;
    struct error error;
};

static char long_record[IPC_BODY_MAX];

/* The name says what is to happen. */
static enum err play(void *context, struct slice name, int type, int64_t deadline_us, struct arena *arena,
                     struct resolver_records *ret_records, struct error *error)
{
    (void)context;
    *ret_records = (struct resolver_records){.canonical = S("real.example")};
    if (slice_eq(name, S("forged.example")))
        return fail(error, ERR_AUTH, NULL, "forged");
    if (slice_eq(name, S("late.example")))
        return fail(error, deadline_us <= clock_mono_us() + CLOCK_SECOND ? ERR_TIMEOUT : ERR_IO, NULL,
                    "late");
    if (slice_eq(name, S("none.example"))) {
        ret_records->no_name = true;
        return ERR_OK;
    }
    bool large = slice_eq(name, S("large.example"));
    ret_records->secure = true;
    ret_records->count = large ? RESOLVER_RECORDS_MAX : 2;
    ret_records->data = arena_array(arena, ret_records->count, sizeof(*ret_records->data));
    assert_non_null(ret_records->data);
    for (size_t i = 0; i < ret_records->count; i++)
        ret_records->data[i] = large                  ? slice_of(long_record, 1000)
                               : type == RESOLVER_TXT ? S("\3a\0b")
                                                      : S("1234");
    return ERR_OK;
}

static int setup(void **state)
{
    struct pair *t = calloc(1, sizeof(*t));
    assert_non_null(t);
    t->arena = ARENA(1024 * 1024);
    t->service = (struct names_service){play, NULL};
    test_ipc_open(&t->ipc, names_serve, &t->service);
    *state = t;
    return 0;
}

static int teardown(void **state)
{
    struct pair *t = *state;
    test_ipc_close(&t->ipc);
    arena_release(&t->arena);
    free(t);
    return 0;
}

static enum err ask(struct pair *t, const char *name, int type, struct resolver_records *ret_records)
{
    return names_ask(t->ipc.client, slice_cstr(name), type, clock_mono_us() + CLOCK_SECOND, &t->arena,
                     ret_records, &t->error);
}

static void test_carries_question_and_records(void **state)
{
    struct pair *t = *state;
    struct resolver_records records;
    assert_int_equal(ask(t, "a.example", RESOLVER_TXT, &records), ERR_OK);
    assert_int_equal(records.count, 2);
    assert_true(slice_eq(records.data[1], S("\3a\0b")));
    assert_true(slice_eq(records.canonical, S("real.example")));
    assert_true(records.secure && !records.no_name);
    assert_int_equal(ask(t, "none.example", RESOLVER_A, &records), ERR_OK);
    assert_int_equal(records.count, 0);
    assert_true(records.no_name && !records.secure);
}

static void test_carries_errors_and_the_deadline(void **state)
{
    struct pair *t = *state;
    struct resolver_records records;
    assert_int_equal(ask(t, "forged.example", RESOLVER_A, &records), ERR_AUTH);
    assert_int_equal(ask(t, "late.example", RESOLVER_A, &records), ERR_TIMEOUT);
}

static void test_refuses_what_may_not_be_asked(void **state)
{
    struct pair *t = *state;
    struct resolver_records records;
    char name[RESOLVER_NAME_MAX + 2] = "";
    memset(name, 'a', RESOLVER_NAME_MAX + 1);
    assert_int_equal(ask(t, "a.example", RESOLVER_TLSA, &records), ERR_INVALID);
    assert_int_equal(ask(t, "", RESOLVER_A, &records), ERR_INVALID);
    assert_int_equal(ask(t, name, RESOLVER_A, &records), ERR_INVALID);
    assert_int_equal(ask(t, name + 1, RESOLVER_A, &records), ERR_OK);
    assert_int_equal(ask(t, "large.example", RESOLVER_TXT, &records), ERR_LIMIT);
}

static void test_without_relay_and_without_time(void **state)
{
    struct pair *t = *state;
    struct resolver_records records;
    struct ipc_client *alone;
    assert_int_equal(ipc_client_create(&alone, &t->error), ERR_OK);
    assert_int_equal(names_ask(alone, S("a.example"), RESOLVER_A, clock_mono_us() + CLOCK_SECOND, &t->arena,
                               &records, &t->error),
                     ERR_UNAVAILABLE);
    ipc_client_destroy(alone);
    assert_int_equal(
        names_ask(t->ipc.client, S("a.example"), RESOLVER_A, clock_mono_us(), &t->arena, &records, &t->error),
        ERR_TIMEOUT);
}

static void test_malformed_question_is_refused(void **state)
{
    struct pair *t = *state;
    static const struct slice bodies[] = {
        {"", 0}, {"\1\0\0\0\1a\0\0\0\0\0\0\0\377", 14}, {"\64\0\0\0\1a\1\0\0\0\0\0\0\0", 14}};
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        CLEANUP(buf_release) struct buf storage = BUF(IPC_BODY_MAX);
        CLEANUP(ipc_message_close) struct ipc_message reply = {0};
        const struct ipc_message message = {.type = 41, .body = bodies[i]};
        assert_int_equal(ipc_call(t->ipc.client, &message, CLOCK_SECOND, &storage, &reply, &t->error),
                         ERR_OK);
        assert_int_equal(reply.type, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_carries_question_and_records, setup, teardown),
        cmocka_unit_test_setup_teardown(test_carries_errors_and_the_deadline, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refuses_what_may_not_be_asked, setup, teardown),
        cmocka_unit_test_setup_teardown(test_without_relay_and_without_time, setup, teardown),
        cmocka_unit_test_setup_teardown(test_malformed_question_is_refused, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

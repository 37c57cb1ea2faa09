/* Both ends, over a real channel, with a played server. */
#include "link/callout.h"

#include <stdlib.h>

#include "rt/test_ipc.h"

struct pair {
    struct test_ipc ipc;
    struct callout_service service;
    struct error error;
};

/* The address says what is to happen. */
static enum err play(void *context, struct slice address, enum callout_answer *ret_answer,
                     struct error *error)
{
    (void)context;
    if (slice_starts(address, S("broken@")))
        return fail(error, ERR_TIMEOUT, NULL, "silence");
    *ret_answer = slice_starts(address, S("otto@"))  ? CALLOUT_TAKEN
                  : slice_starts(address, S("max@")) ? CALLOUT_REFUSED
                                                     : CALLOUT_UNKNOWN;
    return ERR_OK;
}

static void serve(void *context, struct ipc_message *request, struct buf *reply_body,
                  struct ipc_message *reply)
{
    if (!callout_serve(context, request, reply_body, reply))
        *reply = (struct ipc_message){.type = 99};
}

static int setup(void **state)
{
    struct pair *t = calloc(1, sizeof(*t));
    assert_non_null(t);
    t->service = (struct callout_service){play, NULL};
    test_ipc_open(&t->ipc, serve, &t->service);
    *state = t;
    return 0;
}

static int teardown(void **state)
{
    struct pair *t = *state;
    test_ipc_close(&t->ipc);
    free(t);
    return 0;
}

static enum err ask(struct pair *t, struct slice address, enum callout_answer *ret_answer)
{
    return callout_ask(t->ipc.client, address, ret_answer, &t->error);
}

static void test_carries_answers_and_errors(void **state)
{
    struct pair *t = *state;
    enum callout_answer answer;
    assert_int_equal(ask(t, S("otto@demo.example"), &answer), ERR_OK);
    assert_int_equal(answer, CALLOUT_TAKEN);
    assert_int_equal(ask(t, S("max@demo.example"), &answer), ERR_OK);
    assert_int_equal(answer, CALLOUT_REFUSED);
    assert_int_equal(ask(t, S("eva@demo.example"), &answer), ERR_OK);
    assert_int_equal(answer, CALLOUT_UNKNOWN);
    assert_int_equal(ask(t, S("broken@demo.example"), &answer), ERR_TIMEOUT);
}

static void test_an_address_may_be_as_long_as_addresses_are(void **state)
{
    struct pair *t = *state;
    enum callout_answer answer;
    char address[ADDRESS_MAX + 1];
    memset(address, 'a', sizeof(address));
    assert_int_equal(ask(t, slice_of(address, ADDRESS_MAX), &answer), ERR_OK);
    assert_int_equal(ask(t, slice_of(address, ADDRESS_MAX + 1), &answer), ERR_INVALID);
    assert_int_equal(ask(t, S(""), &answer), ERR_INVALID);
}

static void test_malformed_questions_and_others_are_told_apart(void **state)
{
    struct pair *t = *state;
    static const struct {
        uint32_t type;
        struct slice body;
        uint32_t reply;
    } cases[] = {{44, {"", 0}, 1}, {44, {"\1ax", 3}, 1}, {42, {"", 0}, 99}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_release) struct buf storage = BUF(IPC_BODY_MAX);
        CLEANUP(ipc_message_close) struct ipc_message reply = {0};
        const struct ipc_message message = {.type = cases[i].type, .body = cases[i].body};
        assert_int_equal(ipc_call(t->ipc.client, &message, CLOCK_SECOND, &storage, &reply, &t->error),
                         ERR_OK);
        assert_int_equal(reply.type, cases[i].reply);
    }
}

static void test_without_relay_nobody_knows(void **state)
{
    struct pair *t = *state;
    struct ipc_client *alone;
    enum callout_answer answer;
    assert_int_equal(ipc_client_create(&alone, &t->error), ERR_OK);
    assert_int_equal(callout_ask(alone, S("otto@demo.example"), &answer, &t->error), ERR_UNAVAILABLE);
    ipc_client_destroy(alone);
}

int main(void)
{
#define PAIR_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        PAIR_TEST(test_carries_answers_and_errors),
        PAIR_TEST(test_an_address_may_be_as_long_as_addresses_are),
        PAIR_TEST(test_malformed_questions_and_others_are_told_apart),
        PAIR_TEST(test_without_relay_nobody_knows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

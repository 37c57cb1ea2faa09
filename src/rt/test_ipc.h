/* What tests of both ends of a channel share: a loop that serves, and a client of it. */
#ifndef POSTHORN_RT_TEST_IPC_H
#define POSTHORN_RT_TEST_IPC_H

#include "base/clock.h"
#include "base/test.h"
#include "rt/ipc.h"

struct test_ipc {
    struct loop *loop;
    struct ipc_client *client;
};

static inline void test_ipc_open(struct test_ipc *t, ipc_serve_fn *serve, void *context)
{
    const struct loop_options options = {.name = "test", .threads_min = 2, .threads_max = 4};
    struct error error;
    int ends[2];
    assert_int_equal(loop_create(&options, &t->loop, &error), ERR_OK);
    assert_int_equal(loop_start(t->loop, &error), ERR_OK);
    assert_int_equal(ipc_pair(ends, &error), ERR_OK);
    assert_int_equal(ipc_serve(t->loop, ends[0], serve, context, &error), ERR_OK);
    assert_int_equal(ipc_client_create(&t->client, &error), ERR_OK);
    ipc_client_connect(t->client, ends[1]);
}

static inline void test_ipc_close(struct test_ipc *t)
{
    ipc_client_destroy(t->client);
    loop_stop(t->loop);
    assert_true(loop_drained(t->loop, clock_mono_us() + 60 * CLOCK_SECOND));
    loop_destroy(t->loop);
}

#endif

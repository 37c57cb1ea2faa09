/* Calls between two sides in one process, over real socket pairs. */
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "rt/ipc.h"
#include "rt/test_wire.h"

enum { ECHO = 1, SLOW = 2, GIVE_FD = 3, TOO_LARGE = 4, LEAVE_FDS = 5 };

static _Atomic int slow_ones;
static _Atomic bool slow_go;

static void serve(void *context, struct ipc_message *request, struct buf *reply_body,
                  struct ipc_message *reply)
{
    atomic_fetch_add((_Atomic int *)context, 1);
    reply->type = request->type + 100;
    if (request->type == SLOW) {
        atomic_fetch_add(&slow_ones, 1);
        while (!atomic_load(&slow_go))
            usleep(1000);
    }
    if (request->type == GIVE_FD && request->fd_count == 1)
        reply->fds[reply->fd_count++] = fd_take(&request->fds[0]);
    if (request->type == TOO_LARGE)
        (void)!buf_reserve(reply_body, IPC_BODY_MAX + 1);
    buf_put(reply_body, request->body);
}

struct side {
    struct loop *loop;
    struct ipc_client *client;
    _Atomic int served;
    int fds_before;
};

static void connect_anew(struct side *side)
{
    int fds[2];
    struct error error;
    assert_int_equal(ipc_pair(fds, &error), ERR_OK);
    assert_int_equal(ipc_serve(side->loop, fds[1], serve, &side->served, &error), ERR_OK);
    ipc_client_connect(side->client, fds[0]);
}

static void begin(struct side *side)
{
    struct error error;
    *side = (struct side){.fds_before = wire_open_fds()};
    atomic_store(&slow_ones, 0);
    atomic_store(&slow_go, false);
    side->loop = wire_loop();
    assert_int_equal(ipc_client_create(&side->client, &error), ERR_OK);
}

static void end(struct side *side)
{
    ipc_client_destroy(side->client);
    wire_finish(side->loop);
    assert_int_equal(wire_open_fds(), side->fds_before);
}

static enum err call(struct side *side, uint32_t type, struct slice body, int64_t timeout,
                     struct error *error)
{
    CLEANUP(buf_release) struct buf storage = BUF(IPC_BODY_MAX);
    CLEANUP(ipc_message_close) struct ipc_message reply = {0};
    struct ipc_message request = {.type = type, .body = body};
    enum err result = ipc_call(side->client, &request, timeout, &storage, &reply, error);
    if (result == ERR_OK) {
        assert_int_equal(reply.type, type + 100);
        assert_true(slice_eq(reply.body, body));
    }
    return result;
}

static void test_answers_calls_up_to_the_largest(void **state)
{
    (void)state;
    static char large[IPC_BODY_MAX + 1];
    struct side side;
    struct error error;
    begin(&side);
    connect_anew(&side);
    assert_int_equal(call(&side, ECHO, S("hello"), CLOCK_SECOND, &error), ERR_OK);
    assert_int_equal(call(&side, ECHO, slice_none(), CLOCK_SECOND, &error), ERR_OK);
    memset(large, 'x', sizeof(large));
    assert_int_equal(call(&side, ECHO, slice_of(large, IPC_BODY_MAX), CLOCK_SECOND, &error), ERR_OK);
    assert_int_equal(call(&side, ECHO, slice_of(large, IPC_BODY_MAX + 1), CLOCK_SECOND, &error), ERR_INVALID);
    assert_int_equal(side.served, 3);
    end(&side);
}

static void test_a_reply_too_large_ends_the_channel_only(void **state)
{
    (void)state;
    struct side side;
    struct error error;
    begin(&side);
    connect_anew(&side);
    assert_int_equal(call(&side, TOO_LARGE, S("x"), CLOCK_SECOND, &error), ERR_UNAVAILABLE);
    assert_int_equal(call(&side, ECHO, S("x"), CLOCK_SECOND, &error), ERR_OK);
    end(&side);
}

static void test_descriptors_travel_and_none_leaks(void **state)
{
    (void)state;
    struct side side;
    struct error error;
    begin(&side);
    connect_anew(&side);
    CLEANUP(buf_release) struct buf storage = BUF(IPC_BODY_MAX);
    int fd;
    assert_int_equal(ipc_memfd(S("in memory"), &fd, &error), ERR_OK);
    struct ipc_message request = {.type = GIVE_FD, .fds = {fd}, .fd_count = 1};
    struct ipc_message reply;
    assert_int_equal(ipc_call(side.client, &request, CLOCK_SECOND, &storage, &reply, &error), ERR_OK);
    assert_int_equal(reply.fd_count, 1);
    struct slice bytes;
    assert_int_equal(ipc_map(reply.fds[0], 9, &bytes, &error), ERR_OK);
    assert_true(slice_eq(bytes, S("in memory")));
    ipc_unmap(&bytes);
    assert_int_equal(ipc_map(reply.fds[0], 8, &bytes, &error), ERR_LIMIT);
    ipc_message_close(&reply);
    for (int i = 0; i < 100; i++) {
        struct ipc_message left = {.type = LEAVE_FDS, .fds = {fd, fd, fd, fd}, .fd_count = IPC_FDS_MAX};
        assert_int_equal(ipc_call(side.client, &left, CLOCK_SECOND, &storage, &reply, &error), ERR_OK);
    }
    close(fd);
    end(&side);
}

static void test_memory_that_is_not_sealed_is_refused(void **state)
{
    (void)state;
    struct error error;
    struct slice bytes;
    int fd = memfd_create("loose", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    assert_int_equal(write(fd, "x", 1), 1);
    assert_int_equal(ipc_map(fd, 100, &bytes, &error), ERR_INVALID);
    close(fd);
    FILE *file = tmpfile();
    assert_non_null(file);
    assert_int_equal(write(fileno(file), "x", 1), 1);
    assert_int_equal(ipc_map(fileno(file), 100, &bytes, &error), ERR_INVALID);
    assert_int_equal(fclose(file), 0);
}

struct caller {
    struct side *side;
    enum err result;
};

static void *call_slowly(void *argument)
{
    struct caller *caller = argument;
    struct error error;
    caller->result = call(caller->side, SLOW, S("slow"), 20 * CLOCK_SECOND, &error);
    return NULL;
}

static void test_calls_at_once_have_a_channel_each(void **state)
{
    (void)state;
    struct side side;
    begin(&side);
    connect_anew(&side);
    struct caller callers[6];
    pthread_t threads[6];
    for (int i = 0; i < 6; i++) {
        callers[i].side = &side;
        pthread_create(&threads[i], NULL, call_slowly, &callers[i]);
    }
    wire_wait(&slow_ones, 6);
    atomic_store(&slow_go, true);
    for (int i = 0; i < 6; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(callers[i].result, ERR_OK);
    }
    end(&side);
}

static void test_service_death_fails_calls_until_a_new_way(void **state)
{
    (void)state;
    struct side side;
    struct error error;
    begin(&side);
    assert_int_equal(call(&side, ECHO, S("x"), CLOCK_SECOND, &error), ERR_UNAVAILABLE);
    /* A service that takes a request and dies over it. */
    int fds[2];
    assert_int_equal(ipc_pair(fds, &error), ERR_OK);
    ipc_client_connect(side.client, fds[0]);
    struct caller caller = {.side = &side};
    pthread_t thread;
    pthread_create(&thread, NULL, call_slowly, &caller);
    CLEANUP(buf_release) struct buf storage = BUF(IPC_BODY_MAX);
    CLEANUP(buf_release) struct buf storage2 = BUF(IPC_BODY_MAX);
    struct ipc_message channel;
    struct ipc_message request;
    assert_int_equal(ipc_receive(fds[1], 0, &storage, &channel, &error), ERR_OK);
    assert_int_equal(channel.fd_count, 1);
    assert_int_equal(ipc_receive(channel.fds[0], 0, &storage2, &request, &error), ERR_OK);
    close(fds[1]);
    ipc_message_close(&channel);
    pthread_join(thread, NULL);
    assert_int_equal(caller.result, ERR_UNAVAILABLE);
    for (int i = 0; i < 3; i++)
        assert_int_equal(call(&side, ECHO, S("x"), CLOCK_SECOND, &error), ERR_UNAVAILABLE);
    connect_anew(&side);
    assert_int_equal(call(&side, ECHO, S("x"), CLOCK_SECOND, &error), ERR_OK);
    end(&side);
}

static void test_a_new_way_ends_calls_to_a_service_that_hangs(void **state)
{
    (void)state;
    struct side side;
    begin(&side);
    connect_anew(&side);
    struct caller caller = {.side = &side};
    pthread_t thread;
    pthread_create(&thread, NULL, call_slowly, &caller);
    wire_wait(&slow_ones, 1);
    connect_anew(&side);
    pthread_join(thread, NULL);
    assert_int_equal(caller.result, ERR_UNAVAILABLE);
    atomic_store(&slow_go, true);
    end(&side);
}

static void test_a_late_reply_is_not_taken_for_the_next(void **state)
{
    (void)state;
    struct side side;
    struct error error;
    begin(&side);
    connect_anew(&side);
    assert_int_equal(call(&side, SLOW, S("one"), 30 * CLOCK_MS, &error), ERR_TIMEOUT);
    atomic_store(&slow_go, true);
    assert_int_equal(call(&side, ECHO, S("two"), CLOCK_SECOND, &error), ERR_OK);
    end(&side);
}

static void test_malformed_records_close_the_channel(void **state)
{
    (void)state;
    struct side side;
    struct error error;
    begin(&side);
    static char large[IPC_BODY_MAX + 5];
    for (int kind = 0; kind < 3; kind++) {
        int fds[2];
        int inner[2];
        assert_int_equal(ipc_pair(fds, &error), ERR_OK);
        assert_int_equal(ipc_pair(inner, &error), ERR_OK);
        assert_int_equal(ipc_serve(side.loop, fds[1], serve, &side.served, &error), ERR_OK);
        struct ipc_message channel = {.type = UINT32_MAX, .fds = {inner[1]}, .fd_count = 1};
        assert_int_equal(ipc_send(fds[0], &channel, &error), ERR_OK);
        close(inner[1]);
        if (kind == 0)
            assert_int_equal(send(inner[0], "abc", 3, 0), 3);
        else if (kind == 1)
            assert_int_equal(send(inner[0], large, sizeof(large), 0), sizeof(large));
        else
            assert_int_equal(send(fds[0], "wrong place for this", 20, 0), 20);
        CLEANUP(buf_release) struct buf storage = BUF(IPC_BODY_MAX);
        struct ipc_message reply;
        assert_int_equal(ipc_receive(inner[kind < 2 ? 0 : 0],
                                     clock_mono_us() + (kind < 2 ? 5 : 0) * CLOCK_SECOND, &storage, &reply,
                                     &error),
                         kind < 2 ? ERR_CLOSED : ERR_TIMEOUT);
        if (kind == 2)
            assert_int_equal(
                ipc_receive(fds[0], clock_mono_us() + 60 * CLOCK_SECOND, &storage, &reply, &error),
                ERR_CLOSED);
        close(inner[0]);
        close(fds[0]);
    }
    assert_int_equal(side.served, 0);
    end(&side);
}

/* The lowest that is free is the limit: nobody gets one. */
static void descriptors_end(struct rlimit *ret_before)
{
    int free = dup(STDERR_FILENO);
    assert_true(free >= 0);
    close(free);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, ret_before), 0);
    struct rlimit limit = {.rlim_cur = (rlim_t)free, .rlim_max = ret_before->rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void test_without_descriptors_one_channel_is_lost_and_not_the_way(void **state)
{
    (void)state;
    struct side side;
    struct error error;
    struct rlimit before;
    int fds[2];
    int inner[2];
    char byte;
    begin(&side);
    assert_int_equal(ipc_pair(fds, &error), ERR_OK);
    assert_int_equal(ipc_pair(inner, &error), ERR_OK);
    assert_int_equal(ipc_serve(side.loop, fds[1], serve, &side.served, &error), ERR_OK);
    descriptors_end(&before);
    struct ipc_message channel = {.type = UINT32_MAX, .fds = {inner[1]}, .fd_count = 1};
    enum err sent = ipc_send(fds[0], &channel, &error);
    /* Closed while the limit stands, its number would be free for the one that comes. */
    int waiting = 1;
    for (int i = 0; i < 5000 && waiting > 0; i++) {
        assert_int_equal(ioctl(fds[0], SIOCOUTQ, &waiting), 0);
        usleep(1000);
    }
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(sent, ERR_OK);
    assert_int_equal(waiting, 0);
    close(inner[1]);
    assert_int_equal(recv(inner[0], &byte, 1, 0), 0);
    close(inner[0]);
    ipc_client_connect(side.client, fds[0]);
    assert_int_equal(call(&side, ECHO, S("still"), 60 * CLOCK_SECOND, &error), ERR_OK);
    end(&side);
}

/* A client taken over by somebody else must not take all descriptors of the service. */
static void test_channels_of_one_client_are_bounded(void **state)
{
    (void)state;
    enum { TRIED = 2 * IPC_CHANNELS_MAX + 10 };
    struct side side;
    struct error error;
    int main_fds[2];
    int ours[TRIED];
    int closed = 0;
    struct rlimit limit;
    begin(&side);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(ipc_pair(main_fds, &error), ERR_OK);
    assert_int_equal(ipc_serve(side.loop, main_fds[1], serve, &side.served, &error), ERR_OK);
    for (int i = 0; i < TRIED; i++) {
        int pair[2];
        assert_int_equal(ipc_pair(pair, &error), ERR_OK);
        CLEANUP(ipc_message_close)
        struct ipc_message message = {.type = UINT32_MAX, .fds = {pair[1]}, .fd_count = 1};
        assert_int_equal(ipc_send(main_fds[0], &message, &error), ERR_OK);
        ours[i] = pair[0];
    }
    for (int wait = 0; wait < 1000 && closed < 10; wait++) {
        closed = 0;
        for (int i = 0; i < TRIED; i++) {
            char byte;
            closed += recv(ours[i], &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 0;
        }
        usleep(5000);
    }
    assert_int_equal(closed, 10);
    for (int i = 0; i < TRIED; i++)
        close(ours[i]);
    close(main_fds[0]);
    end(&side);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers_calls_up_to_the_largest),
        cmocka_unit_test(test_a_reply_too_large_ends_the_channel_only),
        cmocka_unit_test(test_descriptors_travel_and_none_leaks),
        cmocka_unit_test(test_memory_that_is_not_sealed_is_refused),
        cmocka_unit_test(test_calls_at_once_have_a_channel_each),
        cmocka_unit_test(test_service_death_fails_calls_until_a_new_way),
        cmocka_unit_test(test_a_new_way_ends_calls_to_a_service_that_hangs),
        cmocka_unit_test(test_a_late_reply_is_not_taken_for_the_next),
        cmocka_unit_test(test_malformed_records_close_the_channel),
        cmocka_unit_test(test_without_descriptors_one_channel_is_lost_and_not_the_way),
        cmocka_unit_test(test_channels_of_one_client_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

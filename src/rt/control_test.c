#include "rt/control.h"

#include <unistd.h>

#include "base/clock.h"
#include "base/fdio.h"
#include "base/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static int pair[2];

static int make_pair(void **state)
{
    struct error error;
    (void)state;
    return ipc_pair(pair, &error) == ERR_OK ? 0 : -1;
}

static int close_pair(void **state)
{
    (void)state;
    fd_close(&pair[0]);
    fd_close(&pair[1]);
    return 0;
}

static void test_message_travels_whole(void **state)
{
    (void)state;
    struct error error;
    CLEANUP(fd_close) int fd = -1;
    assert_int_equal(ipc_memfd(S("text"), &fd, &error), ERR_OK);
    const struct control out = {CONTROL_BOOT, WORKER_LISTENERS_MAX, {fd, fd}, 2};
    assert_int_equal(control_send(pair[0], &out, &error), ERR_OK);
    CLEANUP(control_close) struct control in = {0};
    assert_int_equal(control_receive(pair[1], FROM_SUPERVISOR, 0, &in, &error), ERR_OK);
    assert_int_equal(in.type, CONTROL_BOOT);
    assert_int_equal(in.number, WORKER_LISTENERS_MAX);
    assert_int_equal(in.fd_count, 2);
    struct slice bytes;
    assert_int_equal(ipc_map(in.fds[1], 4, &bytes, &error), ERR_OK);
    assert_true(slice_eq(bytes, S("text")));
    ipc_unmap(&bytes);
}

/* What a worker in a stranger's hands could send. */
static void refused(uint32_t type, uint32_t number, unsigned fd_count, bool longer,
                    enum control_sender sender)
{
    struct error error;
    CLEANUP(buf_release) struct buf body = BUF(100);
    wire_put_u32(&body, number);
    if (longer)
        buf_putc(&body, 0);
    struct ipc_message out = {.type = type, .body = buf_slice(&body), .fd_count = fd_count};
    for (unsigned i = 0; i < fd_count; i++)
        out.fds[i] = pair[0];
    assert_int_equal(ipc_send(pair[0], &out, &error), ERR_OK);
    struct control in;
    assert_int_equal(control_receive(pair[1], sender, 0, &in, &error), ERR_INVALID);
}

static void test_refuses_what_the_table_does_not_allow(void **state)
{
    (void)state;
    refused(CONTROL_STOPPED + 1, 0, 0, false, FROM_WORKER);
    refused(UINT32_MAX, 0, 0, false, FROM_WORKER);
    refused(CONTROL_STOP, 0, 0, false, FROM_WORKER);      /* the supervisor's to say */
    refused(CONTROL_READY, 0, 0, false, FROM_SUPERVISOR); /* the worker's to say */
    refused(CONTROL_READY, 1, 0, false, FROM_WORKER);
    refused(CONTROL_READY, 0, 1, false, FROM_WORKER);
    refused(CONTROL_READY, 0, 0, true, FROM_WORKER);
    refused(CONTROL_PEER, ROLE_STORE + 1, 1, false, FROM_SUPERVISOR);
    refused(CONTROL_PEER, ROLE_STORE, 0, false, FROM_SUPERVISOR);
    refused(CONTROL_PEER, ROLE_STORE, 2, false, FROM_SUPERVISOR);
    refused(CONTROL_CLIENT, ROLE_STORE + 1, 1, false, FROM_SUPERVISOR);
    refused(CONTROL_CLIENT, ROLE_RELAY, 0, false, FROM_SUPERVISOR);
    refused(CONTROL_CLIENT, ROLE_RELAY, 1, false, FROM_WORKER);
    refused(CONTROL_BOOT, WORKER_LISTENERS_MAX + 1, 1, false, FROM_SUPERVISOR);
    refused(CONTROL_STOP, CONTROL_GRACE_MAX + 1, 0, false, FROM_SUPERVISOR);
}

static void test_says_closed_and_timeout(void **state)
{
    (void)state;
    struct error error;
    struct control in;
    assert_int_equal(control_receive(pair[1], FROM_WORKER, clock_mono_us() + CLOCK_MS, &in, &error),
                     ERR_TIMEOUT);
    fd_close(&pair[0]);
    assert_int_equal(control_receive(pair[1], FROM_WORKER, 0, &in, &error), ERR_CLOSED);
}

static void test_certificates_read_back(void **state)
{
    (void)state;
    struct error error;
    struct tls_pem pems[2];
    size_t count = 0;
    CLEANUP(buf_release) struct buf bytes = BUF(1000);
    control_put_certificate(&bytes, &(struct tls_pem){S("chain 1"), S("key 1")});
    control_put_certificate(&bytes, &(struct tls_pem){S("chain 2"), S("")});
    assert_int_equal(control_get_certificates(buf_slice(&bytes), pems, 2, &count, &error), ERR_OK);
    assert_int_equal(count, 2);
    assert_true(slice_eq(pems[0].key, S("key 1")));
    assert_true(slice_eq(pems[1].chain, S("chain 2")));
    assert_int_equal(pems[1].key.n, 0);
    assert_int_equal(control_get_certificates(buf_slice(&bytes), pems, 1, &count, &error), ERR_INVALID);
    assert_int_equal(
        control_get_certificates(slice_sub(buf_slice(&bytes), 0, bytes.n - 1), pems, 2, &count, &error),
        ERR_INVALID);
    assert_int_equal(control_get_certificates(slice_none(), pems, 2, &count, &error), ERR_OK);
    assert_int_equal(count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_message_travels_whole, make_pair, close_pair),
        cmocka_unit_test_setup_teardown(test_refuses_what_the_table_does_not_allow, make_pair, close_pair),
        cmocka_unit_test_setup_teardown(test_says_closed_and_timeout, make_pair, close_pair),
        cmocka_unit_test(test_certificates_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

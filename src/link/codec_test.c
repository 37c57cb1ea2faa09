#include "base/test.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fdio.h"
#include "link/codec.h"

static void test_sasl_start_comes_as_it_was_sent(void **state)
{
    CLEANUP(buf_release) struct buf b = BUF(1000);
    struct sasl_start start = {.mechanism = SASL_SCRAM_SHA_256_PLUS,
                               .door = DOOR_POP3,
                               .has_initial = true,
                               .initial = S("n,,\0x"),
                               .tls = true,
                               .binding_type = S("tls-exporter"),
                               .binding = S("\1\2"),
                               .certificate = S("\0030\1\0"),
                               .sid = {77},
                               .peer = S("192.0.2.1")};
    struct sasl_start got;
    (void)state;
    link_put_sasl_start(&b, &start);
    struct wire_reader r = wire_reader_of(buf_slice(&b));
    link_get_sasl_start(&r, &got);
    assert_true(wire_end(&r));
    assert_int_equal(got.mechanism, start.mechanism);
    assert_int_equal(got.door, start.door);
    assert_true(got.has_initial && got.tls);
    assert_true(slice_eq(got.initial, start.initial));
    assert_true(slice_eq(got.binding_type, start.binding_type) && slice_eq(got.binding, start.binding));
    assert_true(slice_eq(got.certificate, start.certificate));
    assert_int_equal(got.sid.v, 77);
    assert_true(slice_eq(got.peer, start.peer));
    b.p[0] = SASL_MECHANISMS;
    r = wire_reader_of(buf_slice(&b));
    link_get_sasl_start(&r, &got);
    assert_false(wire_ok(&r));
}

static void test_sasl_result_comes_as_it_was_sent(void **state)
{
    CLEANUP(buf_release) struct buf b = BUF(1000);
    CLEANUP(arena_release) struct arena arena = ARENA(10000);
    struct sasl_result result = {.status = SASL_OK,
                                 .exchange = 5,
                                 .data = S("v=1"),
                                 .code = ERR_DENIED,
                                 .account = {9},
                                 .address = S("anna@demo.example"),
                                 .ticket = "0123456789abcde"};
    struct sasl_result got;
    (void)state;
    link_put_sasl_result(&b, &result);
    struct wire_reader r = wire_reader_of(buf_slice(&b));
    link_get_sasl_result(&r, &arena, &got);
    assert_true(wire_end(&r));
    assert_int_equal(got.status, SASL_OK);
    assert_int_equal(got.exchange, 5);
    assert_int_equal(got.code, ERR_DENIED);
    assert_int_equal(got.account.v, 9);
    assert_true(slice_eq(got.data, result.data) && slice_eq(got.address, result.address));
    assert_memory_equal(got.ticket, result.ticket, TICKET_SIZE);
}

static void test_hand_over_comes_as_it_was_sent(void **state)
{
    CLEANUP(buf_release) struct buf b = BUF(1000);
    struct link_hand_over hand_over = {.door = DOOR_IMAP,
                                       .ticket = S("ticket"),
                                       .sid = {3},
                                       .peer = S("2001:db8::1"),
                                       .peer_port = 65535,
                                       .tls = true,
                                       .pending = S("a2 NOOP\r\n"),
                                       .tag = S("a1"),
                                       .capabilities_off = S("IDLE"),
                                       .language = S("de")};
    struct link_hand_over got = {0};
    (void)state;
    link_put_hand_over(&b, &hand_over);
    struct wire_reader r = wire_reader_of(buf_slice(&b));
    link_get_hand_over(&r, &got);
    assert_true(wire_end(&r));
    assert_int_equal(got.door, DOOR_IMAP);
    assert_int_equal(got.peer_port, 65535);
    assert_int_equal(got.sid.v, 3);
    assert_true(got.tls);
    assert_true(slice_eq(got.ticket, hand_over.ticket) && slice_eq(got.peer, hand_over.peer));
    assert_true(slice_eq(got.capabilities_off, S("IDLE")));
    assert_true(slice_eq(got.pending, hand_over.pending) && slice_eq(got.tag, hand_over.tag));
    assert_true(slice_eq(got.language, hand_over.language));
}

static void put_envelope(struct buf *b, size_t recipients)
{
    static struct queue_recipient to[QUEUE_RECIPIENTS_MAX + 1];
    for (size_t i = 0; i < recipients; i++)
        to[i] = (struct queue_recipient){
            .address = S("anna@demo.example"), .orcpt = S("rfc822;x"), .notify = DSN_SUCCESS | DSN_DELAY};
    struct queue_envelope envelope = {.sender = S("max@other.example"),
                                      .recipients = to,
                                      .recipient_count = recipients,
                                      .sid = {4},
                                      .account = {5},
                                      .protocol = S("ESMTPS"),
                                      .helo = S("client"),
                                      .peer = S("192.0.2.1"),
                                      .tls = S("TLSv1.3"),
                                      .smtputf8 = true,
                                      .binary = true,
                                      .require_tls = true,
                                      .release = {INT64_C(1) << 50, 77},
                                      .by = {DELIVER_BY_NOTIFY, true, -9},
                                      .ret = DSN_RET_FULL,
                                      .envid = S("QQ")};
    link_put_envelope(b, &envelope);
}

static void test_envelope_comes_as_it_was_sent(void **state)
{
    CLEANUP(buf_release) struct buf b = BUF(100000);
    CLEANUP(arena_release) struct arena arena = ARENA(100000);
    struct queue_envelope got;
    (void)state;
    put_envelope(&b, QUEUE_RECIPIENTS_MAX);
    struct wire_reader r = wire_reader_of(buf_slice(&b));
    link_get_envelope(&r, &arena, &got);
    assert_true(wire_end(&r));
    assert_true(slice_eq(got.sender, S("max@other.example")) && slice_eq(got.protocol, S("ESMTPS")));
    assert_true(slice_eq(got.helo, S("client")) && slice_eq(got.peer, S("192.0.2.1")));
    assert_true(slice_eq(got.tls, S("TLSv1.3")) && slice_eq(got.envid, S("QQ")));
    assert_true(!got.eight_bit && got.smtputf8 && got.binary && got.require_tls);
    assert_true(got.release.at_us == INT64_C(1) << 50 && got.release.hold_seconds == 77);
    assert_true(got.by.mode == DELIVER_BY_NOTIFY && got.by.trace && got.by.until_us == -9);
    assert_int_equal(got.ret, DSN_RET_FULL);
    assert_int_equal(got.account.v, 0); /* who it is, only a ticket says */
    assert_int_equal(got.recipient_count, QUEUE_RECIPIENTS_MAX);
    assert_int_equal(got.recipients[999].notify, DSN_SUCCESS | DSN_DELAY);
    assert_true(slice_eq(got.recipients[999].orcpt, S("rfc822;x")));
}

static void test_one_recipient_too_many_is_malformed(void **state)
{
    CLEANUP(buf_release) struct buf b = BUF(100000);
    CLEANUP(arena_release) struct arena arena = ARENA(100000);
    struct queue_envelope got;
    (void)state;
    put_envelope(&b, QUEUE_RECIPIENTS_MAX + 1);
    struct wire_reader r = wire_reader_of(buf_slice(&b));
    link_get_envelope(&r, &arena, &got);
    assert_false(wire_ok(&r));
    assert_int_equal(got.recipient_count, 0);
}

/* Packs a record of n bytes, unpacks it, and says by what it travelled. */
static bool by_memfd(size_t n)
{
    CLEANUP(buf_release) struct buf record = BUF(LINK_RECORD_MAX);
    CLEANUP(buf_release) struct buf carrier = BUF(IPC_BODY_MAX);
    CLEANUP(buf_release) struct buf storage = BUF(LINK_RECORD_MAX);
    struct ipc_message message = {0};
    struct slice got;
    struct error error;
    char *to = buf_reserve(&record, n);
    assert_non_null(to);
    memset(to, 'r', n);
    buf_grew(&record, n);
    assert_int_equal(link_pack(&record, &carrier, &message, &error), ERR_OK);
    bool memfd = message.fd_count == 1;
    assert_true(message.body.n <= IPC_BODY_MAX);
    assert_int_equal(link_unpack(&message, &storage, &got, &error), ERR_OK);
    assert_true(slice_eq(got, buf_slice(&record)));
    assert_int_equal(message.fd_count, 0);
    return memfd;
}

static void test_large_records_travel_by_memfd(void **state)
{
    (void)state;
    assert_false(by_memfd(1));
    assert_false(by_memfd(IPC_BODY_MAX - 1)); /* and the byte that says so */
    assert_true(by_memfd(IPC_BODY_MAX));
    assert_true(by_memfd(IPC_BODY_MAX + 1));
    assert_true(by_memfd(LINK_RECORD_MAX));
}

static void test_record_over_the_limit_is_not_sent(void **state)
{
    CLEANUP(buf_release) struct buf record = BUF(LINK_RECORD_MAX);
    CLEANUP(buf_release) struct buf carrier = BUF(IPC_BODY_MAX);
    struct ipc_message message = {0};
    struct error error;
    (void)state;
    assert_null(buf_reserve(&record, LINK_RECORD_MAX + 1));
    assert_int_equal(link_pack(&record, &carrier, &message, &error), ERR_LIMIT);
    assert_int_equal(message.fd_count, 0);
}

static enum err unpack_fd(int fd, struct slice body)
{
    CLEANUP(buf_release) struct buf storage = BUF(LINK_RECORD_MAX);
    struct ipc_message message = {.body = body, .fds = {fd}, .fd_count = fd >= 0};
    struct slice got;
    struct error error;
    return link_unpack(&message, &storage, &got, &error);
}

static void test_malformed_carriers_are_refused(void **state)
{
    int ends[2];
    int large = memfd_create("large", MFD_CLOEXEC);
    (void)state;
    assert_int_equal(unpack_fd(-1, S("")), ERR_INVALID);
    assert_int_equal(unpack_fd(-1, S("\2")), ERR_INVALID);
    assert_int_equal(unpack_fd(-1, S("\1")), ERR_INVALID); /* no descriptor came */
    assert_int_equal(ftruncate(large, LINK_RECORD_MAX + 1), 0);
    assert_int_equal(unpack_fd(large, S("\1")), ERR_LIMIT);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(unpack_fd(ends[0], S("\1")), ERR_LIMIT); /* no file at all */
    close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sasl_start_comes_as_it_was_sent),
        cmocka_unit_test(test_sasl_result_comes_as_it_was_sent),
        cmocka_unit_test(test_hand_over_comes_as_it_was_sent),
        cmocka_unit_test(test_envelope_comes_as_it_was_sent),
        cmocka_unit_test(test_one_recipient_too_many_is_malformed),
        cmocka_unit_test(test_large_records_travel_by_memfd),
        cmocka_unit_test(test_record_over_the_limit_is_not_sent),
        cmocka_unit_test(test_malformed_carriers_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "base/test.h"

#include "queue/entry.h"

static struct entry *make(void)
{
    struct queue_recipient to[] = {
        {.address = S("anna@demo.example"),
         .orcpt = S("rfc822;a@b.example"),
         .notify = DSN_SUCCESS | DSN_DELAY},
        {.address = S("x@elsewhere.example")},
        {.address = S("otto@demo.example")},
    };
    struct queue_envelope envelope = {.sender = S("max@other.example"),
                                      .results = S("Authentication-Results: a; none\r\n"),
                                      .junk = true,
                                      .ours = true,
                                      .tls_optional = true,
                                      .require_tls = true,
                                      .release = {987654321, 60},
                                      .by = {DELIVER_BY_RETURN, true, 5},
                                      .recipients = to,
                                      .recipient_count = 3,
                                      .sid = {77},
                                      .account = {88},
                                      .protocol = S("ESMTPSA"),
                                      .helo = S("client"),
                                      .peer = S("192.0.2.1"),
                                      .tls = S("TLSv1.3"),
                                      .eight_bit = true,
                                      .binary = true,
                                      .ret = DSN_RET_HDRS,
                                      .envid = S("QQ")};
    struct entry *entry = entry_new((struct queue_id){5}, &envelope, 123456789);
    assert_non_null(entry);
    entry->size = 1000;
    entry->spool = 42;
    entry->attempts = 3;
    entry->recipients[0].state = RECIPIENT_DONE;
    entry->recipients[1].state = RECIPIENT_WAITING;
    entry->recipients[2].expanded = true;
    entry_set_reason(entry, &entry->recipients[2], "full");
    return entry;
}

static void test_is_read_as_it_was_written(void **state)
{
    CLEANUP(entry_release) struct entry *entry = make();
    CLEANUP(entry_release) struct entry *read = NULL;
    CLEANUP(buf_release) struct buf out = BUF(10000);
    struct error error;
    (void)state;
    entry_encode(entry, &out);
    assert_int_equal(entry_decode((struct queue_id){5}, buf_slice(&out), &read, &error), ERR_OK);
    assert_true(slice_eq(read->envelope.sender, S("max@other.example")));
    assert_true(slice_eq(read->envelope.protocol, S("ESMTPSA")));
    assert_true(slice_eq(read->envelope.helo, S("client")));
    assert_true(slice_eq(read->envelope.peer, S("192.0.2.1")));
    assert_true(slice_eq(read->envelope.tls, S("TLSv1.3")));
    assert_true(slice_eq(read->envelope.envid, S("QQ")));
    assert_int_equal(read->envelope.sid.v, 77);
    assert_int_equal(read->envelope.account.v, 88);
    assert_true(slice_eq(read->envelope.results, S("Authentication-Results: a; none\r\n")));
    assert_true(read->envelope.junk && read->envelope.ours && read->envelope.tls_optional);
    assert_true(read->envelope.require_tls);
    assert_int_equal(read->envelope.release.at_us, 987654321);
    assert_int_equal(read->envelope.release.hold_seconds, 60);
    assert_int_equal(entry_since(read), 987654321);
    assert_true(read->envelope.by.mode == DELIVER_BY_RETURN && read->envelope.by.trace);
    assert_int_equal(read->envelope.by.until_us, 5);
    assert_true(read->envelope.eight_bit && read->envelope.binary && !read->envelope.smtputf8);
    assert_int_equal(read->envelope.ret, DSN_RET_HDRS);
    assert_int_equal(read->received_us, 123456789);
    assert_int_equal(read->size, 1000);
    assert_int_equal(read->spool, 42);
    assert_int_equal(read->attempts, 3);
    /* What is done is not written any more. */
    assert_int_equal(read->recipient_count, 2);
    assert_true(slice_eq(read->recipients[0].given.address, S("x@elsewhere.example")));
    assert_int_equal(read->recipients[0].state, RECIPIENT_WAITING);
    assert_true(read->recipients[1].expanded);
    assert_true(slice_eq(read->recipients[1].reason, S("full")));
}

static void test_delivery_id_tells_entries_and_accounts_apart(void **state)
{
    CLEANUP(entry_release) struct entry *one = make();
    CLEANUP(entry_release) struct entry *two = make();
    unsigned char a[16], b[16], c[16], d[16];
    (void)state;
    entry_delivery_id(one, (struct account_id){1}, 0, a);
    entry_delivery_id(one, (struct account_id){1}, 0, b);
    entry_delivery_id(one, (struct account_id){2}, 0, c);
    entry_delivery_id(two, (struct account_id){1}, 0, d);
    assert_memory_equal(a, b, 16);
    assert_memory_not_equal(a, c, 16);
    assert_memory_not_equal(a, d, 16);
}

static void test_damaged_records_are_told(void **state)
{
    CLEANUP(entry_release) struct entry *entry = make();
    CLEANUP(buf_release) struct buf out = BUF(10000);
    struct error error;
    (void)state;
    entry_encode(entry, &out);
    for (size_t n = 0; n < out.n; n++) {
        struct entry *read = NULL;
        assert_int_equal(entry_decode(entry->id, slice_sub(buf_slice(&out), 0, n), &read, &error),
                         ERR_CORRUPT);
    }
    buf_putc(&out, 0);
    struct entry *read = NULL;
    assert_int_equal(entry_decode(entry->id, buf_slice(&out), &read, &error), ERR_CORRUPT);
    out.p[0] = 2;
    assert_int_equal(entry_decode(entry->id, buf_slice(&out), &read, &error), ERR_CORRUPT);
}

static void test_foreign_targets_up_to_the_limit(void **state)
{
    CLEANUP(entry_release) struct entry *entry = make();
    CLEANUP(entry_release) struct entry *read = NULL;
    CLEANUP(buf_release) struct buf out = BUF(ENTRY_ARENA_MAX);
    struct error error;
    (void)state;
    entry->recipients[0].state = RECIPIENT_NEW;
    struct entry_recipient like = entry->recipients[0];
    while (entry->recipient_count < ENTRY_RECIPIENTS_MAX)
        assert_true(entry_add_foreign(entry, S("someone@elsewhere.example"), &like));
    assert_false(entry_add_foreign(entry, S("one@more.example"), &like));
    assert_int_equal(entry->recipients[ENTRY_RECIPIENTS_MAX - 1].given.notify, like.given.notify);
    entry_encode(entry, &out);
    assert_int_equal(entry_decode(entry->id, buf_slice(&out), &read, &error), ERR_OK);
    assert_int_equal(read->recipient_count, ENTRY_RECIPIENTS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_is_read_as_it_was_written),
        cmocka_unit_test(test_delivery_id_tells_entries_and_accounts_apart),
        cmocka_unit_test(test_damaged_records_are_told),
        cmocka_unit_test(test_foreign_targets_up_to_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

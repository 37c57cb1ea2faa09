#include "base/test.h"

#include "link/outbound_codec.h"

static struct outbound_recipient recipients[] = {
    {.number = 7, .address = S("max@far.example"), .orcpt = S("rfc822;max@old.example"), .notify = 5},
    {.number = 4000000000U, .address = S("eva@far.example")},
};
static struct outbound_parcel parcels[] = {
    {.entry = {41},
     .domain = S("far.example"),
     .addresses = S("192.0.2.1=mx.demo.example"),
     .sender = S("anna@demo.example"),
     .recipients = recipients,
     .recipient_count = 2,
     .size = UINT64_C(1) << 40,
     .received_us = 1700000000000000,
     .eight_bit = true,
     .binary = true,
     .tls_optional = true,
     .ret = DSN_RET_HDRS,
     .envid = S("id+2B1"),
     .sid = {0xabcdef0123456789}},
    {.entry = {42},
     .domain = S("other.example"),
     .smtputf8 = true,
     .require_tls = true,
     .by = {DELIVER_BY_RETURN, false, 8},
     .received_us = -1},
};

static void assert_same_parcel(const struct outbound_parcel *got, const struct outbound_parcel *sent)
{
    assert_int_equal(got->entry.v, sent->entry.v);
    assert_true(slice_eq(got->domain, sent->domain) && slice_eq(got->sender, sent->sender));
    assert_true(slice_eq(got->addresses, sent->addresses));
    assert_int_equal(got->size, sent->size);
    assert_int_equal(got->received_us, sent->received_us);
    assert_int_equal(got->eight_bit, sent->eight_bit);
    assert_int_equal(got->smtputf8, sent->smtputf8);
    assert_int_equal(got->binary, sent->binary);
    assert_int_equal(got->tls_optional, sent->tls_optional);
    assert_int_equal(got->require_tls, sent->require_tls);
    assert_true(got->by.mode == sent->by.mode && got->by.until_us == sent->by.until_us);
    assert_int_equal(got->ret, sent->ret);
    assert_true(slice_eq(got->envid, sent->envid));
    assert_int_equal(got->sid.v, sent->sid.v);
    assert_int_equal(got->recipient_count, sent->recipient_count);
    for (size_t i = 0; i < sent->recipient_count; i++) {
        assert_int_equal(got->recipients[i].number, sent->recipients[i].number);
        assert_int_equal(got->recipients[i].notify, sent->recipients[i].notify);
        assert_true(slice_eq(got->recipients[i].address, sent->recipients[i].address));
        assert_true(slice_eq(got->recipients[i].orcpt, sent->recipients[i].orcpt));
    }
}

static void test_batch_comes_as_it_was_sent(void **state UNUSED)
{
    CLEANUP(buf_release) struct buf b = BUF(10000);
    CLEANUP(arena_release) struct arena arena = ARENA(100000);
    struct outbound_batch batch = {.parcels = parcels, .count = 2, .number = 3, .flushes = 9, .settings = 4};
    struct outbound_batch got;
    link_put_batch(&b, &batch);
    struct wire_reader r = wire_reader_of(buf_slice(&b));
    link_get_batch(&r, &arena, &got);
    assert_true(wire_end(&r));
    assert_int_equal(got.number, 3);
    assert_int_equal(got.flushes, 9);
    assert_int_equal(got.settings, 4);
    assert_int_equal(got.count, 2);
    for (size_t i = 0; i < 2; i++)
        assert_same_parcel(&got.parcels[i], &parcels[i]);
}

static void test_batch_that_ends_early_is_refused(void **state UNUSED)
{
    CLEANUP(buf_release) struct buf b = BUF(10000);
    link_put_batch(&b, &(struct outbound_batch){.parcels = parcels, .count = 2});
    for (size_t n = 0; n < b.n; n++) {
        CLEANUP(arena_release) struct arena arena = ARENA(100000);
        struct outbound_batch got;
        struct wire_reader r = wire_reader_of(slice_sub(buf_slice(&b), 0, n));
        link_get_batch(&r, &arena, &got);
        assert_false(wire_end(&r));
    }
}

enum { BATCH_NUMBERS = 3 }; /* at its beginning */

static bool takes_batch_of(size_t count, size_t recipient_count)
{
    CLEANUP(buf_release) struct buf b = BUF(1000000);
    CLEANUP(arena_release) struct arena arena = ARENA(10000000);
    struct outbound_recipient many[OUTBOUND_RECIPIENTS_MAX + 1] = {0};
    struct outbound_batch got;
    for (size_t i = 0; i < BATCH_NUMBERS; i++)
        wire_put_u64(&b, 0);
    wire_put_varint(&b, count);
    for (size_t i = 0; i < count; i++) {
        CLEANUP(buf_release) struct buf one = BUF(100000);
        struct outbound_parcel parcel = {.recipients = many, .recipient_count = recipient_count};
        link_put_batch(&one, &(struct outbound_batch){.parcels = &parcel, .count = 1});
        buf_put(&b, slice_from(buf_slice(&one), BATCH_NUMBERS * 8 + 1)); /* without them and count */
    }
    assert_false(buf_failed(&b));
    struct wire_reader r = wire_reader_of(buf_slice(&b));
    link_get_batch(&r, &arena, &got);
    return wire_end(&r) && got.count == count;
}

static void test_batch_is_bounded(void **state UNUSED)
{
    assert_true(takes_batch_of(1, OUTBOUND_RECIPIENTS_MAX));
    assert_false(takes_batch_of(1, OUTBOUND_RECIPIENTS_MAX + 1));
    assert_true(takes_batch_of(LINK_PARCELS_MAX, 0));
    assert_false(takes_batch_of(LINK_PARCELS_MAX + 1, 0));
}

static void test_destinations_come_as_they_were_sent(void **state UNUSED)
{
    CLEANUP(buf_release) struct buf b = BUF(10000);
    CLEANUP(arena_release) struct arena arena = ARENA(100000);
    const struct destination sent[] = {{.pattern = S("a.example"),
                                        .connections = 1,
                                        .messages = 2,
                                        .rate = 3,
                                        .tls = DESTINATION_TLS_VERIFY,
                                        .names = S("b.example"),
                                        .addresses = S("192.0.2.1")},
                                       {.pattern = S("mx:*.b.example"), .rate = 100000}};
    struct destination *got;
    size_t count;
    link_put_destinations(&b, sent, 2);
    struct wire_reader r = wire_reader_of(buf_slice(&b));
    link_get_destinations(&r, &arena, &got, &count);
    assert_true(wire_end(&r));
    assert_int_equal(count, 2);
    for (size_t i = 0; i < count; i++) {
        assert_true(slice_eq(got[i].pattern, sent[i].pattern) && slice_eq(got[i].names, sent[i].names));
        assert_true(slice_eq(got[i].addresses, sent[i].addresses));
        assert_int_equal(got[i].connections, sent[i].connections);
        assert_int_equal(got[i].messages, sent[i].messages);
        assert_int_equal(got[i].rate, sent[i].rate);
        assert_int_equal(got[i].tls, sent[i].tls);
    }
    buf_clear(&b);
    wire_put_varint(&b, DESTINATIONS_MAX + 1);
    r = wire_reader_of(buf_slice(&b));
    link_get_destinations(&r, &arena, &got, &count);
    assert_false(wire_ok(&r));
}

static void test_results_come_as_they_were_sent(void **state UNUSED)
{
    CLEANUP(buf_release) struct buf b = BUF(10000);
    CLEANUP(arena_release) struct arena arena = ARENA(100000);
    struct outbound_result sent[] = {
        {.recipient = 1,
         .outcome = OUTBOUND_RELAYED,
         .status = S("2.1.5"),
         .text = S("250 ok"),
         .peer = S("mx.far.example"),
         .told_on = true,
         .by_passed_on = true},
        {.recipient = 2, .outcome = OUTBOUND_UNTRIED, .text = S("later"), .after_us = 1700000000000000},
    };
    struct outbound_result *got;
    size_t count;
    link_put_results(&b, sent, 2);
    struct wire_reader r = wire_reader_of(buf_slice(&b));
    link_get_results(&r, &arena, &got, &count);
    assert_true(wire_end(&r));
    assert_int_equal(count, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(got[i].recipient, sent[i].recipient);
        assert_int_equal(got[i].outcome, sent[i].outcome);
        assert_int_equal(got[i].told_on, sent[i].told_on);
        assert_int_equal(got[i].by_passed_on, sent[i].by_passed_on);
        assert_int_equal(got[i].after_us, sent[i].after_us);
        assert_true(slice_eq(got[i].status, sent[i].status) && slice_eq(got[i].text, sent[i].text));
        assert_true(slice_eq(got[i].peer, sent[i].peer));
    }
}

static void test_only_so_much_of_a_peers_words_is_sent(void **state UNUSED)
{
    static const char words[OUTBOUND_TEXT_MAX + 1] = {0};
    for (size_t n = OUTBOUND_TEXT_MAX; n <= OUTBOUND_TEXT_MAX + 1; n++) {
        CLEANUP(buf_release) struct buf b = BUF(10000);
        CLEANUP(arena_release) struct arena arena = ARENA(100000);
        struct outbound_result *got;
        size_t count;
        link_put_results(&b, &(struct outbound_result){.text = slice_of(words, n)}, 1);
        struct wire_reader r = wire_reader_of(buf_slice(&b));
        link_get_results(&r, &arena, &got, &count);
        assert_true(wire_end(&r));
        assert_int_equal(got[0].text.n, OUTBOUND_TEXT_MAX);
    }
}

static bool takes_results_of(size_t count, unsigned outcome, unsigned *ret_outcome)
{
    CLEANUP(buf_release) struct buf b = BUF(100000);
    CLEANUP(arena_release) struct arena arena = ARENA(1000000);
    struct outbound_result sent[OUTBOUND_RECIPIENTS_MAX + 1] = {0};
    struct outbound_result *got;
    size_t got_count;
    for (size_t i = 0; i < count; i++)
        sent[i].outcome = (enum outbound_outcome)outcome;
    link_put_results(&b, sent, count);
    struct wire_reader r = wire_reader_of(buf_slice(&b));
    link_get_results(&r, &arena, &got, &got_count);
    bool taken = wire_end(&r) && got_count == count;
    *ret_outcome = taken && count > 0 ? got[0].outcome : OUTBOUND_OUTCOMES;
    return taken;
}

static void test_results_are_bounded_and_unknown_outcomes_known_as_such(void **state UNUSED)
{
    unsigned outcome;
    assert_true(takes_results_of(OUTBOUND_RECIPIENTS_MAX, OUTBOUND_DEFERRED, &outcome));
    assert_int_equal(outcome, OUTBOUND_DEFERRED);
    assert_false(takes_results_of(OUTBOUND_RECIPIENTS_MAX + 1, OUTBOUND_DEFERRED, &outcome));
    assert_true(takes_results_of(1, 200, &outcome));
    assert_int_equal(outcome, OUTBOUND_OUTCOMES);
}

static void test_policy_comes_as_it_was_sent(void **state UNUSED)
{
    CLEANUP(buf_release) struct buf b = BUF(1000);
    const struct kept_policy sent = {S("far.example"), S("id7"), S("version: STSv1\n"), -5, 1700000000000000};
    struct kept_policy got;
    link_put_policy(&b, &sent);
    struct wire_reader r = wire_reader_of(buf_slice(&b));
    link_get_policy(&r, &got);
    assert_true(wire_end(&r));
    assert_true(slice_eq(got.domain, sent.domain) && slice_eq(got.id, sent.id));
    assert_true(slice_eq(got.text, sent.text));
    assert_int_equal(got.fetched_us, sent.fetched_us);
    assert_int_equal(got.expires_us, sent.expires_us);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_policy_comes_as_it_was_sent),
        cmocka_unit_test(test_batch_comes_as_it_was_sent),
        cmocka_unit_test(test_batch_that_ends_early_is_refused),
        cmocka_unit_test(test_batch_is_bounded),
        cmocka_unit_test(test_destinations_come_as_they_were_sent),
        cmocka_unit_test(test_results_come_as_they_were_sent),
        cmocka_unit_test(test_only_so_much_of_a_peers_words_is_sent),
        cmocka_unit_test(test_results_are_bounded_and_unknown_outcomes_known_as_such),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

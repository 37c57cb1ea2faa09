/* What may not leave stays, and leaves when it may. */
#include "queue/hold.h"

#include "queue/outbound.h"
#include "queue/testing.h"

enum { HAND = 7 };

static struct outbound_batch take_now(struct house *t)
{
    struct outbound_batch batch;
    ASSERT_OK(t, queue_outbound_take(t->queue, HAND, t->seen, 10, clock_mono_us() + 50 * CLOCK_MS, &t->arena,
                                     &batch, &t->error));
    t->seen = batch.number;
    return batch;
}

static const char *state(struct house *t)
{
    struct queue_entry *entries;
    assert_int_equal(house_list(t, &entries), 1);
    return entries[0].state.p;
}

static void finish(struct house *t, const struct outbound_parcel *parcel, enum outbound_outcome outcome)
{
    struct outbound_result result = {.recipient = parcel->recipients[0].number,
                                     .outcome = outcome,
                                     .status = S("4.0.0"),
                                     .text = S("said")};
    ASSERT_OK(t, queue_outbound_done(t->queue, HAND, parcel->entry, &result, 1, &t->error));
}

static void test_holds_and_releases(void **state_)
{
    struct house *t = *state_;
    struct {
        enum hold_kind kind;
        struct slice what;
    } rules[] = {{HOLD_SENDER, S("Anna@DEMO.example")}, {HOLD_DOMAIN, S("Elsewhere.example")}};
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        ASSERT_OK(t, queue_hold(t->queue, rules[i].kind, rules[i].what, &t->error));
        house_send(t, "anna@demo.example", "max@elsewhere.example");
        house_settle(t);
        assert_int_equal(take_now(t).count, 0);
        assert_string_equal(state(t), "held");
        ASSERT_OK(t, queue_flush(t->queue, (struct queue_id){0}, &t->error));
        assert_int_equal(take_now(t).count, 0); /* trying now is not releasing */
        ASSERT_OK(t, queue_release(t->queue, rules[i].kind, rules[i].what, &t->error));
        struct outbound_batch batch = take_now(t);
        assert_int_equal(batch.count, 1);
        finish(t, &batch.parcels[0], OUTBOUND_RELAYED);
        assert_int_equal(house_left(t), 0);
    }
}

static void test_holds_one_message_and_no_other(void **state_)
{
    struct house *t = *state_;
    char id[ID_TEXT_MAX];
    id_to_text(house_send(t, "anna@demo.example", "max@elsewhere.example").v, id);
    house_settle(t);
    ASSERT_OK(t, queue_hold(t->queue, HOLD_ENTRY, slice_cstr(id), &t->error));
    assert_int_equal(queue_hold(t->queue, HOLD_ENTRY, slice_cstr(id), &t->error), ERR_EXISTS);
    house_send(t, "anna@demo.example", "max@elsewhere.example");
    house_settle(t);
    struct outbound_batch batch = take_now(t);
    assert_int_equal(batch.count, 1);
    finish(t, &batch.parcels[0], OUTBOUND_RELAYED);
    assert_string_equal(state(t), "held");
    ASSERT_OK(t, queue_release(t->queue, HOLD_ENTRY, slice_cstr(id), &t->error));
    assert_int_equal(take_now(t).count, 1);
    assert_int_equal(queue_release(t->queue, HOLD_ENTRY, slice_cstr(id), &t->error), ERR_NOT_FOUND);
    assert_int_equal(queue_hold(t->queue, HOLD_ENTRY, S("00"), &t->error), ERR_INVALID);
}

static void test_holds_a_domain_beside_another(void **state_)
{
    struct house *t = *state_;
    struct queue_recipient to[] = {{.address = S("a@one.example")}, {.address = S("b@two.example")}};
    ASSERT_OK(t, queue_hold(t->queue, HOLD_DOMAIN, S("two.example"), &t->error));
    house_send_to(t, "anna@demo.example", to, 2, MESSAGE);
    house_settle(t);
    struct outbound_batch batch = take_now(t);
    assert_int_equal(batch.count, 1);
    assert_true(slice_eq(batch.parcels[0].domain, S("one.example")));
    finish(t, &batch.parcels[0], OUTBOUND_DEFERRED);
    assert_int_equal(take_now(t).count, 0);
    assert_string_equal(state(t), "deferred"); /* for the other */
    ASSERT_OK(t, queue_release(t->queue, HOLD_DOMAIN, S("two.example"), &t->error));
    batch = take_now(t);
    assert_int_equal(batch.count, 1); /* and not the deferred one, whose time has not come */
    assert_true(slice_eq(batch.parcels[0].domain, S("two.example")));
}

static void test_outlives_a_restart_and_ends_with_its_message(void **state_)
{
    struct house *t = *state_;
    char text[ID_TEXT_MAX];
    struct hold *holds;
    size_t count;
    struct queue_id id = house_send(t, "anna@demo.example", "max@elsewhere.example");
    id_to_text(id.v, text);
    house_settle(t);
    ASSERT_OK(t, queue_hold(t->queue, HOLD_ENTRY, slice_cstr(text), &t->error));
    ASSERT_OK(t, queue_hold(t->queue, HOLD_SENDER, S("otto@demo.example"), &t->error));
    house_close(t);
    house_open(t);
    assert_int_equal(take_now(t).count, 0);
    assert_string_equal(state(t), "held");
    ASSERT_OK(t, queue_holds(t->queue, &t->arena, &holds, &count, &t->error));
    assert_int_equal(count, 2);
    assert_true(slice_eq(holds[0].what, slice_cstr(text)));
    ASSERT_OK(t, queue_drop(t->queue, id, &t->error));
    ASSERT_OK(t, queue_holds(t->queue, &t->arena, &holds, &count, &t->error));
    assert_int_equal(count, 1);
    assert_true(slice_eq(holds[0].what, S("otto@demo.example")));
}

static void test_takes_no_more_than_the_limit(void **state_)
{
    struct house *t = *state_;
    char domain[32];
    for (int i = 0; i < HOLDS_MAX; i++) { /* past the database, whose syncs would take their time */
        snprintf(domain, sizeof(domain), "3d%d.example", i);
        ASSERT_OK(t, hold_load(t->queue, slice_cstr(domain), i, &t->error));
    }
    assert_int_equal(queue_hold(t->queue, HOLD_DOMAIN, S("one.more.example"), &t->error), ERR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_holds_and_releases, house_make, house_free),
        cmocka_unit_test_setup_teardown(test_holds_one_message_and_no_other, house_make, house_free),
        cmocka_unit_test_setup_teardown(test_holds_a_domain_beside_another, house_make, house_free),
        cmocka_unit_test_setup_teardown(test_outlives_a_restart_and_ends_with_its_message, house_make,
                                        house_free),
        cmocka_unit_test_setup_teardown(test_takes_no_more_than_the_limit, house_make, house_free),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Both ends, over a real channel, with a played relay. */
#include "link/lanes.h"

#include <stdlib.h>

#include "rt/test_ipc.h"

enum { LANES = LANES_PAGE_MAX + 7 };

/* LANES of them, by number. */
static void play(void *context UNUSED, struct slice after, struct arena *arena,
                 struct lane_state ret_rows[static LANES_PAGE_MAX], size_t *ret_count)
{
    uint32_t first = 0;
    if (after.n > 0) {
        assert_true(slice_to_u32(slice_sub(after, 1, 3), &first) && slice_ends(after, S("\n192.0.2.1")));
        first++;
    }
    for (*ret_count = 0; first < LANES && *ret_count < LANES_PAGE_MAX; first++) {
        char name[20];
        snprintf(name, sizeof(name), "d%03u.example", first);
        ret_rows[(*ret_count)++] = (struct lane_state){.name = arena_dup(arena, slice_cstr(name)),
                                                       .addresses = S("192.0.2.1"),
                                                       .taken = first,
                                                       .sending = 2,
                                                       .limit = 3,
                                                       .messages = 4,
                                                       .connections = 5,
                                                       .blocked_us = 6,
                                                       .answer = S("250 ok"),
                                                       .tls = S("TLSv1.3")};
    }
}

static void serve(void *context, struct ipc_message *request, struct buf *reply_body,
                  struct ipc_message *reply)
{
    if (!lanes_serve(context, request, reply_body, reply))
        *reply = (struct ipc_message){.type = 99};
}

static void check(lanes_fn *list, size_t expected)
{
    struct lanes_service service = {list, NULL};
    CLEANUP(arena_release) struct arena arena = ARENA(10000000);
    struct test_ipc ipc;
    struct lane_state *rows = NULL;
    size_t count = 0;
    struct error error;
    test_ipc_open(&ipc, serve, &service);
    assert_int_equal(lanes_ask(ipc.client, &arena, &rows, &count, &error), ERR_OK);
    assert_int_equal(count, expected);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(rows[i].taken, i);
        assert_int_equal(rows[i].sending + rows[i].limit + rows[i].messages, 9);
        assert_int_equal(rows[i].connections + rows[i].blocked_us, 11);
        assert_true(slice_eq(rows[i].answer, S("250 ok")) && slice_eq(rows[i].tls, S("TLSv1.3")));
    }
    test_ipc_close(&ipc);
}

static void test_all_rows_come_page_after_page(void **state UNUSED)
{
    check(play, LANES);
}

static void test_where_nothing_is_sent_there_are_none(void **state UNUSED)
{
    check(NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_rows_come_page_after_page),
        cmocka_unit_test(test_where_nothing_is_sent_there_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "admin/advise.h"

#include "base/slice.h"
#include "base/test.h"

static void test_each_rule_names_its_plan(void **state)
{
    static const struct {
        struct advise_needs needs;
        const char *plan;
        size_t reasons;
    } cases[] = {
        {{.devices = 1, .people = 1}, "imap", 1},
        {{.devices = 1, .people = 1, .brief = true}, "pop3", 1},
        {{.devices = 2, .people = 1}, "imap", 1},
        {{.devices = 2, .people = 1, .brief = true}, "imap", 2}, /* says that it can't be brief */
        {{.devices = 1, .people = 5}, "imap", 1},
        {{.devices = 1, .people = 1, .archive = true}, "imap", 1},
        {{.devices = 1, .people = 1, .archive = true, .brief = true}, "imap", 2},
        {{.devices = 1, .people = 1, .calendar = true}, "exchange", 1},
        {{.devices = 3, .people = 2, .calendar = true, .archive = true}, "exchange", 4},
        {{.devices = 1, .people = 1, .mail = UINT64_C(5) << 30}, "imap", 1},
        {{.devices = 9,
          .people = 9,
          .calendar = true,
          .archive = true,
          .brief = true,
          .mail = UINT64_C(9) << 30},
         "exchange",
         6},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct advice english, german;
        advise(&cases[i].needs, false, &english);
        advise(&cases[i].needs, true, &german);
        assert_string_equal(english.plan, cases[i].plan);
        assert_string_equal(german.plan, cases[i].plan);
        assert_int_equal(english.reason_count, cases[i].reasons);
        for (size_t k = 0; k < english.reason_count; k++)
            assert_string_not_equal(english.reasons[k], german.reasons[k]);
    }
}

static void test_quota_leaves_room_to_grow(void **state)
{
    (void)state;
    assert_int_equal(advise_quota(0), 0);
    assert_int_equal(advise_quota(1), UINT64_C(1) << 30);
    assert_int_equal(advise_quota(UINT64_C(20) << 30), UINT64_C(30) << 30);
    assert_int_equal(advise_quota(UINT64_C(1) << 30), UINT64_C(2) << 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_rule_names_its_plan),
        cmocka_unit_test(test_quota_leaves_room_to_grow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What is known of a stranger before his message comes. */
#include "authres/guards.h"

#include "authres/zone_testing.h"

static const struct zone_row world[] = {
    {"1.2.0.192.bl.example", RESOLVER_A, "127.0.0.2"},
    {"1.2.0.192.bl.example", RESOLVER_TXT, "listed; see https://bl.example/192.0.2.1\r\n250 ok"},
    {"2.2.0.192.bl.example", RESOLVER_A, "127.0.0.9"},
    {"2.2.0.192.other.example", RESOLVER_A, "127.0.0.2"},
    {"1.2.0.192.white.example", RESOLVER_A, "127.0.10.2"},
    {"3.2.0.192.bl.example", RESOLVER_A, "127.255.255.254"},
    {"4.2.0.192.bl.example", RESOLVER_A, "198.51.100.1"},
    {"9.2.0.192.silent.example", RESOLVER_A, NULL},
    {"1.2.0.192.silent.example", RESOLVER_A, NULL},
    {"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.bl.example", RESOLVER_A, "127.0.0.2"},
    {"bad.example.dbl.example", RESOLVER_A, "127.0.1.2"},
};

struct place {
    struct zone zone;
    struct authres_dns dns;
    struct guards *guards;
    struct settings *settings;
    struct arena arena;
    struct guard_query query;
    struct guard_finding finding;
    struct error error;
};

static int setup(void **state)
{
    struct place *t = calloc(1, sizeof(*t));
    assert_non_null(t);
    t->zone = ZONE_OF(world);
    t->dns = (struct authres_dns){zone_records, &t->zone};
    t->arena = ARENA(1024 * 1024);
    assert_int_equal(guards_create(&t->guards, &t->error), ERR_OK);
    t->query = (struct guard_query){.dns = &t->dns,
                                    .peer = S("192.0.2.1"),
                                    .own = S("198.51.100.25"),
                                    .helo = S("mx.good.example"),
                                    .sender = S("x@good.example")};
    *state = t;
    return 0;
}

static int teardown(void **state)
{
    struct place *t = *state;
    guards_destroy(t->guards);
    settings_free(t->settings);
    arena_release(&t->arena);
    free(t);
    return 0;
}

static enum guard_verdict look(struct place *t, const char *settings)
{
    CLEANUP(buf_release) struct buf text = BUF(10000);
    buf_printf(&text, "hostname = mail.example\n%s", settings);
    settings_free(t->settings);
    assert_int_equal(settings_parse(buf_slice(&text), "x", &t->settings, &t->error), ERR_OK);
    t->query.settings = t->settings;
    guards_look(t->guards, &t->query, &t->arena, &t->finding);
    return t->finding.verdict;
}

static void assert_results(const struct place *t, const char *wanted)
{
    if (!slice_eq(t->finding.results, slice_cstr(wanted)))
        print_error("%.*s\n", SLICE_ARGS(t->finding.results));
    assert_true(slice_eq(t->finding.results, slice_cstr(wanted)));
}

static void test_list_refuses_with_its_reason(void **state)
{
    struct place *t = *state;
    assert_int_equal(look(t, "block-list = bl.example reject\n"), GUARD_REFUSE);
    assert_string_equal(t->finding.reply, "554 5.7.1 192.0.2.1 is on the list bl.example: listed; see "
                                          "https://bl.example/192.0.2.1??250 ok");
    assert_results(t, ";\r\n\tx-dnsbl=fail dns.zone=bl.example policy.ip=127.0.0.2 policy.txt=\"listed; see "
                      "https://bl.example/192.0.2.1??250 ok\"");
    t->query.peer = S("2001:db8::1");
    assert_int_equal(look(t, "block-list = bl.example defer\n"), GUARD_DEFER);
    assert_string_equal(t->finding.reply, "451 4.7.1 2001:db8::1 is on the list bl.example");
}

static void test_each_action(void **state)
{
    struct place *t = *state;
    assert_int_equal(look(t, "block-list = bl.example junk\n"), GUARD_JUNK);
    assert_int_equal(look(t, "block-list = bl.example mark\n"), GUARD_PASS);
    assert_true(t->finding.suspicious);
    assert_int_equal(look(t, "block-list = bl.example reject 127.0.0.3\n"), GUARD_PASS);
    assert_false(t->finding.suspicious);
    assert_int_equal(look(t, "block-list = bl.example reject\nblock-list = white.example allow\n"),
                     GUARD_PASS);
    assert_true(t->finding.allowed);
    assert_true(slice_ends(t->finding.results, S("dnswl=pass dns.zone=white.example policy.ip=127.0.10.2")));
}

static void test_points_add_up(void **state)
{
    struct place *t = *state;
    t->query.peer = S("192.0.2.2");
    static const struct {
        const char *lists;
        enum guard_verdict verdict;
    } cases[] = {
        {"block-list = bl.example 4\n", GUARD_PASS},
        {"block-list = bl.example 5\n", GUARD_JUNK},
        {"block-list = bl.example 5\nblock-list = other.example 4\n", GUARD_JUNK},
        {"block-list = bl.example 5\nblock-list = other.example 5\n", GUARD_REFUSE},
        {"block-list = bl.example 10\nblock-list = other.example -6\n", GUARD_PASS},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (look(t, cases[i].lists) != cases[i].verdict)
            assert_int_equal(i, -1);
}

static void test_answers_that_are_none(void **state)
{
    struct place *t = *state;
    t->query.peer = S("192.0.2.3");
    assert_int_equal(look(t, "block-list = bl.example reject\n"), GUARD_PASS);
    assert_results(t, ";\r\n\tx-dnsbl=permerror dns.zone=bl.example policy.ip=127.255.255.254");
    t->query.peer = S("192.0.2.4");
    assert_int_equal(look(t, "block-list = bl.example reject\n"), GUARD_PASS);
    assert_results(t, ";\r\n\tx-dnsbl=permerror dns.zone=bl.example policy.ip=198.51.100.1");
}

static void test_silent_list_holds_nothing_up(void **state)
{
    struct place *t = *state;
    t->query.peer = S("192.0.2.9");
    for (int i = 0; i < 6; i++) {
        assert_int_equal(look(t, "block-list = silent.example reject\n"), GUARD_PASS);
        assert_results(t, ";\r\n\tx-dnsbl=temperror dns.zone=silent.example");
    }
    assert_int_equal(t->zone.asked, 3);
    t->query.peer = S("192.0.2.1");
    assert_int_equal(look(t, "block-list = silent.example reject\nblock-list = bl.example reject\n"),
                     GUARD_REFUSE);
    unsigned asked = t->zone.asked;
    clock_shift(CLOCK_MINUTE);
    (void)look(t, "block-list = silent.example reject\n");
    assert_int_equal(t->zone.asked, asked + 1);
}

static void test_many_answers_leave_room(void **state)
{
    struct place *t = *state;
    CLEANUP(buf_release) struct buf lists = BUF(10000);
    for (int i = 0; i < SETTINGS_LISTS_MAX; i++)
        buf_put(&lists, S("block-list = bl.example mark\n"));
    assert_int_equal(look(t, buf_cstr(&lists)), GUARD_PASS);
    assert_true(t->finding.results.n > 1000 && t->finding.results.n <= GUARDS_RESULTS_MAX);
    assert_true(slice_ends(t->finding.results, S("250 ok\"")));
}

static void test_names_are_asked_about(void **state)
{
    struct place *t = *state;
    t->query.sender = S("x@BAD.example");
    assert_int_equal(look(t, "domain-list = dbl.example reject\n"), GUARD_REFUSE);
    assert_non_null(strstr(t->finding.reply, "is on the list dbl.example"));
    t->query.sender = slice_none();
    assert_int_equal(look(t, "domain-list = dbl.example reject\n"), GUARD_PASS);
    t->query.helo = S("bad.example");
    assert_int_equal(look(t, "domain-list = dbl.example reject\n"), GUARD_REFUSE);
    unsigned asked = t->zone.asked;
    t->query.helo = S("[192.0.2.1]");
    assert_int_equal(look(t, "domain-list = dbl.example reject\n"), GUARD_PASS);
    t->query.helo = S("192.0.2.1");
    (void)look(t, "domain-list = dbl.example reject\nhelo-bare-address = off\n");
    assert_int_equal(t->zone.asked, asked);
}

static void test_names_that_no_server_says(void **state)
{
    (void)state;
    static const struct {
        const char *helo;
        enum helo_fault fault;
    } cases[] = {
        {"mail.example", HELO_FAULT_OWN_NAME},  {"MAIL.example.", HELO_FAULT_OWN_NAME},
        {"198.51.100.25", HELO_FAULT_OWN_NAME}, {"[198.51.100.25]", HELO_FAULT_OWN_NAME},
        {"192.0.2.1", HELO_FAULT_BARE_ADDRESS}, {"2001:db8::1", HELO_FAULT_BARE_ADDRESS},
        {"[192.0.2.1]", HELO_FAULTS},           {"[IPv6:2001:db8::1]", HELO_FAULTS},
        {"localhost", HELO_FAULT_NO_DOMAIN},    {"localhost.", HELO_FAULT_NO_DOMAIN},
        {"mx.other.example", HELO_FAULTS},      {"[]", HELO_FAULT_NO_DOMAIN},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (helo_check(slice_cstr(cases[i].helo), S("mail.example"), S("198.51.100.25")) != cases[i].fault)
            assert_string_equal(cases[i].helo, "");
    assert_int_equal(helo_check(S("[]"), S("mail.example"), slice_none()), HELO_FAULT_NO_DOMAIN);
}

static void test_helo_is_marked_or_refused(void **state)
{
    struct place *t = *state;
    t->query.helo = S("localhost");
    assert_int_equal(look(t, ""), GUARD_PASS);
    assert_true(t->finding.suspicious);
    assert_results(t, ";\r\n\tx-helo=fail (a name without a domain) smtp.helo=localhost");
    assert_int_equal(look(t, "helo-no-domain = off\n"), GUARD_PASS);
    assert_results(t, "");
    assert_int_equal(look(t, "helo-no-domain = reject\n"), GUARD_REFUSE);
    assert_string_equal(t->finding.reply,
                        "554 5.7.1 you call yourself localhost: that is a name without a domain");
}

static void test_rates_count_addresses_and_networks(void **state)
{
    struct place *t = *state;
    (void)look(t, "connection-rate = 2/1m\nmessage-rate = 1/1m\n");
    for (int i = 0; i < 2; i++)
        assert_true(guards_connection(t->guards, S("192.0.2.1"), t->settings));
    assert_false(guards_connection(t->guards, S("192.0.2.1"), t->settings));
    assert_true(guards_connection(t->guards, S("192.0.2.2"), t->settings));
    assert_true(guards_message(t->guards, S("2001:db8::1"), t->settings));
    assert_false(guards_message(t->guards, S("2001:db8::ffff"), t->settings));
    assert_true(guards_message(t->guards, S("2001:db8:0:1::1"), t->settings));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_list_refuses_with_its_reason),
        TEST(test_each_action),
        TEST(test_points_add_up),
        TEST(test_answers_that_are_none),
        TEST(test_silent_list_holds_nothing_up),
        TEST(test_many_answers_leave_room),
        TEST(test_names_are_asked_about),
        cmocka_unit_test(test_names_that_no_server_says),
        TEST(test_helo_is_marked_or_refused),
        TEST(test_rates_count_addresses_and_networks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

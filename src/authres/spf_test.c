#include "authres/spf.h"

#include "authres/spf_macro.h"
#include "authres/spf_record.h"
#include "authres/zone_testing.h"

#define TXT RESOLVER_TXT
#define A RESOLVER_A
#define AAAA RESOLVER_AAAA
#define MX RESOLVER_MX
#define PTR RESOLVER_PTR

/* The world of RFC 7208 Appendix A, with records of our own. */
static const struct zone_row world[] = {
    {"example.com", MX, "10 mail-a.example.com"},
    {"example.com", MX, "20 mail-b.example.com"},
    {"example.com", A, "192.0.2.10"},
    {"example.com", A, "192.0.2.11"},
    {"amy.example.com", A, "192.0.2.65"},
    {"bob.example.com", A, "192.0.2.66"},
    {"mail-a.example.com", A, "192.0.2.129"},
    {"mail-b.example.com", A, "192.0.2.130"},
    {"example.org", MX, "10 mail-c.example.org"},
    {"mail-c.example.org", A, "192.0.2.140"},
    {"10.2.0.192.in-addr.arpa", PTR, "example.com"},
    {"11.2.0.192.in-addr.arpa", PTR, "example.com"},
    {"65.2.0.192.in-addr.arpa", PTR, "amy.example.com"},
    {"66.2.0.192.in-addr.arpa", PTR, "bob.example.com"},
    {"129.2.0.192.in-addr.arpa", PTR, "mail-a.example.com"},
    {"130.2.0.192.in-addr.arpa", PTR, "mail-b.example.com"},
    {"140.2.0.192.in-addr.arpa", PTR, "mail-c.example.org"},
    {"4.0.0.10.in-addr.arpa", PTR, "bob.example.com"}, /* he lies */
    {"mary.mobile-users._spf.example.com", A, "127.0.0.2"},
    {"15.15.168.192.joel.remote-users._spf.example.com", A, "127.0.0.2"},
    {"bob.example.net", TXT, "v=spf1 a:amy.example.com -all"},
    {"mapped.example.net", TXT, "v=spf1 ip4:192.0.2.1 -all"},
    {"long.example.net", TXT,
     "v=spf1 ip4:203.0.113.1 ip4:203.0.113.2 ip4:203.0.113.3 ip4:203.0.113.4 ip4:203.0.113.5 ip4:203.0.113.6 "
     "ip4:203.0.113.7 ip4:203.0.113.8 ip4:203.0.113.9 ip4:203.0.113.10 ip4:203.0.113.11 ip4:203.0.113.12 "
     "ip4:203.0.113.13 ip4:203.0.113.14 ip4:203.0.113.15 ip4:192.0.2.1 -all"},
    {"two.example.net", TXT, "v=spf1 +all"},
    {"two.example.net", TXT, "v=spf1 -all"},
    {"other.example.net", TXT, "v=spf10 +all"},
    {"silent.example.net", TXT, NULL},
    {"silent.example.net", A, NULL},
    {"silent.example.net", PTR, NULL},
    {"1.2.0.192.in-addr.arpa", PTR, NULL},
    {"told.example.net", TXT, "v=spf1 exp=why.example.net -all"},
    {"why.example.net", TXT, "%{i} may not send as %{s}; see http://%{d}/%{L}"},
    {"bell.example.net", TXT, "v=spf1 exp=words.example.net -all"},
    {"words.example.net", TXT, "ring\a"},
    {"mute.example.net", TXT, "v=spf1 exp=silent.example.net -all"},
};

struct world {
    struct zone zone;
    struct arena arena;
    struct zone_row rows[ARRAY_LEN(world) + 32];
};

static struct spf_answer check_in(struct world *w, const char *client, const char *sender)
{
    const struct authres_dns dns = {zone_records, &w->zone};
    struct spf_query query = {.client.family = AF_INET,
                              .sender = slice_cstr(sender),
                              .helo = S("helo.example.net"),
                              .receiver = S("mail.receiver.example"),
                              .now_seconds = 1000000000};
    if (inet_pton(AF_INET, client, &query.client.v4) != 1) {
        query.client.family = AF_INET6;
        assert_int_equal(inet_pton(AF_INET6, client, &query.client.v6), 1);
    }
    return spf_check(&dns, &query, &w->arena);
}

static struct world with_record(const char *record)
{
    struct world w = {.arena = ARENA(4 * 1024 * 1024)};
    memcpy(w.rows, world, sizeof(world));
    w.rows[ARRAY_LEN(world)] = (struct zone_row){"example.com", TXT, record};
    w.zone = (struct zone){.count = ARRAY_LEN(world) + 1};
    return w;
}

static void assert_result(const char *record, const char *client, const char *result)
{
    struct world w = with_record(record);
    w.zone.rows = w.rows;
    struct spf_answer answer = check_in(&w, client, "x@example.com");
    if (strcmp(spf_result_name(answer.result), result) != 0)
        print_error("%s for %s: %.*s\n", record, client, SLICE_ARGS(answer.reason));
    assert_string_equal(spf_result_name(answer.result), result);
    arena_release(&w.arena);
}

static void assert_answer(const char *sender, const char *client, const char *result, const char *explanation)
{
    struct world w = with_record("v=spf1 -all");
    w.zone.rows = w.rows;
    struct spf_answer answer = check_in(&w, client, sender);
    assert_string_equal(spf_result_name(answer.result), result);
    if (explanation != NULL)
        assert_true(slice_eq(answer.explanation, slice_cstr(explanation)));
    arena_release(&w.arena);
}

/* Appendix A.1 */
static void test_simple_examples(void **state)
{
    (void)state;
    assert_result("v=spf1 +all", "203.0.113.7", "pass");
    assert_result("v=spf1 a -all", "192.0.2.10", "pass");
    assert_result("v=spf1 a -all", "192.0.2.65", "fail");
    assert_result("v=spf1 a:example.org -all", "192.0.2.10", "fail");
    assert_result("v=spf1 mx -all", "192.0.2.129", "pass");
    assert_result("v=spf1 mx -all", "192.0.2.10", "fail");
    assert_result("v=spf1 mx:example.org -all", "192.0.2.140", "pass");
    assert_result("v=spf1 mx mx:example.org -all", "192.0.2.130", "pass");
    assert_result("v=spf1 mx/30 mx:example.org/30 -all", "192.0.2.131", "pass");
    assert_result("v=spf1 mx/30 mx:example.org/30 -all", "192.0.2.143", "pass");
    assert_result("v=spf1 mx/30 mx:example.org/30 -all", "192.0.2.144", "fail");
    assert_result("v=spf1 ptr -all", "192.0.2.65", "pass");
    assert_result("v=spf1 ptr -all", "192.0.2.140", "fail");
    assert_result("v=spf1 ptr -all", "10.0.0.4", "fail");
    assert_result("v=spf1 ip4:192.0.2.128/28 -all", "192.0.2.129", "pass");
    assert_result("v=spf1 ip4:192.0.2.128/28 -all", "192.0.2.65", "fail");
}

static void test_no_match_is_neutral(void **state)
{
    (void)state;
    assert_result("v=spf1", "192.0.2.1", "neutral");
    assert_result("v=spf1 ip4:203.0.113.1", "192.0.2.1", "neutral");
    assert_result("v=spf1 ~all", "192.0.2.1", "softfail");
    assert_result("v=spf1 ?all", "192.0.2.1", "neutral");
}

static void test_error_anywhere_is_an_error(void **state)
{
    (void)state;
    static const char *const records[] = {
        "v=spf1 +all foo",
        "v=spf1 +all a:",
        "v=spf1 +all ip4:1.2.3",
        "v=spf1 +all mx/33",
        "v=spf1 +all ip6:::/129",
        "v=spf1 +all redirect=",
        "v=spf1 +all x=%{q}",
        "v=spf1 +all a:museum",
        "v=spf1 +all all:x",
        "v=spf1 +all ip4:1.2.3.4/",
        "v=spf1 +all exp=a.b exp=c.d",
        "v=spf1 +all a:x.com/08",
        "v=spf1 +all\tmx",
        "v=spf1 +all ptr/24",
        "v=spf1 +all exists:%{r}.example.com",
        "v=spf1 +all -x=y",
        "v=spf1 +all a:1.2.3.4",
        "v=spf1 +all include",
        "v=spf1 +all a//129",
        "v=spf1 +all a:%{d0}",
        "v=spf1 +all \xc3\xa4=x",
    };
    for (size_t i = 0; i < ARRAY_LEN(records); i++)
        assert_result(records[i], "192.0.2.1", "permerror");
}

static void test_unknown_modifier_is_no_error(void **state)
{
    (void)state;
    assert_result("v=spf1 moo.x-y_z=%{d}/anything +all", "192.0.2.1", "pass");
    assert_result("V=SPF1 A=1 +ALL", "192.0.2.1", "pass");
}

static void test_include_takes_over_only_a_pass(void **state)
{
    (void)state;
    assert_result("v=spf1 include:bob.example.net ?all", "192.0.2.65", "pass");
    assert_result("v=spf1 -include:bob.example.net ?all", "192.0.2.65", "fail");
    assert_result("v=spf1 include:bob.example.net ?all", "192.0.2.66", "neutral");
    assert_result("v=spf1 include:nobody.example.net +all", "192.0.2.66", "permerror");
    assert_result("v=spf1 include:silent.example.net +all", "192.0.2.66", "temperror");
    assert_result("v=spf1 include:two.example.net +all", "192.0.2.66", "permerror");
}

static void test_redirect_comes_last(void **state)
{
    (void)state;
    assert_result("v=spf1 redirect=bob.example.net", "192.0.2.65", "pass");
    assert_result("v=spf1 redirect=bob.example.net", "192.0.2.66", "fail");
    assert_result("v=spf1 redirect=bob.example.net ip4:192.0.2.66", "192.0.2.66", "pass");
    assert_result("v=spf1 redirect=bob.example.net ?all", "192.0.2.66", "neutral");
    assert_result("v=spf1 redirect=nobody.example.net", "192.0.2.66", "permerror");
}

/* Appendix A.3, A.4, and 7.4 */
static void test_macros_make_names(void **state)
{
    (void)state;
    struct world w = with_record("v=spf1 exists:%{ir}.%{l1r+-}._spf.%{d} "
                                 "exists:%{l1r+-}.mobile-users._spf.%{d} "
                                 "exists:%{ir}.%{l1r+-}.remote-users._spf.%{d} -all");
    w.zone.rows = w.rows;
    assert_int_equal(check_in(&w, "192.168.15.15", "mary+tag@example.com").result, SPF_RESULT_PASS);
    assert_int_equal(check_in(&w, "192.168.15.15", "joel@example.com").result, SPF_RESULT_PASS);
    arena_release(&w.arena);
    w = with_record("v=spf1 exists:%{ir}.%{l1r+-}.remote-users._spf.%{d} -all");
    w.zone.rows = w.rows;
    assert_int_equal(check_in(&w, "192.168.15.15", "joel@example.com").result, SPF_RESULT_PASS);
    assert_int_equal(check_in(&w, "192.168.15.16", "joel@example.com").result, SPF_RESULT_FAIL);
    arena_release(&w.arena);
}

static struct slice no_name(void *context, struct slice domain)
{
    (void)context;
    (void)domain;
    return S("unknown");
}

/* 7.4 */
static void test_macro_examples(void **state)
{
    (void)state;
    static const char *const examples[][2] = {
        {"%{s}", "strong-bad@email.example.com"},
        {"%{o}", "email.example.com"},
        {"%{d4}", "email.example.com"},
        {"%{d1}", "com"},
        {"%{d2}", "example.com"},
        {"%{dr}", "com.example.email"},
        {"%{d2r}", "example.email"},
        {"%{l}", "strong-bad"},
        {"%{l-}", "strong.bad"},
        {"%{lr}", "strong-bad"},
        {"%{lr-}", "bad.strong"},
        {"%{l1r-}", "strong"},
        {"%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"},
        {"%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"},
        {"%{p}.x", "unknown.x"},
        {"%{d2}.trusted-domains.example.net", "example.com.trusted-domains.example.net"},
        {"%%%_%-.a", "% %20.a"},
        {"%{S}", "strong-bad%40email.example.com"},
        {"%{h}", "h.example"},
    };
    struct resolver_address client = {.family = AF_INET};
    assert_int_equal(inet_pton(AF_INET, "192.0.2.3", &client.v4), 1);
    const struct spf_values values = {.sender = S("strong-bad@email.example.com"),
                                      .domain = S("email.example.com"),
                                      .helo = S("h.example"),
                                      .client = &client,
                                      .client_name = no_name};
    for (size_t i = 0; i < ARRAY_LEN(examples); i++) {
        CLEANUP(buf_release) struct buf out = BUF(1000);
        assert_true(spf_expand_domain(slice_cstr(examples[i][0]), &values, &out));
        assert_string_equal(buf_cstr(&out), examples[i][1]);
    }
}

static void test_long_name_loses_its_left_labels(void **state)
{
    (void)state;
    struct resolver_address client = {.family = AF_INET};
    char domain[RESOLVER_NAME_MAX + 1];
    for (size_t i = 0; i < RESOLVER_NAME_MAX; i++)
        domain[i] = i % 8 == 5 ? '.' : 'a'; /* ends in a letter */
    const struct spf_values values = {
        .domain = slice_of(domain, RESOLVER_NAME_MAX), .client = &client, .client_name = no_name};
    CLEANUP(buf_release) struct buf fits = BUF(1000);
    CLEANUP(buf_release) struct buf cut = BUF(1000);
    assert_true(spf_expand_domain(S("%{d}"), &values, &fits));
    assert_int_equal(fits.n, RESOLVER_NAME_MAX);
    assert_true(spf_expand_domain(S("x.%{d}"), &values, &cut)); /* and that is enough */
    assert_true(slice_eq(buf_slice(&cut), values.domain));
    buf_clear(&cut);
    assert_true(spf_expand_domain(S("x%{d}"), &values, &cut));
    assert_true(slice_eq(buf_slice(&cut), slice_from(values.domain, 6)));
}

static void assert_limit(const char *term, unsigned count, const char *client, const char *result)
{
    CLEANUP(buf_release) struct buf record = BUF(SPF_RECORD_MAX);
    buf_put(&record, S("v=spf1"));
    for (unsigned i = 0; i < count; i++)
        buf_printf(&record, " %s", term);
    buf_put(&record, S(" +all"));
    assert_result(buf_cstr(&record), client, result);
}

static void test_limits(void **state)
{
    (void)state;
    assert_limit("-a:mail-a.example.com", SPF_LOOKUPS_MAX, "192.0.2.1", "pass");
    assert_limit("-a:mail-a.example.com", SPF_LOOKUPS_MAX + 1, "192.0.2.1", "permerror");
    assert_limit("-include:example.com", 1, "192.0.2.1", "permerror"); /* itself, again and again */
    assert_limit("-exists:void.example.com", SPF_VOID_LOOKUPS_MAX, "192.0.2.1", "pass");
    assert_limit("-exists:void.example.com", SPF_VOID_LOOKUPS_MAX + 1, "192.0.2.1", "permerror");
    assert_limit("-ip4:10.0.0.1", SPF_TERMS_MAX - 1, "192.0.2.1", "pass");
    assert_limit("-ip4:10.0.0.1", SPF_TERMS_MAX, "192.0.2.1", "permerror");
}

static void test_more_than_ten_mx_is_an_error(void **state)
{
    (void)state;
    for (unsigned more = 0; more < 2; more++) {
        struct world w = with_record("v=spf1 mx:many.example.net -all");
        w.zone.rows = w.rows;
        for (unsigned i = 0; i < SPF_NAMES_MAX + more; i++)
            w.rows[w.zone.count++] = (struct zone_row){"many.example.net", MX, "10 mail-b.example.com"};
        assert_int_equal(check_in(&w, "192.0.2.130", "x@example.com").result,
                         more == 0 ? SPF_RESULT_PASS : SPF_RESULT_PERMERROR);
        arena_release(&w.arena);
    }
}

static void test_more_than_ten_names_are_left_out(void **state)
{
    (void)state;
    for (unsigned before = SPF_NAMES_MAX - 1; before <= SPF_NAMES_MAX; before++) {
        struct world w = with_record("v=spf1 ptr -all");
        w.zone.rows = w.rows;
        for (unsigned i = 0; i < before; i++)
            w.rows[w.zone.count++] = (struct zone_row){"9.2.0.192.in-addr.arpa", PTR, "mail-c.example.org"};
        w.rows[w.zone.count++] = (struct zone_row){"9.2.0.192.in-addr.arpa", PTR, "nine.example.com"};
        w.rows[w.zone.count++] = (struct zone_row){"nine.example.com", A, "192.0.2.9"};
        assert_int_equal(check_in(&w, "192.0.2.9", "x@example.com").result,
                         before < SPF_NAMES_MAX ? SPF_RESULT_PASS : SPF_RESULT_FAIL);
        arena_release(&w.arena);
    }
}

static void test_which_domains_have_a_record(void **state)
{
    (void)state;
    assert_answer("x@nobody.example.net", "192.0.2.1", "none", "");
    assert_answer("x@other.example.net", "192.0.2.1", "none", "");
    assert_answer("x@two.example.net", "192.0.2.1", "permerror", "");
    assert_answer("x@silent.example.net", "192.0.2.1", "temperror", "");
    assert_answer("postmaster@localhost", "192.0.2.1", "none", "");
    assert_answer("postmaster@[192.0.2.1]", "192.0.2.1", "none", "");
    assert_answer("x@a..example.net", "192.0.2.1", "none", "");
    assert_answer("x@long.example.net", "192.0.2.1", "pass", "");
}

static void test_mapped_address_is_ipv4(void **state)
{
    (void)state;
    assert_answer("x@mapped.example.net", "::ffff:192.0.2.1", "pass", "");
    assert_answer("x@mapped.example.net", "2001:db8::1", "fail", "");
}

static void test_silent_dns_is_temporary_but_for_names(void **state)
{
    (void)state;
    assert_result("v=spf1 a:silent.example.net +all", "192.0.2.1", "temperror");
    assert_result("v=spf1 ptr -all", "192.0.2.1", "fail");
    assert_result("v=spf1 exists:%{p}.example.com -all", "192.0.2.1", "fail");
}

static void test_fail_is_explained(void **state)
{
    (void)state;
    assert_answer(
        "bad guy@told.example.net", "192.0.2.1", "fail",
        "192.0.2.1 may not send as bad guy@told.example.net; see http://told.example.net/bad%20guy");
    assert_answer("x@bell.example.net", "192.0.2.1", "fail", ""); /* not printable */
    assert_answer("x@mute.example.net", "192.0.2.1", "fail", "");
    assert_answer("x\x01@told.example.net", "192.0.2.1", "fail", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_simple_examples),
        cmocka_unit_test(test_no_match_is_neutral),
        cmocka_unit_test(test_error_anywhere_is_an_error),
        cmocka_unit_test(test_unknown_modifier_is_no_error),
        cmocka_unit_test(test_include_takes_over_only_a_pass),
        cmocka_unit_test(test_redirect_comes_last),
        cmocka_unit_test(test_macros_make_names),
        cmocka_unit_test(test_macro_examples),
        cmocka_unit_test(test_long_name_loses_its_left_labels),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_more_than_ten_mx_is_an_error),
        cmocka_unit_test(test_more_than_ten_names_are_left_out),
        cmocka_unit_test(test_which_domains_have_a_record),
        cmocka_unit_test(test_mapped_address_is_ipv4),
        cmocka_unit_test(test_silent_dns_is_temporary_but_for_names),
        cmocka_unit_test(test_fail_is_explained),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

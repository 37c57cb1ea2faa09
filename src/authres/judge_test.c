#include "authres/judge.h"

#include "authres/authors.h"
#include "authres/zone_testing.h"

static const struct zone_row world[] = {
    {"1.2.0.192.in-addr.arpa", RESOLVER_PTR, "other.example"},
    {"1.2.0.192.in-addr.arpa", RESOLVER_PTR, "mx.good.example"},
    {"mx.good.example", RESOLVER_A, "192.0.2.1"},
    {"other.example", RESOLVER_A, "192.0.2.7"},
    {"2.2.0.192.in-addr.arpa", RESOLVER_PTR, "other.example"},
    {"3.2.0.192.in-addr.arpa", RESOLVER_PTR, NULL},
    {"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa", RESOLVER_PTR,
     "mx.good.example"},
    {"mx.good.example", RESOLVER_AAAA, "2001:db8::1"},
    {"good.example", RESOLVER_TXT, "v=spf1 ip4:192.0.2.1 ip6:2001:db8::1 -all"},
    {"_dmarc.good.example", RESOLVER_TXT, "v=DMARC1; p=reject"},
    {"mx.good.example", RESOLVER_TXT, "v=spf1 a -all"},
    {"silent.good.example", RESOLVER_TXT, NULL},
    {"_dmarc.milder.example", RESOLVER_TXT, "v=DMARC1; p=quarantine"},
    {"xn--bcher-kva.example", RESOLVER_TXT, "v=spf1 ip4:192.0.2.1 -all"},
    {"_dmarc.xn--bcher-kva.example", RESOLVER_TXT, "v=DMARC1; p=reject"},
};

struct court {
    struct zone zone;
    struct judge *judge;
    struct arena arena;
    struct judge_query query;
    struct judgement judgement;
    struct error error;
};

static int setup(void **state)
{
    struct court *t = calloc(1, sizeof(*t));
    assert_non_null(t);
    t->zone = ZONE_OF(world);
    t->arena = ARENA(JUDGE_ARENA_MAX);
    const struct authres_dns dns = {zone_records, &t->zone};
    assert_int_equal(judge_create(&dns, &t->judge, &t->error), ERR_OK);
    t->query = (struct judge_query){.server = S("mail.example"),
                                    .peer = S("192.0.2.1"),
                                    .helo = S("mx.good.example"),
                                    .sender = S("x@good.example"),
                                    .dmarc_enforced = true,
                                    .now_seconds = 1000000000};
    *state = t;
    return 0;
}

static int teardown(void **state)
{
    struct court *t = *state;
    judge_destroy(t->judge);
    arena_release(&t->arena);
    free(t);
    return 0;
}

static enum judge_action judge(struct court *t, const char *message)
{
    CLEANUP(dkim_verifier_cleanup) struct dkim_verifier *verifier = NULL;
    assert_int_equal(dkim_verifier_create(&verifier, &t->error), ERR_OK);
    dkim_verifier_feed(verifier, slice_cstr(message));
    t->query.verifier = verifier;
    judge_message(t->judge, &t->query, &t->arena, &t->judgement);
    return t->judgement.action;
}

static void assert_says(const struct court *t, const char *part)
{
    if (slice_find(t->judgement.field, slice_cstr(part)) < 0)
        print_error("no \"%s\" in %.*s\n", part, SLICE_ARGS(t->judgement.field));
    assert_true(slice_find(t->judgement.field, slice_cstr(part)) >= 0);
}

static void test_says_all_that_was_found(void **state)
{
    struct court *t = *state;
    assert_int_equal(judge(t, "From: a@good.example\r\n\r\nx\r\n"), JUDGE_TAKE);
    assert_true(slice_eq(
        t->judgement.field,
        S("Authentication-Results: mail.example;\r\n\tiprev=pass (mx.good.example) "
          "policy.iprev=192.0.2.1;\r\n\tspf=pass (mx.good.example: a) smtp.helo=mx.good.example;\r\n"
          "\tspf=pass (good.example: ip4:192.0.2.1) smtp.mailfrom=x@good.example;\r\n\tdkim=none;\r\n"
          "\tdmarc=pass (p=reject) header.from=good.example\r\n")));
}

static void test_names_of_addresses(void **state)
{
    struct court *t = *state;
    static const char *const cases[][2] = {
        {"192.0.2.2", "iprev=fail policy.iprev=192.0.2.2"},
        {"192.0.2.3", "iprev=temperror policy.iprev=192.0.2.3"},
        {"192.0.2.4", "iprev=permerror policy.iprev=192.0.2.4"},
        {"2001:db8::1", "iprev=pass (mx.good.example) policy.iprev=\"2001:db8::1\""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        t->query.peer = slice_cstr(cases[i][0]);
        (void)judge(t, "From: a@x.example\r\n\r\n");
        assert_says(t, cases[i][1]);
    }
}

static void test_worst_author_counts(void **state)
{
    struct court *t = *state;
    assert_int_equal(judge(t, "From: a@none.example, b@milder.example\r\n\r\n"), JUDGE_JUNK);
    t->query.sender = S("x@none.example");
    assert_int_equal(judge(t, "From: b@milder.example, a@good.example, c@none.example\r\n\r\n"),
                     JUDGE_REFUSE);
    assert_true(slice_eq(t->judgement.author, S("good.example")));
    assert_non_null(strstr(t->judgement.reply, "550 5.7.26 good.example "));
    t->query.dmarc_enforced = false;
    assert_int_equal(judge(t, "From: a@good.example\r\n\r\n"), JUDGE_TAKE);
    assert_says(t, "dmarc=fail (p=reject) header.from=good.example");
}

static void test_null_sender_is_proven_by_helo(void **state)
{
    struct court *t = *state;
    t->query.sender = slice_none();
    assert_int_equal(judge(t, "From: a@good.example\r\n\r\n"), JUDGE_TAKE);
    assert_int_equal(t->judgement.dmarc.result, DMARC_RESULT_PASS);
}

static void test_proof_that_is_late_defers(void **state)
{
    struct court *t = *state;
    t->query.sender = S("x@silent.good.example");
    assert_int_equal(judge(t, "From: a@good.example\r\n\r\n"), JUDGE_DEFER);
    assert_non_null(strstr(t->judgement.reply, "451 4.7.26 "));
    assert_says(t, "dmarc=temperror (SPF has no result)");
    t->query.dmarc_enforced = false;
    assert_int_equal(judge(t, "From: a@good.example\r\n\r\n"), JUDGE_TAKE);
}

static void test_authors_that_nobody_can_name(void **state)
{
    struct court *t = *state;
    assert_int_equal(judge(t, "To: x\r\n\r\n"), JUDGE_TAKE);
    assert_says(t, "dmarc=permerror (no From field)");
    assert_int_equal(judge(t, "From: a@x.example\r\nFrom: a@x.example\r\n\r\n"), JUDGE_REFUSE);
    assert_int_equal(judge(t, "From: a@a.example, a@b.example, a@c.example, a@d.example\r\n\r\n"),
                     JUDGE_TAKE);
    assert_int_equal(
        judge(t, "From: a@a.example, a@b.example, a@c.example, a@d.example, a@e.example\r\n\r\n"),
        JUDGE_REFUSE);
    assert_int_equal(judge(t, "From: g: a@a.example, b@A.example;\r\n\r\n"), JUDGE_TAKE);
    assert_says(t, "header.from=a.example");
}

static void test_umlauts_are_asked_as_the_dns_has_them(void **state)
{
    struct court *t = *state;
    t->query.sender = S("x@b\xc3\xbc"
                        "cher.example");
    assert_int_equal(judge(t, "From: a@B\xc3\xbc"
                              "cher.example\r\n\r\n"),
                     JUDGE_TAKE);
    assert_says(t, "dmarc=pass (p=reject) header.from=xn--bcher-kva.example");
    assert_says(t, "smtp.mailfrom=\"x@b\xc3\xbc"
                   "cher.example\"");
}

static void test_spf_refuses_if_it_may(void **state)
{
    struct court *t = *state;
    t->query.peer = S("192.0.2.9");
    assert_int_equal(judge(t, "From: a@x.example\r\n\r\n"), JUDGE_TAKE);
    t->query.spf_refuses = true;
    assert_int_equal(judge(t, "From: a@x.example\r\n\r\n"), JUDGE_REFUSE);
    assert_string_equal(t->judgement.reply, "550 5.7.23 good.example does not let 192.0.2.9 send (SPF)");
    t->query.sender = S("x@none.example");
    assert_int_equal(judge(t, "From: a@x.example\r\n\r\n"), JUDGE_REFUSE);
    assert_string_equal(t->judgement.reply, "550 5.7.23 mx.good.example does not let 192.0.2.9 send (SPF)");
}

static void test_who_is_suspicious(void **state)
{
    struct court *t = *state;
    assert_null(judge_suspects(t->judge, &t->query, &t->arena));
    t->query.sender = S("x@none.example");
    assert_string_equal(judge_suspects(t->judge, &t->query, &t->arena), "SPF does not vouch for it");
    t->query.sender = S("x@silent.good.example"); /* nobody answers: that is not held against him */
    assert_null(judge_suspects(t->judge, &t->query, &t->arena));
    t->query.peer = S("192.0.2.2");
    assert_string_equal(judge_suspects(t->judge, &t->query, &t->arena), "no name of its own");
}

static void test_others_add_to_the_field(void **state)
{
    struct court *t = *state;
    t->query.found = S(";\r\n\tx-helo=fail");
    t->query.is_junk = true;
    assert_int_equal(judge(t, "From: a@good.example\r\n\r\nx\r\n"), JUDGE_JUNK);
    assert_true(slice_ends(t->judgement.field, S("header.from=good.example;\r\n\tx-helo=fail\r\n")));
}

static void test_so_many_at_once(void **state)
{
    struct court *t = *state;
    char peer[16];
    unsigned peers = JUDGE_AT_ONCE_MAX / JUDGE_PER_PEER_MAX;
    for (unsigned i = 0; i < JUDGE_PER_PEER_MAX; i++)
        assert_true(judge_enter(t->judge, S("0")));
    assert_false(judge_enter(t->judge, S("0")));
    for (unsigned p = 1; p < peers; p++) {
        snprintf(peer, sizeof(peer), "%u", p);
        for (unsigned i = 0; i < JUDGE_PER_PEER_MAX; i++)
            assert_true(judge_enter(t->judge, slice_cstr(peer)));
    }
    assert_false(judge_enter(t->judge, S("new")));
    judge_leave(t->judge, S("0"));
    assert_true(judge_enter(t->judge, S("new")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_says_all_that_was_found, setup, teardown),
        cmocka_unit_test_setup_teardown(test_names_of_addresses, setup, teardown),
        cmocka_unit_test_setup_teardown(test_worst_author_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_null_sender_is_proven_by_helo, setup, teardown),
        cmocka_unit_test_setup_teardown(test_proof_that_is_late_defers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_authors_that_nobody_can_name, setup, teardown),
        cmocka_unit_test_setup_teardown(test_umlauts_are_asked_as_the_dns_has_them, setup, teardown),
        cmocka_unit_test_setup_teardown(test_spf_refuses_if_it_may, setup, teardown),
        cmocka_unit_test_setup_teardown(test_who_is_suspicious, setup, teardown),
        cmocka_unit_test_setup_teardown(test_others_add_to_the_field, setup, teardown),
        cmocka_unit_test_setup_teardown(test_so_many_at_once, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

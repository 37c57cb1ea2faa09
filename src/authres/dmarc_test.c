#include "authres/dmarc.h"

#include "authres/zone_testing.h"

#define TXT RESOLVER_TXT

static const struct zone_row world[] = {
    {"_dmarc.reject.example", TXT, "v=DMARC1; p=reject; sp=quarantine; np=none; rua=mailto:r@reject.example"},
    {"reject.example", RESOLVER_A, "192.0.2.1"},
    {"sub.reject.example", RESOLVER_A, "192.0.2.1"},
    {"mail.reject.example", RESOLVER_A, "192.0.2.1"},
    {"_dmarc.strict.example", TXT, "v=DMARC1;p=reject;aspf=s;adkim=s"},
    {"_dmarc.test.example", TXT, "v=DMARC1; t=y; p=reject"},
    {"_dmarc.half.example", TXT, "v=DMARC1; p=reject; pct=50"},
    {"_dmarc.two.example", TXT, "v=DMARC1; p=reject"},
    {"_dmarc.two.example", TXT, "v=DMARC1; p=none"},
    {"_dmarc.other.example", TXT, "some other text"},
    {"_dmarc.other.example", TXT, "v=DMARC1; p=quarantine"},
    {"_dmarc.wrong.example", TXT, "v=DMARC1; p=refuse"},
    {"_dmarc.wrong2.example", TXT, "v=DMARC1; p=refuse; rua=mailto:r%2b1@wrong.example!10m"},
    {"_dmarc.silent.example", TXT, NULL},
    /* A registry (psd=y), and a department of its own (psd=n). */
    {"_dmarc.bank", TXT, "v=DMARC1; p=reject; psd=y; sp=quarantine; np=reject"},
    {"a.bank", RESOLVER_A, "192.0.2.1"},
    {"_dmarc.own.bank", TXT, "v=DMARC1; p=none"},
    {"_dmarc.org.example", TXT, "v=DMARC1; p=reject"},
    {"_dmarc.dept.org.example", TXT, "v=DMARC1; p=quarantine; psd=n"},
    {"_dmarc.b.c.d.e.f.g.deep.example", TXT, "v=DMARC1; p=reject"},
    {"_dmarc.c.d.e.f.g.deep.example", TXT, "v=DMARC1; p=quarantine; psd=n"},
};

struct proofs {
    struct arena arena;
    struct zone zone;
    struct dmarc_identifier identifiers[4];
    size_t count;
    unsigned dice;
};

static struct dmarc_answer ask(struct proofs *t, const char *author)
{
    const struct authres_dns dns = {zone_records, &t->zone};
    const struct dmarc_query query = {
        .author = slice_cstr(author), .identifiers = t->identifiers, .count = t->count, .dice = t->dice};
    return dmarc_check(&dns, &query, &t->arena);
}

static struct proofs nothing(void)
{
    return (struct proofs){.arena = ARENA(4 * 1024 * 1024), .zone = ZONE_OF(world)};
}

static void assert_check(const char *author, enum dmarc_method method, enum dmarc_proof proof,
                         const char *domain, const char *result, const char *wanted)
{
    struct proofs t = nothing();
    t.identifiers[0] = (struct dmarc_identifier){method, proof, slice_cstr(domain)};
    t.count = 1;
    struct dmarc_answer answer = ask(&t, author);
    assert_string_equal(dmarc_result_name(answer.result), result);
    assert_string_equal(dmarc_policy_name(answer.wanted), wanted);
    assert_int_equal(method == DMARC_SPF ? answer.spf_aligned : answer.dkim_aligned,
                     strcmp(result, "pass") == 0);
    arena_release(&t.arena);
}

static void assert_wanted(const char *author, const char *result, const char *wanted)
{
    assert_check(author, DMARC_SPF, PROOF_NONE, "x.example", result, wanted);
}

static void test_policy_comes_from_the_author_or_above(void **state)
{
    (void)state;
    assert_wanted("reject.example", "fail", "reject");
    assert_wanted("sub.reject.example", "fail", "quarantine");
    assert_wanted("nowhere.reject.example", "fail", "none"); /* np */
    assert_wanted("nobody.example", "none", "none");
    assert_wanted("other.example", "fail", "quarantine");
    assert_wanted("two.example", "none", "none");
    assert_wanted("a.b.c.d.e.f.g.h.i.j.k.org.example", "fail", "reject");
}

static void test_registry_speaks_for_names_below_it(void **state)
{
    (void)state;
    assert_wanted("a.bank", "fail", "quarantine");
    assert_wanted("nowhere.bank", "fail", "reject");
    assert_wanted("own.bank", "fail", "none");
    assert_wanted("bank", "fail", "reject");
    /* Two of its customers are not aligned. */
    assert_check("a.bank", DMARC_DKIM, PROOF_PASS, "b.bank", "fail", "quarantine");
    assert_check("a.bank", DMARC_DKIM, PROOF_PASS, "bank", "fail", "quarantine");
    assert_check("a.bank", DMARC_DKIM, PROOF_PASS, "mail.a.bank", "pass", "none");
}

static void test_department_is_its_own_organization(void **state)
{
    (void)state;
    assert_check("dept.org.example", DMARC_SPF, PROOF_PASS, "org.example", "fail", "quarantine");
    assert_check("org.example", DMARC_SPF, PROOF_PASS, "x.dept.org.example", "fail", "reject");
    assert_check("x.dept.org.example", DMARC_SPF, PROOF_PASS, "y.dept.org.example", "pass", "none");
    assert_check("x.dept.org.example", DMARC_SPF, PROOF_NONE, "", "fail", "quarantine");
}

static void test_relaxed_alignment_is_within_the_organization(void **state)
{
    (void)state;
    assert_check("reject.example", DMARC_SPF, PROOF_PASS, "reject.example", "pass", "none");
    assert_check("reject.example", DMARC_SPF, PROOF_PASS, "MAIL.Reject.Example", "pass", "none");
    assert_check("sub.reject.example", DMARC_DKIM, PROOF_PASS, "mail.reject.example", "pass", "none");
    assert_check("reject.example", DMARC_DKIM, PROOF_PASS, "notreject.example", "fail", "reject");
    assert_check("reject.example", DMARC_DKIM, PROOF_PASS, "example", "fail", "reject");
    assert_check("reject.example", DMARC_DKIM, PROOF_NONE, "reject.example", "fail", "reject");
}

static void test_strict_alignment_is_the_same_name(void **state)
{
    (void)state;
    assert_check("strict.example", DMARC_SPF, PROOF_PASS, "strict.example", "pass", "none");
    assert_check("strict.example", DMARC_SPF, PROOF_PASS, "mail.strict.example", "fail", "reject");
    assert_check("strict.example", DMARC_DKIM, PROOF_PASS, "mail.strict.example", "fail", "reject");
}

static void test_testing_and_pct_make_it_milder(void **state)
{
    (void)state;
    assert_wanted("test.example", "fail", "quarantine");
    struct proofs t = nothing();
    t.dice = 49;
    assert_int_equal(ask(&t, "half.example").wanted, DMARC_POLICY_REJECT);
    t.dice = 50;
    struct dmarc_answer answer = ask(&t, "half.example");
    assert_int_equal(answer.wanted, DMARC_POLICY_QUARANTINE);
    assert_int_equal(answer.policy, DMARC_POLICY_REJECT);
    arena_release(&t.arena);
}

static void test_wrong_policy_counts_only_with_reports(void **state)
{
    (void)state;
    assert_wanted("wrong.example", "none", "none");
    assert_wanted("wrong2.example", "fail", "none");
}

static void test_errors_of_the_author_alone_are_errors(void **state)
{
    (void)state;
    assert_wanted("silent.example", "temperror", "none");
    assert_check("reject.example", DMARC_SPF, PROOF_TEMPERROR, "reject.example", "temperror", "none");
    assert_check("reject.example", DMARC_DKIM, PROOF_TEMPERROR, "mail.reject.example", "temperror", "none");
    assert_check("reject.example", DMARC_DKIM, PROOF_TEMPERROR, "forger.example", "fail", "reject");
    assert_wanted("", "permerror", "none");
    assert_wanted("a..example", "permerror", "none");
}

static void test_one_pass_is_enough(void **state)
{
    (void)state;
    struct proofs t = nothing();
    t.count = 3;
    t.identifiers[0] = (struct dmarc_identifier){DMARC_SPF, PROOF_TEMPERROR, S("reject.example")};
    t.identifiers[1] = (struct dmarc_identifier){DMARC_DKIM, PROOF_PASS, S("list.example")};
    t.identifiers[2] = (struct dmarc_identifier){DMARC_DKIM, PROOF_PASS, S("reject.example")};
    struct dmarc_answer answer = ask(&t, "reject.example");
    assert_int_equal(answer.result, DMARC_RESULT_PASS);
    assert_true(answer.dkim_aligned && !answer.spf_aligned);
    assert_true(slice_eq(answer.policy_domain, S("reject.example")));
    arena_release(&t.arena);
}

/* 4.10: the name itself, then at most seven labels of it. */
static void test_walk_has_an_end(void **state)
{
    (void)state;
    struct proofs t = nothing();
    (void)ask(&t, "1.2.3.4.5.6.7.8.9.nobody.example");
    assert_int_equal(t.zone.asked, DMARC_WALK_MAX);
    arena_release(&t.arena);
    assert_wanted("a.b.c.d.e.f.g.deep.example", "fail",
                  "quarantine"); /* b.c... has 8 labels and is left out */
    assert_wanted("b.c.d.e.f.g.deep.example", "fail", "reject");
}

static void test_records_are_read_leniently(void **state)
{
    (void)state;
    struct dmarc_record record;
    assert_true(dmarc_record_parse(S("v = DMARC1 ; P = Reject;x;=;adkim=S; pct=101;psd=q;"), &record));
    assert_int_equal(record.policy, DMARC_POLICY_REJECT);
    assert_true(record.strict_dkim && !record.strict_spf && record.percent == 100 && record.psd == 'u');
    assert_true(dmarc_record_parse(S("v=DMARC1"), &record));
    assert_int_equal(record.policy, DMARC_POLICY_NONE);
    assert_false(dmarc_record_parse(S("v=dmarc1; p=none"), &record));
    assert_false(dmarc_record_parse(S("v=DMARC12; p=none"), &record));
    assert_false(dmarc_record_parse(S("p=none; v=DMARC1"), &record));
    assert_false(dmarc_record_parse(S("v=DMARC1; p=none; sp=x"), &record));
    assert_false(dmarc_record_parse(S(""), &record));
}

static void test_record_has_limits(void **state)
{
    (void)state;
    struct dmarc_record record;
    CLEANUP(buf_release) struct buf text = BUF(2 * DMARC_RECORD_MAX);
    buf_put(&text, S("v=DMARC1;p=reject;"));
    while (text.n < DMARC_RECORD_MAX)
        buf_putc(&text, ' ');
    assert_true(dmarc_record_parse(buf_slice(&text), &record));
    buf_putc(&text, ' ');
    assert_false(dmarc_record_parse(buf_slice(&text), &record));
    buf_clear(&text);
    buf_put(&text, S("v=DMARC1;"));
    for (int i = 0; i < DMARC_TAGS_MAX - 1; i++)
        buf_put(&text, S("x=y;"));
    buf_put(&text, S("p=reject;"));
    assert_true(dmarc_record_parse(buf_slice(&text), &record));
    assert_int_equal(record.policy, DMARC_POLICY_REJECT);
    buf_clear(&text);
    buf_put(&text, S("v=DMARC1;"));
    for (int i = 0; i < DMARC_TAGS_MAX; i++)
        buf_put(&text, S("x=y;"));
    buf_put(&text, S("p=reject;"));
    assert_true(dmarc_record_parse(buf_slice(&text), &record));
    assert_int_equal(record.policy, DMARC_POLICY_NONE);
}

static void test_addresses_for_reports(void **state)
{
    (void)state;
    char address[100];
    struct slice reports =
        S("https://x.example, mailto:a%2Cb@c.example!10m ,mailto:@x,mailto:y%0a@z,mailto:d@e");
    assert_true(dmarc_record_address(&reports, address, sizeof(address)));
    assert_string_equal(address, "a,b@c.example");
    assert_true(dmarc_record_address(&reports, address, sizeof(address)));
    assert_string_equal(address, "d@e");
    assert_false(dmarc_record_address(&reports, address, sizeof(address)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_policy_comes_from_the_author_or_above),
        cmocka_unit_test(test_registry_speaks_for_names_below_it),
        cmocka_unit_test(test_department_is_its_own_organization),
        cmocka_unit_test(test_relaxed_alignment_is_within_the_organization),
        cmocka_unit_test(test_strict_alignment_is_the_same_name),
        cmocka_unit_test(test_testing_and_pct_make_it_milder),
        cmocka_unit_test(test_wrong_policy_counts_only_with_reports),
        cmocka_unit_test(test_errors_of_the_author_alone_are_errors),
        cmocka_unit_test(test_one_pass_is_enough),
        cmocka_unit_test(test_walk_has_an_end),
        cmocka_unit_test(test_records_are_read_leniently),
        cmocka_unit_test(test_record_has_limits),
        cmocka_unit_test(test_addresses_for_reports),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

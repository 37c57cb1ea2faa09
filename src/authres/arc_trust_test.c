#include "authres/arc_trust.h"

#include "authres/arc_chain.h"
#include "base/test.h"

#define SAW \
    "i=1; mx.list.example; iprev=pass policy.iprev=192.0.2.9; dmarc=pass (p=reject) header.from=a.example"

static struct arc_seal seals[3];
static struct arc_verdict chain;

/* Three sets; the first two by lists, the third by a forwarder. */
static int setup(void **state)
{
    (void)state;
    seals[0] = (struct arc_seal){S("list.example"), S("s1"), S(SAW)};
    seals[1] = (struct arc_seal){S("sub.list.example"), S("s2"),
                                 S("i=2; x; arc=pass; dmarc=fail header.from=a.example")};
    seals[2] = (struct arc_seal){S("forward.example"), S("s3"), S("i=3; y; arc=pass")};
    chain = (struct arc_verdict){.status = ARC_PASS, .reason = "", .seals = seals, .count = 3};
    return 0;
}

static bool vouched(const char *trusted, const char *author)
{
    return arc_vouching(&chain, slice_cstr(trusted), slice_cstr(author)).n > 0;
}

static void test_a_trusted_sealer_speaks_for_whom_he_saw(void **state)
{
    (void)state;
    assert_true(slice_eq(arc_vouching(&chain, S("LIST.EXAMPLE"), S("A.example")), S("list.example")));
    assert_true(vouched("other.example list.example", "a.example"));
    assert_false(vouched("list.example", "b.example"));
    assert_false(vouched("list.example", "sub.a.example"));
    assert_false(vouched("sub.list.example", "a.example")); /* he saw it fail */
    assert_false(vouched("forward.example", "a.example"));  /* he did not look */
    assert_false(vouched("st.example", "a.example"));
    assert_false(vouched("", "a.example"));
}

static void test_a_chain_that_does_not_hold_says_nothing(void **state)
{
    (void)state;
    chain.status = ARC_FAIL;
    assert_false(vouched("list.example", "a.example"));
    chain.status = ARC_NONE;
    assert_false(vouched("list.example", "a.example"));
}

static void test_who_is_not_trusted_may_not_have_changed_it(void **state)
{
    (void)state;
    chain.oldest_pass = 1;
    assert_true(vouched("list.example", "a.example"));
    chain.oldest_pass = 2; /* the second changed what the first saw */
    assert_true(vouched("list.example forward.example", "a.example"));
    assert_false(vouched("list.example", "a.example"));
    chain.oldest_pass = 3;
    assert_true(vouched("list.example forward.example", "a.example"));
    assert_false(vouched("list.example", "a.example"));
}

static void test_only_what_is_said_in_its_place_counts(void **state)
{
    static const char *const lies[] = {
        "i=1; x; spf=pass (dmarc=pass header.from=a.example)",
        "i=1; x; spf=pass reason=\"; dmarc=pass header.from=a.example\"",
        "i=1; dmarc=fail header.from=a.example",
        "i=1; x; dmarc=pass",
        "i=1; x; dmarc=pass (header.from=a.example)",
        "i=1; x; dmarc=pass header.from=b.example header.from=a.example",
        "i=1; x; xdmarc=pass header.from=a.example",
        "i=1; x; spf=\"x; dmarc=pass header.from=a.example\"",
        "i=1; x; \"; dmarc=pass header.from=a.example",
    };
    static const char *const truths[] = {
        "i=1; x; DMARC = pass (p=none) policy.x header.from = a.example",
        "i=1; x; dmarc=pass header.from=b.example; dmarc=pass header.from=\"a\\.example\"",
        "i=1; x; dmarc=pass\r\n\taction=none\r\n\theader.from=a.example;\r\n\tspf=none",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
        seals[0].results = slice_cstr(lies[i]);
        if (vouched("list.example", "a.example"))
            assert_string_equal("nothing", lies[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(truths); i++) {
        seals[0].results = slice_cstr(truths[i]);
        if (!vouched("list.example", "a.example"))
            assert_string_equal("somebody", truths[i]);
    }
}

static void test_the_comment_of_a_report(void **state)
{
    (void)state;
    CLEANUP(buf_release) struct buf out = BUF(ARC_COMMENT_MAX);
    arc_comment_put(&out, &chain);
    assert_string_equal(buf_cstr(&out),
                        "arc=pass as[3].d=forward.example as[3].s=s3 as[2].d=sub.list.example "
                        "as[2].s=s2 as[1].d=list.example as[1].s=s1 remote-ip[1]=192.0.2.9");
}

static void test_the_longest_comment_fits(void **state)
{
    (void)state;
    char name[250];
    memset(name, 'x', sizeof(name));
    seals[0].results = S("i=1; x; dmarc=pass smtp.remote-ip=2001:db8::1");
    seals[1].domain = slice_of(name, sizeof(name));
    CLEANUP(buf_release) struct buf out = BUF(ARC_COMMENT_MAX);
    arc_comment_put(&out, &chain);
    assert_false(buf_failed(&out));
    seals[2].domain = slice_of(name, sizeof(name));
    buf_clear(&out);
    arc_comment_put(&out, &chain);
    assert_false(buf_failed(&out));
    assert_true(slice_ends(buf_slice(&out), S(" remote-ip[1]=2001:db8::1")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_a_trusted_sealer_speaks_for_whom_he_saw, setup),
        cmocka_unit_test_setup(test_a_chain_that_does_not_hold_says_nothing, setup),
        cmocka_unit_test_setup(test_who_is_not_trusted_may_not_have_changed_it, setup),
        cmocka_unit_test_setup(test_only_what_is_said_in_its_place_counts, setup),
        cmocka_unit_test_setup(test_the_comment_of_a_report, setup),
        cmocka_unit_test_setup(test_the_longest_comment_fits, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

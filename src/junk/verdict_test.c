#include "junk/verdict.h"

#include "base/test.h"

enum { FEATURES = 30 };

static const struct junk_counts enough = {100 * JUNK_WEIGHT, 100 * JUNK_WEIGHT};
static struct junk_token list[JUNK_TOKENS_MAX];

static struct junk_tokens some(size_t count)
{
    for (size_t i = 0; i < count; i++)
        list[i] = (struct junk_token){i + 1, S("casino")};
    return (struct junk_tokens){list, count};
}

static struct junk_verdict judge_all(struct junk_counts learnt, struct junk_counts each, size_t count)
{
    struct junk_counts counts[JUNK_TOKENS_MAX];
    struct junk_verdict verdict;
    struct junk_tokens tokens = some(count);
    for (size_t i = 0; i < count; i++)
        counts[i] = each;
    junk_judge(learnt, &tokens, counts, &verdict);
    return verdict;
}

static void test_what_only_junk_has_is_junk(void **state)
{
    (void)state;
    struct junk_verdict verdict = judge_all(enough, (struct junk_counts){20 * JUNK_WEIGHT, 0}, FEATURES);
    assert_true(verdict.judged && verdict.junk);
    assert_true(verdict.score > 0.99);
    assert_int_equal(verdict.reason_count, JUNK_REASONS_SHOWN);
    verdict = judge_all(enough, (struct junk_counts){0, 20 * JUNK_WEIGHT}, FEATURES);
    assert_true(verdict.judged && !verdict.junk);
    assert_true(verdict.score < 0.01);
}

static void test_nothing_is_judged_before_enough_is_learnt(void **state)
{
    (void)state;
    const struct junk_counts each = {20 * JUNK_WEIGHT, 0};
    struct junk_counts learnt = {JUNK_ENOUGH * JUNK_WEIGHT, JUNK_ENOUGH * JUNK_WEIGHT};
    assert_true(judge_all(learnt, each, FEATURES).judged);
    learnt.good--;
    assert_false(judge_all(learnt, each, FEATURES).judged);
    learnt = (struct junk_counts){JUNK_ENOUGH * JUNK_WEIGHT - 1, 1000 * JUNK_WEIGHT};
    assert_false(judge_all(learnt, each, FEATURES).judged);
}

static void test_what_is_new_or_even_says_nothing(void **state)
{
    (void)state;
    assert_false(judge_all(enough, (struct junk_counts){0, 0}, FEATURES).judged);
    assert_false(judge_all(enough, (struct junk_counts){400, 400}, FEATURES).judged);
    assert_false(judge_all(enough, (struct junk_counts){0, 0}, 0).judged);
}

static void test_few_reasons_are_not_enough(void **state)
{
    (void)state;
    const struct junk_counts each = {90 * JUNK_WEIGHT, 0};
    assert_true(judge_all(enough, each, JUNK_REASONS_MIN).junk);
    assert_false(judge_all(enough, each, JUNK_REASONS_MIN - 1).junk);
}

static void test_as_much_for_as_against_is_undecided(void **state)
{
    (void)state;
    struct junk_counts counts[FEATURES];
    struct junk_verdict verdict;
    struct junk_tokens tokens = some(FEATURES);
    for (size_t i = 0; i < FEATURES; i++)
        counts[i] = i % 2 ? (struct junk_counts){1600, 0} : (struct junk_counts){0, 1600};
    junk_judge(enough, &tokens, counts, &verdict);
    assert_true(verdict.judged && !verdict.junk);
    assert_true(verdict.score > 0.4 && verdict.score < 0.6);
}

static void test_most_features_at_once(void **state)
{
    (void)state;
    assert_true(judge_all(enough, (struct junk_counts){90 * JUNK_WEIGHT, 1}, JUNK_TOKENS_MAX).junk);
}

static void test_old_counts_fade(void **state)
{
    (void)state;
    assert_int_equal(junk_aged(JUNK_WEIGHT, 0), JUNK_WEIGHT);
    assert_int_equal(junk_aged(JUNK_WEIGHT, 4), 1);
    assert_int_equal(junk_aged(JUNK_WEIGHT, 5), 0);
    assert_int_equal(junk_aged(UINT32_MAX, 1000), 0);
}

static void expect_field(const struct junk_verdict *verdict, bool known, const char *field)
{
    CLEANUP(buf_release) struct buf out = BUF(JUNK_FIELD_MAX);
    junk_field_put(&out, verdict, known);
    assert_false(buf_failed(&out));
    assert_string_equal(out.n > 0 ? buf_cstr(&out) : "", field);
}

static void test_the_field_says_why(void **state)
{
    (void)state;
    struct junk_verdict verdict = {.judged = true,
                                   .junk = true,
                                   .score = 0.99999,
                                   .reasons = {S("casino"), S("host:a.example")},
                                   .reason_count = 2};
    expect_field(&verdict, false, "X-Posthorn-Junk: yes, 0.99;\r\n\twords casino,\r\n\thost:a.example\r\n");
    expect_field(&verdict, true,
                 "X-Posthorn-Junk: no, 0.99; sender known;\r\n\twords casino,\r\n\thost:a.example\r\n");
    verdict.judged = false;
    expect_field(&verdict, false, "");
}

static void test_a_word_cannot_make_a_field(void **state)
{
    (void)state;
    struct junk_verdict verdict = {.judged = true,
                                   .score = 0.2,
                                   .reasons = {S("a\r\nBcc: x"), S("b; words c, d"), S("=?utf-8?Q?x?=")},
                                   .reason_count = 3};
    expect_field(
        &verdict, false,
        "X-Posthorn-Junk: no, 0.20;\r\n\twords a__Bcc:_x,\r\n\tb__words_c__d,\r\n\t__utf-8_Q_x__\r\n");
}

static void test_the_longest_field_fits(void **state)
{
    (void)state;
    char word[JUNK_WORD_MAX + 1] = {0};
    for (size_t i = 0; i < JUNK_WORD_MAX; i += 2) {
        word[i] = '\xc3';
        word[i + 1] = '\xbc';
    }
    struct junk_verdict verdict = {.judged = true, .score = 1, .reason_count = JUNK_REASONS_SHOWN};
    for (size_t i = 0; i < JUNK_REASONS_SHOWN; i++)
        verdict.reasons[i] = slice_of(word, JUNK_WORD_MAX);
    CLEANUP(buf_release) struct buf out = BUF(JUNK_FIELD_MAX);
    junk_field_put(&out, &verdict, true);
    assert_false(buf_failed(&out));
    for (size_t i = 0; i < out.n; i++)
        assert_true((unsigned char)out.p[i] < 0x80);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_only_junk_has_is_junk),
        cmocka_unit_test(test_nothing_is_judged_before_enough_is_learnt),
        cmocka_unit_test(test_what_is_new_or_even_says_nothing),
        cmocka_unit_test(test_few_reasons_are_not_enough),
        cmocka_unit_test(test_as_much_for_as_against_is_undecided),
        cmocka_unit_test(test_most_features_at_once),
        cmocka_unit_test(test_old_counts_fade),
        cmocka_unit_test(test_the_field_says_why),
        cmocka_unit_test(test_a_word_cannot_make_a_field),
        cmocka_unit_test(test_the_longest_field_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

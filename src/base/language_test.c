#include "base/language.h"

#include "base/clock.h"
#include "base/language_rows.h"
#include "base/test.h"
#include "base/utf8.h"

static const struct tongue german = {LANGUAGE_DE, true};
static const struct tongue ascii_german = {LANGUAGE_DE, false};

static void says(struct tongue tongue, const char *english, const char *expected)
{
    CLEANUP(buf_release) struct buf out = BUF(4096);
    language_put(&out, tongue, slice_cstr(english));
    assert_string_equal(buf_cstr(&out), expected);
}

static void test_translates_a_sentence(void **state)
{
    (void)state;
    says(german, "No such folder", "Diesen Ordner gibt es nicht");
    says(german, "stored data is damaged", "Gespeicherte Daten sind beschädigt");
    says((struct tongue){0}, "No such folder", "No such folder");
}

static void test_writes_german_in_ascii_for_who_may_not_take_more(void **state)
{
    (void)state;
    says(ascii_german, "stored data is damaged", "Gespeicherte Daten sind beschaedigt");
    says(ascii_german, "A folder name may have 255 bytes", "Ein Ordnername darf 255 Byte haben");
}

static void test_carries_values_over(void **state)
{
    (void)state;
    says(german, "there is no account jörg@example.com", "Es gibt kein Konto jörg@example.com");
    says(ascii_german, "there is no account jörg@example.com", "Es gibt kein Konto jörg@example.com");
    says(german, "the domain a.example still has 3 accounts and 12 aliases; remove them first",
         "Die Domain a.example hat noch 3 Konten und 12 Aliasse; entfernen Sie diese zuerst");
    says(german, "SEARCH completed", "SEARCH ausgeführt");
    says(german, " completed", " ausgeführt");
}

static void test_translates_words_of_ours_inside(void **state)
{
    (void)state;
    says(german, "info@a.example is a group already", "info@a.example ist schon eine Gruppe");
    says(german, "\"a\" is not an address: it must read name@domain",
         "\"a\" ist keine Adresse: sie muss name@domain lauten");
    says(german, "x is something else already", "x ist schon something else");
}

static void test_leaves_a_stranger_s_words_alone(void **state)
{
    (void)state;
    says(german, "\"a group\" is not an address: a group", "\"a group\" ist keine Adresse: eine Gruppe");
}

static void test_takes_words_inside_of_words_once(void **state)
{
    (void)state;
    says(german, "\"x\" is not an address: \"y\" is not an address: z",
         "\"x\" ist keine Adresse: \"y\" is not an address: z");
    says(german, "a is b is c already", "a ist schon b is c");
}

static void test_leaves_what_it_does_not_know(void **state)
{
    (void)state;
    static const char *const unknown[] = {
        "",
        "No",
        "No such folder!",
        "no such folder",
        "A folder name may have many bytes",
        "A folder name may have  bytes",
        "\1\2\3",
        "\xff\xfe",
        "%s completed soon",
    };
    for (size_t i = 0; i < ARRAY_LEN(unknown); i++)
        says(german, unknown[i], unknown[i]);
}

static void test_leaves_too_long_a_sentence(void **state)
{
    (void)state;
    static const char behind[] = " completed";
    static char text[LANGUAGE_SENTENCE_MAX + 2];
    for (size_t more = 0; more < 2; more++) {
        size_t n = LANGUAGE_SENTENCE_MAX + more;
        memset(text, 'x', n);
        memcpy(text + n - strlen(behind), behind, sizeof(behind));
        CLEANUP(buf_release) struct buf out = BUF(4096);
        language_put(&out, german, slice_cstr(text));
        assert_int_equal(slice_eq(buf_slice(&out), slice_cstr(text)), more == 1);
    }
}

/* Each row as it could be said: values in their places. */
static void put_sample(struct buf *out, const char *pattern)
{
    for (const char *c = pattern; *c != 0; c++) {
        if (*c == PLACE_NUMBER)
            buf_put(out, S("42"));
        else if (*c == PLACE_DATA || *c == PLACE_WORDS)
            buf_put(out, S("Q"));
        else
            buf_putc(out, *c);
    }
}

static void test_finds_every_row(void **state)
{
    (void)state;
    assert_true(language_row_count > 300);
    for (size_t i = 0; i < language_row_count; i++) {
        CLEANUP(buf_release) struct buf english = BUF(4096);
        CLEANUP(buf_release) struct buf translated = BUF(4096);
        CLEANUP(buf_release) struct buf ascii = BUF(4096);
        put_sample(&english, language_rows[i].in[LANGUAGE_EN]);
        language_put(&translated, german, buf_slice(&english));
        language_put(&ascii, ascii_german, buf_slice(&english));
        if (slice_eq(buf_slice(&english), buf_slice(&translated)) &&
            strcmp(language_rows[i].in[LANGUAGE_EN], language_rows[i].in[LANGUAGE_DE]) != 0)
            fail_msg("not found: %s", buf_cstr(&english));
        assert_true(utf8_valid(buf_slice(&translated)));
        for (size_t at = 0; at < ascii.n; at++)
            assert_in_range(ascii.p[at], 0x20, 0x7e);
    }
}

static void test_stays_quick_for_hostile_values(void **state)
{
    (void)state;
    char text[LANGUAGE_SENTENCE_MAX + 1];
    for (size_t i = 0; i < sizeof(text) - 1; i++)
        text[i] = " is not an address: "[i % 20];
    text[sizeof(text) - 1] = 0;
    text[0] = '"';
    CLEANUP(buf_release) struct buf out = BUF(4096);
    int64_t from = clock_mono_us();
    language_put(&out, german, slice_cstr(text));
    assert_true(clock_mono_us() - from < CLOCK_SECOND);
}

static void test_keeps_a_response_code(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"[LIMIT] No such folder", "[LIMIT] Diesen Ordner gibt es nicht"},
        {"[A B (C)] x", "[A B (C)] x"},
        {"[LIMIT]", "[LIMIT]"},
        {"[", "["},
        {"No such folder", "Diesen Ordner gibt es nicht"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_release) struct buf out = BUF(200);
        language_put_coded(&out, german, slice_cstr(cases[i][0]));
        assert_string_equal(buf_cstr(&out), cases[i][1]);
    }
}

static void test_finds_a_language_by_its_range(void **state)
{
    (void)state;
    enum language language = LANGUAGE_EN;
    assert_true(language_find(S("de"), &language));
    assert_int_equal(language, LANGUAGE_DE);
    assert_true(language_find(S("DE-at-1996"), &language));
    assert_int_equal(language, LANGUAGE_DE);
    assert_true(language_find(S("en-GB"), &language));
    assert_int_equal(language, LANGUAGE_EN);
    assert_false(language_find(S("deu"), &language));
    assert_false(language_find(S("mul"), &language));
    assert_false(language_find(S("*-DE"), &language));
    assert_false(language_find(S("-de"), &language));
    assert_false(language_find(S(""), &language));
    assert_int_equal(language_of(S("de")), LANGUAGE_DE);
    assert_int_equal(language_of(S("fr")), LANGUAGE_EN);
    assert_string_equal(language_tag(LANGUAGE_DE), "de");
    assert_string_equal(language_name(LANGUAGE_DE), "Deutsch");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_translates_a_sentence),
        cmocka_unit_test(test_writes_german_in_ascii_for_who_may_not_take_more),
        cmocka_unit_test(test_carries_values_over),
        cmocka_unit_test(test_translates_words_of_ours_inside),
        cmocka_unit_test(test_leaves_a_stranger_s_words_alone),
        cmocka_unit_test(test_takes_words_inside_of_words_once),
        cmocka_unit_test(test_leaves_what_it_does_not_know),
        cmocka_unit_test(test_leaves_too_long_a_sentence),
        cmocka_unit_test(test_finds_every_row),
        cmocka_unit_test(test_stays_quick_for_hostile_values),
        cmocka_unit_test(test_keeps_a_response_code),
        cmocka_unit_test(test_finds_a_language_by_its_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

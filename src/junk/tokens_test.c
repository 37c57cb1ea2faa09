#include "junk/tokens.h"

#include "base/test.h"

static const struct junk_key key = {{1, 2, 3}};

struct fixture {
    struct arena arena;
    struct junk_tokens tokens;
};

static void read_joined(struct fixture *f, struct slice prefix, struct slice message)
{
    struct error error;
    f->arena = ARENA(JUNK_ARENA_MAX);
    assert_int_equal(junk_tokens_read(&f->arena, &key, prefix, message, &f->tokens, &error), ERR_OK);
}

static void done(struct fixture *f)
{
    arena_release(&f->arena);
}

static bool has(const struct fixture *f, const char *text)
{
    for (size_t i = 0; i < f->tokens.count; i++)
        if (slice_eq(f->tokens.list[i].text, slice_cstr(text)))
            return true;
    return false;
}

#define PREFIX                                                                                               \
    "Return-Path: <a@list.example>\r\nAuthentication-Results: mx.example;\r\n\tspf=fail;\r\n\tdkim=pass\r\n" \
    "Received: from x ([192.0.2.77])\r\n\tby mx.example\r\n"
#define MESSAGE                                                                                              \
    "Received: from y ([203.0.113.9]) by other.example\r\nFrom: =?koi8-r?B?68HaydDP?= "                      \
    "<Win@Pills.Example>\r\n"                                                                                \
    "Reply-To: b@other.example\r\nSubject: =?utf-8?Q?Gro=C3=9Fe?= Preise\r\nX-Posthorn-Junk: no, 0.01\r\n"   \
    "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"                          \
    "Content-Type: text/plain; charset=windows-1251\r\nContent-Transfer-Encoding: base64\r\n\r\n"            \
    "yuDn6O3u\r\n--b\r\n" /* "Казино" */                                                               \
    "Content-Type: text/html; charset=utf-8\r\n\r\n<style>unseen{}</style><p style=\"display:none\">Gewinn " \
    "<a href=\"https://www.go.example/x\">Klick</a>\r\n--b\r\n"                                              \
    "Content-Type: application/octet-stream; name=\"Rechnung.EXE\"\r\n\r\nMZ\r\n--b--\r\n"

static void test_what_a_message_looks_like(void **state)
{
    (void)state;
    struct fixture f;
    read_joined(&f, S(PREFIX), S(MESSAGE));
    static const char *const there[] = {
        "path:a@list.example",
        "path:list.example",
        "result:spf=fail",
        "result:dkim=pass",
        "net:192.0.2",
        "from:win@pills.example",
        "from:pills.example",
        "reply:other.example",
        "subject:preise",
        "subject:grosse",
        "gewinn",
        "klick",
        "host:www.go.example",
        "host:go.example",
        "html:hidden",
        "html:style",
        "type:text/html",
        "charset:windows-1251",
        "file:.exe",
        "field:reply-to",
        "\xd0\xba\xd0\xb0\xd0\xb7\xd0\xb8\xd0\xbd\xd0\xbe",
        "from:\xd0\xba\xd0\xb0\xd0\xb7\xd0\xb8\xd0\xbf\xd0\xbe",
    };
    for (size_t i = 0; i < ARRAY_LEN(there); i++)
        if (!has(&f, there[i]))
            assert_string_equal("nothing", there[i]);
    assert_false(has(&f, "unseen"));
    assert_false(has(&f, "net:203.0.113")); /* who brought it to somebody else */
    done(&f);
}

static void test_the_verdict_of_before_is_no_feature(void **state)
{
    (void)state;
    struct fixture f;
    read_joined(&f, S(""), S(MESSAGE));
    assert_false(has(&f, "field:x-posthorn-junk"));
    done(&f);
}

static void test_filed_or_not_a_message_has_the_same_features(void **state)
{
    (void)state;
    struct fixture apart, whole;
    read_joined(&apart, S(PREFIX), S(MESSAGE));
    read_joined(&whole, S(""), S(PREFIX "X-Posthorn-Junk: yes, 1.00;\r\n\twords casino\r\n" MESSAGE));
    assert_int_equal(apart.tokens.count, whole.tokens.count);
    for (size_t i = 0; i < apart.tokens.count; i++)
        assert_true(apart.tokens.list[i].hash == whole.tokens.list[i].hash);
    done(&apart);
    done(&whole);
}

static void test_another_account_hashes_otherwise(void **state)
{
    (void)state;
    static const struct junk_key other = {{9}};
    CLEANUP(arena_release) struct arena arena = ARENA(JUNK_ARENA_MAX);
    struct error error;
    struct fixture f;
    struct junk_tokens tokens;
    read_joined(&f, S(""), S(MESSAGE));
    assert_int_equal(junk_tokens_read(&arena, &other, S(""), S(MESSAGE), &tokens, &error), ERR_OK);
    assert_int_equal(tokens.count, f.tokens.count);
    assert_true(tokens.list[0].hash != f.tokens.list[0].hash);
    assert_true(junk_address_hash(&key, S("a@b.example")) != junk_address_hash(&other, S("a@b.example")));
    assert_true(junk_address_hash(&key, S("a@b.example")) == junk_address_hash(&key, S("A@B.Example")));
    done(&f);
}

static void test_features_are_bounded(void **state)
{
    (void)state;
    CLEANUP(buf_release) struct buf text = BUF(1 << 20);
    struct fixture f;
    buf_put(&text, S("Subject: x\r\n\r\n"));
    for (int i = 0; i <= JUNK_TOKENS_MAX; i++)
        buf_printf(&text, "word%c%c%c ", 'a' + i % 26, 'a' + i / 26 % 26, 'a' + i / 676);
    read_joined(&f, S(""), buf_slice(&text));
    assert_int_equal(f.tokens.count, JUNK_TOKENS_MAX);
    done(&f);
}

static void test_text_behind_the_limit_is_not_read(void **state)
{
    (void)state;
    CLEANUP(buf_release) struct buf text = BUF(1 << 20);
    struct fixture f;
    buf_put(&text, S("Subject: x\r\n\r\n"));
    size_t start = text.n;
    while (text.n - start < JUNK_TEXT_MAX)
        buf_put(&text, S("same\r\nsame "));
    buf_put(&text, S("behind"));
    read_joined(&f, S(""), buf_slice(&text));
    assert_true(has(&f, "same"));
    assert_false(has(&f, "behind"));
    done(&f);
}

static void test_fields_behind_the_limit_are_not_read(void **state)
{
    (void)state;
    CLEANUP(buf_release) struct buf text = BUF(1 << 20);
    struct fixture f;
    for (int i = 0; i < JUNK_FIELDS_MAX - 1; i++)
        buf_put(&text, S("X-A: b\r\n"));
    buf_put(&text, S("X-Last: b\r\nX-Behind: b\r\n\r\n"));
    read_joined(&f, S(""), buf_slice(&text));
    assert_true(has(&f, "field:x-last"));
    assert_false(has(&f, "field:x-behind"));
    done(&f);
}

static void test_anything_can_be_read(void **state)
{
    (void)state;
    static const char *const messages[] = {"", "\r\n", "\r\n\r\nhttp://", "From:\r\n\r\n", "no field at all"};
    for (size_t i = 0; i < ARRAY_LEN(messages); i++) {
        struct fixture f;
        read_joined(&f, S(""), slice_cstr(messages[i]));
        done(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_a_message_looks_like),
        cmocka_unit_test(test_the_verdict_of_before_is_no_feature),
        cmocka_unit_test(test_filed_or_not_a_message_has_the_same_features),
        cmocka_unit_test(test_another_account_hashes_otherwise),
        cmocka_unit_test(test_features_are_bounded),
        cmocka_unit_test(test_text_behind_the_limit_is_not_read),
        cmocka_unit_test(test_fields_behind_the_limit_are_not_read),
        cmocka_unit_test(test_anything_can_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

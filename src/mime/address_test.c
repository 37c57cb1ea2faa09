#include "mime/testing.h"

#include "mime/address.h"

/* The list as text: "name|route|local|domain" for mailboxes, "[group" and "]" for markers, separated by " ;
 * ". */
static void assert_list(const char *value, const char *wanted)
{
    CLEANUP(arena_release) struct arena arena = ARENA(1 << 20);
    CLEANUP(buf_release) struct buf out = BUF(10000);
    struct mime_addresses list;
    struct error error;
    assert_int_equal(mime_addresses_parse(&arena, slice_cstr(value), &list, &error), ERR_OK);
    for (const struct mime_address *a = list.first; a != NULL; a = a->next) {
        buf_put(&out, a == list.first ? S("") : S(" ; "));
        if (a->kind == MIME_ADDRESS_GROUP_START)
            buf_printf(&out, "[%.*s", SLICE_ARGS(a->local));
        else if (a->kind == MIME_ADDRESS_GROUP_END)
            buf_put(&out, S("]"));
        else
            buf_printf(&out, "%.*s|%.*s|%.*s|%.*s", SLICE_ARGS(a->name), SLICE_ARGS(a->route),
                       SLICE_ARGS(a->local), SLICE_ARGS(a->domain));
    }
    assert_buf(&out, wanted);
}

static void test_reads_plain_lists(void **state)
{
    (void)state;
    assert_list("", "");
    assert_list("a@b.c", "||a|b.c");
    assert_list("John Doe <john@x.y>, <jane@x.y>", "John Doe||john|x.y ; ||jane|x.y");
    assert_list("\"Doe, \\\"J\\\"\" <j@x>", "Doe, \"J\"||j|x");
    assert_list("J. R. Doe <j@x>", "J. R. Doe||j|x");
    assert_list("j@x (John Doe)", "John Doe||j|x");
    assert_list("(c) j@x (John (the \\) one) Doe)", "John (the ) one) Doe||j|x");
    assert_list("\"john doe\"@x", "||john doe|x");
    assert_list("a@[127.0.0.1]", "||a|[127.0.0.1]");
    assert_list("J\xc3\xb6rg <j\xc3\xb6rg@\xc3\xa4.de>", "J\xc3\xb6rg||j\xc3\xb6rg|\xc3\xa4.de");
    assert_list("=?utf-8?q?J=2C?= =?utf-8?q?x?= <j@x>", "=?utf-8?q?J=2C?= =?utf-8?q?x?=||j|x");
}

static void test_reads_groups(void **state)
{
    (void)state;
    assert_list("undisclosed-recipients:;", "[undisclosed-recipients ; ]");
    assert_list("A group: a@b, C <c@d>;, e@f", "[A group ; ||a|b ; C||c|d ; ] ; ||e|f");
    assert_list("open: a@b", "[open ; ||a|b ; ]");
}

static void test_reads_obsolete_forms(void **state)
{
    (void)state;
    assert_list("A <@x,@y:a@b>", "A|@x,@y|a|b");
    assert_list("john . doe @ x . y", "||john.doe|x.y");
    assert_list(",,a@b,,\r\n c@d,", "||a|b ; ||c|d");
    assert_list("Joe\r\n Doe\t<a@b>", "Joe Doe||a|b");
    assert_list("a(x)@(y)b", "y||a|b");
}

/* RFC 7103 7.1 */
static void test_reads_broken_forms(void **state)
{
    (void)state;
    assert_list("<<<u@e.org>>>", "||u|e.org");
    assert_list("<a@e.net", "||a|e.net");
    assert_list("s@e.org>", "||s|e.org");
    assert_list("(Testing <f@e.com>", "Testing||f|e.com");
    assert_list("Testing) <s@e.com>", "Testing)||s|e.com");
    assert_list("<t@e.net, f@e.net>", "||t|e.net ; ||f|e.net");
    assert_list("\"Joe <joe@e.com>", "Joe||joe|e.com");
    assert_list("Joe", "||Joe|");
    assert_list("a@b <a@b>", "a@b||a|b");
    assert_list("John a@b", "John||a|b");
    assert_list("<a@b> <c@d>", "||a|b ; ||c|d");
    assert_list("<a@b> junk, c@d", "||a|b ; ||c|d");
    assert_list("<>", "|||");
    assert_list("<mailto:a@b>", "||a|b");
    assert_list("@", "");
    assert_list("a@", "||a|");
    assert_list("\"\" <a@b>", "||a|b");
    assert_list("\\\\\"\"(", "||\\|");
}

static void test_list_length_is_limited(void **state)
{
    (void)state;
    CLEANUP(arena_release) struct arena arena = ARENA(16 << 20);
    CLEANUP(buf_release) struct buf text = BUF(1 << 20);
    struct mime_addresses list;
    struct error error;
    for (int i = 0; i < MIME_ADDRESSES_MAX + 1; i++)
        buf_put(&text, S("a@b,"));
    assert_int_equal(mime_addresses_parse(&arena, buf_slice(&text), &list, &error), ERR_OK);
    assert_int_equal(list.count, MIME_ADDRESSES_MAX);
    struct arena small = ARENA(100);
    assert_int_equal(mime_addresses_parse(&small, buf_slice(&text), &list, &error), ERR_LIMIT);
}

static void test_comment_depth_is_limited(void **state)
{
    (void)state;
    for (int depth = MIME_COMMENT_DEPTH_MAX; depth <= MIME_COMMENT_DEPTH_MAX + 1; depth++) {
        CLEANUP(arena_release) struct arena arena = ARENA(1 << 20);
        CLEANUP(buf_release) struct buf text = BUF(10000);
        struct mime_addresses list;
        struct error error;
        for (int i = 0; i < depth; i++)
            buf_putc(&text, '(');
        for (int i = 0; i < depth; i++)
            buf_putc(&text, ')');
        buf_put(&text, S(" <a@b>"));
        assert_int_equal(mime_addresses_parse(&arena, buf_slice(&text), &list, &error), ERR_OK);
        assert_int_equal(list.count, 1);
        assert_slice(list.first->domain, "b");
        bool whole = list.first->name.n == 2 * (size_t)(depth - 1);
        assert_int_equal(whole, depth == MIME_COMMENT_DEPTH_MAX);
    }
}

static void test_hostile_lists_take_linear_time(void **state)
{
    (void)state;
    static const char *const pieces[] = {"\"\\\"", "(", "((\\", "<", "\"", "a@", "(\"", "@a,", "a:"};
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
        CLEANUP(arena_release) struct arena arena = ARENA(64 << 20);
        CLEANUP(buf_release) struct buf text = BUF(1 << 20);
        struct mime_addresses list;
        struct error error;
        while (text.n < 500000)
            buf_put(&text, slice_cstr(pieces[i]));
        assert_int_equal(mime_addresses_parse(&arena, buf_slice(&text), &list, &error), ERR_OK);
    }
}

static void test_one_address(void **state)
{
    (void)state;
    CLEANUP(arena_release) struct arena arena = ARENA(1 << 20);
    struct mime_address a;
    assert_true(mime_address_parse_one(&arena, S("X <a@b>"), &a));
    assert_slice(a.domain, "b");
    assert_false(mime_address_parse_one(&arena, S("a@b, c@d"), &a));
    assert_false(mime_address_parse_one(&arena, S("a"), &a));
    assert_false(mime_address_parse_one(&arena, S("g: a@b;"), &a));
    assert_false(mime_address_parse_one(&arena, S(""), &a));
}

static void test_writes_addresses(void **state)
{
    (void)state;
    CLEANUP(buf_release) struct buf out = BUF(1000);
    struct mime_address a = {.local = S("a b\"c"), .domain = S("x.y")};
    mime_address_put_spec(&out, &a);
    assert_buf(&out, "\"a b\\\"c\"@x.y");
    mime_address_put_display(&out, &a);
    assert_buf(&out, "\"a b\\\"c\"@x.y");
    a = (struct mime_address){.name = S("=?iso-8859-1?q?J=F6rg?="), .local = S("j.x"), .domain = S("")};
    mime_address_put_display(&out, &a);
    assert_buf(&out, "J\xc3\xb6rg");
    mime_address_put_spec(&out, &a);
    assert_buf(&out, "j.x");
    a.local = S(".x");
    mime_address_put_spec(&out, &a);
    assert_buf(&out, "\".x\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_plain_lists),
        cmocka_unit_test(test_reads_groups),
        cmocka_unit_test(test_reads_obsolete_forms),
        cmocka_unit_test(test_reads_broken_forms),
        cmocka_unit_test(test_list_length_is_limited),
        cmocka_unit_test(test_comment_depth_is_limited),
        cmocka_unit_test(test_hostile_lists_take_linear_time),
        cmocka_unit_test(test_one_address),
        cmocka_unit_test(test_writes_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

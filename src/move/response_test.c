#include "base/test.h"

#include "move/response.h"
#include "move/response_reader.h"

/* --- a server that says what is written here, in pieces --- */

struct script {
    struct response_input input;
    struct slice left;
    size_t piece;
    struct response_sink sink;
    struct buf message;
};

static enum err script_read(struct response_input *input, char *to, size_t n, size_t *ret_n,
                            struct error *error)
{
    struct script *script = container_of(input, struct script, input);
    if (script->left.n == 0)
        return fail_plain(error, ERR_CLOSED, "the end");
    *ret_n = MIN(MIN(n, script->piece), script->left.n);
    memcpy(to, script->left.p, *ret_n);
    script->left = slice_from(script->left, *ret_n);
    return ERR_OK;
}

static enum err sink_begin(struct response_sink *sink, uint64_t size, struct error *error)
{
    (void)sink;
    (void)size;
    (void)error;
    return ERR_OK;
}

static enum err sink_piece(struct response_sink *sink, struct slice bytes, struct error *error)
{
    (void)error;
    buf_put(&container_of(sink, struct script, sink)->message, bytes);
    return ERR_OK;
}

static void script_init(struct script *script, struct slice text, size_t piece)
{
    *script = (struct script){
        .input = {script_read},
        .left = text,
        .piece = piece,
        .sink = {sink_begin, sink_piece},
        .message = BUF(1000),
    };
}

static void test_reads_messages_in_any_pieces(void **state)
{
    (void)state;
    static const char text[] = "* OK hello {3}\r\n"
                               "* 1 FETCH (BODY[] {5}\r\na\r\nb} UID 7 FLAGS (\\Seen))\r\n"
                               "* LIST () \"/\" {7}\r\nodd {3}\r\n"
                               "a1 OK done {9}\r\n";
    for (size_t piece = 1; piece < sizeof(text); piece++) {
        struct script script;
        struct error error;
        struct response_reader *reader = malloc(sizeof(*reader));
        assert_non_null(reader);
        script_init(&script, slice_of(text, sizeof(text) - 1), piece);
        response_reader_init(reader, &script.input, 1000);
        reader->sink = &script.sink;
        assert_int_equal(response_reader_next(reader, &error), ERR_OK);
        assert_true(slice_eq(buf_slice(&reader->text), S("* OK hello {3}")));
        assert_int_equal(response_reader_next(reader, &error), ERR_OK);
        assert_true(reader->message);
        assert_true(slice_eq(buf_slice(&script.message), S("a\r\nb}")));
        assert_true(slice_eq(buf_slice(&reader->text), S("* 1 FETCH (BODY[] \"\" UID 7 FLAGS (\\Seen))")));
        assert_int_equal(response_reader_next(reader, &error), ERR_OK);
        assert_true(slice_eq(buf_slice(&reader->text), S("* LIST () \"/\" {7}\r\nodd {3}")));
        assert_int_equal(response_reader_next(reader, &error), ERR_OK);
        assert_true(slice_eq(buf_slice(&reader->text), S("a1 OK done {9}")));
        assert_int_equal(response_reader_next(reader, &error), ERR_CLOSED);
        response_reader_release(reader);
        buf_release(&script.message);
        free(reader);
    }
}

static enum err first_of(struct slice text, uint64_t message_max, struct error *error)
{
    struct script script;
    struct response_reader *reader = malloc(sizeof(*reader));
    assert_non_null(reader);
    script_init(&script, text, 1000);
    response_reader_init(reader, &script.input, message_max);
    reader->sink = &script.sink;
    enum err err = response_reader_next(reader, error);
    response_reader_release(reader);
    buf_release(&script.message);
    free(reader);
    return err;
}

static void test_bounds_what_a_server_sends(void **state)
{
    (void)state;
    struct error error;
    char *long_line = malloc(RESPONSE_MAX + 3);
    assert_non_null(long_line);
    memset(long_line, 'x', RESPONSE_MAX + 1);
    memcpy(long_line, "* ", 2);
    memcpy(long_line + RESPONSE_MAX, "\r\n", 2);
    assert_int_equal(first_of(slice_of(long_line, RESPONSE_MAX + 2), 10, &error),
                     ERR_LIMIT); /* with its CR */
    memcpy(long_line + RESPONSE_MAX - 1, "\r\n", 2);
    assert_int_equal(first_of(slice_of(long_line, RESPONSE_MAX + 1), 10, &error), ERR_OK);
    free(long_line);
    assert_int_equal(first_of(S("* 1 FETCH (BODY[] {10}\r\n0123456789)\r\n"), 10, &error), ERR_OK);
    assert_int_equal(first_of(S("* 1 FETCH (BODY[] {11}\r\n0123456789)\r\n"), 10, &error), ERR_LIMIT);
    assert_int_equal(first_of(S("* 1 FETCH (BODY[] {99999999999999999999999}\r\n"), 10, &error), ERR_OK);
    assert_int_equal(first_of(S("* 1 FETCH (BODY[] {1}\r\nx BODY[] {1}\r\ny)\r\n"), 10, &error), ERR_INVALID);
    assert_int_equal(first_of(S("* LIST () \"/\" {65536}\r\n"), 10, &error), ERR_CLOSED);
    assert_int_equal(first_of(S("* LIST () \"/\" {65537}\r\n"), 10, &error), ERR_LIMIT);
}

/* --- what they say --- */

static struct response read(const char *text)
{
    static struct arena arena;
    struct response response;
    arena_release(&arena);
    arena = ARENA(64 * 1024);
    response_read(slice_cstr(text), &arena, &response);
    return response;
}

static void assert_text(struct slice have, const char *wanted)
{
    if (!slice_eq(have, slice_cstr(wanted)))
        print_error("\"%.*s\" is not \"%s\"\n", SLICE_ARGS(have), wanted);
    assert_true(slice_eq(have, slice_cstr(wanted)));
}

static void test_reads_statuses(void **state)
{
    (void)state;
    struct response r = read("* OK [UIDVALIDITY 42] UIDs valid");
    assert_int_equal(r.kind, RESPONSE_STATUS);
    assert_int_equal(r.status, STATUS_OK);
    assert_text(r.code, "UIDVALIDITY 42");
    assert_text(r.text, "UIDs valid");
    r = read("p12 NO [AUTHENTICATIONFAILED] no");
    assert_int_equal(r.kind, RESPONSE_TAGGED);
    assert_int_equal(r.status, STATUS_NO);
    assert_text(r.tag, "p12");
    assert_int_equal(read("+ idling").kind, RESPONSE_CONTINUE);
    assert_int_equal(read("+").kind, RESPONSE_CONTINUE);
    assert_int_equal(read("* 17 EXISTS").number, 17);
    assert_int_equal(read("* 99999999999 EXISTS").kind, RESPONSE_OTHER);
    assert_int_equal(read("").kind, RESPONSE_OTHER);
    assert_int_equal(read("*").kind, RESPONSE_OTHER);
    r = read("* CAPABILITY IMAP4rev1 AUTH=PLAIN");
    assert_true(response_has_word(r.text, S("auth=plain")));
    assert_false(response_has_word(r.text, S("AUTH")));
}

static void test_reads_folders(void **state)
{
    (void)state;
    struct response r = read("* LIST (\\HasNoChildren \\Sent) \"/\" \"Sent \\\"Items\\\"\"");
    assert_int_equal(r.kind, RESPONSE_LIST);
    assert_text(r.attributes, "\\HasNoChildren \\Sent");
    assert_int_equal(r.separator, '/');
    assert_text(r.name, "Sent \"Items\"");
    r = read("* LIST () NIL INBOX");
    assert_int_equal(r.separator, 0);
    assert_text(r.name, "INBOX");
    assert_text(read("* LIST () \".\" INBOX.a{b}").name, "INBOX.a{b}");
    assert_text(read("* LIST () \".\" {5}\r\na\"b\\c").name, "a\"b\\c");
    assert_null(read("* LIST () \".\" \"no end").name.p);
    r = read("* NAMESPACE ((\"INBOX.\" \".\")) ((\"user.\" \".\") (\"#x.\" \".\" \"F\" (\"a\"))) NIL");
    assert_int_equal(r.namespace_count, 3);
    assert_text(r.namespaces[0].prefix, "INBOX.");
    assert_true(r.namespaces[0].personal);
    assert_text(r.namespaces[2].prefix, "#x.");
    assert_false(r.namespaces[2].personal);
}

static void test_reads_messages(void **state)
{
    (void)state;
    struct response r = read("* 5 FETCH (UID 9 FLAGS (\\Seen NonJunk) INTERNALDATE \" 1-Feb-2026 10:00:00 "
                             "+0100\" RFC822.SIZE 123)");
    assert_int_equal(r.kind, RESPONSE_FETCH);
    assert_int_equal(r.uid, 9);
    assert_text(r.flags, "\\Seen NonJunk");
    assert_text(r.date, " 1-Feb-2026 10:00:00 +0100");
    assert_true(r.has_size && r.size == 123);
    assert_false(r.has_body);
    r = read(
        "* 5 FETCH (X-GM-LABELS (\"a)\" (b \"c\")) ENVELOPE (NIL (\"x\" {3}\r\n)() NIL)) MODSEQ (7) UID 9)");
    assert_int_equal(r.uid, 9);
    r = read("* 5 FETCH (BODY[] NIL UID 3)");
    assert_true(r.has_body && r.body.p == NULL && r.uid == 3);
    r = read("* 5 FETCH (BODY[HEADER.FIELDS (TO)] \"x\" BODY[] \"abc\" UID 3)");
    assert_text(r.body, "abc");
    assert_int_equal(read("* 5 FETCH (UID 99999999999)").kind, RESPONSE_OTHER);
    assert_int_equal(read("* 5 FETCH (FLAGS (\\Seen").kind, RESPONSE_OTHER);
    assert_int_equal(read("* 5 FETCH (BODY[] {50}\r\nabc)").kind, RESPONSE_OTHER);
}

static void test_bounds_nesting(void **state)
{
    (void)state;
    char text[RESPONSE_DEPTH_MAX * 2 + 40];
    for (int depth = RESPONSE_DEPTH_MAX; depth <= RESPONSE_DEPTH_MAX + 1; depth++) {
        int n = snprintf(text, sizeof(text), "* 1 FETCH (X ");
        memset(text + n, '(', (size_t)depth);
        memset(text + n + depth, ')', (size_t)depth);
        snprintf(text + n + 2 * depth, sizeof(text) - (size_t)(n + 2 * depth), " UID 4)");
        assert_int_equal(read(text).uid, depth == RESPONSE_DEPTH_MAX ? 4 : 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_messages_in_any_pieces),
        cmocka_unit_test(test_bounds_what_a_server_sends),
        cmocka_unit_test(test_reads_statuses),
        cmocka_unit_test(test_reads_folders),
        cmocka_unit_test(test_reads_messages),
        cmocka_unit_test(test_bounds_nesting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

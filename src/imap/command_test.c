#include "imap/command.h"
#include "imap/reader.h"
#include "store/message.h"

/* Last: cmocka has a macro by the name of base/error.h's fail. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct arena arena = ARENA(16 * 1024 * 1024);

static bool parse(struct slice text, struct imap_command *ret)
{
    arena_reset(&arena);
    struct imap_parser p = {.text = cursor_of(text), .arena = &arena};
    return imap_command_parse(&p, ret);
}

static struct imap_command parsed(const char *text)
{
    struct imap_command command;
    if (!parse(slice_cstr(text), &command))
        fail_msg("refused: %s", text);
    return command;
}

#define assert_slice(s, text) assert_true(slice_eq((s), S(text)))

static void test_refuses_what_is_no_command(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "a",
        "a ",
        " a NOOP",
        "+ NOOP",
        "a+ NOOP",
        "a(b NOOP",
        "a NOSUCH",
        "a NOOP ",
        "a NOOP x",
        "a UID NOOP",
        "a  NOOP",
        "a SELECT",
        "a SELECT ",
        "a SELECT \"INBOX",
        "a SELECT \"IN\\BOX\"",
        "a SELECT INBOX x",
        "a SELECT a&b",
        "a SELECT ~{3}\r\nabc",
        "a SELECT {3}\r\nab",
        "a RENAME x",
        "a STATUS INBOX ()",
        "a STATUS INBOX (NOSUCH)",
        "a STATUS INBOX MESSAGES",
        "a FETCH 1",
        "a FETCH 0 FLAGS",
        "a FETCH 1: FLAGS",
        "a FETCH 1,,2 FLAGS",
        "a FETCH 4294967296 FLAGS",
        "a FETCH 1 ()",
        "a FETCH 1 (FLAGS ALL)",
        "a FETCH 1 BODY[",
        "a FETCH 1 BODY[0]",
        "a FETCH 1 BODY[MIME]",
        "a FETCH 1 BODY[1.]",
        "a FETCH 1 BODY[HEADER.FIELDS]",
        "a FETCH 1 BODY[HEADER.FIELDS ()]",
        "a FETCH 1 BODY[]<0>",
        "a FETCH 1 BODY[]<0.0>",
        "a STORE 1 FLAG \\Seen",
        "a STORE 1 FLAGS \\NoSuch",
        "a STORE 1 FLAGS (\\Seen",
        "a STORE 1 FLAGS",
        "a SEARCH",
        "a SEARCH NOSUCH",
        "a SEARCH OR SEEN",
        "a SEARCH (SEEN",
        "a SEARCH SINCE 32-Foo-2000",
        "a SEARCH ()",
        "a COPY 1",
        "a UID EXPUNGE",
        "a EXPUNGE 1",
        "a APPEND INBOX",
        "a APPEND INBOX \"x\" {1}\r\na",
        "a ID",
        "a ID (\"a\")",
        "a LOGIN x",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct imap_command command;
        if (parse(slice_cstr(bad[i]), &command))
            fail_msg("taken: %s", bad[i]);
    }
}

static void test_reads_words_without_case(void **state)
{
    (void)state;
    assert_int_equal(parsed("a noOp").verb, IMAP_VERB_NOOP);
    struct imap_command c = parsed("A.1] uid fetch 1 flags");
    assert_slice(c.tag, "A.1]");
    assert_true(c.by_uid);
    assert_int_equal(c.fetch.items[0].kind, IMAP_FETCH_FLAGS);
}

static void test_reads_strings_of_all_kinds(void **state)
{
    (void)state;
    struct imap_command c = parsed("a LOGIN \"a \\\"b\\\\\" {5}\r\nc d\r\n");
    assert_slice(c.login.user, "a \"b\\");
    assert_slice(c.login.password, "c d\r\n");
    c = parsed("a RENAME Entw&APw-rfe {3+}\r\nx y");
    assert_slice(c.rename.from, "Entwürfe");
    assert_slice(c.rename.to, "x y");
}

static void test_reads_fetch_items(void **state)
{
    (void)state;
    struct imap_command c = parsed("a FETCH 2:4,7:* (FLAGS BODY.PEEK[1.2.HEADER.FIELDS.NOT (Date "
                                   "\"From\")]<5.1024> BODY[] RFC822.SIZE)");
    assert_int_equal(c.fetch.set.count, 2);
    assert_int_equal(c.fetch.set.ranges[1].first, 7);
    assert_int_equal(c.fetch.set.ranges[1].last, 0);
    assert_int_equal(c.fetch.count, 4);
    const struct imap_fetch_item *item = &c.fetch.items[1];
    assert_int_equal(item->section.count, 2);
    assert_int_equal(item->section.numbers[1], 2);
    assert_true(item->section.fields && item->section.but && item->partial);
    assert_int_equal(item->offset, 5);
    assert_int_equal(item->length, 1024);
    assert_int_equal(item->section.name_count, 2);
    assert_true(c.fetch.sets_seen);
    assert_false(parsed("a FETCH 1 BODY.PEEK[]").fetch.sets_seen);
    assert_true(parsed("a FETCH 1 RFC822.TEXT").fetch.sets_seen);
    assert_int_equal(parsed("a FETCH 1 FAST").fetch.count, 3);
    assert_int_equal(parsed("a FETCH 1 ALL").fetch.count, 4);
    assert_int_equal(parsed("a FETCH 1 FULL").fetch.count, 5);
}

static void test_reads_search_keys(void **state)
{
    (void)state;
    struct imap_command c = parsed(
        "a SEARCH CHARSET UTF-8 UNSEEN OR FROM \"x\" (TO y NOT 3:5) SINCE 1-Feb-1994 NEW UID 7 KEYWORD $a");
    assert_slice(c.search.charset, "UTF-8");
    const struct imap_search_key *key = c.search.root->child;
    assert_int_equal(key->kind, SEARCH_NOT);
    assert_int_equal(key->child->kind, SEARCH_FLAG);
    key = key->next;
    assert_int_equal(key->kind, SEARCH_OR);
    assert_slice(key->child->name, "From");
    assert_int_equal(key->child->next->kind, SEARCH_AND);
    key = key->next;
    assert_int_equal(key->kind, SEARCH_SINCE);
    assert_int_equal(key->day, 8797);
    key = key->next;
    assert_int_equal(key->kind, SEARCH_AND);
    key = key->next;
    assert_true(key->by_uid);
    assert_int_equal(key->next->kind, SEARCH_KEYWORD);
    assert_null(key->next->next);
}

static bool nested_search(size_t depth)
{
    CLEANUP(buf_release) struct buf text = BUF(100000);
    buf_put(&text, S("a SEARCH "));
    for (size_t i = 1; i < depth; i++)
        buf_put(&text, S("NOT "));
    buf_put(&text, S("SEEN"));
    struct imap_command command;
    return parse(buf_slice(&text), &command);
}

static void test_search_depth_has_a_limit(void **state)
{
    (void)state;
    assert_true(nested_search(IMAP_SEARCH_DEPTH_MAX));
    assert_false(nested_search(IMAP_SEARCH_DEPTH_MAX + 1));
}

/* head, n times `word` with spaces between, tail */
static bool repeated(const char *head, const char *word, size_t n, const char *tail)
{
    CLEANUP(buf_release) struct buf text = BUF(1000000);
    buf_put(&text, slice_cstr(head));
    for (size_t i = 0; i < n; i++)
        buf_printf(&text, "%s%s", i > 0 ? " " : "", word);
    buf_put(&text, slice_cstr(tail));
    struct imap_command command;
    return parse(buf_slice(&text), &command);
}

static void test_lists_have_limits(void **state)
{
    (void)state;
    assert_true(repeated("a FETCH 1 (", "FLAGS", IMAP_FETCH_ITEMS_MAX, ")"));
    assert_false(repeated("a FETCH 1 (", "FLAGS", IMAP_FETCH_ITEMS_MAX + 1, ")"));
    assert_true(repeated("a FETCH 1 BODY[HEADER.FIELDS (", "x", IMAP_FETCH_NAMES_MAX, ")]"));
    assert_false(repeated("a FETCH 1 BODY[HEADER.FIELDS (", "x", IMAP_FETCH_NAMES_MAX + 1, ")]"));
    assert_true(repeated("a STORE 1 FLAGS (", "x", IMAP_FLAGS_MAX, ")"));
    assert_false(repeated("a STORE 1 FLAGS (", "x", IMAP_FLAGS_MAX + 1, ")"));
    assert_true(repeated("a SEARCH ", "ALL", IMAP_SEARCH_KEYS_MAX - 1, ""));
    assert_false(repeated("a SEARCH ", "ALL", IMAP_SEARCH_KEYS_MAX, ""));
    assert_true(repeated("a ID (", "\"a\" NIL", IMAP_ID_PAIRS_MAX, ")"));
    assert_false(repeated("a ID (", "\"a\" NIL", IMAP_ID_PAIRS_MAX + 1, ")"));
    assert_true(repeated("a LANGUAGE ", "de", IMAP_LANGUAGES_MAX, ""));
    assert_false(repeated("a LANGUAGE ", "de", IMAP_LANGUAGES_MAX + 1, ""));
    assert_true(repeated("a SORT (", "DATE", IMAP_SORT_KEYS_MAX, ") UTF-8 ALL"));
    assert_false(repeated("a SORT (", "DATE", IMAP_SORT_KEYS_MAX + 1, ") UTF-8 ALL"));
    assert_true(repeated("a ENABLE ", "x", IMAP_ENABLE_MAX, ""));
    assert_false(repeated("a ENABLE ", "x", IMAP_ENABLE_MAX + 1, ""));
    assert_true(repeated("a LIST \"\" (", "x", IMAP_LIST_PATTERNS_MAX, ")"));
    assert_false(repeated("a LIST \"\" (", "x", IMAP_LIST_PATTERNS_MAX + 1, ")"));
    assert_true(repeated("a NOTIFY SET ", "(personal NONE)", IMAP_NOTIFY_GROUPS_MAX, ""));
    assert_false(repeated("a NOTIFY SET ", "(personal NONE)", IMAP_NOTIFY_GROUPS_MAX + 1, ""));
    assert_true(repeated("a NOTIFY SET (mailboxes (", "x", IMAP_NOTIFY_NAMES_MAX, ") NONE)"));
    assert_false(repeated("a NOTIFY SET (mailboxes (", "x", IMAP_NOTIFY_NAMES_MAX + 1, ") NONE)"));
    assert_true(repeated("a CREATE x (USE (", "\\x", IMAP_USES_MAX, "))"));
    assert_false(repeated("a CREATE x (USE (", "\\x", IMAP_USES_MAX + 1, "))"));
    assert_true(repeated("a APPEND x ", "{1}\r\ny", APPEND_ITEMS_MAX, ""));
    assert_false(repeated("a APPEND x ", "{1}\r\ny", APPEND_ITEMS_MAX + 1, ""));
}

static bool tag_of_length(size_t n)
{
    char text[200];
    memset(text, 't', n);
    memcpy(text + n, " NOOP", 5);
    struct imap_command command;
    return parse(slice_of(text, n + 5), &command);
}

static bool id_of(size_t name, size_t value)
{
    CLEANUP(buf_release) struct buf text = BUF(10000);
    struct imap_command command;
    buf_printf(&text, "a ID (\"%0*d\" \"%0*d\")", (int)name, 1, (int)value, 1);
    return parse(buf_slice(&text), &command);
}

static bool section_of(size_t numbers)
{
    CLEANUP(buf_release) struct buf text = BUF(10000);
    struct imap_command command;
    buf_put(&text, S("a FETCH 1 BODY[1"));
    for (size_t i = 1; i < numbers; i++)
        buf_put(&text, S(".1"));
    buf_putc(&text, ']');
    return parse(buf_slice(&text), &command);
}

static void test_what_id_and_sections_say_has_limits(void **state)
{
    (void)state;
    assert_true(id_of(IMAP_ID_NAME_MAX, IMAP_ID_VALUE_MAX));
    assert_false(id_of(IMAP_ID_NAME_MAX + 1, 1));
    assert_false(id_of(1, IMAP_ID_VALUE_MAX + 1));
    assert_true(section_of(IMAP_SECTION_NUMBERS_MAX));
    assert_false(section_of(IMAP_SECTION_NUMBERS_MAX + 1));
}

static void test_tags_have_a_limit(void **state)
{
    (void)state;
    assert_true(tag_of_length(IMAP_TAG_MAX));
    assert_false(tag_of_length(IMAP_TAG_MAX + 1));
}

static void test_reads_append(void **state)
{
    (void)state;
    struct imap_command c = parsed("a APPEND \"Sent\" (\\Seen $x) \"17-Jul-1996 02:44:25 -0700\" {3}\r\nabc");
    assert_slice(c.append.mailbox, "Sent");
    assert_slice(c.append.messages->parts->text, "abc");
    assert_int_equal(c.append.messages->flags.system, 1 << FLAG_SEEN);
    assert_int_equal(c.append.messages->flags.keyword_count, 1);
    assert_true(c.append.messages->date_us == INT64_C(837596665) * 1000000);
    assert_int_equal(c.append.count, 1);
    c = parsed("a APPEND Sent {3+}\r\nabc (\\Seen) {2}\r\nde");
    assert_int_equal(c.append.count, 2);
    assert_slice(c.append.messages->next->parts->text, "de");
    assert_int_equal(c.append.messages->next->flags.system, 1 << FLAG_SEEN);
    assert_int_equal(c.append.messages->date_us, 0);
}

static void test_reads_pieces_of_messages(void **state)
{
    (void)state;
    struct imap_command c =
        parsed("a APPEND x CATENATE (TEXT {3+}\r\nabc URL /INBOX/;UID=1 url \"/x/;UID=2\") ~{2}\r\nde");
    assert_int_equal(c.append.count, 2);
    const struct imap_append_part *part = c.append.messages->parts;
    assert_true(c.append.messages->catenate && !c.append.messages->binary);
    assert_false(part->is_url);
    assert_slice(part->text, "abc");
    assert_true(part->next->is_url);
    assert_slice(part->next->text, "/INBOX/;UID=1");
    assert_slice(part->next->next->text, "/x/;UID=2");
    assert_null(part->next->next->next);
    assert_true(c.append.messages->next->binary && !c.append.messages->next->catenate);
    c = parsed("a UID REPLACE 7 x (\\Draft) {1}\r\nz");
    assert_true(c.by_uid);
    assert_int_equal(c.replace.set.ranges[0].first, 7);
    assert_slice(c.replace.append.messages->parts->text, "z");
}

static void test_pieces_have_a_limit(void **state)
{
    (void)state;
    CLEANUP(buf_release) struct buf text = BUF(100000);
    struct imap_command c;
    buf_put(&text, S("a APPEND x CATENATE (URL x"));
    for (int i = 1; i < IMAP_CATENATE_PARTS_MAX; i++)
        buf_put(&text, S(" URL x"));
    size_t n = text.n;
    buf_putc(&text, ')');
    assert_true(parse(buf_slice(&text), &c));
    text.n = n;
    /* In all messages together */
    buf_put(&text, S(") CATENATE (URL x)"));
    assert_false(parse(buf_slice(&text), &c));
}

static void test_reads_urls(void **state)
{
    (void)state;
    struct imap_command c = parsed("a URLFETCH x (y) (\"z\" body BODYPARTSTRUCTURE)");
    assert_int_equal(c.urls.count, 3);
    assert_slice(c.urls.requests[2].url, "z");
    assert_int_equal(c.urls.requests[1].item_count, 0);
    assert_int_equal(c.urls.requests[2].item_count, 2);
    assert_int_equal(c.urls.requests[2].items[0], IMAP_URL_BODY);
    c = parsed("a GENURLAUTH x INTERNAL {1}\r\ny X-Z");
    assert_int_equal(c.urls.count, 2);
    assert_slice(c.urls.requests[1].mechanism, "X-Z");
    assert_false(parsed("a RESETKEY").resetkey.given);
    assert_slice(parsed("a RESETKEY INBOX internal INTERNAL").resetkey.mailbox, "INBOX");
    CLEANUP(buf_release) struct buf text = BUF(100000);
    buf_put(&text, S("a URLFETCH"));
    for (int i = 0; i < IMAP_URLS_MAX; i++)
        buf_put(&text, S(" x"));
    assert_true(parse(buf_slice(&text), &c));
    buf_put(&text, S(" x"));
    assert_false(parse(buf_slice(&text), &c));
}

static void assert_numbers(const char *set, uint32_t star, const char *wanted)
{
    struct cursor c = cursor_of(slice_cstr(set));
    struct imap_sequence_set parsed_set;
    CLEANUP(uid_set_release) struct uid_set numbers = {0};
    CLEANUP(buf_release) struct buf text = BUF(1000);
    arena_reset(&arena);
    assert_true(imap_sequence_set_parse(&c, &arena, &parsed_set));
    assert_true(cursor_done(&c));
    imap_sequence_set_numbers(&parsed_set, star, &numbers);
    uid_set_print(&numbers, &text);
    if (!slice_eq(buf_slice(&text), slice_cstr(wanted)))
        fail_msg("%s is %.*s, not %s", set, SLICE_ARGS(buf_slice(&text)), wanted);
}

static void test_sets_mean_numbers(void **state)
{
    (void)state;
    assert_numbers("1", 9, "1");
    assert_numbers("2,4:7,9,12:*", 15, "2,4:7,9,12:15"); /* RFC 3501 9 */
    assert_numbers("*:4,5:7", 10, "4:10");
    assert_numbers("5:3", 9, "3:5");
    assert_numbers("559:*", 100, "100:559");
    assert_numbers("*", 7, "7");
    assert_numbers("3,1,2", 9, "1:3");
    assert_numbers("4294967295", 9, "4294967295");
}

static void test_sets_have_a_limit(void **state)
{
    (void)state;
    CLEANUP(buf_release) struct buf text = BUF(1000000);
    for (int i = 0; i < IMAP_SEQUENCE_RANGES_MAX; i++)
        buf_printf(&text, "%s%d", i > 0 ? "," : "", i + 1);
    struct imap_sequence_set set;
    struct cursor c = cursor_of(buf_slice(&text));
    arena_reset(&arena);
    assert_true(imap_sequence_set_parse(&c, &arena, &set));
    buf_put(&text, S(",1"));
    c = cursor_of(buf_slice(&text));
    assert_false(imap_sequence_set_parse(&c, &arena, &set));
}

/* A SETMETADATA of so many entries whose names have so many bytes. */
static bool sets_metadata(size_t count, size_t bytes)
{
    CLEANUP(buf_release) struct buf text = BUF(1024 * 1024);
    struct imap_command command;
    buf_put(&text, S("a SETMETADATA INBOX ("));
    for (size_t i = 0; i < count; i++)
        buf_printf(&text, "%s/private/%0*d \"x\"", i > 0 ? " " : "", (int)(bytes - strlen("/private/")), 1);
    buf_putc(&text, ')');
    return parse(buf_slice(&text), &command);
}

static void test_annotations_in_one_command_are_bounded(void **state)
{
    (void)state;
    assert_true(sets_metadata(IMAP_METADATA_ENTRIES_MAX, 20));
    assert_false(sets_metadata(IMAP_METADATA_ENTRIES_MAX + 1, 20));
    assert_true(sets_metadata(1, ANNOTATION_ENTRY_MAX));
    assert_false(sets_metadata(1, ANNOTATION_ENTRY_MAX + 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_annotations_in_one_command_are_bounded),
        cmocka_unit_test(test_refuses_what_is_no_command),
        cmocka_unit_test(test_reads_words_without_case),
        cmocka_unit_test(test_reads_strings_of_all_kinds),
        cmocka_unit_test(test_reads_fetch_items),
        cmocka_unit_test(test_reads_search_keys),
        cmocka_unit_test(test_search_depth_has_a_limit),
        cmocka_unit_test(test_lists_have_limits),
        cmocka_unit_test(test_what_id_and_sections_say_has_limits),
        cmocka_unit_test(test_tags_have_a_limit),
        cmocka_unit_test(test_reads_append),
        cmocka_unit_test(test_reads_pieces_of_messages),
        cmocka_unit_test(test_pieces_have_a_limit),
        cmocka_unit_test(test_reads_urls),
        cmocka_unit_test(test_sets_mean_numbers),
        cmocka_unit_test(test_sets_have_a_limit),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_release(&arena);
    return failed;
}

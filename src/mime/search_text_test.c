#include "mime/search_text.h"

#include "base/test.h"
#include "mime/header.h"

static bool add(void *out, struct mime_search_text text)
{
    buf_put(out, text.text);
    buf_put(out, text.octets ? S("!") : S("|"));
    return true;
}

static void put_texts(struct buf *out, struct slice message)
{
    CLEANUP(mime_search_release) struct mime_search search = MIME_SEARCH(1 << 20);
    CLEANUP(arena_release) struct arena arena = ARENA(MIME_STRUCTURE_ARENA_MAX);
    struct error error;
    struct mime_part *root;
    assert_int_equal(mime_parse(&arena, message, &root, &error), ERR_OK);
    mime_search_begin(&search);
    assert_true(mime_search_fields(&search, root->header, add, out));
    assert_true(mime_search_body(&search, root, add, out));
    assert_false(mime_search_failed(&search));
}

static void assert_texts(struct slice message, const char *wanted)
{
    CLEANUP(buf_release) struct buf out = BUF(1 << 20);
    put_texts(&out, message);
    assert_string_equal(buf_cstr(&out), wanted);
}

static void test_texts_are_the_fields_and_the_decoded_parts(void **state)
{
    (void)state;
    assert_texts(S("Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nX:\r\n\r\nBody A\r\n"),
                 "SUBJECT: GRU\xcc\x88\xc3\x9f"
                 "E|X: |BODY A\r\n|");
    assert_texts(S("A: b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nOne\r\n--b\r\n"
                   "Content-Type: text/html; charset=iso-8859-1\r\nContent-Transfer-Encoding: base64\r\n\r\n"
                   "PHA+5DxiPlg8L2I+PC9wPg==\r\n--b\r\n"
                   "Content-Type: application/pdf; name=N.pdf\r\n\r\nhidden\r\n--b--\r\n"),
                 "A: B|CONTENT-TYPE: MULTIPART/MIXED; BOUNDARY=B|ONE|"
                 "CONTENT-TYPE: TEXT/HTML; CHARSET=ISO-8859-1|CONTENT-TRANSFER-ENCODING: BASE64|"
                 "<P>A\xcc\x88<B>X</B></P>|A\xcc\x88X|CONTENT-TYPE: APPLICATION/PDF; NAME=N.PDF|");
}

static void test_fields_of_an_attached_message_are_texts(void **state)
{
    (void)state;
    assert_texts(S("Content-Type: message/rfc822\r\n\r\nSubject: Inner\r\n\r\nText\r\n"),
                 "CONTENT-TYPE: MESSAGE/RFC822|SUBJECT: INNER|TEXT\r\n|");
}

/* RFC 5255 4.6 (c) */
static void test_what_is_not_of_its_charset_is_octets(void **state)
{
    (void)state;
    assert_texts(S("A: =?utf-8?q?Caf=C3?=\r\nB: a=?x-nope?b?Y2Fm6Q==?= b\r\n"
                   "C: =?koi8-r?q?=C1?= =?utf-8?q?=FF?= c\r\nD: raw \xc3\xa4\r\nE: raw \xe4\r\n"
                   "Content-Type: text/plain; charset=utf-8\r\n\r\nGr\xc3\xbc\xdf e\r\n"),
                 "A: Caf\xc3!B: acaf\xe9 b!C: \xc1\xff c!D: RAW A\xcc\x88|E: RAW A\xcc\x88|"
                 "CONTENT-TYPE: TEXT/PLAIN; CHARSET=UTF-8|Gr\xc3\xbc\xdf e\r\n!");
    assert_texts(S("Content-Type: text/html; charset=x-nope\r\nContent-Transfer-Encoding: quoted-printable"
                   "\r\n\r\n<b>a=E4</b>\r\n"),
                 "CONTENT-TYPE: TEXT/HTML; CHARSET=X-NOPE|CONTENT-TRANSFER-ENCODING: QUOTED-PRINTABLE|"
                 "<b>a\xe4</b>\r\n!");
    /* What names no charset is guessed. */
    assert_texts(S("Content-Type: text/plain; charset=us-ascii\r\n\r\na\xe4\r\n"),
                 "CONTENT-TYPE: TEXT/PLAIN; CHARSET=US-ASCII|AA\xcc\x88\r\n|");
    assert_texts(S("Content-Type: text/plain; charset=\"\"\r\n\r\na\x81\r\n"),
                 "CONTENT-TYPE: TEXT/PLAIN; CHARSET=\"\"|a\x81\r\n!");
}

static void test_other_ways_fold_otherwise(void **state)
{
    (void)state;
    CLEANUP(mime_search_release) struct mime_search search = MIME_SEARCH(1 << 20);
    mime_search_begin(&search);
    search.way = MIME_SEARCH_ASCII;
    assert_true(slice_eq(mime_search_value(&search, S("=?utf-8?q?=C3=A4b?=")).text, S("\xc3\xa4"
                                                                                      "B")));
    search.way = MIME_SEARCH_WIDE;
    struct mime_search_text text = mime_search_value(&search, S("=?utf-8?q?A=C3=9F=FF?="));
    assert_true(!text.octets && slice_eq(text.text, S("ass\xef\xbf\xbd")));
}

static bool take_two(void *count, struct mime_search_text text)
{
    (void)text;
    return ++*(int *)count < 2;
}

static void test_who_wants_no_more_gets_no_more(void **state)
{
    (void)state;
    CLEANUP(mime_search_release) struct mime_search search = MIME_SEARCH(1 << 20);
    int count = 0;
    mime_search_begin(&search);
    assert_false(mime_search_fields(&search, S("A: b\r\nC: d\r\nE: f\r\n"), take_two, &count));
    assert_int_equal(count, 2);
}

static void test_text_past_the_limit_is_told(void **state)
{
    (void)state;
    CLEANUP(mime_search_release) struct mime_search search = MIME_SEARCH(8);
    CLEANUP(buf_release) struct buf out = BUF(100);
    mime_search_begin(&search);
    assert_true(mime_search_fields(&search, S("A: 45678\r\n"), add, &out));
    assert_false(mime_search_failed(&search));
    assert_true(mime_search_fields(&search, S("A: 456789\r\nB: c\r\n"), add, &out));
    assert_true(mime_search_failed(&search));
    mime_search_begin(&search);
    assert_false(mime_search_failed(&search));
}

/* What the index holds of it, and whether the text is octets. */
struct kept {
    struct mime_search *search;
    struct buf indexed;
    struct buf text;
    bool octets;
};

static bool keep(void *context, struct mime_search_text text)
{
    struct kept *kept = context;
    buf_clear(&kept->text);
    buf_clear(&kept->indexed);
    kept->octets = text.octets;
    buf_put(&kept->text, text.text);
    buf_put(&kept->indexed, mime_search_indexed(kept->search, text));
    return true;
}

/* HEADER looks at the value, the index at the whole field: bytes of any kind must not part the two. */
static void test_a_value_is_the_end_of_its_field(void **state)
{
    (void)state;
    uint32_t random = 7;
    for (int round = 0; round < 20000; round++) {
        char header[64] = "N\xc3\xa4\xff: ";
        size_t n = 6;
        while (n < sizeof(header) - 2) {
            random = random * 1103515245 + 12345;
            static const char bytes[] = "aZ \xc3\xa4\xff\xcc\x88=?utf-8q_\x80\xe2\x84\xaa:";
            header[n++] = bytes[(random >> 16) % (sizeof(bytes) - 1)];
        }
        memcpy(header + n, "\r\n", 2);
        CLEANUP(mime_search_release) struct mime_search search = MIME_SEARCH(1 << 12);
        struct kept whole = {.search = &search, .indexed = BUF(1 << 12), .text = BUF(1 << 12)};
        struct cursor c = cursor_of(slice_of(header, sizeof(header)));
        struct mime_field field;
        assert_true(mime_field_next(&c, &field));
        mime_search_begin(&search);
        assert_true(mime_search_fields(&search, slice_of(header, sizeof(header)), keep, &whole));
        struct mime_search_text value = mime_search_value(&search, field.value);
        assert_int_equal(value.octets, whole.octets);
        assert_true(slice_ends(buf_slice(&whole.text), value.text));
        assert_true(slice_ends(buf_slice(&whole.indexed), mime_search_indexed(&search, value)));
        buf_release(&whole.indexed);
        buf_release(&whole.text);
    }
}

/*
 * What the stored indexes were made of. Fails when a message is read otherwise than it was: then
 * MIME_SEARCH_VERSION must count up, and the numbers here change with it.
 */
static void test_reading_changes_only_with_its_version(void **state)
{
    (void)state;
    static const char message[] =
        "From: =?iso-8859-1?Q?J=FCrgen_M=FCller?= <j@example.org>\r\nSubject: =?utf-8?b?w4TDtsO8IMOf?= \r\n"
        " folded\tand \xe4 raw\r\nbroken line\r\nX-Empty:\r\n"
        "Content-Type: multipart/mixed; boundary=\"b\"\r\n\r\npreamble\r\n--b\r\n"
        "Content-Type: text/plain; charset=utf-7\r\n\r\n+AOQ-\r\n--b\r\n"
        "Content-Type: text/plain; charset=unknown-thing\r\n\r\nna\xefve \xe2\x82\xac\r\n--b\r\n"
        "Content-Type: text/plain; charset=koi8-r; format=flowed\r\n"
        "Content-Transfer-Encoding: quoted-printable\r\n\r\n=D0=D2=C9=D7=C5=D4 =\r\nx=zz\r\n--b\r\n"
        "Content-Type: text/html; charset=utf-8\r\n\r\n<style>no</style><p>a&auml;&#8364;<br>b<td>c\r\n"
        "--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\nner \xef\xac\x81\r\n--b\r\n"
        "Content-Type: text/calendar; charset=utf-16\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        "//5BAEIAQwA=\r\n--b--\r\nepilogue\r\n";
    CLEANUP(buf_release) struct buf out = BUF(1 << 20);
    put_texts(&out, slice_of(message, sizeof(message) - 1));
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < out.n; i++)
        hash = (hash ^ (unsigned char)out.p[i]) * UINT64_C(0x100000001b3);
    if (hash != UINT64_C(0x438025a67308231e))
        print_message("%016llx: %s\n", (unsigned long long)hash, buf_cstr(&out));
    assert_int_equal(MIME_SEARCH_VERSION, 2);
    assert_true(hash == UINT64_C(0x438025a67308231e));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts_are_the_fields_and_the_decoded_parts),
        cmocka_unit_test(test_fields_of_an_attached_message_are_texts),
        cmocka_unit_test(test_what_is_not_of_its_charset_is_octets),
        cmocka_unit_test(test_other_ways_fold_otherwise),
        cmocka_unit_test(test_who_wants_no_more_gets_no_more),
        cmocka_unit_test(test_text_past_the_limit_is_told),
        cmocka_unit_test(test_a_value_is_the_end_of_its_field),
        cmocka_unit_test(test_reading_changes_only_with_its_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

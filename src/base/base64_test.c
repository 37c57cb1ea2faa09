#include "base/base64.h"
#include "base/test.h"

/* RFC 4648 10 */
static const struct {
    struct slice plain;
    struct slice coded;
} vectors[] = {
    {S(""), S("")},
    {S("f"), S("Zg==")},
    {S("fo"), S("Zm8=")},
    {S("foo"), S("Zm9v")},
    {S("foob"), S("Zm9vYg==")},
    {S("fooba"), S("Zm9vYmE=")},
    {S("foobar"), S("Zm9vYmFy")},
};

static void test_vectors_of_the_rfc(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        CLEANUP(buf_release) struct buf coded = BUF(100);
        CLEANUP(buf_release) struct buf plain = BUF(100);
        base64_encode(&coded, vectors[i].plain);
        assert_true(slice_eq(buf_slice(&coded), vectors[i].coded));
        assert_int_equal(BASE64_LEN(vectors[i].plain.n), vectors[i].coded.n);
        assert_true(base64_decode(&plain, vectors[i].coded));
        assert_true(slice_eq(buf_slice(&plain), vectors[i].plain));
        assert_false(buf_failed(&coded) || buf_failed(&plain));
    }
}

static void test_all_bytes_return(void **state UNUSED)
{
    char bytes[256];
    for (unsigned i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)(255 - i);
    for (size_t n = 0; n <= sizeof(bytes); n++) {
        CLEANUP(buf_release) struct buf coded = BUF(1000);
        CLEANUP(buf_release) struct buf plain = BUF(1000);
        base64_encode(&coded, slice_of(bytes, n));
        assert_true(base64_decode(&plain, buf_slice(&coded)));
        assert_true(slice_eq(buf_slice(&plain), slice_of(bytes, n)));
        buf_clear(&coded);
        buf_clear(&plain);
        base64_encode_utf7(&coded, slice_of(bytes, n));
        assert_true(base64_decode_utf7(&plain, buf_slice(&coded)));
        assert_true(slice_eq(buf_slice(&plain), slice_of(bytes, n)));
    }
}

static void test_rejects_what_is_not_base64(void **state UNUSED)
{
    static const char *const wrong[] = {
        "Z",        "Zg",   "Zg=",      "=",       "==",   "====",     "Z===",
        "Zg==Zg==", "Zm 9", "Zm9v\r\n", "Zm9-",    "Zm_v", "Zm9v====", "Zh==" /* bits behind the end */,
        "Zm9=",     "Z=g=", "Zm,v",     "Zm9\x80",
    };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        CLEANUP(buf_release) struct buf out = BUF(100);
        assert_false(base64_decode(&out, slice_cstr(wrong[i])));
    }
}

static void test_utf7_has_its_own_alphabet(void **state UNUSED)
{
    CLEANUP(buf_release) struct buf out = BUF(100);
    base64_encode_utf7(&out, S("\xff\xff"));
    assert_true(slice_eq(buf_slice(&out), S(",,8")));
    assert_false(base64_decode_utf7(&out, S("//8")));
    assert_false(base64_decode_utf7(&out, S(",,8=")));
    assert_false(base64_decode_utf7(&out, S("A")));
}

static void test_url_has_its_own_alphabet(void **state UNUSED)
{
    CLEANUP(buf_release) struct buf out = BUF(100);
    assert_true(base64_decode_url(&out, S("-_-_")));
    assert_true(slice_eq(buf_slice(&out), S("\xfb\xff\xbf")));
    assert_false(base64_decode_url(&out, S("+_-_")));
    assert_false(base64_decode_url(&out, S("-/-_")));
    assert_false(base64_decode_url(&out, S("Zg==")));
    assert_false(base64_decode_url(&out, S("Zh")));
}

static void test_encoding_past_the_limit_fails_whole(void **state UNUSED)
{
    CLEANUP(buf_release) struct buf out = BUF(8);
    base64_encode(&out, S("foobar"));
    assert_false(buf_failed(&out));
    base64_encode(&out, S("f"));
    assert_true(buf_failed(&out));
    assert_true(slice_eq(buf_slice(&out), S("Zm9vYmFy")));
}

static void decode_in_pieces(struct slice in, size_t piece, struct slice wanted)
{
    CLEANUP(buf_release) struct buf out = BUF(1000);
    struct base64_stream stream = {0};
    for (size_t at = 0; at < in.n; at += piece)
        base64_stream_decode(&stream, &out, slice_sub(in, at, piece));
    assert_true(slice_eq(buf_slice(&out), wanted));
}

static void test_stream_is_the_same_in_any_pieces(void **state UNUSED)
{
    for (size_t piece = 1; piece < 20; piece++) {
        decode_in_pieces(S("Zm9v\r\nYmFy\r\n"), piece, S("foobar"));
        decode_in_pieces(S("Z m-9*v\tYg==garbage"), piece, S("foob"));
        decode_in_pieces(S("Zm9vYmE=\r\nZm9v"), piece, S("fooba")); /* ends at padding */
        decode_in_pieces(S("=Zm9v"), piece, S("foo"));              /* padding of nothing is no end */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors_of_the_rfc),
        cmocka_unit_test(test_all_bytes_return),
        cmocka_unit_test(test_rejects_what_is_not_base64),
        cmocka_unit_test(test_utf7_has_its_own_alphabet),
        cmocka_unit_test(test_url_has_its_own_alphabet),
        cmocka_unit_test(test_encoding_past_the_limit_fails_whole),
        cmocka_unit_test(test_stream_is_the_same_in_any_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "authres/dkim_testing.h"

#include "authres/dkim.h"
#include "authres/dkim_intake.h"
#include "authres/dkim_sign.h"
#include "base/base64.h"

enum { NOW = 1700000000 };

static struct arena arena = {.cap = 4 << 20};
static struct dkim_private_key rsa;
static struct dkim_private_key ed25519;
static struct buf rsa_record = {.max = DKIM_KEY_RECORD_MAX};
static struct buf ed25519_record = {.max = DKIM_KEY_RECORD_MAX};

static int make_keys(void **state)
{
    struct error error;
    (void)state;
    assert_int_equal(dkim_private_key_make(DKIM_RSA_SHA256, &rsa, &error), ERR_OK);
    assert_int_equal(dkim_private_key_make(DKIM_ED25519_SHA256, &ed25519, &error), ERR_OK);
    assert_int_equal(dkim_private_key_record(&rsa, &rsa_record, &error), ERR_OK);
    assert_int_equal(dkim_private_key_record(&ed25519, &ed25519_record, &error), ERR_OK);
    return 0;
}

static int release_keys(void **state)
{
    (void)state;
    dkim_private_key_release(&rsa);
    dkim_private_key_release(&ed25519);
    buf_release(&rsa_record);
    buf_release(&ed25519_record);
    arena_release(&arena);
    return 0;
}

static enum err sign(struct slice message, size_t step, struct buf *out, struct error *error)
{
    const struct dkim_signing_key keys[] = {{S("example.org"), S("r1"), rsa},
                                            {S("example.org"), S("e1"), ed25519}};
    CLEANUP(dkim_signer_cleanup) struct dkim_signer *signer = NULL;
    assert_int_equal(dkim_signer_create(keys, ARRAY_LEN(keys), &signer, error), ERR_OK);
    for (size_t at = 0; at < message.n; at += step)
        dkim_signer_feed(signer, slice_sub(message, at, step));
    return dkim_signer_finish(signer, NOW, out, error);
}

/* "word: reason" of each signature with a blank behind it. */
static void assert_verifies(struct slice message, const char *wanted)
{
    struct test_zone zone = {.names = {{"r1._domainkey.example.org", buf_cstr(&rsa_record), ERR_OK},
                                       {"e1._domainkey.example.org", buf_cstr(&ed25519_record), ERR_OK}}};
    const struct authres_dns dns = {test_records, &zone};
    CLEANUP(dkim_verifier_cleanup) struct dkim_verifier *verifier = NULL;
    CLEANUP(buf_release) struct buf said = BUF(1024);
    struct dkim_results results;
    struct error error;
    arena_reset(&arena);
    assert_int_equal(dkim_verifier_create(&verifier, &error), ERR_OK);
    dkim_verifier_feed(verifier, message);
    assert_int_equal(dkim_verifier_finish(verifier, &dns, NOW, 0, &arena, &results, &error), ERR_OK);
    for (size_t i = 0; i < results.count; i++)
        buf_printf(&said, "%s ", dkim_result_word(results.signatures[i].outcome.result));
    assert_string_equal(buf_cstr(&said), wanted);
}

static void assert_signs(const char *message)
{
    CLEANUP(buf_release) struct buf out = BUF(1 << 20);
    CLEANUP(buf_release) struct buf in_pieces = BUF(1 << 20);
    struct error error;
    assert_int_equal(sign(slice_cstr(message), strlen(message) + 1, &out, &error), ERR_OK);
    assert_int_equal(sign(slice_cstr(message), 1, &in_pieces, &error), ERR_OK);
    assert_true(slice_eq(buf_slice(&out), buf_slice(&in_pieces)));
    /* Lines that every server takes, and no header injected. */
    struct slice rest = buf_slice(&out);
    struct slice line;
    while (slice_cut(rest, '\n', &line, &rest))
        assert_true(line.n <= 79);
    buf_put(&out, slice_cstr(message));
    assert_verifies(buf_slice(&out), "pass pass ");
}

static void test_what_is_signed_verifies(void **state)
{
    (void)state;
    assert_signs(TEST_HEADER "\r\n" TEST_BODY);
    assert_signs("From: a@example.org\r\n\r\n");
    assert_signs("From: a@example.org\r\n");
    assert_signs("From: a@example.org\r\n\r\n\r\n\r\n");
    assert_signs("From: a@example.org\r\n\r\nno end");
    assert_signs("FROM : a@example.org\r\nsubject: \xc3\xa4\r\n\tfolded \r\n\r\n  blanks \t \r\n \r\n");
    assert_signs("From: a@example.org\r\nFrom: b@example.org\r\nSubject:\r\n\r\nx\r\n");
    assert_signs("Received: x\r\nList-Id: <l.example.org>\r\n" TEST_HEADER "\r\n" TEST_BODY);
}

static void test_added_fields_break_it(void **state)
{
    static const char *const added[] = {
        "From: x@y.example\r\n",      "Subject: x\r\n", "To: x@y.example\r\n",
        "Cc: x@y.example\r\n",        "Date: x\r\n",    "Reply-To: x@y.example\r\n",
        "Content-Type: text/html\r\n"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(added); i++) {
        CLEANUP(buf_release) struct buf out = BUF(1 << 20);
        struct error error;
        assert_int_equal(sign(S(TEST_HEADER "\r\n" TEST_BODY), 99, &out, &error), ERR_OK);
        buf_put(&out, slice_cstr(added[i]));
        buf_put(&out, S(TEST_HEADER "\r\n" TEST_BODY));
        assert_verifies(buf_slice(&out), "fail fail ");
    }
}

static void test_headers_that_cannot_be_signed(void **state)
{
    CLEANUP(buf_release) struct buf out = BUF(1 << 20);
    CLEANUP(buf_release) struct buf message = BUF(1 << 20);
    struct error error;
    (void)state;
    assert_int_equal(sign(S("From: a@example.org\r\nno field\r\n\r\nx"), 5, &out, &error), ERR_INVALID);
    while (message.n <= DKIM_HEADER_MAX)
        buf_put(&message, S("X: 0123456789012345678901234567890123456789012345678901234567890123456789\r\n"));
    assert_int_equal(sign(buf_slice(&message), 9999, &out, &error), ERR_INVALID);
    assert_int_equal(out.n, 0);
}

static void test_keys_are_written_and_read(void **state)
{
    const struct dkim_private_key *const keys[] = {&rsa, &ed25519};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        CLEANUP(buf_release) struct buf der = BUF(DKIM_PRIVATE_MAX);
        CLEANUP(buf_release) struct buf before = BUF(DKIM_KEY_RECORD_MAX);
        CLEANUP(buf_release) struct buf after = BUF(DKIM_KEY_RECORD_MAX);
        struct dkim_private_key read = {0};
        struct error error;
        assert_int_equal(dkim_private_key_write(keys[i], &der, &error), ERR_OK);
        assert_int_equal(dkim_private_key_read(buf_slice(&der), &read, &error), ERR_OK);
        assert_int_equal(read.algorithm, keys[i]->algorithm);
        assert_int_equal(dkim_private_key_record(keys[i], &before, &error), ERR_OK);
        assert_int_equal(dkim_private_key_record(&read, &after, &error), ERR_OK);
        assert_true(slice_eq(buf_slice(&before), buf_slice(&after)));
        dkim_private_key_release(&read);
    }
}

static void test_other_keys_are_refused(void **state)
{
    CLEANUP(buf_release) struct buf der = BUF(DKIM_PRIVATE_MAX);
    struct dkim_private_key curve = {DKIM_ED25519_SHA256, EVP_PKEY_Q_keygen(NULL, NULL, "X25519")};
    struct dkim_private_key read = {0};
    struct error error;
    (void)state;
    assert_int_equal(dkim_private_key_write(&curve, &der, &error), ERR_OK);
    assert_int_equal(dkim_private_key_read(buf_slice(&der), &read, &error), ERR_INVALID);
    assert_int_equal(dkim_private_key_read(S("nonsense"), &read, &error), ERR_INVALID);
    dkim_private_key_release(&curve);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_signed_verifies),
        cmocka_unit_test(test_added_fields_break_it),
        cmocka_unit_test(test_headers_that_cannot_be_signed),
        cmocka_unit_test(test_keys_are_written_and_read),
        cmocka_unit_test(test_other_keys_are_refused),
    };
    return cmocka_run_group_tests(tests, make_keys, release_keys);
}

#include "authres/dkim_testing.h"

#include "authres/dkim.h"
#include "authres/dkim_intake.h"

enum { NOW = 1528637999 };

static struct arena arena = {.cap = 4 << 20};

static int setup(void **state)
{
    (void)state;
    arena_reset(&arena);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

static struct test_zone zone = {.names = {
                                    {"brisbane._domainkey.football.example.com", TEST_ED25519_RECORD, ERR_OK},
                                    {"test._domainkey.football.example.com", TEST_RSA_RECORD, ERR_OK},
                                    {"brisbane._domainkey.example.com", TEST_OLD_RECORD, ERR_OK},
                                    {"test._domainkey.xn--bcher-kva.example", TEST_RSA_RECORD, ERR_OK},
                                }};

static struct dkim_results verify_in_steps(struct slice message, size_t step, struct test_zone *names)
{
    const struct authres_dns dns = {test_records, names};
    CLEANUP(dkim_verifier_cleanup) struct dkim_verifier *verifier = NULL;
    struct dkim_results results;
    struct error error;
    assert_int_equal(dkim_verifier_create(&verifier, &error), ERR_OK);
    for (size_t at = 0; at < message.n; at += step)
        dkim_verifier_feed(verifier, slice_sub(message, at, step));
    assert_int_equal(dkim_verifier_finish(verifier, &dns, NOW, 0, &arena, &results, &error), ERR_OK);
    return results;
}

/* "word: reason" of each signature, a line each. */
static void assert_results(struct slice message, const char *wanted)
{
    CLEANUP(buf_release) struct buf said = BUF(64 << 10);
    struct dkim_results results = verify_in_steps(message, MAX(message.n, (size_t)1), &zone);
    for (size_t i = 0; i < results.count; i++) {
        const struct dkim_outcome *outcome = &results.signatures[i].outcome;
        buf_printf(&said, "%s%s%s\n", dkim_result_word(outcome->result), *outcome->reason != 0 ? ": " : "",
                   outcome->reason);
    }
    assert_string_equal(said.n > 0 ? buf_cstr(&said) : "", wanted);
}

#define EXAMPLE TEST_SIGNATURE_ED25519 TEST_SIGNATURE_RSA TEST_HEADER "\r\n" TEST_BODY

/* RFC 8463 A.3. */
static void test_verifies_both_algorithms(void **state)
{
    (void)state;
    for (size_t step = 1; step < 5000; step = step * 3 + 1) {
        struct dkim_results results = verify_in_steps(S(EXAMPLE), step, &zone);
        assert_int_equal(results.count, 2);
        const struct dkim_signature_result *first = &results.signatures[0];
        assert_int_equal(first->outcome.result, DKIM_PASS);
        assert_int_equal(results.signatures[1].outcome.result, DKIM_PASS);
        assert_true(slice_eq(first->domain, S("football.example.com")));
        assert_true(slice_eq(first->selector, S("brisbane")));
        assert_true(slice_eq(first->identity, S("@football.example.com")));
        assert_true(slice_eq(first->algorithm, S("ed25519-sha256")));
        assert_true(slice_eq(first->signature, S("/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus"
                                                 "Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==")));
        assert_int_equal(first->bits, 256);
        assert_int_equal(results.signatures[1].bits, 1024);
    }
}

#define OLD_RECEIVED                                               \
    "Received: from client1.football.example.com  [192.0.2.1]\r\n" \
    "      by submitserver.example.com with SUBMISSION;\r\n"       \
    "      Fri, 11 Jul 2003 21:01:54 -0700 (PDT)\r\n"

/* RFC 6376 A.2: simple/simple, which is why the blanks matter; the RFC's printing has one too many in the
 * body. */
static void test_verifies_the_example_of_6376(void **state)
{
    (void)state;
    assert_results(S("DKIM-Signature: v=1; a=rsa-sha256; s=brisbane; d=example.com;\r\n"
                     "      c=simple/simple; q=dns/txt; i=joe@football.example.com;\r\n"
                     "      h=Received : From : To : Subject : Date : Message-ID;\r\n"
                     "      bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"
                     "      b=AuUoFEfDxTDkHlLXSZEpZj79LICEps6eda7W3deTVFOk4yAUoqOB\r\n"
                     "      4nujc7YopdG5dWLSdNg6xNAZpOPr+kHxt1IrE+NahM6L/LbvaHut\r\n"
                     "      KVdkLLkpVaVVQPzeRDI009SO2Il5Lu7rDNH6mZckBdrIx0orEtZV\r\n"
                     "      4bmp/YzhwvcubU4=;\r\n" OLD_RECEIVED TEST_HEADER
                     "\r\nHi.\r\n\r\nWe lost the game. Are you hungry yet?\r\n\r\nJoe.\r\n"),
                   "pass\n");
}

static void test_says_what_was_changed(void **state)
{
    (void)state;
    assert_results(S(TEST_SIGNATURE_RSA TEST_HEADER "\r\n" TEST_BODY "P.S.\r\n"),
                   "fail: body hash did not verify\n");
    assert_results(S(TEST_SIGNATURE_RSA TEST_HEADER "To: x@example.org\r\n\r\n" TEST_BODY),
                   "fail: signature did not verify\n");
    assert_results(S(TEST_SIGNATURE_RSA "X-Other: new\r\n" TEST_HEADER "\r\n" TEST_BODY "\r\n\r\n"),
                   "pass\n");
    assert_results(S(TEST_HEADER "\r\n" TEST_BODY), "");
    assert_results(S(""), "");
}

/* h= names From twice, Message-ID once. */
static void test_oversigned_fields_cannot_be_added(void **state)
{
    (void)state;
    assert_results(S(TEST_SIGNATURE_RSA "From: x@example.org\r\n" TEST_HEADER "\r\n" TEST_BODY),
                   "fail: signature did not verify\n");
    assert_results(S(TEST_SIGNATURE_RSA "Subject: x\r\nSubject: y\r\n" TEST_HEADER "\r\n" TEST_BODY),
                   "policy: a second From or Subject is not signed\n");
}

/* A line without a colon is a body's beginning to some readers: they would show what nobody signed. */
static void test_malformed_headers_prove_nothing(void **state)
{
    const char *why = "neutral: the message header is malformed\n";
    (void)state;
    assert_results(S(TEST_SIGNATURE_RSA TEST_HEADER "X: y\r\nBuy this\r\n\r\n" TEST_BODY), why);
    assert_results(S(" x\r\n" TEST_SIGNATURE_RSA TEST_HEADER "\r\n" TEST_BODY), why);
    assert_results(S("From x Mon\r\n" TEST_SIGNATURE_RSA TEST_HEADER "\r\n" TEST_BODY), why);
}

#define BH "bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8="
#define GOOD_START "v=1;a=rsa-sha256;c=relaxed/relaxed;d=football.example.com;s=test;" BH ";"

static void assert_tags(const char *tags, const char *wanted)
{
    CLEANUP(buf_release) struct buf message = BUF(64 << 10);
    CLEANUP(buf_release) struct buf line = BUF(200);
    buf_printf(&message, "DKIM-Signature: %s\r\n" TEST_HEADER "\r\n" TEST_BODY, tags);
    buf_printf(&line, "%s\n", wanted);
    assert_results(buf_slice(&message), buf_cstr(&line));
}

static void test_missing_tags(void **state)
{
    static const char *const needed[] = {
        "v=1;", "a=rsa-sha256;", "b=AAAA;", BH ";", "d=football.example.com;", "h=from;", "s=test;"};
    (void)state;
    for (size_t left_out = 0; left_out < ARRAY_LEN(needed); left_out++) {
        CLEANUP(buf_release) struct buf tags = BUF(4096);
        for (size_t i = 0; i < ARRAY_LEN(needed); i++)
            if (i != left_out)
                buf_put(&tags, slice_cstr(needed[i]));
        assert_tags(buf_cstr(&tags), "permerror: signature missing required tag");
    }
}

static void test_reads_tags_strictly(void **state)
{
    static const struct {
        const char *tags;
        const char *wanted;
    } rows[] = {
        {GOOD_START "h=from;b=AAAA", "fail: signature did not verify"},
        {GOOD_START "h=from;b=AAAA;i=@sub.football.example.com", "fail: signature did not verify"},
        {GOOD_START "h=from;b=AAAA;q=http : dns/txt", "fail: signature did not verify"},
        {GOOD_START "h=from;b=AAAA;z=From:x|To:y;unknown=z", "fail: signature did not verify"},
        {GOOD_START "h=from;b=AAAA;t=100;x=999999999999", "fail: signature did not verify"},
        {GOOD_START "h=from;b=AAAA;b=AAAA", "neutral: signature syntax error"},
        {GOOD_START "h=from;b=", "neutral: signature syntax error"},
        {GOOD_START "h=from;b=A*", "neutral: signature syntax error"},
        {GOOD_START "h=;b=AAAA", "permerror: From field not signed"},
        {GOOD_START "h=to;b=AAAA", "permerror: From field not signed"},
        {GOOD_START "h=from::to;b=AAAA", "neutral: signature syntax error"},
        {GOOD_START "h=from;b=AAAA;i=joe", "neutral: signature syntax error"},
        {GOOD_START "h=from;b=AAAA;i=joe@example.com", "permerror: domain mismatch"},
        {GOOD_START "h=from;b=AAAA;i=@xfootball.example.com", "permerror: domain mismatch"},
        {GOOD_START "h=from;b=AAAA;i=j=6fe@football.example.com", "neutral: signature syntax error"},
        {GOOD_START "h=from;b=AAAA;q=http", "neutral: unknown query method"},
        {GOOD_START "h=from;b=AAAA;x=100", "policy: signature expired"},
        {GOOD_START "h=from;b=AAAA;t=200;x=200", "neutral: signature syntax error"},
        {GOOD_START "h=from;b=AAAA;t=-1", "neutral: signature syntax error"},
        {GOOD_START "h=from;b=AAAA;t=1234567890123", "neutral: signature syntax error"},
        {GOOD_START "h=from;b=AAAA;l=x", "neutral: signature syntax error"},
        {GOOD_START "h=from;b=AAAA;l=99999", "permerror: signed length exceeds the body"},
        {GOOD_START "h=from;b=AAAA;l=99999999999999999999999999999999",
         "permerror: signed length exceeds the body"},
        {"v=2;a=rsa-sha256;d=football.example.com;s=test;" BH ";h=from;b=AAAA",
         "neutral: incompatible version"},
        {"v=1;a=rsa-sha1;d=football.example.com;s=test;" BH ";h=from;b=AAAA",
         "policy: historic algorithm rsa-sha1"},
        {"v=1;a=rsa-md5;d=football.example.com;s=test;" BH ";h=from;b=AAAA", "neutral: unknown algorithm"},
        {"v=1;a=rsa-sha256;d=com;s=test;" BH ";h=from;b=AAAA", "neutral: signature syntax error"},
        {"v=1;a=rsa-sha256;d=foot ball.example;s=test;" BH ";h=from;b=AAAA",
         "neutral: signature syntax error"},
        {"v=1;a=rsa-sha256;d=football.example.com;s=;" BH ";h=from;b=AAAA",
         "neutral: signature syntax error"},
        {"v=1;a=rsa-sha256;c=tight;d=football.example.com;s=test;" BH ";h=from;b=AAAA",
         "neutral: unknown canonicalization"},
        {"v=1;a=rsa-sha256;d=football.example.com;s=test;bh=AAAA;h=from;b=AAAA",
         "neutral: signature syntax error"},
        {"v=1;a=rsa-sha256;c=relaxed/relaxed;d=football.example.com;s=nobody;" BH ";h=from;b=AAAA",
         "permerror: no key for signature"},
        {"v=1;a=ed25519-sha256;c=relaxed/relaxed;d=football.example.com;s=test;" BH ";h=from;b=AAAA",
         "permerror: inappropriate key algorithm"},
        /* RFC 8616 3: the key is asked for by its A-label. */
        {"v=1;a=rsa-sha256;c=relaxed/relaxed;d=b\xc3\xbc\x63her.example;s=test;" BH ";h=from;b=AAAA",
         "fail: signature did not verify"},
        {"nonsense", "neutral: signature syntax error"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_tags(rows[i].tags, rows[i].wanted);
}

static void test_unsigned_content_is_not_accepted(void **state)
{
    (void)state;
    /* The hash of "Hi.\r\n", which is where l= ends. */
    assert_tags("v=1;a=rsa-sha256;c=relaxed/relaxed;d=football.example.com;s=test;h=from;b=AAAA;l=5;"
                "bh=UrA8rmgY3eNBotmDWtzAmHyn5RyZv8Gea45sNGsP0zw=",
                "policy: unsigned content");
}

static void test_limits_signatures(void **state)
{
    CLEANUP(buf_release) struct buf message = BUF(64 << 10);
    (void)state;
    for (int i = 0; i < DKIM_SIGNATURES_MAX + 1; i++)
        buf_put(&message, S(TEST_SIGNATURE_ED25519));
    buf_put(&message, S(TEST_HEADER "\r\n" TEST_BODY));
    struct dkim_results results = verify_in_steps(buf_slice(&message), message.n, &zone);
    assert_int_equal(results.count, DKIM_SIGNATURES_MAX);
    assert_int_equal(results.left_out, 1);
}

static void test_limits_names(void **state)
{
    CLEANUP(buf_release) struct buf tags = BUF(64 << 10);
    (void)state;
    buf_put(&tags, S(GOOD_START "b=AAAA;h=from"));
    for (int i = 1; i < DKIM_NAMES_MAX; i++)
        buf_put(&tags, S(":x"));
    assert_tags(buf_cstr(&tags), "fail: signature did not verify");
    buf_put(&tags, S(":x"));
    assert_tags(buf_cstr(&tags), "policy: too many fields signed");
}

static void test_limits_header(void **state)
{
    CLEANUP(buf_release) struct buf message = BUF(2 * DKIM_HEADER_MAX);
    const struct slice end = S("\r\n\r\n" TEST_BODY);
    (void)state;
    buf_put(&message, S(TEST_SIGNATURE_RSA TEST_HEADER "X: "));
    size_t body = end.n - 4;
    while (message.n + 4 < DKIM_HEADER_MAX)
        buf_putc(&message, 'x');
    buf_put(&message, end);
    assert_results(buf_slice(&message), "pass\n");
    message.n -= body + 4;
    buf_put(&message, S("x"));
    buf_put(&message, end);
    assert_results(buf_slice(&message), "");
}

static void test_limits_fields(void **state)
{
    CLEANUP(buf_release) struct buf message = BUF(2 * DKIM_HEADER_MAX);
    (void)state;
    for (int i = 0; i < DKIM_FIELDS_MAX - 6; i++)
        buf_put(&message, S("X: y\r\n"));
    size_t start = message.n;
    buf_put(&message, S(TEST_SIGNATURE_RSA TEST_HEADER "\r\n" TEST_BODY));
    assert_results(buf_slice(&message), "pass\n");
    message.n = start;
    buf_put(&message, S("X: y\r\n" TEST_SIGNATURE_RSA TEST_HEADER "\r\n" TEST_BODY));
    assert_results(buf_slice(&message), "");
}

static void test_limits_bodies(void **state)
{
    CLEANUP(buf_release) struct buf message = BUF(2 * DKIM_HEADER_MAX);
    struct dkim_intake intake = DKIM_INTAKE(NULL, NULL);
    (void)state;
    for (int i = 0; i < DKIM_BODY_HASHES_MAX; i++) {
        assert_int_equal(dkim_intake_want_body(&intake, CANON_SIMPLE, true, (uint64_t)i), i);
        assert_int_equal(dkim_intake_want_body(&intake, CANON_SIMPLE, true, (uint64_t)i), i);
    }
    assert_int_equal(dkim_intake_want_body(&intake, CANON_RELAXED, true, 1), DKIM_NO_BODY);
    dkim_intake_release(&intake);
}

static void test_flags_of_keys(void **state)
{
    struct test_zone testing = {
        .names = {{"test._domainkey.football.example.com", "t=y:s;" TEST_RSA_DATA, ERR_OK}}};
    struct dkim_results results =
        verify_in_steps(S(TEST_SIGNATURE_RSA TEST_HEADER "\r\n" TEST_BODY), 100, &testing);
    (void)state;
    assert_int_equal(results.signatures[0].outcome.result, DKIM_PASS);
    assert_true(results.signatures[0].testing);
    results = verify_in_steps(S("DKIM-Signature: " GOOD_START
                                "h=from;b=AAAA;i=@a.football.example.com\r\n" TEST_HEADER "\r\n" TEST_BODY),
                              100, &testing);
    assert_string_equal(results.signatures[0].outcome.reason, "key forbids subdomains");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_verifies_both_algorithms),
        TEST(test_verifies_the_example_of_6376),
        TEST(test_says_what_was_changed),
        TEST(test_oversigned_fields_cannot_be_added),
        TEST(test_malformed_headers_prove_nothing),
        TEST(test_missing_tags),
        TEST(test_reads_tags_strictly),
        TEST(test_unsigned_content_is_not_accepted),
        TEST(test_limits_signatures),
        TEST(test_limits_names),
        TEST(test_limits_header),
        TEST(test_limits_fields),
        TEST(test_limits_bodies),
        TEST(test_flags_of_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

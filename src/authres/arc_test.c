#include "authres/dkim_testing.h"

#include "authres/arc.h"
#include "authres/dkim.h"

enum { NOW = 1700000000, MESSAGE_MAX = 4 << 20 };

#define RESULTS "mail.a.example; spf=pass smtp.mailfrom=b.example;\r\n\tdkim=none"
#define MESSAGE "From: x@b.example\r\nSubject: hello\r\n\r\nbody\r\n"

static struct arena arena = {.cap = 64 << 20};
static struct dkim_private_key key;
static struct buf record = {.max = 4096};

static int make_key(void **state)
{
    struct error error;
    (void)state;
    assert_int_equal(dkim_private_key_make(DKIM_RSA_SHA256, &key, &error), ERR_OK);
    assert_int_equal(dkim_private_key_record(&key, &record, &error), ERR_OK);
    return 0;
}

static int release_key(void **state)
{
    (void)state;
    dkim_private_key_release(&key);
    buf_release(&record);
    arena_release(&arena);
    return 0;
}

/* Puts a set before the message; what was put. */
static size_t seal(struct buf *message, enum arc_status status)
{
    const struct dkim_signing_key signing = {S("a.example"), S("s"), key};
    CLEANUP(arc_sealer_cleanup) struct arc_sealer *sealer = NULL;
    struct buf out = BUF(MESSAGE_MAX);
    struct error error;
    assert_int_equal(arc_sealer_create(&signing, S(RESULTS), status, &sealer, &error), ERR_OK);
    for (size_t at = 0; at < message->n; at += 77)
        arc_sealer_feed(sealer, slice_sub(buf_slice(message), at, 77));
    assert_int_equal(arc_sealer_finish(sealer, NOW, &out, &error), ERR_OK);
    size_t n = out.n;
    buf_put(&out, buf_slice(message));
    assert_false(buf_failed(&out));
    buf_release(message);
    *message = out;
    return n;
}

static struct buf sealed(unsigned times)
{
    struct buf message = BUF(MESSAGE_MAX);
    buf_put(&message, S(MESSAGE));
    for (unsigned i = 0; i < times; i++)
        assert_true(seal(&message, i == 0 ? ARC_NONE : ARC_PASS) > 0);
    return message;
}

static struct arc_verdict verify(struct slice message)
{
    struct test_zone zone = {.names = {{"s._domainkey.a.example", buf_cstr(&record), ERR_OK},
                                       {"slow._domainkey.a.example", NULL, ERR_TIMEOUT}}};
    const struct authres_dns dns = {test_records, &zone};
    CLEANUP(dkim_verifier_cleanup) struct dkim_verifier *verifier = NULL;
    struct dkim_results results;
    struct arc_verdict verdict;
    struct error error;
    arena_reset(&arena);
    assert_int_equal(dkim_verifier_create(&verifier, &error), ERR_OK);
    dkim_verifier_feed(verifier, message);
    assert_int_equal(dkim_verifier_finish(verifier, &dns, NOW, 0, &arena, &results, &error), ERR_OK);
    assert_int_equal(arc_verify(verifier, &dns, NOW, 0, &arena, &verdict, &error), ERR_OK);
    return verdict;
}

static void assert_verdict(struct slice message, const char *wanted)
{
    CLEANUP(buf_release) struct buf said = BUF(200);
    struct arc_verdict verdict = verify(message);
    buf_printf(&said, "%s%s%s", arc_status_word(verdict.status), *verdict.reason != 0 ? ": " : "",
               verdict.reason);
    assert_string_equal(buf_cstr(&said), wanted);
}

/* The message with the first `from` replaced; the replacement may be longer. */
static void assert_changed(const struct buf *message, const char *from, const char *to, const char *wanted)
{
    CLEANUP(buf_release) struct buf changed = BUF(MESSAGE_MAX);
    struct slice text = buf_slice(message);
    ssize_t at = slice_find(text, slice_cstr(from));
    assert_true(at >= 0);
    buf_put(&changed, slice_sub(text, 0, (size_t)at));
    buf_put(&changed, slice_cstr(to));
    buf_put(&changed, slice_from(text, (size_t)at + strlen(from)));
    assert_verdict(buf_slice(&changed), wanted);
}

static void test_sealed_messages_verify(void **state)
{
    (void)state;
    assert_verdict(S(MESSAGE), "none");
    for (unsigned times = 1; times <= 3; times++) {
        CLEANUP(buf_release) struct buf message = sealed(times);
        assert_verdict(buf_slice(&message), "pass");
        struct arc_verdict verdict = verify(buf_slice(&message));
        assert_int_equal(verdict.count, times);
        assert_int_equal(verdict.oldest_pass, 0);
        assert_true(slice_eq(verdict.seals[0].domain, S("a.example")));
    }
}

static void test_what_breaks_a_chain(void **state)
{
    const char *stale = "fail: the newest message signature does not hold";
    CLEANUP(buf_release) struct buf message = sealed(2);
    (void)state;
    assert_changed(&message, "body\r\n", "other\r\n", stale);
    assert_changed(&message, "hello", "hollo", stale);
    assert_changed(&message, "i=2; mail.a.example; spf=pass", "i=2; mail.a.example; spf=fail",
                   "fail: a seal does not hold");
    assert_changed(&message, "i=1; mail.a.example; spf=pass", "i=1; mail.a.example; spf=fail",
                   "fail: a seal does not hold");
    assert_changed(&message, "cv=pass", "cv=fail", "fail: it had failed before");
    assert_changed(&message, "cv=pass", "cv=none", "fail: a seal states the wrong status");
    assert_changed(&message, "cv=none", "cv=pass", "fail: a seal states the wrong status");
    assert_changed(&message, "cv=pass", "cv=well", "fail: a seal states the wrong status");
    assert_changed(&message, "ARC-Seal: i=1", "ARC-Seal: i=2", "fail: an instance stands twice");
    assert_changed(&message, "ARC-Seal: i=1", "X-Seal: i=1", "fail: a set is not whole");
    assert_changed(&message, "ARC-Seal: i=2", "ARC-Seal: i=51", "fail: no instance");
    assert_changed(&message, "ARC-Seal: i=2", "ARC-Seal: i=0", "fail: no instance");
    assert_changed(&message, "ARC-Seal: i=2", "ARC-Seal: j=2", "fail: no instance");
    assert_changed(&message, "ARC-Authentication-Results: i=2;",
                   "ARC-Authentication-Results: ", "fail: no instance");
    assert_changed(&message, "ARC-Seal: i=2;", "ARC-Seal: i=2; h=from;", "fail: a seal does not hold");
    assert_changed(&message, "s=s", "s=slow", "fail: a seal does not hold");
    assert_changed(&message, "From:", "no field\r\nFrom:", "fail: the message header is malformed");
    assert_changed(&message, "From:", "ARC-Seal: i=1; cv=none\r\nFrom:", "fail: an instance stands twice");
}

static void test_an_older_signature_may_have_broken(void **state)
{
    CLEANUP(buf_release) struct buf message = sealed(2);
    (void)state;
    /* Somebody who changes the body and seals again. */
    message.n -= 6;
    buf_put(&message, S("other\r\n"));
    assert_true(seal(&message, ARC_PASS) > 0);
    struct arc_verdict verdict = verify(buf_slice(&message));
    assert_int_equal(verdict.status, ARC_PASS);
    assert_int_equal(verdict.oldest_pass, 3);
}

static void test_a_failed_chain_is_marked_once(void **state)
{
    CLEANUP(buf_release) struct buf message = sealed(1);
    (void)state;
    assert_true(seal(&message, ARC_FAIL) > 0);
    assert_true(slice_find(buf_slice(&message), S("ARC-Seal: i=2;")) >= 0);
    assert_verdict(buf_slice(&message), "fail: it had failed before");
    assert_int_equal(seal(&message, ARC_FAIL), 0);
    assert_int_equal(seal(&message, ARC_PASS), 0);
}

static void test_a_chain_nobody_looked_at_is_not_sealed(void **state)
{
    CLEANUP(buf_release) struct buf message = sealed(1);
    (void)state;
    assert_int_equal(seal(&message, ARC_NONE), 0);
}

static void test_limits_sets(void **state)
{
    CLEANUP(buf_release) struct buf message = sealed(ARC_SETS_MAX);
    (void)state;
    assert_verdict(buf_slice(&message), "pass");
    assert_int_equal(seal(&message, ARC_PASS), 0);
}

static void test_limits_results(void **state)
{
    const struct dkim_signing_key signing = {S("a.example"), S("s"), key};
    CLEANUP(arc_sealer_cleanup) struct arc_sealer *sealer = NULL;
    CLEANUP(buf_release) struct buf results = BUF(2 * ARC_RESULTS_MAX);
    CLEANUP(buf_release) struct buf out = BUF(MESSAGE_MAX);
    struct error error;
    (void)state;
    while (results.n < ARC_RESULTS_MAX + 65)
        buf_putc(&results, 'x');
    assert_int_equal(arc_sealer_create(&signing, buf_slice(&results), ARC_NONE, &sealer, &error), ERR_OK);
    arc_sealer_feed(sealer, S(MESSAGE));
    assert_int_equal(arc_sealer_finish(sealer, NOW, &out, &error), ERR_INVALID);
    assert_int_equal(out.n, 0);
}

static void assert_status(const char *results, const char *wanted)
{
    enum arc_status status;
    bool found = arc_status_in_results(slice_cstr(results), &status);
    assert_string_equal(found ? arc_status_word(status) : "", wanted);
}

static void test_status_in_results(void **state)
{
    (void)state;
    assert_status("mail.example; arc=pass", "pass");
    assert_status("mail.example; spf=pass (x; arc=fail) smtp.mailfrom=\"a;arc=fail\";\r\n\tarc = fail (why)",
                  "fail");
    assert_status("mail.example; dkim=pass; (c) arc=none;", "none");
    assert_status("mail.example; dkim=pass", "");
    assert_status("mail.example; xarc=pass; arcx=pass", "");
    assert_status("arc=pass", "");
    assert_status("mail.example; arc=perhaps", "");
    assert_status("mail.example; (((arc=pass", "");
    assert_status("mail.example; \"\\\"; arc=pass", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sealed_messages_verify),
        cmocka_unit_test(test_what_breaks_a_chain),
        cmocka_unit_test(test_an_older_signature_may_have_broken),
        cmocka_unit_test(test_a_failed_chain_is_marked_once),
        cmocka_unit_test(test_a_chain_nobody_looked_at_is_not_sealed),
        cmocka_unit_test(test_limits_sets),
        cmocka_unit_test(test_limits_results),
        cmocka_unit_test(test_status_in_results),
    };
    return cmocka_run_group_tests(tests, make_key, release_key);
}

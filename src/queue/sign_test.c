/* Who vouches for what leaves: the signatures on it, and whether they hold. */
#include "authres/dkim_testing.h"

#include "authres/arc.h"
#include "authres/dkim.h"
#include "base/fdio.h"
#include "directory/domain_key.h"
#include "directory/forward.h"
#include "queue/outbound.h"
#include "queue/testing.h"

enum { HAND = 7 };

static int make(void **state)
{
    static const char *const domains[] = {"demo.example", "other.example", "mail.example"};
    if (house_make(state) != 0)
        return -1;
    struct house *t = *state;
    for (size_t i = 0; i < ARRAY_LEN(domains); i++) {
        struct domain_id id;
        struct domain_key key;
        if (i > 0)
            ASSERT_OK(t, domain_add(t->directory, slice_cstr(domains[i]), &id, &t->error));
        ASSERT_OK(t, domain_key_add(t->directory, slice_cstr(domains[i]), S("s"), DKIM_ED25519_SHA256,
                                    &t->arena, &key, &t->error));
    }
    return 0;
}

struct mail {
    struct account_id account;
    bool ours;
    const char *sender;
    const char *text;
    bool in_file;
};

static struct queue_id submit(struct house *t, const struct mail *mail)
{
    struct queue_recipient to = {.address = S("max@elsewhere.example")};
    struct queue_envelope envelope = {.sender = slice_cstr(mail->sender),
                                      .recipients = &to,
                                      .recipient_count = 1,
                                      .account = mail->account,
                                      .ours = mail->ours,
                                      .protocol = S("ESMTP"),
                                      .helo = S("c")};
    struct queue_id id;
    uint64_t spool = 0;
    CLEANUP(fd_close) int fd = -1;
    if (mail->in_file) {
        ASSERT_OK(t, queue_spool_create(t->queue, &spool, &fd, &t->error));
        ASSERT_OK(t, fd_write_all(fd, slice_cstr(mail->text), &t->error));
    }
    ASSERT_OK(t, queue_accept(t->queue, &envelope, mail->in_file ? slice_none() : slice_cstr(mail->text),
                              spool, &id, &t->error));
    house_settle(t);
    return id;
}

/* The names of all keys of the house. */
static void fill_zone(struct house *t, struct test_zone *zone)
{
    struct domain *domains;
    size_t count;
    size_t n = 0;
    ASSERT_OK(t, domain_list(t->directory, &t->arena, &domains, &count, &t->error));
    for (size_t i = 0; i < count; i++) {
        struct domain_key *keys;
        size_t key_count;
        ASSERT_OK(t, domain_key_list(t->directory, domains[i].name, &t->arena, &keys, &key_count, &t->error));
        for (size_t k = 0; k < key_count; k++) {
            CLEANUP(buf_release) struct buf name = BUF(300);
            buf_printf(&name, "%.*s._domainkey.%.*s", SLICE_ARGS(keys[k].selector),
                       SLICE_ARGS(keys[k].domain));
            zone->names[n++] =
                (struct test_name){arena_dup(&t->arena, buf_slice(&name)).p, keys[k].record.p, ERR_OK};
        }
    }
}

/* "domain:result" of each signature on what the relay gets, with a blank behind it. */
static void assert_signed(struct house *t, const struct mail *mail, const char *wanted)
{
    CLEANUP(outbound_message_release) struct outbound_message message = {.fd = -1};
    CLEANUP(dkim_verifier_cleanup) struct dkim_verifier *verifier = NULL;
    CLEANUP(buf_release) struct buf said = BUF(4096);
    CLEANUP(buf_release) struct buf file = BUF(1 << 20);
    struct test_zone zone = {.asked = 0};
    const struct authres_dns dns = {test_records, &zone};
    struct outbound_batch batch;
    struct dkim_results results;
    struct queue_id id = submit(t, mail);
    fill_zone(t, &zone);
    ASSERT_OK(t, queue_outbound_take(t->queue, HAND, 0, 10, clock_mono_us() + 100 * CLOCK_MS, &t->arena,
                                     &batch, &t->error));
    ASSERT_OK(t, queue_outbound_open(t->queue, HAND, id, &message, &t->error));
    ASSERT_OK(t, dkim_verifier_create(&verifier, &t->error));
    dkim_verifier_feed(verifier, buf_slice(&message.text));
    if (message.fd >= 0) {
        ASSERT_OK(t, fd_read_all(message.fd, &file, &t->error));
        dkim_verifier_feed(verifier, buf_slice(&file));
    }
    ASSERT_OK(t, dkim_verifier_finish(verifier, &dns, clock_wall_us() / CLOCK_SECOND, 0, &t->arena, &results,
                                      &t->error));
    for (size_t i = 0; i < results.count; i++)
        buf_printf(&said, "%.*s:%s ", SLICE_ARGS(results.signatures[i].domain),
                   dkim_result_word(results.signatures[i].outcome.result));
    assert_string_equal(said.n > 0 ? buf_cstr(&said) : "", wanted);
}

#define REST "To: max@elsewhere.example\r\nSubject: x\r\n\r\nhello\r\n"

static void test_submitted_mail_is_signed_for_its_author(void **state)
{
    struct house *t = *state;
    struct mail mail = {
        .account = t->anna, .sender = "anna@demo.example", .text = "From: Anna <anna@demo.example>\r\n" REST};
    assert_signed(t, &mail, "demo.example:pass ");
    mail.in_file = true;
    assert_signed(t, &mail, "demo.example:pass ");
    mail.sender = "";
    assert_signed(t, &mail, "demo.example:pass ");
    mail.text = "From: anna+list@demo.example\r\n" REST;
    assert_signed(t, &mail, "demo.example:pass ");
}

static void test_every_active_key_signs(void **state)
{
    struct house *t = *state;
    struct domain_key key;
    struct mail mail = {
        .account = t->anna, .sender = "anna@demo.example", .text = "From: anna@demo.example\r\n" REST};
    ASSERT_OK(t, domain_key_add(t->directory, S("demo.example"), S("rsa"), DKIM_RSA_SHA256, &t->arena, &key,
                                &t->error));
    ASSERT_OK(t, domain_key_add(t->directory, S("demo.example"), S("next"), DKIM_RSA_SHA256, &t->arena, &key,
                                &t->error));
    assert_signed(t, &mail, "demo.example:pass demo.example:pass ");
}

/* other.example is a neighbour in the house: its key must not say that Anna is it. */
static void test_nobody_is_vouched_for_as_somebody_else(void **state)
{
    static const char *const texts[] = {
        "From: boss@other.example\r\n" REST,
        "From: anna@demo.example, boss@other.example\r\n" REST,
        "From: anna@demo.example\r\nFrom: boss@other.example\r\n" REST,
        "From: boss@other.example <anna@demo.example>\r\n" REST,
        "From: x@elsewhere.example\r\n" REST,
        "From: undisclosed:;\r\n" REST,
    };
    struct house *t = *state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct mail mail = {.account = t->anna, .sender = "anna@demo.example", .text = texts[i]};
        assert_signed(t, &mail, "demo.example:pass ");
        mail.sender = "";
        if (i != 3)
            assert_signed(t, &mail, "");
    }
}

static void test_what_strangers_sent_is_not_signed(void **state)
{
    struct house *t = *state;
    struct mail mail = {.sender = "anna@demo.example", .text = "From: anna@demo.example\r\n" REST};
    assert_signed(t, &mail, "");
}

static void test_reports_are_signed(void **state)
{
    struct house *t = *state;
    struct mail mail = {
        .ours = true, .sender = "", .text = "From: Mail <MAILER-DAEMON@mx.mail.example>\r\n" REST};
    assert_signed(t, &mail, "mail.example:pass ");
}

static void test_unreadable_headers_go_without(void **state)
{
    struct house *t = *state;
    struct mail mail = {.account = t->anna,
                        .sender = "anna@demo.example",
                        .text = "From: anna@demo.example\r\nno field\r\n" REST};
    assert_signed(t, &mail, "");
}

/* What Anna's account passes on to the outside, as the relay gets it. */
static void assert_passed_on(struct house *t, const char *results, const char *text, const char *wanted)
{
    CLEANUP(outbound_message_release) struct outbound_message message = {.fd = -1};
    CLEANUP(dkim_verifier_cleanup) struct dkim_verifier *verifier = NULL;
    struct queue_recipient to = {.address = S("anna@demo.example")};
    const struct queue_envelope envelope = {.sender = S("max@elsewhere.example"),
                                            .recipients = &to,
                                            .recipient_count = 1,
                                            .results = slice_cstr(results),
                                            .protocol = S("ESMTP"),
                                            .helo = S("c")};
    struct slice target = S("max@elsewhere.example");
    const struct forward forward = {.targets = &target, .target_count = 1};
    struct test_zone zone = {.asked = 0};
    const struct authres_dns dns = {test_records, &zone};
    struct outbound_batch batch;
    struct dkim_results signatures;
    struct arc_verdict verdict;
    struct queue_id id;
    ASSERT_OK(t, forward_set(t->directory, S("anna@demo.example"), &forward, &t->error));
    ASSERT_OK(t, queue_accept(t->queue, &envelope, slice_cstr(text), 0, &id, &t->error));
    house_settle(t);
    fill_zone(t, &zone);
    ASSERT_OK(t, queue_outbound_take(t->queue, HAND, 0, 10, clock_mono_us() + 100 * CLOCK_MS, &t->arena,
                                     &batch, &t->error));
    assert_int_equal(batch.count, 1);
    ASSERT_OK(t, queue_outbound_open(t->queue, HAND, batch.parcels[0].entry, &message, &t->error));
    ASSERT_OK(t, dkim_verifier_create(&verifier, &t->error));
    dkim_verifier_feed(verifier, buf_slice(&message.text));
    ASSERT_OK(t, dkim_verifier_finish(verifier, &dns, clock_wall_us() / CLOCK_SECOND, 0, &t->arena,
                                      &signatures, &t->error));
    ASSERT_OK(t,
              arc_verify(verifier, &dns, clock_wall_us() / CLOCK_SECOND, 0, &t->arena, &verdict, &t->error));
    assert_int_equal(signatures.count, 0);
    assert_string_equal(arc_status_word(verdict.status), wanted);
}

static void test_what_is_passed_on_is_sealed(void **state)
{
    struct house *t = *state;
    assert_passed_on(t, "Authentication-Results: mail.example;\r\n\tspf=pass\r\n",
                     "From: boss@demo.example\r\n" REST, "pass");
}

static void test_what_nobody_looked_at_is_not_sealed(void **state)
{
    struct house *t = *state;
    assert_passed_on(t, "", "From: boss@demo.example\r\n" REST, "none");
}

static void test_a_broken_chain_is_said_to_be_broken(void **state)
{
    struct house *t = *state;
    assert_passed_on(t, "Authentication-Results: mail.example;\r\n\tarc=fail (why)\r\n",
                     "ARC-Seal: i=1; cv=none\r\nFrom: boss@demo.example\r\n" REST, "fail");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, house_free)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_submitted_mail_is_signed_for_its_author),
        TEST(test_every_active_key_signs),
        TEST(test_nobody_is_vouched_for_as_somebody_else),
        TEST(test_what_strangers_sent_is_not_signed),
        TEST(test_reports_are_signed),
        TEST(test_unreadable_headers_go_without),
        TEST(test_what_is_passed_on_is_sealed),
        TEST(test_what_nobody_looked_at_is_not_sealed),
        TEST(test_a_broken_chain_is_said_to_be_broken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "acme/conversation.h"

#include "acme/testing.h"
#include "rt/tls_request.h"

struct world {
    struct authority authority;
    struct buf key;
    struct acme_task task;
    unsigned rests;
    unsigned rests_allowed;
    int64_t wait;
    struct error error;
};

static bool rest(void *context, int64_t us UNUSED)
{
    struct world *w = context;
    return ++w->rests <= w->rests_allowed;
}

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    assert_non_null(w);
    assert_int_equal(tls_make_key(&w->key, &w->error), ERR_OK);
    assert_int_equal(acme_answers_create(&w->authority.answers, &w->error), ERR_OK);
    w->authority.chain = "-----BEGIN CERTIFICATE-----\n...";
    w->rests_allowed = 10;
    w->task = (struct acme_task){.directory = S(CA "/directory"),
                                 .names = S("mail.example"),
                                 .contact = S("admin@example"),
                                 .challenge = "http-01",
                                 .account_key = buf_slice(&w->key),
                                 .request = S("request"),
                                 .fetch = authority_fetch,
                                 .fetch_context = &w->authority,
                                 .answers = w->authority.answers,
                                 .rest = rest,
                                 .rest_context = w};
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    acme_answers_destroy(w->authority.answers);
    buf_release(&w->key);
    free(w);
    return 0;
}

static enum err obtain(struct world *w)
{
    CLEANUP(buf_release) struct buf chain = BUF(ACME_CHAIN_MAX);
    enum err e = acme_obtain(&w->task, &chain, &w->wait, &w->error);
    if (e == ERR_OK)
        assert_true(slice_eq(buf_slice(&chain), slice_cstr(w->authority.chain)));
    return e;
}

static void test_gets_a_certificate(void **state)
{
    struct world *w = *state;
    CLEANUP(buf_release) struct buf none = BUF(100);
    assert_int_equal(obtain(w), ERR_OK);
    assert_true(w->authority.saw_answer && w->authority.finalized);
    assert_int_equal(w->authority.nonces, 1); /* each answer brings the next */
    assert_false(acme_answers_by_token(w->authority.answers, S("toKen-1_x"), &none));
}

static void test_a_refused_nonce_is_exchanged(void **state)
{
    struct world *w = *state;
    w->authority.bad_nonces = ACME_NONCE_TRIES - 1;
    assert_int_equal(obtain(w), ERR_OK);
    *w = (struct world){.authority = w->authority, .key = w->key, .task = w->task, .rests_allowed = 10};
    w->authority.bad_nonces = ACME_NONCE_TRIES;
    assert_int_equal(obtain(w), ERR_DENIED);
    assert_string_equal(w->error.client, "the authority refuses an account: no (badNonce)");
}

static void test_a_limit_says_how_long(void **state)
{
    struct world *w = *state;
    w->authority.order = "{\"type\":\"urn:ietf:params:acme:error:rateLimited\",\"detail\":\"too many\"}";
    w->authority.order_status = 429;
    w->authority.order_headers = "Retry-After: 4711\r\nReplay-Nonce: n\r\n";
    assert_int_equal(obtain(w), ERR_DENIED);
    assert_int_equal(w->wait, 4711);
    assert_string_equal(w->error.client, "the authority refuses an order: too many (rateLimited)");
}

static void test_says_why_a_name_could_not_be_proven(void **state)
{
    struct world *w = *state;
    w->authority.authorization =
        "{\"status\":\"invalid\",\"identifier\":{\"type\":\"dns\",\"value\":\"mail.example\"},\"challenges\":"
        "["
        "{\"type\":\"http-01\",\"url\":\"" CA "/proof\",\"token\":\"toKen-1_x\",\"error\":{\"type\":"
        "\"urn:ietf:params:acme:error:connection\",\"detail\":\"refused\\u001b[2J\"}}]}";
    assert_int_equal(obtain(w), ERR_DENIED);
    assert_string_equal(w->error.client, "mail.example could not be proven: refused?[2J (connection)");
}

static void test_a_name_that_is_not_ours_is_not_proven(void **state)
{
    struct world *w = *state;
    w->task.names = S("other.example mail.example.org");
    assert_int_equal(obtain(w), ERR_INVALID);
    assert_false(w->authority.saw_answer);
}

static void test_a_way_that_is_not_offered_is_said(void **state)
{
    struct world *w = *state;
    w->task.challenge = "tls-alpn-01";
    assert_int_equal(obtain(w), ERR_DENIED);
    assert_string_equal(w->error.client, "the authority does not let mail.example be proven by tls-alpn-01");
}

/* Sets what is wanted, one at each look, or gives up. */
static bool set_next(void *context, int64_t us UNUSED)
{
    struct world *w = context;
    struct acme_record record;
    for (size_t i = 0; acme_answers_record(w->authority.answers, i, &record); i++)
        if (!record.set) {
            assert_false(w->authority.proven); /* the authority has not been told to look */
            if (w->rests_allowed > 0)
                acme_answers_set(w->authority.answers, slice_cstr(record.value));
            else
                acme_answers_give_up(w->authority.answers, S("no such zone"));
            break;
        }
    return ++w->rests <= 10;
}

static void test_records_are_set_before_the_authority_looks(void **state)
{
    struct world *w = *state;
    struct acme_record record;
    w->task.challenge = "dns-01";
    w->task.rest = set_next;
    assert_int_equal(obtain(w), ERR_OK);
    assert_int_equal(w->rests, 1);
    assert_false(acme_answers_record(w->authority.answers, 0, &record));
    w->authority.proven = w->authority.finalized = false;
    w->rests_allowed = 0;
    assert_int_equal(obtain(w), ERR_UNAVAILABLE);
    assert_string_equal(w->error.client, "no such zone");
    assert_false(w->authority.proven);
    w->task.rest = rest;
    assert_int_equal(obtain(w), ERR_CLOSED);
}

static void test_a_wildcard_is_another_name_than_its_domain(void **state)
{
    struct world *w = *state;
    w->task.challenge = "dns-01";
    w->task.rest = set_next;
    w->task.names = S("*.mail.example");
    assert_int_equal(obtain(w), ERR_INVALID); /* the authority asks for mail.example itself */
    w->authority.wildcard = true;
    assert_int_equal(obtain(w), ERR_OK);
    w->task.names = S("mail.example");
    w->authority.proven = w->authority.finalized = false;
    assert_int_equal(obtain(w), ERR_INVALID);
}

static void test_an_authority_that_wants_an_account_gets_it(void **state)
{
    struct world *w = *state;
    w->authority.directory =
        "{\"newNonce\":\"" CA "/nonce\",\"newAccount\":\"" CA "/account\",\"newOrder\":\"" CA "/order\","
        "\"meta\":{\"externalAccountRequired\":true}}";
    assert_int_equal(obtain(w), ERR_DENIED);
    assert_string_equal(w->error.client, "the authority wants an account of its own: set acme-account");
    w->task.kid = S("kid-1");
    w->task.outside_key = S("not base64!");
    assert_int_equal(obtain(w), ERR_INVALID);
    w->task.outside_key = S("c2VjcmV0IGtleQ");
    assert_int_equal(obtain(w), ERR_OK);
}

static void test_what_makes_no_sense_is_refused(void **state)
{
    struct world *w = *state;
    w->authority.directory = "{\"newNonce\":\"http://ca.test/nonce\"}";
    assert_int_equal(obtain(w), ERR_INVALID);
    w->authority.directory = NULL;
    w->authority.order_status = 201;
    w->authority.order = "[]";
    assert_int_equal(obtain(w), ERR_INVALID);
    w->authority.order = NULL;
    w->authority.chain = "no certificate";
    assert_int_equal(obtain(w), ERR_INVALID);
}

static void test_ends_when_it_is_to(void **state)
{
    struct world *w = *state;
    w->authority.authorization =
        "{\"status\":\"pending\",\"identifier\":{\"value\":\"mail.example\"},\"challenges\":[]}";
    w->rests_allowed = 3;
    assert_int_equal(obtain(w), ERR_CLOSED);
    assert_int_equal(w->rests, 4);
    w->authority.down = 1;
    assert_int_equal(obtain(w), ERR_UNAVAILABLE);
    assert_string_equal(w->error.client, "the authority does not answer");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_gets_a_certificate, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_refused_nonce_is_exchanged, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_limit_says_how_long, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_says_why_a_name_could_not_be_proven, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_name_that_is_not_ours_is_not_proven, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_way_that_is_not_offered_is_said, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_records_are_set_before_the_authority_looks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_wildcard_is_another_name_than_its_domain, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_an_authority_that_wants_an_account_gets_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_makes_no_sense_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_ends_when_it_is_to, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

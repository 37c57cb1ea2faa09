#include "acme/renewer.h"

#include <time.h>

#include "acme/testing.h"
#include "rt/acme_material.h"
#include "rt/tls.h"
#include "rt/tls_request.h"

#define MOMENTS 20000 /* milliseconds, and then a test has failed */

struct world {
    struct authority authority;
    struct acme_renewer *renewer;
    struct settings *settings;
    struct buf account, key, chain, request, material;
    struct buf issued;
    atomic_int issues;
    struct error error;
};

static void take_chain(void *context, struct slice chain)
{
    struct world *w = context;
    buf_clear(&w->issued);
    buf_put(&w->issued, chain);
    w->issues++;
}

static void set_material(struct world *w, struct slice chain)
{
    const struct acme_material material = {
        .account_key = buf_slice(&w->account), .request = buf_slice(&w->request), .chain = chain};
    buf_clear(&w->material);
    acme_material_put(&w->material, &material);
    w->settings->acme_material = buf_slice(&w->material);
}

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    assert_non_null(w);
    w->request = w->issued = w->material = BUF(100000);
    assert_int_equal(tls_make_key(&w->account, &w->error), ERR_OK);
    assert_int_equal(tls_make_self_signed("mail.example", &w->chain, &w->key, &w->error), ERR_OK);
    assert_int_equal(tls_make_request(buf_slice(&w->key), "mail.example", &w->request, &w->error), ERR_OK);
    assert_int_equal(settings_parse(S("hostname = mail.example\nacme = " CA "/directory\nlisten = none\n"),
                                    "test", &w->settings, &w->error),
                     ERR_OK);
    const struct acme_renewer_options options = {
        .fetch = authority_fetch, .fetch_context = &w->authority, .issued = take_chain, .context = w};
    assert_int_equal(acme_renewer_create(&options, &w->renewer, &w->error), ERR_OK);
    w->authority.answers = acme_renewer_answers(w->renewer);
    acme_renewer_door(w->renewer);
    w->authority.chain = buf_cstr(&w->chain);
    set_material(w, slice_none());
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    acme_renewer_stop(w->renewer, clock_mono_us() + 20 * CLOCK_SECOND);
    acme_renewer_destroy(w->renewer);
    settings_free(w->settings);
    struct buf *const all[] = {&w->account, &w->key, &w->chain, &w->request, &w->material, &w->issued};
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        buf_release(all[i]);
    free(w);
    return 0;
}

/* Until that many attempts have ended. */
static struct acme_state after(struct world *w, unsigned attempts)
{
    const struct timespec moment = {.tv_nsec = 1000000};
    struct acme_state state;
    for (unsigned i = 0; i < MOMENTS; i++) {
        acme_renewer_state(w->renewer, &state);
        if (state.attempts >= attempts && !state.working)
            return state;
        nanosleep(&moment, NULL);
    }
    assert_true(false); /* no attempt ended */
    return state;
}

static int64_t left(const struct acme_state *state)
{
    return state->next - clock_wall_us() / CLOCK_SECOND;
}

static void test_tries_later_and_later(void **state)
{
    static const int64_t pauses[] = {
#define X(seconds) seconds,
        ACME_RETRY_TABLE(X)
#undef X
    };
    struct world *w = *state;
    w->authority.down = 1;
    acme_renewer_update(w->renewer, w->settings);
    assert_int_equal(acme_renewer_start(w->renewer, &w->error), ERR_OK);
    for (unsigned i = 0; i < ARRAY_LEN(pauses) + 1; i++) {
        struct acme_state now = after(w, i + 1);
        int64_t pause = pauses[MIN(i, ARRAY_LEN(pauses) - 1)];
        assert_int_equal(now.failures, i + 1);
        assert_string_equal(now.error, "the authority does not answer");
        assert_in_range(left(&now), pause - 20, pause);
        acme_renewer_now(w->renewer);
    }
}

static void test_the_authority_s_wish_goes_before(void **state)
{
    struct world *w = *state;
    w->authority.order = "{\"type\":\"urn:ietf:params:acme:error:rateLimited\",\"detail\":\"no\"}";
    w->authority.order_status = 429;
    w->authority.order_headers = "Retry-After: 90000\r\n";
    acme_renewer_update(w->renewer, w->settings);
    assert_int_equal(acme_renewer_start(w->renewer, &w->error), ERR_OK);
    struct acme_state now = after(w, 1);
    assert_in_range(left(&now), 90000 - 20, 90000);
}

static void test_a_chain_that_is_kept_rests_for_two_thirds(void **state)
{
    struct world *w = *state;
    acme_renewer_update(w->renewer, w->settings);
    assert_int_equal(acme_renewer_start(w->renewer, &w->error), ERR_OK);
    (void)after(w, 1);
    assert_int_equal(w->issues, 1);
    set_material(w, buf_slice(&w->issued));
    acme_renewer_update(w->renewer, w->settings);
    struct acme_state now = after(w, 1);
    assert_int_equal(now.failures, 0);
    assert_string_equal(now.error, "");
    int64_t life = now.until - now.from;
    assert_in_range(left(&now), life / 3 * 2 - 3700, life / 3 * 2); /* its time began an hour ago */
    assert_int_equal(now.attempts, 1);
}

static void test_a_chain_that_is_refused_counts_as_a_failure(void **state)
{
    struct world *w = *state;
    acme_renewer_update(w->renewer, w->settings);
    assert_int_equal(acme_renewer_start(w->renewer, &w->error), ERR_OK);
    (void)after(w, 1);
    acme_renewer_update(w->renewer, w->settings);
    struct acme_state now = after(w, 1);
    assert_int_equal(now.failures, 1);
    assert_in_range(left(&now), 40, 60);
}

static void test_a_chain_for_other_names_is_replaced(void **state)
{
    struct world *w = *state;
    set_material(w, buf_slice(&w->chain));
    acme_renewer_update(w->renewer, w->settings);
    struct acme_state now;
    acme_renewer_state(w->renewer, &now);
    assert_true(left(&now) > 1000);
    settings_free(w->settings);
    assert_int_equal(settings_parse(S("hostname = mail.example\nacme = " CA "/directory\nlisten = none\n"
                                      "acme-names = other.example\n"),
                                    "test", &w->settings, &w->error),
                     ERR_OK);
    set_material(w, buf_slice(&w->chain));
    acme_renewer_update(w->renewer, w->settings);
    acme_renewer_state(w->renewer, &now);
    assert_true(left(&now) <= 0);
    assert_string_equal(now.names, "mail.example other.example");
}

static void test_without_the_setting_nothing_is_asked(void **state)
{
    struct world *w = *state;
    struct settings *none = NULL;
    struct acme_state now;
    assert_int_equal(settings_parse(S("hostname = mail.example\nlisten = none\n"), "test", &none, &w->error),
                     ERR_OK);
    acme_renewer_update(w->renewer, none);
    acme_renewer_state(w->renewer, &now);
    assert_false(now.on);
    assert_int_equal(w->authority.requests, 0);
    settings_free(none);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_tries_later_and_later),
        TEST(test_the_authority_s_wish_goes_before),
        TEST(test_a_chain_that_is_kept_rests_for_two_thirds),
        TEST(test_a_chain_that_is_refused_counts_as_a_failure),
        TEST(test_a_chain_for_other_names_is_replaced),
        TEST(test_without_the_setting_nothing_is_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

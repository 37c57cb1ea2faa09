/* Which MTA-STS policy is in force: the world is a record and a text that the test writes, its clock the
 * test's. */
#include "send/sts_cache.h"

#include <stdio.h>

#include "base/test.h"

#define POLICY(mode) "version: STSv1\nmode: " mode "\nmx: mx.there.example\nmax_age: 1000000\n"

struct world {
    struct sts_cache *cache;
    const char *id;   /* NULL: there is no record; "?": DNS does not answer */
    const char *text; /* NULL: the server is not there */
    const char *type;
    unsigned status;
    unsigned fetches;
    char url[200];
    struct { /* what is kept beyond the cache */
        char text[300], id[STS_ID_MAX + 1];
        int64_t fetched_us, expires_us;
        bool lost; /* it can't be asked */
    } kept;
};

static enum err find_records(void *context, struct slice name, int type, int64_t deadline_us,
                             struct arena *arena, struct resolver_records *ret, struct error *error)
{
    const struct world *w = context;
    char record[100];
    (void)deadline_us;
    assert_true(slice_eq(name, S("_mta-sts.there.example")));
    assert_int_equal(type, RESOLVER_TXT);
    if (w->id != NULL && w->id[0] == '?')
        return fail(error, ERR_TIMEOUT, NULL, "silence");
    *ret = (struct resolver_records){.count = w->id != NULL,
                                     .data = arena_array(arena, 1, sizeof(struct slice))};
    if (w->id == NULL)
        return ERR_OK;
    int n = snprintf(record + 1, sizeof(record) - 1, "v=STSv1; id=%s;", w->id);
    record[0] = (char)n;
    ret->data[0] = arena_dup(arena, slice_of(record, (size_t)n + 1));
    return ERR_OK;
}

static enum err fetch(void *context, const struct fetch_request *request, struct arena *arena,
                      struct fetch_answer *ret_answer, struct error *error)
{
    struct world *w = context;
    w->fetches++;
    assert_int_equal(fetch_check(request, error), ERR_OK);
    assert_true(request->public_only);
    snprintf(w->url, sizeof(w->url), "%.*s", SLICE_ARGS(request->url));
    if (w->text == NULL)
        return fail(error, ERR_UNAVAILABLE, NULL, "nobody is there");
    *ret_answer = (struct fetch_answer){w->status, arena_dup(arena, slice_cstr(w->text)),
                                        arena_dup(arena, slice_cstr(w->type))};
    return ERR_OK;
}

static enum err recall_kept(void *context, struct slice domain, struct arena *arena, struct kept_policy *ret,
                            struct error *error)
{
    struct world *w = context;
    (void)arena;
    if (w->kept.lost)
        return fail(error, ERR_UNAVAILABLE, NULL, "nobody there");
    if (w->kept.expires_us <= clock_wall_us())
        return fail(error, ERR_NOT_FOUND, NULL, "none");
    *ret = (struct kept_policy){domain, slice_cstr(w->kept.id), slice_cstr(w->kept.text), w->kept.fetched_us,
                                w->kept.expires_us};
    return ERR_OK;
}

static enum err keep(void *context, const struct kept_policy *policy, struct error *error UNUSED)
{
    struct world *w = context;
    assert_true(slice_eq(policy->domain, S("there.example")));
    snprintf(w->kept.text, sizeof(w->kept.text), "%.*s", SLICE_ARGS(policy->text));
    snprintf(w->kept.id, sizeof(w->kept.id), "%.*s", SLICE_ARGS(policy->id));
    w->kept.fetched_us = policy->fetched_us;
    w->kept.expires_us = policy->expires_us;
    return ERR_OK;
}

static void start(struct world *w)
{
    struct error error;
    const struct sts_source source = {.records = find_records,
                                      .names = w,
                                      .fetch = fetch,
                                      .fetcher = w,
                                      .recall = recall_kept,
                                      .keep = keep,
                                      .keeper = w,
                                      .port = 443};
    assert_int_equal(sts_cache_create(&source, &w->cache, &error), ERR_OK);
}

static void restart(struct world *w)
{
    sts_cache_destroy(w->cache);
    start(w);
}

static struct world *world_new(const char *id, const char *text)
{
    struct world *w = calloc(1, sizeof(*w));
    *w = (struct world){.id = id, .text = text, .type = "text/plain; charset=utf-8", .status = 200};
    start(w);
    return w;
}

static void world_free(struct world *w)
{
    sts_cache_destroy(w->cache);
    free(w);
}

static enum sts_mode mode_of(struct world *w)
{
    CLEANUP(arena_release) struct arena arena = ARENA(1000000);
    struct sts_policy policy;
    struct error error;
    assert_int_equal(
        sts_cache_find(w->cache, S("there.example"), clock_mono_us() + CLOCK_SECOND, &arena, &policy, &error),
        ERR_OK);
    assert_true(policy.mode == STS_NONE || sts_names_host(&policy, S("mx.there.example")));
    return policy.mode;
}

static void test_domain_without_a_record_is_not_asked_for_a_policy(void **state UNUSED)
{
    struct world *w = world_new(NULL, POLICY("enforce"));
    assert_int_equal(mode_of(w), STS_NONE);
    assert_int_equal(w->fetches, 0);
    world_free(w);
}

static void test_policy_is_fetched_once_from_its_own_name(void **state UNUSED)
{
    struct world *w = world_new("1", POLICY("enforce"));
    assert_int_equal(mode_of(w), STS_ENFORCE);
    assert_int_equal(mode_of(w), STS_ENFORCE);
    assert_int_equal(w->fetches, 1);
    assert_string_equal(w->url, "https://mta-sts.there.example/.well-known/mta-sts.txt");
    world_free(w);
}

static void test_another_id_brings_another_policy(void **state UNUSED)
{
    struct world *w = world_new("1", POLICY("enforce"));
    assert_int_equal(mode_of(w), STS_ENFORCE);
    w->text = POLICY("none");
    assert_int_equal(mode_of(w), STS_ENFORCE);
    w->id = "2";
    assert_int_equal(mode_of(w), STS_NONE);
    assert_int_equal(w->fetches, 2);
    world_free(w);
}

/* RFC 8461 3.3, 10.2: who hides the record or the text can't switch off what was seen. */
static void test_policy_that_was_seen_stays_when_record_or_text_are_gone(void **state UNUSED)
{
    struct world *w = world_new("1", POLICY("enforce"));
    assert_int_equal(mode_of(w), STS_ENFORCE);
    w->id = NULL;
    assert_int_equal(mode_of(w), STS_ENFORCE);
    w->id = "?";
    assert_int_equal(mode_of(w), STS_ENFORCE);
    w->id = "2";
    w->text = NULL;
    assert_int_equal(mode_of(w), STS_ENFORCE);
    w->text = "broken";
    clock_shift((STS_CACHE_RETRY_SECONDS + 1) * CLOCK_SECOND);
    assert_int_equal(mode_of(w), STS_ENFORCE);
    assert_int_equal(w->fetches, 3);
    world_free(w);
}

static void test_expired_policy_is_not_in_force(void **state UNUSED)
{
    struct world *w = world_new("1", POLICY("enforce"));
    assert_int_equal(mode_of(w), STS_ENFORCE);
    w->text = NULL;
    clock_shift(999999 * CLOCK_SECOND);
    assert_int_equal(mode_of(w), STS_ENFORCE);
    clock_shift(2 * CLOCK_SECOND);
    assert_int_equal(mode_of(w), STS_NONE);
    world_free(w);
}

static void test_policy_is_fetched_anew_before_it_expires(void **state UNUSED)
{
    struct world *w = world_new("1", POLICY("enforce"));
    assert_int_equal(mode_of(w), STS_ENFORCE);
    w->text = POLICY("testing");
    clock_shift((int64_t)(STS_CACHE_REFRESH_SECONDS - 10) * CLOCK_SECOND);
    assert_int_equal(mode_of(w), STS_ENFORCE);
    clock_shift(20 * CLOCK_SECOND);
    assert_int_equal(mode_of(w), STS_TESTING);
    world_free(w);
}

static void test_failure_is_not_repeated_at_once(void **state UNUSED)
{
    struct world *w = world_new("1", NULL);
    assert_int_equal(mode_of(w), STS_NONE);
    w->text = POLICY("enforce");
    assert_int_equal(mode_of(w), STS_NONE);
    assert_int_equal(w->fetches, 1);
    clock_shift((STS_CACHE_RETRY_SECONDS + 1) * CLOCK_SECOND);
    assert_int_equal(mode_of(w), STS_ENFORCE);
    world_free(w);
}

static void test_only_a_plain_text_with_status_200_is_a_policy(void **state UNUSED)
{
    struct world *w = world_new("1", POLICY("enforce"));
    w->status = 301;
    assert_int_equal(mode_of(w), STS_NONE);
    clock_shift((STS_CACHE_RETRY_SECONDS + 1) * CLOCK_SECOND);
    w->status = 200;
    w->type = "text/html";
    assert_int_equal(mode_of(w), STS_NONE);
    clock_shift((STS_CACHE_RETRY_SECONDS + 1) * CLOCK_SECOND);
    w->type = "TEXT/plain";
    assert_int_equal(mode_of(w), STS_ENFORCE);
    world_free(w);
}

static void test_policy_that_was_seen_outlives_a_restart(void **state UNUSED)
{
    struct world *w = world_new("1", POLICY("enforce"));
    assert_int_equal(mode_of(w), STS_ENFORCE);
    restart(w);
    assert_int_equal(mode_of(w), STS_ENFORCE);
    assert_int_equal(w->fetches, 1);
    w->id = NULL; /* somebody hides the record */
    w->text = NULL;
    restart(w);
    assert_int_equal(mode_of(w), STS_ENFORCE);
    clock_shift(999999 * CLOCK_SECOND);
    restart(w);
    assert_int_equal(mode_of(w), STS_ENFORCE);
    clock_shift(2 * CLOCK_SECOND);
    assert_int_equal(mode_of(w), STS_NONE);
    restart(w);
    assert_int_equal(mode_of(w), STS_NONE);
    world_free(w);
}

static void test_kept_policy_is_fetched_anew_when_it_is_old(void **state UNUSED)
{
    struct world *w = world_new("1", POLICY("enforce"));
    assert_int_equal(mode_of(w), STS_ENFORCE);
    clock_shift((int64_t)(STS_CACHE_REFRESH_SECONDS + 1) * CLOCK_SECOND);
    restart(w);
    int64_t expires = w->kept.expires_us;
    assert_int_equal(mode_of(w), STS_ENFORCE);
    assert_int_equal(w->fetches, 2);
    assert_true(w->kept.expires_us > expires);
    world_free(w);
}

static void test_nothing_is_known_while_the_keeper_can_not_be_asked(void **state UNUSED)
{
    CLEANUP(arena_release) struct arena arena = ARENA(1000000);
    struct sts_policy policy;
    struct error error;
    struct world *w = world_new("1", POLICY("enforce"));
    w->kept.lost = true;
    assert_int_equal(
        sts_cache_find(w->cache, S("there.example"), clock_mono_us() + CLOCK_SECOND, &arena, &policy, &error),
        ERR_UNAVAILABLE);
    w->kept.lost = false;
    assert_int_equal(mode_of(w), STS_ENFORCE);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_domain_without_a_record_is_not_asked_for_a_policy),
        cmocka_unit_test(test_policy_is_fetched_once_from_its_own_name),
        cmocka_unit_test(test_another_id_brings_another_policy),
        cmocka_unit_test(test_policy_that_was_seen_stays_when_record_or_text_are_gone),
        cmocka_unit_test(test_expired_policy_is_not_in_force),
        cmocka_unit_test(test_policy_is_fetched_anew_before_it_expires),
        cmocka_unit_test(test_failure_is_not_repeated_at_once),
        cmocka_unit_test(test_policy_that_was_seen_outlives_a_restart),
        cmocka_unit_test(test_kept_policy_is_fetched_anew_when_it_is_old),
        cmocka_unit_test(test_nothing_is_known_while_the_keeper_can_not_be_asked),
        cmocka_unit_test(test_only_a_plain_text_with_status_200_is_a_policy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

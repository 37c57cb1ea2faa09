/* The checker against a played provider. */
#include "base/test.h"

#include "directory/oauth.h"

#include <pthread.h>
#include <stdatomic.h>

#include "directory/jwt_testing.h"
#include "directory/token_cache.h"

struct provider {
    pthread_mutex_t lock;
    pthread_cond_t moved;
    unsigned waiting; /* fetches that are held */
    bool hold;
    atomic_uint asked;
    enum err failure; /* of the fetch */
    unsigned status;
    struct buf answer;
    struct buf heard; /* the last request's body and headers */
    EVP_PKEY *keys[2];
    struct oauth *oauth;
    struct arena arena;
    struct error error;
};

static enum err play(void *context, const struct fetch_request *request, struct arena *arena,
                     struct fetch_answer *ret_answer, struct error *error)
{
    struct provider *t = context;
    assert_int_equal(fetch_check(request, error), ERR_OK);
    atomic_fetch_add(&t->asked, 1);
    pthread_mutex_lock(&t->lock);
    t->waiting++;
    pthread_cond_broadcast(&t->moved);
    while (t->hold)
        pthread_cond_wait(&t->moved, &t->lock);
    t->waiting--;
    buf_clear(&t->heard);
    buf_printf(&t->heard, "%.*s %.*s", SLICE_ARGS(request->url), SLICE_ARGS(request->body));
    for (size_t i = 0; i < request->header_count; i++)
        buf_printf(&t->heard, "\n%.*s", SLICE_ARGS(request->headers[i]));
    *ret_answer = (struct fetch_answer){.status = t->status, .body = arena_dup(arena, buf_slice(&t->answer))};
    enum err failure = t->failure;
    pthread_mutex_unlock(&t->lock);
    return failure == ERR_OK ? ERR_OK : fail(error, failure, NULL, "played");
}

static int setup(void **state)
{
    struct provider *t = calloc(1, sizeof(*t));
    assert_non_null(t);
    pthread_mutex_init(&t->lock, NULL);
    pthread_cond_init(&t->moved, NULL);
    t->status = 200;
    t->answer = BUF(FETCH_BODY_MAX);
    t->heard = BUF(FETCH_BODY_MAX);
    t->arena = ARENA(1024 * 1024);
    for (size_t i = 0; i < ARRAY_LEN(t->keys); i++)
        t->keys[i] = testing_key(JWT_EDDSA);
    *state = t;
    return 0;
}

static int teardown(void **state)
{
    struct provider *t = *state;
    oauth_destroy(t->oauth);
    for (size_t i = 0; i < ARRAY_LEN(t->keys); i++)
        EVP_PKEY_free(t->keys[i]);
    buf_release(&t->answer);
    buf_release(&t->heard);
    arena_release(&t->arena);
    pthread_cond_destroy(&t->moved);
    pthread_mutex_destroy(&t->lock);
    free(t);
    return 0;
}

static void use(struct provider *t, const char *jwks, const char *introspection)
{
    const struct oauth_options options = {.jwks = jwks,
                                          .introspection = introspection,
                                          .client = introspection[0] != 0 ? "post horn" : "",
                                          .secret = "s:c+t",
                                          .issuer = jwks[0] != 0 ? "https://id.example" : "",
                                          .audience = jwks[0] != 0 ? "mail" : "",
                                          .claim = "email",
                                          .fetch = play,
                                          .fetch_context = t};
    assert_int_equal(oauth_create(&options, &t->oauth, &t->error), ERR_OK);
}

static void publish(struct provider *t, unsigned key)
{
    char id[16];
    snprintf(id, sizeof(id), "key%u", key);
    buf_clear(&t->answer);
    buf_printf(&t->answer, "{\"keys\":[");
    put_jwk(&t->answer, t->keys[key], JWT_EDDSA, id, "");
    buf_printf(&t->answer, "]}");
}

static int setup_signed(void **state)
{
    setup(state);
    use(*state, "https://id.example/keys", "");
    publish(*state, 0);
    return 0;
}

static int setup_introspection(void **state)
{
    setup(state);
    use(*state, "", "https://id.example/introspect");
    return 0;
}

static enum err check_text(struct provider *t, struct slice token)
{
    struct slice account = slice_none();
    enum err err = oauth_check(t->oauth, token, &t->arena, &account, &t->error);
    if (err == ERR_OK)
        assert_true(slice_eq(account, S("anna@demo.example")));
    return err;
}

/* A token of that key, for an hour. */
static enum err check(struct provider *t, unsigned key)
{
    CLEANUP(buf_release) struct buf token = BUF(JWT_MAX);
    char header[100];
    char claims[300];
    snprintf(header, sizeof(header), "{\"alg\":\"EdDSA\",\"kid\":\"key%u\"}", key);
    snprintf(claims, sizeof(claims),
             "{\"iss\":\"https://id.example\",\"aud\":\"mail\",\"email\":\"anna@demo.example\",\"exp\":%lld}",
             (long long)(clock_wall_us() / CLOCK_SECOND + 3600));
    put_token(&token, t->keys[key], JWT_EDDSA, header, claims);
    return check_text(t, buf_slice(&token));
}

static void test_keys_are_fetched_once(void **state)
{
    struct provider *t = *state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(check(t, 0), ERR_OK);
    assert_int_equal(t->asked, 1);
    clock_shift(OAUTH_KEYS_SECONDS * CLOCK_SECOND);
    assert_int_equal(check(t, 0), ERR_OK);
    assert_int_equal(t->asked, 2);
}

static void test_rotation_is_followed_but_not_more_than_once_a_minute(void **state)
{
    struct provider *t = *state;
    assert_int_equal(check(t, 0), ERR_OK);
    publish(t, 1);
    assert_int_equal(check(t, 1), ERR_OK);
    assert_int_equal(t->asked, 2);
    for (int i = 0; i < 5; i++)
        assert_int_equal(check(t, 0), ERR_AUTH); /* unknown by now */
    assert_int_equal(t->asked, 2);
    clock_shift(OAUTH_ROTATION_SECONDS * CLOCK_SECOND);
    assert_int_equal(check(t, 0), ERR_AUTH);
    assert_int_equal(t->asked, 3);
}

static void test_known_key_with_wrong_signature_asks_nobody(void **state)
{
    struct provider *t = *state;
    EVP_PKEY *right = t->keys[0];
    assert_int_equal(check(t, 0), ERR_OK);
    t->keys[0] = t->keys[1];
    assert_int_equal(check(t, 0), ERR_AUTH);
    t->keys[0] = right;
    assert_int_equal(t->asked, 1);
}

static void test_old_keys_do_while_the_provider_is_away(void **state)
{
    struct provider *t = *state;
    assert_int_equal(check(t, 0), ERR_OK);
    t->failure = ERR_TIMEOUT;
    clock_shift(OAUTH_KEYS_SECONDS * CLOCK_SECOND);
    assert_int_equal(check(t, 0), ERR_OK);
    assert_int_equal(check(t, 0), ERR_OK);
    assert_int_equal(t->asked, 2); /* not again for a while */
    clock_shift(OAUTH_RETRY_SECONDS * CLOCK_SECOND);
    assert_int_equal(check(t, 0), ERR_OK);
    assert_int_equal(t->asked, 3);
    clock_shift(OAUTH_KEYS_STALE_SECONDS * CLOCK_SECOND);
    assert_int_equal(check(t, 0), ERR_UNAVAILABLE);
}

static void test_without_keys_nobody_can_say(void **state)
{
    struct provider *t = *state;
    static const char *const garbage[] = {"<html>", "{}", "{\"keys\":7}", ""};
    t->failure = ERR_UNAVAILABLE;
    assert_int_equal(check(t, 0), ERR_UNAVAILABLE);
    assert_int_equal(check(t, 0), ERR_UNAVAILABLE);
    assert_int_equal(t->asked, 1);
    t->failure = ERR_OK;
    t->status = 500;
    clock_shift(OAUTH_RETRY_SECONDS * CLOCK_SECOND);
    assert_int_equal(check(t, 0), ERR_UNAVAILABLE);
    t->status = 200;
    for (size_t i = 0; i < ARRAY_LEN(garbage); i++) {
        buf_clear(&t->answer);
        buf_printf(&t->answer, "%s", garbage[i]);
        clock_shift(OAUTH_RETRY_SECONDS * CLOCK_SECOND);
        assert_int_equal(check(t, 0), ERR_UNAVAILABLE);
    }
    publish(t, 0);
    clock_shift(OAUTH_RETRY_SECONDS * CLOCK_SECOND);
    assert_int_equal(check(t, 0), ERR_OK);
}

static void test_claims_count(void **state)
{
    struct provider *t = *state;
    CLEANUP(buf_release) struct buf token = BUF(JWT_MAX);
    put_token(&token, t->keys[0], JWT_EDDSA, "{\"alg\":\"EdDSA\"}",
              "{\"iss\":\"https://id.example\",\"aud\":\"mail\",\"email\":\"anna@demo.example\",\"exp\":7}");
    assert_int_equal(check_text(t, buf_slice(&token)), ERR_AUTH);
    assert_string_equal(t->error.detail, "the token has expired");
}

/* --- load --- */

static void *check_in_thread(void *context)
{
    struct provider *t = context;
    CLEANUP(arena_release) struct arena arena = ARENA(10000);
    struct slice account;
    struct error error;
    enum err err = oauth_check(t->oauth, S("opaque"), &arena, &account, &error);
    return (void *)(uintptr_t)err;
}

static void wait_for(struct provider *t, unsigned count)
{
    pthread_mutex_lock(&t->lock);
    while (t->waiting != count)
        pthread_cond_wait(&t->moved, &t->lock);
    pthread_mutex_unlock(&t->lock);
}

static void test_slow_provider_holds_few(void **state)
{
    struct provider *t = *state;
    pthread_t threads[OAUTH_CHECKS_AT_ONCE];
    buf_printf(&t->answer, "{\"active\":false}");
    t->hold = true;
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, check_in_thread, t), 0);
    wait_for(t, OAUTH_CHECKS_AT_ONCE);
    assert_int_equal(check_text(t, S("another")), ERR_UNAVAILABLE);
    assert_int_equal(t->asked, OAUTH_CHECKS_AT_ONCE);
    pthread_mutex_lock(&t->lock);
    t->hold = false;
    pthread_cond_broadcast(&t->moved);
    pthread_mutex_unlock(&t->lock);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        void *result;
        pthread_join(threads[i], &result);
        assert_int_equal((uintptr_t)result, ERR_AUTH);
    }
    assert_int_equal(check_text(t, S("another")), ERR_AUTH); /* room again */
}

/* --- introspection --- */

static void say(struct provider *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    buf_clear(&t->answer);
    buf_vprintf(&t->answer, format, args);
    va_end(args);
}

#define ANNA "\"active\":true,\"email\":\"anna@demo.example\""

static void test_introspection_asks_as_the_rfc_says(void **state)
{
    struct provider *t = *state;
    say(t, "{" ANNA "}");
    assert_int_equal(check_text(t, S("a+b/c=")), ERR_OK);
    assert_string_equal(buf_cstr(&t->heard),
                        "https://id.example/introspect token=a%2Bb%2Fc%3D&token_type_hint=access_token\n"
                        "Content-Type: application/x-www-form-urlencoded\n"
                        "Accept: application/json\n"
                        "Authorization: Basic cG9zdCUyMGhvcm46cyUzQWMlMkJ0");
}

static void test_introspection_is_remembered_for_a_while(void **state)
{
    struct provider *t = *state;
    say(t, "{" ANNA "}");
    assert_int_equal(check_text(t, S("one")), ERR_OK);
    assert_int_equal(check_text(t, S("one")), ERR_OK);
    assert_int_equal(t->asked, 1);
    say(t, "{\"active\":false}");
    assert_int_equal(check_text(t, S("two")), ERR_AUTH); /* another token is another question */
    clock_shift((OAUTH_CACHE_SECONDS - 1) * CLOCK_SECOND);
    assert_int_equal(check_text(t, S("one")), ERR_OK);
    clock_shift(CLOCK_SECOND);
    assert_int_equal(check_text(t, S("one")), ERR_AUTH);
    assert_int_equal(check_text(t, S("one")), ERR_AUTH); /* a refusal is asked anew */
    assert_int_equal(t->asked, 4);
}

static void test_what_is_remembered_ends_with_the_token(void **state)
{
    struct provider *t = *state;
    say(t, "{" ANNA ",\"exp\":%lld}", (long long)(clock_wall_us() / CLOCK_SECOND + 10));
    assert_int_equal(check_text(t, S("short")), ERR_OK);
    clock_shift(10 * CLOCK_SECOND);
    say(t, "{\"active\":false}");
    assert_int_equal(check_text(t, S("short")), ERR_AUTH);
}

static void test_no_answer_is_no_refusal(void **state)
{
    struct provider *t = *state;
    static const char *const garbage[] = {"",
                                          "<html>",
                                          "{}",
                                          "[]",
                                          "{\"active\":\"true\"}",
                                          "{\"active\":1}",
                                          "{\"active\":true,\"active\":true}"};
    for (size_t i = 0; i < ARRAY_LEN(garbage); i++) {
        say(t, "%s", garbage[i]);
        assert_int_equal(check_text(t, S("x")), ERR_UNAVAILABLE);
    }
    say(t, "{" ANNA "}");
    t->status = 401; /* we are not known there */
    assert_int_equal(check_text(t, S("x")), ERR_UNAVAILABLE);
    t->status = 200;
    t->failure = ERR_LIMIT;
    assert_int_equal(check_text(t, S("x")), ERR_UNAVAILABLE);
    t->failure = ERR_INVALID;
    assert_int_equal(check_text(t, S("x")), ERR_UNAVAILABLE);
}

static void test_token_limit(void **state)
{
    struct provider *t = *state;
    static char token[JWT_MAX + 1];
    memset(token, '+', sizeof(token));
    say(t, "{" ANNA "}");
    assert_int_equal(check_text(t, slice_of(token, JWT_MAX)), ERR_OK);
    assert_int_equal(check_text(t, slice_of(token, JWT_MAX + 1)), ERR_AUTH);
    assert_int_equal(check_text(t, slice_none()), ERR_AUTH);
    assert_int_equal(t->asked, 1);
}

static void test_cache_forgets_the_oldest(void **state)
{
    (void)state;
    CLEANUP(arena_release) struct arena arena = ARENA(10000);
    struct token_cache *cache = token_cache_new(2);
    struct slice account;
    token_cache_add(cache, S("a"), S("anna"), CLOCK_SECOND);
    token_cache_add(cache, S("b"), S("bert"), CLOCK_SECOND);
    token_cache_add(cache, S("b"), S("berta"), CLOCK_SECOND); /* replaces */
    assert_true(token_cache_find(cache, S("a"), &arena, &account));
    token_cache_add(cache, S("c"), S("carl"), CLOCK_SECOND);
    token_cache_add(cache, S("d"), S("dora"), 0); /* not at all */
    assert_false(token_cache_find(cache, S("a"), &arena, &account));
    assert_false(token_cache_find(cache, S("d"), &arena, &account));
    assert_true(token_cache_find(cache, S("b"), &arena, &account));
    assert_true(slice_eq(account, S("berta")));
    token_cache_free(cache);
}

int main(void)
{
#define SIGNED(name) cmocka_unit_test_setup_teardown(name, setup_signed, teardown)
#define ASKED(name) cmocka_unit_test_setup_teardown(name, setup_introspection, teardown)
    const struct CMUnitTest tests[] = {
        SIGNED(test_keys_are_fetched_once),
        SIGNED(test_rotation_is_followed_but_not_more_than_once_a_minute),
        SIGNED(test_known_key_with_wrong_signature_asks_nobody),
        SIGNED(test_old_keys_do_while_the_provider_is_away),
        SIGNED(test_without_keys_nobody_can_say),
        SIGNED(test_claims_count),
        ASKED(test_slow_provider_holds_few),
        ASKED(test_introspection_asks_as_the_rfc_says),
        ASKED(test_introspection_is_remembered_for_a_while),
        ASKED(test_what_is_remembered_ends_with_the_token),
        ASKED(test_no_answer_is_no_refusal),
        ASKED(test_token_limit),
        cmocka_unit_test(test_cache_forgets_the_oldest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

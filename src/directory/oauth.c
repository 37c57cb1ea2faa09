#include "directory/oauth.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/base64.h"
#include "base/must.h"
#include "directory/claims.h"
#include "directory/jwt.h"
#include "directory/token_cache.h"
#include "rt/json.h"

enum { STATUS_OK = 200, QUERY_MAX = 3 * JWT_MAX + 100, CREDENTIALS_MAX = 8 * 1024, ARENA_MAX = 256 * 1024 };

/* Invariants: 1. `refreshing` is held by whoever fetches keys, and by nobody who needs none. 2. Keys change
 * only under both locks, and `version` with them. */
struct oauth {
    struct oauth_options options;
    struct claim_rules rules;
    pthread_mutex_t lock;
    unsigned asking; /* checks that fetch, or wait for who does */
    struct jwt_keys *keys;
    uint64_t version;
    int64_t keys_at;    /* monotonic: when they came */
    int64_t failed_at;  /* when they last did not; 0: they did */
    int64_t rotated_at; /* when an unknown key last made them be fetched; 0: never */
    pthread_mutex_t refreshing;
    struct token_cache *cache;
};

enum err oauth_create(const struct oauth_options *options, struct oauth **ret_oauth, struct error *error)
{
    struct oauth *oauth = calloc(1, sizeof(*oauth));
    if (oauth == NULL)
        return fail_nomem(error);
    oauth->options = *options;
    oauth->rules = (struct claim_rules){.issuer = options->issuer,
                                        .audience = options->audience,
                                        .account = options->claim,
                                        .complete = options->jwks[0] != 0};
    pthread_mutex_init(&oauth->lock, NULL);
    pthread_mutex_init(&oauth->refreshing, NULL);
    oauth->cache = token_cache_new(OAUTH_CACHE_MAX);
    if (oauth->cache == NULL) {
        oauth_destroy(oauth);
        return fail_nomem(error);
    }
    *ret_oauth = oauth;
    return ERR_OK;
}

void oauth_destroy(struct oauth *oauth)
{
    if (oauth == NULL)
        return;
    must(oauth->asking == 0);
    jwt_keys_release(oauth->keys);
    token_cache_free(oauth->cache);
    pthread_mutex_destroy(&oauth->refreshing);
    pthread_mutex_destroy(&oauth->lock);
    free(oauth);
}

/* --- asking the provider --- */

static enum err enter(struct oauth *oauth, struct error *error)
{
    pthread_mutex_lock(&oauth->lock);
    bool room = oauth->asking < OAUTH_CHECKS_AT_ONCE;
    oauth->asking += room;
    pthread_mutex_unlock(&oauth->lock);
    return room ? ERR_OK
                : fail(error, ERR_UNAVAILABLE, NULL, "%d log-ins wait for the identity provider",
                       OAUTH_CHECKS_AT_ONCE);
}

static void leave(struct oauth *oauth)
{
    pthread_mutex_lock(&oauth->lock);
    oauth->asking--;
    pthread_mutex_unlock(&oauth->lock);
}

/* Whatever goes wrong, it is no word about the token. */
static enum err ask(struct oauth *oauth, const struct fetch_request *request, struct arena *arena,
                    struct slice *ret_body, struct error *error)
{
    struct fetch_answer answer;
    enum err err = oauth->options.fetch(oauth->options.fetch_context, request, arena, &answer, error);
    if (err != ERR_OK) {
        error->code = ERR_UNAVAILABLE;
        return error_context(error, "identity provider");
    }
    if (answer.status != STATUS_OK)
        return fail(error, ERR_UNAVAILABLE, NULL, "%.*s answers %u", SLICE_ARGS(request->url), answer.status);
    *ret_body = answer.body;
    return ERR_OK;
}

/* --- signed tokens --- */

static enum err fetch_keys(struct oauth *oauth, struct jwt_keys **ret_keys, struct error *error)
{
    static const struct slice headers[] = {{"Accept: application/json", 24}};
    CLEANUP(arena_release) struct arena arena = ARENA(ARENA_MAX);
    const struct fetch_request request = {.url = slice_cstr(oauth->options.jwks),
                                          .headers = headers,
                                          .header_count = ARRAY_LEN(headers),
                                          .body_max = FETCH_BODY_MAX,
                                          .timeout_us = OAUTH_TIMEOUT_US};
    struct slice body = slice_none();
    struct jwt_keys *keys;
    enum err err = ask(oauth, &request, &arena, &body, error);
    if (err == ERR_OK && jwt_keys_parse(body, &keys, error) != ERR_OK) {
        error->code = err = ERR_UNAVAILABLE;
        (void)error_context(error, "%s", oauth->options.jwks);
    }
    if (err == ERR_OK)
        *ret_keys = keys;
    return err;
}

/* The keys of now, held; NULL: none yet. */
static struct jwt_keys *hold_keys(struct oauth *oauth, uint64_t *ret_version, int64_t *ret_age_us)
{
    pthread_mutex_lock(&oauth->lock);
    struct jwt_keys *keys = jwt_keys_hold(oauth->keys);
    *ret_version = oauth->version;
    *ret_age_us = clock_mono_us() - oauth->keys_at;
    pthread_mutex_unlock(&oauth->lock);
    return keys;
}

/* Whether to fetch at all, and why not. Locked; notes an attempt because of an unknown key. */
static enum err may_refresh(struct oauth *oauth, bool unknown_key, struct error *error)
{
    int64_t now = clock_mono_us();
    if (oauth->failed_at != 0 && now - oauth->failed_at < OAUTH_RETRY_SECONDS * CLOCK_SECOND)
        return fail(error, ERR_UNAVAILABLE, NULL, "the provider gave no keys a moment ago");
    if (!unknown_key)
        return ERR_OK;
    if (oauth->rotated_at != 0 && now - oauth->rotated_at < OAUTH_ROTATION_SECONDS * CLOCK_SECOND)
        return fail(error, ERR_AUTH, NULL, "no key for the token, and new ones were looked for a moment ago");
    oauth->rotated_at = now;
    return ERR_OK;
}

static void take_keys(struct oauth *oauth, struct jwt_keys *keys)
{
    pthread_mutex_lock(&oauth->lock);
    struct jwt_keys *old = oauth->keys;
    int64_t now = clock_mono_us();
    oauth->failed_at = keys == NULL ? now : 0;
    if (keys != NULL) {
        oauth->keys = keys;
        oauth->keys_at = now;
        oauth->version++;
    }
    pthread_mutex_unlock(&oauth->lock);
    if (keys != NULL)
        jwt_keys_release(old);
}

/* Newer keys than those of `version`; who waits for another's fetch takes what that brought. */
static enum err refresh(struct oauth *oauth, uint64_t version, bool unknown_key, struct error *error)
{
    struct jwt_keys *keys = NULL;
    enum err err = enter(oauth, error);
    if (err != ERR_OK)
        return err;
    pthread_mutex_lock(&oauth->refreshing);
    pthread_mutex_lock(&oauth->lock);
    bool newer = oauth->version != version;
    if (!newer)
        err = may_refresh(oauth, unknown_key, error);
    pthread_mutex_unlock(&oauth->lock);
    if (!newer && err == ERR_OK) {
        err = fetch_keys(oauth, &keys, error);
        take_keys(oauth, keys);
    }
    pthread_mutex_unlock(&oauth->refreshing);
    leave(oauth);
    return err;
}

static enum err verify_now(struct oauth *oauth, struct slice token, json_t **ret_object,
                           uint64_t *ret_version, bool *ret_stale, struct error *error)
{
    int64_t age;
    struct jwt_keys *keys = hold_keys(oauth, ret_version, &age);
    enum err err;
    *ret_stale = keys == NULL || age >= OAUTH_KEYS_SECONDS * CLOCK_SECOND;
    if (keys == NULL || age >= OAUTH_KEYS_STALE_SECONDS * CLOCK_SECOND)
        err = fail(error, ERR_UNAVAILABLE, NULL, "no keys of the provider, or none of this day");
    else
        err = jwt_verify(token, keys, ret_object, error);
    jwt_keys_release(keys);
    return err;
}

/* The claims of a token that verifies, if need be with keys fetched for it. */
static enum err verify(struct oauth *oauth, struct slice token, json_t **ret_object, struct error *error)
{
    uint64_t version;
    bool stale;
    struct error why;
    enum err err = verify_now(oauth, token, ret_object, &version, &stale, error);
    if (!stale && err != ERR_NOT_FOUND)
        return err;
    enum err got = refresh(oauth, version, !stale, &why);
    if (got == ERR_OK) {
        if (err == ERR_OK)
            json_decref(*ret_object);
        err = verify_now(oauth, token, ret_object, &version, &stale, error);
        return err == ERR_NOT_FOUND ? fail(error, ERR_AUTH, NULL, "no key for the token") : err;
    }
    if (err == ERR_OK)
        return ERR_OK; /* the old ones do */
    *error = why;
    return got;
}

static enum err check_signed(struct oauth *oauth, struct slice token, struct arena *arena,
                             struct slice *ret_account, struct error *error)
{
    json_t *object = NULL;
    struct claims claims;
    enum err err = verify(oauth, token, &object, error);
    if (err != ERR_OK)
        return err;
    err = claims_check(object, &oauth->rules, clock_wall_us(), arena, &claims, error);
    json_decref(object);
    if (err == ERR_OK)
        *ret_account = claims.account;
    return err;
}

/* --- introspection --- */

/* application/x-www-form-urlencoded (RFC 6749 appendix B). */
static void put_encoded(struct buf *out, struct slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (ascii_is_alnum(s.p[i]) || s.p[i] == '-' || s.p[i] == '.' || s.p[i] == '_')
            buf_putc(out, s.p[i]);
        else
            buf_printf(out, "%%%02X", (unsigned)(unsigned char)s.p[i]);
    }
}

/* RFC 6749 2.3.1: both parts encoded, then HTTP Basic. */
static void put_credentials(struct buf *out, const struct oauth_options *options)
{
    CLEANUP(buf_release) struct buf plain = BUF(CREDENTIALS_MAX);
    put_encoded(&plain, slice_cstr(options->client));
    buf_putc(&plain, ':');
    put_encoded(&plain, slice_cstr(options->secret));
    buf_put(out, S("Authorization: Basic "));
    base64_encode(out, buf_slice(&plain));
    out->failed = out->failed || buf_failed(&plain);
}

static enum err introspect(struct oauth *oauth, struct slice token, struct arena *arena,
                           struct slice *ret_body, struct error *error)
{
    CLEANUP(buf_release) struct buf query = BUF(QUERY_MAX);
    CLEANUP(buf_release) struct buf credentials = BUF(FETCH_HEADER_LINE_MAX);
    buf_put(&query, S("token="));
    put_encoded(&query, token);
    buf_put(&query, S("&token_type_hint=access_token"));
    put_credentials(&credentials, &oauth->options);
    if (buf_failed(&query) || buf_failed(&credentials))
        return fail(error, ERR_AUTH, NULL, "the token or our secret is too long to be sent");
    const struct slice headers[] = {S("Content-Type: application/x-www-form-urlencoded"),
                                    S("Accept: application/json"), buf_slice(&credentials)};
    const struct fetch_request request = {.method = FETCH_POST,
                                          .url = slice_cstr(oauth->options.introspection),
                                          .headers = headers,
                                          .header_count = oauth->options.client[0] != 0 ? 3 : 2,
                                          .body = buf_slice(&query),
                                          .body_max = FETCH_BODY_MAX,
                                          .timeout_us = OAUTH_TIMEOUT_US};
    enum err err = enter(oauth, error);
    if (err != ERR_OK)
        return err;
    err = ask(oauth, &request, arena, ret_body, error);
    leave(oauth);
    return err;
}

static enum err read_introspection(struct oauth *oauth, struct slice body, struct arena *arena,
                                   struct claims *ret_claims, struct error *error)
{
    json_t *object = NULL;
    if (json_read(body, &object, error) == ERR_NOMEM)
        return ERR_NOMEM;
    json_t *active = json_object_get(object, "active");
    enum err err;
    if (!json_is_boolean(active))
        err = fail(error, ERR_UNAVAILABLE, NULL, "%s: no answer of an introspection",
                   oauth->options.introspection);
    else if (!json_is_true(active))
        err = fail(error, ERR_AUTH, NULL, "the token is not active");
    else
        err = claims_check(object, &oauth->rules, clock_wall_us(), arena, ret_claims, error);
    json_decref(object);
    return err;
}

static enum err check_by_asking(struct oauth *oauth, struct slice token, struct arena *arena,
                                struct slice *ret_account, struct error *error)
{
    CLEANUP(arena_release) struct arena scratch = ARENA(ARENA_MAX);
    struct claims claims;
    struct slice body = slice_none();
    if (token_cache_find(oauth->cache, token, arena, ret_account))
        return ERR_OK;
    enum err err = introspect(oauth, token, &scratch, &body, error);
    if (err == ERR_OK)
        err = read_introspection(oauth, body, arena, &claims, error);
    if (err != ERR_OK)
        return err;
    int64_t left = claims.expires_us == INT64_MAX ? INT64_MAX : claims.expires_us - clock_wall_us();
    token_cache_add(oauth->cache, token, claims.account, MIN(left, OAUTH_CACHE_SECONDS * CLOCK_SECOND));
    *ret_account = claims.account;
    return ERR_OK;
}

enum err oauth_check(struct oauth *oauth, struct slice token, struct arena *arena, struct slice *ret_account,
                     struct error *error)
{
    if (token.n == 0 || token.n > JWT_MAX)
        return fail(error, ERR_AUTH, NULL, "a token of %zu bytes", token.n);
    return oauth->options.jwks[0] != 0 ? check_signed(oauth, token, arena, ret_account, error)
                                       : check_by_asking(oauth, token, arena, ret_account, error);
}

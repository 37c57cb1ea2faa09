#include "directory/claims.h"

#include "base/clock.h"

/* A time that is there but no number makes the token bad; so does one beyond what we can count. */
static bool get_time(json_t *object, const char *name, bool *ret_there, int64_t *ret_us)
{
    enum { SECONDS_MOST_BITS = 40 }; /* some 34,000 years */
    json_t *value = json_object_get(object, name);
    *ret_there = value != NULL && !json_is_null(value);
    if (!*ret_there)
        return true;
    double seconds = json_number_value(value);
    if (!json_is_number(value) || !(seconds >= 0 && seconds < (double)(INT64_C(1) << SECONDS_MOST_BITS)))
        return false;
    *ret_us = (int64_t)seconds * CLOCK_SECOND;
    return true;
}

static enum err check_times(json_t *object, const struct claim_rules *rules, int64_t now_us,
                            int64_t *ret_expires, struct error *error)
{
    const int64_t skew = CLAIMS_SKEW_SECONDS * CLOCK_SECOND;
    bool expires, begins;
    int64_t end = INT64_MAX, begin = 0;
    if (!get_time(object, "exp", &expires, &end) || !get_time(object, "nbf", &begins, &begin))
        return fail(error, ERR_AUTH, NULL, "the token's times are none");
    if (rules->complete && !expires)
        return fail(error, ERR_AUTH, NULL, "the token never expires");
    if (expires && end + skew <= now_us)
        return fail(error, ERR_AUTH, NULL, "the token has expired");
    if (begins && begin - skew > now_us)
        return fail(error, ERR_AUTH, NULL, "the token is not valid yet");
    *ret_expires = end;
    return ERR_OK;
}

static bool is_text(json_t *value, const char *text)
{
    return json_is_string(value) && strcmp(json_string_value(value), text) == 0;
}

/* RFC 7519 4.1.3: one, or a list. */
static bool has_audience(json_t *object, const char *audience)
{
    json_t *value = json_object_get(object, "aud");
    if (is_text(value, audience))
        return true;
    for (size_t i = 0; i < json_array_size(value); i++)
        if (is_text(json_array_get(value, i), audience))
            return true;
    return false;
}

static enum err check_parties(json_t *object, const struct claim_rules *rules, struct error *error)
{
    json_t *issuer = json_object_get(object, "iss");
    if (rules->issuer[0] != 0 && (issuer != NULL || rules->complete) && !is_text(issuer, rules->issuer))
        return fail(error, ERR_AUTH, NULL, "the token is of another issuer");
    if (rules->audience[0] != 0 && !has_audience(object, rules->audience))
        return fail(error, ERR_AUTH, NULL, "the token is for another audience");
    return ERR_OK;
}

static enum err find_account(json_t *object, const char *claim, struct arena *arena, struct slice *ret,
                             struct error *error)
{
    json_t *value = json_object_get(object, claim);
    json_t *verified = json_object_get(object, "email_verified");
    size_t n = json_string_length(value);
    if (!json_is_string(value) || n == 0 || n > CLAIMS_ACCOUNT_MAX)
        return fail(error, ERR_AUTH, NULL, "the token names no account in \"%s\"", claim);
    /* Some providers write it as text. */
    if (strcmp(claim, "email") == 0 && verified != NULL && !json_is_true(verified) &&
        !is_text(verified, "true"))
        return fail(error, ERR_AUTH, NULL, "the token's address is not verified");
    struct slice account = arena_dup(arena, slice_of(json_string_value(value), n));
    if (account.p == NULL)
        return fail_nomem(error);
    *ret = account;
    return ERR_OK;
}

enum err claims_check(json_t *object, const struct claim_rules *rules, int64_t now_us, struct arena *arena,
                      struct claims *ret_claims, struct error *error)
{
    struct claims claims = {0};
    enum err err = check_times(object, rules, now_us, &claims.expires_us, error);
    if (err == ERR_OK)
        err = check_parties(object, rules, error);
    if (err == ERR_OK)
        err = find_account(object, rules->account, arena, &claims.account, error);
    if (err == ERR_OK)
        *ret_claims = claims;
    return err;
}

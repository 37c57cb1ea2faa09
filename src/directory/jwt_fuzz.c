/*
 * What a provider publishes, and what a client shows as a token: any bytes. The first byte chooses. The set
 * that tokens are tried with has one key, whose private half nobody has: no token is right.
 */
#include "base/must.h"
#include "directory/claims.h"
#include "directory/jwt.h"
#include "directory/oauth_message.h"

enum { FUZZ_USER_MAX = 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_keys(struct slice input)
{
    struct jwt_keys *keys;
    struct error error;
    if (jwt_keys_parse(input, &keys, &error) != ERR_OK)
        return;
    must(jwt_keys_count(keys) <= JWK_KEYS_MAX);
    jwt_keys_release(keys);
}

static void fuzz_token(struct slice input)
{
    static const struct slice set = S("{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\","
                                      "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}");
    struct jwt_keys *keys;
    json_t *claims;
    struct error error;
    must(jwt_keys_parse(set, &keys, &error) == ERR_OK && jwt_keys_count(keys) == 1);
    must(jwt_verify(input, keys, &claims, &error) != ERR_OK);
    jwt_keys_release(keys);
}

static void fuzz_claims(struct slice input)
{
    static const struct claim_rules rules = {
        .issuer = "i", .audience = "a", .account = "email", .complete = true};
    CLEANUP(arena_release) struct arena arena = ARENA(10000);
    struct claims claims;
    struct error error;
    json_t *object = json_loadb(input.n > 0 ? input.p : "", input.n, JSON_REJECT_DUPLICATES, NULL);
    if (json_is_object(object) && claims_check(object, &rules, 0, &arena, &claims, &error) == ERR_OK)
        must(claims.account.n > 0 && claims.expires_us != INT64_MAX);
    json_decref(object);
}

static void fuzz_message(struct slice input, bool rfc)
{
    CLEANUP(buf_release) struct buf user = BUF(FUZZ_USER_MAX);
    struct oauth_message message;
    if (rfc ? oauthbearer_parse(input, &user, &message) : xoauth2_parse(input, &message))
        must(message.token.n > 0 && slice_find_char(message.token, ' ') < 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct slice input = slice_of(data + 1, size - 1);
    switch (data[0] % 5) {
    case 0:
        fuzz_keys(input);
        break;
    case 1:
        fuzz_token(input);
        break;
    case 2:
        fuzz_claims(input);
        break;
    default:
        fuzz_message(input, data[0] % 5 == 3);
        break;
    }
    return 0;
}

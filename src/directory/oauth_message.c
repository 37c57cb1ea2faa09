#include "directory/oauth_message.h"

#include "directory/scram.h"

#define SEPARATOR '\1'

/* RFC 6750 2.1: b64token. */
static bool is_token(struct slice s)
{
    static const struct slice alphabet = {
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/", 68};
    struct cursor c = cursor_of(s);
    size_t n = cursor_take_while(&c, alphabet).n;
    (void)cursor_take_while(&c, S("="));
    return n > 0 && cursor_done(&c);
}

/* "Bearer" is an HTTP scheme: letters of any case, one blank or more (RFC 9110 11.1). */
static bool read_bearer(struct slice value, struct slice *ret_token)
{
    struct cursor c = cursor_of(value);
    if (!cursor_skip_nocase(&c, S("Bearer")) || cursor_take_while(&c, S(" ")).n == 0)
        return false;
    *ret_token = cursor_rest(&c);
    return is_token(*ret_token);
}

/* *kvpair kvsep: pairs, each ended by a separator, and one separator more. Which of them is "auth" (once). */
static bool read_pairs(struct slice text, struct oauth_message *message)
{
    bool found = false;
    while (text.n > 0 && text.p[0] != SEPARATOR) {
        struct slice pair, key, value;
        if (!slice_cut(text, SEPARATOR, &pair, &text) || !slice_cut(pair, '=', &key, &value) || key.n == 0)
            return false;
        if (!slice_eq(key, S("auth")))
            continue; /* unknown ones are passed over (3.1) */
        if (found || !read_bearer(value, &message->token))
            return false;
        found = true;
    }
    return found && text.n == 1;
}

bool oauthbearer_parse(struct slice message, struct buf *user_text, struct oauth_message *ret)
{
    struct oauth_message parsed = {0};
    struct slice flag, user, head, rest;
    /* RFC 5801 4: "n" or "y", as there is no channel binding here, then maybe the name, as SCRAM has it. */
    if (!slice_cut(message, ',', &flag, &rest) || (!slice_eq(flag, S("n")) && !slice_eq(flag, S("y"))) ||
        !slice_cut(rest, ',', &user, &rest) || !slice_cut(rest, SEPARATOR, &head, &rest) || head.n > 0)
        return false;
    if (user.n > 0 && (!slice_starts(user, S("a=")) || !scram_name_decode(slice_from(user, 2), user_text)))
        return false;
    parsed.user = buf_slice(user_text);
    if (!read_pairs(rest, &parsed))
        return false;
    *ret = parsed;
    return true;
}

bool xoauth2_parse(struct slice message, struct oauth_message *ret)
{
    struct oauth_message parsed = {0};
    struct slice user, rest;
    if (!slice_cut(message, SEPARATOR, &user, &rest) || !slice_starts(user, S("user=")))
        return false;
    parsed.user = slice_from(user, 5);
    if (slice_find_char(parsed.user, 0) >= 0 || !read_pairs(rest, &parsed))
        return false;
    *ret = parsed;
    return true;
}

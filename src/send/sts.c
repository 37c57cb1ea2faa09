#include "send/sts.h"

#include <stdio.h>

enum { RECORD_MAX = 2048 };

/* --- the record: "v=STSv1; id=20160831085700Z;" --- */

static bool is_id(struct slice id)
{
    for (size_t i = 0; i < id.n; i++)
        if (!ascii_is_alnum(id.p[i]))
            return false;
    return id.n > 0 && id.n <= STS_ID_MAX;
}

/* One TXT record's strings are one text (RFC 7208 3.3 has the same). False: it is malformed, or too long to
 * be one of ours. */
static bool join_strings(struct slice data, char *text, size_t max, size_t *ret_n)
{
    size_t n = 0;
    while (data.n > 0) {
        size_t length = (unsigned char)data.p[0];
        if (length > data.n - 1 || length > max - n)
            return false;
        memcpy(text + n, data.p + 1, length);
        n += length;
        data = slice_from(data, 1 + length);
    }
    *ret_n = n;
    return true;
}

/* *ret_ours: it says that it is about MTA-STS, in whatever words. */
static bool read_record(struct slice text, bool *ret_ours, struct slice *ret_id)
{
    struct slice field, id = slice_none();
    slice_cut(text, ';', &field, &text);
    *ret_ours = slice_eq(slice_trim(field), S("v=STSv1"));
    while (*ret_ours && text.n > 0) {
        slice_cut(text, ';', &field, &text);
        field = slice_trim(field);
        if (id.n == 0 && slice_starts(field, S("id=")))
            id = slice_from(field, 3);
    }
    *ret_id = id;
    return *ret_ours && is_id(id);
}

bool sts_read_records(const struct slice *records, size_t count, char ret_id[static STS_ID_MAX + 1])
{
    char text[RECORD_MAX];
    char found[STS_ID_MAX + 1] = "";
    size_t ours = 0;
    bool good = false;
    for (size_t i = 0; i < count; i++) {
        struct slice id;
        bool mine;
        size_t n;
        if (!join_strings(records[i], text, sizeof(text), &n))
            continue;
        bool valid = read_record(slice_of(text, n), &mine, &id);
        ours += mine;
        good = good || valid;
        if (valid)
            snprintf(found, sizeof(found), "%.*s", SLICE_ARGS(id));
    }
    if (ours != 1 || !good) /* RFC 8461 3.1: exactly one, or there is no policy */
        return false;
    memcpy(ret_id, found, sizeof(found));
    return true;
}

/* --- the policy: lines of "key: value" --- */

struct keys {
    bool version, mode, max_age;
};

static bool read_mode(struct slice value, enum sts_mode *ret)
{
    static const char *const names[] = {
#define X(name, text) text,
        STS_MODE_TABLE(X)
#undef X
    };
    for (unsigned i = 0; i < STS_MODES; i++)
        if (slice_eq(value, slice_cstr(names[i]))) {
            *ret = (enum sts_mode)i;
            return true;
        }
    return false;
}

static bool is_pattern(struct slice value)
{
    struct slice name = slice_starts(value, S("*.")) ? slice_from(value, 2) : value;
    for (size_t i = 0; i < name.n; i++)
        if (!ascii_is_alnum(name.p[i]) && name.p[i] != '-' && name.p[i] != '.' && name.p[i] != '_')
            return false;
    return name.n > 0;
}

/* RFC 8461 3.2: of what may stand once, the first counts; what is unknown is passed over. */
static bool read_line(struct slice key, struct slice value, struct keys *seen, struct sts_policy *policy)
{
    uint64_t age;
    if (slice_eq(key, S("version")) && !seen->version) {
        seen->version = true;
        return slice_eq(value, S("STSv1"));
    }
    if (slice_eq(key, S("mode")) && !seen->mode) {
        seen->mode = true;
        return read_mode(value, &policy->mode);
    }
    if (slice_eq(key, S("max_age")) && !seen->max_age) {
        seen->max_age = true;
        if (!slice_to_u64(value, &age))
            return false;
        policy->max_age = (uint32_t)(age < STS_AGE_MAX ? age : STS_AGE_MAX);
    }
    if (slice_eq(key, S("mx"))) {
        if (slice_ends(value, S(".")))
            value.n--;
        if (!is_pattern(value))
            return false;
        policy->mx[policy->mx_count++] = value;
    }
    return true;
}

bool sts_read_policy(struct slice text, struct arena *arena, struct sts_policy *ret_policy)
{
    struct sts_policy policy = {.mode = STS_NONE};
    struct keys seen = {false, false, false};
    size_t values = 0;
    if (text.n == 0 || text.n > STS_TEXT_MAX)
        return false;
    for (size_t i = 0; i < text.n; i++)
        values += text.p[i] == ':';
    policy.mx = arena_array(arena, values + 1, sizeof(*policy.mx));
    if (policy.mx == NULL)
        return false;
    while (text.n > 0) {
        struct slice line, key, value;
        slice_cut(text, '\n', &line, &text);
        line = slice_trim(line);
        if (line.n == 0)
            continue;
        if (!slice_cut(line, ':', &key, &value) ||
            !read_line(slice_trim(key), slice_trim(value), &seen, &policy))
            return false;
    }
    if (!seen.version || !seen.mode || !seen.max_age || (policy.mode != STS_NONE && policy.mx_count == 0))
        return false;
    *ret_policy = policy;
    return true;
}

bool sts_names_host(const struct sts_policy *policy, struct slice host)
{
    if (host.n > 1 && slice_ends(host, S(".")))
        host.n--;
    for (size_t i = 0; i < policy->mx_count; i++) {
        struct slice pattern = policy->mx[i];
        struct slice first, rest;
        if (slice_eq_nocase(pattern, host))
            return true;
        /* RFC 8461 4.1: the star is one label, the leftmost. */
        if (slice_starts(pattern, S("*.")) && slice_cut(host, '.', &first, &rest) && first.n > 0 &&
            slice_eq_nocase(slice_from(pattern, 2), rest))
            return true;
    }
    return false;
}

#include "mime/summary.h"

/* RFC 5256 2.1, with the names of its section 5. */

static bool is_wsp(char c)
{
    return c == ' ' || c == '\t';
}

static struct slice skip_wsp(struct slice s)
{
    while (s.n > 0 && is_wsp(s.p[0]))
        s = slice_from(s, 1);
    return s;
}

/* subj-blob: "[...]" and the blanks after it. False: none stands here. */
static bool skip_blob(struct slice s, struct slice *ret_rest)
{
    if (s.n == 0 || s.p[0] != '[')
        return false;
    for (size_t i = 1; i < s.n && s.p[i] != '[' && s.p[i] != 0; i++) {
        if (s.p[i] == ']') {
            *ret_rest = skip_wsp(slice_from(s, i + 1));
            return true;
        }
    }
    return false;
}

/* subj-refwd: "re" or "fw" or "fwd", perhaps a blob, a colon. */
static bool skip_refwd(struct slice s, struct slice *ret_rest)
{
    struct slice rest = s;
    if (slice_starts_nocase(s, S("fwd")))
        rest = slice_from(s, 3);
    else if (slice_starts_nocase(s, S("re")) || slice_starts_nocase(s, S("fw")))
        rest = slice_from(s, 2);
    else
        return false;
    rest = skip_wsp(rest);
    (void)skip_blob(rest, &rest);
    if (rest.n == 0 || rest.p[0] != ':')
        return false;
    *ret_rest = slice_from(rest, 1);
    return true;
}

/* *subj-blob subj-refwd */
static bool skip_leader(struct slice s, struct slice *ret_rest)
{
    struct slice rest = s;
    while (skip_blob(rest, &rest))
        continue;
    return skip_refwd(rest, ret_rest);
}

static struct slice cut_trailers(struct slice s, bool *marked)
{
    for (;;) {
        if (s.n > 0 && is_wsp(s.p[s.n - 1])) {
            s.n--;
        } else if (slice_ends_nocase(s, S("(fwd)"))) {
            s.n -= 5;
            *marked = true;
        } else {
            return s;
        }
    }
}

static struct slice cut_leaders(struct slice s, bool *marked)
{
    for (;;) {
        struct slice rest;
        s = skip_wsp(s);
        if (skip_leader(s, &rest)) {
            *marked = true;
            s = rest;
        } else if (skip_blob(s, &rest) && rest.n > 0) {
            s = rest;
        } else {
            return s;
        }
    }
}

void mime_base_subject(struct slice subject, struct slice *ret, bool *ret_is_reply_or_forward)
{
    bool marked = false;
    struct slice s = subject;
    for (;;) {
        s = cut_leaders(cut_trailers(s, &marked), &marked);
        if (!slice_starts_nocase(s, S("[fwd:")) || !slice_ends(s, S("]")))
            break;
        s = slice_sub(s, 5, s.n - 6);
        marked = true;
    }
    *ret = s;
    *ret_is_reply_or_forward = marked;
}

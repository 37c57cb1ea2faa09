#include "authres/arc_trust.h"

#include "authres/arc_chain.h"
#include "authres/dns_records.h"
#include "base/name_list.h"

enum { VALUE_MAX = 256 };

static bool is_trusted(struct slice domain, struct slice trusted)
{
    struct cursor names = cursor_of(trusted);
    struct slice name;
    while (name_list_next(&names, &name))
        if (dns_name_within(domain, name))
            return true;
    return false;
}

static bool saw_author(struct slice results, struct slice author)
{
    struct cursor c = cursor_of(results);
    struct arc_result result;
    while (arc_result_next(&c, &result)) {
        CLEANUP(buf_release) struct buf from = BUF(VALUE_MAX);
        if (slice_eq_nocase(result.method, S("dmarc")) && slice_eq_nocase(result.word, S("pass")) &&
            arc_result_property(&result, S("header.from"), &from) && !buf_failed(&from) &&
            slice_eq_nocase(buf_slice(&from), author))
            return true;
    }
    return false;
}

struct slice arc_vouching(const struct arc_verdict *verdict, struct slice trusted, struct slice author)
{
    bool all_newer = true;
    for (size_t i = verdict->status == ARC_PASS ? verdict->count : 0; i > 0; i--) {
        const struct arc_seal *seal = &verdict->seals[i - 1];
        bool untouched = verdict->oldest_pass <= i;
        if (!untouched && !all_newer)
            break;
        if (!is_trusted(seal->domain, trusted))
            all_newer = false;
        else if (saw_author(seal->results, author))
            return seal->domain;
    }
    return slice_none();
}

/* Where the message came from when the first of them sealed it. */
static bool origin(struct slice results, struct buf *out)
{
    struct cursor c = cursor_of(results);
    struct arc_result result;
    while (arc_result_next(&c, &result))
        if (arc_result_property(&result, S("smtp.remote-ip"), out) ||
            arc_result_property(&result, S("policy.iprev"), out))
            return true;
    return false;
}

void arc_comment_put(struct buf *out, const struct arc_verdict *verdict)
{
    size_t start = out->n;
    CLEANUP(buf_release) struct buf from = BUF(VALUE_MAX);
    CLEANUP(buf_release) struct buf ip = BUF(VALUE_MAX);
    if (verdict->count > 0 && origin(verdict->seals[0].results, &from) && !buf_failed(&from))
        buf_printf(&ip, " remote-ip[1]=%.*s", SLICE_ARGS(slice_sub(buf_slice(&from), 0, 50)));
    buf_printf(out, "arc=%s", arc_status_word(verdict->status));
    for (size_t i = verdict->count; i > 0; i--) {
        CLEANUP(buf_release) struct buf one = BUF(2 * ARC_COMMENT_MAX);
        const struct arc_seal *seal = &verdict->seals[i - 1];
        buf_printf(&one, " as[%zu].d=%.*s as[%zu].s=%.*s", i,
                   SLICE_ARGS(slice_sub(seal->domain, 0, VALUE_MAX)), i,
                   SLICE_ARGS(slice_sub(seal->selector, 0, VALUE_MAX)));
        if (buf_failed(&one) || out->n - start + one.n + ip.n > ARC_COMMENT_MAX)
            break;
        buf_put(out, buf_slice(&one));
    }
    buf_put(out, buf_slice(&ip));
}

#include "authres/dkim_names.h"

enum { LINE_MAX_SIGNS = 72 };

/*
 * RFC 6376 5.4.1, and what came since. `once` fields are signed once more than they are there, so that nobody
 * can put another one before them. Not signed: what is changed on the way (Received, Return-Path,
 * Authentication-Results), and what mailing lists put in legitimately (Sender, List-*) when it is not there.
 */
static const struct {
    struct slice name;
    bool once;
} chosen[] = {
    {S("From"), true},
    {S("Reply-To"), true},
    {S("To"), true},
    {S("Cc"), true},
    {S("Subject"), true},
    {S("Date"), true},
    {S("Message-ID"), true},
    {S("In-Reply-To"), true},
    {S("References"), true},
    {S("MIME-Version"), true},
    {S("Content-Type"), true},
    {S("Content-Transfer-Encoding"), true},
    {S("Content-Disposition"), false},
    {S("Content-Language"), false},
    {S("Sender"), false},
    {S("Resent-From"), false},
    {S("Resent-To"), false},
    {S("Resent-Cc"), false},
    {S("Resent-Sender"), false},
    {S("Resent-Date"), false},
    {S("Resent-Message-ID"), false},
    {S("Auto-Submitted"), false},
    {S("Autocrypt"), false},
    {S("List-Id"), false},
    {S("List-Help"), false},
    {S("List-Unsubscribe"), false},
    {S("List-Unsubscribe-Post"), false}, /* RFC 8058 4 wants both signed */
    {S("List-Subscribe"), false},
    {S("List-Post"), false},
    {S("List-Owner"), false},
    {S("List-Archive"), false},
    {S("Feedback-ID"), false},
};

size_t dkim_names_choose(const struct dkim_intake *intake, bool foreign, struct slice *ret_names, size_t max)
{
    size_t count = 0;
    for (size_t i = 0; i < ARRAY_LEN(chosen); i++) {
        size_t wanted = dkim_intake_count(intake, chosen[i].name) + (chosen[i].once ? 1 : 0);
        for (size_t k = 0; k < wanted && count < max; k++)
            ret_names[count++] = chosen[i].name;
    }
    size_t signatures = foreign ? dkim_intake_count(intake, S("DKIM-Signature")) : 0;
    for (size_t k = 0; k < signatures && count < max; k++)
        ret_names[count++] = S("DKIM-Signature");
    return count;
}

void dkim_names_put(struct buf *out, const struct slice *names, size_t count)
{
    size_t column = 3;
    buf_put(out, S("h="));
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buf_putc(out, ':');
        if (column + names[i].n + 1 > LINE_MAX_SIGNS) {
            buf_put(out, S("\r\n\t "));
            column = 2;
        }
        for (size_t k = 0; k < names[i].n; k++)
            buf_putc(out, ascii_lower(names[i].p[k]));
        column += names[i].n + 1;
    }
}

void dkim_base64_put(struct buf *out, struct slice base64)
{
    while (base64.n > LINE_MAX_SIGNS) {
        buf_put(out, slice_sub(base64, 0, LINE_MAX_SIGNS));
        buf_put(out, S("\r\n\t "));
        base64 = slice_from(base64, LINE_MAX_SIGNS);
    }
    buf_put(out, base64);
}

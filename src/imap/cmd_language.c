/* LANGUAGE (RFC 5255 3): in which language people are spoken to. */
#include "imap/session_internal.h"

void imap_put_languages(struct buf *out)
{
    buf_put(out, S("* LANGUAGE ("));
    for (int language = 0; language < LANGUAGES; language++)
        buf_printf(out, "%s ", language_tag((enum language)language));
    buf_put(out, S("i-default)\r\n"));
}

bool imap_choose_language(const struct imap_languages *ranges, const struct tongue *by_default,
                          struct tongue *tongue, struct buf *out)
{
    for (size_t i = 0; i < ranges->count; i++) {
        enum language language = LANGUAGE_EN;
        bool i_default = slice_eq_nocase(ranges->ranges[i], S("i-default"));
        if (slice_eq_nocase(ranges->ranges[i], S("default"))) {
            *tongue = *by_default;
            language = tongue->language;
            i_default = !tongue->negotiated;
        } else if (i_default || language_find(ranges->ranges[i], &language)) {
            *tongue = (struct tongue){language, true};
        } else {
            continue;
        }
        buf_printf(out, "* LANGUAGE (%s)\r\n", i_default ? "i-default" : language_tag(language));
        return true;
    }
    return false;
}

void cmd_language(struct imap_session *s, struct imap_call *call)
{
    struct buf *out = conn_output(s->conn);
    const struct imap_languages *ranges = &call->command.languages;
    const struct tongue by_default = {s->preferred, true};
    if (ranges->count == 0) {
        imap_put_languages(out);
    } else if (!imap_choose_language(ranges, &by_default, &s->tongue, out)) {
        imap_call_no(call, "", IMAP_LANGUAGE_UNKNOWN);
        return;
    } else if (imap_has(s, S("NAMESPACE"))) {
        imap_put_namespace(s, out);
    }
    conn_wrote(s->conn);
}

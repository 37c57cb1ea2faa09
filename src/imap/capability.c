#include "imap/capability.h"

#include "base/name_list.h"
#include "rt/settings.h"

enum {
    LITERAL_MINUS_MAX = 4096, /* RFC 7888 5 */
    CLIENT_MAX = 300,         /* bytes of a client's name that are looked at */
};

static const struct {
    struct slice name;
    bool before;
    bool after;
} rows[] = {
#define X(text, said_before, said_after) {{text, sizeof(text) - 1}, said_before, said_after},
    IMAP_CAPABILITY_TABLE(X)
#undef X
};

static const struct {
    struct slice name;
    struct slice needs;
} needs[] = {
#define X(text, needed) {{text, sizeof(text) - 1}, {needed, sizeof(needed) - 1}},
    IMAP_NEED_TABLE(X)
#undef X
};

bool imap_capable(struct slice off, struct slice capability)
{
    if (off.n == 0)
        return true;
    if (name_list_has(off, capability))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(needs); i++)
        if (slice_eq_nocase(needs[i].name, capability) && !imap_capable(off, needs[i].needs))
            return false;
    return true;
}

static uint32_t limit_of(struct slice name, const struct settings *settings)
{
    return slice_eq(name, S("MESSAGELIMIT")) ? settings->imap_message_limit : settings->imap_save_limit;
}

static bool has_limit(struct slice name)
{
    return slice_eq(name, S("MESSAGELIMIT")) || slice_eq(name, S("SAVELIMIT"));
}

/* RFC 7888 5: never both LITERALs. RFC 9738 3: one limit in place of the other, which the settings see to. */
static bool is_said(struct slice name, struct slice off, const struct settings *settings)
{
    if (!imap_capable(off, name) || (has_limit(name) && limit_of(name, settings) == 0))
        return false;
    return !slice_eq(name, S("LITERAL-")) || !imap_capable(off, S("LITERAL+"));
}

void imap_put_capabilities(struct buf *out, bool logged_in, struct slice off, const struct settings *settings)
{
    const char *space = "";
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if ((logged_in ? rows[i].after : rows[i].before) && is_said(rows[i].name, off, settings)) {
            buf_printf(out, "%s%.*s", space, SLICE_ARGS(rows[i].name));
            if (has_limit(rows[i].name))
                buf_printf(out, "=%u", limit_of(rows[i].name, settings));
            space = " ";
        }
    }
}

/* `*` is any run of characters; case does not matter. */
static bool fits(struct slice pattern, struct slice text)
{
    size_t p = 0, t = 0;
    size_t star = SIZE_MAX, from = 0; /* the last `*`, and where in the text what follows it was tried */
    while (t < text.n) {
        if (p < pattern.n && pattern.p[p] == '*') {
            star = p++;
            from = t;
        } else if (p < pattern.n && ascii_lower(pattern.p[p]) == ascii_lower(text.p[t])) {
            p++;
            t++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            t = ++from;
        } else {
            return false;
        }
    }
    while (p < pattern.n && pattern.p[p] == '*')
        p++;
    return p == pattern.n;
}

bool imap_add_off_for(struct buf *off, const struct settings *settings, struct slice name,
                      struct slice version)
{
    char both[CLIENT_MAX + 1];
    size_t before = off->n;
    name = slice_sub(name, 0, CLIENT_MAX);
    snprintf(both, sizeof(both), "%.*s %.*s", SLICE_ARGS(name),
             SLICE_ARGS(slice_sub(version, 0, CLIENT_MAX)));
    for (size_t i = 0; name.n > 0 && i < settings->imap_client_count; i++) {
        struct slice client = slice_cstr(settings->imap_clients[i].client);
        if ((fits(client, name) || fits(client, slice_cstr(both))) &&
            !name_list_add(off, slice_cstr(settings->imap_clients[i].without)))
            off->failed = true;
    }
    return off->n > before && !buf_failed(off);
}

uint64_t imap_literal_plus_max(struct slice off)
{
    if (imap_capable(off, S("LITERAL+")))
        return UINT64_MAX;
    return imap_capable(off, S("LITERAL-")) ? LITERAL_MINUS_MAX : 0;
}

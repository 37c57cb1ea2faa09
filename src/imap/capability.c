#include "imap/capability.h"

#include "base/name_list.h"

enum { LITERAL_MINUS_MAX = 4096 /* RFC 7888 5 */ };

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

/* RFC 7888 5: never both of them. */
static bool is_said(struct slice name, struct slice off)
{
    return imap_capable(off, name) && (!slice_eq(name, S("LITERAL-")) || !imap_capable(off, S("LITERAL+")));
}

void imap_put_capabilities(struct buf *out, bool logged_in, struct slice off)
{
    const char *space = "";
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if ((logged_in ? rows[i].after : rows[i].before) && is_said(rows[i].name, off)) {
            buf_printf(out, "%s%.*s", space, SLICE_ARGS(rows[i].name));
            space = " ";
        }
    }
}

uint64_t imap_literal_plus_max(struct slice off)
{
    if (imap_capable(off, S("LITERAL+")))
        return UINT64_MAX;
    return imap_capable(off, S("LITERAL-")) ? LITERAL_MINUS_MAX : 0;
}

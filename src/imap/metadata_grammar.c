#include "imap/metadata.h"

enum {
    ENTRY_PARTS_MIN = 2,  /* "/shared/comment" (RFC 5464 3.2) */
    VENDOR_PARTS_MIN = 4, /* "/shared/vendor/token/name" */
};

/* RFC 5464 3.2: what may stand in an entry's name; and that nothing is empty between slashes. */
static bool is_entry(struct slice name)
{
    if (!slice_starts(name, S("/")) || slice_ends(name, S("/")))
        return false;
    for (size_t i = 0; i < name.n; i++) {
        unsigned char c = (unsigned char)name.p[i];
        if (c < 0x1a || c >= 0x7f || c == '*' || c == '%' || (c == '/' && i > 0 && name.p[i - 1] == '/'))
            return false;
    }
    return true;
}

static bool parse_entry(struct imap_parser *p, struct slice *ret)
{
    struct slice text;
    if (!imap_parse_astring(p, &text))
        return false;
    char *lower = arena_alloc(p->arena, text.n + 1);
    if (lower == NULL)
        return imap_parse_fail(p, "memory");
    for (size_t i = 0; i < text.n; i++)
        lower[i] = ascii_lower(text.p[i]);
    struct slice name = slice_of(lower, text.n);
    bool scope = slice_eq(name, S("/private")) || slice_eq(name, S("/shared"));
    if (!is_entry(name))
        return imap_parse_fail(p, "an annotation's name is malformed");
    if (name.n > ANNOTATION_ENTRY_MAX)
        return imap_parse_fail(p, "an annotation's name is too long");
    if (!scope && !annotation_is_private(name) && !slice_starts(name, S("/shared/")))
        return imap_parse_fail(p, "an annotation's name begins with /private/ or /shared/");
    *ret = name;
    return true;
}

static bool add_entry(struct imap_parser *p, struct imap_metadata *metadata, struct annotation **ret_item)
{
    if (metadata->entries == NULL)
        metadata->entries = arena_array(p->arena, IMAP_METADATA_ENTRIES_MAX, sizeof(*metadata->entries));
    if (metadata->entries == NULL)
        return imap_parse_fail(p, "memory");
    if (metadata->count == IMAP_METADATA_ENTRIES_MAX) {
        p->limit = true;
        return imap_parse_fail(p, "too many annotations in one command");
    }
    *ret_item = &metadata->entries[metadata->count++];
    return parse_entry(p, &(*ret_item)->entry);
}

bool imap_parse_metadata_entries(struct imap_parser *p, struct imap_metadata *ret)
{
    struct annotation *item;
    if (!imap_parse_char(p, '('))
        return false;
    do {
        if (!add_entry(p, ret, &item))
            return false;
    } while (cursor_skip_char(&p->text, ' '));
    return imap_parse_char(p, ')');
}

static bool parse_option(struct imap_parser *p, struct imap_metadata *metadata)
{
    if (cursor_skip_nocase(&p->text, S("MAXSIZE "))) {
        metadata->bounded = true;
        return imap_parse_number(p, &metadata->max_size);
    }
    if (!cursor_skip_nocase(&p->text, S("DEPTH ")))
        return imap_parse_fail(p, "GETMETADATA knows MAXSIZE and DEPTH");
    if (cursor_skip_char(&p->text, '0'))
        metadata->depth = ANNOTATION_ITSELF;
    else if (cursor_skip_char(&p->text, '1'))
        metadata->depth = ANNOTATION_CHILDREN;
    else if (cursor_skip_nocase(&p->text, S("infinity")))
        metadata->depth = ANNOTATION_ALL_BELOW;
    else
        return imap_parse_fail(p, "DEPTH is 0, 1 or infinity");
    return true;
}

/* "(MAXSIZE 1024 DEPTH 1) ", if it stands here. An entry begins with a slash, so the two lists differ. */
static bool parse_options(struct imap_parser *p, struct imap_metadata *metadata)
{
    struct slice rest = cursor_rest(&p->text);
    bool quoted = rest.n > 1 && rest.p[1] == '"';
    bool options = imap_parse_at(p, '(') && rest.n > 1 && rest.p[1] != '/' && rest.p[1] != '{' && !quoted;
    if (!options)
        return true;
    cursor_skip_char(&p->text, '(');
    do {
        if (!parse_option(p, metadata))
            return false;
    } while (cursor_skip_char(&p->text, ' '));
    return imap_parse_char(p, ')') && imap_parse_space(p);
}

/* RFC 5464's grammar has the options before the mailbox, its examples behind it: both are taken. */
bool imap_parse_getmetadata(struct imap_parser *p, struct imap_metadata *ret)
{
    struct imap_metadata metadata = {.mailbox = slice_none()};
    struct annotation *item;
    if (!parse_options(p, &metadata) || !imap_parse_mailbox(p, &metadata.mailbox) || !imap_parse_space(p) ||
        !parse_options(p, &metadata))
        return false;
    bool read =
        imap_parse_at(p, '(') ? imap_parse_metadata_entries(p, &metadata) : add_entry(p, &metadata, &item);
    if (read)
        *ret = metadata;
    return read;
}

static size_t count_parts(struct slice name)
{
    size_t parts = 0;
    for (size_t i = 0; i < name.n; i++)
        parts += name.p[i] == '/';
    return parts;
}

/* What may be set has a name below its scope, and in the vendors' trees one of the vendor's own. */
static bool may_be_set(struct slice name)
{
    size_t parts = count_parts(name);
    bool vendor = slice_starts(name, S("/private/vendor/")) || slice_starts(name, S("/shared/vendor/")) ||
                  slice_eq(name, S("/private/vendor")) || slice_eq(name, S("/shared/vendor"));
    return parts >= (vendor ? VENDOR_PARTS_MIN : ENTRY_PARTS_MIN);
}

/* RFC 5464 5: a string, NIL, or a literal8, which may hold any byte. */
static bool parse_value(struct imap_parser *p, struct slice *ret)
{
    if (!cursor_skip_char(&p->text, '~'))
        return imap_parse_nstring(p, ret);
    if (!imap_parse_message(p, ret))
        return false;
    if (ret->p == NULL)
        ret->p = "";
    return true;
}

static bool parse_pair(struct imap_parser *p, struct imap_metadata *metadata)
{
    struct annotation *item;
    if (!add_entry(p, metadata, &item) || !imap_parse_space(p))
        return false;
    if (!may_be_set(item->entry))
        return imap_parse_fail(p, "no annotation can have this name");
    return parse_value(p, &item->value);
}

bool imap_parse_setmetadata(struct imap_parser *p, struct imap_metadata *ret)
{
    struct imap_metadata metadata = {.mailbox = slice_none()};
    if (!imap_parse_mailbox(p, &metadata.mailbox) || !imap_parse_space(p) || !imap_parse_char(p, '('))
        return false;
    do {
        if (!parse_pair(p, &metadata))
            return false;
    } while (cursor_skip_char(&p->text, ' '));
    if (!imap_parse_char(p, ')'))
        return false;
    *ret = metadata;
    return true;
}

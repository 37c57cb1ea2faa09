/* ESEARCH's arguments (RFC 7377 4, RFC 5465 8): in which mailboxes, then what SEARCH has too. */
#include "imap/command.h"

static const struct {
    struct slice name;
    enum imap_source_kind kind;
    bool names; /* mailboxes follow */
} source_rows[] = {
#define X(name, text, names) {{text, sizeof(text) - 1}, IMAP_SOURCE_##name, names},
    IMAP_SOURCE_TABLE(X)
#undef X
};

struct reading {
    struct imap_parser *p;
    size_t names;
    struct imap_source_name **last; /* of the present source */
};

static bool parse_name(struct reading *reading)
{
    struct imap_parser *p = reading->p;
    struct imap_source_name *name = ARENA_NEW(p->arena, struct imap_source_name);
    if (name == NULL || reading->names++ == IMAP_SOURCE_NAMES_MAX) {
        p->limit = true;
        return imap_parse_fail(p, "too many mailboxes");
    }
    *reading->last = name;
    reading->last = &name->next;
    return imap_parse_mailbox(p, &name->path);
}

/* "folder", "(folder1 folder2)" */
static bool parse_names(struct reading *reading, struct imap_source *source)
{
    struct imap_parser *p = reading->p;
    reading->last = &source->names;
    if (!imap_parse_space(p))
        return false;
    if (!cursor_skip_char(&p->text, '('))
        return parse_name(reading);
    do {
        if (!parse_name(reading))
            return false;
    } while (cursor_skip_char(&p->text, ' '));
    return imap_parse_char(p, ')');
}

static bool parse_source(struct reading *reading, struct imap_source **ret)
{
    struct imap_parser *p = reading->p;
    struct slice word;
    struct imap_source *source = ARENA_NEW(p->arena, struct imap_source);
    if (source == NULL)
        return imap_parse_fail(p, "memory");
    if (imap_parse_at(p, '('))
        return imap_parse_fail(p, "there are no scope options");
    if (!imap_parse_atom(p, &word))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(source_rows); i++) {
        if (!slice_eq_nocase(word, source_rows[i].name))
            continue;
        source->kind = source_rows[i].kind;
        *ret = source;
        return !source_rows[i].names || parse_names(reading, source);
    }
    return imap_parse_fail(p, "there is no such choice of mailboxes");
}

static bool parse_sources(struct imap_parser *p, struct imap_source **ret)
{
    struct reading reading = {.p = p};
    struct imap_source **last = ret;
    if (!cursor_skip_nocase(&p->text, S("IN ")))
        return true;
    if (!imap_parse_char(p, '('))
        return false;
    do {
        if (!parse_source(&reading, last))
            return false;
        last = &(*last)->next;
    } while (cursor_skip_char(&p->text, ' '));
    return imap_parse_char(p, ')') && imap_parse_space(p);
}

bool imap_parse_esearch(struct imap_parser *p, struct imap_search *ret)
{
    struct imap_source *sources = NULL;
    struct imap_search search;
    if (!parse_sources(p, &sources) || !imap_parse_search(p, &search))
        return false;
    search.sources = sources;
    if (!search.extended) {
        search.extended = true;
        search.returns = IMAP_RETURN_ALL;
    }
    *ret = search;
    return true;
}

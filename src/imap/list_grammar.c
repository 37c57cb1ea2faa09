/* LIST's and LSUB's arguments (RFC 3501 6.3.8, RFC 5258 6, RFC 5819 4), and CREATE's (RFC 6154 6). */
#include "imap/command.h"

static const struct option {
    struct slice name;
    unsigned bit;
    bool selects;
    bool returns;
} options[] = {
    {{"SUBSCRIBED", 10}, IMAP_LIST_SUBSCRIBED, true, true},
    {{"REMOTE", 6}, IMAP_LIST_REMOTE, true, false},
    {{"RECURSIVEMATCH", 14}, IMAP_LIST_RECURSIVEMATCH, true, false},
    {{"SPECIAL-USE", 11}, IMAP_LIST_SPECIAL_USE, true, true},
    {{"CHILDREN", 8}, IMAP_LIST_CHILDREN, false, true},
    {{"MYRIGHTS", 8}, IMAP_LIST_MYRIGHTS, false, true},
};

static bool parse_option(struct imap_parser *p, bool selects, struct imap_list *list)
{
    struct slice word;
    if (!imap_parse_atom(p, &word))
        return false;
    if (!imap_parse_knows(p, IMAP_WORD_LIST_OPTION, word))
        return imap_parse_fail(p, "there is no such LIST option");
    if (!selects && slice_eq_nocase(word, S("STATUS")))
        return imap_parse_space(p) && imap_parse_status_items(p, &list->status);
    if (!selects && slice_eq_nocase(word, S("METADATA")))
        return imap_parse_space(p) && imap_parse_metadata_entries(p, &list->metadata);
    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        const struct option *option = &options[i];
        if (!slice_eq_nocase(word, option->name) || !(selects ? option->selects : option->returns))
            continue;
        if (selects)
            list->select |= option->bit;
        else
            list->returns |= option->bit;
        return true;
    }
    return imap_parse_fail(p, "there is no such LIST option");
}

/* "(SUBSCRIBED REMOTE)", perhaps empty. */
static bool parse_options(struct imap_parser *p, bool selects, struct imap_list *list)
{
    list->extended = true;
    if (!imap_parse_char(p, '('))
        return false;
    if (cursor_skip_char(&p->text, ')'))
        return true;
    do {
        if (!parse_option(p, selects, list))
            return false;
    } while (cursor_skip_char(&p->text, ' '));
    return imap_parse_char(p, ')');
}

static bool parse_patterns(struct imap_parser *p, struct imap_list *list)
{
    bool many =
        imap_parse_knows(p, IMAP_WORD_LIST_OPTION, S("several patterns")) && cursor_skip_char(&p->text, '(');
    list->patterns = arena_array(p->arena, IMAP_LIST_PATTERNS_MAX, sizeof(*list->patterns));
    if (list->patterns == NULL)
        return imap_parse_fail(p, "memory");
    list->extended = list->extended || many;
    do {
        if (list->count == IMAP_LIST_PATTERNS_MAX) {
            p->limit = true;
            return imap_parse_fail(p, "too many mailbox patterns");
        }
        if (!imap_parse_list_mailbox(p, &list->patterns[list->count++]))
            return false;
    } while (many && cursor_skip_char(&p->text, ' '));
    return !many || imap_parse_char(p, ')');
}

bool imap_parse_lsub(struct imap_parser *p, struct imap_list *ret)
{
    struct imap_list list = {.count = 1};
    list.patterns = arena_array(p->arena, 1, sizeof(*list.patterns));
    if (list.patterns == NULL)
        return imap_parse_fail(p, "memory");
    if (!imap_parse_mailbox(p, &list.reference) || !imap_parse_space(p) ||
        !imap_parse_list_mailbox(p, &list.patterns[0]))
        return false;
    *ret = list;
    return true;
}

bool imap_parse_list(struct imap_parser *p, struct imap_list *ret)
{
    struct imap_list list = {0};
    if (imap_parse_at(p, '(') && (!parse_options(p, true, &list) || !imap_parse_space(p)))
        return false;
    /* RFC 5258 3.1: RECURSIVEMATCH alone has nothing to match. */
    if ((list.select & IMAP_LIST_RECURSIVEMATCH) && !(list.select & IMAP_LIST_SUBSCRIBED))
        return imap_parse_fail(p, "RECURSIVEMATCH goes with SUBSCRIBED only");
    if (!imap_parse_mailbox(p, &list.reference) || !imap_parse_space(p) || !parse_patterns(p, &list))
        return false;
    if (cursor_skip_nocase(&p->text, S(" RETURN ")) && !parse_options(p, false, &list))
        return false;
    *ret = list;
    return true;
}

/* " (USE (\Sent \Junk))" */
static bool parse_uses(struct imap_parser *p, struct imap_create *create)
{
    create->uses = arena_array(p->arena, IMAP_USES_MAX, sizeof(*create->uses));
    if (create->uses == NULL)
        return imap_parse_fail(p, "memory");
    if (!imap_parse_knows(p, IMAP_WORD_CREATE, S("USE")) || !cursor_skip_nocase(&p->text, S(" (USE (")))
        return imap_parse_fail(p, "there is no such parameter of CREATE");
    if (cursor_skip(&p->text, S("))")))
        return true;
    do {
        if (create->count == IMAP_USES_MAX)
            return imap_parse_fail(p, "too many special uses");
        if (!imap_parse_char(p, '\\') || !imap_parse_atom(p, &create->uses[create->count++]))
            return false;
    } while (cursor_skip_char(&p->text, ' '));
    return imap_parse_char(p, ')') && imap_parse_char(p, ')');
}

bool imap_parse_create(struct imap_parser *p, struct imap_create *ret)
{
    struct imap_create create = {.mailbox = slice_none()};
    if (!imap_parse_mailbox(p, &create.mailbox) || (imap_parse_at(p, ' ') && !parse_uses(p, &create)))
        return false;
    *ret = create;
    return true;
}

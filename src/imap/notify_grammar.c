#include "imap/notify.h"

#include "imap/command.h"

static const struct {
    struct slice name;
    unsigned bit;
} events[] = {
#define X(name, bit) {{#name, sizeof(#name) - 1}, bit},
    IMAP_NOTIFY_EVENT_TABLE(X)
#undef X
};

static const struct {
    struct slice name;
    enum imap_notify_filter filter;
    bool names;
} filters[] = {
    {{"SELECTED", 8}, NOTIFY_SELECTED, false},
    {{"SELECTED-DELAYED", 16}, NOTIFY_SELECTED_DELAYED, false},
    {{"INBOXES", 7}, NOTIFY_INBOXES, false},
    {{"PERSONAL", 8}, NOTIFY_PERSONAL, false},
    {{"SUBSCRIBED", 10}, NOTIFY_SUBSCRIBED, false},
    {{"SUBTREE", 7}, NOTIFY_SUBTREE, true},
    {{"MAILBOXES", 9}, NOTIFY_MAILBOXES, true},
};

static bool too_many(struct imap_parser *p, const char *what)
{
    p->limit = true;
    return imap_parse_fail(p, what);
}

/* "INBOX" or "(INBOX Lists)". */
static bool parse_names(struct imap_parser *p, struct imap_notify_set *set, struct imap_notify_group *group)
{
    size_t room = IMAP_NOTIFY_NAMES_MAX - set->names;
    bool many = cursor_skip_char(&p->text, '(');
    size_t cap = 0;
    do {
        if (group->count == room)
            return too_many(p, "too many mailboxes in NOTIFY");
        if (group->count == cap) {
            cap = MAX(2 * cap, 4);
            struct slice *names = arena_array(p->arena, cap, sizeof(*names));
            if (names == NULL)
                return imap_parse_fail(p, "memory");
            if (group->count > 0)
                memcpy(names, group->names, group->count * sizeof(*names));
            group->names = names;
        }
        if (!imap_parse_mailbox(p, &group->names[group->count++]))
            return false;
    } while (many && cursor_skip_char(&p->text, ' '));
    set->names += group->count;
    return !many || imap_parse_char(p, ')');
}

static bool parse_filter(struct imap_parser *p, struct imap_notify_set *set, struct imap_notify_group *group)
{
    struct slice word;
    if (!imap_parse_atom(p, &word))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(filters); i++) {
        if (!slice_eq_nocase(word, filters[i].name))
            continue;
        group->filter = filters[i].filter;
        return !filters[i].names || (imap_parse_space(p) && parse_names(p, set, group));
    }
    return imap_parse_fail(p, "NOTIFY knows no such set of mailboxes");
}

static bool is_for_selected(const struct imap_notify_group *group)
{
    return group->filter == NOTIFY_SELECTED || group->filter == NOTIFY_SELECTED_DELAYED;
}

static bool parse_event(struct imap_parser *p, struct imap_notify_set *set, struct imap_notify_group *group)
{
    struct slice word;
    unsigned bit = 0;
    if (!imap_parse_atom(p, &word))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(events); i++)
        if (slice_eq_nocase(word, events[i].name))
            bit = events[i].bit;
    set->unsupported = set->unsupported || bit == 0;
    group->events |= bit;
    if (is_for_selected(group) && (bit & ~(unsigned)IMAP_NOTIFY_MESSAGES) != 0)
        return imap_parse_fail(p, "this event is not one of messages in the selected mailbox");
    struct slice rest = cursor_rest(&p->text);
    if (bit != IMAP_NOTIFY_MessageNew || !slice_starts(rest, S(" (")))
        return true;
    if (!is_for_selected(group))
        return imap_parse_fail(p, "FETCH items are told of the selected mailbox only");
    return imap_parse_space(p) && imap_parse_fetch_items(p, &group->fetch);
}

/* RFC 5465 5: one of MessageNew and MessageExpunge asks for both, FlagChange for these two. */
static bool are_together(struct imap_parser *p, unsigned wanted)
{
    unsigned both = IMAP_NOTIFY_MessageNew | IMAP_NOTIFY_MessageExpunge;
    return (wanted & IMAP_NOTIFY_MESSAGES) == 0 || (wanted & both) == both ||
           imap_parse_fail(p, "MessageNew and MessageExpunge go together, FlagChange with them only");
}

static bool parse_events(struct imap_parser *p, struct imap_notify_set *set, struct imap_notify_group *group)
{
    if (cursor_skip_nocase(&p->text, S("NONE")))
        return true;
    if (!imap_parse_char(p, '('))
        return false;
    do {
        if (!parse_event(p, set, group))
            return false;
    } while (cursor_skip_char(&p->text, ' '));
    return imap_parse_char(p, ')') && are_together(p, group->events);
}

static bool parse_group(struct imap_parser *p, struct imap_notify_set *set, struct imap_notify_group **ret)
{
    if (set->count++ == IMAP_NOTIFY_GROUPS_MAX)
        return too_many(p, "too many groups in NOTIFY");
    struct imap_notify_group *group = ARENA_NEW(p->arena, struct imap_notify_group);
    if (group == NULL)
        return imap_parse_fail(p, "memory");
    *ret = group;
    return imap_parse_char(p, '(') && parse_filter(p, set, group) && imap_parse_space(p) &&
           parse_events(p, set, group) && imap_parse_char(p, ')');
}

bool imap_parse_notify(struct imap_parser *p, struct imap_notify_set *ret)
{
    struct imap_notify_set set = {.status = false};
    if (cursor_skip_nocase(&p->text, S("NONE"))) {
        *ret = set;
        return true;
    }
    if (!cursor_skip_nocase(&p->text, S("SET ")))
        return imap_parse_fail(p, "NOTIFY takes SET or NONE");
    set.status = cursor_skip_nocase(&p->text, S("STATUS "));
    struct imap_notify_group **last = &set.groups;
    size_t selected = 0;
    do {
        if (!parse_group(p, &set, last))
            return false;
        selected += is_for_selected(*last);
        last = &(*last)->next;
    } while (cursor_skip_char(&p->text, ' '));
    if (selected > 1)
        return imap_parse_fail(p, "the selected mailbox is named twice");
    *ret = set;
    return true;
}

/* SELECT's and EXAMINE's arguments (RFC 3501 6.3.1, RFC 4466 2.1, RFC 7162 7). */
#include "imap/command.h"

/* UIDs or numbers a client knows: no "*", as that says nothing about what it knows. */
static bool parse_known(struct imap_parser *p, bool ascending, struct imap_sequence_set *ret)
{
    if (!imap_parse_sequence_set(p, ret))
        return false;
    if (ret->saved)
        return imap_parse_fail(p, "\"$\" is nothing that was known before");
    uint32_t before = 0;
    for (size_t i = 0; i < ret->count; i++) {
        const struct imap_sequence_range *range = &ret->ranges[i];
        if (range->first == 0 || range->last == 0)
            return imap_parse_fail(p, "\"*\" is nothing that can be known");
        if (ascending && (range->first <= before || range->last < range->first))
            return imap_parse_fail(p, "matching sets must ascend");
        before = range->last;
    }
    return true;
}

/* "(1:3 7:9)": message numbers and their UIDs (RFC 7162 3.2.5.2). */
static bool parse_match(struct imap_parser *p, struct imap_select *select)
{
    select->match_given = true;
    return imap_parse_char(p, '(') && parse_known(p, true, &select->match_numbers) && imap_parse_space(p) &&
           parse_known(p, true, &select->match_uids) && imap_parse_char(p, ')');
}

/* "(uidvalidity modseq [known-uids] [(numbers uids)])" */
static bool parse_qresync(struct imap_parser *p, struct imap_select *select)
{
    select->qresync = true;
    if (!imap_parse_space(p) || !imap_parse_char(p, '(') || !imap_parse_number(p, &select->uidvalidity) ||
        !imap_parse_space(p) || !imap_parse_modseq(p, &select->modseq))
        return false;
    if (select->uidvalidity == 0 || select->modseq == 0)
        return imap_parse_fail(p, "UIDVALIDITY and mod-sequence are not zero");
    bool more = cursor_skip_char(&p->text, ' ');
    if (more && !imap_parse_at(p, '(')) {
        select->known_given = true;
        if (!parse_known(p, false, &select->known))
            return false;
        more = cursor_skip_char(&p->text, ' ');
    }
    if (more && !parse_match(p, select))
        return false;
    return imap_parse_char(p, ')');
}

static bool parse_parameter(struct imap_parser *p, struct imap_select *select)
{
    struct slice word;
    if (!imap_parse_atom(p, &word))
        return false;
    if (!imap_parse_knows(p, IMAP_WORD_SELECT, word))
        return imap_parse_fail(p, "there is no such parameter");
    if (slice_eq_nocase(word, S("CONDSTORE"))) {
        select->condstore = true;
        return true;
    }
    if (slice_eq_nocase(word, S("QRESYNC")) && !select->qresync)
        return parse_qresync(p, select);
    return imap_parse_fail(p, "there is no such parameter, or it is given twice");
}

bool imap_parse_select(struct imap_parser *p, struct imap_select *ret)
{
    struct imap_select select = {.mailbox = slice_none()};
    if (!imap_parse_mailbox(p, &select.mailbox))
        return false;
    if (cursor_skip_char(&p->text, ' ')) {
        if (!imap_parse_char(p, '('))
            return false;
        do {
            if (!parse_parameter(p, &select))
                return false;
        } while (cursor_skip_char(&p->text, ' '));
        if (!imap_parse_char(p, ')'))
            return false;
    }
    *ret = select;
    return true;
}

/*
 * What APPEND and REPLACE bring: "Drafts (\Seen) "17-Jul-1996 02:44:25 -0700" {310}" (RFC 3501 6.3.11, 9),
 * one message after the other (RFC 3502), binary ones (RFC 3516 7), ones made of pieces (RFC 4469 5), and
 * ones with UTF-8 in their headers (RFC 6855 4).
 */
#include "imap/command.h"
#include "store/message.h"

/* "UTF8 (~{3}\r\nabc)", if it stands here. */
static bool parse_utf8(struct imap_parser *p, struct slice *ret, bool *ret_was_one)
{
    *ret_was_one =
        imap_parse_knows(p, IMAP_WORD_APPEND, S("UTF8")) && cursor_skip_nocase(&p->text, S("UTF8 ("));
    return !*ret_was_one ||
           (imap_parse_char(p, '~') && imap_parse_message(p, ret) && imap_parse_char(p, ')'));
}

/* "TEXT {3}\r\nabc" or "URL /INBOX/;UID=7". */
static bool parse_part(struct imap_parser *p, struct imap_append_part *part)
{
    bool utf8;
    if (!parse_utf8(p, &part->text, &utf8))
        return false;
    if (utf8)
        return true;
    if (cursor_skip_nocase(&p->text, S("TEXT ")))
        return imap_parse_message(p, &part->text);
    part->is_url = true;
    if (cursor_skip_nocase(&p->text, S("URL ")))
        return imap_parse_astring(p, &part->text);
    return imap_parse_fail(p, "CATENATE takes TEXT and URL");
}

static bool new_part(struct imap_parser *p, size_t *count, struct imap_append_part **ret)
{
    if ((*count)++ == IMAP_CATENATE_PARTS_MAX) {
        p->limit = true;
        return imap_parse_fail(p, "too many pieces in one APPEND");
    }
    *ret = ARENA_NEW(p->arena, struct imap_append_part);
    return *ret != NULL || imap_parse_fail(p, "memory");
}

/* Behind "CATENATE ". */
static bool parse_parts(struct imap_parser *p, struct imap_append_message *message, size_t *count)
{
    struct imap_append_part **last = &message->parts;
    if (!imap_parse_char(p, '('))
        return false;
    do {
        if (!new_part(p, count, last) || !parse_part(p, *last))
            return false;
        last = &(*last)->next;
    } while (cursor_skip_char(&p->text, ' '));
    return imap_parse_char(p, ')');
}

/* parts: how many the command has so far. */
static bool parse_message(struct imap_parser *p, struct imap_append_message *message, size_t *parts)
{
    if (!imap_parse_space(p))
        return false;
    if (imap_parse_at(p, '(') && (!imap_parse_flags(p, false, &message->flags) || !imap_parse_space(p)))
        return false;
    if (imap_parse_at(p, '"') && (!imap_parse_date_time(p, &message->date_us) || !imap_parse_space(p)))
        return false;
    message->catenate =
        imap_parse_knows(p, IMAP_WORD_APPEND, S("CATENATE")) && cursor_skip_nocase(&p->text, S("CATENATE "));
    if (message->catenate)
        return parse_parts(p, message, parts);
    message->parts = ARENA_NEW(p->arena, struct imap_append_part);
    if (message->parts == NULL)
        return imap_parse_fail(p, "memory");
    bool utf8;
    if (!parse_utf8(p, &message->parts->text, &utf8))
        return false;
    if (utf8)
        return true;
    message->binary = imap_parse_knows(p, IMAP_WORD_APPEND, S("~")) && cursor_skip_char(&p->text, '~');
    return imap_parse_message(p, &message->parts->text);
}

static bool parse_messages(struct imap_parser *p, size_t max, struct imap_append *ret)
{
    struct imap_append append = {0};
    size_t parts = 0;
    if (!imap_parse_mailbox(p, &append.mailbox))
        return false;
    struct imap_append_message **last = &append.messages;
    do {
        if (append.count++ == max) {
            p->limit = true;
            return imap_parse_fail(p, "too many messages in one command");
        }
        *last = ARENA_NEW(p->arena, struct imap_append_message);
        if (*last == NULL)
            return imap_parse_fail(p, "memory");
        if (!parse_message(p, *last, &parts))
            return false;
        last = &(*last)->next;
    } while (max > 1 && imap_parse_at(p, ' ') && imap_parse_knows(p, IMAP_WORD_APPEND, S("second message")));
    *ret = append;
    return true;
}

bool imap_parse_append(struct imap_parser *p, struct imap_append *ret)
{
    return parse_messages(p, APPEND_ITEMS_MAX, ret);
}

bool imap_parse_replace(struct imap_parser *p, struct imap_replace *ret)
{
    struct imap_replace replace = {0};
    if (!imap_parse_sequence_set(p, &replace.set))
        return false;
    const struct imap_sequence_set *set = &replace.set;
    if (set->saved || set->count != 1 || set->ranges[0].first != set->ranges[0].last)
        return imap_parse_fail(p, "REPLACE takes one message");
    if (!imap_parse_space(p) || !parse_messages(p, 1, &replace.append))
        return false;
    *ret = replace;
    return true;
}

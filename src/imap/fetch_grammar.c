/* FETCH's arguments: "2:4 (FLAGS BODY.PEEK[HEADER.FIELDS (DATE FROM)]<0.1024>)" (RFC 3501 6.4.5, 9). */
#include "imap/command.h"

static bool add_item(struct imap_parser *p, struct imap_fetch *fetch, struct imap_fetch_item item)
{
    if (fetch->count == IMAP_FETCH_ITEMS_MAX) {
        p->limit = true;
        return imap_parse_fail(p, "too many FETCH items");
    }
    fetch->items[fetch->count++] = item;
    return true;
}

static bool parse_names(struct imap_parser *p, struct imap_section *section)
{
    section->names = arena_array(p->arena, IMAP_FETCH_NAMES_MAX, sizeof(*section->names));
    if (section->names == NULL)
        return imap_parse_fail(p, "memory");
    if (!imap_parse_space(p) || !imap_parse_char(p, '('))
        return false;
    do {
        if (section->name_count == IMAP_FETCH_NAMES_MAX) {
            p->limit = true;
            return imap_parse_fail(p, "too many header names");
        }
        if (!imap_parse_astring(p, &section->names[section->name_count++]))
            return false;
    } while (cursor_skip_char(&p->text, ' '));
    return imap_parse_char(p, ')');
}

static bool parse_section_word(struct imap_parser *p, struct imap_section *section)
{
    if (cursor_skip_nocase(&p->text, S("HEADER"))) {
        section->what = MIME_SECTION_HEADER;
        section->fields = cursor_skip_nocase(&p->text, S(".FIELDS"));
        section->but = section->fields && cursor_skip_nocase(&p->text, S(".NOT"));
        return !section->fields || parse_names(p, section);
    }
    if (cursor_skip_nocase(&p->text, S("TEXT"))) {
        section->what = MIME_SECTION_TEXT;
        return true;
    }
    if (section->count > 0 && cursor_skip_nocase(&p->text, S("MIME"))) {
        section->what = MIME_SECTION_MIME;
        return true;
    }
    return imap_parse_fail(p, "there is no such section");
}

static bool parse_section_numbers(struct imap_parser *p, struct imap_section *section, bool *ret_word_follows)
{
    section->numbers = arena_array(p->arena, IMAP_SECTION_NUMBERS_MAX, sizeof(*section->numbers));
    if (section->numbers == NULL)
        return imap_parse_fail(p, "memory");
    do {
        if (!ascii_is_digit((char)cursor_peek(&p->text))) {
            *ret_word_follows = true;
            return true;
        }
        if (section->count == IMAP_SECTION_NUMBERS_MAX) {
            p->limit = true;
            return imap_parse_fail(p, "the section is too deep");
        }
        uint32_t number;
        if (!imap_parse_number(p, &number))
            return false;
        if (number == 0)
            return imap_parse_fail(p, "parts are counted from 1");
        section->numbers[section->count++] = number;
    } while (cursor_skip_char(&p->text, '.'));
    *ret_word_follows = false;
    return true;
}

static bool parse_partial(struct imap_parser *p, struct imap_fetch_item *item)
{
    if (!cursor_skip_char(&p->text, '<'))
        return true;
    item->partial = true;
    if (!imap_parse_number64(p, &item->offset) || !imap_parse_char(p, '.') ||
        !imap_parse_number64(p, &item->length) || !imap_parse_char(p, '>'))
        return false;
    return item->length > 0 || imap_parse_fail(p, "a part of no bytes");
}

bool imap_parse_section(struct imap_parser *p, struct imap_section *ret)
{
    struct imap_section section = {0};
    bool word;
    if (!parse_section_numbers(p, &section, &word) || (word && !parse_section_word(p, &section)))
        return false;
    *ret = section;
    return true;
}

static const struct section_item {
    struct slice name;
    enum imap_fetch_kind kind;
    bool sets_seen;
} section_items[] = {
    {{"BODY", 4}, IMAP_FETCH_SECTION, true},
    {{"BODY.PEEK", 9}, IMAP_FETCH_SECTION, false},
    {{"BINARY", 6}, IMAP_FETCH_BINARY, true},
    {{"BINARY.PEEK", 11}, IMAP_FETCH_BINARY, false},
    {{"BINARY.SIZE", 11}, IMAP_FETCH_BINARY_SIZE, false},
};

static bool find_section_item(struct slice word, const struct section_item **ret)
{
    for (size_t i = 0; i < ARRAY_LEN(section_items); i++) {
        if (slice_eq_nocase(word, section_items[i].name)) {
            *ret = &section_items[i];
            return true;
        }
    }
    return false;
}

/* Behind "BODY", "BINARY.SIZE" ... */
static bool parse_section_item(struct imap_parser *p, struct slice word, struct imap_fetch *fetch)
{
    const struct section_item *row;
    if (!imap_parse_knows(p, IMAP_WORD_FETCH, word) || !find_section_item(word, &row))
        return imap_parse_fail(p, "there is no such FETCH item");
    struct imap_fetch_item item = {.kind = row->kind};
    if (!imap_parse_char(p, '[') || (!imap_parse_at(p, ']') && !imap_parse_section(p, &item.section)) ||
        !imap_parse_char(p, ']'))
        return false;
    if (item.kind != IMAP_FETCH_SECTION && item.section.what != MIME_SECTION_ALL)
        return imap_parse_fail(p, "BINARY takes part numbers only");
    fetch->sets_seen = fetch->sets_seen || row->sets_seen;
    return (item.kind == IMAP_FETCH_BINARY_SIZE || parse_partial(p, &item)) && add_item(p, fetch, item);
}

static bool is_item_char(char c)
{
    return ascii_is_alnum(c) || c == '.';
}

static const struct {
    struct slice name;
    enum imap_fetch_kind kind;
    bool sets_seen;
} plain_items[] = {
    {{"UID", 3}, IMAP_FETCH_UID, false},
    {{"FLAGS", 5}, IMAP_FETCH_FLAGS, false},
    {{"INTERNALDATE", 12}, IMAP_FETCH_INTERNALDATE, false},
    {{"RFC822.SIZE", 11}, IMAP_FETCH_SIZE, false},
    {{"ENVELOPE", 8}, IMAP_FETCH_ENVELOPE, false},
    {{"BODY", 4}, IMAP_FETCH_BODY, false},
    {{"BODYSTRUCTURE", 13}, IMAP_FETCH_BODYSTRUCTURE, false},
    {{"RFC822", 6}, IMAP_FETCH_RFC822, true},
    {{"RFC822.HEADER", 13}, IMAP_FETCH_RFC822_HEADER, false},
    {{"RFC822.TEXT", 11}, IMAP_FETCH_RFC822_TEXT, true},
    {{"MODSEQ", 6}, IMAP_FETCH_MODSEQ, false},
    {{"EMAILID", 7}, IMAP_FETCH_EMAILID, false},
    {{"THREADID", 8}, IMAP_FETCH_THREADID, false},
    {{"SAVEDATE", 8}, IMAP_FETCH_SAVEDATE, false},
    {{"PREVIEW", 7}, IMAP_FETCH_PREVIEW, false},
};

static bool parse_item(struct imap_parser *p, struct imap_fetch *fetch)
{
    const char *from = p->text.p;
    while (!cursor_done(&p->text) && is_item_char(*p->text.p))
        p->text.p++;
    struct slice word = slice_of(from, (size_t)(p->text.p - from));
    if (imap_parse_at(p, '['))
        return parse_section_item(p, word, fetch);
    for (size_t i = 0; i < ARRAY_LEN(plain_items) && imap_parse_knows(p, IMAP_WORD_FETCH, word); i++) {
        if (slice_eq_nocase(word, plain_items[i].name)) {
            fetch->sets_seen = fetch->sets_seen || plain_items[i].sets_seen;
            fetch->modseq = fetch->modseq || plain_items[i].kind == IMAP_FETCH_MODSEQ;
            /* RFC 8970 3.1: LAZY allows to give none when that takes long; ours are made at delivery. */
            if (plain_items[i].kind == IMAP_FETCH_PREVIEW)
                cursor_skip_nocase(&p->text, S(" (LAZY)"));
            return add_item(p, fetch, (struct imap_fetch_item){.kind = plain_items[i].kind});
        }
    }
    return imap_parse_fail(p, "there is no such FETCH item");
}

static bool add_kinds(struct imap_parser *p, struct imap_fetch *fetch, size_t count)
{
    /* RFC 3501 6.4.5: each macro is the one before it and one more. */
    static const enum imap_fetch_kind kinds[] = {
        IMAP_FETCH_FLAGS, IMAP_FETCH_INTERNALDATE, IMAP_FETCH_SIZE, IMAP_FETCH_ENVELOPE, IMAP_FETCH_BODY,
    };
    for (size_t i = 0; i < count; i++)
        if (!add_item(p, fetch, (struct imap_fetch_item){.kind = kinds[i]}))
            return false;
    return true;
}

static bool parse_macro(struct imap_parser *p, struct imap_fetch *fetch, bool *ret_was_one)
{
    struct cursor behind = p->text;
    struct slice word = cursor_take_until(&behind, S(" "));
    size_t count = 0;
    if (slice_eq_nocase(word, S("FAST")))
        count = 3;
    else if (slice_eq_nocase(word, S("ALL")))
        count = 4;
    else if (slice_eq_nocase(word, S("FULL")))
        count = 5;
    *ret_was_one = count > 0;
    if (count == 0)
        return true;
    p->text = behind;
    return add_kinds(p, fetch, count);
}

static bool parse_modifier(struct imap_parser *p, struct imap_fetch *fetch)
{
    struct slice word;
    if (!imap_parse_atom(p, &word))
        return false;
    if (!imap_parse_knows(p, IMAP_WORD_FETCH_MODIFIER, word))
        return imap_parse_fail(p, "there is no such FETCH modifier");
    if (slice_eq_nocase(word, S("VANISHED"))) {
        fetch->vanished = true;
        return true;
    }
    if (slice_eq_nocase(word, S("PARTIAL")) && fetch->partial.first == 0)
        return imap_parse_space(p) && imap_parse_partial(p, &fetch->partial);
    if (!slice_eq_nocase(word, S("CHANGEDSINCE")) || fetch->changed_since_given)
        return imap_parse_fail(p, "there is no such FETCH modifier, or it is given twice");
    fetch->changed_since_given = true;
    if (!imap_parse_space(p) || !imap_parse_modseq(p, &fetch->changed_since))
        return false;
    if (fetch->modseq)
        return true;
    /* RFC 7162 3.1.4.1: it asks for MODSEQ too. */
    fetch->modseq = true;
    return add_item(p, fetch, (struct imap_fetch_item){.kind = IMAP_FETCH_MODSEQ});
}

/* " (CHANGEDSINCE 7 VANISHED)", " (PARTIAL -1:-100)" (RFC 4466 2.4), if there is one. */
static bool parse_modifiers(struct imap_parser *p, struct imap_fetch *fetch)
{
    if (!cursor_skip_char(&p->text, ' '))
        return true;
    if (!imap_parse_char(p, '('))
        return false;
    do {
        if (!parse_modifier(p, fetch))
            return false;
    } while (cursor_skip_char(&p->text, ' '));
    return imap_parse_char(p, ')');
}

static bool parse_items(struct imap_parser *p, struct imap_fetch *fetch)
{
    bool list = cursor_skip_char(&p->text, '(');
    do {
        if (!parse_item(p, fetch))
            return false;
    } while (list && cursor_skip_char(&p->text, ' '));
    return !list || imap_parse_char(p, ')');
}

bool imap_parse_fetch_items(struct imap_parser *p, struct imap_fetch *ret)
{
    struct imap_fetch fetch = {.items = arena_array(p->arena, IMAP_FETCH_ITEMS_MAX, sizeof(*fetch.items))};
    if (fetch.items == NULL)
        return imap_parse_fail(p, "memory");
    if (!imap_parse_at(p, '('))
        return imap_parse_fail(p, "a list of FETCH items is missing");
    if (!parse_items(p, &fetch))
        return false;
    *ret = fetch;
    return true;
}

bool imap_parse_fetch(struct imap_parser *p, struct imap_fetch *ret)
{
    struct imap_fetch fetch = {.items = arena_array(p->arena, IMAP_FETCH_ITEMS_MAX, sizeof(*fetch.items))};
    if (fetch.items == NULL)
        return imap_parse_fail(p, "memory");
    bool macro;
    if (!imap_parse_sequence_set(p, &fetch.set) || !imap_parse_space(p) || !parse_macro(p, &fetch, &macro))
        return false;
    if ((!macro && !parse_items(p, &fetch)) || !parse_modifiers(p, &fetch))
        return false;
    *ret = fetch;
    return true;
}

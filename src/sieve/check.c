/* What the compiler checks beyond the tables. Only constant texts can be judged; the others are at run time.
 */
#include "mime/address.h"
#include "sieve/comparator.h"
#include "sieve/compile.h"
#include "sieve/date.h"
#include "sieve/deliver.h"
#include "sieve/edit.h"
#include "sieve/include.h"
#include "sieve/letter.h"
#include "sieve/match.h"
#include "sieve/notify.h"
#include "sieve/regex.h"

enum { REGEX_ARENA_MAX = 16 << 20 };

void check_texts(struct compiler *compiler, const struct node *node, enum slot slot, text_ok_fn *ok,
                 const char *wrong)
{
    const struct value *value = node_value(node, slot);
    for (uint32_t i = 0; value != NULL && i < value->count; i++) {
        const struct text *text = &value->texts[i];
        if (text_is_constant(text) && !ok(text_constant(text)))
            check_complain(compiler, slot, "\"%.*s\" %s", SLICE_ARGS(complain_word(text_constant(text))),
                           wrong);
    }
}

/* --- matching --- */

static bool check_comparator(struct compiler *compiler, const struct node *node, enum comparator *ret)
{
    const struct value *value = node_value(node, SLOT_COMPARATOR);
    enum sieve_extension extension;
    *ret = COMPARATOR_CASEMAP;
    if (value == NULL)
        return true;
    struct slice name = text_constant(&value->texts[0]);
    if (!comparator_find(name, ret, &extension))
        check_complain(compiler, SLOT_COMPARATOR, "there is no comparator \"%.*s\"",
                       SLICE_ARGS(complain_word(name)));
    else if (!compiler_needs(compiler, extension))
        check_complain(compiler, SLOT_COMPARATOR, "comparator \"%.*s\" needs require \"%s\"",
                       SLICE_ARGS(name), sieve_extension_name(extension));
    else
        return true;
    return false;
}

static void check_regexes(struct compiler *compiler, const struct node *node, enum comparator comparator)
{
    const struct value *keys = node_value(node, SLOT_KEYS);
    if (comparator != COMPARATOR_OCTET && comparator != COMPARATOR_CASEMAP)
        check_complain(compiler, SLOT_MATCH, "\":regex\" knows only i;octet and i;ascii-casemap");
    for (uint32_t i = 0; i < keys->count; i++) {
        CLEANUP(arena_release) struct arena arena = ARENA(REGEX_ARENA_MAX);
        struct regex *regex;
        if (!text_is_constant(&keys->texts[i]))
            continue;
        const char *wrong = regex_compile(&arena, text_constant(&keys->texts[i]), false, &regex);
        if (wrong != NULL)
            check_complain(compiler, SLOT_KEYS, "\"%.*s\": %s",
                           SLICE_ARGS(complain_word(text_constant(&keys->texts[i]))), wrong);
    }
}

void check_match(struct compiler *compiler, const struct node *node)
{
    const struct value *type = node_value(node, SLOT_MATCH);
    const uint32_t choice = type != NULL ? type->choice : MATCH_IS;
    enum comparator comparator;
    enum relation relation;
    if (!check_comparator(compiler, node, &comparator))
        return;
    if ((choice == MATCH_CONTAINS || choice == MATCH_MATCHES) && !comparator_has_substrings(comparator))
        check_complain(compiler, SLOT_MATCH, "this comparator knows no substrings (RFC 4790 9.1)");
    if (choice == MATCH_REGEX)
        check_regexes(compiler, node, comparator);
    if (choice != MATCH_COUNT && choice != MATCH_VALUE)
        return;
    struct slice name = text_constant(&type->texts[0]);
    if (!relation_find(name, &relation))
        check_complain(compiler, SLOT_MATCH, "\"%.*s\" is none of gt, ge, lt, le, eq, ne",
                       SLICE_ARGS(complain_word(name)));
    else if (choice == MATCH_COUNT && comparator != COMPARATOR_NUMERIC)
        warn(&compiler->complaining, compiler->places[SLOT_MATCH],
             "without :comparator \"i;ascii-numeric\" the count compares as text: \"10\" is below \"9\"");
}

static void check_index(struct compiler *compiler, const struct node *node)
{
    if (node_has(node, SLOT_LAST) && !node_has(node, SLOT_INDEX))
        check_complain(compiler, SLOT_LAST, "\":last\" needs \":index\"");
    if (node_number(node, SLOT_INDEX, 1) == 0)
        check_complain(compiler, SLOT_INDEX, "\":index\" counts from 1");
}

/* RFC 5703 4.1 */
void check_mime(struct compiler *compiler, const struct node *node)
{
    static const enum slot slots[] = {SLOT_ANY_CHILD, SLOT_MIME_PIECE};
    for (size_t i = 0; i < ARRAY_LEN(slots); i++)
        if (node_has(node, slots[i]) && !node_has(node, SLOT_MIME))
            check_complain(compiler, slots[i], "this needs \":mime\"");
}

void check_header(struct compiler *compiler, const struct node *node)
{
    check_match(compiler, node);
    check_index(compiler, node);
    check_mime(compiler, node);
}

/* Fields that hold addresses (RFC 5228 5.1). */
static bool holds_addresses(struct slice name)
{
    static const char *const names[] = {
        "from",
        "to",
        "cc",
        "bcc",
        "sender",
        "reply-to",
        "resent-from",
        "resent-to",
        "resent-cc",
        "resent-bcc",
        "resent-sender",
        "resent-reply-to",
        "return-path",
        "delivered-to",
        "errors-to",
        "envelope-to",
        "x-original-to",
        "x-envelope-to",
        "x-envelope-from",
        "mail-followup-to",
        "mail-reply-to",
        "disposition-notification-to",
        "return-receipt-to",
        "approved-by",
        "original-recipient",
        "apparently-to",
        "content-from",
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (slice_eq_nocase(slice_cstr(names[i]), name))
            return true;
    return false;
}

void check_address(struct compiler *compiler, const struct node *node)
{
    check_header(compiler, node);
    check_texts(compiler, node, SLOT_HEADERS, holds_addresses, "is no field that holds addresses");
}

static bool is_envelope_part(struct slice name)
{
    return slice_eq_nocase(name, S("from")) || slice_eq_nocase(name, S("to"));
}

void check_envelope(struct compiler *compiler, const struct node *node)
{
    check_match(compiler, node);
    check_texts(compiler, node, SLOT_HEADERS, is_envelope_part, "is no part of the envelope");
}

void check_size(struct compiler *compiler, const struct node *node)
{
    if (!node_has(node, SLOT_LIMIT))
        complain(&compiler->complaining, compiler->at, "\"size\" takes \":over\" or \":under\"");
}

static bool is_zone(struct slice text)
{
    int32_t minutes;
    return zone_parse(text, &minutes);
}

static bool is_date_part(struct slice name)
{
    CLEANUP(buf_release) struct buf ignored = BUF(100);
    return date_part_put(name, (struct mime_date){0, 0}, &ignored);
}

void check_date(struct compiler *compiler, const struct node *node)
{
    check_header(compiler, node);
    if (node_choice(node, SLOT_ZONE, ZONE_ORIGINAL) == ZONE_GIVEN)
        check_texts(compiler, node, SLOT_ZONE, is_zone, "is no time zone like \"+0100\"");
    check_texts(compiler, node, SLOT_DATE_PART, is_date_part, "is no part of a date");
}

/* --- variables --- */

static bool name_usable(const struct compiler *compiler, struct slice name)
{
    const bool global = variable_is_global(name) && compiler_has(compiler, SIEVE_INCLUDE);
    return variable_name_valid(global ? variable_local_name(name) : name);
}

static void check_variables(struct compiler *compiler, const struct node *node, enum slot slot)
{
    const struct value *value = node_value(node, slot);
    uint32_t ignored;
    for (uint32_t i = 0; value != NULL && i < value->count; i++) {
        if (!text_is_constant(&value->texts[i]))
            check_complain(compiler, slot, "the name of a variable can't hold variables");
        else if (!name_usable(compiler, text_constant(&value->texts[i])))
            check_complain(compiler, slot, "\"%.*s\" is no name of a variable",
                           SLICE_ARGS(complain_word(text_constant(&value->texts[i]))));
        else if (!compile_variable(compiler, text_constant(&value->texts[i]), compiler->places[slot],
                                   &ignored))
            return;
    }
}

void check_set(struct compiler *compiler, const struct node *node)
{
    check_variables(compiler, node, SLOT_NAME);
    const struct value *value = node_value(node, SLOT_VALUE);
    size_t n = 0;
    for (uint32_t i = 0; i < value->texts[0].count; i++)
        n += value->texts[0].pieces[i].text.n;
    if (n > SIEVE_VARIABLE_MAX)
        check_complain(compiler, SLOT_VALUE, "a variable holds at most %d bytes", SIEVE_VARIABLE_MAX);
}

/* RFC 5232 3: naming a variable needs the extension that has them. */
static void check_flag_variables(struct compiler *compiler, const struct node *node, enum slot slot)
{
    if (!node_has(node, slot))
        return;
    if (compiler_has(compiler, SIEVE_VARIABLES))
        check_variables(compiler, node, slot);
    else
        check_complain(compiler, slot, "naming a variable needs require \"variables\"");
}

void check_flags(struct compiler *compiler, const struct node *node)
{
    check_flag_variables(compiler, node, SLOT_NAME);
}

void check_hasflag(struct compiler *compiler, const struct node *node)
{
    check_match(compiler, node);
    check_flag_variables(compiler, node, SLOT_VARIABLES);
}

/* --- actions --- */

void check_redirect(struct compiler *compiler, const struct node *node)
{
    check_texts(compiler, node, SLOT_ADDRESS, address_valid, "is no address");
}

/* A mailbox is found by one of them (RFC 9042 4). */
static void check_filing(struct compiler *compiler, const struct node *node)
{
    if (node_has(node, SLOT_MAILBOX_ID) && node_has(node, SLOT_SPECIAL_USE))
        check_complain(compiler, SLOT_MAILBOX_ID, "\":mailboxid\" and \":specialuse\" exclude each other");
}

void check_fileinto(struct compiler *compiler, const struct node *node)
{
    check_filing(compiler, node);
    check_texts(compiler, node, SLOT_NAME, mailbox_name_valid, "can be no mailbox");
}

void check_vacation(struct compiler *compiler, const struct node *node)
{
    static const enum slot slots[] = {SLOT_CREATE, SLOT_FLAGS, SLOT_MAILBOX_ID, SLOT_SPECIAL_USE};
    check_filing(compiler, node);
    check_texts(compiler, node, SLOT_FCC, mailbox_name_valid, "can be no mailbox");
    for (size_t i = 0; i < ARRAY_LEN(slots); i++)
        if (node_has(node, slots[i]) && !node_has(node, SLOT_FCC))
            check_complain(compiler, slots[i], "this needs \":fcc\"");
    check_texts(compiler, node, SLOT_FROM, letter_from_valid, "is no list of mailboxes");
    if (node_has(node, SLOT_MIME))
        check_texts(compiler, node, SLOT_REASON, letter_entity_valid,
                    "...: the fields of a MIME entity can't hold 8-bit text (RFC 5230 5)");
}

/* --- parts (RFC 5703) --- */

void check_break(struct compiler *compiler, const struct node *node)
{
    const struct value *wanted = node_value(node, SLOT_NAME);
    for (size_t i = compiler->loop_count; i > 0; i--) {
        const struct value *name = node_value(compiler->loops[i - 1], SLOT_NAME);
        if (wanted == NULL ||
            (name != NULL && slice_eq(text_constant(&name->texts[0]), text_constant(&wanted->texts[0]))))
            return;
    }
    complain(&compiler->complaining, compiler->at, "\"break\" stands in no foreverypart%s",
             wanted != NULL ? " of this name" : "");
}

void check_extracttext(struct compiler *compiler, const struct node *node)
{
    if (!compiler_has(compiler, SIEVE_VARIABLES))
        complain(&compiler->complaining, compiler->at, "\"extracttext\" needs require \"variables\"");
    else
        check_variables(compiler, node, SLOT_NAME);
    if (compiler->loop_count == 0)
        warn(&compiler->complaining, compiler->at, "outside of foreverypart there is no text to extract");
}

void check_replace(struct compiler *compiler, const struct node *node)
{
    check_texts(compiler, node, SLOT_FROM, letter_from_valid, "is no list of mailboxes");
    if (node_has(node, SLOT_MIME))
        check_texts(compiler, node, SLOT_REASON, letter_entity_valid,
                    "...: the fields of a MIME entity can't hold 8-bit text");
}

/* --- notify (RFC 5435) --- */

void check_notify(struct compiler *compiler, const struct node *node)
{
    const struct text *method = &node_value(node, SLOT_METHOD)->texts[0];
    check_texts(compiler, node, SLOT_FROM, notify_from_valid, "is no address");
    check_texts(compiler, node, SLOT_IMPORTANCE, notify_importance_valid, "is none of \"1\", \"2\", \"3\"");
    check_texts(compiler, node, SLOT_OPTIONS, notify_option_valid, "is no \"name=value\"");
    /* An error only when it runs (RFC 5435 3.2): a script may ask valid_notify_method before. */
    if (text_is_constant(method) && !notify_method_valid(text_constant(method)))
        warn(&compiler->complaining, compiler->places[SLOT_METHOD], "nobody can be notified by \"%.*s\"",
             SLICE_ARGS(complain_word(text_constant(method))));
}

/* --- editheader (RFC 5293) --- */

void check_addheader(struct compiler *compiler, const struct node *node)
{
    check_texts(compiler, node, SLOT_NAME, field_name_valid, "is no name of a field");
}

void check_deleteheader(struct compiler *compiler, const struct node *node)
{
    check_index(compiler, node);
    check_texts(compiler, node, SLOT_NAME, field_name_valid, "is no name of a field");
    if (node_has(node, SLOT_KEYS))
        check_match(compiler, node);
}

/* --- include (RFC 6609) --- */

void check_include(struct compiler *compiler, const struct node *node)
{
    check_texts(compiler, node, SLOT_NAME, script_name_valid, "is no name of a script");
}

void check_global(struct compiler *compiler, const struct node *node)
{
    if (!compiler_has(compiler, SIEVE_VARIABLES))
        complain(&compiler->complaining, compiler->at, "\"global\" needs require \"variables\"");
    else
        check_variables(compiler, node, SLOT_NAME);
    check_texts(compiler, node, SLOT_NAME, variable_name_valid, "is no name of a variable");
}

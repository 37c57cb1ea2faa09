#include "authres/arc_chain.h"

#include <openssl/evp.h>

#include "authres/tags.h"
#include "base/must.h"

enum { COMMENT_DEPTH_MAX = 10 };

static const struct slice field_names[ARC_FIELDS] = {S("ARC-Authentication-Results"),
                                                     S("ARC-Message-Signature"), S("ARC-Seal")};

const char *arc_status_word(enum arc_status status)
{
    static const char *const words[] = {
#define X(name, word) word,
        ARC_STATUS_TABLE(X)
#undef X
    };
    must((size_t)status < ARRAY_LEN(words));
    return words[status];
}

static bool status_of_word(struct slice word, enum arc_status *ret)
{
    for (enum arc_status s = ARC_NONE; s <= ARC_FAIL; s++) {
        if (slice_eq_nocase(word, slice_cstr(arc_status_word(s)))) {
            *ret = s;
            return true;
        }
    }
    return false;
}

/* --- results --- */

/* Blanks and comments. */
static void skip_cfws(struct cursor *c)
{
    unsigned depth = 0;
    while (!cursor_done(c)) {
        int byte = cursor_peek(c);
        if (depth == 0 && !ascii_is_space((char)byte) && byte != '(')
            return;
        (void)cursor_next(c);
        if (byte == '(' && depth < COMMENT_DEPTH_MAX)
            depth++;
        else if (byte == ')')
            depth--;
        else if (byte == '\\')
            (void)cursor_next(c);
    }
}

/* Behind the next semicolon that stands in no comment and no quotes. */
static bool skip_result(struct cursor *c)
{
    bool quoted = false;
    while (!cursor_done(c)) {
        if (!quoted)
            skip_cfws(c);
        int byte = cursor_next(c);
        if (byte == '\\')
            (void)cursor_next(c);
        else if (byte == '"')
            quoted = !quoted;
        else if (byte == ';' && !quoted)
            return true;
    }
    return false;
}

/* The cursor stays at the result's start, so that quotes and comments are always read from where they begin.
 */
bool arc_result_next(struct cursor *c, struct arc_result *ret)
{
    while (skip_result(c)) {
        skip_cfws(c);
        struct cursor in = *c;
        struct cursor behind = *c;
        bool more = skip_result(&behind);
        ret->method = cursor_take_until(&in, S(" \t\r\n;(=/\""));
        skip_cfws(&in);
        if (!cursor_skip_char(&in, '='))
            continue;
        skip_cfws(&in);
        ret->word = cursor_take_until(&in, S(" \t\r\n;(\""));
        size_t left = behind.p > in.p ? (size_t)(behind.p - in.p) : 0;
        ret->properties = slice_of(in.p, left - (more && left > 0));
        return true;
    }
    return false;
}

static void take_value(struct cursor *c, struct buf *out)
{
    bool quoted = cursor_skip_char(c, '"');
    while (!cursor_done(c) && (quoted || slice_find_char(S(" \t\r\n("), *c->p) < 0)) {
        int byte = cursor_next(c);
        if (quoted && byte == '"')
            return;
        if (quoted && byte == '\\' && !cursor_done(c))
            byte = cursor_next(c);
        buf_putc(out, (char)byte);
    }
}

bool arc_result_property(const struct arc_result *result, struct slice name, struct buf *out)
{
    for (struct cursor c = cursor_of(result->properties); !cursor_done(&c);) {
        skip_cfws(&c);
        struct slice found = cursor_take_until(&c, S(" \t\r\n=(\""));
        skip_cfws(&c);
        if (!cursor_skip_char(&c, '=')) {
            if (found.n == 0)
                (void)cursor_next(&c);
            continue;
        }
        skip_cfws(&c);
        CLEANUP(buf_release) struct buf value = BUF(result->properties.n);
        take_value(&c, &value);
        if (!slice_eq_nocase(found, name))
            continue;
        buf_put(out, buf_slice(&value));
        return !buf_failed(&value);
    }
    return false;
}

bool arc_status_in_results(struct slice results, enum arc_status *ret_status)
{
    struct cursor c = cursor_of(results);
    struct arc_result result;
    while (arc_result_next(&c, &result))
        if (slice_eq_nocase(result.method, S("arc")))
            return status_of_word(result.word, ret_status);
    return false;
}

/* --- reading --- */

static bool read_number(struct slice text, unsigned *ret)
{
    uint32_t number;
    if (text.n == 0 || text.n > 2 || !slice_to_u32(text, &number) || number < 1 || number > ARC_SETS_MAX)
        return false;
    *ret = number;
    return true;
}

/* "i=1;" at the start of the results (4.1.1). */
static bool results_instance(struct slice value, unsigned *ret)
{
    struct cursor c = cursor_of(value);
    skip_cfws(&c);
    if (!cursor_skip(&c, S("i")))
        return false;
    skip_cfws(&c);
    if (!cursor_skip_char(&c, '='))
        return false;
    skip_cfws(&c);
    struct slice number = cursor_take_while(&c, S("0123456789"));
    skip_cfws(&c);
    return cursor_skip_char(&c, ';') && read_number(number, ret);
}

static bool instance_of(const struct mime_field *field, enum arc_field kind, unsigned *ret)
{
    struct tag_list tags;
    if (kind == ARC_RESULTS)
        return results_instance(field->value, ret);
    return tag_list_parse(field->value, &tags) && read_number(tag_list_value(&tags, S("i")), ret);
}

bool arc_seal_status(const struct mime_field *seal, enum arc_status *ret_status)
{
    struct tag_list tags;
    return tag_list_parse(seal->value, &tags) && status_of_word(tag_list_value(&tags, S("cv")), ret_status);
}

static void take_field(struct arc_chain *chain, const struct mime_field *field, enum arc_field kind)
{
    unsigned instance;
    chain->any = true;
    if (!instance_of(field, kind, &instance)) {
        chain->broken = "no instance";
        return;
    }
    const struct mime_field **place = &chain->sets[instance - 1].fields[kind];
    if (*place != NULL)
        chain->broken = "an instance stands twice";
    *place = field;
    chain->count = MAX(chain->count, instance);
}

void arc_chain_read(const struct dkim_intake *intake, struct arc_chain *ret_chain)
{
    *ret_chain = (struct arc_chain){.broken = intake->malformed ? "the message header is malformed" : NULL};
    for (size_t i = 0; i < intake->field_count; i++)
        for (enum arc_field kind = ARC_RESULTS; kind < ARC_FIELDS; kind++)
            if (slice_eq_nocase(intake->fields[i].name, field_names[kind]))
                take_field(ret_chain, &intake->fields[i], kind);
    for (unsigned i = 0; i < ret_chain->count && ret_chain->broken == NULL; i++)
        for (enum arc_field kind = ARC_RESULTS; kind < ARC_FIELDS; kind++)
            if (ret_chain->sets[i].fields[kind] == NULL)
                ret_chain->broken = "a set is not whole";
}

/* --- what seals sign --- */

enum err arc_seal_hash(const struct arc_chain *chain, unsigned from, unsigned of, struct slice unsigned_text,
                       unsigned char ret_hash[static DKIM_HASH_SIZE], struct error *error)
{
    CLEANUP(buf_release) struct buf text = BUF((size_t)2 * DKIM_HEADER_MAX);
    for (unsigned i = from; i <= of; i++) {
        const struct arc_set *set = &chain->sets[i - 1];
        canon_field(&text, CANON_RELAXED, set->fields[ARC_RESULTS]->whole);
        canon_field(&text, CANON_RELAXED, set->fields[ARC_MESSAGE]->whole);
        canon_field(&text, CANON_RELAXED, i < of ? set->fields[ARC_SEAL]->whole : unsigned_text);
    }
    if (buf_failed(&text) || EVP_Digest(text.p, text.n - 2, ret_hash, NULL, EVP_sha256(), NULL) != 1)
        return fail_nomem(error);
    return ERR_OK;
}

#include "mime/search_text.h"

#include <gnu/libc-version.h>
#include <utf8proc.h>

#include "base/utf8.h"
#include "mime/charset.h"
#include "mime/encoded_word.h"
#include "mime/fold.h"
#include "mime/header.h"
#include "mime/html_text.h"

enum { KEEP_MAX = 1 << 20 /* bytes that a buf keeps from one message to the next */ };

static void begin(struct buf *b)
{
    if (b->cap > KEEP_MAX)
        buf_release(b);
    buf_clear(b);
}

void mime_search_begin(struct mime_search *search)
{
    begin(&search->raw);
    begin(&search->text);
    begin(&search->plain);
    begin(&search->folded);
}

void mime_search_release(struct mime_search *search)
{
    buf_release(&search->raw);
    buf_release(&search->text);
    buf_release(&search->plain);
    buf_release(&search->folded);
}

bool mime_search_failed(const struct mime_search *search)
{
    return buf_failed(&search->raw) || buf_failed(&search->text) || buf_failed(&search->plain) ||
           buf_failed(&search->folded);
}

/* Empties it, but keeps a failure. */
static struct buf *empty(struct buf *b)
{
    b->n = 0;
    return b;
}

void mime_search_fold(struct buf *out, enum mime_search_way way, struct slice utf8)
{
    switch (way) {
    case MIME_SEARCH_CASEMAP:
        mime_fold_sort(out, utf8);
        return;
    case MIME_SEARCH_ASCII:
        mime_fold_ascii(out, utf8);
        return;
    case MIME_SEARCH_WIDE:
        break;
    }
    mime_fold_search(out, utf8);
}

static struct mime_search_text fold(struct mime_search *search, struct slice utf8)
{
    mime_search_fold(empty(&search->folded), search->way, utf8);
    return (struct mime_search_text){.text = buf_slice(&search->folded)};
}

struct slice mime_search_indexed(struct mime_search *search, struct mime_search_text text)
{
    if (!text.octets)
        return text.text;
    mime_fold_sort(empty(&search->folded), text.text);
    return buf_slice(&search->folded);
}

/* A value behind what is in search->text already. */
static struct mime_search_text value_behind(struct mime_search *search, struct slice raw)
{
    size_t before = search->text.n;
    if (mime_words_convert(&search->text, raw) || search->way == MIME_SEARCH_WIDE)
        return fold(search, buf_slice(&search->text));
    search->text.n = before;
    mime_words_octets(&search->text, raw);
    return (struct mime_search_text){buf_slice(&search->text), true};
}

struct mime_search_text mime_search_value(struct mime_search *search, struct slice raw)
{
    (void)empty(&search->text);
    return value_behind(search, raw);
}

bool mime_search_fields(struct mime_search *search, struct slice header, mime_search_fn *each, void *context)
{
    struct cursor c = cursor_of(header);
    struct mime_field field;
    while (mime_field_next(&c, &field)) {
        /* Repaired by itself, so that a name can't spoil the value. */
        utf8_put_repaired(empty(&search->text), field.name);
        buf_put(&search->text, S(": "));
        if (!each(context, value_behind(search, field.value)))
            return false;
    }
    return true;
}

static struct slice without_encoding(struct mime_search *search, const struct mime_part *part)
{
    if (part->encoding != MIME_ENCODING_BASE64 && part->encoding != MIME_ENCODING_QUOTED_PRINTABLE)
        return part->body;
    mime_decode_all(empty(&search->raw), part->encoding, part->body);
    return buf_slice(&search->raw);
}

static bool part_texts(struct mime_search *search, const struct mime_part *part, mime_search_fn *each,
                       void *context)
{
    if (part->kind != MIME_LEAF || !slice_eq_nocase(part->type, S("text")))
        return true;
    struct slice bytes = without_encoding(search, part);
    struct slice charset = mime_parameter_raw(part->parameters, S("charset"));
    struct slice text;
    if (!mime_charset_read(empty(&search->text), charset, bytes, &text) && search->way != MIME_SEARCH_WIDE)
        return each(context, (struct mime_search_text){bytes, true});
    if (!each(context, fold(search, text)))
        return false;
    if (!slice_eq_nocase(part->subtype, S("html")))
        return true;
    mime_html_to_text(empty(&search->plain), text, search->plain.max);
    return each(context, fold(search, buf_slice(&search->plain)));
}

bool mime_search_body(struct mime_search *search, const struct mime_part *message, mime_search_fn *each,
                      void *context)
{
    for (const struct mime_part *part = message; part != NULL; part = mime_part_walk(message, part)) {
        if (part != message && !mime_search_fields(search, part->header, each, context))
            return false;
        if (!part_texts(search, part, each, context))
            return false;
    }
    return true;
}

void mime_search_reading(char ret_text[static MIME_SEARCH_READING_MAX])
{
    snprintf(ret_text, MIME_SEARCH_READING_MAX, "%d utf8proc %s libc %s", MIME_SEARCH_VERSION,
             utf8proc_version(), gnu_get_libc_version());
}

/* extracttext (RFC 5703 7). */
#include "base/utf8.h"
#include "mime/binary.h"
#include "mime/charset.h"
#include "mime/html_text.h"
#include "sieve/loop.h"
#include "sieve/set.h"

/* The first so many characters of UTF-8. */
static struct slice first_characters(struct slice text, uint64_t count)
{
    struct cursor c = cursor_of(text);
    while (count-- > 0 && !cursor_done(&c))
        utf8_next(&c);
    return slice_of(text.p, (size_t)(c.p - text.p));
}

/* The text in UTF-8; nothing where there is none, or where it can't be read. */
static void put_text(const struct mime_part *part, struct buf *out)
{
    if (part->kind != MIME_LEAF || !slice_eq_nocase(part->type, S("text")) || !mime_part_decodable(part))
        return;
    CLEANUP(buf_release) struct buf bytes = BUF(part->body.n + 16);
    CLEANUP(buf_release) struct buf read = BUF(4 * part->body.n + 16);
    struct slice text;
    mime_decode_all(&bytes, part->encoding, part->body);
    if (!mime_charset_read(&read, mime_parameter_raw(part->parameters, S("charset")), buf_slice(&bytes),
                           &text))
        return;
    if (slice_eq_nocase(part->subtype, S("html")))
        mime_html_to_text(out, text, out->max);
    else
        buf_put(out, text);
}

enum err act_extracttext(struct run *run, const struct node *node, struct error *error)
{
    const struct mime_part *part = NULL;
    enum err e = run->loop != NULL ? loop_part(run, &part, error) : ERR_OK;
    buf_clear(&run->decoded);
    if (e == ERR_OK && part != NULL) {
        put_text(part, &run->decoded);
        e = run_spend(run, part->body.n, error);
    }
    if (e == ERR_OK && buf_failed(&run->decoded))
        return run_too_much(run, error);
    if (e != ERR_OK)
        return e;
    /* What a variable can hold is all that is looked at. */
    struct slice text = utf8_cut(buf_slice(&run->decoded), SIEVE_VARIABLE_MAX);
    return set_modified(run, node, first_characters(text, node_number(node, SLOT_FIRST, UINT64_MAX)), error);
}

/* What the body says (RFC 5173). */
#include "mime/html_text.h"
#include "sieve/loop.h"
#include "sieve/match.h"

enum { HTML_TEXT_MAX = 16 << 20 };

struct looking {
    struct run *run;
    struct match *match;
    enum transform_choice transform;
    const struct slice *types;
    uint32_t type_count;
    bool found;
};

/* RFC 5173 5.2: "", "text" or "text/plain". */
static bool type_fits(struct slice type, const struct mime_part *part)
{
    struct slice major, minor;
    if (type.n == 0)
        return true;
    if (!slice_cut(type, '/', &major, &minor))
        return slice_eq_nocase(type, part->type);
    return major.n > 0 && minor.n > 0 && slice_find_char(minor, '/') < 0 && mime_part_is(part, major, minor);
}

static bool wanted(const struct looking *looking, const struct mime_part *part)
{
    if (looking->transform == TRANSFORM_TEXT)
        return part->kind == MIME_LEAF && slice_eq_nocase(part->type, S("text"));
    for (uint32_t i = 0; i < looking->type_count; i++)
        if (type_fits(looking->types[i], part))
            return true;
    return false;
}

/* Without its last line, which is a boundary, and that line's end before it. */
static struct slice before_boundary(struct slice text)
{
    if (slice_ends(text, S("\n")))
        text.n--;
    ssize_t end = slice_rfind_char(text, '\n');
    return slice_sub(text, 0, end < 0 ? 0 : (size_t)end + 1);
}

/* What stands before the first part and after the last one, each by itself. */
static enum err try_around(struct looking *looking, const struct mime_part *part, struct error *error)
{
    const char *first = part->first_child->whole.p;
    struct slice last = part->last_child->whole;
    struct slice prologue = before_boundary(slice_of(part->body.p, (size_t)(first - part->body.p)));
    struct cursor rest = cursor_of(part->body);
    rest.p = last.p + last.n;
    cursor_skip(&rest, S("\r"));
    cursor_skip(&rest, S("\n"));
    cursor_take_until(&rest, S("\n"));
    cursor_skip(&rest, S("\n"));
    enum err e = match_try(looking->match, prologue, &looking->found, error);
    if (e == ERR_OK && !looking->found)
        e = match_try(looking->match, cursor_rest(&rest), &looking->found, error);
    return e;
}

static enum err try_leaf(struct looking *looking, const struct mime_part *part, struct error *error)
{
    struct buf *decoded = &looking->run->decoded;
    buf_clear(decoded);
    mime_part_decode(decoded, part, true);
    if (buf_failed(decoded))
        return run_too_much(looking->run, error);
    enum err e = run_spend(looking->run, part->body.n, error);
    if (e != ERR_OK)
        return e;
    if (looking->transform != TRANSFORM_TEXT || !slice_eq_nocase(part->subtype, S("html")))
        return match_try(looking->match, buf_slice(decoded), &looking->found, error);
    CLEANUP(buf_release) struct buf text = BUF(HTML_TEXT_MAX);
    mime_html_to_text(&text, buf_slice(decoded), HTML_TEXT_MAX);
    return match_try(looking->match, buf_slice(&text), &looking->found, error);
}

static enum err try_part(struct looking *looking, const struct mime_part *part, struct error *error)
{
    switch (part->kind) {
    case MIME_MULTIPART:
        return try_around(looking, part, error);
    case MIME_MESSAGE:
        return match_try(looking->match, part->first_child->header, &looking->found, error);
    default:
        return try_leaf(looking, part, error);
    }
}

static enum err try_parts(struct looking *looking, struct error *error)
{
    const struct mime_part *root = NULL;
    enum err e = loop_message(looking->run, &root, error);
    for (const struct mime_part *part = root; part != NULL && !looking->found && e == ERR_OK;
         part = mime_part_walk(root, part))
        if (wanted(looking, part))
            e = try_part(looking, part, error);
    return e;
}

static enum err try_raw(struct looking *looking, struct error *error)
{
    struct run *run = looking->run;
    const struct mime_part *part = NULL;
    enum err e = run->frame->part != NULL ? loop_message(run, &part, error) : ERR_OK;
    return e == ERR_OK
               ? match_try(looking->match, part != NULL ? part->body : run->body, &looking->found, error)
               : e;
}

static enum err look(struct looking *looking, const struct node *node, struct error *error)
{
    const struct value *transform = node_value(node, SLOT_TRANSFORM);
    enum err e = ERR_OK;
    if (looking->transform == TRANSFORM_RAW)
        return try_raw(looking, error);
    if (looking->transform == TRANSFORM_CONTENT) {
        looking->type_count = transform->count;
        e = run_texts(looking->run, transform, &looking->types, error);
    }
    return e == ERR_OK ? try_parts(looking, error) : e;
}

enum err test_body(struct run *run, const struct node *node, bool *ret, struct error *error)
{
    CLEANUP(match_release) struct match match;
    enum err e = match_open(run, node, &match, error);
    match.keeps_variables = true;
    struct looking looking = {.run = run,
                              .match = &match,
                              .transform =
                                  (enum transform_choice)node_choice(node, SLOT_TRANSFORM, TRANSFORM_TEXT)};
    if (e == ERR_OK)
        e = look(&looking, node, error);
    if (e == ERR_OK && !looking.found)
        e = match_close(&match, &looking.found, error);
    if (e == ERR_OK)
        *ret = looking.found;
    return e;
}

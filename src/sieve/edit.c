/* addheader and deleteheader (RFC 5293). */
#include "sieve/edit.h"
#include "mime/compose.h"
#include "mime/encoded_word.h"
#include "mime/header.h"
#include "sieve/match.h"

enum { HEADER_MAX = 16 << 20 };

bool field_name_valid(struct slice name)
{
    for (size_t i = 0; i < name.n; i++)
        if (name.p[i] <= ' ' || name.p[i] == 127 || name.p[i] == ':')
            return false;
    return name.n > 0 && name.n <= FIELD_NAME_MAX;
}

static enum err take_header(struct run *run, struct buf *made, struct error *error)
{
    if (buf_failed(made))
        return run_too_much(run, error);
    enum err e = run_keep_text(run, buf_slice(made), &run->header, error);
    if (e == ERR_OK)
        run->message = slice_none(); /* made anew when it is needed */
    return e == ERR_OK ? run_spend(run, run->header.n, error) : e;
}

enum err run_message(struct run *run, struct slice *ret, struct error *error)
{
    if (run->message.p == NULL) {
        const size_t n = run->header.n + run->body.n;
        char *p = arena_alloc(&run->result->arena, n + 1);
        if (p == NULL)
            return run_too_much(run, error);
        if (run->header.n > 0)
            memcpy(p, run->header.p, run->header.n);
        if (run->body.n > 0)
            memcpy(p + run->header.n, run->body.p, run->body.n);
        run->message = slice_of(p, n);
    }
    *ret = run->message;
    return ERR_OK;
}

/* Where the fields start and end in the header: before them may stand an mbox line, after them the empty
 * line. */
static void borders(struct slice header, size_t *ret_start, size_t *ret_end)
{
    struct cursor c = cursor_of(header);
    struct mime_field field;
    bool any = false;
    *ret_start = *ret_end = 0;
    while (mime_field_next(&c, &field)) {
        if (!any)
            *ret_start = (size_t)(field.whole.p - header.p);
        any = true;
        *ret_end = (size_t)(field.whole.p - header.p) + field.whole.n;
    }
}

static enum err add(struct run *run, struct slice name, struct slice value, bool last, struct error *error)
{
    CLEANUP(buf_release) struct buf made = BUF(HEADER_MAX);
    char field[FIELD_NAME_MAX + 1];
    size_t start, end;
    borders(run->header, &start, &end);
    const size_t at = last ? end : start;
    snprintf(field, sizeof(field), "%.*s", SLICE_ARGS(name));
    buf_put(&made, slice_sub(run->header, 0, at));
    if (at > 0 && run->header.p[at - 1] != '\n')
        buf_put(&made, S("\r\n"));
    mime_compose_text_field(&made, field, value);
    buf_put(&made, slice_from(run->header, at));
    return take_header(run, &made, error);
}

enum err act_addheader(struct run *run, const struct node *node, struct error *error)
{
    struct slice name, value;
    enum err e = run_argument(run, node, SLOT_NAME, &name, error);
    if (e == ERR_OK)
        e = run_argument(run, node, SLOT_VALUE, &value, error);
    if (e == ERR_OK && !field_name_valid(name))
        return run_fail(run, error, "\"%.*s\" is no name of a field", SLICE_ARGS(slice_sub(name, 0, 80)));
    return e == ERR_OK ? add(run, name, slice_trim(value), node_has(node, SLOT_LAST), error) : e;
}

/* --- deleteheader --- */

struct deleting {
    struct run *run;
    const struct node *node;
    struct slice name;
    size_t total;        /* fields of that name */
    struct match *match; /* NULL: without patterns */
};

/* The i-th field of the name, from 1, is one that :index means. */
static bool index_fits(const struct deleting *deleting, size_t i)
{
    const struct value *index = node_value(deleting->node, SLOT_INDEX);
    if (index == NULL)
        return true;
    const bool last = node_has(deleting->node, SLOT_LAST);
    return index->number == (last ? deleting->total - i + 1 : i);
}

static enum err value_fits(struct deleting *deleting, struct slice raw, bool *ret, struct error *error)
{
    struct run *run = deleting->run;
    if (deleting->match == NULL) {
        *ret = true;
        return ERR_OK;
    }
    buf_clear(&run->decoded);
    mime_words_decode(&run->decoded, raw);
    return match_try(deleting->match, buf_slice(&run->decoded), ret, error);
}

/* One way through the header: what stays goes into made, if that is given. */
static enum err go_through(struct deleting *deleting, struct buf *made, bool all, struct error *error)
{
    struct slice header = deleting->run->header;
    struct cursor c = cursor_of(header);
    struct mime_field field;
    const char *copied = header.p;
    enum err e = ERR_OK;
    for (size_t i = 0; e == ERR_OK && mime_field_next(&c, &field);) {
        bool fits = all;
        if (!slice_eq_nocase(field.name, deleting->name) || !index_fits(deleting, ++i))
            continue;
        if (!all)
            e = value_fits(deleting, field.value, &fits, error);
        if (!fits || made == NULL || e != ERR_OK)
            continue;
        buf_put(made, slice_of(copied, (size_t)(field.whole.p - copied)));
        copied = field.whole.p + field.whole.n;
    }
    if (made != NULL)
        buf_put(made, slice_of(copied, (size_t)(header.p + header.n - copied)));
    return e;
}

/* With :count the number of fields decides for all of them. */
static enum err delete_fields(struct deleting *deleting, struct error *error)
{
    CLEANUP(buf_release) struct buf made = BUF(HEADER_MAX);
    bool all = false;
    const bool counts = deleting->match != NULL && deleting->match->type == MATCH_COUNT;
    enum err e = ERR_OK;
    if (counts) {
        e = go_through(deleting, NULL, false, error);
        if (e == ERR_OK)
            e = match_close(deleting->match, &all, error);
    }
    if (e == ERR_OK && (all || !counts))
        e = go_through(deleting, &made, all, error);
    if (e != ERR_OK || made.n == deleting->run->header.n || (counts && !all))
        return e;
    return take_header(deleting->run, &made, error);
}

static size_t count_named(struct slice header, struct slice name)
{
    struct cursor c = cursor_of(header);
    struct mime_field field;
    size_t count = 0;
    while (mime_field_next(&c, &field))
        count += slice_eq_nocase(field.name, name);
    return count;
}

enum err act_deleteheader(struct run *run, const struct node *node, struct error *error)
{
    CLEANUP(match_release) struct match match = {0};
    struct deleting deleting = {.run = run, .node = node};
    enum err e = run_argument(run, node, SLOT_NAME, &deleting.name, error);
    if (e == ERR_OK && !field_name_valid(deleting.name))
        return run_fail(run, error, "\"%.*s\" is no name of a field",
                        SLICE_ARGS(slice_sub(deleting.name, 0, 80)));
    /* RFC 5293 6: these stay, and nothing is said. */
    if (e != ERR_OK || slice_eq_nocase(deleting.name, S("received")) ||
        slice_eq_nocase(deleting.name, S("auto-submitted")))
        return e;
    deleting.total = count_named(run->header, deleting.name);
    if (node_has(node, SLOT_KEYS)) {
        deleting.match = &match;
        e = match_open(run, node, &match, error);
        match.keeps_variables = true;
    }
    return e == ERR_OK ? delete_fields(&deleting, error) : e;
}

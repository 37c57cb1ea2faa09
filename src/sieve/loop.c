/* foreverypart, break (RFC 5703 3), and the headers that :mime means (RFC 5703 4). */
#include "sieve/loop.h"

static const struct mime_part *part_at(const struct mime_part *root, size_t place)
{
    const struct mime_part *part = root;
    while (part != NULL && place-- > 0)
        part = mime_part_walk(root, part);
    return part;
}

static bool is_within(const struct mime_part *scope, const struct mime_part *part)
{
    while (part != NULL && part != scope)
        part = part->parent;
    return part != NULL;
}

static size_t count_parts(const struct mime_part *scope)
{
    size_t count = 0;
    for (const struct mime_part *part = scope; part != NULL; part = mime_part_walk(scope, part))
        count++;
    return count;
}

struct slice part_header(const struct run *run, const struct mime_part *part)
{
    return part->parent == NULL ? run->header : part->header;
}

static enum err refresh(struct run *run, struct loop *loop, struct error *error)
{
    const struct mime_part *root;
    enum err e = run_structure(run, &root, error);
    if (e == ERR_OK && loop->generation != run->generation) {
        loop->part = part_at(root, loop->place);
        loop->generation = run->generation;
    }
    return e;
}

enum err loop_part(struct run *run, const struct mime_part **ret, struct error *error)
{
    if (run->loop == NULL)
        return run_structure(run, ret, error);
    enum err e = refresh(run, run->loop, error);
    if (e == ERR_OK)
        *ret = run->loop->part;
    return e;
}

enum err loop_message(struct run *run, const struct mime_part **ret, struct error *error)
{
    struct loop *loop = run->frame->part;
    if (loop == NULL)
        return run_structure(run, ret, error);
    enum err e = refresh(run, loop, error);
    if (e == ERR_OK)
        *ret = loop->part;
    return e;
}

enum err loop_header(struct run *run, struct slice *ret, struct error *error)
{
    const struct mime_part *part = NULL;
    enum err e = run->frame->part != NULL ? loop_message(run, &part, error) : ERR_OK;
    if (e == ERR_OK)
        *ret = part != NULL ? part_header(run, part) : run->frame->part != NULL ? S("") : run->header;
    return e;
}

void loop_shift(struct run *run, size_t parts)
{
    for (struct loop *loop = run->loop; loop != NULL; loop = loop->outer) {
        loop->place += parts;
        loop->scope += parts;
    }
}

/* --- the commands --- */

/* The next part in reading order. *ret false: there is none in the scope. */
static enum err advance(struct run *run, struct loop *loop, bool *ret, struct error *error)
{
    const struct mime_part *root;
    enum err e = refresh(run, loop, error);
    if (e == ERR_OK)
        e = run_structure(run, &root, error);
    if (e != ERR_OK)
        return e;
    const size_t step = loop->replaced && loop->part != NULL ? count_parts(loop->part) : 1;
    if (loop->part != NULL && step == 1)
        loop->part = mime_part_walk(root, loop->part);
    else
        loop->part = part_at(root, loop->place + step);
    loop->place += step;
    loop->replaced = false;
    *ret = is_within(part_at(root, loop->scope), loop->part);
    return ERR_OK;
}

/* The first part: the message itself, or the first one in the part of the loop around, if that stands in the
 * same script. */
static enum err begin(struct run *run, struct loop *loop, bool *ret, struct error *error)
{
    const struct mime_part *part;
    enum err e = loop_part(run, &part, error);
    if (e != ERR_OK)
        return e;
    *ret = part != NULL;
    loop->part = part;
    loop->generation = run->generation;
    loop->scope = loop->place = loop->outer != NULL ? loop->outer->place : 0;
    const bool inner = loop->outer != NULL && loop->outer->frame == run->frame;
    return inner && part != NULL ? advance(run, loop, ret, error) : ERR_OK;
}

static enum err run_loop(struct run *run, struct loop *loop, const struct node *block, struct error *error)
{
    bool more = false;
    enum err e = begin(run, loop, &more, error);
    run->loop = loop;
    while (e == ERR_OK && more) {
        if (++run->steps > SIEVE_STEPS_MAX)
            return run_too_much(run, error);
        run_trace(run, S("part"), "%.*s/%.*s", SLICE_ARGS(loop->part->type), SLICE_ARGS(loop->part->subtype));
        e = run_commands(run, block, error);
        if (run->breaking == loop)
            run->breaking = NULL;
        else if (e == ERR_OK && !run->stopped && !run->returned && run->breaking == NULL) {
            e = advance(run, loop, &more, error);
            continue;
        }
        break;
    }
    return e;
}

enum err act_foreverypart(struct run *run, const struct node *node, struct error *error)
{
    struct loop loop = {.outer = run->loop, .frame = run->frame};
    enum err e = run_argument(run, node, SLOT_NAME, &loop.name, error);
    if (e == ERR_OK)
        e = run_loop(run, &loop, node_nodes(node, SLOT_BLOCK), error);
    run->loop = loop.outer;
    return e;
}

enum err act_break(struct run *run, const struct node *node, struct error *error)
{
    struct slice name;
    enum err e = run_argument(run, node, SLOT_NAME, &name, error);
    if (e != ERR_OK)
        return e;
    for (struct loop *loop = run->loop; loop != NULL && loop->frame == run->frame; loop = loop->outer)
        if (name.p == NULL || (loop->name.p != NULL && slice_eq(loop->name, name))) {
            run->breaking = loop;
            return ERR_OK;
        }
    return run_fail(run, error, "there is no foreverypart to break");
}

/* --- the headers of a test --- */

enum err headers_open(struct run *run, const struct node *node, struct headers *ret, struct error *error)
{
    const bool mime = node_has(node, SLOT_MIME), any_child = node_has(node, SLOT_ANY_CHILD);
    *ret = (struct headers){.run = run, .any_child = any_child};
    if (mime ? run->loop == NULL && !any_child : run->frame->part == NULL)
        return ERR_OK;
    enum err e = mime ? loop_part(run, &ret->scope, error) : loop_message(run, &ret->scope, error);
    ret->next = ret->scope;
    ret->done = ret->scope == NULL;
    return e;
}

bool headers_next(struct headers *headers, struct slice *ret)
{
    if (headers->done)
        return false;
    *ret = headers->next != NULL ? part_header(headers->run, headers->next) : headers->run->header;
    headers->next =
        headers->any_child && headers->next != NULL ? mime_part_walk(headers->scope, headers->next) : NULL;
    headers->done = headers->next == NULL;
    return true;
}

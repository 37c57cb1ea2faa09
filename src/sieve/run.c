#include "sieve/run.h"

#include <stdarg.h>

#include "base/utf8.h"
#include "mime/header.h"
#include "sieve/compile.h"
#include "sieve/edit.h"
#include "sieve/flags.h"

enum { TRACE_MAX = 400, DECODED_MAX = 256 << 20, DRAFT_MAX = 256 << 20 };

const char *sieve_action_name(enum sieve_action_kind kind)
{
    static const char *const names[] = {
#define X(name, text) text,
        SIEVE_ACTION_TABLE(X)
#undef X
    };
    return names[kind];
}

/* --- failing, spending, telling --- */

enum err run_fail(struct run *run, struct error *error, const char *format, ...)
{
    struct sieve_result *result = run->result;
    va_list args;
    va_start(args, format);
    vsnprintf(result->failure, sizeof(result->failure), format, args);
    va_end(args);
    result->failure_line = run->line;
    run->failed = true;
    return fail_plain(error, ERR_INVALID, "line %u: %s", run->line, result->failure);
}

enum err run_too_much(struct run *run, struct error *error)
{
    return run_fail(run, error, "the script takes too much time or memory with this message");
}

enum err run_spend(struct run *run, size_t bytes, struct error *error)
{
    const int64_t call = 64; /* what a comparison costs besides its bytes */
    run->work -= call + (int64_t)bytes;
    return run->work < 0 ? run_too_much(run, error) : ERR_OK;
}

bool run_traced(const struct run *run)
{
    return run->host->trace != NULL;
}

void run_trace(struct run *run, struct slice what, const char *format, ...)
{
    char text[TRACE_MAX];
    va_list args;
    if (!run_traced(run))
        return;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    run->host->trace(run->host->context, run->line, what, slice_cstr(text));
}

/* --- texts --- */

static struct slice match_variable(const struct match_variables *matches, uint32_t number)
{
    if (number >= matches->count)
        return S("");
    return slice_sub(buf_slice(&matches->text), matches->items[number].at, matches->items[number].n);
}

static struct slice piece_value(const struct run *run, const struct piece *piece)
{
    switch (piece->kind) {
    case PIECE_VARIABLE:
        return buf_slice(run->frame->variables[piece->number]);
    case PIECE_MATCH:
        return match_variable(&run->frame->matches, piece->number);
    default:
        return piece->text;
    }
}

enum err run_text(struct run *run, const struct text *text, struct slice *ret, struct error *error)
{
    if (text_is_constant(text)) {
        *ret = text_constant(text);
        return ERR_OK;
    }
    size_t n = 0;
    for (uint32_t i = 0; i < text->count; i++)
        n += piece_value(run, &text->pieces[i]).n;
    char *p = n <= SIEVE_TEXT_MAX ? arena_alloc(&run->scratch, n + 1) : NULL;
    if (p == NULL)
        return run_too_much(run, error);
    *ret = slice_of(p, n);
    for (uint32_t i = 0; i < text->count; i++) {
        struct slice value = piece_value(run, &text->pieces[i]);
        if (value.n > 0)
            memcpy(p, value.p, value.n);
        p += value.n;
    }
    return run_spend(run, n, error);
}

enum err run_texts(struct run *run, const struct value *value, const struct slice **ret, struct error *error)
{
    struct slice *texts = arena_array(&run->scratch, value->count + 1, sizeof(*texts));
    if (texts == NULL)
        return run_too_much(run, error);
    enum err e = ERR_OK;
    for (uint32_t i = 0; i < value->count && e == ERR_OK; i++)
        e = run_text(run, &value->texts[i], &texts[i], error);
    if (e == ERR_OK)
        *ret = texts;
    return e;
}

enum err run_argument(struct run *run, const struct node *node, enum slot slot, struct slice *ret,
                      struct error *error)
{
    const struct value *value = node_value(node, slot);
    if (value == NULL) {
        *ret = slice_none();
        return ERR_OK;
    }
    return run_text(run, &value->texts[0], ret, error);
}

void run_set_variable(struct run *run, struct buf *variable, struct slice value)
{
    buf_clear(variable);
    buf_put(variable, utf8_cut(value, SIEVE_VARIABLE_MAX));
    run_trace(run, S("value"), "\"%.*s\"", SLICE_ARGS(slice_sub(buf_slice(variable), 0, TRACE_MAX)));
}

/* --- variables and frames --- */

uint32_t run_variable_number(const struct run *run, struct slice name)
{
    const struct sieve_program *program = run->frame->program;
    for (uint32_t i = 0; i < program->variable_count; i++)
        if (slice_eq_nocase(program->variables[i], name))
            return i;
    return SIEVE_VARIABLES_MAX;
}

struct buf *run_variable(struct run *run, struct slice name)
{
    uint32_t number = run_variable_number(run, name);
    if (number == SIEVE_VARIABLES_MAX)
        return NULL;
    run->frame->defined[number] = true;
    return run->frame->variables[number];
}

struct buf *run_shared_variable(struct run *run, struct slice name)
{
    for (size_t i = 0; i < run->shared_count; i++)
        if (slice_eq_nocase(run->shared[i].name, name))
            return &run->shared[i].value;
    if (run->shared_count == SIEVE_VARIABLES_MAX)
        return NULL;
    struct shared_variable *shared = &run->shared[run->shared_count++];
    *shared = (struct shared_variable){name, BUF(SIEVE_VARIABLE_MAX)};
    return &shared->value;
}

bool run_enter(struct run *run, const struct sieve_program *program, struct slice name, bool global)
{
    struct frame *frame = calloc(1, sizeof(*frame));
    if (frame == NULL)
        return false;
    *frame = (struct frame){.program = program,
                            .outer = run->frame,
                            .name = name,
                            .global = global,
                            .enabled = program->extensions,
                            .part = run->loop,
                            .matches = {.text = BUF(SIEVE_TEXT_MAX)}};
    for (uint32_t i = 0; i < program->variable_count; i++) {
        struct buf *shared = variable_is_global(program->variables[i])
                                 ? run_shared_variable(run, variable_local_name(program->variables[i]))
                                 : NULL;
        frame->own[i] = BUF(SIEVE_VARIABLE_MAX);
        frame->variables[i] = shared != NULL ? shared : &frame->own[i];
    }
    run->frame = frame;
    run->depth++;
    return true;
}

void run_leave(struct run *run)
{
    struct frame *frame = run->frame;
    for (size_t i = 0; i < SIEVE_VARIABLES_MAX; i++)
        buf_release(&frame->own[i]);
    buf_release(&frame->matches.text);
    run->frame = frame->outer;
    run->depth--;
    free(frame);
}

/* --- the message --- */

enum err run_structure(struct run *run, const struct mime_part **ret, struct error *error)
{
    if (run->structure == NULL) {
        struct mime_part *root;
        arena_reset(&run->structure_arena);
        enum err e = mime_parse(&run->structure_arena, run->text, &root, error);
        if (e != ERR_OK)
            return e;
        run->structure = root;
    }
    *ret = run->structure;
    return ERR_OK;
}

static size_t count_fields(struct slice header)
{
    struct cursor c = cursor_of(header);
    struct mime_field field;
    size_t count = 0;
    while (mime_field_next(&c, &field))
        count++;
    return count;
}

/* RFC 5260 6. */
static void pick(const struct node *node, const struct slice **values, size_t *count)
{
    const struct value *index = node_value(node, SLOT_INDEX);
    if (index == NULL)
        return;
    const uint64_t at = index->number;
    if (at == 0 || at > *count)
        *count = 0;
    else {
        *values += node_has(node, SLOT_LAST) ? *count - at : at - 1;
        *count = 1;
    }
}

enum err run_fields(struct run *run, const struct node *node, struct slice header, const struct slice **ret,
                    size_t *ret_count, struct error *error)
{
    const struct value *wanted = node_value(node, SLOT_HEADERS);
    const struct slice *names;
    enum err e = run_texts(run, wanted, &names, error);
    if (e != ERR_OK)
        return e;
    size_t fields = count_fields(header), count = 0;
    struct slice *values = arena_array(&run->scratch, fields + 1, sizeof(*values) * (wanted->count + 1));
    if (values == NULL)
        return run_too_much(run, error);
    for (uint32_t i = 0; i < wanted->count && e == ERR_OK; i++) {
        struct cursor c = cursor_of(header);
        struct mime_field field;
        while (mime_field_next(&c, &field))
            if (slice_eq_nocase(field.name, names[i]))
                values[count++] = field.value;
        e = run_spend(run, header.n, error);
    }
    *ret = values;
    *ret_count = count;
    pick(node, ret, ret_count);
    return e;
}

/* --- actions --- */

bool run_has_action(const struct run *run, enum sieve_action_kind kind)
{
    for (size_t i = 0; i < run->action_count; i++)
        if (run->actions[i].kind == kind)
            return true;
    return false;
}

enum err run_act(struct run *run, struct sieve_action action, struct error *error)
{
    const size_t wanted = run->input->actions_max;
    const size_t most = wanted > 0 ? MIN(wanted, (size_t)SIEVE_ACTIONS_MAX) : (size_t)SIEVE_ACTIONS_MAX;
    if (run->action_count >= most)
        return run_fail(run, error, "more than %zu actions", most);
    action.line = run->line;
    action.message = run->input->message;
    /* What tells the sender something uses the message as it came (RFC 5293 7). */
    if (!run->failed && action.kind == SIEVE_ACTION_REDIRECT && run->unenclosed.p != NULL)
        action.message = run->unenclosed; /* RFC 5703 6 */
    else if (!run->failed && (action.kind == SIEVE_ACTION_KEEP || action.kind == SIEVE_ACTION_FILEINTO ||
                              action.kind == SIEVE_ACTION_REDIRECT)) {
        enum err e = run_message(run, &action.message, error);
        if (e != ERR_OK)
            return e;
    }
    run->actions[run->action_count++] = action;
    return ERR_OK;
}

enum err run_keep_text(struct run *run, struct slice text, struct slice *ret, struct error *error)
{
    struct slice copy = arena_dup(&run->result->arena, text);
    if (copy.p == NULL)
        return run_too_much(run, error);
    *ret = copy;
    return ERR_OK;
}

/* --- going through the program --- */

static enum err step(struct run *run, const struct node *node, struct error *error)
{
    arena_reset(&run->scratch);
    run->line = node->line;
    if (++run->steps > SIEVE_STEPS_MAX)
        return run_too_much(run, error);
    const uint64_t missing = node->needs & ~run->frame->enabled;
    if (missing != 0) /* RFC 5463 4 */
        return run_fail(run, error, "\"%s\" needs require \"%s\", or an ihave that succeeded before",
                        node->verb->name,
                        sieve_extension_name((enum sieve_extension)__builtin_ctzll(missing)));
    return ERR_OK;
}

enum err run_test(struct run *run, const struct node *node, bool *ret, struct error *error)
{
    enum err e = step(run, node, error);
    bool result = false;
    if (e == ERR_OK)
        e = node->verb->test(run, node, &result, error);
    if (e != ERR_OK)
        return e;
    run->line = node->line;
    run_trace(run, slice_cstr(node->verb->name), "%s", result ? "true" : "false");
    *ret = result;
    return ERR_OK;
}

/* Whether the commands of the chain if, elsif, else are to be passed over. */
static enum err skips(struct run *run, const struct node *node, bool *taken, bool *ret_skip,
                      struct error *error)
{
    const struct node *test = node_nodes(node, SLOT_TEST);
    if (verb_is(node->verb, COMMAND_IF))
        *taken = false;
    *ret_skip = *taken;
    if (*taken)
        return ERR_OK;
    enum err e = test != NULL ? run_test(run, test, taken, error) : ERR_OK;
    *ret_skip = test != NULL && !*taken;
    return e;
}

static enum err run_chained(struct run *run, const struct node *node, bool *taken, struct error *error)
{
    bool skip;
    enum err e = skips(run, node, taken, &skip, error);
    return e != ERR_OK || skip ? e : run_commands(run, node_nodes(node, SLOT_BLOCK), error);
}

static bool ends(const struct run *run)
{
    return run->stopped || run->returned || run->breaking != NULL;
}

enum err run_commands(struct run *run, const struct node *first, struct error *error)
{
    enum err e = ERR_OK;
    bool taken = false;
    for (const struct node *node = first; node != NULL && e == ERR_OK && !ends(run); node = node->next) {
        e = step(run, node, error);
        if (e == ERR_OK && node->verb->act != NULL) {
            run_trace(run, slice_cstr(node->verb->name), "runs");
            e = node->verb->act(run, node, error);
        } else if (e == ERR_OK && (node->verb->shape & SHAPE_BLOCK) != 0)
            e = run_chained(run, node, &taken, error);
    }
    return e;
}

/* --- the whole --- */

static void release_run(struct run **run)
{
    if (*run == NULL)
        return;
    while ((*run)->frame != NULL)
        run_leave(*run);
    for (size_t i = 0; i < (*run)->shared_count; i++)
        buf_release(&(*run)->shared[i].value);
    buf_release(&(*run)->flags);
    buf_release(&(*run)->decoded);
    buf_release(&(*run)->drafts[0]);
    buf_release(&(*run)->drafts[1]);
    arena_release(&(*run)->scratch);
    arena_release(&(*run)->structure_arena);
    free(*run);
}

static struct run *new_run(const struct sieve_program *program, const struct sieve_input *input,
                           const struct sieve_host *host, struct sieve_result *result)
{
    struct run *run = calloc(1, sizeof(*run));
    if (run == NULL)
        return NULL;
    struct mime_split split = mime_split(input->message);
    run->input = input;
    run->host = host;
    run->result = result;
    run->scratch = ARENA(SIEVE_RUN_MEMORY_MAX);
    run->structure_arena = ARENA(MIME_STRUCTURE_ARENA_MAX);
    run->work = SIEVE_WORK_MAX;
    run->flags = BUF(SIEVE_VARIABLE_MAX);
    run->decoded = BUF(DECODED_MAX);
    run->header = split.header;
    run->body = split.body;
    run->message = run->text = input->message;
    run->drafts[0] = run->drafts[1] = BUF(DRAFT_MAX);
    if (!run_enter(run, program, input->script_name, false)) {
        free(run);
        return NULL;
    }
    return run;
}

/* RFC 5228 2.10.2; with the flags of RFC 5232 3, unless the script failed. */
static enum err keep_implicitly(struct run *run, struct error *error)
{
    struct sieve_action keep = {.kind = SIEVE_ACTION_KEEP};
    run->line = 0;
    if (!run->failed) {
        enum err e = flags_of(run, buf_slice(&run->flags), &keep, error);
        if (e != ERR_OK)
            return e;
        run_trace(run, S("keep"), "implicitly");
    }
    return run_act(run, keep, error);
}

static enum err finish(struct run *run, struct error *error)
{
    struct sieve_result *result = run->result;
    if (run->failed) {
        run->action_count = 0;
        run->tracked_count = 0;
        result->failed = true;
        result->note[0] = 0;
    }
    enum err e = run->failed || !run->keep_cancelled ? keep_implicitly(run, error) : ERR_OK;
    if (e != ERR_OK)
        return e;
    struct sieve_action *actions =
        arena_array(&result->arena, run->action_count + 1, sizeof(struct sieve_action));
    if (actions == NULL)
        return fail_nomem(error);
    memcpy(actions, run->actions, run->action_count * sizeof(*actions));
    result->actions = actions;
    result->count = run->action_count;
    struct sieve_tracked *tracked =
        arena_array(&result->arena, run->tracked_count + 1, sizeof(struct sieve_tracked));
    if (tracked == NULL)
        return fail_nomem(error);
    memcpy(tracked, run->tracked, run->tracked_count * sizeof(*tracked));
    result->tracked = tracked;
    result->tracked_count = run->tracked_count;
    return ERR_OK;
}

enum err sieve_run(const struct sieve_program *program, const struct sieve_input *input,
                   const struct sieve_host *host, struct sieve_result *ret, struct error *error)
{
    struct sieve_result result = {.arena = ARENA(SIEVE_RUN_MEMORY_MAX)};
    CLEANUP(release_run) struct run *run = new_run(program, input, host, &result);
    if (run == NULL)
        return fail_nomem(error);
    enum err e = run_commands(run, program->commands, error);
    if (e == ERR_OK || run->failed)
        e = finish(run, error);
    if (e == ERR_INVALID && run->failed)
        e = finish(run, error); /* too much by what finishing needs: the plain keep fits */
    if (e != ERR_OK) {
        sieve_result_release(&result);
        return e;
    }
    *ret = result;
    return ERR_OK;
}

void sieve_result_release(struct sieve_result *result)
{
    arena_release(&result->arena);
    result->actions = NULL;
    result->count = 0;
}

#include "sieve/include.h"

#include "base/utf8.h"
#include "sieve/compile.h"
#include "sieve/run.h"

bool script_name_valid(struct slice name)
{
    struct cursor c = cursor_of(name);
    if (name.n == 0 || name.n > SIEVE_SCRIPT_NAME_MAX || !utf8_valid(name))
        return false;
    while (!cursor_done(&c)) {
        int32_t at = utf8_next(&c);
        if (at < 0x20 || (at >= 0x7f && at <= 0x9f) || at == '/' || at == 0x2028 || at == 0x2029)
            return false;
    }
    return true;
}

static bool runs_already(const struct run *run, struct slice name, bool global)
{
    for (const struct frame *frame = run->frame; frame != NULL; frame = frame->outer)
        if (frame->name.p != NULL && frame->global == global && slice_eq(frame->name, name))
            return true;
    return false;
}

static bool ran_before(const struct run *run, struct slice name, bool global)
{
    for (size_t i = 0; i < run->included_count; i++)
        if (run->included[i].global == global && slice_eq(run->included[i].name, name))
            return true;
    return runs_already(run, name, global);
}

static enum err find(struct run *run, struct slice name, bool global, const struct sieve_program **ret,
                     struct error *error)
{
    *ret = NULL;
    if (run->host->script == NULL)
        return ERR_OK;
    enum err e = run->host->script(run->host->context, name, global, ret, error);
    if (e == ERR_INVALID)
        return run_fail(run, error, "the script \"%.*s\" has errors", SLICE_ARGS(name));
    return e;
}

static enum err run_included(struct run *run, const struct sieve_program *program, struct slice name,
                             bool global, struct error *error)
{
    if (run->depth > SIEVE_INCLUDE_DEPTH_MAX || run->included_count == SIEVE_INCLUDES_MAX)
        return run_fail(run, error, "scripts include each other more than %d deep or %d times",
                        SIEVE_INCLUDE_DEPTH_MAX, SIEVE_INCLUDES_MAX);
    run->included[run->included_count++] = (struct included){name, global};
    if (!run_enter(run, program, name, global))
        return fail_nomem(error);
    run_trace(run, S("include"), "\"%.*s\" starts", SLICE_ARGS(name));
    enum err e = run_commands(run, program->commands, error);
    run_trace(run, S("include"), "\"%.*s\" ends", SLICE_ARGS(name));
    run_leave(run);
    run->returned = false;
    return e;
}

enum err act_include(struct run *run, const struct node *node, struct error *error)
{
    const bool global = node_choice(node, SLOT_LOCATION, LOCATION_PERSONAL) == LOCATION_GLOBAL;
    const struct sieve_program *program;
    struct slice name;
    enum err e = run_argument(run, node, SLOT_NAME, &name, error);
    if (e != ERR_OK)
        return e;
    if (!script_name_valid(name))
        return run_fail(run, error, "this is no name of a script");
    if (node_has(node, SLOT_ONCE) && ran_before(run, name, global))
        return ERR_OK;
    if (runs_already(run, name, global))
        return run_fail(run, error, "the script \"%.*s\" includes itself", SLICE_ARGS(name));
    e = find(run, name, global, &program, error);
    if (e != ERR_OK)
        return e;
    if (program != NULL)
        return run_included(run, program, name, global, error);
    return node_has(node, SLOT_OPTIONAL)
               ? ERR_OK
               : run_fail(run, error, "there is no script \"%.*s\"", SLICE_ARGS(name));
}

enum err act_return(struct run *run, const struct node *node, struct error *error)
{
    (void)node, (void)error;
    run->returned = true;
    return ERR_OK;
}

/* RFC 6609 3.4.1: from here on the name means the variable that scripts share. */
enum err act_global(struct run *run, const struct node *node, struct error *error)
{
    const struct value *names = node_value(node, SLOT_NAME);
    for (uint32_t i = 0; i < names->count; i++) {
        struct slice name = text_constant(&names->texts[i]);
        uint32_t number = run_variable_number(run, name);
        struct buf *shared = run_shared_variable(run, name);
        if (number == SIEVE_VARIABLES_MAX || shared == NULL)
            return run_fail(run, error, "too many variables");
        if (run->frame->defined[number] && run->frame->variables[number] != shared)
            return run_fail(run, error, "the variable \"%.*s\" was set before it became global",
                            SLICE_ARGS(name));
        run->frame->variables[number] = shared;
    }
    return ERR_OK;
}

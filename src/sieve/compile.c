#include "sieve/compile.h"

#include <stdarg.h>

#include "sieve/parser.h"

const struct value *node_value(const struct node *node, enum slot slot)
{
    for (uint32_t i = 0; i < node->count; i++)
        if (node->values[i].slot == slot)
            return &node->values[i];
    return NULL;
}

void *compiler_room(struct compiler *compiler, size_t count, size_t size)
{
    void *p = arena_array(&compiler->program->arena, MAX(count, (size_t)1), size);
    compiler->failed = compiler->failed || p == NULL;
    return p;
}

bool compiler_needs(struct compiler *compiler, enum sieve_extension extension)
{
    if (compiler_has(compiler, extension))
        return true;
    if (!compiler_has(compiler, SIEVE_IHAVE) || (compiler->allowed & SIEVE_BIT(extension)) == 0 ||
        sieve_extension_is_fixed(extension))
        return false;
    compiler->needs |= SIEVE_BIT(extension);
    return true;
}

void check_complain(struct compiler *compiler, enum slot slot, const char *format, ...)
{
    char text[SIEVE_COMPLAINT_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    complain(&compiler->complaining, compiler->places[slot], "%s", text);
}

/* --- one node's values while they are gathered --- */

struct filling {
    struct compiler *compiler;
    const struct tree_node *tree;
    const struct verb *verb;
    struct value values[SLOTS];
    uint32_t count;
    const struct tree_argument *next; /* not yet read */
};

static const char *kind_name(enum value_kind kind)
{
    return kind == VALUE_NUMBER ? "a number"
           : kind == VALUE_TEXT ? "a string"
                                : "a string or a list of strings";
}

static bool filled(const struct filling *filling, enum slot slot)
{
    for (uint32_t i = 0; i < filling->count; i++)
        if (filling->values[i].slot == slot)
            return true;
    return false;
}

static void put_value(struct filling *filling, struct place at, struct value value)
{
    filling->compiler->places[value.slot] = at;
    filling->values[filling->count++] = value;
}

static bool take_texts(struct filling *filling, const struct argument *argument,
                       const struct tree_argument *written, struct value *value)
{
    struct compiler *compiler = filling->compiler;
    struct text *texts = compiler_room(compiler, written->count, sizeof(*texts));
    uint32_t i = 0;
    if (texts == NULL)
        return false;
    for (const struct tree_string *s = written->strings; s != NULL; s = s->next, i++) {
        texts[i] = compile_text(compiler, s->text, s->at);
        if ((argument->flags & ARGUMENT_CONSTANT) != 0 && !text_is_constant(&texts[i])) {
            complain(&compiler->complaining, s->at, "variables can't stand here");
            return false;
        }
    }
    value->texts = texts;
    value->count = written->count;
    return true;
}

/* What was written becomes the argument's value. */
static bool take_value(struct filling *filling, const struct argument *argument,
                       const struct tree_argument *written)
{
    struct value value = {.slot = argument->slot, .kind = argument->kind, .choice = argument->choice};
    bool text = written->kind == TREE_STRING || (written->kind == TREE_LIST && argument->kind == VALUE_TEXTS);
    if (argument->kind == VALUE_NUMBER ? written->kind != TREE_NUMBER : !text) {
        complain(&filling->compiler->complaining, written->at, "%s should stand here",
                 kind_name(argument->kind));
        return false;
    }
    value.number = written->number;
    if (text && !take_texts(filling, argument, written, &value))
        return false;
    put_value(filling, written->at, value);
    return true;
}

/* --- tags --- */

static bool tag_usable(struct filling *filling, const struct argument *argument,
                       const struct tree_argument *tag)
{
    struct complaining *complaining = &filling->compiler->complaining;
    if (argument == NULL)
        complain(complaining, tag->at, "\"%s\" has no argument \":%.*s\"", filling->verb->name,
                 SLICE_ARGS(complain_word(tag->tag)));
    else if (!compiler_needs(filling->compiler, argument->extension))
        complain(complaining, tag->at, "\":%s\" needs require \"%s\"", argument->tag,
                 sieve_extension_name(argument->extension));
    else if (filled(filling, argument->slot))
        complain(complaining, tag->at, "\":%s\" contradicts or repeats an argument before it", argument->tag);
    else
        return true;
    return false;
}

static bool take_tags(struct filling *filling)
{
    while (filling->next != NULL && filling->next->kind == TREE_TAG) {
        const struct tree_argument *tag = filling->next;
        const struct argument *argument = verb_tag(filling->verb, tag->tag);
        if (!tag_usable(filling, argument, tag))
            return false;
        filling->next = tag->next;
        if (argument->kind == VALUE_FLAG) {
            put_value(filling, tag->at,
                      (struct value){.slot = argument->slot, .kind = VALUE_FLAG, .choice = argument->choice});
            continue;
        }
        if (filling->next == NULL) {
            complain(&filling->compiler->complaining, tag->at, "after \":%s\" %s should stand", argument->tag,
                     kind_name(argument->kind));
            return false;
        }
        const struct tree_argument *written = filling->next;
        filling->next = written->next;
        if (!take_value(filling, argument, written))
            return false;
    }
    return true;
}

/* --- positional arguments --- */

static bool take_positionals(struct filling *filling)
{
    struct complaining *complaining = &filling->compiler->complaining;
    size_t wanted = 0, given = 0, may_lack = 0;
    for (const struct argument *a = filling->verb->arguments; a->slot != SLOT_NONE; a++) {
        wanted += a->tag == NULL;
        may_lack += (a->flags & ARGUMENT_MAY_LACK) != 0;
    }
    for (const struct tree_argument *t = filling->next; t != NULL; t = t->next, given++)
        if (t->kind == TREE_TAG) {
            complain(complaining, t->at, "\":%.*s\" must stand before the arguments without a tag",
                     SLICE_ARGS(complain_word(t->tag)));
            return false;
        }
    if (given > wanted || given + may_lack < wanted) {
        complain(complaining, filling->tree->at, "\"%s\" takes %zu argument%s besides its tags, not %zu",
                 filling->verb->name, wanted, wanted == 1 ? "" : "s", given);
        return false;
    }
    for (const struct argument *a = filling->verb->arguments; a->slot != SLOT_NONE; a++) {
        if (a->tag != NULL || (given < wanted && (a->flags & ARGUMENT_MAY_LACK) != 0))
            continue;
        const struct tree_argument *written = filling->next;
        filling->next = written->next;
        if (!take_value(filling, a, written))
            return false;
    }
    return true;
}

/* --- nodes --- */

static const struct node *compile_nodes(struct compiler *compiler, const struct tree_node *tree,
                                        enum verb_kind kind);

static bool shape_right(struct compiler *compiler, const struct verb *verb, const struct tree_node *tree)
{
    struct complaining *complaining = &compiler->complaining;
    const unsigned tests = verb->shape & (SHAPE_TEST | SHAPE_TESTS);
    if (tests == 0 && tree->tests != NULL)
        complain(complaining, tree->tests->at, "\"%s\" takes no test", verb->name);
    else if (tests == SHAPE_TEST && (tree->tests == NULL || tree->test_list))
        complain(complaining, tree->at, "\"%s\" takes one test, without parentheses", verb->name);
    else if (tests == SHAPE_TESTS && !tree->test_list)
        complain(complaining, tree->at, "\"%s\" takes a list of tests in parentheses", verb->name);
    else if ((verb->shape & SHAPE_BLOCK) != 0 && !tree->has_block)
        complain(complaining, tree->at, "\"%s\" takes a block in braces", verb->name);
    else if ((verb->shape & SHAPE_BLOCK) == 0 && tree->has_block)
        complain(complaining, tree->at, "\"%s\" takes no block", verb->name);
    else
        return true;
    return false;
}

static const struct verb *find_verb(struct compiler *compiler, const struct tree_node *tree,
                                    enum verb_kind kind)
{
    const struct verb *verb = verb_find(tree->name, kind);
    const char *what = kind == VERB_TEST ? "test" : "command";
    if (verb == NULL)
        complain(&compiler->complaining, tree->at, "there is no %s \"%.*s\"", what,
                 SLICE_ARGS(complain_word(tree->name)));
    else if (!compiler_needs(compiler, verb->extension)) {
        complain(&compiler->complaining, tree->at, "\"%s\" needs require \"%s\"", verb->name,
                 sieve_extension_name(verb->extension));
        return NULL;
    }
    return verb;
}

static void compile_inside(struct filling *filling, const struct node *node)
{
    const struct tree_node *tree = filling->tree;
    const unsigned shape = filling->verb->shape;
    if ((shape & (SHAPE_TEST | SHAPE_TESTS)) != 0) {
        enum slot slot = (shape & SHAPE_TEST) != 0 ? SLOT_TEST : SLOT_TESTS;
        put_value(filling, tree->at,
                  (struct value){.slot = slot,
                                 .kind = VALUE_NODES,
                                 .nodes = compile_nodes(filling->compiler, tree->tests, VERB_TEST)});
    }
    if ((shape & SHAPE_BLOCK) == 0)
        return;
    struct compiler *compiler = filling->compiler;
    const bool loop = verb_is(node->verb, COMMAND_FOREVERYPART);
    if (loop)
        compiler->loops[compiler->loop_count++] = node;
    put_value(filling, tree->at,
              (struct value){.slot = SLOT_BLOCK,
                             .kind = VALUE_NODES,
                             .nodes = compile_nodes(compiler, tree->block, VERB_COMMAND)});
    compiler->loop_count -= loop;
}

static struct node *keep_values(struct filling *filling, struct node *node)
{
    struct value *values = compiler_room(filling->compiler, filling->count, sizeof(*values));
    if (values == NULL)
        return NULL;
    memcpy(values, filling->values, filling->count * sizeof(*values));
    node->values = values;
    node->count = filling->count;
    return node;
}

/* NULL: it is wrong, or memory is out. */
static struct node *compile_known(struct compiler *compiler, const struct tree_node *tree,
                                  enum verb_kind kind)
{
    compiler->at = tree->at;
    compiler->needs = 0;
    const struct verb *verb = find_verb(compiler, tree, kind);
    struct filling filling = {.compiler = compiler, .tree = tree, .verb = verb, .next = tree->arguments};
    if (verb == NULL || !shape_right(compiler, verb, tree))
        return NULL;
    if (!take_tags(&filling) || !take_positionals(&filling))
        return NULL;
    struct node *node = compiler_room(compiler, 1, sizeof(*node));
    if (node == NULL)
        return NULL;
    *node =
        (struct node){.verb = verb, .values = filling.values, .count = filling.count, .line = tree->at.line};
    if (verb->check != NULL)
        verb->check(compiler, node);
    node->needs = compiler->needs;
    compile_inside(&filling, node);
    return keep_values(&filling, node);
}

/* With `ihave`, what is wrong fails only when it runs (RFC 5463 4): the first complaint becomes the command.
 */
static struct node *put_off(struct compiler *compiler, const struct tree_node *tree, enum verb_kind kind,
                            const struct sieve_complaint *complaint)
{
    struct node *node = compiler_room(compiler, 1, sizeof(*node));
    struct value *value = compiler_room(compiler, 1, sizeof(*value));
    struct text *text = compiler_room(compiler, 1, sizeof(*text));
    struct piece *piece = compiler_room(compiler, 1, sizeof(*piece));
    if (compiler->failed)
        return NULL;
    piece->text = arena_dup(&compiler->program->arena, slice_cstr(complaint->text));
    *text = (struct text){piece, 1};
    *value = (struct value){.slot = SLOT_REASON, .kind = VALUE_TEXT, .texts = text, .count = 1};
    *node = (struct node){.verb = verb_get(kind == VERB_TEST ? TEST_UNKNOWN : COMMAND_UNKNOWN),
                          .values = value,
                          .count = 1,
                          .line = tree->at.line};
    compiler->failed = piece->text.p == NULL;
    return node;
}

static struct node *compile_node(struct compiler *compiler, const struct tree_node *tree, enum verb_kind kind)
{
    if (!compiler_has(compiler, SIEVE_IHAVE) || tree->has_block)
        return compile_known(compiler, tree, kind);
    struct sieve_complaints complaints = {0};
    const struct complaining outer = compiler->complaining;
    compiler->complaining = (struct complaining){.to = &complaints};
    struct node *node = compile_known(compiler, tree, kind);
    const bool wrong = compiler->complaining.wrong;
    compiler->complaining = outer;
    return wrong ? put_off(compiler, tree, kind, &complaints.items[0]) : node;
}

/* --- require --- */

uint64_t compile_implied(enum sieve_extension extension)
{
    switch (extension) {
    case SIEVE_VACATION_SECONDS: /* RFC 6131 2 */
        return SIEVE_BIT(extension) | SIEVE_BIT(SIEVE_VACATION);
    case SIEVE_SPAMTESTPLUS: /* RFC 5235 2.2 */
        return SIEVE_BIT(extension) | SIEVE_BIT(SIEVE_SPAMTEST);
    default:
        return SIEVE_BIT(extension);
    }
}

static void require(struct compiler *compiler, const struct node *node)
{
    const struct value *names = node_value(node, SLOT_VALUE);
    for (uint32_t i = 0; i < names->count; i++) {
        enum sieve_extension extension;
        struct slice name = text_constant(&names->texts[i]);
        if (sieve_extension_find(name, &extension) && (compiler->allowed & SIEVE_BIT(extension)) != 0)
            compiler->enabled |= compile_implied(extension);
        else
            check_complain(compiler, SLOT_VALUE, "there is no extension \"%.*s\" here",
                           SLICE_ARGS(complain_word(name)));
    }
}

/* RFC 5228 3.1, 3.2: what may stand after what. */
static bool order_right(struct compiler *compiler, const struct tree_node *before,
                        const struct tree_node *tree, bool top)
{
    const struct verb *verb = verb_find(tree->name, VERB_COMMAND);
    const struct verb *last = before != NULL ? verb_find(before->name, VERB_COMMAND) : NULL;
    if (verb == NULL)
        return true;
    bool chain = last == verb_get(COMMAND_IF) || last == verb_get(COMMAND_ELSIF);
    if ((verb->shape & SHAPE_FOLLOWS) != 0 && !chain) {
        complain(&compiler->complaining, tree->at, "\"%s\" stands only after if or elsif", verb->name);
        return false;
    }
    bool first = top && (before == NULL || last == verb_get(COMMAND_REQUIRE));
    if (verb_is(verb, COMMAND_REQUIRE) && !first) {
        complain(&compiler->complaining, tree->at, "require stands before all other commands");
        return false;
    }
    return true;
}

static const struct node *compile_list(struct compiler *compiler, const struct tree_node *tree,
                                       enum verb_kind kind, bool top)
{
    const struct node *first = NULL;
    const struct node **last = &first;
    const struct tree_node *before = NULL;
    for (; tree != NULL && !compiler->failed; before = tree, tree = tree->next) {
        if (kind == VERB_COMMAND && !order_right(compiler, before, tree, top))
            continue;
        struct node *node = compile_node(compiler, tree, kind);
        if (node == NULL)
            continue;
        if (verb_is(node->verb, COMMAND_REQUIRE))
            require(compiler, node);
        *last = node;
        last = &node->next;
    }
    return first;
}

static const struct node *compile_nodes(struct compiler *compiler, const struct tree_node *tree,
                                        enum verb_kind kind)
{
    return compile_list(compiler, tree, kind, false);
}

/* --- the whole --- */

static enum err compile_tree(struct compiler *compiler, const struct tree_node *tree, struct error *error)
{
    struct sieve_program *program = compiler->program;
    program->commands = compile_list(compiler, tree, VERB_COMMAND, true);
    program->extensions = compiler->enabled;
    program->allowed = compiler->allowed & SIEVE_ALL;
    struct slice *names = compiler_room(compiler, program->variable_count, sizeof(*names));
    if (names != NULL && program->variable_count > 0)
        memcpy(names, compiler->names, program->variable_count * sizeof(*names));
    program->variables = names;
    if (compiler->failed)
        return fail_plain(error, ERR_LIMIT, "the script needs too much memory");
    return compiler->complaining.wrong ? fail_plain(error, ERR_INVALID, "the script is wrong") : ERR_OK;
}

static enum err compile_script(struct sieve_program *program, struct slice script, uint64_t allowed,
                               struct complaining complaining, struct error *error)
{
    struct compiler *compiler = calloc(1, sizeof(*compiler));
    struct tree_node *tree = NULL;
    if (compiler == NULL)
        return fail_nomem(error);
    CLEANUP(arena_release) struct arena parsed = ARENA(PROGRAM_MEMORY_MAX);
    compiler->program = program;
    compiler->complaining = complaining;
    compiler->allowed = allowed;
    /* The comparators that need no require (RFC 5228 2.7.3). */
    compiler->enabled = SIEVE_BIT(SIEVE_COMPARATOR_OCTET) | SIEVE_BIT(SIEVE_COMPARATOR_CASEMAP);
    enum err e = sieve_parse(&parsed, script, &compiler->complaining, &tree, error);
    if (e == ERR_OK)
        e = compile_tree(compiler, tree, error);
    free(compiler);
    return e;
}

enum err sieve_compile(struct slice script, uint64_t allowed, struct sieve_program **ret,
                       struct sieve_complaints *ret_complaints, struct error *error)
{
    *ret_complaints = (struct sieve_complaints){0};
    struct complaining complaining = {.to = ret_complaints};
    if (script.n > SIEVE_SCRIPT_MAX) {
        complain(&complaining, (struct place){1, 1}, "the script is larger than %d bytes", SIEVE_SCRIPT_MAX);
        return fail_plain(error, ERR_INVALID, "the script is too large");
    }
    struct sieve_program *program = calloc(1, sizeof(*program));
    if (program == NULL)
        return fail_nomem(error);
    program->arena = ARENA(PROGRAM_MEMORY_MAX);
    enum err e = compile_script(program, script, allowed, complaining, error);
    if (e != ERR_OK)
        sieve_program_free(program);
    else
        *ret = program;
    return e;
}

void sieve_program_free(struct sieve_program *program)
{
    if (program == NULL)
        return;
    arena_release(&program->arena);
    free(program);
}

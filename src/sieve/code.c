#include "sieve/code.h"

#include "base/wire.h"
#include "sieve/compile.h"

#define MAGIC S("PSV")

/* --- writing --- */

static void put_nodes(struct buf *out, const struct node *node);

static void put_text(struct buf *out, const struct text *text)
{
    wire_put_varint(out, text->count);
    for (uint32_t i = 0; i < text->count; i++) {
        const struct piece *piece = &text->pieces[i];
        wire_put_u8(out, (uint8_t)piece->kind);
        if (piece->kind == PIECE_TEXT)
            wire_put_slice(out, piece->text);
        else
            wire_put_varint(out, piece->number);
    }
}

static void put_value(struct buf *out, const struct value *value)
{
    wire_put_u8(out, (uint8_t)value->slot);
    wire_put_u8(out, (uint8_t)value->kind);
    wire_put_varint(out, value->choice);
    switch (value->kind) {
    case VALUE_NUMBER:
        wire_put_varint(out, value->number);
        break;
    case VALUE_TEXT:
    case VALUE_TEXTS:
        wire_put_varint(out, value->count);
        for (uint32_t i = 0; i < value->count; i++)
            put_text(out, &value->texts[i]);
        break;
    case VALUE_NODES:
        put_nodes(out, value->nodes);
        break;
    default:
        break;
    }
}

static void put_nodes(struct buf *out, const struct node *node)
{
    for (; node != NULL; node = node->next) {
        wire_put_varint(out, (uint64_t)verb_id(node->verb) + 1);
        wire_put_varint(out, node->line);
        wire_put_varint(out, node->needs);
        wire_put_varint(out, node->count);
        for (uint32_t i = 0; i < node->count; i++)
            put_value(out, &node->values[i]);
    }
    wire_put_varint(out, 0);
}

void sieve_program_put(const struct sieve_program *program, struct buf *out)
{
    buf_put(out, MAGIC);
    wire_put_u8(out, CODE_VERSION);
    wire_put_u64(out, verb_fingerprint());
    wire_put_u64(out, program->extensions);
    wire_put_u64(out, program->allowed);
    wire_put_varint(out, program->variable_count);
    for (uint32_t i = 0; i < program->variable_count; i++)
        wire_put_slice(out, program->variables[i]);
    put_nodes(out, program->commands);
}

/* --- reading --- */

struct reading {
    struct wire_reader r;
    struct sieve_program *program;
    size_t depth;
    bool bad; /* nobody made this, or memory is out */
};

static void *room(struct reading *reading, size_t count, size_t size)
{
    void *p = reading->bad ? NULL : arena_array(&reading->program->arena, MAX(count, (size_t)1), size);
    reading->bad = reading->bad || p == NULL;
    return p;
}

static struct slice read_slice(struct reading *reading)
{
    struct slice text = wire_get_slice(&reading->r);
    struct slice copy = wire_ok(&reading->r) ? arena_dup(&reading->program->arena, text) : slice_none();
    reading->bad = reading->bad || copy.p == NULL;
    return copy;
}

/* A number of things that each take a byte or more, so it can't be more than what is left. */
static uint32_t read_count(struct reading *reading)
{
    uint64_t count = wire_get_varint(&reading->r);
    reading->bad = reading->bad || !wire_ok(&reading->r) || count > cursor_left(&reading->r.c);
    return reading->bad ? 0 : (uint32_t)count;
}

static uint32_t read_below(struct reading *reading, uint64_t limit)
{
    uint64_t number = wire_get_varint(&reading->r);
    reading->bad = reading->bad || !wire_ok(&reading->r) || number >= limit;
    return reading->bad ? 0 : (uint32_t)number;
}

static struct text read_text(struct reading *reading)
{
    uint32_t count = read_count(reading);
    struct piece *pieces = room(reading, count, sizeof(*pieces));
    for (uint32_t i = 0; i < count && !reading->bad; i++) {
        pieces[i].kind = (enum piece_kind)read_below(reading, PIECE_KINDS);
        if (pieces[i].kind == PIECE_TEXT)
            pieces[i].text = read_slice(reading);
        else
            pieces[i].number =
                read_below(reading, pieces[i].kind == PIECE_VARIABLE ? reading->program->variable_count
                                                                     : SIEVE_MATCH_VARIABLES);
    }
    return reading->bad ? (struct text){0} : (struct text){pieces, count};
}

static const struct node *read_nodes(struct reading *reading, enum verb_kind kind);

static void read_texts(struct reading *reading, struct value *value)
{
    value->count = read_count(reading);
    struct text *texts = room(reading, value->count, sizeof(*texts));
    for (uint32_t i = 0; i < value->count && !reading->bad; i++)
        texts[i] = read_text(reading);
    value->texts = texts;
    if (value->kind == VALUE_TEXT ? value->count != 1 : value->count == 0)
        reading->bad = true;
}

static struct value read_value(struct reading *reading)
{
    struct value value = {.slot = (enum slot)read_below(reading, SLOTS),
                          .kind = (enum value_kind)read_below(reading, VALUE_KINDS),
                          .choice = read_below(reading, UINT32_MAX)};
    switch (value.kind) {
    case VALUE_NUMBER:
        value.number = wire_get_varint(&reading->r);
        break;
    case VALUE_TEXT:
    case VALUE_TEXTS:
        read_texts(reading, &value);
        break;
    case VALUE_NODES:
        value.nodes = read_nodes(reading, value.slot == SLOT_BLOCK ? VERB_COMMAND : VERB_TEST);
        break;
    default:
        break;
    }
    return value;
}

/* --- what a verb allows and demands --- */

static unsigned shape_of(enum slot slot)
{
    return slot == SLOT_TEST    ? SHAPE_TEST
           : slot == SLOT_TESTS ? SHAPE_TESTS
           : slot == SLOT_BLOCK ? SHAPE_BLOCK
                                : 0;
}

static bool constants_only(const struct value *value)
{
    for (uint32_t i = 0; i < value->count; i++)
        if (!text_is_constant(&value->texts[i]))
            return false;
    return true;
}

static bool value_allowed(const struct verb *verb, const struct value *value)
{
    if (value->kind == VALUE_NODES) {
        const bool one = value->slot != SLOT_TEST || (value->nodes != NULL && value->nodes->next == NULL);
        return one && (verb->shape & shape_of(value->slot)) != 0;
    }
    for (const struct argument *a = verb->arguments; a->slot != SLOT_NONE; a++)
        if (a->slot == value->slot && a->kind == value->kind && a->choice == value->choice)
            return (a->flags & ARGUMENT_CONSTANT) == 0 || constants_only(value);
    return false;
}

static bool node_valid(const struct node *node)
{
    const struct verb *verb = node->verb;
    for (uint32_t i = 0; i < node->count; i++)
        if (!value_allowed(verb, &node->values[i]) ||
            node_value(node, node->values[i].slot) != &node->values[i])
            return false;
    if ((node->needs & ~SIEVE_ALL) != 0)
        return false;
    for (const struct argument *a = verb->arguments; a->slot != SLOT_NONE; a++)
        if (a->tag == NULL && (a->flags & ARGUMENT_MAY_LACK) == 0 && !node_has(node, a->slot))
            return false;
    for (enum slot slot = SLOT_TEST; slot <= SLOT_BLOCK; slot++)
        if ((verb->shape & shape_of(slot)) != 0 && !node_has(node, slot))
            return false;
    return true;
}

static struct node *read_node(struct reading *reading, uint64_t id, enum verb_kind kind)
{
    struct node *node = room(reading, 1, sizeof(*node));
    if (node == NULL || id > VERBS || verb_get((enum verb_id)(id - 1))->kind != kind) {
        reading->bad = true;
        return NULL;
    }
    node->verb = verb_get((enum verb_id)(id - 1));
    node->line = read_below(reading, UINT32_MAX);
    node->needs = wire_get_varint(&reading->r);
    node->count = read_below(reading, SLOTS);
    struct value *values = room(reading, node->count, sizeof(*values));
    for (uint32_t i = 0; i < node->count && !reading->bad; i++)
        values[i] = read_value(reading);
    node->values = values;
    reading->bad = reading->bad || !node_valid(node);
    return node;
}

static const struct node *read_nodes(struct reading *reading, enum verb_kind kind)
{
    const struct node *first = NULL;
    const struct node **last = &first;
    reading->bad = reading->bad || reading->depth == PROGRAM_NESTING_MAX;
    reading->depth++;
    while (!reading->bad) {
        uint64_t id = wire_get_varint(&reading->r);
        reading->bad = !wire_ok(&reading->r);
        if (reading->bad || id == 0)
            break;
        struct node *node = read_node(reading, id, kind);
        if (node == NULL || reading->bad)
            break;
        *last = node;
        last = &node->next;
    }
    reading->depth--;
    return first;
}

static void read_variables(struct reading *reading)
{
    struct sieve_program *program = reading->program;
    uint32_t count = read_below(reading, SIEVE_VARIABLES_MAX + 1);
    struct slice *names = room(reading, count, sizeof(*names));
    for (uint32_t i = 0; i < count && !reading->bad; i++) {
        names[i] = read_slice(reading);
        reading->bad = reading->bad || !variable_name_valid(variable_local_name(names[i]));
    }
    program->variables = names;
    program->variable_count = count;
}

static enum err read_program(struct reading *reading, struct error *error)
{
    struct sieve_program *program = reading->program;
    if (!cursor_skip(&reading->r.c, MAGIC))
        return fail_plain(error, ERR_CORRUPT, "this is no compiled script");
    if (wire_get_u8(&reading->r) != CODE_VERSION || wire_get_u64(&reading->r) != verb_fingerprint())
        return fail_plain(error, ERR_VERSION, "another version compiled this script");
    program->extensions = wire_get_u64(&reading->r);
    program->allowed = wire_get_u64(&reading->r);
    read_variables(reading);
    program->commands = read_nodes(reading, VERB_COMMAND);
    if (reading->bad || !wire_end(&reading->r) ||
        ((program->extensions | program->allowed) & ~SIEVE_ALL) != 0)
        return fail_plain(error, ERR_CORRUPT, "this is no compiled script");
    return ERR_OK;
}

enum err sieve_program_load(struct slice code, struct sieve_program **ret, struct error *error)
{
    if (code.n > SIEVE_CODE_MAX)
        return fail_plain(error, ERR_CORRUPT, "this is no compiled script: it is too large");
    struct sieve_program *program = calloc(1, sizeof(*program));
    if (program == NULL)
        return fail_nomem(error);
    program->arena = ARENA(PROGRAM_MEMORY_MAX);
    struct reading reading = {.r = wire_reader_of(code), .program = program};
    enum err e = read_program(&reading, error);
    if (e != ERR_OK)
        sieve_program_free(program);
    else
        *ret = program;
    return e;
}

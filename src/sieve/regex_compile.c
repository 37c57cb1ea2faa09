/* A pattern to an automaton: read into a tree, which repetition needs, and then written out. */
#include "base/utf8.h"
#include "sieve/regex_parts.h"

enum { BAD_BYTES_FROM = 0x110000, SET_RANGES_MAX = 128 };

enum kind { KIND_EMPTY, KIND_SET, KIND_START, KIND_END, KIND_THEN, KIND_OR, KIND_GROUP, KIND_REPEAT };

struct tree {
    enum kind kind;
    struct set set;
    struct tree *left;
    struct tree *right;
    uint32_t group;
    uint32_t least;
    uint32_t most; /* UINT32_MAX: no end */
};

struct reading {
    struct arena *arena;
    struct cursor c;
    size_t depth;
    uint32_t groups;
    const char *wrong;
};

int32_t regex_next(struct cursor *c)
{
    const unsigned char byte = (unsigned char)*c->p;
    int32_t code = utf8_next(c);
    return code >= 0 ? code : BAD_BYTES_FROM + byte;
}

static void *fail_with(struct reading *reading, const char *wrong)
{
    if (reading->wrong == NULL)
        reading->wrong = wrong;
    return NULL;
}

static struct tree *new_tree(struct reading *reading, enum kind kind, struct tree *left, struct tree *right)
{
    struct tree *tree = reading->wrong == NULL ? ARENA_NEW(reading->arena, struct tree) : NULL;
    if (tree == NULL)
        return fail_with(reading, "it needs too much memory");
    *tree = (struct tree){.kind = kind, .left = left, .right = right};
    return tree;
}

/* --- sets --- */

struct ranges {
    struct range items[SET_RANGES_MAX];
    size_t count;
};

static void add_range(struct reading *reading, struct ranges *ranges, int32_t from, int32_t to)
{
    if (from > to)
        fail_with(reading, "a range ends before it starts");
    else if (ranges->count == SET_RANGES_MAX)
        fail_with(reading, "a set has too many characters");
    else
        ranges->items[ranges->count++] = (struct range){from, to};
}

struct named_class {
    struct slice name;
    struct range ranges[4];
    size_t count;
};
static const struct named_class classes[] = {
    {{"alpha", 5}, {{'A', 'Z'}, {'a', 'z'}}, 2},
    {{"digit", 5}, {{'0', '9'}}, 1},
    {{"alnum", 5}, {{'0', '9'}, {'A', 'Z'}, {'a', 'z'}}, 3},
    {{"upper", 5}, {{'A', 'Z'}}, 1},
    {{"lower", 5}, {{'a', 'z'}}, 1},
    {{"space", 5}, {{'\t', '\r'}, {' ', ' '}}, 2},
    {{"blank", 5}, {{'\t', '\t'}, {' ', ' '}}, 2},
    {{"punct", 5}, {{'!', '/'}, {':', '@'}, {'[', '`'}, {'{', '~'}}, 4},
    {{"print", 5}, {{' ', '~'}}, 1},
    {{"graph", 5}, {{'!', '~'}}, 1},
    {{"cntrl", 5}, {{0, 31}, {127, 127}}, 2},
    {{"xdigit", 6}, {{'0', '9'}, {'A', 'F'}, {'a', 'f'}}, 3},
    {{"word", 4}, {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}}, 4},
};

static void add_class(struct reading *reading, struct ranges *ranges, struct slice name)
{
    for (size_t i = 0; i < ARRAY_LEN(classes); i++)
        if (slice_eq(classes[i].name, name)) {
            for (size_t k = 0; k < classes[i].count; k++)
                add_range(reading, ranges, classes[i].ranges[k].from, classes[i].ranges[k].to);
            return;
        }
    fail_with(reading, "there is no class of that name");
}

static struct tree *set_of(struct reading *reading, const struct ranges *ranges, bool but)
{
    struct tree *tree = new_tree(reading, KIND_SET, NULL, NULL);
    struct range *copy = arena_array(reading->arena, ranges->count + 1, sizeof(*copy));
    if (tree == NULL || copy == NULL)
        return fail_with(reading, "it needs too much memory");
    memcpy(copy, ranges->items, ranges->count * sizeof(*copy));
    tree->set = (struct set){copy, ranges->count, but};
    return tree;
}

static struct tree *one_character(struct reading *reading, int32_t c)
{
    struct ranges ranges = {{{c, c}}, 1};
    return set_of(reading, &ranges, false);
}

/* "[:alpha:]" inside brackets; passed over. */
static bool named_class(struct reading *reading, struct ranges *ranges)
{
    struct cursor *c = &reading->c;
    if (!cursor_skip(c, S("[:")))
        return false;
    struct slice name = cursor_take_until(c, S(":"));
    if (cursor_skip(c, S(":]")))
        add_class(reading, ranges, name);
    else
        fail_with(reading, "\"[:\" is never closed");
    return true;
}

/* After "[". */
static struct tree *bracket(struct reading *reading)
{
    struct ranges ranges = {0};
    struct cursor *c = &reading->c;
    const bool but = cursor_skip_char(c, '^');
    for (bool first = true; first || cursor_peek(c) != ']'; first = false) {
        if (cursor_done(c))
            return fail_with(reading, "\"[\" is never closed");
        if (named_class(reading, &ranges)) {
            if (reading->wrong != NULL)
                return NULL;
            continue;
        }
        int32_t from = regex_next(c), to = from;
        if (cursor_peek(c) == '-' && cursor_peek_at(c, 1) >= 0 && cursor_peek_at(c, 1) != ']') {
            c->p++;
            to = regex_next(c);
        }
        add_range(reading, &ranges, from, to);
        if (reading->wrong != NULL)
            return NULL;
    }
    c->p++;
    return set_of(reading, &ranges, but);
}

/* --- single things --- */

/* After a backslash. */
static struct tree *escaped(struct reading *reading)
{
    static const struct {
        char letter;
        const char *name;
    } shorthands[] = {{'w', "word"}, {'d', "digit"}, {'s', "space"}};
    struct ranges ranges = {0};
    if (cursor_done(&reading->c))
        return fail_with(reading, "it ends with a backslash");
    int32_t c = regex_next(&reading->c);
    for (size_t i = 0; i < ARRAY_LEN(shorthands); i++)
        if (c == shorthands[i].letter || c == ascii_upper(shorthands[i].letter)) {
            add_class(reading, &ranges, slice_cstr(shorthands[i].name));
            return set_of(reading, &ranges, c != shorthands[i].letter);
        }
    if (c < 128 && ascii_is_alnum((char)c))
        return fail_with(reading, "back-references and escapes like \"\\b\" are not supported");
    return one_character(reading, c);
}

static struct tree *alternatives(struct reading *reading);

static struct tree *group(struct reading *reading)
{
    if (reading->depth == REGEX_DEPTH_MAX)
        return fail_with(reading, "groups are nested too deep");
    reading->depth++;
    uint32_t number = reading->groups++;
    struct tree *inner = alternatives(reading);
    reading->depth--;
    if (!cursor_skip_char(&reading->c, ')'))
        return fail_with(reading, "\"(\" is never closed");
    struct tree *tree = new_tree(reading, KIND_GROUP, inner, NULL);
    if (tree != NULL)
        tree->group = number;
    return tree;
}

static struct tree *any_character(struct reading *reading)
{
    struct ranges none = {0};
    return set_of(reading, &none, true);
}

static struct tree *atom(struct reading *reading)
{
    int32_t c = regex_next(&reading->c);
    switch (c) {
    case '(':
        return group(reading);
    case '[':
        return bracket(reading);
    case '.':
        return any_character(reading);
    case '^':
        return new_tree(reading, KIND_START, NULL, NULL);
    case '$':
        return new_tree(reading, KIND_END, NULL, NULL);
    case '\\':
        return escaped(reading);
    case '*':
    case '+':
    case '?':
        return fail_with(reading, "there is nothing to repeat");
    default:
        return one_character(reading, c);
    }
}

/* "{2}", "{2,}", "{2,5}"; anything else is no repetition. */
static bool bounds(struct reading *reading, uint32_t *least, uint32_t *most)
{
    struct cursor ahead = reading->c;
    if (!cursor_skip_char(&ahead, '{') || !cursor_u32(&ahead, least))
        return false;
    *most = *least;
    if (cursor_skip_char(&ahead, ',') && !cursor_u32(&ahead, most))
        *most = UINT32_MAX;
    if (!cursor_skip_char(&ahead, '}'))
        return false;
    reading->c = ahead;
    if (*least > REGEX_REPEAT_MAX || (*most != UINT32_MAX && (*most > REGEX_REPEAT_MAX || *most < *least)))
        fail_with(reading, "a repetition is at most 255 times, the smaller number first");
    return true;
}

static bool repetition(struct reading *reading, uint32_t *least, uint32_t *most)
{
    *least = 0;
    *most = UINT32_MAX;
    if (cursor_skip_char(&reading->c, '*'))
        return true;
    if (cursor_skip_char(&reading->c, '+')) {
        *least = 1;
        return true;
    }
    if (cursor_skip_char(&reading->c, '?')) {
        *most = 1;
        return true;
    }
    return bounds(reading, least, most);
}

static struct tree *repeated(struct reading *reading)
{
    struct tree *tree = atom(reading);
    uint32_t least, most;
    for (size_t times = 0; tree != NULL && repetition(reading, &least, &most); times++) {
        if (times == REGEX_DEPTH_MAX)
            return fail_with(reading, "repetitions are nested too deep");
        tree = new_tree(reading, KIND_REPEAT, tree, NULL);
        if (tree == NULL)
            return NULL;
        tree->least = least;
        tree->most = most;
    }
    return tree;
}

static bool sequence_ends(const struct reading *reading)
{
    int c = cursor_peek(&reading->c);
    return c < 0 || c == '|' || (c == ')' && reading->depth > 0);
}

static struct tree *sequence(struct reading *reading)
{
    struct tree *first =
        sequence_ends(reading) ? new_tree(reading, KIND_EMPTY, NULL, NULL) : repeated(reading);
    struct tree **last = &first;
    while (reading->wrong == NULL && !sequence_ends(reading)) {
        *last = new_tree(reading, KIND_THEN, *last, repeated(reading));
        if (*last != NULL)
            last = &(*last)->right;
    }
    return first;
}

static struct tree *alternatives(struct reading *reading)
{
    struct tree *first = sequence(reading);
    struct tree **last = &first;
    while (reading->wrong == NULL && cursor_skip_char(&reading->c, '|')) {
        *last = new_tree(reading, KIND_OR, *last, sequence(reading));
        if (*last != NULL)
            last = &(*last)->right;
    }
    return first;
}

/* --- writing --- */

static uint32_t emit(struct regex *regex, enum regex_code code, uint32_t a)
{
    if (regex->count < REGEX_SIZE_MAX)
        regex->steps[regex->count] = (struct regex_step){.code = code, .a = a};
    return (uint32_t)regex->count++;
}

static bool full(const struct regex *regex)
{
    return regex->count >= REGEX_SIZE_MAX;
}

/* The step at `at`, if it still had room. */
static struct regex_step *step_at(struct regex *regex, uint32_t at, struct regex_step *nowhere)
{
    return at < REGEX_SIZE_MAX ? &regex->steps[at] : nowhere;
}

static void write_tree(struct regex *regex, const struct tree *tree);

/* A try that may be left out. */
static void write_optional(struct regex *regex, const struct tree *tree, bool again)
{
    struct regex_step nowhere;
    uint32_t split = emit(regex, REGEX_SPLIT, 0);
    step_at(regex, split, &nowhere)->a = (uint32_t)regex->count;
    write_tree(regex, tree);
    if (again)
        emit(regex, REGEX_JUMP, split);
    step_at(regex, split, &nowhere)->b = (uint32_t)regex->count;
}

static void write_repeat(struct regex *regex, const struct tree *tree)
{
    for (uint32_t i = 0; i < tree->least && !full(regex); i++)
        write_tree(regex, tree->left);
    if (tree->most == UINT32_MAX) {
        write_optional(regex, tree->left, true);
        return;
    }
    for (uint32_t i = tree->least; i < tree->most && !full(regex); i++)
        write_optional(regex, tree->left, false);
}

static void write_or(struct regex *regex, const struct tree *tree)
{
    struct regex_step nowhere;
    uint32_t split = emit(regex, REGEX_SPLIT, 0);
    step_at(regex, split, &nowhere)->a = (uint32_t)regex->count;
    write_tree(regex, tree->left);
    uint32_t jump = emit(regex, REGEX_JUMP, 0);
    step_at(regex, split, &nowhere)->b = (uint32_t)regex->count;
    write_tree(regex, tree->right);
    step_at(regex, jump, &nowhere)->a = (uint32_t)regex->count;
}

static void write_group(struct regex *regex, const struct tree *tree)
{
    const bool kept = tree->group < REGEX_GROUPS;
    if (kept)
        emit(regex, REGEX_SAVE, 2 * tree->group);
    write_tree(regex, tree->left);
    if (kept)
        emit(regex, REGEX_SAVE, 2 * tree->group + 1);
}

/* Sequences and alternatives lean to the right: their length is no depth. */
static void write_tree(struct regex *regex, const struct tree *tree)
{
    for (; tree->kind == KIND_THEN && !full(regex); tree = tree->right)
        write_tree(regex, tree->left);
    if (full(regex))
        return;
    switch (tree->kind) {
    case KIND_SET:
        regex->steps[emit(regex, REGEX_SET, 0)].set = tree->set;
        break;
    case KIND_START:
        emit(regex, REGEX_START, 0);
        break;
    case KIND_END:
        emit(regex, REGEX_END, 0);
        break;
    case KIND_OR:
        write_or(regex, tree);
        break;
    case KIND_GROUP:
        write_group(regex, tree);
        break;
    case KIND_REPEAT:
        write_repeat(regex, tree);
        break;
    default:
        break;
    }
}

/* Into a place that is large enough for any, and from there into one of the right size. */
static const char *write_steps(struct arena *arena, struct regex *regex, const struct tree *tree)
{
    struct regex_step *steps = calloc(REGEX_SIZE_MAX, sizeof(*steps));
    if (steps == NULL)
        return "it needs too much memory";
    regex->steps = steps;
    emit(regex, REGEX_SAVE, 0);
    write_tree(regex, tree);
    emit(regex, REGEX_SAVE, 1);
    emit(regex, REGEX_MATCH, 0);
    const char *wrong = regex->count > REGEX_SIZE_MAX ? "it is too complex" : NULL;
    regex->steps = wrong == NULL ? arena_array(arena, regex->count, sizeof(*steps)) : NULL;
    if (regex->steps != NULL)
        memcpy(regex->steps, steps, regex->count * sizeof(*steps));
    free(steps);
    return wrong == NULL && regex->steps == NULL ? "it needs too much memory" : wrong;
}

const char *regex_compile(struct arena *arena, struct slice pattern, bool fold, struct regex **ret)
{
    struct reading reading = {.arena = arena, .c = cursor_of(pattern), .groups = 1};
    struct regex *regex = ARENA_NEW(arena, struct regex);
    if (pattern.n > REGEX_SIZE_MAX)
        return "it is too long";
    if (regex == NULL)
        return "it needs too much memory";
    const struct tree *tree = alternatives(&reading);
    if (reading.wrong != NULL)
        return reading.wrong;
    *regex = (struct regex){.groups = MIN(reading.groups, (uint32_t)REGEX_GROUPS), .fold = fold};
    *ret = regex;
    return write_steps(arena, regex, tree);
}

void regex_quote(struct buf *out, struct slice text)
{
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] != 0 && strchr("\\^$.[]|()*+?{}", text.p[i]) != NULL)
            buf_putc(out, '\\');
        buf_putc(out, text.p[i]);
    }
}

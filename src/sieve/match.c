#include "sieve/match.h"

#include "sieve/regex.h"

enum { SHOWN_MAX = 60, COUNT_TEXT_MAX = 24, MATCH_ARENA_MAX = 512 << 20 };

bool relation_find(struct slice name, enum relation *ret)
{
    static const char *const names[] = {"gt", "ge", "lt", "le", "eq", "ne"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (slice_eq_nocase(slice_cstr(names[i]), name)) {
            *ret = (enum relation)i;
            return true;
        }
    return false;
}

bool relation_holds(enum relation relation, int order)
{
    switch (relation) {
    case RELATION_GT:
        return order > 0;
    case RELATION_GE:
        return order >= 0;
    case RELATION_LT:
        return order < 0;
    case RELATION_LE:
        return order <= 0;
    case RELATION_EQ:
        return order == 0;
    default:
        return order != 0;
    }
}

void match_release(struct match *match)
{
    buf_release(&match->folding);
    arena_release(&match->arena);
}

/* --- opening --- */

static enum err read_comparator(struct run *run, const struct node *node, struct match *match,
                                struct error *error)
{
    enum sieve_extension extension;
    struct slice name;
    enum err e = run_argument(run, node, SLOT_COMPARATOR, &name, error);
    match->comparator = COMPARATOR_CASEMAP;
    if (e == ERR_OK && name.p != NULL && !comparator_find(name, &match->comparator, &extension))
        return run_fail(run, error, "there is no comparator \"%.*s\"",
                        SLICE_ARGS(slice_sub(name, 0, SHOWN_MAX)));
    return e;
}

static enum err read_type(struct run *run, const struct node *node, struct match *match, struct error *error)
{
    match->type = (enum match_choice)node_choice(node, SLOT_MATCH, MATCH_IS);
    if (match->type != MATCH_COUNT && match->type != MATCH_VALUE)
        return ERR_OK;
    struct slice name;
    enum err e = run_argument(run, node, SLOT_MATCH, &name, error);
    if (e == ERR_OK && !relation_find(name, &match->relation))
        return run_fail(run, error, "there is no relation \"%.*s\"",
                        SLICE_ARGS(slice_sub(name, 0, SHOWN_MAX)));
    return e;
}

static enum err compile_keys(struct match *match, struct error *error)
{
    struct run *run = match->run;
    match->regexes = arena_array(&run->scratch, match->key_count + 1, sizeof(struct regex *));
    if (match->regexes == NULL)
        return run_too_much(run, error);
    for (size_t i = 0; i < match->key_count; i++) {
        const char *wrong = regex_compile(&run->scratch, match->keys[i],
                                          match->comparator == COMPARATOR_CASEMAP, &match->regexes[i]);
        if (wrong != NULL)
            return run_fail(run, error, "\"%.*s\": %s", SLICE_ARGS(slice_sub(match->keys[i], 0, SHOWN_MAX)),
                            wrong);
        enum err e = run_spend(run, REGEX_SIZE_MAX, error);
        if (e != ERR_OK)
            return e;
    }
    return ERR_OK;
}

static enum err fold_keys(struct match *match, struct error *error)
{
    struct run *run = match->run;
    struct slice *folded = arena_array(&run->scratch, match->key_count + 1, sizeof(*folded));
    if (folded == NULL)
        return run_too_much(run, error);
    match->folded = folded;
    if (match->type == MATCH_REGEX)
        return compile_keys(match, error);
    if (!match_folds(match->type))
        return ERR_OK;
    for (size_t i = 0; i < match->key_count; i++) {
        folded[i] =
            arena_dup(&run->scratch, comparator_key(match->comparator, match->keys[i], &match->folding));
        if (folded[i].p == NULL || buf_failed(&match->folding))
            return run_too_much(run, error);
    }
    return ERR_OK;
}

enum err match_open(struct run *run, const struct node *node, struct match *ret, struct error *error)
{
    struct match match = {.run = run, .folding = BUF(SIEVE_RUN_MEMORY_MAX), .arena = ARENA(MATCH_ARENA_MAX)};
    const struct value *keys = node_value(node, SLOT_KEYS);
    match.key_count = keys->count;
    enum err e = read_comparator(run, node, &match, error);
    if (e == ERR_OK)
        e = read_type(run, node, &match, error);
    if (e == ERR_OK)
        e = run_texts(run, keys, &match.keys, error);
    if (e == ERR_OK)
        e = fold_keys(&match, error);
    *ret = match; /* its buf is released by the caller, also after a failure */
    return e;
}

/* --- one value, one key --- */

static void show(struct match *match, struct slice value, size_t key, bool fits)
{
    static const char *const types[] = {"is", "contains", "matches", "counts", "has the value", "matches"};
    struct slice shown = slice_sub(value, 0, SHOWN_MAX);
    run_trace(match->run, S("compare"), "\"%.*s\" %s \"%.*s\": %s", SLICE_ARGS(shown), types[match->type],
              SLICE_ARGS(slice_sub(match->keys[key], 0, SHOWN_MAX)), fits ? "yes" : "no");
}

static void keep_variables(struct match *match, struct slice value, const struct wildcard_span *spans,
                           size_t count)
{
    struct match_variables *variables = &match->run->frame->matches;
    /* An extension's state (RFC 5229 3.2): without it nobody can look. */
    if (match->keeps_variables || (match->run->frame->enabled & SIEVE_BIT(SIEVE_VARIABLES)) == 0)
        return;
    buf_clear(&variables->text);
    buf_put(&variables->text, slice_sub(value, 0, SIEVE_TEXT_MAX));
    for (size_t i = 0; i < count; i++) {
        variables->items[i].at = spans[i].at;
        variables->items[i].n = spans[i].n;
    }
    variables->count = count;
}

static enum err try_wildcards(struct match *match, struct slice value, size_t key, bool *ret,
                              struct error *error)
{
    struct run *run = match->run;
    struct wildcard_span spans[SIEVE_MATCH_VARIABLES] = {{0, value.n}};
    struct wildcard_result result;
    arena_reset(&match->arena);
    if (!wildcard_match(&match->arena, match->comparator, match->keys[key], value, run->work, spans + 1,
                        ARRAY_LEN(spans) - 1, &result))
        return run_too_much(run, error);
    enum err e = run_spend(run, (size_t)result.steps, error);
    if (e != ERR_OK)
        return e;
    if (result.matched)
        keep_variables(match, value, spans, result.count + 1);
    *ret = result.matched;
    return ERR_OK;
}

static enum err try_regex(struct match *match, struct slice value, size_t key, bool *ret, struct error *error)
{
    struct run *run = match->run;
    struct wildcard_span spans[REGEX_GROUPS];
    struct regex_result result;
    arena_reset(&match->arena);
    if (!regex_match(&match->arena, match->regexes[key], value, run->work, spans, &result))
        return run_too_much(run, error);
    enum err e = run_spend(run, (size_t)result.steps, error);
    if (e != ERR_OK)
        return e;
    if (result.matched)
        keep_variables(match, value, spans, result.count);
    *ret = result.matched;
    return ERR_OK;
}

/* folded: the value as the comparator sees it. */
static bool fits(const struct match *match, struct slice folded, size_t key)
{
    struct slice wanted = match->folded[key];
    switch (match->type) {
    case MATCH_CONTAINS:
        return slice_find(folded, wanted) >= 0;
    case MATCH_VALUE:
        return relation_holds(match->relation, comparator_order(match->comparator, folded, wanted));
    default:
        return comparator_order(match->comparator, folded, wanted) == 0;
    }
}

static enum err try_keys(struct match *match, struct slice value, bool *ret, struct error *error)
{
    struct slice folded = value;
    enum err e = ERR_OK;
    bool found = false;
    if (match_folds(match->type))
        folded = comparator_key(match->comparator, value, &match->folding);
    if (buf_failed(&match->folding))
        return run_too_much(match->run, error);
    for (size_t i = 0; i < match->key_count && !found && e == ERR_OK; i++) {
        e = run_spend(match->run, value.n, error);
        if (e == ERR_OK && match->type == MATCH_MATCHES)
            e = try_wildcards(match, value, i, &found, error);
        else if (e == ERR_OK && match->type == MATCH_REGEX)
            e = try_regex(match, value, i, &found, error);
        else if (e == ERR_OK)
            found = fits(match, folded, i);
        if (e == ERR_OK)
            show(match, value, i, found);
    }
    if (e == ERR_OK)
        *ret = found;
    return e;
}

enum err match_try(struct match *match, struct slice value, bool *ret, struct error *error)
{
    if (match->type != MATCH_COUNT)
        return try_keys(match, value, ret, error);
    match->counted++;
    *ret = false;
    return ERR_OK;
}

enum err match_close(struct match *match, bool *ret, struct error *error)
{
    char text[COUNT_TEXT_MAX];
    if (match->type != MATCH_COUNT) {
        *ret = false;
        return ERR_OK;
    }
    snprintf(text, sizeof(text), "%llu", (unsigned long long)match->counted);
    bool found = false;
    for (size_t i = 0; i < match->key_count && !found; i++) {
        int order = comparator_order(match->comparator, slice_cstr(text), match->folded[i]);
        found = relation_holds(match->relation, order);
        show(match, slice_cstr(text), i, found);
    }
    *ret = found;
    return run_spend(match->run, 0, error);
}

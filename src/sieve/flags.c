#include "sieve/flags.h"

#include "sieve/match.h"

bool flags_next(struct cursor *list, struct slice *ret)
{
    cursor_take_while(list, S(" "));
    *ret = cursor_take_until(list, S(" "));
    return ret->n > 0;
}

bool flag_valid(struct slice flag)
{
    static const char *const system[] = {"\\Answered", "\\Flagged", "\\Deleted", "\\Seen", "\\Draft"};
    if (flag.n == 0 || flag.n > SIEVE_FLAG_NAME_MAX)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(system); i++)
        if (slice_eq_nocase(slice_cstr(system[i]), flag))
            return true;
    for (size_t i = 0; i < flag.n; i++)
        if (flag.p[i] <= ' ' || flag.p[i] == 127 || strchr("(){%*\"\\]", flag.p[i]) != NULL)
            return false;
    return true;
}

bool flags_has(struct slice list, struct slice flag)
{
    struct cursor c = cursor_of(list);
    struct slice word;
    while (flags_next(&c, &word))
        if (slice_eq_nocase(word, flag))
            return true;
    return false;
}

/* --- for actions --- */

enum err flags_of(struct run *run, struct slice list, struct sieve_action *action, struct error *error)
{
    struct slice kept = S("");
    struct slice *flags = arena_array(&run->result->arena, SIEVE_FLAGS_MAX, sizeof(*flags));
    enum err e = flags != NULL ? run_keep_text(run, list, &kept, error) : run_too_much(run, error);
    struct cursor c = cursor_of(kept);
    struct slice flag;
    if (e != ERR_OK)
        return e;
    action->flags = flags;
    while (flags_next(&c, &flag) && action->flag_count < SIEVE_FLAGS_MAX) {
        struct slice before = slice_of(kept.p, (size_t)(flag.p - kept.p));
        if (flag_valid(flag) && !flags_has(before, flag))
            flags[action->flag_count++] = flag;
    }
    return ERR_OK;
}

/* The strings of a list as one. */
static enum err join(struct run *run, const struct value *value, struct buf *out, struct error *error)
{
    const struct slice *texts;
    enum err e = run_texts(run, value, &texts, error);
    for (uint32_t i = 0; i < value->count && e == ERR_OK; i++) {
        buf_put(out, texts[i]);
        buf_putc(out, ' ');
    }
    return e == ERR_OK && buf_failed(out) ? run_too_much(run, error) : e;
}

enum err flags_for(struct run *run, const struct node *node, struct sieve_action *action, struct error *error)
{
    const struct value *given = node_value(node, SLOT_FLAGS);
    if (given == NULL)
        return flags_of(run, buf_slice(&run->flags), action, error);
    CLEANUP(buf_release) struct buf joined = BUF(SIEVE_TEXT_MAX);
    enum err e = join(run, given, &joined, error);
    return e == ERR_OK ? flags_of(run, buf_slice(&joined), action, error) : e;
}

/* --- setflag, addflag, removeflag --- */

static void add_new(struct buf *to, struct slice list)
{
    struct cursor c = cursor_of(list);
    struct slice flag;
    while (flags_next(&c, &flag))
        if (flag_valid(flag) && !flags_has(buf_slice(to), flag) && to->n + flag.n < SIEVE_VARIABLE_MAX) {
            if (to->n > 0)
                buf_putc(to, ' ');
            buf_put(to, flag);
        }
}

static void add_but(struct buf *to, struct slice list, struct slice removed)
{
    struct cursor c = cursor_of(list);
    struct slice flag;
    while (flags_next(&c, &flag))
        if (!flags_has(removed, flag))
            add_new(to, flag);
}

enum change { CHANGE_SET, CHANGE_ADD, CHANGE_REMOVE };

static enum err change(struct run *run, const struct node *node, enum change how, struct error *error)
{
    CLEANUP(buf_release) struct buf given = BUF(SIEVE_TEXT_MAX);
    CLEANUP(buf_release) struct buf made = BUF(SIEVE_VARIABLE_MAX);
    struct slice name;
    struct buf *variable = &run->flags;
    enum err e = run_argument(run, node, SLOT_NAME, &name, error);
    if (e == ERR_OK && name.p != NULL)
        variable = run_variable(run, name);
    if (e == ERR_OK && variable == NULL)
        return run_fail(run, error, "there is no variable \"%.*s\"", SLICE_ARGS(slice_sub(name, 0, 64)));
    if (e == ERR_OK)
        e = join(run, node_value(node, SLOT_FLAGS), &given, error);
    /* Each flag is looked up among the others. */
    if (e == ERR_OK)
        e = run_spend(run, given.n * 64, error);
    if (e != ERR_OK)
        return e;
    if (how == CHANGE_ADD)
        add_new(&made, buf_slice(variable));
    if (how == CHANGE_REMOVE)
        add_but(&made, buf_slice(variable), buf_slice(&given));
    else
        add_new(&made, buf_slice(&given));
    run_set_variable(run, variable, buf_slice(&made));
    return ERR_OK;
}

enum err act_setflag(struct run *run, const struct node *node, struct error *error)
{
    return change(run, node, CHANGE_SET, error);
}

enum err act_addflag(struct run *run, const struct node *node, struct error *error)
{
    return change(run, node, CHANGE_ADD, error);
}

enum err act_removeflag(struct run *run, const struct node *node, struct error *error)
{
    return change(run, node, CHANGE_REMOVE, error);
}

/* --- hasflag --- */

/* Each distinct flag of a variable against the keys. */
static enum err try_list(struct match *match, struct slice list, bool *ret, struct error *error)
{
    struct cursor c = cursor_of(list);
    struct slice flag;
    enum err e = ERR_OK;
    bool found = false;
    while (e == ERR_OK && !found && flags_next(&c, &flag))
        if (!flags_has(slice_of(list.p, (size_t)(flag.p - list.p)), flag))
            e = match_try(match, flag, &found, error);
    if (e == ERR_OK)
        *ret = found;
    return e;
}

/* A key may hold several flags, and any of them may match (RFC 5232 4). With :count they are numbers. */
static enum err split_keys(struct match *match, struct error *error)
{
    struct run *run = match->run;
    size_t count = 0, room = 1;
    for (size_t i = 0; i < match->key_count; i++)
        room += match->keys[i].n / 2 + 1;
    struct slice *keys = arena_array(&run->scratch, room, sizeof(*keys));
    struct slice *folded = arena_array(&run->scratch, room, sizeof(*folded));
    if (keys == NULL || folded == NULL)
        return run_too_much(run, error);
    for (size_t i = 0; i < match->key_count; i++) {
        struct cursor c = cursor_of(match->keys[i]), f = cursor_of(match->folded[i]);
        while (flags_next(&c, &keys[count])) {
            /* Folding of ASCII moves no blanks; :matches has nothing folded. A regular expression is not
             * split. */
            if (match_folds(match->type) && !flags_next(&f, &folded[count]))
                break;
            count++;
        }
    }
    match->keys = keys;
    match->folded = folded;
    match->key_count = count;
    return ERR_OK;
}

static enum err try_variables(struct run *run, const struct node *node, struct match *match, bool *ret,
                              struct error *error)
{
    const struct value *names = node_value(node, SLOT_VARIABLES);
    const struct slice *texts;
    if (names == NULL)
        return try_list(match, buf_slice(&run->flags), ret, error);
    enum err e = run_texts(run, names, &texts, error);
    bool found = false;
    for (uint32_t i = 0; i < names->count && !found && e == ERR_OK; i++) {
        const struct buf *variable = run_variable(run, texts[i]);
        if (variable != NULL)
            e = try_list(match, buf_slice(variable), &found, error);
    }
    if (e == ERR_OK)
        *ret = found;
    return e;
}

enum err test_hasflag(struct run *run, const struct node *node, bool *ret, struct error *error)
{
    CLEANUP(match_release) struct match match;
    bool found = false;
    enum err e = match_open(run, node, &match, error);
    if (e == ERR_OK && match.type != MATCH_COUNT && match.type != MATCH_REGEX)
        e = split_keys(&match, error);
    if (e == ERR_OK)
        e = try_variables(run, node, &match, &found, error);
    if (e == ERR_OK && !found)
        e = match_close(&match, &found, error);
    if (e == ERR_OK)
        *ret = found;
    return e;
}

#include "directory/option.h"

#include "base/duration.h"
#include "base/map.h"
#include "base/must.h"
#include "directory/account_check.h"
#include "directory/inside.h"
#include "directory/option_set.h"

enum { PERCENT_BITS = 8, SHOWN_MAX = 40 };

enum option_kind { KIND_SECONDS, KIND_NUMBER, KIND_YES_NO, KIND_PERCENTS, KIND_FILTER };

static const struct {
    const char *name;
    enum option_kind kind;
    uint64_t built_in;
} table[OPTIONS] = {
#define X(name, text, kind, built_in, placeholder, help) {text, KIND_##kind, built_in},
    OPTION_TABLE(X)
#undef X
};

struct options options_built_in(void)
{
    struct options options = {0};
    for (size_t i = 0; i < OPTIONS; i++)
        options.values[i] = table[i].built_in;
    return options;
}

const char *option_name(enum option option)
{
    return table[option].name;
}

const char *option_level_name(enum option_level level)
{
    static const char *const names[] = {[LEVEL_BUILT_IN] = "built-in",
                                        [LEVEL_PLAN] = "plan",
                                        [LEVEL_DOMAIN] = "domain",
                                        [LEVEL_ACCOUNT] = "account"};
    return names[level];
}

/* --- values as they are typed --- */

static bool is_off(struct slice text)
{
    return slice_eq(text, S("off")) || slice_eq(text, S("0"));
}

static bool parse_seconds(struct slice text, uint64_t *ret_value)
{
    int64_t seconds = 0;
    if (!is_off(text) && !duration_parse(text, &seconds))
        return false;
    *ret_value = (uint64_t)seconds;
    return true;
}

static bool parse_percents(struct slice text, uint64_t *ret_value)
{
    uint64_t value = 0;
    uint64_t last = 0;
    *ret_value = 0;
    if (is_off(text))
        return true;
    for (unsigned i = 0; text.n > 0; i++) {
        struct slice word;
        uint64_t step;
        bool more = slice_cut(text, ',', &word, &text);
        if (i == OPTION_PERCENTS_MAX || !slice_to_u64(word, &step) || step <= last || step > 100 ||
            (more && text.n == 0))
            return false;
        value |= step << (i * PERCENT_BITS);
        last = step;
    }
    *ret_value = value;
    return value > 0;
}

static const char *const filter_words[] = {"off", "on", "mark"};

static bool parse_filter(struct slice text, uint64_t *ret_value)
{
    for (size_t i = 0; i < ARRAY_LEN(filter_words); i++) {
        *ret_value = i;
        if (slice_eq(text, slice_cstr(filter_words[i])))
            return true;
    }
    return false;
}

static bool parse(enum option_kind kind, struct slice text, uint64_t *ret_value)
{
    switch (kind) {
    case KIND_SECONDS:
        return parse_seconds(text, ret_value);
    case KIND_NUMBER:
        return slice_to_u64(text, ret_value) && *ret_value <= INT64_MAX;
    case KIND_YES_NO:
        *ret_value = slice_eq(text, S("yes")) ? 1 : 0;
        return *ret_value == 1 || slice_eq(text, S("no"));
    case KIND_PERCENTS:
        return parse_percents(text, ret_value);
    case KIND_FILTER:
        return parse_filter(text, ret_value);
    }
    return false;
}

enum err option_parse(enum option option, struct slice text, struct option_changes *changes,
                      struct error *error)
{
    static const char *const right[] = {
        [KIND_SECONDS] = "a span like 30d or 12h, or off",
        [KIND_NUMBER] = "a number",
        [KIND_YES_NO] = "yes or no",
        [KIND_FILTER] = "on, off or mark",
        [KIND_PERCENTS] = "rising percentages like 70,90 (at most 8), or off",
    };
    uint64_t value = 0;
    if (slice_eq(text, S("default"))) {
        changes->what[option] = CHANGE_CLEAR;
        return ERR_OK;
    }
    if (!parse(table[option].kind, text, &value))
        return fail_plain(error, ERR_INVALID, "%s takes %s, not \"%.*s\"; default: as it is without",
                          table[option].name, right[table[option].kind],
                          SLICE_ARGS(slice_sub(text, 0, SHOWN_MAX)));
    changes->what[option] = CHANGE_SET;
    changes->values[option] = value;
    return ERR_OK;
}

unsigned option_percents(uint64_t value, unsigned ret_steps[static OPTION_PERCENTS_MAX])
{
    unsigned count = 0;
    for (; value > 0 && count < OPTION_PERCENTS_MAX; value >>= PERCENT_BITS)
        ret_steps[count++] = (unsigned)(value & UINT8_MAX);
    return count;
}

static void percents_text(uint64_t value, char *text)
{
    unsigned steps[OPTION_PERCENTS_MAX];
    unsigned count = option_percents(value, steps);
    size_t n = 0;
    for (unsigned i = 0; i < count; i++)
        n += (size_t)snprintf(text + n, OPTION_TEXT_MAX - n, "%s%u", i > 0 ? "," : "", steps[i]);
}

void option_text(enum option option, uint64_t value, char ret_text[static OPTION_TEXT_MAX])
{
    enum option_kind kind = table[option].kind;
    if (kind == KIND_YES_NO)
        snprintf(ret_text, OPTION_TEXT_MAX, "%s", value != 0 ? "yes" : "no");
    else if (kind == KIND_FILTER)
        snprintf(ret_text, OPTION_TEXT_MAX, "%s", filter_words[MIN(value, ARRAY_LEN(filter_words) - 1)]);
    else if (kind == KIND_NUMBER)
        snprintf(ret_text, OPTION_TEXT_MAX, "%llu", (unsigned long long)value);
    else if (value == 0)
        snprintf(ret_text, OPTION_TEXT_MAX, "off");
    else if (kind == KIND_SECONDS)
        duration_text(value, ret_text);
    else
        percents_text(value, ret_text);
}

/* --- in memory --- */

void option_set_put(struct buf *out, const struct option_set *set)
{
    for (size_t i = 0; i < OPTIONS; i++) {
        wire_put_u8(out, set->given[i] ? 1 : 0);
        if (set->given[i])
            wire_put_u64(out, set->values[i]);
    }
}

void option_set_get(struct wire_reader *reader, struct option_set *ret_set)
{
    *ret_set = (struct option_set){0};
    for (size_t i = 0; i < OPTIONS; i++) {
        ret_set->given[i] = wire_get_u8(reader) != 0;
        if (ret_set->given[i])
            ret_set->values[i] = wire_get_u64(reader);
    }
}

void options_apply(struct options *options, enum option_level level, const struct option_set *set)
{
    for (size_t i = 0; i < OPTIONS; i++)
        if (set->given[i]) {
            options->values[i] = set->values[i];
            options->from[i] = (uint8_t)level;
        }
}

/* --- in the database --- */

/* A name that this program does not know is a newer one's: left alone. */
static void note(struct option_set *set, struct slice name, uint64_t value)
{
    for (size_t i = 0; i < OPTIONS; i++)
        if (slice_eq(name, slice_cstr(table[i].name))) {
            set->given[i] = true;
            set->values[i] = value;
        }
}

enum err option_set_load(struct directory *directory, enum option_level level, struct parameter owner,
                         struct option_set *ret_set, struct error *error)
{
    CLEANUP(sql_release) sqlite3_stmt *row = NULL;
    bool more = false;
    struct option_set set = {0};
    enum err code =
        sql_start(directory, STATEMENT_OPTION_LIST, PARAMETERS(NUMBER(level), owner), &row, error);
    if (code == ERR_OK)
        code = sql_step(directory, row, &more, error);
    while (code == ERR_OK && more) {
        note(&set, sql_bytes(row, 0), sql_number(row, 1));
        code = sql_step(directory, row, &more, error);
    }
    if (code == ERR_OK)
        *ret_set = set;
    return code;
}

enum err option_write(struct directory *directory, enum option_level level, struct parameter owner,
                      const struct option_changes *changes, struct error *error)
{
    enum err code = ERR_OK;
    for (size_t i = 0; code == ERR_OK && i < OPTIONS; i++) {
        struct slice name = slice_cstr(table[i].name);
        if (changes->what[i] == CHANGE_SET)
            code = sql_run(directory, STATEMENT_OPTION_SET,
                           PARAMETERS(NUMBER(level), owner, TEXT(name), NUMBER(changes->values[i])), error);
        else if (changes->what[i] == CHANGE_CLEAR)
            code = sql_run(directory, STATEMENT_OPTION_CLEAR, PARAMETERS(NUMBER(level), owner, TEXT(name)),
                           error);
    }
    return code;
}

enum err option_owner_normalise(enum option_level level, struct slice owner, struct arena *arena,
                                struct slice *ret_name, struct error *error)
{
    struct address_parts parts = {.key = owner};
    enum err code = ERR_OK;
    if (level == LEVEL_DOMAIN)
        code = domain_normalise(owner, arena, &parts.key, error);
    else if (level == LEVEL_ACCOUNT)
        code = address_parse(owner, arena, &parts, error);
    if (code == ERR_OK)
        *ret_name = parts.key;
    return code;
}

enum err option_owner_find(struct directory *directory, enum option_level level, struct slice name,
                           struct parameter *ret_owner, struct error *error)
{
    struct domain_row domain;
    enum address_kind kind;
    struct account_id account;
    enum err code = ERR_OK;
    switch (level) {
    case LEVEL_BUILT_IN:
        *ret_owner = TEXT(S(""));
        break;
    case LEVEL_PLAN:
        *ret_owner = TEXT(name);
        code = account_check_plan(directory, name, 0, error);
        break;
    case LEVEL_DOMAIN:
        code = domain_row_need(directory, name, &domain, error);
        if (code == ERR_OK)
            *ret_owner = NUMBER(domain.id.v);
        break;
    case LEVEL_ACCOUNT:
        code = address_row_get(directory, name, &kind, &account, error);
        if (code == ERR_OK && kind != ADDRESS_ACCOUNT)
            code = fail_plain(error, ERR_NOT_FOUND, "there is no account %.*s", SLICE_ARGS(name));
        if (code == ERR_OK)
            *ret_owner = NUMBER(account.v);
        break;
    }
    return code;
}

/* What a change of the owner's options makes stale in the cache. Locked. */
static void drop_stale(struct directory *directory, enum option_level level, struct slice name,
                       const struct parameter *owner)
{
    must(level != LEVEL_BUILT_IN); /* nobody owns what is built in */
    if (level == LEVEL_PLAN)
        cache_drop(directory->cache, CACHE_PLAN, name);
    else if (level == LEVEL_DOMAIN)
        cache_drop(directory->cache, CACHE_DOMAIN, name);
    else
        cache_drop(directory->cache, CACHE_ACCOUNT, map_key_u64(&owner->number));
}

static enum err change(struct directory *directory, enum option_level level, struct slice name,
                       const struct option_changes *changes, struct error *error)
{
    struct parameter owner;
    enum err code = option_owner_find(directory, level, name, &owner, error);
    if (code != ERR_OK)
        return code;
    drop_stale(directory, level, name, &owner);
    return option_write(directory, level, owner, changes, error);
}

enum err options_change(struct directory *directory, enum option_level level, struct slice owner,
                        const struct option_changes *changes, struct error *error)
{
    CLEANUP(arena_release) struct arena scratch = ARENA(SCRATCH_MAX);
    struct slice name;
    enum err code = option_owner_normalise(level, owner, &scratch, &name, error);
    if (code == ERR_OK)
        code = change_begin(directory, error);
    if (code == ERR_OK)
        code = change_end(directory, change(directory, level, name, changes, error), error);
    return code;
}

enum err option_set(struct directory *directory, enum option_level level, struct slice owner,
                    enum option option, const uint64_t *value, struct error *error)
{
    struct option_changes changes = {0};
    changes.what[option] = value != NULL ? CHANGE_SET : CHANGE_CLEAR;
    changes.values[option] = value != NULL ? *value : 0;
    return options_change(directory, level, owner, &changes, error);
}

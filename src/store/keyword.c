#include "store/work.h"

bool flag_system(struct slice name, unsigned *ret_bit)
{
    static const struct {
        struct slice name;
        unsigned bit;
    } flags[] = {{{"\\Seen", 5}, FLAG_SEEN},
                 {{"\\Answered", 9}, FLAG_ANSWERED},
                 {{"\\Flagged", 8}, FLAG_FLAGGED},
                 {{"\\Deleted", 8}, FLAG_DELETED},
                 {{"\\Draft", 6}, FLAG_DRAFT}};
    for (size_t i = 0; i < ARRAY_LEN(flags); i++)
        if (slice_eq_nocase(name, flags[i].name)) {
            *ret_bit = flags[i].bit;
            return true;
        }
    return false;
}

static bool find(const struct account *account, struct slice name, unsigned *ret_bit)
{
    for (size_t i = 0; i < account->keyword_count; i++) {
        if (!slice_eq_nocase(slice_cstr(account->keywords[i]), name))
            continue;
        *ret_bit = FLAG_KEYWORDS_FROM + (unsigned)i;
        return true;
    }
    return false;
}

static enum err insert(struct account *account, size_t number, struct slice name, struct error *error)
{
    sqlite3_stmt *statement;
    enum err err = db_statement(account, STATEMENT_KEYWORD_INSERT, &statement, error);
    if (err != ERR_OK)
        return err;
    sqlite3_bind_int64(statement, 1, (int64_t)number);
    db_bind_text(statement, 2, name);
    return db_finish(account, statement, error);
}

static enum err add(struct account *account, struct slice name, unsigned *ret_bit, struct error *error)
{
    CLEANUP(work_end) struct work work = {0};
    enum err err = work_begin(&work, account, error);
    if (err != ERR_OK || find(account, name, ret_bit))
        return err;
    size_t number = account->keyword_count;
    if (number == KEYWORDS_MAX)
        return fail_plain(error, ERR_LIMIT, "An account may have %d different keywords", KEYWORDS_MAX);
    char *kept = slice_to_cstr(name);
    if (kept == NULL)
        return fail_nomem(error);
    err = insert(account, number, name, error);
    if (err == ERR_OK) {
        /* Known while the account is still locked by this transaction. */
        account->keywords[number] = kept;
        account->keyword_count++;
        err = work_commit(&work, error);
        if (err == ERR_OK) {
            *ret_bit = FLAG_KEYWORDS_FROM + (unsigned)number;
            return ERR_OK;
        }
        account->keyword_count--;
    }
    free(kept);
    return err;
}

enum err keyword_bit(struct account *account, struct slice name, bool create, unsigned *ret_bit,
                     struct error *error)
{
    if (name.n == 0 || memchr(name.p, 0, name.n) != NULL)
        return fail_plain(error, ERR_INVALID, "A keyword must not be empty or hold a NUL");
    if (name.n > KEYWORD_NAME_MAX)
        return fail_plain(error, ERR_LIMIT, "A keyword may have %d bytes", KEYWORD_NAME_MAX);
    enum err err = account_lock(account, error);
    if (err != ERR_OK)
        return err;
    bool found = find(account, name, ret_bit);
    account_unlock(account);
    if (found)
        return ERR_OK;
    if (!create)
        return fail(error, ERR_NOT_FOUND, NULL, "keyword \"%.*s\"", SLICE_ARGS(name));
    return add(account, name, ret_bit, error);
}

enum err keyword_names(struct account *account, struct arena *arena, struct slice **ret_names,
                       size_t *ret_count, struct error *error)
{
    enum err err = account_lock(account, error);
    if (err != ERR_OK)
        return err;
    size_t count = account->keyword_count;
    struct slice *names = arena_array(arena, count + 1, sizeof(*names));
    for (size_t i = 0; names != NULL && i < count; i++) {
        names[i] = arena_dup(arena, slice_cstr(account->keywords[i]));
        if (names[i].p == NULL)
            names = NULL;
    }
    account_unlock(account);
    if (names == NULL)
        return fail_nomem(error);
    *ret_names = names;
    *ret_count = count;
    return ERR_OK;
}

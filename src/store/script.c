#include "store/script.h"

#include "base/utf8.h"
#include "store/work.h"

/* --- names and room --- */

/* RFC 5804 1.6, RFC 5198: no control characters, no separators of lines and paragraphs. */
static bool is_allowed(int32_t c)
{
    return c >= 0x20 && !(c >= 0x7f && c <= 0x9f) && c != 0x2028 && c != 0x2029;
}

bool script_name_is_valid(struct slice name)
{
    if (name.n == 0 || name.n > SIEVE_SCRIPT_NAME_MAX)
        return false;
    struct cursor c = cursor_of(name);
    while (!cursor_done(&c)) {
        if (!is_allowed(utf8_next(&c)))
            return false;
    }
    return true;
}

/* The account is locked. */
static enum err read_room(struct account *account, struct slice name, uint64_t size, enum script_room *ret,
                          struct error *error)
{
    CLEANUP(db_reset) sqlite3_stmt *statement = NULL;
    bool row;
    enum err err = db_statement(account, STATEMENT_SCRIPT_OTHERS, &statement, error);
    if (err != ERR_OK)
        return err;
    db_bind_text(statement, 1, name);
    err = db_step(account, statement, &row, error);
    if (err != ERR_OK)
        return err;
    int64_t count = sqlite3_column_int64(statement, 0);
    uint64_t bytes = (uint64_t)sqlite3_column_int64(statement, 1);
    *ret = count >= SCRIPTS_MAX                                          ? SCRIPT_ROOM_NO_SCRIPTS
           : size > SIEVE_SCRIPT_MAX || bytes + size > SCRIPTS_BYTES_MAX ? SCRIPT_ROOM_NO_BYTES
                                                                         : SCRIPT_ROOM;
    return ERR_OK;
}

enum err script_room(struct account *account, struct slice name, uint64_t size, enum script_room *ret,
                     struct error *error)
{
    enum err err = account_lock(account, error);
    if (err != ERR_OK)
        return err;
    err = read_room(account, name, size, ret, error);
    account_unlock(account);
    return err;
}

static enum err check_room(struct account *account, struct slice name, uint64_t size, struct error *error)
{
    enum script_room room;
    enum err err = read_room(account, name, size, &room, error);
    if (err != ERR_OK || room == SCRIPT_ROOM)
        return err;
    if (room == SCRIPT_ROOM_NO_SCRIPTS)
        return fail_plain(error, ERR_QUOTA, "An account may have %d scripts", SCRIPTS_MAX);
    return fail_plain(error, ERR_QUOTA, "A script may have %d bytes, all of an account %d", SIEVE_SCRIPT_MAX,
                      SCRIPTS_BYTES_MAX);
}

static enum err fail_name(struct error *error)
{
    return fail_plain(error, ERR_INVALID, "A script can't have this name");
}

/* --- reading --- */

/* One row, by the script's name; p NULL: the active one. The account is locked. */
static enum err read_row(struct account *account, struct slice name, sqlite3_stmt **ret_statement,
                         struct error *error)
{
    bool row;
    enum statement which = name.p == NULL ? STATEMENT_SCRIPT_ACTIVE : STATEMENT_SCRIPT_BY_NAME;
    enum err err = db_statement(account, which, ret_statement, error);
    if (err != ERR_OK)
        return err;
    if (name.p != NULL)
        db_bind_text(*ret_statement, 1, name);
    err = db_step(account, *ret_statement, &row, error);
    if (err == ERR_OK && !row)
        err = fail_plain(error, ERR_NOT_FOUND, "There is no such script");
    return err;
}

/* Columns name, active, changed, bytes of the text: in all statements that read scripts. */
static enum err take_script(sqlite3_stmt *statement, struct arena *arena, struct script *ret,
                            struct error *error)
{
    *ret = (struct script){
        .name = arena_dup(arena, db_column(statement, 0)),
        .active = sqlite3_column_int64(statement, 1) != 0,
        .changed_us = sqlite3_column_int64(statement, 2),
        .size = (uint64_t)sqlite3_column_int64(statement, 3),
    };
    return ret->name.p == NULL ? fail_nomem(error) : ERR_OK;
}

static enum err read_list(struct account *account, struct arena *arena, struct script *items,
                          size_t *ret_count, struct error *error)
{
    CLEANUP(db_reset) sqlite3_stmt *statement = NULL;
    bool row = true;
    enum err err = db_statement(account, STATEMENT_SCRIPT_LIST, &statement, error);
    for (*ret_count = 0; err == ERR_OK && row && *ret_count < SCRIPTS_MAX;) {
        err = db_step(account, statement, &row, error);
        if (err == ERR_OK && row)
            err = take_script(statement, arena, &items[(*ret_count)++], error);
    }
    return err;
}

enum err script_list(struct account *account, struct arena *arena, struct script **ret_items,
                     size_t *ret_count, struct error *error)
{
    size_t count;
    struct script *items = arena_array(arena, SCRIPTS_MAX, sizeof(*items));
    if (items == NULL)
        return fail_nomem(error);
    enum err err = account_lock(account, error);
    if (err != ERR_OK)
        return err;
    err = read_list(account, arena, items, &count, error);
    account_unlock(account);
    if (err != ERR_OK)
        return err;
    *ret_items = items;
    *ret_count = count;
    return ERR_OK;
}

enum { COLUMN_TEXT = 4, COLUMN_CODE = 5 };

/* What a row holds; the code only where it is asked for. */
static enum err read_script(struct account *account, struct slice name, struct arena *arena,
                            struct script *ret_script, struct slice *ret_text, struct slice *ret_code,
                            struct error *error)
{
    CLEANUP(db_reset) sqlite3_stmt *statement = NULL;
    enum err err = read_row(account, name, &statement, error);
    if (err == ERR_OK)
        err = take_script(statement, arena, ret_script, error);
    if (err != ERR_OK)
        return err;
    *ret_text = arena_dup(arena, db_column(statement, COLUMN_TEXT));
    if (ret_code != NULL)
        *ret_code = arena_dup(arena, db_column(statement, COLUMN_CODE));
    return ret_text->p == NULL || (ret_code != NULL && ret_code->p == NULL) ? fail_nomem(error) : ERR_OK;
}

static enum err read_unlocked(struct account *account, struct slice name, struct arena *arena,
                              struct script *ret_script, struct slice *ret_text, struct slice *ret_code,
                              struct error *error)
{
    enum err err = account_lock(account, error);
    if (err != ERR_OK)
        return err;
    err = read_script(account, name, arena, ret_script, ret_text, ret_code, error);
    account_unlock(account);
    return err;
}

enum err script_get(struct account *account, struct slice name, struct arena *arena, struct slice *ret_text,
                    struct error *error)
{
    struct script script;
    struct slice text;
    if (!script_name_is_valid(name))
        return fail_plain(error, ERR_NOT_FOUND, "There is no such script");
    enum err err = read_unlocked(account, name, arena, &script, &text, NULL, error);
    if (err == ERR_OK)
        *ret_text = text;
    return err;
}

/* --- writing --- */

static enum err compile(struct slice text, struct sieve_program **ret_program, struct buf *code,
                        struct sieve_complaints *complaints, struct error *error)
{
    enum err err = sieve_compile(text, SIEVE_ALL, ret_program, complaints, error);
    if (err != ERR_OK)
        return err;
    sieve_program_put(*ret_program, code);
    if (!buf_failed(code))
        return ERR_OK;
    sieve_program_free(*ret_program);
    *ret_program = NULL;
    return buf_no_memory(code) ? fail_nomem(error)
                               : fail_plain(error, ERR_QUOTA, "The script is too large when it is compiled");
}

static enum err write_script(struct account *account, struct slice name, struct slice text, struct slice code,
                             struct error *error)
{
    CLEANUP(work_end) struct work work = {0};
    sqlite3_stmt *statement;
    enum err err = work_begin(&work, account, error);
    if (err == ERR_OK)
        err = check_room(account, name, text.n, error);
    if (err == ERR_OK)
        err = db_statement(account, STATEMENT_SCRIPT_WRITE, &statement, error);
    if (err != ERR_OK)
        return err;
    db_bind_text(statement, 1, name);
    sqlite3_bind_int64(statement, 2, work.now_us);
    db_bind_blob(statement, 3, text);
    db_bind_blob(statement, 4, code);
    err = db_finish(account, statement, error);
    return err == ERR_OK ? work_commit(&work, error) : err;
}

enum err script_put(struct account *account, struct slice name, struct slice text,
                    struct sieve_complaints *ret_complaints, struct error *error)
{
    CLEANUP(buf_release) struct buf code = BUF(SIEVE_CODE_MAX);
    struct sieve_program *program = NULL;
    ret_complaints->count = 0;
    if (!script_name_is_valid(name))
        return fail_name(error);
    enum err err = compile(text, &program, &code, ret_complaints, error);
    if (err != ERR_OK)
        return err;
    sieve_program_free(program);
    err = write_script(account, name, text, buf_slice(&code), error);
    return err == ERR_OK ? account_sync(account, error) : err;
}

static enum err delete_row(struct account *account, struct slice name, struct error *error)
{
    CLEANUP(work_end) struct work work = {0};
    sqlite3_stmt *statement = NULL;
    enum err err = work_begin(&work, account, error);
    if (err == ERR_OK)
        err = read_row(account, name, &statement, error);
    bool active = err == ERR_OK && sqlite3_column_int64(statement, 1) != 0;
    db_reset(&statement);
    if (active)
        return fail_plain(error, ERR_BUSY, "The active script is not deleted");
    if (err == ERR_OK)
        err = db_statement(account, STATEMENT_SCRIPT_DELETE, &statement, error);
    if (err != ERR_OK)
        return err;
    db_bind_text(statement, 1, name);
    err = db_finish(account, statement, error);
    return err == ERR_OK ? work_commit(&work, error) : err;
}

enum err script_delete(struct account *account, struct slice name, struct error *error)
{
    if (!script_name_is_valid(name))
        return fail_plain(error, ERR_NOT_FOUND, "There is no such script");
    enum err err = delete_row(account, name, error);
    return err == ERR_OK ? account_sync(account, error) : err;
}

/* Whether there is a script of this name. */
static enum err is_there(struct account *account, struct slice name, bool *ret, struct error *error)
{
    CLEANUP(db_reset) sqlite3_stmt *statement = NULL;
    enum err err = read_row(account, name, &statement, error);
    *ret = err == ERR_OK;
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

static enum err rename_row(struct account *account, struct slice from, struct slice to, struct error *error)
{
    CLEANUP(work_end) struct work work = {0};
    sqlite3_stmt *statement;
    bool old = false, new = false;
    enum err err = work_begin(&work, account, error);
    if (err == ERR_OK)
        err = is_there(account, from, &old, error);
    if (err == ERR_OK)
        err = is_there(account, to, &new, error);
    if (err == ERR_OK && (!old || new))
        return fail_plain(error, old ? ERR_EXISTS : ERR_NOT_FOUND,
                          old ? "There is a script of that name" : "There is no such script");
    if (err == ERR_OK)
        err = db_statement(account, STATEMENT_SCRIPT_RENAME, &statement, error);
    if (err != ERR_OK)
        return err;
    db_bind_text(statement, 1, from);
    db_bind_text(statement, 2, to);
    err = db_finish(account, statement, error);
    return err == ERR_OK ? work_commit(&work, error) : err;
}

enum err script_rename(struct account *account, struct slice from, struct slice to, struct error *error)
{
    if (!script_name_is_valid(to))
        return fail_name(error);
    enum err err = rename_row(account, from, to, error);
    return err == ERR_OK ? account_sync(account, error) : err;
}

static enum err activate_row(struct account *account, struct slice name, struct error *error)
{
    CLEANUP(work_end) struct work work = {0};
    sqlite3_stmt *statement;
    bool there = true;
    enum err err = work_begin(&work, account, error);
    if (err == ERR_OK && name.p != NULL)
        err = is_there(account, name, &there, error);
    if (err == ERR_OK && !there)
        return fail_plain(error, ERR_NOT_FOUND, "There is no such script");
    if (err == ERR_OK)
        err = db_statement(account, STATEMENT_SCRIPT_ACTIVATE, &statement, error);
    if (err != ERR_OK)
        return err;
    db_bind_text(statement, 1, name.p == NULL ? S("") : name); /* no script has the empty name */
    err = db_finish(account, statement, error);
    return err == ERR_OK ? work_commit(&work, error) : err;
}

enum err script_activate(struct account *account, struct slice name, struct error *error)
{
    enum err err = activate_row(account, name, error);
    return err == ERR_OK ? account_sync(account, error) : err;
}

/* --- to be run --- */

static enum err write_code(struct account *account, const struct script *script, struct slice code,
                           struct error *error)
{
    CLEANUP(work_end) struct work work = {0};
    sqlite3_stmt *statement;
    enum err err = work_begin(&work, account, error);
    if (err == ERR_OK)
        err = db_statement(account, STATEMENT_SCRIPT_CODE_WRITE, &statement, error);
    if (err != ERR_OK)
        return err;
    db_bind_text(statement, 1, script->name);
    sqlite3_bind_int64(statement, 2, script->changed_us);
    db_bind_blob(statement, 3, code);
    err = db_finish(account, statement, error);
    return err == ERR_OK ? work_commit(&work, error) : err;
}

/* Another version of the program compiled it. It need not be durable: else it is done once more. */
static enum err compile_again(struct account *account, const struct script *script, struct slice text,
                              struct sieve_program **ret_program, struct error *error)
{
    CLEANUP(buf_release) struct buf code = BUF(SIEVE_CODE_MAX);
    struct sieve_program *program;
    struct sieve_complaints complaints;
    enum err err = compile(text, &program, &code, &complaints, error);
    if (err != ERR_OK)
        return err;
    err = write_code(account, script, buf_slice(&code), error);
    if (err == ERR_OK)
        *ret_program = program;
    else
        sieve_program_free(program);
    return err;
}

enum err script_load(struct account *account, struct slice name, struct arena *arena,
                     struct sieve_program **ret_program, struct script *ret_script, struct error *error)
{
    struct slice text, code;
    struct script script;
    enum err err = read_unlocked(account, name, arena, &script, &text, &code, error);
    if (err != ERR_OK)
        return err;
    err = sieve_program_load(code, ret_program, error);
    if (err == ERR_VERSION)
        err = compile_again(account, &script, text, ret_program, error);
    if (err == ERR_OK)
        *ret_script = script;
    return err;
}

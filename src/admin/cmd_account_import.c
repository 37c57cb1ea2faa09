#include "admin/cli_parts.h"
#include "admin/csv.h"
#include "admin/size.h"
#include "base/map.h"

/*
 * Many accounts from a CSV file. All lines are looked at before the first account is made. Then they are made
 * in batches of one transaction each; when one of them fails, the batches before it are taken back. Data
 * folders are made at the accounts' first use (store_account_ensure).
 */
enum {
    IMPORT_ACCOUNTS_MAX = 1000000,
    IMPORT_BATCH = 200,
    IMPORT_WRONG_SHOWN = 20,
};

#define COLUMN_TABLE(X) X(address) X(password) X(hash) X(name) X(plan) X(quota) X(language)

enum column {
#define X(name) COLUMN_##name,
    COLUMN_TABLE(X)
#undef X
        COLUMNS,
};

static const char *const column_names[COLUMNS] = {
#define X(name) #name,
    COLUMN_TABLE(X)
#undef X
};

struct import {
    struct admin_call *call;
    struct csv csv;
    enum column columns[CSV_FIELDS_MAX]; /* of each field */
    size_t column_count;
    struct account_new *accounts;
    size_t *lines; /* of each account */
    struct account_id *ids;
    size_t room;
    size_t count;
    struct map seen; /* normal address -> line */
    size_t wrong;
};

static void import_release(struct import *import)
{
    map_release(&import->seen);
}

/* --- the header --- */

static enum err read_header(struct import *import, struct error *error)
{
    struct csv_record record;
    bool have[COLUMNS] = {false};
    enum csv_status status = csv_next(&import->csv, &import->call->arena, &record);
    if (status == CSV_END)
        return fail_plain(error, ERR_INVALID, "the file is empty; its first line names the columns");
    if (status == CSV_BAD)
        return fail_plain(error, ERR_INVALID, "line %zu: %s", record.line, record.problem);
    for (size_t i = 0; i < record.count; i++) {
        struct slice name = slice_trim(record.fields[i]);
        size_t k = 0;
        while (k < COLUMNS && !slice_eq_nocase(name, slice_cstr(column_names[k])))
            k++;
        if (k == COLUMNS)
            return fail_plain(
                error, ERR_INVALID,
                "line %zu: unknown column \"%.*s\"; there are address, password, hash, name, plan, "
                "quota, language",
                record.line, (int)MIN(name.n, (size_t)40), name.p);
        if (have[k])
            return fail_plain(error, ERR_INVALID, "line %zu: column %s comes twice", record.line,
                              column_names[k]);
        have[k] = true;
        import->columns[i] = (enum column)k;
    }
    import->column_count = record.count;
    if (!have[COLUMN_address] || (!have[COLUMN_password] && !have[COLUMN_hash]))
        return fail_plain(error, ERR_INVALID,
                          "line %zu: columns address, and password or hash, must be there", record.line);
    return ERR_OK;
}

/* --- lines --- */

/* A wrong line is told, up to IMPORT_WRONG_SHOWN of them, and the rest is looked at all the same. */
static enum err tell_wrong(struct import *import, size_t line, const char *problem, struct error *error)
{
    if (import->wrong++ >= IMPORT_WRONG_SHOWN)
        return ERR_OK;
    return call_row(
        import->call,
        json_pack("{s:I,s:o}", "line", (json_int_t)line, "problem", json_text(slice_cstr(problem))), error);
}

static enum err fill(const struct import *import, const struct csv_record *record,
                     struct account_new *account, struct error *error)
{
    struct slice values[COLUMNS] = {{NULL, 0}};
    if (record->count != import->column_count)
        return fail_plain(error, ERR_INVALID, "%zu fields where the first line has %zu", record->count,
                          import->column_count);
    for (size_t i = 0; i < record->count; i++)
        values[import->columns[i]] = record->fields[i];
    uint64_t quota = 0;
    if (values[COLUMN_quota].n > 0 && !size_parse(values[COLUMN_quota], &quota))
        return fail_plain(error, ERR_INVALID, "\"%.*s\" is not a size; write it like 500M or 10G",
                          (int)MIN(values[COLUMN_quota].n, (size_t)40), values[COLUMN_quota].p);
    if ((values[COLUMN_password].n > 0) == (values[COLUMN_hash].n > 0))
        return fail_plain(error, ERR_INVALID, "a password or a hash must be there, and not both");
    if (values[COLUMN_password].n > PASSWORD_MAX)
        return fail_plain(error, ERR_INVALID, "the password has more than %d bytes", PASSWORD_MAX);
    *account = (struct account_new){
        .address = values[COLUMN_address],
        .name = values[COLUMN_name],
        .plan = values[COLUMN_plan],
        .language = values[COLUMN_language],
        .password = values[COLUMN_password],
        .hash = values[COLUMN_hash],
        .quota_bytes = quota,
        .quick_hash = true,
    };
    return ERR_OK;
}

static enum err check_twice(struct import *import, size_t line, struct slice local, struct slice domain,
                            struct error *error)
{
    CLEANUP(buf_release) struct buf key = BUF(ADDRESS_LOCAL_MAX + ADDRESS_DOMAIN_MAX + 1);
    buf_put(&key, local);
    buf_putc(&key, '@');
    buf_put(&key, domain);
    if (buf_failed(&key))
        return fail_nomem(error);
    const size_t *before = map_get(&import->seen, buf_slice(&key));
    if (before != NULL)
        return fail_plain(error, ERR_EXISTS, "the address stands in line %zu already", *before);
    import->lines[import->count] = line;
    return map_set(&import->seen, buf_slice(&key), &import->lines[import->count]) ? ERR_OK
                                                                                  : fail_nomem(error);
}

static enum err check_account_new(struct import *import, size_t line, const struct account_new *account,
                                  struct arena *arena, struct error *error)
{
    struct directory *directory = import->call->context->directory;
    struct slice local;
    struct slice domain;
    struct plan plan;
    struct account_entry entry;
    enum err e = address_normalise(account->address, arena, &local, &domain, error);
    if (e != ERR_OK)
        return e;
    bool ours;
    e = domain_is_local(directory, domain, &ours, error);
    if (e != ERR_OK)
        return e;
    if (!ours)
        return fail_plain(error, ERR_NOT_FOUND,
                          "there is no domain %.*s; make it with: posthorn domain add %.*s",
                          SLICE_ARGS(domain), SLICE_ARGS(domain));
    if (account->plan.n > 0)
        e = directory_plan(directory, account->plan, arena, &plan, error);
    if (e != ERR_OK)
        return e;
    struct error unknown;
    e = account_entry_find(directory, account->address, arena, &entry, &unknown);
    if (e == ERR_OK)
        return fail_plain(error, ERR_EXISTS, "the account %.*s exists already", SLICE_ARGS(account->address));
    if (e != ERR_NOT_FOUND) {
        *error = unknown;
        return e;
    }
    return check_twice(import, line, local, domain, error);
}

static enum err read_lines(struct import *import, struct error *error)
{
    CLEANUP(arena_release) struct arena scratch = ARENA(1024 * 1024);
    for (;;) {
        struct csv_record record;
        struct error wrong;
        enum csv_status status = csv_next(&import->csv, &import->call->arena, &record);
        if (status == CSV_END)
            return ERR_OK;
        if (import->count == import->room)
            return fail_plain(error, ERR_LIMIT, "more than %d accounts; split the file", IMPORT_ACCOUNTS_MAX);
        struct account_new *account = &import->accounts[import->count];
        enum err e = status == CSV_BAD ? fail_plain(&wrong, ERR_INVALID, "%s", record.problem)
                                       : fill(import, &record, account, &wrong);
        arena_reset(&scratch);
        if (e == ERR_OK)
            e = check_account_new(import, record.line, account, &scratch, &wrong);
        if (e == ERR_OK)
            import->count++;
        else if (tell_wrong(import, record.line, wrong.client, error) != ERR_OK)
            return error->code;
    }
}

static enum err make_room(struct import *import, struct slice text, struct error *error)
{
    size_t lines = 1;
    for (size_t i = 0; i < text.n; i++)
        lines += text.p[i] == '\n';
    struct arena *arena = &import->call->arena;
    import->room = MIN(lines, (size_t)IMPORT_ACCOUNTS_MAX);
    import->accounts = arena_array(arena, import->room, sizeof(*import->accounts));
    import->lines = arena_array(arena, import->room, sizeof(*import->lines));
    import->ids = arena_array(arena, import->room, sizeof(*import->ids));
    bool failed = import->accounts == NULL || import->lines == NULL || import->ids == NULL;
    return failed ? fail_nomem(error) : ERR_OK;
}

/* --- making --- */

static void take_back(struct import *import, size_t count, struct error *error)
{
    for (size_t i = 0; i < count; i++) {
        struct error second;
        struct slice address = import->accounts[i].address;
        if (account_entry_remove(import->call->context->directory, address, &second) != ERR_OK)
            error_context(error, "%.*s could not be taken back (%s)", SLICE_ARGS(address), second.detail);
    }
}

static enum err make_accounts(struct import *import, struct error *error)
{
    for (size_t done = 0; done < import->count;) {
        size_t n = MIN(import->count - done, (size_t)IMPORT_BATCH);
        size_t bad = 0;
        enum err e = account_entry_add_many(import->call->context->directory, import->accounts + done, n,
                                            import->ids + done, &bad, error);
        if (e != ERR_OK) {
            struct error why = *error;
            fail(error, e, NULL, "%s", why.detail);
            snprintf(error->client, sizeof(error->client), "line %zu: %.120s; nothing was imported",
                     import->lines[done + MIN(bad, n - 1)], why.client);
            take_back(import, done, error);
            return e;
        }
        done += n;
        call_progress(import->call, done, import->count);
    }
    return ERR_OK;
}

static const struct admin_argument arguments[] = {
    {"csv", ARGUMENT_FILE, true, true, "FILE.csv", "the accounts; - is standard input"},
    {0},
};

static const struct admin_column columns[] = {
    {"line", "LINE", COLUMN_NUMBER},
    {"problem", "PROBLEM", COLUMN_TEXT},
    {0},
};

static enum err run_import(struct admin_call *call, struct error *error)
{
    CLEANUP(import_release) struct import import = {.call = call};
    struct slice text = call_text(call, "csv");
    csv_init(&import.csv, text);
    enum err e = make_room(&import, text, error);
    if (e == ERR_OK)
        e = read_header(&import, error);
    if (e == ERR_OK)
        e = read_lines(&import, error);
    if (e == ERR_OK && import.wrong > 0)
        e = fail_plain(error, ERR_INVALID, "%zu of %zu lines are wrong; nothing was imported", import.wrong,
                       import.wrong + import.count);
    if (e == ERR_OK)
        e = make_accounts(&import, error);
    if (e == ERR_OK)
        call_message(call, "imported %zu accounts", import.count);
    return e;
}

const struct admin_command admin_account_import = {
    .name = "account.import",
    .run = run_import,
    .arguments = arguments,
    .columns = columns,
    .instead = &admin_account_import_mail,
    .instead_with = "from",
    .summary = "make many accounts from a CSV file, or bring an account's mail from elsewhere",
    .about =
        "The first line names the columns, in any order: address, password or hash, name, plan, quota, "
        "language. All lines are checked first, and wrong ones are named, up to 20; then all accounts are "
        "made, or none.",
    .example = "posthorn account import people.csv",
};

/* --- the same word with --from: mail from elsewhere --- */

static const struct admin_argument mail_arguments[] = {
    {"address", ARGUMENT_TEXT, true, true, "NAME@DOMAIN", "the account's primary address"},
    {"from", ARGUMENT_TEXT, false, true, "SOURCE",
     "imaps://USER@HOST[:PORT], imap://..., an mbox, a directory of them, a Maildir"},
    {"folder", ARGUMENT_TEXT, false, false, "FOLDER", "only this folder of the source"},
    {"since", ARGUMENT_TEXT, false, false, "DAY", "only what came on this day or later: 2026-01-31"},
    {"dry-run", ARGUMENT_FLAG, false, false, NULL, "say what would come, and bring nothing"},
    {"ignore-quota", ARGUMENT_FLAG, false, false, NULL, "go on beyond the account's quota"},
    {"insecure-tls", ARGUMENT_FLAG, false, false, NULL, "do not look at the other server's certificate"},
    {"token-file", ARGUMENT_TEXT, false, false, "FILE", "log in with the OAuth token in this file"},
    {"password-stdin", ARGUMENT_FLAG, false, false, NULL, "the password is the first line of standard input"},
    {0},
};

static const struct admin_column mail_columns[] = {{"folder", "FOLDER", COLUMN_TEXT}, {0}};

const struct admin_command admin_account_import_mail = {
    .name = "account.import",
    .client = cli_import_mail,
    .arguments = mail_arguments,
    .columns = mail_columns,
    .summary = "bring an account's mail from elsewhere",
    .about = "Brings folders, messages, flags and dates from another server or from files, which are only "
             "read. It may be "
             "run again "
             "and again until the move: each time it takes what is new there. What was deleted here stays "
             "deleted. "
             "Ctrl-C breaks off; the same command goes on.",
    .example = "posthorn account import anna@example.org --from imaps://anna@mail.old.example",
};

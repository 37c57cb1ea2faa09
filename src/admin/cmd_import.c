#include "admin/admin.h"
#include "admin/targets.h"
#include "base/wire.h"
#include "store/folder.h"
#include "store/import.h"

/*
 * What an import asks of the store, a batch at a time. Messages and flags come in the bytes that are attached
 * to a request (base/wire.h). Flags there: bit k is FLAG_* k, bit FLAG_KEYWORDS_FROM + k is the request's
 * keyword k.
 */

enum { ROLE_WORD_MAX = 20 };

#define ADDRESS                                                            \
    {                                                                      \
        "address", ARGUMENT_TEXT, true, true, "NAME@DOMAIN", "the account" \
    }
#define INNER(text) .flags = COMMAND_INNER, .summary = text, .about = text, .example = text

/* --- import.open: which folder is a folder of the source here? --- */

static enum err find_role(struct slice word, enum folder_role *ret_role, struct error *error)
{
    static const char *const words[] = {
#define X(name, word, attribute, text) word,
        FOLDER_ROLE_TABLE(X)
#undef X
    };
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (slice_eq(word, slice_cstr(words[i]))) {
            *ret_role = (enum folder_role)i;
            return ERR_OK;
        }
    return fail_plain(error, ERR_INVALID, "there is no role \"%.*s\"",
                      (int)MIN(word.n, (size_t)ROLE_WORD_MAX), word.p);
}

/* The path here; of a role, within the folder that has it. */
static enum err make_path(struct admin_call *call, struct account *account, struct buf *path,
                          struct error *error)
{
    static const char *const usual[] = {
#define X(name, word, attribute, text) text,
        FOLDER_ROLE_TABLE(X)
#undef X
    };
    enum folder_role role;
    struct folder holder;
    struct slice rest = call_text(call, "path");
    enum err e = find_role(call_text(call, "role"), &role, error);
    if (e != ERR_OK)
        return e;
    if (role != ROLE_FOLDER_NONE) {
        struct error missing;
        e = folder_by_role(account, role, &call->arena, &holder, &missing);
        if (e == ERR_OK)
            buf_put(path, holder.path);
        else if (e == ERR_NOT_FOUND) /* its owner has deleted it: it is made again */
            buf_put(path, slice_cstr(usual[role]));
        else
            return fail(error, e, missing.client, "%s", missing.detail);
        if (rest.n > 0)
            buf_putc(path, '/');
    }
    buf_put(path, rest);
    return buf_failed(path)
               ? fail_plain(error, ERR_LIMIT, "the folder's path has more than %d bytes", FOLDER_PATH_MAX)
               : ERR_OK;
}

static enum err find_or_make(struct account *account, struct slice path, struct arena *arena,
                             struct folder *ret_folder, struct error *error)
{
    struct folder_id id;
    enum err e = folder_find(account, path, arena, ret_folder, error);
    if (e == ERR_OK && ret_folder->selectable)
        return ERR_OK;
    if (e != ERR_OK && e != ERR_NOT_FOUND)
        return e;
    e = folder_create(account, path, FOLDER_MAIL, ROLE_FOLDER_NONE, &id, error);
    if (e == ERR_OK)
        e = folder_get(account, id, arena, ret_folder, error);
    if (e == ERR_OK)
        e = folder_subscribe(account, ret_folder->path, true, error);
    return e;
}

static enum err tell_folder(struct admin_call *call, const struct import_folder *known, struct slice path,
                            struct error *error)
{
    return call_row(call,
                    json_pack("{s:I,s:I,s:o}", "id", (json_int_t)known->id, "home", (json_int_t)known->home.v,
                              "path", json_text(path)),
                    error);
}

static enum err run_open(struct admin_call *call, struct error *error)
{
    CLEANUP(target_release) struct account *account = NULL;
    CLEANUP(buf_release) struct buf path = BUF(FOLDER_PATH_MAX);
    struct slice source = call_text(call, "source");
    struct slice name = call_text(call, "name");
    struct import_folder known = {0};
    struct folder home = {0};
    bool found = false;
    enum err e = target_open(call, &account, error);
    if (e == ERR_OK)
        e = import_folder_find(account, source, name, &found, &known, error);
    /* Where it went before, as long as that is there: the owner may have renamed it. */
    struct error gone;
    if (e == ERR_OK && found && folder_get(account, known.home, &call->arena, &home, &gone) == ERR_OK &&
        home.selectable)
        return tell_folder(call, &known, home.path, error);
    if (e == ERR_OK)
        e = make_path(call, account, &path, error);
    if (e == ERR_OK && call_flag(call, "dry"))
        return tell_folder(call, &known, buf_slice(&path), error);
    if (e == ERR_OK)
        e = find_or_make(account, buf_slice(&path), &call->arena, &home, error);
    if (e == ERR_OK)
        e = import_folder_set(account, source, name, home.id, &known, error);
    return e == ERR_OK ? tell_folder(call, &known, home.path, error) : e;
}

static const struct admin_argument open_arguments[] = {
    ADDRESS,
    {"source", ARGUMENT_TEXT, false, true, "TEXT", "what the import is remembered by"},
    {"name", ARGUMENT_TEXT, false, true, "TEXT", "the folder's name there"},
    {"role", ARGUMENT_TEXT, false, true, "ROLE", "of our folder it lies in, or empty"},
    {"path", ARGUMENT_TEXT, false, true, "PATH", "within that folder"},
    {"dry", ARGUMENT_FLAG, false, false, NULL, "make nothing"},
    {0},
};

const struct admin_command admin_import_open = {.name = "import.open",
                                                .run = run_open,
                                                .arguments = open_arguments,
                                                INNER("find an imported folder's home")};

/* --- flags --- */

struct words {
    unsigned bits[KEYWORDS_MAX]; /* of each keyword of the request here; 0: the account has none, and no room
                                    for it */
    size_t count;
};

static enum err read_words(struct admin_call *call, struct account *account, struct words *words,
                           struct error *error)
{
    struct slice *names;
    enum err e = call_list(call, "keywords", &names, &words->count, error);
    if (e == ERR_OK && words->count > KEYWORDS_MAX)
        e = fail_plain(error, ERR_LIMIT, "more than %d keywords", KEYWORDS_MAX);
    for (size_t i = 0; e == ERR_OK && i < words->count; i++) {
        words->bits[i] = 0;
        e = keyword_bit(account, names[i], !call_flag(call, "dry"), &words->bits[i], error);
        if (e == ERR_LIMIT || e == ERR_NOT_FOUND)
            e = ERR_OK;
    }
    return e;
}

static struct flagset read_flags(struct wire_reader *reader, const struct words *words)
{
    struct flagset theirs = {0};
    struct flagset ours = {0};
    for (size_t i = 0; i < ARRAY_LEN(theirs.words); i++)
        theirs.words[i] = wire_get_u64(reader);
    ours.words[0] = theirs.words[0] & ((1U << (FLAG_DRAFT + 1)) - 1);
    for (unsigned k = 0; k < words->count; k++)
        if (flag_has(&theirs, FLAG_KEYWORDS_FROM + k) && words->bits[k] != 0)
            flag_set(&ours, words->bits[k]);
    return ours;
}

static enum err fail_bytes(struct error *error)
{
    return fail_plain(error, ERR_INVALID, "the bytes that came with the request make no sense");
}

/* --- import.look: which messages are new? --- */

static enum err look(struct admin_call *call, struct account *account, struct import_entry *entries,
                     size_t count, struct error *error)
{
    struct words words;
    struct wire_reader reader = wire_reader_of(call->attached);
    size_t flagged = 0;
    size_t fresh = 0;
    enum err e = read_words(call, account, &words, error);
    if (e != ERR_OK)
        return e;
    for (size_t i = 0; i < count; i++) {
        entries[i].item = wire_get_u64(&reader);
        entries[i].flags = read_flags(&reader, &words);
    }
    e = import_look(account, (int64_t)call_number(call, "folder", 0),
                    (uint32_t)call_number(call, "validity", 0), entries, count, call_flag(call, "dry"),
                    &flagged, error);
    char *answer = arena_alloc(&call->arena, MAX(count, 1));
    if (e == ERR_OK && answer == NULL)
        e = fail_nomem(error);
    if (e != ERR_OK)
        return e;
    for (size_t i = 0; i < count; i++) {
        answer[i] = entries[i].is_new ? 1 : 0;
        fresh += entries[i].is_new;
    }
    return call_row_bytes(call,
                          json_pack("{s:I,s:I}", "new", (json_int_t)fresh, "flagged", (json_int_t)flagged),
                          slice_of(answer, count), error);
}

static enum err run_look(struct admin_call *call, struct error *error)
{
    enum { ENTRY_SIZE = 8 + sizeof(struct flagset) };
    CLEANUP(target_release) struct account *account = NULL;
    size_t count = call->attached.n / ENTRY_SIZE;
    if (call->attached.n % ENTRY_SIZE != 0 || count > IMPORT_LOOK_MAX)
        return fail_bytes(error);
    struct import_entry *entries = arena_array(&call->arena, MAX(count, 1), sizeof(*entries));
    if (entries == NULL)
        return fail_nomem(error);
    enum err e = target_open(call, &account, error);
    return e == ERR_OK ? look(call, account, entries, count, error) : e;
}

static const struct admin_argument look_arguments[] = {
    ADDRESS,
    {"folder", ARGUMENT_NUMBER, false, true, "ID", "of import.open"},
    {"validity", ARGUMENT_NUMBER, false, true, "NUMBER", "the source's UIDVALIDITY"},
    {"keywords", ARGUMENT_LIST, false, true, "WORD", "names of the flags' bits"},
    {"dry", ARGUMENT_FLAG, false, false, NULL, "take no flags over"},
    {0},
};

const struct admin_command admin_import_look = {.name = "import.look",
                                                .run = run_look,
                                                .arguments = look_arguments,
                                                INNER("tell what is new of an import")};

/* --- import.add: messages --- */

struct adding {
    struct append_item items[APPEND_ITEMS_MAX];
    struct import_mark marks[APPEND_ITEMS_MAX];
    struct append_result results[APPEND_ITEMS_MAX];
    size_t count;
};

static enum err read_messages(struct admin_call *call, const struct words *words, struct adding *adding,
                              struct error *error)
{
    struct wire_reader reader = wire_reader_of(call->attached);
    while (!wire_end(&reader)) {
        if (adding->count == APPEND_ITEMS_MAX)
            return fail_bytes(error);
        struct import_mark *mark = &adding->marks[adding->count];
        struct append_item *item = &adding->items[adding->count];
        *mark = (struct import_mark){
            .folder = (int64_t)call_number(call, "folder", 0),
            .validity = (uint32_t)call_number(call, "validity", 0),
            .spare = call_flag(call, "spare"),
        };
        *item = (struct append_item){
            .folder = {call_number(call, "home", 0)},
            .ignore_quota = call_flag(call, "ignore-quota"),
            .import = mark,
        };
        mark->item = wire_get_u64(&reader);
        item->internal_date_us = (int64_t)wire_get_u64(&reader);
        item->flags = read_flags(&reader, words);
        item->body = wire_get_slice(&reader);
        if (!wire_ok(&reader))
            return fail_bytes(error);
        import_digest(item->body, mark->digest);
        adding->count++;
    }
    return ERR_OK;
}

static enum err add(struct admin_call *call, struct account *account, struct adding *adding,
                    struct error *error)
{
    struct words words;
    size_t added = 0;
    size_t shared = 0;
    enum err e = read_words(call, account, &words, error);
    if (e == ERR_OK)
        e = read_messages(call, &words, adding, error);
    if (e == ERR_OK)
        e = message_append(account, adding->items, adding->count, adding->results, error);
    /* What is said to be brought must be durable: the source may be emptied next. */
    if (e == ERR_OK)
        e = account_sync(account, error);
    if (e != ERR_OK)
        return e;
    for (size_t i = 0; i < adding->count; i++) {
        shared += adding->marks[i].verdict == IMPORT_SHARED;
        added += adding->marks[i].verdict == IMPORT_SHARED || adding->marks[i].verdict == IMPORT_NEW;
    }
    return call_row(call, json_pack("{s:I,s:I}", "added", (json_int_t)added, "shared", (json_int_t)shared),
                    error);
}

static enum err run_add(struct admin_call *call, struct error *error)
{
    CLEANUP(target_release) struct account *account = NULL;
    struct adding *adding = arena_alloc(&call->arena, sizeof(*adding));
    if (adding == NULL)
        return fail_nomem(error);
    enum err e = target_open(call, &account, error);
    return e == ERR_OK ? add(call, account, adding, error) : e;
}

static const struct admin_argument add_arguments[] = {
    ADDRESS,
    {"folder", ARGUMENT_NUMBER, false, true, "ID", "of import.open"},
    {"home", ARGUMENT_NUMBER, false, true, "ID", "of import.open"},
    {"validity", ARGUMENT_NUMBER, false, true, "NUMBER", "the source's UIDVALIDITY"},
    {"keywords", ARGUMENT_LIST, false, true, "WORD", "names of the flags' bits"},
    {"spare", ARGUMENT_FLAG, false, false, NULL, "only what no other folder brought"},
    {"ignore-quota", ARGUMENT_FLAG, false, false, NULL, "also beyond the account's quota"},
    {0},
};

const struct admin_command admin_import_add = {
    .name = "import.add", .run = run_add, .arguments = add_arguments, INNER("add an import's messages")};

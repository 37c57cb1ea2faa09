#include "store/share.h"

#include "store/share_row.h"

static const struct {
    char letter;
    unsigned bit;
} letters[] = {
#define X(name, letter, bit) {letter, bit},
    RIGHT_TABLE(X)
#undef X
};

bool rights_parse(struct slice text, unsigned *ret_rights, char *ret_unknown)
{
    unsigned rights = 0;
    for (size_t i = 0; i < text.n; i++) {
        unsigned bits = 0;
        for (size_t k = 0; k < ARRAY_LEN(letters); k++)
            if (letters[k].letter == text.p[i])
                bits = letters[k].bit;
        if (text.p[i] == 'c')
            bits = RIGHTS_OLD_CREATE;
        else if (text.p[i] == 'd')
            bits = RIGHTS_OLD_DELETE;
        if (bits == 0) {
            *ret_unknown = text.p[i];
            return false;
        }
        rights |= bits;
    }
    *ret_rights = rights;
    return true;
}

void rights_put(struct buf *out, unsigned rights, bool old)
{
    for (size_t i = 0; i < ARRAY_LEN(letters); i++)
        if ((rights & letters[i].bit) != 0)
            buf_putc(out, letters[i].letter);
    if (old && (rights & RIGHTS_OLD_CREATE) != 0)
        buf_putc(out, 'c');
    if (old && (rights & RIGHTS_OLD_DELETE) != 0)
        buf_putc(out, 'd');
}

struct flagset rights_flags(unsigned rights)
{
    struct flagset flags = {{0}};
    if ((rights & RIGHT_WRITE) != 0) {
        flags = FLAGS_ALL;
        flag_clear(&flags, FLAG_SEEN);
        flag_clear(&flags, FLAG_DELETED);
    }
    if ((rights & RIGHT_SEEN) != 0)
        flag_set(&flags, FLAG_SEEN);
    if ((rights & RIGHT_TRASH) != 0)
        flag_set(&flags, FLAG_DELETED);
    return flags;
}

/* Letters of another program count as far as they are known. */
static unsigned column_rights(sqlite3_stmt *statement, int at)
{
    struct slice text = db_column(statement, at);
    unsigned rights = 0;
    for (size_t i = 0; i < text.n; i++) {
        unsigned one;
        char unknown;
        if (rights_parse(slice_sub(text, i, 1), &one, &unknown))
            rights |= one;
    }
    return rights;
}

/* --- reading --- */

/* Calls each for every entry of the folder (0: of all), by folder and grantee. account->mutex held. */
typedef enum err entry_fn(void *context, struct folder_id folder, const struct share_entry *entry,
                          struct error *error);

static enum err entries_each(struct account *account, struct folder_id folder, entry_fn *each, void *context,
                             struct error *error)
{
    CLEANUP(db_reset) sqlite3_stmt *statement = NULL;
    enum err err =
        db_statement(account, folder.v != 0 ? STATEMENT_SHARE_LIST : STATEMENT_SHARE_ALL, &statement, error);
    if (err == ERR_OK && folder.v != 0)
        sqlite3_bind_int64(statement, 1, (int64_t)folder.v);
    while (err == ERR_OK) {
        bool row;
        err = db_step(account, statement, &row, error);
        if (err != ERR_OK || !row)
            break;
        const struct share_entry entry = {db_column(statement, 1), column_rights(statement, 2)};
        err = each(context, (struct folder_id){(uint64_t)sqlite3_column_int64(statement, 0)}, &entry, error);
    }
    return err;
}

static enum err entries_read(struct account *account, struct folder_id folder, entry_fn *each, void *context,
                             struct error *error)
{
    enum err err = account_lock(account, error);
    if (err != ERR_OK)
        return err;
    err = entries_each(account, folder, each, context, error);
    account_unlock(account);
    return err;
}

struct gathering {
    struct arena *arena;
    struct share_entry *entries;
    size_t count;
    size_t cap;
};

static enum err gather(void *context, struct folder_id folder, const struct share_entry *entry,
                       struct error *error)
{
    struct gathering *gathering = context;
    (void)folder;
    if (gathering->count == gathering->cap) {
        size_t cap = MAX(gathering->cap * 2, 8);
        struct share_entry *more = arena_array(gathering->arena, cap, sizeof(*more));
        if (more == NULL)
            return fail_nomem(error);
        if (gathering->count > 0)
            memcpy(more, gathering->entries, gathering->count * sizeof(*more));
        gathering->entries = more;
        gathering->cap = cap;
    }
    struct slice grantee = arena_dup(gathering->arena, entry->grantee);
    if (grantee.p == NULL)
        return fail_nomem(error);
    gathering->entries[gathering->count++] = (struct share_entry){grantee, entry->rights};
    return ERR_OK;
}

enum err share_list(struct account *account, struct folder_id folder, struct arena *arena,
                    struct share_entry **ret_entries, size_t *ret_count, struct error *error)
{
    struct gathering gathering = {.arena = arena};
    enum err err = entries_read(account, folder, gather, &gathering, error);
    if (err != ERR_OK)
        return err;
    *ret_entries = gathering.entries;
    *ret_count = gathering.count;
    return ERR_OK;
}

/* --- a person's rights --- */

struct weighing {
    const struct slice *grantees;
    size_t count;
    struct folder_id folder; /* that is weighed now */
    unsigned given, taken;
    struct share_folder **by_id; /* all, when not only one is weighed */
    size_t folder_count;
};

static bool means(const struct weighing *weighing, struct slice grantee)
{
    for (size_t i = 0; i < weighing->count; i++)
        if (slice_eq(weighing->grantees[i], grantee))
            return true;
    return false;
}

static void weigh_one(struct weighing *weighing, const struct share_entry *entry)
{
    bool takes = slice_starts(entry->grantee, S("-"));
    if (!means(weighing, takes ? slice_from(entry->grantee, 1) : entry->grantee))
        return;
    if (takes)
        weighing->taken |= entry->rights;
    else
        weighing->given |= entry->rights;
}

static enum err weigh(void *context, struct folder_id folder, const struct share_entry *entry,
                      struct error *error)
{
    (void)folder;
    (void)error;
    weigh_one(context, entry);
    return ERR_OK;
}

enum err share_rights(struct account *account, struct folder_id folder, const struct slice *grantees,
                      size_t count, unsigned *ret_rights, struct error *error)
{
    struct weighing weighing = {.grantees = grantees, .count = count};
    enum err err = entries_read(account, folder, weigh, &weighing, error);
    if (err == ERR_OK)
        *ret_rights = weighing.given & ~weighing.taken;
    return err;
}

static int by_folder_id(const void *a, const void *b)
{
    uint64_t left = (*(struct share_folder *const *)a)->folder.id.v;
    uint64_t right = (*(struct share_folder *const *)b)->folder.id.v;
    return (left > right) - (left < right);
}

static int to_folder_id(const void *key, const void *element)
{
    uint64_t left = *(const uint64_t *)key;
    uint64_t right = (*(struct share_folder *const *)element)->folder.id.v;
    return (left > right) - (left < right);
}

/* What was weighed goes to its folder, if that was there when all were listed. */
static void weighed(struct weighing *weighing)
{
    struct share_folder **found = bsearch(&weighing->folder.v, weighing->by_id, weighing->folder_count,
                                          sizeof(*weighing->by_id), to_folder_id);
    if (found != NULL)
        (*found)->rights = weighing->given & ~weighing->taken;
    weighing->given = weighing->taken = 0;
}

static enum err weigh_all(void *context, struct folder_id folder, const struct share_entry *entry,
                          struct error *error)
{
    struct weighing *weighing = context;
    (void)error;
    if (folder.v != weighing->folder.v) {
        weighed(weighing);
        weighing->folder = folder;
    }
    weigh_one(weighing, entry);
    return ERR_OK;
}

enum err share_folders(struct account *account, const struct slice *grantees, size_t count,
                       struct arena *arena, struct share_folder **ret_folders, size_t *ret_count,
                       struct error *error)
{
    struct folder *all;
    struct weighing weighing = {.grantees = grantees, .count = count};
    enum err err = folder_list(account, arena, &all, &weighing.folder_count, error);
    if (err != ERR_OK)
        return err;
    struct share_folder *folders = arena_array(arena, weighing.folder_count + 1, sizeof(*folders));
    weighing.by_id = arena_array(arena, weighing.folder_count + 1, sizeof(*weighing.by_id));
    if (folders == NULL || weighing.by_id == NULL)
        return fail_nomem(error);
    for (size_t i = 0; i < weighing.folder_count; i++) {
        folders[i].folder = all[i];
        weighing.by_id[i] = &folders[i];
    }
    qsort(weighing.by_id, weighing.folder_count, sizeof(*weighing.by_id), by_folder_id);
    err = entries_read(account, (struct folder_id){0}, weigh_all, &weighing, error);
    if (err != ERR_OK)
        return err;
    weighed(&weighing);
    size_t kept = 0;
    for (size_t i = 0; i < weighing.folder_count; i++)
        if (folders[i].rights != 0)
            folders[kept++] = folders[i];
    *ret_folders = folders;
    *ret_count = kept;
    return ERR_OK;
}

static enum err grantees_locked(struct account *account, struct gathering *gathering, struct error *error)
{
    CLEANUP(db_reset) sqlite3_stmt *statement = NULL;
    enum err err = db_statement(account, STATEMENT_SHARE_GRANTEES, &statement, error);
    while (err == ERR_OK) {
        bool row;
        err = db_step(account, statement, &row, error);
        if (err != ERR_OK || !row)
            break;
        const struct share_entry entry = {.grantee = db_column(statement, 0)};
        err = gather(gathering, (struct folder_id){0}, &entry, error);
    }
    return err;
}

enum err share_grantees(struct account *account, struct arena *arena, struct slice **ret_grantees,
                        size_t *ret_count, struct error *error)
{
    struct gathering gathering = {.arena = arena};
    enum err err = account_lock(account, error);
    if (err != ERR_OK)
        return err;
    err = grantees_locked(account, &gathering, error);
    account_unlock(account);
    if (err != ERR_OK)
        return err;
    struct slice *grantees = arena_array(arena, gathering.count + 1, sizeof(*grantees));
    if (grantees == NULL)
        return fail_nomem(error);
    for (size_t i = 0; i < gathering.count; i++)
        grantees[i] = gathering.entries[i].grantee;
    *ret_grantees = grantees;
    *ret_count = gathering.count;
    return ERR_OK;
}

uint64_t share_generation(const struct account *account)
{
    return atomic_load(&account->share_generation);
}

/* --- changing --- */

enum err share_inherit(struct work *work, struct folder_id folder, struct folder_id parent,
                       struct error *error)
{
    if (parent.v == 0)
        return ERR_OK;
    atomic_fetch_add(&work->account->share_generation, 1);
    return DB_RUN(work->account, SHARE_INHERIT, error, (int64_t)folder.v, (int64_t)parent.v);
}

enum err share_drop(struct work *work, struct folder_id folder, struct error *error)
{
    atomic_fetch_add(&work->account->share_generation, 1);
    return DB_RUN(work->account, SHARE_DROP, error, (int64_t)folder.v);
}

/* What the list says of one grantee, and how long it is. */
struct looking {
    struct slice grantee;
    unsigned rights;
    size_t count;
};

static enum err look(void *context, struct folder_id folder, const struct share_entry *entry,
                     struct error *error)
{
    struct looking *looking = context;
    (void)folder;
    (void)error;
    looking->count++;
    if (slice_eq(entry->grantee, looking->grantee))
        looking->rights = entry->rights;
    return ERR_OK;
}

static enum err entry_write(struct account *account, struct folder_id folder, struct slice grantee,
                            unsigned rights, struct error *error)
{
    sqlite3_stmt *statement;
    CLEANUP(buf_release) struct buf text = BUF(ARRAY_LEN(letters));
    enum err err =
        db_statement(account, rights != 0 ? STATEMENT_SHARE_SET : STATEMENT_SHARE_REMOVE, &statement, error);
    if (err != ERR_OK)
        return err;
    rights_put(&text, rights, false);
    if (buf_failed(&text))
        return fail_nomem(error);
    sqlite3_bind_int64(statement, 1, (int64_t)folder.v);
    db_bind_text(statement, 2, grantee);
    if (rights != 0)
        db_bind_text(statement, 3, buf_slice(&text));
    return db_finish(account, statement, error);
}

static unsigned changed_rights(unsigned old, enum share_how how, unsigned by)
{
    if (how == SHARE_ADD)
        return old | by;
    return how == SHARE_REMOVE ? old & ~by : by;
}

enum err share_change(struct account *account, struct folder_id folder, struct slice grantee,
                      enum share_how how, unsigned rights, struct error *error)
{
    CLEANUP(work_end) struct work work = {0};
    struct touched *touched;
    struct looking looking = {.grantee = grantee};
    if (grantee.n == 0 || grantee.n > SHARE_GRANTEE_MAX)
        return fail_plain(error, ERR_INVALID, "nobody has such a name");
    enum err err = work_begin(&work, account, error);
    if (err == ERR_OK)
        err = work_folder(&work, folder, &touched, error);
    if (err == ERR_OK)
        err = entries_each(account, folder, look, &looking, error);
    if (err != ERR_OK)
        return err;
    unsigned now = changed_rights(looking.rights, how, rights);
    if (now == looking.rights)
        return ERR_OK;
    if (looking.rights == 0 && looking.count >= SHARE_ENTRIES_MAX)
        return fail_plain(error, ERR_LIMIT, "A folder can be shared with %d others", SHARE_ENTRIES_MAX);
    err = entry_write(account, folder, grantee, now, error);
    if (err != ERR_OK)
        return err;
    touched->changed = true;
    /* Before the commit tells the views: who hears of it must see that something has changed. */
    atomic_fetch_add(&account->share_generation, 1);
    return work_commit(&work, error);
}

#include "store/folder.h"

#include "base/must.h"
#include "store/folder_row.h"

const char *folder_role_attribute(enum folder_role role)
{
    static const char *const attributes[] = {
#define X(name, word, attribute, text) attribute,
        FOLDER_ROLE_TABLE(X)
#undef X
    };
    return attributes[role];
}

enum folder_role folder_role_by_attribute(struct slice attribute)
{
    for (enum folder_role role = ROLE_FOLDER_SENT; role <= ROLE_FOLDER_ARCHIVE; role++)
        if (slice_eq_nocase(attribute, slice_cstr(folder_role_attribute(role))))
            return role;
    return ROLE_FOLDER_NONE;
}

bool folder_id_parse(struct slice text, struct folder_id *ret)
{
    static const char digits[] = "0123456789abcdef";
    uint64_t value = 0;
    if (text.n < 2 || text.n > 17 || text.p[0] != 'F')
        return false;
    for (size_t i = 1; i < text.n; i++) {
        const char *digit = memchr(digits, text.p[i], sizeof(digits) - 1);
        if (digit == NULL)
            return false;
        value = value << 4 | (uint64_t)(digit - digits);
    }
    ret->v = value;
    return true;
}

/* Columns `at` on, in FOLDER_COLUMN_TABLE's order. */
static void from_columns(sqlite3_stmt *statement, int at, struct folder *folder)
{
    struct folder_row row;
#define X(name) row.name = sqlite3_column_int64(statement, at++);
    FOLDER_COLUMN_TABLE(X)
#undef X
    folder->parent.v = (uint64_t)row.parent;
    folder->class = (enum folder_class)row.class;
    folder->role = (enum folder_role)row.role;
    folder->selectable = row.selectable != 0;
    folder->uidvalidity = (uint32_t)row.uidvalidity;
    folder->uidnext = (uint32_t)row.uidnext;
    folder->messages = (uint32_t)row.messages;
    folder->unseen = (uint32_t)row.unseen;
    folder->deleted = (uint32_t)row.deleted;
    folder->recent = (uint32_t)row.recent;
    folder->bytes = (uint64_t)row.bytes;
    folder->deleted_bytes = (uint64_t)row.deleted_bytes;
    folder->changed.v = (uint64_t)MAX(row.changed, 1);
    folder->seen_apart = row.seen_apart != 0;
}

/* --- all of them --- */

struct listing {
    struct folder *folders; /* by id; path is only the last part until paths_make */
    size_t count;
};

static enum err listing_read(struct account *account, struct arena *arena, struct listing *listing,
                             struct error *error)
{
    bool found;
    int64_t count = 0;
    enum err err = db_number(account, STATEMENT_FOLDER_COUNT, NULL, 0, &found, &count, error);
    if (err != ERR_OK)
        return err;
    listing->folders = arena_array(arena, (size_t)count + 1, sizeof(struct folder));
    if (listing->folders == NULL)
        return fail_nomem(error);
    CLEANUP(db_reset) sqlite3_stmt *statement = NULL;
    err = db_statement(account, STATEMENT_FOLDER_ALL, &statement, error);
    while (err == ERR_OK) {
        bool row;
        err = db_step(account, statement, &row, error);
        if (err != ERR_OK || !row)
            break;
        must(listing->count < (size_t)count);
        struct folder *folder = &listing->folders[listing->count++];
        folder->id.v = (uint64_t)sqlite3_column_int64(statement, 0);
        folder->path = arena_dup(arena, db_column(statement, 1));
        from_columns(statement, 2, folder);
        if (folder->path.p == NULL)
            return fail_nomem(error);
    }
    return err;
}

static struct folder *by_id(const struct listing *listing, struct folder_id id)
{
    size_t low = 0;
    size_t high = listing->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (listing->folders[middle].id.v < id.v)
            low = middle + 1;
        else
            high = middle;
    }
    return low < listing->count && listing->folders[low].id.v == id.v ? &listing->folders[low] : NULL;
}

/* Puts the names of the folders above before a folder's own. */
static enum err path_make(const struct listing *listing, const struct slice *names, size_t at,
                          struct arena *arena, struct error *error)
{
    struct folder *folder = &listing->folders[at];
    size_t line[FOLDER_DEPTH_MAX];
    size_t depth = 0;
    size_t n = 0;
    for (struct folder *up = folder; up != NULL; up = by_id(listing, up->parent)) {
        if (depth == FOLDER_DEPTH_MAX)
            return fail(error, ERR_CORRUPT, NULL, "folder %llu: its parents form a ring",
                        (unsigned long long)folder->id.v);
        line[depth] = (size_t)(up - listing->folders);
        n += names[line[depth++]].n + 1;
    }
    char *text = arena_alloc(arena, n + 1);
    if (text == NULL)
        return fail_nomem(error);
    folder->path = slice_of(text, n - 1);
    while (depth > 0) {
        struct slice name = names[line[--depth]];
        memcpy(text, name.p, name.n);
        text += name.n;
        *text++ = depth > 0 ? '/' : 0;
    }
    return ERR_OK;
}

/* INBOX first, then bytewise, with '/' before every other byte so that children follow their parent. */
static int by_path(const void *a, const void *b)
{
    const struct folder *x = a;
    const struct folder *y = b;
    if ((x->role == ROLE_FOLDER_INBOX) != (y->role == ROLE_FOLDER_INBOX))
        return x->role == ROLE_FOLDER_INBOX ? -1 : 1;
    size_t n = MIN(x->path.n, y->path.n);
    for (size_t i = 0; i < n; i++) {
        int left = x->path.p[i] == '/' ? 0 : (unsigned char)x->path.p[i];
        int right = y->path.p[i] == '/' ? 0 : (unsigned char)y->path.p[i];
        if (left != right)
            return left - right;
    }
    return x->path.n < y->path.n ? -1 : x->path.n > y->path.n;
}

static enum err paths_make(const struct listing *listing, struct arena *arena, struct error *error)
{
    struct slice *names = arena_array(arena, listing->count + 1, sizeof(*names));
    if (names == NULL)
        return fail_nomem(error);
    for (size_t i = 0; i < listing->count; i++)
        names[i] = listing->folders[i].path;
    for (size_t i = 0; i < listing->count; i++) {
        enum err err = path_make(listing, names, i, arena, error);
        if (err != ERR_OK)
            return err;
        struct folder *parent = by_id(listing, listing->folders[i].parent);
        if (parent != NULL)
            parent->has_children = true;
    }
    return ERR_OK;
}

static enum err is_subscribed(struct account *account, struct slice path, bool *ret_subscribed,
                              struct error *error)
{
    CLEANUP(db_reset) sqlite3_stmt *statement = NULL;
    enum err err = db_statement(account, STATEMENT_SUBSCRIBED, &statement, error);
    if (err != ERR_OK)
        return err;
    db_bind_text(statement, 1, path);
    return db_step(account, statement, ret_subscribed, error);
}

static enum err list_locked(struct account *account, struct arena *arena, struct listing *listing,
                            struct error *error)
{
    enum err err = listing_read(account, arena, listing, error);
    if (err == ERR_OK)
        err = paths_make(listing, arena, error);
    for (size_t i = 0; err == ERR_OK && i < listing->count; i++)
        err = is_subscribed(account, listing->folders[i].path, &listing->folders[i].subscribed, error);
    return err;
}

enum err folder_list(struct account *account, struct arena *arena, struct folder **ret_folders,
                     size_t *ret_count, struct error *error)
{
    enum err err = account_lock(account, error);
    if (err != ERR_OK)
        return err;
    struct listing listing = {0};
    err = list_locked(account, arena, &listing, error);
    account_unlock(account);
    if (err != ERR_OK)
        return err;
    qsort(listing.folders, listing.count, sizeof(struct folder), by_path);
    *ret_folders = listing.folders;
    *ret_count = listing.count;
    return ERR_OK;
}

/* --- one of them --- */

enum err folder_child(struct account *account, struct folder_id parent, struct slice name, bool *ret_found,
                      struct folder_id *ret_id, struct error *error)
{
    CLEANUP(db_reset) sqlite3_stmt *statement = NULL;
    enum err err = db_statement(account, STATEMENT_FOLDER_CHILD, &statement, error);
    if (err != ERR_OK)
        return err;
    sqlite3_bind_int64(statement, 1, (int64_t)parent.v);
    db_bind_text(statement, 2, name);
    err = db_step(account, statement, ret_found, error);
    if (err == ERR_OK && *ret_found)
        ret_id->v = (uint64_t)sqlite3_column_int64(statement, 0);
    return err;
}

enum err folder_lookup(struct account *account, const struct folder_path *path, bool *ret_found,
                       struct folder_id *ret_id, struct error *error)
{
    struct folder_id id = {0};
    bool found = true;
    for (size_t i = 0; found && i < path->depth; i++) {
        enum err err = folder_child(account, id, path->parts[i], &found, &id, error);
        if (err != ERR_OK)
            return err;
    }
    *ret_found = found;
    *ret_id = id;
    return ERR_OK;
}

/* The row without its path; *ret_name lives in the arena. */
static enum err read_row(struct account *account, struct folder_id id, struct arena *arena,
                         struct folder *ret_folder, struct slice *ret_name, struct error *error)
{
    CLEANUP(db_reset) sqlite3_stmt *statement = NULL;
    enum err err = db_statement(account, STATEMENT_FOLDER_READ, &statement, error);
    if (err != ERR_OK)
        return err;
    sqlite3_bind_int64(statement, 1, (int64_t)id.v);
    bool row;
    err = db_step(account, statement, &row, error);
    if (err != ERR_OK)
        return err;
    if (!row)
        return fail(error, ERR_NOT_FOUND, "No such folder", "folder %llu", (unsigned long long)id.v);
    *ret_folder = (struct folder){.id = id};
    from_columns(statement, 0, ret_folder);
#define X(name) +1
    *ret_name = arena_dup(arena, db_column(statement, FOLDER_COLUMN_TABLE(X)));
#undef X
    return ret_name->p == NULL ? fail_nomem(error) : ERR_OK;
}

static enum err get_locked(struct account *account, struct folder_id id, struct arena *arena,
                           struct folder *ret_folder, struct error *error)
{
    struct slice path;
    enum err err = read_row(account, id, arena, ret_folder, &path, error);
    struct folder_id parent = ret_folder->parent;
    for (unsigned depth = 1; err == ERR_OK && parent.v != 0; depth++) {
        struct folder above;
        struct slice name;
        err = read_row(account, parent, arena, &above, &name, error);
        if (err != ERR_OK)
            break;
        if (depth == FOLDER_DEPTH_MAX)
            return fail(error, ERR_CORRUPT, NULL, "folder %llu: its parents form a ring",
                        (unsigned long long)id.v);
        char *joined = arena_alloc(arena, name.n + 1 + path.n + 1);
        if (joined == NULL)
            return fail_nomem(error);
        memcpy(joined, name.p, name.n);
        joined[name.n] = '/';
        memcpy(joined + name.n + 1, path.p, path.n);
        path = slice_of(joined, name.n + 1 + path.n);
        parent = above.parent;
    }
    if (err != ERR_OK)
        return err;
    ret_folder->path = path;
    int64_t ignored;
    err = DB_NUMBER(account, FOLDER_HAS_CHILDREN, &ret_folder->has_children, &ignored, error, (int64_t)id.v);
    return err == ERR_OK ? is_subscribed(account, path, &ret_folder->subscribed, error) : err;
}

enum err folder_get(struct account *account, struct folder_id id, struct arena *arena,
                    struct folder *ret_folder, struct error *error)
{
    struct folder folder = {0};
    enum err err = account_lock(account, error);
    if (err != ERR_OK)
        return err;
    err = get_locked(account, id, arena, &folder, error);
    account_unlock(account);
    if (err == ERR_OK)
        *ret_folder = folder;
    return err;
}

static enum err not_found(struct slice path, struct error *error)
{
    return fail(error, ERR_NOT_FOUND, "No such folder", "folder \"%.*s\"", SLICE_ARGS(path));
}

enum err folder_find(struct account *account, struct slice path, struct arena *arena,
                     struct folder *ret_folder, struct error *error)
{
    struct folder_path parsed;
    enum err err = folder_path_parse(path, &parsed, error);
    if (err == ERR_INVALID || err == ERR_LIMIT)
        return not_found(path, error); /* a name that can't be is not there */
    if (err == ERR_OK)
        err = account_lock(account, error);
    if (err != ERR_OK)
        return err;
    bool found;
    struct folder_id id;
    struct folder folder = {0};
    err = folder_lookup(account, &parsed, &found, &id, error);
    if (err == ERR_OK)
        err = found ? get_locked(account, id, arena, &folder, error) : not_found(path, error);
    account_unlock(account);
    if (err == ERR_OK)
        *ret_folder = folder;
    return err;
}

enum err folder_by_role(struct account *account, enum folder_role role, struct arena *arena,
                        struct folder *ret_folder, struct error *error)
{
    enum err err = account_lock(account, error);
    if (err != ERR_OK)
        return err;
    bool found;
    int64_t id;
    struct folder folder = {0};
    err = DB_NUMBER(account, FOLDER_BY_ROLE, &found, &id, error, role);
    if (err == ERR_OK && !found)
        err = fail(error, ERR_NOT_FOUND, "No such folder", "no folder has the role %d", (int)role);
    if (err == ERR_OK)
        err = get_locked(account, (struct folder_id){(uint64_t)id}, arena, &folder, error);
    account_unlock(account);
    if (err == ERR_OK)
        *ret_folder = folder;
    return err;
}

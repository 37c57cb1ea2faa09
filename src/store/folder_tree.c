#include "base/clock.h"
#include "store/annotation_row.h"
#include "store/folder_row.h"
#include "store/member.h"
#include "store/share_row.h"

/* Never written to: a set owns its ranges, so the member can't be const. */
#define ALL_UIDS (&(struct uid_set){.ranges = &(struct uid_range){1, UINT32_MAX}, .count = 1})

int64_t folder_new_uidvalidity(struct work *work)
{
    struct account_meta *meta = &work->account->meta;
    meta->last_uidvalidity = MAX(meta->last_uidvalidity + 1, work->now_us / CLOCK_SECOND);
    return meta->last_uidvalidity;
}

/* --- making --- */

static enum err check_room(struct account *account, struct error *error)
{
    bool found;
    int64_t count = 0;
    enum err err = db_number(account, STATEMENT_FOLDER_COUNT, NULL, 0, &found, &count, error);
    if (err == ERR_OK && count >= FOLDERS_MAX)
        return fail_plain(error, ERR_LIMIT, "An account may have %d folders", FOLDERS_MAX);
    return err;
}

static enum err check_role(struct account *account, enum folder_role role, struct error *error)
{
    bool found;
    int64_t other;
    enum err err = DB_NUMBER(account, FOLDER_BY_ROLE, &found, &other, error, role);
    if (err == ERR_OK && found)
        return fail(error, ERR_EXISTS, "Another folder has this use already", "role %d", (int)role);
    return err;
}

static enum err set_name(struct account *account, enum statement which, struct folder_id id,
                         struct slice name, struct error *error)
{
    sqlite3_stmt *statement;
    enum err err = db_statement(account, which, &statement, error);
    if (err != ERR_OK)
        return err;
    sqlite3_bind_int64(statement, 1, (int64_t)id.v);
    db_bind_text(statement, 2, name);
    return db_finish(account, statement, error);
}

enum err folder_make(struct work *work, struct folder_id parent, struct slice name, enum folder_class class,
                     enum folder_role role, struct touched **ret_touched, struct error *error)
{
    struct account *account = work->account;
    struct folder_id id = {(uint64_t)account->meta.next_folder};
    enum err err = check_room(account, error);
    if (err == ERR_OK)
        err = check_role(account, role, error);
    if (err == ERR_OK)
        err = set_name(account, STATEMENT_FOLDER_INSERT, id, name, error);
    if (err == ERR_OK)
        err = share_inherit(work, id, parent, error);
    if (err == ERR_OK)
        err = work_folder(work, id, ret_touched, error);
    if (err != ERR_OK)
        return err;
    account->meta.next_folder++;
    (*ret_touched)->made = true;
    (*ret_touched)->row.parent = (int64_t)parent.v;
    (*ret_touched)->row.class = class;
    (*ret_touched)->row.role = role;
    (*ret_touched)->row.uidvalidity = folder_new_uidvalidity(work);
    /* Written at once: what follows in this transaction looks it up by parent and role. */
    return work_folder_write(work, *ret_touched, error);
}

static enum err subscribe(struct account *account, struct slice path, bool subscribed, struct error *error)
{
    sqlite3_stmt *statement;
    enum err err =
        db_statement(account, subscribed ? STATEMENT_SUBSCRIBE : STATEMENT_UNSUBSCRIBE, &statement, error);
    if (err != ERR_OK)
        return err;
    db_bind_text(statement, 1, path);
    return db_finish(account, statement, error);
}

enum err folder_make_standard(struct account *account, struct error *error)
{
    static const struct slice names[] = {
#define X(name, word, attribute, text) {text, sizeof(text) - 1},
        FOLDER_ROLE_TABLE(X)
#undef X
    };
    CLEANUP(work_end) struct work work = {0};
    enum err err = work_begin(&work, account, error);
    for (size_t i = ROLE_FOLDER_INBOX; err == ERR_OK && i < ARRAY_LEN(names); i++) {
        struct touched *ignored;
        err = folder_make(&work, (struct folder_id){0}, names[i], FOLDER_MAIL, (enum folder_role)i, &ignored,
                          error);
        if (err == ERR_OK)
            err = subscribe(account, names[i], true, error);
    }
    return err == ERR_OK ? work_commit(&work, error) : err;
}

/* Makes the folders above the path's last part that are missing. */
static enum err make_parents(struct work *work, const struct folder_path *path, enum folder_class class,
                             struct folder_id *ret_parent, struct error *error)
{
    struct folder_id parent = {0};
    for (size_t i = 0; i + 1 < path->depth; i++) {
        bool found;
        struct folder_id id = {0};
        enum err err = folder_child(work->account, parent, path->parts[i], &found, &id, error);
        if (err == ERR_OK && !found) {
            struct touched *made;
            err = folder_make(work, parent, path->parts[i], class, ROLE_FOLDER_NONE, &made, error);
            if (err == ERR_OK)
                id = made->id;
        }
        if (err != ERR_OK)
            return err;
        parent = id;
    }
    *ret_parent = parent;
    return ERR_OK;
}

static enum err exists(const struct folder_path *path, struct error *error)
{
    return fail(error, ERR_EXISTS, "The folder exists already", "folder \"%s\"", path->text);
}

/* A name that was left in the tree becomes a mailbox again, a new one. */
static enum err revive(struct work *work, struct folder_id id, enum folder_class class, enum folder_role role,
                       struct error *error)
{
    struct touched *touched;
    enum err err = work_folder(work, id, &touched, error);
    if (err == ERR_OK)
        err = check_role(work->account, role, error);
    if (err == ERR_OK)
        err = share_inherit(work, id, (struct folder_id){(uint64_t)touched->row.parent}, error);
    if (err != ERR_OK)
        return err;
    touched->row.selectable = 1;
    touched->row.class = class;
    touched->row.role = role;
    touched->row.uidvalidity = folder_new_uidvalidity(work);
    touched->changed = true;
    return ERR_OK;
}

/* Makes it, or a mailbox again of what was left as a name. *ret_made false: it is one already. */
static enum err ensure(struct work *work, const struct folder_path *path, enum folder_class class,
                       enum folder_role role, bool *ret_made, struct folder_id *ret_id, struct error *error)
{
    bool found;
    struct folder_id parent;
    struct touched *touched;
    enum err err = folder_lookup(work->account, path, &found, ret_id, error);
    *ret_made = true;
    if (err == ERR_OK && found) {
        err = work_folder(work, *ret_id, &touched, error);
        *ret_made = err == ERR_OK && !touched->row.selectable;
        return *ret_made ? revive(work, *ret_id, class, role, error) : err;
    }
    if (err == ERR_OK)
        err = make_parents(work, path, class, &parent, error);
    if (err == ERR_OK)
        err = folder_make(work, parent, folder_path_leaf(path), class, role, &touched, error);
    if (err == ERR_OK)
        *ret_id = touched->id;
    return err;
}

enum err folder_create(struct account *account, struct slice path, enum folder_class class,
                       enum folder_role role, struct folder_id *ret_id, struct error *error)
{
    struct folder_path parsed;
    CLEANUP(work_end) struct work work = {0};
    bool made = true;
    struct folder_id id;
    enum err err = folder_path_parse(path, &parsed, error);
    if (err == ERR_OK)
        err = work_begin(&work, account, error);
    if (err == ERR_OK)
        err = ensure(&work, &parsed, class, role, &made, &id, error);
    if (err == ERR_OK && !made)
        err = exists(&parsed, error);
    if (err == ERR_OK)
        err = work_commit(&work, error);
    if (err == ERR_OK)
        *ret_id = id;
    return err;
}

enum err folder_ensure(struct work *work, const struct folder_path *path, struct folder_id *ret_id,
                       struct error *error)
{
    bool made;
    return ensure(work, path, FOLDER_MAIL, ROLE_FOLDER_NONE, &made, ret_id, error);
}

/* --- renaming --- */

struct rename {
    struct work *work;
    struct folder_path from, to;
    struct folder_id id;
};

/* How much deeper and longer than its own path the folder's subtree gets. */
struct extent {
    size_t depth;
    size_t bytes;
};

static enum err subtree_extent(struct account *account, struct folder_id id, struct extent *ret_extent,
                               struct error *error)
{
    CLEANUP(db_reset) sqlite3_stmt *statement = NULL;
    enum err err = db_statement(account, STATEMENT_FOLDER_EXTENT, &statement, error);
    if (err != ERR_OK)
        return err;
    sqlite3_bind_int64(statement, 1, (int64_t)id.v);
    sqlite3_bind_int64(statement, 2, FOLDER_DEPTH_MAX);
    bool row;
    err = db_step(account, statement, &row, error);
    if (err != ERR_OK)
        return err;
    *ret_extent = (struct extent){(size_t)sqlite3_column_int64(statement, 0),
                                  (size_t)sqlite3_column_int64(statement, 1)};
    return ERR_OK;
}

static bool is_below(const struct folder_path *path, const struct folder_path *above)
{
    return path->n > above->n && memcmp(path->text, above->text, above->n) == 0 &&
           path->text[above->n] == '/';
}

static enum err rename_check(struct rename *rename, struct error *error)
{
    struct account *account = rename->work->account;
    bool found;
    struct folder_id other;
    enum err err = folder_lookup(account, &rename->from, &found, &rename->id, error);
    if (err == ERR_OK && !found)
        return fail(error, ERR_NOT_FOUND, "No such folder", "folder \"%s\"", rename->from.text);
    if (err == ERR_OK)
        err = folder_lookup(account, &rename->to, &found, &other, error);
    if (err == ERR_OK && found)
        return exists(&rename->to, error);
    if (err == ERR_OK && is_below(&rename->to, &rename->from) && !folder_path_is_inbox(&rename->from))
        return fail_plain(error, ERR_INVALID, "A folder can't be moved into itself");
    return err;
}

/* RFC 9051 6.3.6: INBOX's messages go to the new folder; INBOX stays, and what is below it. */
static enum err rename_inbox(struct rename *rename, struct folder_id parent, struct error *error)
{
    struct touched *inbox;
    struct touched *made;
    CLEANUP(uid_set_release) struct uid_set from = {0};
    CLEANUP(uid_set_release) struct uid_set to = {0};
    const struct copy_order order = {.move = true, .keep = FLAGS_ALL};
    enum err err = work_folder(rename->work, rename->id, &inbox, error);
    if (err == ERR_OK)
        err = folder_make(rename->work, parent, folder_path_leaf(&rename->to), FOLDER_MAIL, ROLE_FOLDER_NONE,
                          &made, error);
    if (err == ERR_OK)
        err = members_copy(rename->work, inbox, ALL_UIDS, made, &order, &from, &to, error);
    if (err == ERR_OK)
        err = annotations_copy(rename->work, inbox->id, made->id, error);
    if (err == ERR_OK)
        inbox->changed = true; /* so that the log tells this from a mere making */
    return err;
}

static enum err rename_tree(struct rename *rename, struct folder_id parent, struct error *error)
{
    struct account *account = rename->work->account;
    struct touched *touched;
    struct extent extent;
    enum err err = subtree_extent(account, rename->id, &extent, error);
    if (err != ERR_OK)
        return err;
    if (rename->to.depth + extent.depth > FOLDER_DEPTH_MAX || rename->to.n + extent.bytes > FOLDER_PATH_MAX)
        return fail_plain(error, ERR_LIMIT, "Folders below this one would be nested too deep");
    err = work_folder(rename->work, rename->id, &touched, error);
    if (err != ERR_OK)
        return err;
    touched->row.parent = (int64_t)parent.v;
    touched->changed = true;
    /* Name and parent one after the other could collide in between with a folder that stays: one statement.
     */
    CLEANUP(db_reset) sqlite3_stmt *statement = NULL;
    err = db_statement(account, STATEMENT_FOLDER_PLACE, &statement, error);
    if (err != ERR_OK)
        return err;
    sqlite3_bind_int64(statement, 1, (int64_t)rename->id.v);
    sqlite3_bind_int64(statement, 2, (int64_t)parent.v);
    db_bind_text(statement, 3, folder_path_leaf(&rename->to));
    return db_finish(account, statement, error);
}

enum err folder_rename(struct account *account, struct slice from, struct slice to, struct error *error)
{
    CLEANUP(work_end) struct work work = {0};
    struct rename rename = {.work = &work};
    struct folder_id parent;
    enum err err = folder_path_parse(from, &rename.from, error);
    if (err == ERR_OK)
        err = folder_path_parse(to, &rename.to, error);
    if (err == ERR_OK)
        err = work_begin(&work, account, error);
    if (err == ERR_OK)
        err = rename_check(&rename, error);
    if (err == ERR_OK)
        err = make_parents(&work, &rename.to, FOLDER_MAIL, &parent, error);
    if (err != ERR_OK)
        return err;
    err = folder_path_is_inbox(&rename.from) ? rename_inbox(&rename, parent, error)
                                             : rename_tree(&rename, parent, error);
    return err == ERR_OK ? work_commit(&work, error) : err;
}

/* --- deleting --- */

/* So that what was in it can be brought back there. */
static enum err grave_set(struct account *account, struct folder_id id, struct slice path,
                          struct error *error)
{
    sqlite3_stmt *statement;
    enum err err = db_statement(account, STATEMENT_GRAVE_SET, &statement, error);
    if (err != ERR_OK)
        return err;
    sqlite3_bind_int64(statement, 1, (int64_t)id.v);
    db_bind_text(statement, 2, path);
    return db_finish(account, statement, error);
}

static enum err delete_locked(struct work *work, struct folder_id id, struct slice path, struct error *error)
{
    struct touched *touched;
    bool has_children = false;
    int64_t ignored;
    enum err err = work_folder(work, id, &touched, error);
    if (err == ERR_OK)
        err = DB_NUMBER(work->account, FOLDER_HAS_CHILDREN, &has_children, &ignored, error, (int64_t)id.v);
    if (err == ERR_OK && has_children && !touched->row.selectable)
        return fail_plain(error, ERR_INVALID, "This name has folders below it");
    if (err == ERR_OK)
        err = members_expunge(work, touched, ALL_UIDS, false, error);
    if (err == ERR_OK)
        err = annotations_remove(work, id, error);
    if (err == ERR_OK)
        err = share_drop(work, id, error);
    if (err == ERR_OK)
        err = DB_RUN(work->account, ACCESS_KEY_DROP, error, (int64_t)id.v);
    if (err != ERR_OK)
        return err;
    touched->removed = true;
    touched->row.selectable = 0;
    touched->row.role = ROLE_FOLDER_NONE;
    if (has_children)
        return ERR_OK;
    touched->row_gone = true;
    err = grave_set(work->account, id, path, error);
    return err == ERR_OK ? DB_RUN(work->account, FOLDER_DELETE, error, (int64_t)id.v) : err;
}

enum err folder_delete(struct account *account, struct slice path, struct error *error)
{
    struct folder_path parsed;
    CLEANUP(work_end) struct work work = {0};
    bool found;
    struct folder_id id;
    enum err err = folder_path_parse(path, &parsed, error);
    if (err != ERR_OK)
        return err;
    if (folder_path_is_inbox(&parsed))
        return fail_plain(error, ERR_INVALID, "INBOX can't be deleted");
    err = work_begin(&work, account, error);
    if (err == ERR_OK)
        err = folder_lookup(account, &parsed, &found, &id, error);
    if (err == ERR_OK && !found)
        err = fail(error, ERR_NOT_FOUND, "No such folder", "folder \"%s\"", parsed.text);
    if (err == ERR_OK)
        err = delete_locked(&work, id, folder_path_text(&parsed), error);
    return err == ERR_OK ? work_commit(&work, error) : err;
}

/* --- subscriptions --- */

enum err folder_subscribe(struct account *account, struct slice path, bool subscribed, struct error *error)
{
    struct folder_path parsed;
    enum err err = folder_path_parse(path, &parsed, error);
    CLEANUP(work_end) struct work work = {0};
    if (err == ERR_OK)
        err = work_begin(&work, account, error);
    if (err == ERR_OK)
        err = subscribe(account, folder_path_text(&parsed), subscribed, error);
    if (err == ERR_OK && sqlite3_changes(account->database.sqlite) > 0)
        work_note(&work, (struct folder_id){0}, CHANGE_SUBSCRIPTION);
    return err == ERR_OK ? work_commit(&work, error) : err;
}

static enum err subscriptions_locked(struct account *account, struct arena *arena, struct slice **ret_paths,
                                     size_t *ret_count, struct error *error)
{
    CLEANUP(db_reset) sqlite3_stmt *statement = NULL;
    enum err err = db_statement(account, STATEMENT_SUBSCRIPTIONS, &statement, error);
    struct slice *paths = NULL;
    size_t count = 0;
    size_t cap = 0;
    while (err == ERR_OK) {
        bool row;
        err = db_step(account, statement, &row, error);
        if (err != ERR_OK || !row)
            break;
        if (count == cap) {
            cap = cap > 0 ? cap * 2 : 16;
            struct slice *more = arena_array(arena, cap, sizeof(*more));
            if (more == NULL)
                return fail_nomem(error);
            if (count > 0)
                memcpy(more, paths, count * sizeof(*more));
            paths = more;
        }
        paths[count] = arena_dup(arena, db_column(statement, 0));
        if (paths[count++].p == NULL)
            return fail_nomem(error);
    }
    *ret_paths = paths;
    *ret_count = count;
    return err;
}

enum err folder_subscriptions(struct account *account, struct arena *arena, struct slice **ret_paths,
                              size_t *ret_count, struct error *error)
{
    struct slice *paths = NULL;
    size_t count = 0;
    enum err err = account_lock(account, error);
    if (err != ERR_OK)
        return err;
    err = subscriptions_locked(account, arena, &paths, &count, error);
    account_unlock(account);
    if (err != ERR_OK)
        return err;
    *ret_paths = paths;
    *ret_count = count;
    return ERR_OK;
}

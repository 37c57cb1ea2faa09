#include "admin/admin.h"
#include "directory/share.h"
#include "store/seen.h"

#define OWNER_ARGUMENT                                                          \
    {                                                                           \
        "owner", ARGUMENT_TEXT, true, true, "NAME@DOMAIN", "whose folder it is" \
    }
#define FOLDER_ARGUMENT                                                                    \
    {                                                                                      \
        "folder", ARGUMENT_TEXT, true, true, "FOLDER", "its path, as in \"Projects/2026\"" \
    }
#define WHOM_ARGUMENT                                                                   \
    {                                                                                   \
        "whom", ARGUMENT_TEXT, true, true, "WHOM", "an account, a group, or \"anyone\"" \
    }

/* Rights that go together, by a word. */
static const struct {
    const char *name;
    unsigned rights;
} named[] = {
    {"read", RIGHT_LOOKUP | RIGHT_READ | RIGHT_SEEN},
    {"write",
     RIGHT_LOOKUP | RIGHT_READ | RIGHT_SEEN | RIGHT_WRITE | RIGHT_INSERT | RIGHT_TRASH | RIGHT_EXPUNGE},
    {"full", RIGHTS_ALL},
};

static enum err read_rights(struct slice text, unsigned *ret_rights, struct error *error)
{
    char unknown = 0;
    for (size_t i = 0; i < ARRAY_LEN(named); i++) {
        if (slice_eq_nocase(text, slice_cstr(named[i].name))) {
            *ret_rights = named[i].rights;
            return ERR_OK;
        }
    }
    if (text.n == 0 || !rights_parse(text, ret_rights, &unknown))
        return fail_plain(error, ERR_INVALID,
                          "\"%.*s\" are no rights; say read, write or full, or letters of lrswipkxtea",
                          SLICE_ARGS(slice_sub(text, 0, 40)));
    return ERR_OK;
}

/* The folder that the arguments name. */
struct target {
    struct account *account; /* a reference */
    struct account_entry owner;
    struct folder folder;
};

static void target_release(struct target *target)
{
    account_unref(target->account);
}

static enum err open_owner(struct admin_call *call, struct target *target, struct error *error)
{
    const struct admin_context *context = call->context;
    enum err e =
        account_entry_find(context->directory, call_text(call, "owner"), &call->arena, &target->owner, error);
    return e == ERR_OK ? store_account_ensure(context->store, target->owner.id, &target->account, error) : e;
}

static enum err open_target(struct admin_call *call, struct target *target, struct error *error)
{
    struct slice path = call_text(call, "folder");
    enum err e = open_owner(call, target, error);
    if (e == ERR_OK)
        e = folder_find(target->account, path, &call->arena, &target->folder, error);
    if (e == ERR_NOT_FOUND && target->account != NULL)
        return fail_plain(error, ERR_NOT_FOUND, "%.*s has no folder %.*s", SLICE_ARGS(target->owner.address),
                          SLICE_ARGS(path));
    return e;
}

static enum err change(struct admin_call *call, const struct target *target, unsigned rights,
                       struct error *error)
{
    struct directory *directory = call->context->directory;
    struct share_change change = {.folder = target->folder.id, .how = SHARE_REPLACE, .rights = rights};
    enum err e = share_grantee(directory, call_text(call, "whom"), &call->arena, &change.grantee, error);
    return e == ERR_OK ? share_set(directory, target->account, &change, error) : e;
}

static enum err add(struct admin_call *call, struct error *error)
{
    CLEANUP(target_release) struct target target = {.account = NULL};
    CLEANUP(buf_release) struct buf letters = BUF(100);
    unsigned rights = named[0].rights;
    struct slice text = call_text(call, "rights");
    enum err e = text.p != NULL ? read_rights(text, &rights, error) : ERR_OK;
    if (e == ERR_OK)
        e = open_target(call, &target, error);
    if (e == ERR_OK)
        e = change(call, &target, rights, error);
    rights_put(&letters, rights, false);
    if (e == ERR_OK)
        call_message(call, "%.*s may do %s in %.*s of %.*s", SLICE_ARGS(call_text(call, "whom")),
                     buf_cstr(&letters), SLICE_ARGS(target.folder.path), SLICE_ARGS(target.owner.address));
    return e;
}

static const struct admin_argument add_arguments[] = {
    OWNER_ARGUMENT,
    FOLDER_ARGUMENT,
    WHOM_ARGUMENT,
    {"rights", ARGUMENT_TEXT, false, false, "RIGHTS", "read (which is so without), write, full, or letters"},
    {0},
};

const struct admin_command admin_share_add = {
    .name = "share.add",
    .run = add,
    .arguments = add_arguments,
    .summary = "share a folder with somebody",
    .about =
        "WHOM sees the folder as \"Other Users/NAME@DOMAIN/FOLDER\" from now on. RIGHTS are those of RFC "
        "4314: "
        "l see the name, r read, s mark as read, w set other flags, i put messages in, p send to it, k make "
        "folders below, x delete the folder, t mark as deleted, e remove what is marked, a share it on. read "
        "is lrs, write is lrswite, full is all. What WHOM had before is replaced. Folders made below it "
        "later "
        "are shared likewise.",
    .example = "posthorn share add bob@example.org INBOX anna@example.org --rights write",
};

static enum err drop(struct admin_call *call, struct error *error)
{
    CLEANUP(target_release) struct target target = {.account = NULL};
    enum err e = open_target(call, &target, error);
    if (e == ERR_OK)
        e = change(call, &target, 0, error);
    if (e == ERR_OK)
        call_message(call, "%.*s of %.*s is not shared with %.*s", SLICE_ARGS(target.folder.path),
                     SLICE_ARGS(target.owner.address), SLICE_ARGS(call_text(call, "whom")));
    return e;
}

static const struct admin_argument remove_arguments[] = {OWNER_ARGUMENT, FOLDER_ARGUMENT, WHOM_ARGUMENT, {0}};

const struct admin_command admin_share_remove = {
    .name = "share.remove",
    .run = drop,
    .arguments = remove_arguments,
    .summary = "share a folder with somebody no longer",
    .about = "WHOM loses the rights that were given to WHOM itself; those of a group or of anyone stay. "
             "Sessions that "
             "have the folder open and may no longer read it end.",
    .example = "posthorn share remove bob@example.org INBOX anna@example.org",
};

static enum err list_folder(struct admin_call *call, const struct target *target, const struct folder *folder,
                            struct error *error)
{
    struct share_entry *entries;
    size_t count;
    enum err e = share_list(target->account, folder->id, &call->arena, &entries, &count, error);
    for (size_t i = 0; e == ERR_OK && i < count; i++) {
        CLEANUP(buf_release) struct buf letters = BUF(100);
        struct slice whom;
        e = share_identifier(call->context->directory, entries[i].grantee, &call->arena, &whom, error);
        if (e == ERR_NOT_FOUND) { /* gone from the directory */
            e = ERR_OK;
            continue;
        }
        rights_put(&letters, entries[i].rights, false);
        if (e == ERR_OK)
            e = call_row(call,
                         json_pack("{s:o,s:o,s:o}", "folder", json_text(folder->path), "whom",
                                   json_text(whom), "rights", json_text(buf_slice(&letters))),
                         error);
    }
    return e;
}

/* Looks at the index too, and puts it right. */
static enum err list(struct admin_call *call, struct error *error)
{
    CLEANUP(target_release) struct target target = {.account = NULL};
    struct folder *folders;
    size_t count;
    if (call_text(call, "folder").p != NULL) {
        enum err e = open_target(call, &target, error);
        return e == ERR_OK ? list_folder(call, &target, &target.folder, error) : e;
    }
    enum err e = open_owner(call, &target, error);
    if (e == ERR_OK)
        e = share_index_refresh(call->context->directory, target.account, error);
    if (e == ERR_OK)
        e = folder_list(target.account, &call->arena, &folders, &count, error);
    for (size_t i = 0; e == ERR_OK && i < count; i++)
        e = list_folder(call, &target, &folders[i], error);
    return e;
}

static const struct admin_argument list_arguments[] = {
    OWNER_ARGUMENT,
    {"folder", ARGUMENT_TEXT, true, false, "FOLDER", "only this one"},
    {0},
};

static const struct admin_column list_columns[] = {
    {"folder", "FOLDER", COLUMN_TEXT},
    {"whom", "WHOM", COLUMN_TEXT},
    {"rights", "RIGHTS", COLUMN_TEXT},
    {0},
};

const struct admin_command admin_share_list = {
    .name = "share.list",
    .run = list,
    .arguments = list_arguments,
    .columns = list_columns,
    .summary = "list what somebody shares, and with whom",
    .about =
        "A line for each folder and each one it is shared with. A \"-\" before a name takes the rights away.",
    .example = "posthorn share list bob@example.org --json",
};

/* Without --per-person or --shared it only tells how it is. */
static enum err keep_seen(struct admin_call *call, struct error *error)
{
    CLEANUP(target_release) struct target target = {.account = NULL};
    bool apart = call_flag(call, "per-person");
    bool changes = apart || call_flag(call, "shared");
    if (apart && call_flag(call, "shared"))
        return fail_plain(error, ERR_INVALID, "--per-person and --shared can't be had at once");
    enum err e = open_target(call, &target, error);
    if (e == ERR_OK && !target.folder.selectable)
        e = fail_plain(error, ERR_NOT_FOUND, "%.*s of %.*s is a mere name", SLICE_ARGS(target.folder.path),
                       SLICE_ARGS(target.owner.address));
    if (e == ERR_OK && changes)
        e = seen_set_apart(target.account, target.folder.id, apart, error);
    if (e == ERR_OK && changes)
        e = account_sync(target.account, error);
    if (e != ERR_OK)
        return e;
    bool now = changes ? apart : target.folder.seen_apart;
    call_message(call, "in %.*s of %.*s %s", SLICE_ARGS(target.folder.path), SLICE_ARGS(target.owner.address),
                 now ? "each person sees what he has read himself" : "all see what anybody has read");
    return ERR_OK;
}

static const struct admin_argument seen_arguments[] = {
    OWNER_ARGUMENT,
    FOLDER_ARGUMENT,
    {"per-person", ARGUMENT_FLAG, false, false, NULL, "each person has read what he has read"},
    {"shared", ARGUMENT_FLAG, false, false, NULL, "what one has read all have"},
    {0},
};

const struct admin_command admin_share_seen = {
    .name = "share.seen",
    .run = keep_seen,
    .arguments = seen_arguments,
    .summary = "whether each person marks messages as read for himself",
    .about =
        "In a shared folder all see the same flags, \\Seen too, unless it is kept for each person "
        "(--per-person), "
        "the owner included; all other flags, as \\Answered, stay everybody's. Nobody's messages change by "
        "that, and "
        "what comes from then on is new to everybody. With --shared again, all see what the owner has read. "
        "Folders made below it later are as it is. Without either it is only told how it is now.",
    .example = "posthorn share seen info@example.org INBOX --per-person",
};

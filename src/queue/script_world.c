/* What a script may ask of the account that it runs for (struct sieve_host). */
#include "queue/script.h"
#include "store/annotation.h"

/* A name that can't be is that of no folder. */
static enum err find_folder(struct script_run *run, struct slice path, struct folder *ret, bool *ret_found,
                            struct error *error)
{
    enum err err = folder_find(run->target->account, path, &run->plan->arena, ret, error);
    *ret_found = err == ERR_OK && ret->selectable;
    return err == ERR_NOT_FOUND || err == ERR_INVALID || err == ERR_LIMIT ? ERR_OK : err;
}

static enum err mailbox_exists(void *context, struct slice mailbox, bool *ret, struct error *error)
{
    struct folder folder;
    return find_folder(context, mailbox, &folder, ret, error);
}

static enum err mailbox_id_exists(void *context, struct slice id, bool *ret, struct error *error)
{
    struct script_run *run = context;
    struct folder_id folder;
    struct folder found;
    *ret = false;
    if (!folder_id_parse(id, &folder))
        return ERR_OK;
    enum err err = folder_get(run->target->account, folder, &run->plan->arena, &found, error);
    *ret = err == ERR_OK && found.selectable;
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

static enum err special_use(void *context, struct slice mailbox, struct slice use, bool *ret,
                            struct error *error)
{
    struct script_run *run = context;
    enum folder_role role = folder_role_by_attribute(use);
    struct folder folder;
    bool found;
    *ret = false;
    if (role == ROLE_FOLDER_NONE)
        return ERR_OK;
    if (mailbox.p == NULL) {
        enum err err = folder_by_role(run->target->account, role, &run->plan->arena, &folder, error);
        *ret = err == ERR_OK;
        return err == ERR_NOT_FOUND ? ERR_OK : err;
    }
    enum err err = find_folder(run, mailbox, &folder, &found, error);
    *ret = err == ERR_OK && found && folder.role == role;
    return err;
}

static enum err metadata(void *context, struct slice mailbox, struct slice entry, struct buf *out,
                         bool *ret_found, struct error *error)
{
    struct script_run *run = context;
    CLEANUP(buf_release) struct buf name = BUF(ANNOTATION_ENTRY_MAX);
    struct folder folder = {0};
    struct annotation *items;
    size_t count = 0;
    bool found = true;
    enum err err = mailbox.p == NULL ? ERR_OK : find_folder(run, mailbox, &folder, &found, error);
    script_put_lower(&name, entry);
    if (err == ERR_OK && found && !buf_failed(&name))
        err = annotation_get(run->target->account, folder.id, run->filing->account, buf_slice(&name),
                             ANNOTATION_ITSELF, &run->plan->arena, &items, &count, error);
    *ret_found = err == ERR_OK && count > 0;
    if (*ret_found)
        buf_put(out, items[0].value);
    return err;
}

/* RFC 5183 4.1 */
static enum err environment(void *context, struct slice item, struct buf *out, bool *ret_found,
                            struct error *error UNUSED)
{
    const struct script_run *run = context;
    const struct slice peer = run->filing->entry->envelope.peer;
    *ret_found = slice_eq(item, S("remote-ip")) && peer.n > 0;
    if (*ret_found)
        buf_put(out, peer);
    return ERR_OK;
}

static enum err duplicate(void *context, struct slice id, bool *ret, struct error *error)
{
    struct remembered item;
    script_key("duplicate", id, slice_none(), &item);
    return script_knows(context, &item, ret, error);
}

static enum err load(struct script_run *run, struct slice name, struct script_loaded *loaded,
                     struct error *error)
{
    struct script script;
    struct arena *arena = &run->plan->arena;
    loaded->name = arena_dup(arena, name);
    if (loaded->name.p == NULL)
        return fail_nomem(error);
    enum err err = script_load(run->target->account, loaded->name, arena, &loaded->program, &script, error);
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

/* There are no global ones. */
static enum err find_script(void *context, struct slice name, bool global, const struct sieve_program **ret,
                            struct error *error)
{
    struct script_run *run = context;
    *ret = NULL;
    if (global || !script_name_is_valid(name))
        return ERR_OK;
    for (size_t i = 0; i < run->loaded_count; i++)
        if (slice_eq(run->loaded[i].name, name)) {
            *ret = run->loaded[i].program;
            return ERR_OK;
        }
    if (run->loaded_count == SCRIPT_PROGRAMS_MAX)
        return fail_plain(error, ERR_INVALID, "too many scripts are included");
    struct script_loaded *loaded = &run->loaded[run->loaded_count];
    enum err err = load(run, name, loaded, error);
    if (err != ERR_OK)
        return err;
    run->loaded_count++;
    *ret = loaded->program;
    return ERR_OK;
}

struct sieve_host script_world(struct script_run *run)
{
    return (struct sieve_host){
        .context = run,
        .mailbox_exists = mailbox_exists,
        .mailbox_id_exists = mailbox_id_exists,
        .special_use = special_use,
        .metadata = metadata,
        .environment = environment,
        .duplicate = duplicate,
        .script = find_script,
    };
}

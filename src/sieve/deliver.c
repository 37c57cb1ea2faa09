/* Where the message goes: keep, discard, fileinto, redirect (RFC 5228 4), reject and ereject (RFC 5429). */
#include "sieve/deliver.h"

#include "base/utf8.h"
#include "sieve/flags.h"

enum { ADDRESS_ARENA_MAX = 256 * 1024 };

bool mailbox_name_valid(struct slice name)
{
    if (name.n == 0 || name.n > MAILBOX_NAME_MAX || !utf8_valid(name))
        return false;
    for (size_t i = 0; i < name.n; i++)
        if ((unsigned char)name.p[i] < ' ' || name.p[i] == 127)
            return false;
    return true;
}

bool address_valid(struct slice text)
{
    CLEANUP(arena_release) struct arena arena = ARENA(ADDRESS_ARENA_MAX);
    struct mime_address address;
    if (text.n == 0 || text.n > ADDRESS_TEXT_MAX || !mime_address_parse_one(&arena, text, &address))
        return false;
    for (size_t i = 0; i < text.n; i++)
        if ((unsigned char)text.p[i] < ' ' || text.p[i] == 127)
            return false;
    return address.route.n == 0;
}

static bool is_inbox(struct slice mailbox)
{
    return mailbox.p == NULL || slice_eq_nocase(mailbox, S("INBOX"));
}

bool action_files_into(const struct sieve_action *action, struct slice mailbox)
{
    if (action->kind == SIEVE_ACTION_KEEP)
        return is_inbox(mailbox);
    if (action->kind != SIEVE_ACTION_FILEINTO)
        return false;
    return is_inbox(mailbox) ? is_inbox(action->mailbox) : slice_eq(action->mailbox, mailbox);
}

static bool rejected(const struct run *run)
{
    return run_has_action(run, SIEVE_ACTION_REJECT) || run_has_action(run, SIEVE_ACTION_EREJECT);
}

/* RFC 5429 2.4: what is refused is not delivered. */
static enum err check_not_rejected(struct run *run, const char *what, struct error *error)
{
    return rejected(run) ? run_fail(run, error, "%s after the message was rejected", what) : ERR_OK;
}

/* Files a message once into a mailbox; the last flags win (RFC 5228 2.10.3, RFC 5232 3). */
static enum err file(struct run *run, const struct node *node, struct sieve_action action,
                     struct error *error)
{
    enum err e = check_not_rejected(run, sieve_action_name(action.kind), error);
    if (e == ERR_OK)
        e = flags_for(run, node, &action, error);
    if (e != ERR_OK)
        return e;
    if (!node_has(node, SLOT_COPY))
        run->keep_cancelled = true;
    const struct slice mailbox = action.kind == SIEVE_ACTION_KEEP ? slice_none() : action.mailbox;
    for (size_t i = 0; i < run->action_count; i++)
        if (action_files_into(&run->actions[i], mailbox)) {
            run->actions[i].flags = action.flags;
            run->actions[i].flag_count = action.flag_count;
            run_trace(run, S("file"), "goes there already");
            return ERR_OK;
        }
    return run_act(run, action, error);
}

enum err act_keep(struct run *run, const struct node *node, struct error *error)
{
    return file(run, node, (struct sieve_action){.kind = SIEVE_ACTION_KEEP}, error);
}

enum err act_fileinto(struct run *run, const struct node *node, struct error *error)
{
    struct sieve_action action = {.kind = SIEVE_ACTION_FILEINTO};
    struct slice name;
    enum err e = run_argument(run, node, SLOT_NAME, &name, error);
    if (e != ERR_OK)
        return e;
    if (!mailbox_name_valid(name))
        return run_fail(run, error, "\"%.*s\" can be no mailbox", SLICE_ARGS(slice_sub(name, 0, 100)));
    e = run_keep_text(run, name, &action.mailbox, error);
    run_trace(run, S("mailbox"), "\"%.*s\"", SLICE_ARGS(name));
    return e == ERR_OK ? file(run, node, action, error) : e;
}

enum err act_discard(struct run *run, const struct node *node, struct error *error)
{
    (void)node, (void)error;
    run->keep_cancelled = true;
    return ERR_OK;
}

/* --- redirect --- */

static enum err read_address(struct run *run, const struct node *node, struct slice *ret, struct error *error)
{
    CLEANUP(buf_release) struct buf spec = BUF(2 * ADDRESS_TEXT_MAX);
    struct mime_address address;
    struct slice text;
    enum err e = run_argument(run, node, SLOT_ADDRESS, &text, error);
    if (e != ERR_OK)
        return e;
    if (!address_valid(text) || !mime_address_parse_one(&run->scratch, text, &address))
        return run_fail(run, error, "\"%.*s\" is no address", SLICE_ARGS(slice_sub(text, 0, 100)));
    mime_address_put_spec(&spec, &address);
    return run_keep_text(run, buf_slice(&spec), ret, error);
}

static enum err add_redirect(struct run *run, struct sieve_action action, struct error *error)
{
    const size_t most =
        run->input->redirects_max > 0 ? run->input->redirects_max : (size_t)SIEVE_REDIRECTS_MAX;
    size_t redirects = 0;
    for (size_t i = 0; i < run->action_count; i++) {
        if (run->actions[i].kind != SIEVE_ACTION_REDIRECT)
            continue;
        if (slice_eq(run->actions[i].address, action.address))
            return ERR_OK; /* once is enough */
        redirects++;
    }
    if (redirects >= most)
        return run_fail(run, error, "more than %zu redirects", most);
    return run_act(run, action, error);
}

enum err act_redirect(struct run *run, const struct node *node, struct error *error)
{
    struct sieve_action action = {.kind = SIEVE_ACTION_REDIRECT};
    enum err e = check_not_rejected(run, "redirect", error);
    if (e == ERR_OK)
        e = read_address(run, node, &action.address, error);
    if (e == ERR_OK)
        e = add_redirect(run, action, error);
    if (e == ERR_OK && !node_has(node, SLOT_COPY))
        run->keep_cancelled = true;
    if (e == ERR_OK)
        run_trace(run, S("address"), "%.*s", SLICE_ARGS(action.address));
    return e;
}

/* --- reject --- */

static enum err reject(struct run *run, const struct node *node, enum sieve_action_kind kind,
                       struct error *error)
{
    struct sieve_action action = {.kind = kind};
    struct slice reason;
    enum err e = run_argument(run, node, SLOT_REASON, &reason, error);
    if (e == ERR_OK && rejected(run))
        return run_fail(run, error, "the message is rejected twice");
    if (e == ERR_OK && run->vacation_ran)
        return run_fail(run, error, "reject after vacation");
    if (e == ERR_OK && run->action_count > 0)
        return run_fail(run, error, "reject after %s", sieve_action_name(run->actions[0].kind));
    if (e == ERR_OK)
        e = run_keep_text(run, reason, &action.reason, error);
    if (e == ERR_OK)
        e = run_act(run, action, error);
    if (e == ERR_OK)
        run->keep_cancelled = true;
    return e;
}

enum err act_reject(struct run *run, const struct node *node, struct error *error)
{
    return reject(run, node, SIEVE_ACTION_REJECT, error);
}

enum err act_ereject(struct run *run, const struct node *node, struct error *error)
{
    return reject(run, node, SIEVE_ACTION_EREJECT, error);
}

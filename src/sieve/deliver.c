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

static bool plain_inbox(const struct sieve_action *action)
{
    return is_inbox(action->mailbox) && action->mailbox_id.p == NULL && action->special_use.p == NULL;
}

static bool same_mailbox(const struct sieve_action *a, const struct sieve_action *b)
{
    if (a->kind != SIEVE_ACTION_KEEP && a->kind != SIEVE_ACTION_FILEINTO)
        return false;
    if (plain_inbox(a) || plain_inbox(b))
        return plain_inbox(a) && plain_inbox(b);
    return slice_eq(a->mailbox, b->mailbox) && slice_eq(a->mailbox_id, b->mailbox_id) &&
           slice_eq(a->special_use, b->special_use);
}

static enum err keep_argument(struct run *run, const struct node *node, enum slot slot, struct slice *ret,
                              struct error *error)
{
    struct slice text;
    enum err e = run_argument(run, node, slot, &text, error);
    return e != ERR_OK || text.p == NULL ? e : run_keep_text(run, text, ret, error);
}

enum err filing_arguments(struct run *run, const struct node *node, enum slot name,
                          struct sieve_action *action, struct error *error)
{
    struct slice mailbox;
    enum err e = run_argument(run, node, name, &mailbox, error);
    if (e != ERR_OK)
        return e;
    if (!mailbox_name_valid(mailbox))
        return run_fail(run, error, "\"%.*s\" can be no mailbox", SLICE_ARGS(slice_sub(mailbox, 0, 100)));
    run_trace(run, S("mailbox"), "\"%.*s\"", SLICE_ARGS(mailbox));
    action->create = node_has(node, SLOT_CREATE);
    e = run_keep_text(run, mailbox, &action->mailbox, error);
    if (e == ERR_OK)
        e = keep_argument(run, node, SLOT_MAILBOX_ID, &action->mailbox_id, error);
    if (e == ERR_OK)
        e = keep_argument(run, node, SLOT_SPECIAL_USE, &action->special_use, error);
    return e == ERR_OK ? flags_for(run, node, action, error) : e;
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
    if (e != ERR_OK)
        return e;
    if (!node_has(node, SLOT_COPY))
        run->keep_cancelled = true;
    for (size_t i = 0; i < run->action_count; i++)
        if (same_mailbox(&run->actions[i], &action)) {
            run->actions[i].flags = action.flags;
            run->actions[i].flag_count = action.flag_count;
            run_trace(run, S("file"), "goes there already");
            return ERR_OK;
        }
    return run_act(run, action, error);
}

enum err act_keep(struct run *run, const struct node *node, struct error *error)
{
    struct sieve_action action = {.kind = SIEVE_ACTION_KEEP};
    enum err e = flags_for(run, node, &action, error);
    return e == ERR_OK ? file(run, node, action, error) : e;
}

enum err act_fileinto(struct run *run, const struct node *node, struct error *error)
{
    struct sieve_action action = {.kind = SIEVE_ACTION_FILEINTO};
    enum err e = filing_arguments(run, node, SLOT_NAME, &action, error);
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
    for (size_t i = 0; e == ERR_OK && i < run->action_count; i++)
        if (run->actions[i].kind != SIEVE_ACTION_NOTIFY) /* goes with all (RFC 5435 7) */
            return run_fail(run, error, "reject after %s", sieve_action_name(run->actions[i].kind));
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

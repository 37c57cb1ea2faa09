/*
 * GETQUOTA, GETQUOTAROOT, SETQUOTA (RFC 9208). Each account has one quota root, named by its address; its
 * resources are STORAGE and MESSAGE, as far as the account has limits. The limits of others are shown to, and
 * set by, the administrators of their domain. They also see the domain's own root, which is named by the
 * domain; nobody else does, since it tells what others hold together, and nobody sets it from here.
 */
#include "directory/limits.h"
#include "imap/session_internal.h"
#include "store/ledger.h"

enum { STORAGE_UNIT = 1024 /* bytes (RFC 9208 3.1.1) */ };

/* A quota root and the account behind it. */
struct root {
    struct slice name;
    struct slice address; /* empty without a directory */
    struct account *account;
    bool borrowed; /* of the session; else a reference */
};

static void root_release(struct root *root)
{
    if (root->account != NULL && !root->borrowed)
        account_unref(root->account);
}

static void no_such_root(struct imap_call *call)
{
    imap_call_no(call, "NONEXISTENT", "There is no such quota root");
}

/* The root of an account that the session holds. */
static bool root_of(struct imap_call *call, struct account *account, struct root *ret_root)
{
    struct directory *directory = call->session->directory;
    struct account_entry entry = {.address = S("")};
    if (directory != NULL &&
        account_entry_get(directory, account_id(account), &call->arena, &entry, &call->error) != ERR_OK) {
        imap_call_failed(call);
        return false;
    }
    *ret_root = (struct root){entry.address, entry.address, account, true};
    return true;
}

/* The root of that name: the person's own, or one that the person administers. */
static bool find_root(struct imap_call *call, struct slice name, struct root *ret_root)
{
    struct imap_session *s = call->session;
    struct account_id own = account_id(s->own);
    struct account_entry entry;
    if (!root_of(call, s->own, ret_root))
        return false;
    if (slice_eq_nocase(name, ret_root->name))
        return true;
    if (s->directory == NULL ||
        account_entry_find(s->directory, name, &call->arena, &entry, &call->error) != ERR_OK ||
        (entry.id.v != own.v && !directory_may_administer(s->directory, own, entry.address))) {
        no_such_root(call);
        return false;
    }
    if (entry.id.v == own.v)
        return true;
    struct account *account;
    if (store_account_ensure(s->store, entry.id, &account, &call->error) != ERR_OK) {
        imap_call_failed(call);
        return false;
    }
    *ret_root = (struct root){entry.address, entry.address, account, false};
    return true;
}

static void put_resource(struct buf *out, const char *name, uint64_t used, uint64_t limit, bool *begun)
{
    if (limit == 0)
        return;
    buf_printf(out, "%s%s %llu %llu", *begun ? " " : "", name, (unsigned long long)used,
               (unsigned long long)limit);
    *begun = true;
}

static bool read_usage(struct imap_call *call, const struct root *root, struct account_usage *ret_usage)
{
    if (account_usage(root->account, ret_usage, &call->error) == ERR_OK)
        return true;
    imap_call_failed(call);
    return false;
}

static bool is_limited(const struct account_usage *usage)
{
    return usage->limits.quota_bytes > 0 || usage->limits.quota_messages > 0;
}

/* The root of the account's domain, where there is a quota and this person may see it. */
static bool domain_root(struct imap_session *s, const struct root *root, const struct account_usage *usage,
                        struct slice *ret_name)
{
    const struct domain_use *use = &usage->domain;
    ssize_t at = slice_rfind_char(root->address, '@');
    if ((use->quota_bytes == 0 && use->quota_messages == 0) || s->directory == NULL || s->lacks != 0 ||
        at < 0 || !directory_may_administer(s->directory, account_id(s->own), root->address))
        return false;
    *ret_name = slice_from(root->address, (size_t)at + 1);
    return true;
}

static void put_quota(struct imap_session *s, struct slice name, const struct domain_use *use)
{
    struct buf *out = conn_output(s->conn);
    bool begun = false;
    buf_put(out, S("* QUOTA "));
    imap_put_astring(out, name);
    buf_put(out, S(" ("));
    put_resource(out, "STORAGE", (use->bytes + STORAGE_UNIT - 1) / STORAGE_UNIT,
                 use->quota_bytes / STORAGE_UNIT, &begun);
    put_resource(out, "MESSAGE", use->messages, use->quota_messages, &begun);
    buf_put(out, S(")\r\n"));
    conn_wrote(s->conn);
}

/* "* QUOTA anna@example.org (STORAGE 10 512)" */
static void send_quota(struct imap_session *s, const struct root *root, const struct account_usage *usage)
{
    put_quota(s, root->name,
              &(struct domain_use){.bytes = usage->bytes,
                                   .messages = usage->messages,
                                   .quota_bytes = usage->limits.quota_bytes,
                                   .quota_messages = usage->limits.quota_messages});
}

/* A domain's root by its name, where there is a quota and this person may see it. */
static bool find_domain_root(struct imap_call *call, struct slice name, struct domain_use *ret_use)
{
    struct imap_session *s = call->session;
    CLEANUP(buf_release) struct buf any = BUF(ADDRESS_MAX);
    struct domain domain;
    struct domain_state state;
    if (s->directory == NULL || s->lacks != 0 || slice_find_char(name, '@') >= 0)
        return false;
    buf_printf(&any, "postmaster@%.*s", SLICE_ARGS(name));
    if (buf_failed(&any) || !directory_may_administer(s->directory, account_id(s->own), buf_slice(&any)) ||
        domain_find(s->directory, name, &call->arena, &domain, &call->error) != ERR_OK ||
        store_domain_state(s->store, domain.id, &state, &call->error) != ERR_OK)
        return false;
    *ret_use = state.use;
    return state.use.quota_bytes > 0 || state.use.quota_messages > 0;
}

void cmd_getquota(struct imap_session *s, struct imap_call *call)
{
    CLEANUP(root_release) struct root root = {0};
    struct account_usage usage;
    struct domain_use use;
    if (find_domain_root(call, call->command.quota.root, &use)) {
        put_quota(s, call->command.quota.root, &use);
        return;
    }
    if (!find_root(call, call->command.quota.root, &root) || !read_usage(call, &root, &usage))
        return;
    if (is_limited(&usage))
        send_quota(s, &root, &usage);
    else
        no_such_root(call);
}

/* An account without limits has no root, as a QUOTA response can't be empty (RFC 9208 7). */
void cmd_getquotaroot(struct imap_session *s, struct imap_call *call)
{
    struct imap_mailbox mailbox;
    struct root root;
    struct account_usage usage;
    if (!imap_resolve_mailbox(call, call->command.mailbox, RIGHT_READ, "NONEXISTENT", &mailbox) ||
        !root_of(call, mailbox.account, &root) || !read_usage(call, &root, &usage))
        return;
    struct buf *out = conn_output(s->conn);
    buf_put(out, S("* QUOTAROOT "));
    imap_put_mailbox(out, mailbox.name, imap_speaks_utf8(s));
    if (is_limited(&usage)) {
        buf_putc(out, ' ');
        imap_put_astring(out, root.name);
    }
    struct slice domain;
    bool of_domain = domain_root(s, &root, &usage, &domain);
    if (of_domain) {
        buf_putc(out, ' ');
        imap_put_astring(out, domain);
    }
    buf_put(out, S("\r\n"));
    conn_wrote(s->conn);
    if (is_limited(&usage))
        send_quota(s, &root, &usage);
    if (of_domain)
        put_quota(s, domain, &usage.domain);
}

/* A limit that is not named goes (RFC 9208 4.1.3), which is: what the account's plan gives. */
static enum err set_limits(struct imap_session *s, const struct root *root, const struct imap_quota *quota,
                           struct arena *arena, struct error *error)
{
    struct account_changes changes = ACCOUNT_CHANGES_NONE;
    struct account_entry entry;
    changes.quota_bytes = quota->limits_storage ? quota->storage * STORAGE_UNIT : 0;
    changes.quota_messages = quota->limits_messages ? quota->messages : 0;
    enum err err = account_entry_set(s->directory, root->address, &changes, error);
    if (err == ERR_OK)
        err = account_entry_get(s->directory, account_id(root->account), arena, &entry, error);
    if (err != ERR_OK)
        return err;
    const struct account_limits limits = account_entry_limits(&entry);
    store_account_limits(s->store, entry.id, &limits);
    return ERR_OK;
}

void cmd_setquota(struct imap_session *s, struct imap_call *call)
{
    const struct imap_quota *quota = &call->command.quota;
    CLEANUP(root_release) struct root root = {0};
    struct account_usage usage;
    struct domain_use use;
    if (find_domain_root(call, quota->root, &use)) {
        imap_call_no(call, "NOPERM", "A domain's quota is set by whoever runs the server");
        return;
    }
    if (!find_root(call, quota->root, &root))
        return;
    bool zero =
        (quota->limits_storage && quota->storage == 0) || (quota->limits_messages && quota->messages == 0);
    if (s->directory == NULL || s->lacks != 0 ||
        !directory_may_administer(s->directory, account_id(s->own), root.address))
        imap_call_no(call, "NOPERM", "Only an administrator of the domain sets quotas");
    else if (quota->other)
        imap_call_no(call, "CANNOT", "The resources are STORAGE and MESSAGE");
    else if (zero || quota->storage > INT64_MAX / STORAGE_UNIT)
        imap_call_no(call, "CANNOT", "A limit is at least 1 and at most 2^63 bytes");
    else if (set_limits(s, &root, quota, &call->arena, &call->error) != ERR_OK)
        imap_call_failed(call);
    else if (read_usage(call, &root, &usage) && is_limited(&usage))
        send_quota(s, &root, &usage);
}

#include "imap/acl.h"

#include <stdlib.h>

static void put_entry(struct buf *out, struct slice identifier, unsigned rights)
{
    buf_putc(out, ' ');
    imap_put_astring(out, identifier);
    imap_put_rights(out, rights);
}

static int by_identifier(const void *a, const void *b)
{
    return slice_cmp(((const struct share_entry *)a)->grantee, ((const struct share_entry *)b)->grantee);
}

/* Those whom there is no more are left out: nobody could name them. The others go by what they are called. */
static enum err put_list(struct imap_call *call, struct buf *out, struct share_entry *entries, size_t count)
{
    struct directory *directory = call->session->directory;
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        struct slice identifier;
        enum err err =
            share_identifier(directory, entries[i].grantee, &call->arena, &identifier, &call->error);
        if (err == ERR_NOT_FOUND)
            continue;
        if (err != ERR_OK)
            return err;
        entries[kept++] = (struct share_entry){identifier, entries[i].rights};
    }
    if (kept > 0)
        qsort(entries, kept, sizeof(*entries), by_identifier);
    for (size_t i = 0; i < kept; i++)
        put_entry(out, entries[i].grantee, entries[i].rights);
    return buf_failed(out) ? fail_nomem(&call->error) : ERR_OK;
}

/* RFC 4314 3.3. The owner stands first, with all rights. */
void cmd_getacl(struct imap_session *s, struct imap_call *call)
{
    struct imap_mailbox mailbox;
    struct share_entry *entries;
    struct account_entry owner;
    size_t count;
    if (!imap_resolve_mailbox(call, call->command.mailbox, RIGHT_ADMINISTER, "NONEXISTENT", &mailbox))
        return;
    enum err err = s->directory != NULL ? ERR_OK : fail_plain(&call->error, ERR_UNAVAILABLE, "No directory");
    if (err == ERR_OK)
        err =
            account_entry_get(s->directory, account_id(mailbox.account), &call->arena, &owner, &call->error);
    if (err == ERR_OK)
        err = share_list(mailbox.account, mailbox.folder.id, &call->arena, &entries, &count, &call->error);
    CLEANUP(buf_release) struct buf list = BUF(IMAP_COMMAND_ARENA_MAX);
    if (err == ERR_OK) {
        put_entry(&list, owner.address, RIGHTS_ALL);
        err = put_list(call, &list, entries, count);
    }
    if (err != ERR_OK) {
        imap_call_failed(call);
        return;
    }
    struct buf *out = conn_output(s->conn);
    buf_put(out, S("* ACL "));
    imap_put_mailbox(out, mailbox.name, imap_speaks_utf8(s));
    buf_put(out, buf_slice(&list));
    buf_put(out, S("\r\n"));
    conn_wrote(s->conn);
}

#include "imap/submit_url.h"

#include "imap/urlauth.h"
#include "rt/ipc.h"

/* A session that only follows this URL: it has no connection. */
static enum err read_as(struct imap_session *s, struct slice text, int *ret_fd, struct error *error)
{
    CLEANUP(imap_call_release) struct imap_call call = imap_call_of(s);
    CLEANUP(imap_part_release) struct imap_part part = {0};
    struct imap_url url;
    bool authorized = false;
    enum err err = imap_urlauth_read_submitted(&call, text, &authorized, &url, &part, error);
    if (err == ERR_NOT_FOUND && !authorized)
        return fail(error, ERR_DENIED, NULL, "the URL is not authorized");
    return err == ERR_OK ? ipc_memfd(imap_url_cut(&url, part.bytes), ret_fd, error) : err;
}

enum err imap_submit_url_read(struct store *store, struct directory *directory, struct account_id submitter,
                              struct slice text, int *ret_fd, struct error *error)
{
    struct imap_session s = {.store = store, .directory = directory};
    enum err err = store_account_ensure(store, submitter, &s.own, error);
    if (err != ERR_OK)
        return err;
    s.account = s.own;
    err = read_as(&s, text, ret_fd, error);
    account_unref(s.own);
    return err;
}

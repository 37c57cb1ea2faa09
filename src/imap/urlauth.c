#include "imap/urlauth.h"

#include <sodium.h>

#include "base/clock.h"

#define TOKEN_VERSION "01"

enum { TOKEN_MAX = 2 * (1 + crypto_auth_hmacsha256_BYTES) };

void imap_urlauth_put_token(struct buf *out, const struct access_key *key, struct slice rump)
{
    unsigned char code[crypto_auth_hmacsha256_BYTES];
    char text[2 * sizeof(code) + 1];
    _Static_assert(ACCESS_KEY_BYTES == crypto_auth_hmacsha256_KEYBYTES, "the key's length");
    crypto_auth_hmacsha256(code, (const unsigned char *)rump.p, rump.n, key->bytes);
    sodium_bin2hex(text, sizeof(text), code, sizeof(code));
    buf_put(out, S(TOKEN_VERSION));
    buf_put(out, slice_cstr(text));
}

/* The account of an address that may use IMAP. */
static enum err find_user(struct imap_call *call, struct slice user, struct account_entry *ret_entry,
                          struct error *error)
{
    struct directory *directory = call->session->directory;
    if (directory == NULL)
        return fail(error, ERR_NOT_FOUND, NULL, "there is no directory");
    enum err err = account_entry_find(directory, user, &call->arena, ret_entry, error);
    if (err == ERR_INVALID || (err == ERR_OK && (!ret_entry->enabled || (ret_entry->doors & DOOR_IMAP) == 0)))
        err = fail(error, ERR_NOT_FOUND, NULL, "no user of IMAP has this name");
    return err;
}

enum err imap_urlauth_is_self(struct imap_call *call, struct slice user, bool *ret_self, struct error *error)
{
    struct account_entry entry;
    enum err err = find_user(call, user, &entry, error);
    if (err != ERR_OK && err != ERR_NOT_FOUND)
        return err;
    *ret_self = err == ERR_OK && entry.id.v == account_id(call->session->own).v;
    return ERR_OK;
}

/* RFC 4467 3 */
static enum err check_access(struct imap_call *call, const struct imap_url *url, bool submission,
                             struct error *error)
{
    bool allowed = false;
    enum err err = ERR_OK;
    switch (url->access) {
    case IMAP_URL_USER:
        if (!submission)
            err = imap_urlauth_is_self(call, url->access_user, &allowed, error);
        break;
    case IMAP_URL_SUBMIT:
        if (submission)
            err = imap_urlauth_is_self(call, url->access_user, &allowed, error);
        break;
    case IMAP_URL_AUTHUSER:
    case IMAP_URL_ANONYMOUS:
        allowed = true;
        break;
    case IMAP_URL_NO_ACCESS:
        break;
    }
    if (err == ERR_OK && !allowed)
        err = fail(error, ERR_NOT_FOUND, NULL, "the URL is not for this person");
    return err;
}

static enum err check_form(const struct imap_url *url, struct error *error)
{
    bool good = url->absolute && url->user.p != NULL && slice_eq_nocase(url->mechanism, S("INTERNAL"));
    bool expired = url->expires && url->expires_seconds <= clock_wall_us() / CLOCK_SECOND;
    return good && !expired ? ERR_OK : fail(error, ERR_NOT_FOUND, NULL, "the URL is not authorized");
}

static enum err check_token(struct account *account, struct folder_id folder, const struct imap_url *url,
                            struct error *error)
{
    struct access_key key;
    CLEANUP(buf_release) struct buf wanted = BUF(TOKEN_MAX);
    char given[TOKEN_MAX];
    enum err err = access_key_get(account, folder, &key, error);
    if (err != ERR_OK)
        return err;
    imap_urlauth_put_token(&wanted, &key, url->rump);
    sodium_memzero(&key, sizeof(key));
    if (buf_failed(&wanted))
        return fail_nomem(error);
    if (url->token.n != sizeof(given))
        return fail(error, ERR_NOT_FOUND, NULL, "the token is of another kind");
    for (size_t i = 0; i < sizeof(given); i++)
        given[i] = ascii_lower(url->token.p[i]);
    /* RFC 4467 6: the time it takes must not tell how much of it is right. */
    return sodium_memcmp(given, wanted.p, sizeof(given)) == 0
               ? ERR_OK
               : fail(error, ERR_NOT_FOUND, NULL, "the token is wrong");
}

/* The owner's account, borrowed for the command. */
static enum err find_owner(struct imap_call *call, struct slice user, struct account **ret_account,
                           struct error *error)
{
    struct account_entry entry;
    enum err err = find_user(call, user, &entry, error);
    if (err != ERR_OK)
        return err;
    if (entry.id.v != account_id(call->session->own).v)
        return imap_visit(call, entry.id, ret_account, error);
    *ret_account = call->session->own;
    return ERR_OK;
}

struct slice imap_url_cut(const struct imap_url *url, struct slice bytes)
{
    return url->partial ? slice_sub(bytes, url->offset, url->length > 0 ? url->length : SIZE_MAX) : bytes;
}

/* Where an authorized URL points to. */
static enum err authorize(struct imap_call *call, struct slice text, bool submission,
                          struct imap_url *ret_url, struct account **ret_account, struct folder *ret_folder,
                          struct error *error)
{
    struct imap_url url;
    struct account *account;
    struct folder folder;
    if (!imap_url_parse(text, &call->arena, &url))
        return fail(error, ERR_NOT_FOUND, NULL, "this is no URL of a message");
    enum err err = check_form(&url, error);
    if (err == ERR_OK)
        err = check_access(call, &url, submission, error);
    if (err == ERR_OK)
        err = find_owner(call, url.user, &account, error);
    if (err == ERR_OK)
        err = folder_find(account, url.mailbox, &call->arena, &folder, error);
    if (err == ERR_OK && folder.class != FOLDER_MAIL)
        err = fail(error, ERR_NOT_FOUND, NULL, "this is no mailbox");
    if (err == ERR_OK)
        err = check_token(account, folder.id, &url, error);
    if (err != ERR_OK)
        return err;
    *ret_url = url;
    *ret_account = account;
    *ret_folder = folder;
    return ERR_OK;
}

static enum err read_part(struct account *account, const struct folder *folder, const struct imap_url *url,
                          struct imap_part *ret_part, struct error *error)
{
    if (url->uidvalidity != 0 && url->uidvalidity != folder->uidvalidity)
        return fail(error, ERR_NOT_FOUND, NULL, "the mailbox has another UIDVALIDITY");
    enum err err = imap_part_read(account, folder->id, (struct uid){url->uid}, url->section, ret_part, error);
    return err == ERR_INVALID ? fail(error, ERR_NOT_FOUND, NULL, "there is no such section") : err;
}

static enum err read_url(struct imap_call *call, struct slice text, bool submission, bool *ret_authorized,
                         struct imap_url *ret_url, struct imap_part *ret_part, struct error *error)
{
    struct account *account;
    struct folder folder = {0};
    enum err err = authorize(call, text, submission, ret_url, &account, &folder, error);
    *ret_authorized = err == ERR_OK;
    return err == ERR_OK ? read_part(account, &folder, ret_url, ret_part, error) : err;
}

enum err imap_urlauth_read(struct imap_call *call, struct slice text, struct imap_url *ret_url,
                           struct imap_part *ret_part, struct error *error)
{
    bool authorized;
    return read_url(call, text, false, &authorized, ret_url, ret_part, error);
}

enum err imap_urlauth_read_submitted(struct imap_call *call, struct slice text, bool *ret_authorized,
                                     struct imap_url *ret_url, struct imap_part *ret_part,
                                     struct error *error)
{
    return read_url(call, text, true, ret_authorized, ret_url, ret_part, error);
}

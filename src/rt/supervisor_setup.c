#include "rt/supervisor_setup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fdio.h"

enum err setup_users(const struct settings *settings, struct socket_owner *ret_owner, struct error *error)
{
    struct socket_owner owner = {geteuid(), getegid()};
    if (owner.uid != 0) {
        LOG(LOG_WARN, NO_SID, "supervisor.not_root",
            F_CSTR("missing", "workers run as one user, and ports below 1024 may be out of reach"));
        *ret_owner = owner;
        return ERR_OK;
    }
    const char *const names[] = {settings->user_edge, settings->user_relay, settings->user_store};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const struct passwd *user = getpwnam(names[i]);
        if (user == NULL)
            return fail_plain(
                error, ERR_NOT_FOUND,
                "user %s does not exist: create it, or name another with user-edge, user-relay and "
                "user-store",
                names[i]);
        owner = (struct socket_owner){user->pw_uid, user->pw_gid};
    }
    if (strcmp(settings->user_edge, settings->user_store) == 0)
        LOG(LOG_WARN, NO_SID, "supervisor.shared_user", F_CSTR("user", settings->user_store),
            F_CSTR("missing", "edge and store run as one user"));
    *ret_owner = owner;
    return ERR_OK;
}

static enum err setup_directory(const char *path, const struct socket_owner *owner, struct error *error)
{
    bool made = mkdir(path, 0700) == 0;
    if (!made && errno != EEXIST)
        return fail_plain(error, ERR_IO, "cannot make %s: %s", path, strerror(errno));
    CLEANUP(fd_close) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct stat st;
    if (fd < 0)
        return fail_plain(error, ERR_IO, "cannot open %s: %s", path, strerror(errno));
    if (made && geteuid() == 0 && fchown(fd, owner->uid, owner->gid) != 0)
        return fail_plain(error, ERR_IO, "cannot give %s away: %s", path, strerror(errno));
    if (fstat(fd, &st) != 0)
        return fail_errno(error, "fstat %s", path);
    if (st.st_uid != owner->uid)
        return fail_plain(error, ERR_DENIED, "%s belongs to user %u, not to %u, who owns the mailboxes", path,
                          st.st_uid, owner->uid);
    return ERR_OK;
}

enum err setup_directories(const struct settings *settings, const struct socket_owner *owner,
                           struct error *error)
{
    enum err e = setup_directory(settings->data_directory, owner, error);
    return e != ERR_OK ? e : setup_directory(settings->run_directory, owner, error);
}

void setup_limits(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/*
 * Root stays, since a worker that died is started again under another user. What is kept, and why:
 *   SETUID, SETGID, SETPCAP  a new worker takes its user and empties its bounding set
 *   KILL                     a worker of another user is ended
 *   DAC_READ_SEARCH          certificates are read again on reload, wherever they lie
 * The bounding set is cut to the same, so that the exec of a worker brings back nothing more. no_new_privs is
 * not set here: a worker sets it for itself, after the change of user.
 */
enum err setup_drop_root(struct error *error)
{
    static const unsigned kept[] = {CAP_SETUID, CAP_SETGID, CAP_SETPCAP, CAP_KILL, CAP_DAC_READ_SEARCH};
    if (geteuid() != 0)
        return ERR_OK;
    uint64_t mask = 0;
    for (size_t i = 0; i < ARRAY_LEN(kept); i++)
        mask |= UINT64_C(1) << kept[i];
    for (unsigned long i = 0; prctl(PR_CAPBSET_READ, i, 0, 0, 0) >= 0; i++)
        if ((mask >> i & 1) == 0 && prctl(PR_CAPBSET_DROP, i, 0, 0, 0) != 0)
            return fail_errno(error, "drop capability %lu", i);
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {{0}};
    if (syscall(SYS_capget, &head, data) != 0)
        return fail_errno(error, "capget");
    for (size_t i = 0; i < ARRAY_LEN(data); i++) {
        uint32_t wanted = (uint32_t)(mask >> (32 * i)) & data[i].permitted;
        data[i] = (struct __user_cap_data_struct){.effective = wanted, .permitted = wanted};
    }
    if (syscall(SYS_capset, &head, data) != 0)
        return fail_errno(error, "capset");
    return ERR_OK;
}

static enum err keep_text(struct settings *settings, const char **value, const char *old, const char *key,
                          struct buf *changed, struct error *error)
{
    if (strcmp(*value, old) == 0)
        return ERR_OK;
    struct slice copy = arena_dup(&settings->arena, slice_cstr(old));
    if (copy.p == NULL)
        return fail_nomem(error);
    buf_printf(changed, "%s%s", changed->n > 0 ? ", " : "", key);
    *value = copy.p;
    return ERR_OK;
}

static bool same_listens(const struct settings *a, const struct settings *b)
{
    if (a->listen_count != b->listen_count)
        return false;
    for (size_t i = 0; i < a->listen_count; i++)
        if (a->listens[i].protocol != b->listens[i].protocol || a->listens[i].port != b->listens[i].port ||
            strcmp(a->listens[i].address, b->listens[i].address) != 0)
            return false;
    return true;
}

static enum err keep_listens(struct settings *settings, const struct settings *old, struct buf *changed,
                             struct error *error)
{
    if (same_listens(settings, old))
        return ERR_OK;
    buf_printf(changed, "%slisten", changed->n > 0 ? ", " : "");
    settings->listen_count = old->listen_count;
    for (size_t i = 0; i < old->listen_count; i++) {
        struct slice copy = arena_dup(&settings->arena, slice_cstr(old->listens[i].address));
        if (copy.p == NULL)
            return fail_nomem(error);
        settings->listens[i] = old->listens[i];
        settings->listens[i].address = copy.p;
    }
    return ERR_OK;
}

enum err setup_keep_fixed(struct settings *s, const struct settings *old, struct buf *ret_changed,
                          struct error *error)
{
    const struct {
        const char **value;
        const char *old;
        const char *key;
    } fixed[] = {
        {&s->data_directory, old->data_directory, "data"},
        {&s->run_directory, old->run_directory, "run"},
        {&s->user_store, old->user_store, "user-store"},
        {&s->user_edge, old->user_edge, "user-edge"},
        {&s->user_relay, old->user_relay, "user-relay"},
        {&s->resolver, old->resolver, "resolver"},
        {&s->dnssec_anchor, old->dnssec_anchor, "dnssec-anchor"},
        {&s->ca_file, old->ca_file, "ca-file"},
        {&s->acme_listen, old->acme_listen, "acme-listen"},
        {&s->oauth_jwks, old->oauth_jwks, "oauth-jwks"},
        {&s->oauth_introspection, old->oauth_introspection, "oauth-introspection"},
        {&s->oauth_client, old->oauth_client, "oauth-client"},
        {&s->oauth_secret_file, old->oauth_secret_file, "oauth-client"},
        {&s->oauth_issuer, old->oauth_issuer, "oauth-issuer"},
        {&s->oauth_audience, old->oauth_audience, "oauth-audience"},
        {&s->oauth_claim, old->oauth_claim, "oauth-claim"},
    };
    enum err e = ERR_OK;
    for (size_t i = 0; e == ERR_OK && i < ARRAY_LEN(fixed); i++)
        e = keep_text(s, fixed[i].value, fixed[i].old, fixed[i].key, ret_changed, error);
    s->oauth = old->oauth;
    return e != ERR_OK ? e : keep_listens(s, old, ret_changed, error);
}

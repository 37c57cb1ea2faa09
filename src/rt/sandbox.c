#include "rt/sandbox.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <malloc.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <pwd.h>
#include <sodium.h>
#include <sqlite3.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/must.h"
#include "rt/sandbox_parts.h"

const char *worker_role_name(enum worker_role role)
{
    static const char *const names[] = {"edge", "relay", "store"};
    must((size_t)role < ARRAY_LEN(names));
    return names[role];
}

void sandbox_note_missing(struct buf *missing, const char *format, ...)
{
    va_list args;
    if (missing->n > 0)
        buf_put(missing, S("; "));
    va_start(args, format);
    buf_vprintf(missing, format, args);
    va_end(args);
}

/*
 * glibc reads /proc/sys/vm/overcommit_memory when it gives a thread's heap back for the first time, and
 * remembers the answer. In edge and relay that open would end the process; so a thread does it now.
 */
static void *shrink_a_heap(void *unused)
{
    enum { PIECES = 64, PIECE = 100 * 1024 }; /* below the size that gets its own mapping */
    void *pieces[PIECES];
    for (size_t i = 0; i < PIECES; i++)
        pieces[i] = malloc(PIECE);
    for (size_t i = 0; i < PIECES; i++)
        free(pieces[i]);
    return unused;
}

/*
 * With more than eight threads alive, glibc counts the cores in /sys to know how many arenas it may have:
 * another deadly open. Told a number, it never asks.
 */
static void limit_arenas(void)
{
    enum { ARENAS_MAX = 8 }; /* they share locks, but hold less memory that nobody uses */
    (void)mallopt(M_ARENA_MAX, ARENAS_MAX);
}

/* Libraries read their configuration once, at first use: that must be now. */
static enum err open_lazy_files(struct error *error)
{
    pthread_t thread;
    if (OPENSSL_init_ssl(OPENSSL_INIT_LOAD_CONFIG | OPENSSL_INIT_LOAD_SSL_STRINGS, NULL) != 1)
        return fail(error, ERR_NOMEM, NULL, "OpenSSL does not start");
    if (sodium_init() < 0 || sqlite3_initialize() != SQLITE_OK)
        return fail(error, ERR_NOMEM, NULL, "libsodium or SQLite does not start");
    tzset();
    limit_arenas();
    if (pthread_create(&thread, NULL, shrink_a_heap, NULL) == 0)
        pthread_join(thread, NULL);
    return ERR_OK;
}

static enum err fail_privileges(struct error *error, const char *what)
{
    return fail(error, ERR_UNAVAILABLE, NULL, "%s: %s", what, strerror(errno));
}

static enum err become_user(const char *name, struct error *error)
{
    errno = 0;
    const struct passwd *user = getpwnam(name);
    if (user == NULL)
        return fail(error, ERR_UNAVAILABLE, NULL, "user %s does not exist", name);
    uid_t uid = user->pw_uid;
    gid_t gid = user->pw_gid;
    if (uid == 0)
        return fail(error, ERR_UNAVAILABLE, NULL, "user %s is root", name);
    if (setgroups(1, &gid) != 0 || setresgid(gid, gid, gid) != 0 || setresuid(uid, uid, uid) != 0)
        return fail_privileges(error, "change user");
    if (setuid(0) == 0)
        return fail(error, ERR_UNAVAILABLE, NULL, "root could be had again after leaving it");
    return ERR_OK;
}

/* No capability is left, and none can come back by an exec. */
static enum err drop_capabilities(struct error *error)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    if (syscall(SYS_capset, &head, none) != 0)
        return fail_privileges(error, "drop capabilities");
    return ERR_OK;
}

static enum err drop_privileges(const struct sandbox_options *options, struct error *error)
{
    bool root = geteuid() == 0;
    /* Wants CAP_SETPCAP, which the change of user takes away. Refused: then there is nothing to drop. */
    for (unsigned long i = 0; prctl(PR_CAPBSET_READ, i, 0, 0, 0) >= 0; i++)
        prctl(PR_CAPBSET_DROP, i, 0, 0, 0);
    enum err e = root && options->user != NULL ? become_user(options->user, error) : ERR_OK;
    if (e == ERR_OK)
        e = drop_capabilities(error);
    if (e != ERR_OK)
        return e;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return fail_privileges(error, "set no_new_privs");
    /* No core file with mail in it, and no other process of this user may look inside. */
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        return fail_privileges(error, "clear dumpable");
    return ERR_OK;
}

enum err sandbox_enter(const struct sandbox_options *options, struct buf *ret_missing, struct error *error)
{
    enum err e = open_lazy_files(error);
    if (e == ERR_OK)
        e = drop_privileges(options, error);
    if (e == ERR_OK)
        e = sandbox_restrict_files(options, ret_missing, error);
    if (e == ERR_OK)
        e = sandbox_restrict_calls(options->role, ret_missing, error);
    return e;
}

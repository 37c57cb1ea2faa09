#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fdio.h"
#include "rt/sandbox_parts.h"

/*
 * The kernel's interface of 6.12 (ABI 6), since Debian 12's header ends at ABI 2. An older kernel is given
 * the shorter structure and only the rights that it knows.
 */
struct ruleset {
    uint64_t handled_access_fs;
    uint64_t handled_access_net; /* ABI 4 */
    uint64_t scoped;             /* ABI 6 */
};

/* ABI 4 */
struct port_rule {
    uint64_t allowed_access;
    uint64_t port;
};

enum {
    FS_REFER = 1 << 13,     /* ABI 2 */
    FS_TRUNCATE = 1 << 14,  /* ABI 3 */
    FS_IOCTL_DEV = 1 << 15, /* ABI 5 */
    FS_FIRST = (1 << 13) - 1,
    NET_BIND_TCP = 1 << 0,
    NET_CONNECT_TCP = 1 << 1,
    RULE_NET_PORT = 2,
    SCOPE_ABSTRACT_UNIX_SOCKET = 1 << 0,
    SCOPE_SIGNAL = 1 << 1,
};

enum {
    FS_READ = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR,
    FS_ON_FILES = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | FS_TRUNCATE,
    FS_OWN = FS_READ | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |
             LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
             FS_REFER | FS_TRUNCATE,
};

/*
 * What the store's libraries read while they run: iconv's modules (by dlopen, for which the store's filter of
 * calls lets files be mapped executable), time zones, SQLite's seed.
 */
static const char *const store_reads[] = {
    "/usr/lib/*/gconv", "/usr/lib/gconv",      "/usr/lib64/gconv", "/etc/ld.so.cache",
    "/etc/localtime",   "/usr/share/zoneinfo", "/dev/urandom",
};

static enum err allow(int ruleset, const char *path, uint64_t access, struct error *error)
{
    CLEANUP(fd_close) int fd = open(path, O_PATH | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0)
        return fail_errno(error, "open %s for Landlock", path);
    if (!S_ISDIR(st.st_mode))
        access &= FS_ON_FILES;
    const struct landlock_path_beneath_attr rule = {.allowed_access = access, .parent_fd = fd};
    if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0)
        return fail_errno(error, "Landlock rule for %s", path);
    return ERR_OK;
}

static enum err allow_store(int ruleset, const struct sandbox_options *options, uint64_t known,
                            struct error *error)
{
    enum err e = allow(ruleset, options->data_directory, FS_OWN & known, error);
    if (e == ERR_OK)
        e = allow(ruleset, options->run_directory, FS_OWN & known, error);
    for (size_t i = 0; e == ERR_OK && i < ARRAY_LEN(store_reads); i++) {
        glob_t found = {0};
        if (glob(store_reads[i], 0, NULL, &found) == 0)
            for (size_t k = 0; e == ERR_OK && k < found.gl_pathc; k++)
                e = allow(ruleset, found.gl_pathv[k], FS_READ, error);
        globfree(&found);
    }
    return e;
}

static uint64_t known_fs_rights(long abi)
{
    uint64_t known = FS_FIRST;
    if (abi >= 2)
        known |= FS_REFER;
    if (abi >= 3)
        known |= FS_TRUNCATE;
    if (abi >= 5)
        known |= FS_IOCTL_DEV;
    return known;
}

/* A connection may leave from an address that was chosen (`source-addresses`), but from no port that was. */
static enum err allow_any_port(int ruleset, struct error *error)
{
    const struct port_rule rule = {.allowed_access = NET_BIND_TCP, .port = 0};
    return syscall(SYS_landlock_add_rule, ruleset, RULE_NET_PORT, &rule, 0) == 0
               ? ERR_OK
               : fail_errno(error, "Landlock rule for TCP");
}

enum err sandbox_restrict_files(const struct sandbox_options *options, struct buf *ret_missing,
                                struct error *error)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (abi < 1) {
        sandbox_note_missing(ret_missing, "no Landlock in this kernel (%s): files are not restricted",
                             strerror(errno));
        return ERR_OK;
    }
    struct ruleset wanted = {.handled_access_fs = known_fs_rights(abi)};
    size_t size = sizeof(wanted.handled_access_fs);
    if (abi >= 4) {
        wanted.handled_access_net = NET_BIND_TCP | (options->role == ROLE_RELAY ? 0 : NET_CONNECT_TCP);
        size = offsetof(struct ruleset, scoped);
    } else {
        sandbox_note_missing(ret_missing, "Landlock ABI %ld has no rules for TCP", abi);
    }
    if (abi >= 6) {
        wanted.scoped = SCOPE_ABSTRACT_UNIX_SOCKET | SCOPE_SIGNAL;
        size = sizeof(wanted);
    }
    CLEANUP(fd_close) int ruleset = (int)syscall(SYS_landlock_create_ruleset, &wanted, size, 0);
    if (ruleset < 0)
        return fail_errno(error, "Landlock ruleset");
    enum err e = ERR_OK;
    if (options->role == ROLE_STORE)
        e = allow_store(ruleset, options, wanted.handled_access_fs, error);
    if (e == ERR_OK && options->role == ROLE_RELAY && abi >= 4)
        e = allow_any_port(ruleset, error);
    if (e == ERR_OK && syscall(SYS_landlock_restrict_self, ruleset, 0) != 0)
        e = fail_errno(error, "enter Landlock");
    return e;
}

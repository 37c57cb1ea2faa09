/* The certificate that comes by ACME: its files, and whether a new chain is good. */
#include <errno.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fdio.h"
#include "rt/acme_material.h"
#include "rt/certificates_parts.h"
#include "rt/ipc.h"
#include "rt/sandbox.h"
#include "rt/tls.h"
#include "rt/tls_request.h"

enum { CHECK_SECONDS = 10, MISSING_MAX = 1000 };

#define ACCOUNT_KEY "acme-account.key.pem"

static void chain_name(const struct settings *settings, char ret_name[static CERTIFICATE_NAME_MAX])
{
    snprintf(ret_name, CERTIFICATE_NAME_MAX, "%s.acme.pem", settings->hostname);
}

enum err certificates_of_acme(const struct settings *settings, struct secret *s, bool *ret_there,
                              struct error *error)
{
    CLEANUP(fd_close) int folder = -1;
    CLEANUP(secret_release) struct secret own = SECRET_NONE;
    char file[CERTIFICATE_NAME_MAX];
    struct tls_context *context = NULL;
    struct error why;
    enum err e = certificates_self_signed(settings, &own, error); /* whose key it is */
    if (e == ERR_OK)
        e = certificates_folder(settings, &folder, error);
    if (e != ERR_OK)
        return e;
    chain_name(settings, file);
    *ret_there = false;
    if (faccessat(folder, file, F_OK, 0) != 0)
        return ERR_OK;
    buf_clear(&own.chain);
    e = certificates_read(folder, file, &own.chain, error);
    if (e != ERR_OK)
        return e;
    const struct tls_pem pem = {buf_slice(&own.chain), buf_slice(&own.key)};
    if (tls_context_create(&pem, 1, &context, &why) != ERR_OK) {
        LOG(LOG_WARN, NO_SID, "supervisor.acme_chain_unusable", F_CSTR("file", file), F_ERR(&why));
        return ERR_OK;
    }
    tls_context_unref(context);
    *ret_there = true;
    const struct secret empty = *s;
    *s = own;
    own = empty;
    return ERR_OK;
}

/* --- what relay needs --- */

static enum err account_key(int folder, struct buf *out, struct error *error)
{
    if (faccessat(folder, ACCOUNT_KEY, F_OK, 0) == 0)
        return certificates_read(folder, ACCOUNT_KEY, out, error);
    enum err e = tls_make_key(out, error);
    return e == ERR_OK ? certificates_write(folder, ACCOUNT_KEY, buf_slice(out), error) : e;
}

enum err certificates_material(const struct settings *settings, int *ret_fd, struct error *error)
{
    CLEANUP(fd_close) int folder = -1;
    CLEANUP(secret_release) struct secret own = SECRET_NONE;
    CLEANUP(secret_release) struct secret served = SECRET_NONE;
    CLEANUP(secret_buf_release) struct buf account = BUF(CERTIFICATE_FILE_MAX);
    CLEANUP(secret_buf_release) struct buf outside = BUF(CERTIFICATE_FILE_MAX);
    CLEANUP(buf_release) struct buf request = BUF(CERTIFICATE_FILE_MAX);
    CLEANUP(secret_buf_release) struct buf all = BUF(ACME_MATERIAL_MAX);
    bool there = false;
    *ret_fd = -1;
    if (settings->acme[0] == 0)
        return ERR_OK;
    enum err e = certificates_self_signed(settings, &own, error);
    if (e == ERR_OK)
        e = certificates_folder(settings, &folder, error);
    if (e == ERR_OK)
        e = certificates_of_acme(settings, &served, &there, error);
    if (e == ERR_OK)
        e = account_key(folder, &account, error);
    if (e == ERR_OK && settings->acme_kid[0] != 0)
        e = certificates_read(AT_FDCWD, settings->acme_key_file, &outside, error);
    if (e == ERR_OK)
        e = tls_make_request(buf_slice(&own.key), settings->acme_names, &request, error);
    if (e != ERR_OK)
        return e;
    const struct acme_material material = {.account_key = buf_slice(&account),
                                           .outside_key = slice_trim(buf_slice(&outside)),
                                           .request = buf_slice(&request),
                                           .chain = there ? buf_slice(&served.chain) : slice_none()};
    acme_material_put(&all, &material);
    return buf_failed(&all) ? fail_nomem(error) : ipc_memfd(buf_slice(&all), ret_fd, error);
}

/* --- a new chain --- */

/* It is for each of the names, by the key. */
static bool is_good(const struct settings *settings, const struct tls_pem *pem)
{
    struct tls_context *context;
    struct error error;
    if (tls_context_create(pem, 1, &context, &error) != ERR_OK)
        return false;
    tls_context_unref(context);
    BIO *bio = BIO_new_mem_buf(pem->chain.p, (int)pem->chain.n);
    X509 *leaf = bio != NULL ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    struct slice rest = slice_cstr(settings->acme_names);
    struct slice name;
    bool good = leaf != NULL;
    while (good && rest.n > 0) {
        slice_cut(rest, ' ', &name, &rest);
        good = X509_check_host(leaf, name.p, name.n, 0, NULL) == 1;
    }
    return good; /* the process ends: nothing is freed */
}

static void check_confined(const struct settings *settings, const struct tls_pem *pem) NORETURN;
static void check_confined(const struct settings *settings, const struct tls_pem *pem)
{
    CLEANUP(buf_release) struct buf missing = BUF(MISSING_MAX);
    struct error error;
    const struct sandbox_options options = {.role = ROLE_EDGE,
                                            .user = geteuid() == 0 ? settings->user_edge : NULL,
                                            .data_directory = settings->data_directory,
                                            .run_directory = settings->run_directory};
    alarm(CHECK_SECONDS);
    if (sandbox_enter(&options, &missing, &error) != ERR_OK)
        _exit(2);
    _exit(is_good(settings, pem) ? 0 : 1);
}

/* Bytes that a stranger may have chosen are not parsed by the supervisor before somebody else has. */
static enum err check_apart(const struct settings *settings, const struct tls_pem *pem, struct error *error)
{
    int status = -1;
    pid_t pid = fork();
    if (pid == 0)
        check_confined(settings, pem);
    if (pid < 0)
        return fail_errno(error, "fork");
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return ERR_OK;
    return fail_plain(error, ERR_INVALID,
                      "the authority's answer is no certificate for these names and this key");
}

static enum err replace(int folder, const char *file, struct slice chain, struct error *error)
{
    char new[CERTIFICATE_NAME_MAX + 8];
    snprintf(new, sizeof(new), "%s.new", file);
    enum err e = certificates_write(folder, new, chain, error);
    if (e != ERR_OK)
        return e;
    if (renameat(folder, new, folder, file) != 0 || fsync(folder) != 0)
        return fail_errno(error, "rename %s", new);
    return ERR_OK;
}

enum err certificates_take(const struct settings *settings, struct slice chain, struct error *error)
{
    CLEANUP(fd_close) int folder = -1;
    CLEANUP(secret_release) struct secret own = SECRET_NONE;
    char file[CERTIFICATE_NAME_MAX];
    if (settings->acme[0] == 0 || chain.n == 0 || chain.n > CERTIFICATE_FILE_MAX)
        return fail_plain(error, ERR_INVALID, "no certificate is expected");
    enum err e = certificates_self_signed(settings, &own, error);
    const struct tls_pem pem = {chain, buf_slice(&own.key)};
    if (e == ERR_OK)
        e = check_apart(settings, &pem, error);
    if (e == ERR_OK)
        e = certificates_folder(settings, &folder, error);
    chain_name(settings, file);
    return e == ERR_OK ? replace(folder, file, chain, error) : e;
}

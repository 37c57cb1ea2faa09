#include "rt/certificates.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fdio.h"
#include "rt/certificates_parts.h"
#include "rt/control.h"
#include "rt/tls.h"

void secret_release(struct secret *s)
{
    if (s->key.p != NULL)
        explicit_bzero(s->key.p, s->key.cap);
    buf_release(&s->chain);
    buf_release(&s->key);
}

void secret_buf_release(struct buf *b)
{
    if (b->p != NULL)
        explicit_bzero(b->p, b->cap);
    buf_release(b);
}

enum err certificates_read(int directory, const char *file, struct buf *out, struct error *error)
{
    CLEANUP(fd_close) int fd = openat(directory, file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return fail_plain(error, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "cannot read %s: %s", file,
                          strerror(errno));
    enum err e = fd_read_all(fd, out, error);
    return e == ERR_OK ? ERR_OK : fail_plain(error, e, "cannot read %s: %s", file, err_text(e));
}

/* ---- the self-signed one ---- */

enum err certificates_write(int directory, const char *file, struct slice pem, struct error *error)
{
    (void)unlinkat(directory, file, 0);
    CLEANUP(fd_close)
    int fd = openat(directory, file, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail_plain(error, ERR_IO, "cannot write %s: %s", file, strerror(errno));
    enum err e = fd_write_all(fd, pem, error);
    if (e == ERR_OK && fsync(fd) != 0)
        e = fail_errno(error, "fsync %s", file);
    return e;
}

/*
 * The tls folder lies in the store user's directory but belongs to the supervisor; a link or a folder of
 * somebody else in its place is not followed.
 */
enum err certificates_folder(const struct settings *settings, int *ret_fd, struct error *error)
{
    CLEANUP(fd_close) int data = open(settings->data_directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (data < 0 || (mkdirat(data, "tls", 0700) != 0 && errno != EEXIST))
        return fail_plain(error, ERR_IO, "cannot make %s/tls: %s", settings->data_directory, strerror(errno));
    CLEANUP(fd_close) int fd = openat(data, "tls", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0)
        return fail_plain(error, ERR_IO, "cannot open %s/tls: %s", settings->data_directory, strerror(errno));
    if (st.st_uid != geteuid() || (st.st_mode & 077) != 0)
        return fail_plain(error, ERR_DENIED, "%s/tls must belong to the user that starts posthorn, mode 0700",
                          settings->data_directory);
    *ret_fd = fd_take(&fd);
    return ERR_OK;
}

/* The key is written first: a chain is only there with its key. */
enum err certificates_self_signed(const struct settings *settings, struct secret *s, struct error *error)
{
    CLEANUP(fd_close) int folder = -1;
    enum err e = certificates_folder(settings, &folder, error);
    if (e != ERR_OK)
        return e;
    char chain_file[CERTIFICATE_NAME_MAX];
    char key_file[CERTIFICATE_NAME_MAX];
    snprintf(chain_file, sizeof(chain_file), "%s.chain.pem", settings->hostname);
    snprintf(key_file, sizeof(key_file), "%s.key.pem", settings->hostname);
    if (faccessat(folder, chain_file, F_OK, 0) == 0) {
        e = certificates_read(folder, chain_file, &s->chain, error);
        return e != ERR_OK ? e : certificates_read(folder, key_file, &s->key, error);
    }
    e = tls_make_self_signed(settings->hostname, &s->chain, &s->key, error);
    if (e == ERR_OK)
        e = certificates_write(folder, key_file, buf_slice(&s->key), error);
    if (e == ERR_OK)
        e = certificates_write(folder, chain_file, buf_slice(&s->chain), error);
    if (e == ERR_OK)
        LOG(LOG_INFO, NO_SID, "supervisor.certificate_made", F_CSTR("host", settings->hostname),
            F_CSTR("file", chain_file));
    return e;
}

/* ---- all ---- */

static enum err check_one(const struct tls_pem *pem, const char *file, struct error *error)
{
    struct tls_context *context;
    struct error why;
    if (tls_context_create(pem, 1, &context, &why) != ERR_OK)
        return fail_plain(error, ERR_INVALID, "certificate %s cannot be used: %s", file, why.detail);
    tls_context_unref(context);
    return ERR_OK;
}

static enum err put_one(struct buf *all, const struct secret *s, const char *file, struct error *error)
{
    const struct tls_pem pem = {buf_slice(&s->chain), buf_slice(&s->key)};
    enum err e = check_one(&pem, file, error);
    if (e == ERR_OK)
        control_put_certificate(all, &pem);
    return e;
}

/* What nobody named: what ACME has brought, or, where there is no other, the self-signed one. */
static enum err put_own(const struct settings *settings, struct buf *all, struct error *error)
{
    CLEANUP(secret_release) struct secret s = SECRET_NONE;
    bool there = false;
    enum err e = settings->acme[0] != 0 ? certificates_of_acme(settings, &s, &there, error) : ERR_OK;
    if (e == ERR_OK && !there && settings->certificate_count > 0)
        return ERR_OK;
    if (e == ERR_OK && !there)
        e = certificates_self_signed(settings, &s, error);
    return e == ERR_OK ? put_one(all, &s, there ? "of ACME" : "the self-signed one", error) : e;
}

enum err certificates_load(const struct settings *settings, int *ret_fd, struct error *error)
{
    CLEANUP(secret_buf_release) struct buf all = BUF(CONTROL_CERTIFICATES_BYTES_MAX);
    enum err e = put_own(settings, &all, error);
    for (size_t i = 0; e == ERR_OK && i < settings->certificate_count; i++) {
        CLEANUP(secret_release) struct secret s = SECRET_NONE;
        const struct certificate_setting *named = &settings->certificates[i];
        e = certificates_read(AT_FDCWD, named->chain_file, &s.chain, error);
        if (e == ERR_OK)
            e = certificates_read(AT_FDCWD, named->key_file, &s.key, error);
        if (e == ERR_OK)
            e = put_one(&all, &s, named->chain_file, error);
    }
    if (e != ERR_OK)
        return e;
    if (buf_failed(&all))
        return fail_plain(error, ERR_LIMIT, "the certificates have more than %d bytes together",
                          CONTROL_CERTIFICATES_BYTES_MAX);
    return ipc_memfd(buf_slice(&all), ret_fd, error);
}

enum err certificates_client_ca(const struct settings *settings, struct buf *out, struct error *error)
{
    CLEANUP(buf_release) struct buf pem = BUF(CERTIFICATE_FILE_MAX);
    struct client_ca *ca;
    struct error why;
    const char *file = settings->client_ca_file;
    if (file == NULL)
        return ERR_OK;
    enum err e = certificates_read(AT_FDCWD, file, &pem, error);
    if (e != ERR_OK)
        return e;
    if (client_ca_create(buf_slice(&pem), &ca, &why) != ERR_OK)
        return fail_plain(error, ERR_INVALID, "client-ca %s cannot be used: %s", file, why.client);
    client_ca_unref(ca);
    buf_put(out, buf_slice(&pem));
    return ERR_OK;
}

#include "store/generation.h"

#include <unistd.h>

#include "base/fdio.h"

enum { TEXT_MAX = 64 };

/* "17 used\n" or "17 clean\n": readable for people, and shorter than a sector. */
static enum err write_state(int fd, int64_t generation, const char *state, struct error *error)
{
    char text[TEXT_MAX];
    int n = snprintf(text, sizeof(text), "%lld %s\n", (long long)generation, state);
    enum err err = fd_pwrite_all(fd, slice_of(text, (size_t)n), 0, error);
    if (err != ERR_OK)
        return err;
    if (ftruncate(fd, n) < 0)
        return fail_errno(error, "truncate generation");
    return fdatasync(fd) < 0 ? fail_errno(error, "fdatasync generation") : ERR_OK;
}

enum err generation_begin(struct volume *volume, int *ret_fd, int64_t *ret_generation, struct error *error)
{
    CLEANUP(fd_close) int fd = -1;
    enum err err = volume_file_open(volume, "generation", true, &fd, error);
    if (err != ERR_OK)
        return err;
    char text[TEXT_MAX];
    ssize_t n = pread(fd, text, sizeof(text), 0);
    if (n < 0)
        return fail_errno(error, "read generation");
    struct slice number, state;
    uint64_t generation = 0;
    slice_cut(slice_trim(slice_of(text, (size_t)n)), ' ', &number, &state);
    if (n > 0 && (!slice_to_u64(number, &generation) || generation >= INT64_MAX))
        return fail(error, ERR_CORRUPT, NULL, "the file generation holds no number");
    if (!slice_eq(state, S("clean")))
        generation++;
    err = write_state(fd, (int64_t)generation, "used", error);
    if (err != ERR_OK)
        return err;
    *ret_fd = fd_take(&fd);
    *ret_generation = (int64_t)generation;
    return ERR_OK;
}

void generation_end(int *fd, int64_t generation)
{
    struct error ignored; /* then the next start takes it for a crash, which costs only time */
    if (write_state(*fd, generation, "clean", &ignored) == ERR_OK)
        fd_close(fd);
    fd_close(fd);
}

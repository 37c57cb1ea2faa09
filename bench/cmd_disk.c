/* How many small durable writes the disk does: what bounds every server that keeps its promises. */
#include <fcntl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fdio.h"
#include "bench/commands.h"

enum { DISK_BLOCK = 4096 };

enum err command_disk(const struct options *options, struct report *report, struct error *error)
{
    static const char block[DISK_BLOCK];
    CLEANUP(samples_release) struct samples times = {0};
    CLEANUP(fd_close) int fd = open(options->file, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail_errno(error, "%s", options->file);
    enum err err = ERR_OK;
    int64_t start = clock_mono_us(), now = start;
    while (err == ERR_OK && now < start + options->seconds * CLOCK_SECOND) {
        int64_t before = now;
        err = fd_write_all(fd, slice_of(block, sizeof(block)), error);
        if (err == ERR_OK && fdatasync(fd) != 0)
            err = fail_errno(error, "fdatasync");
        now = clock_mono_us();
        samples_add(&times, (double)(now - before));
    }
    (void)unlink(options->file);
    report_add(report, "rate", (double)times.count * CLOCK_SECOND / (double)(now - start), "/s");
    report_times(report, &times);
    return err;
}

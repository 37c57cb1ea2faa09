#include "admin/cli_progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "admin/cli_parts.h"
#include "admin/size.h"
#include "base/clock.h"
#include "base/utf8.h"

#define TELL_EVERY_US (200 * CLOCK_MS)

enum { NAME_WIDTH = 30 };

void cli_progress_folder(struct cli_progress *progress, struct slice folder, uint64_t messages,
                         uint64_t bytes)
{
    CLEANUP(buf_release) struct buf name = BUF(sizeof(progress->folder) - 1);
    cli_progress_wipe(progress);
    *progress = (struct cli_progress){
        .terminal = isatty(STDERR_FILENO) != 0,
        .begun_us = clock_mono_us(),
        .messages_total = messages,
        .bytes_total = bytes,
    };
    cli_put_safe(&name, utf8_cut(folder, NAME_WIDTH));
    snprintf(progress->folder, sizeof(progress->folder), "%.*s", SLICE_ARGS(buf_slice(&name)));
}

static void tell(struct cli_progress *progress, int64_t now)
{
    char done[SIZE_TEXT_MAX];
    char total[SIZE_TEXT_MAX];
    char rate[SIZE_TEXT_MAX];
    double seconds = (double)(now - progress->begun_us) / CLOCK_SECOND;
    double a_second = seconds > 0 ? (double)progress->bytes / seconds : 0;
    uint64_t left = progress->bytes_total - MIN(progress->bytes, progress->bytes_total);
    uint64_t eta = a_second >= 1 ? (uint64_t)((double)left / a_second) : 0;
    size_text(progress->bytes, done);
    size_text(progress->bytes_total, total);
    size_text((uint64_t)a_second, rate);
    fprintf(stderr, "\r%s  %" PRIu64 "/%" PRIu64 "  %s/%s  %s/s  ETA %" PRIu64 ":%02" PRIu64 "\x1b[K",
            progress->folder, progress->messages, progress->messages_total, done, total, rate, eta / 60,
            eta % 60);
    fflush(stderr);
    progress->shown = true;
    progress->told_us = now;
}

void cli_progress_step(struct cli_progress *progress, uint64_t messages, uint64_t bytes)
{
    progress->messages += messages;
    progress->bytes += bytes;
    int64_t now = clock_mono_us();
    if (progress->terminal && now - progress->told_us >= TELL_EVERY_US)
        tell(progress, now);
}

void cli_progress_wipe(struct cli_progress *progress)
{
    if (progress->shown)
        fputs("\r\x1b[K", stderr);
    progress->shown = false;
}

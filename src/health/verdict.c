#include "health/verdict.h"

#include <stdarg.h>

#include "base/must.h"

enum { SECONDS_A_DAY = 24 * 60 * 60 };

/* What a check looks at, and where it writes what it found. */
struct judging {
    const struct metrics_sample *now;
    const struct metrics_sample *before;
    int64_t now_seconds;
    char *text;
};

typedef enum verdict_level check_fn(struct judging *j);

static enum verdict_level found(struct judging *j, enum verdict_level level, const char *format, ...)
    FORMAT(3, 4);
static enum verdict_level found(struct judging *j, enum verdict_level level, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(j->text, VERDICT_TEXT_MAX, format, args);
    va_end(args);
    return level;
}

static const char *const processes[] = {
#define X(name, text) text,
    METRIC_PROCESS_TABLE(X)
#undef X
};

static enum verdict_level process_down(struct judging *j)
{
    for (unsigned i = 0; i < METRIC_PROCESS_COUNT; i++)
        if (metric_of(j->now, PROCESS_ID, i) == 0)
            return found(j, VERDICT_FAILING, "%s does not run; the log says why (supervisor.worker_ended)",
                         processes[i]);
    return VERDICT_OK;
}

static enum verdict_level process_restarts(struct judging *j)
{
    for (unsigned i = 0; i < METRIC_PROCESS_COUNT; i++) {
        int64_t deaths = metric_of(j->now, PROCESS_DEATHS, i) - metric_of(j->before, PROCESS_DEATHS, i);
        if (deaths >= VERDICT_RESTARTS)
            return found(j, VERDICT_WARNING, "%s ended %lld times in five minutes", processes[i],
                         (long long)deaths);
    }
    return VERDICT_OK;
}

static enum verdict_level accounts_broken(struct judging *j)
{
    int64_t broken = metric_of(j->now, ACCOUNTS_BROKEN, METRIC_ONE);
    if (broken <= 0)
        return VERDICT_OK;
    return found(j, VERDICT_FAILING,
                 "%lld account%s closed until a restart, since bringing data to the disk failed: look at the "
                 "disk, then restart",
                 (long long)broken, broken == 1 ? " is" : "s are");
}

static enum verdict_level queue_broken(struct judging *j)
{
    if (metric_of(j->now, QUEUE_BROKEN, METRIC_ONE) == 0)
        return VERDICT_OK;
    return found(j, VERDICT_FAILING,
                 "no mail is taken until a restart, since bringing the queue to the disk failed: look at the "
                 "disk, then restart");
}

static enum verdict_level sync_failed(struct judging *j)
{
    int64_t failures = 0;
    for (unsigned i = 0; i < METRIC_SYNC_COUNT; i++)
        failures += metric_of(j->now, SYNC_FAILURES, i) - metric_of(j->before, SYNC_FAILURES, i);
    if (failures <= 0)
        return VERDICT_OK;
    return found(j, VERDICT_WARNING, "bringing data to the disk failed %lld time%s in five minutes",
                 (long long)failures, failures == 1 ? "" : "s");
}

/* 0 of 0 is a file system that doesn't count. */
static enum verdict_level judge_room(struct judging *j, int64_t free, int64_t size, int64_t enough,
                                     const char *what)
{
    if (size <= 0 || free >= enough || free / VERDICT_LOW_PERCENT >= size / 100)
        return VERDICT_OK;
    bool full = free / VERDICT_FULL_PERCENT < size / 100;
    return found(j, full ? VERDICT_FAILING : VERDICT_WARNING, "%lld %% of the %s free in the data directory",
                 (long long)(free / (size / 100 + 1)), what);
}

static enum verdict_level disk_space(struct judging *j)
{
    return judge_room(j, metric_of(j->now, DISK_FREE, METRIC_ONE), metric_of(j->now, DISK_SIZE, METRIC_ONE),
                      VERDICT_DISK_ENOUGH, "disk space is");
}

static enum verdict_level disk_inodes(struct judging *j)
{
    return judge_room(j, metric_of(j->now, DISK_INODES_FREE, METRIC_ONE),
                      metric_of(j->now, DISK_INODES, METRIC_ONE), INT64_MAX, "inodes are");
}

static enum verdict_level certificate(struct judging *j)
{
    int64_t end = metric_of(j->now, CERTIFICATE_END, METRIC_ONE);
    int64_t days = (end - j->now_seconds) / SECONDS_A_DAY;
    if (end == 0 || days >= VERDICT_CERTIFICATE_DAYS)
        return VERDICT_OK;
    if (end <= j->now_seconds)
        return found(j, VERDICT_FAILING, "a certificate has expired");
    return found(j, VERDICT_WARNING, "a certificate expires in %lld day%s", (long long)days,
                 days == 1 ? "" : "s");
}

static enum verdict_level acme(struct judging *j)
{
    int64_t failures = metric_of(j->now, ACME_FAILURES, METRIC_ONE);
    if (failures <= 0)
        return VERDICT_OK;
    return found(j, VERDICT_WARNING,
                 "no new certificate could be had, %lld time%s in a row; posthorn certificate list says why",
                 (long long)failures, failures == 1 ? "" : "s");
}

static enum verdict_level queue_stuck(struct judging *j)
{
    int64_t age = metric_of(j->now, QUEUE_OLDEST, METRIC_QUEUE_FILING);
    if (age < VERDICT_STUCK_SECONDS)
        return VERDICT_OK;
    return found(j, VERDICT_WARNING, "a message has waited %lld minutes to be filed", (long long)age / 60);
}

static const struct {
    const char *what;
    check_fn *check;
} checks[] = {
#define X(name, text) {text, name},
    VERDICT_TABLE(X)
#undef X
};

const char *verdict_level_name(enum verdict_level level)
{
    static const char *const names[] = {
        [VERDICT_OK] = "ok", [VERDICT_WARNING] = "warning", [VERDICT_FAILING] = "failing"};
    must(level < ARRAY_LEN(names));
    return names[level];
}

enum verdict_level verdict_judge(const struct metrics_sample *now, const struct metrics_sample *before,
                                 int64_t now_seconds, struct verdict ret_verdicts[static VERDICTS_MAX],
                                 size_t *ret_count)
{
    enum verdict_level worst = VERDICT_OK;
    size_t count = 0;
    for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
        struct verdict *verdict = &ret_verdicts[count];
        struct judging j = {now, before, now_seconds, verdict->text};
        enum verdict_level level = checks[i].check(&j);
        if (level == VERDICT_OK)
            continue;
        verdict->what = checks[i].what;
        verdict->level = level;
        worst = MAX(worst, level);
        count++;
    }
    *ret_count = count;
    return worst;
}

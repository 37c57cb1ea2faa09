#include "rt/metrics.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fdio.h"
#include "base/must.h"

struct shard {
    _Alignas(64) _Atomic int64_t cells[METRIC_CELLS];
};
struct metrics_page {
    struct shard shards[METRIC_SHARDS];
};

/* Before metrics_adopt. */
static struct metrics_page private_page;
static struct metrics_page *own_page = &private_page;

#define X(name, text) text,
static const char *const ONE_values[] = {METRIC_ONE_TABLE(X)};
static const char *const PROCESS_values[] = {METRIC_PROCESS_TABLE(X)};
static const char *const PROTOCOL_values[] = {METRIC_PROTOCOL_TABLE(X)};
static const char *const TLS_values[] = {METRIC_TLS_TABLE(X)};
static const char *const LOGIN_values[] = {METRIC_LOGIN_TABLE(X)};
static const char *const REFUSAL_values[] = {METRIC_REFUSAL_TABLE(X)};
static const char *const DELIVERY_values[] = {METRIC_DELIVERY_TABLE(X)};
static const char *const SEND_values[] = {METRIC_SEND_TABLE(X)};
static const char *const QUEUE_values[] = {METRIC_QUEUE_TABLE(X)};
static const char *const DIRECTION_values[] = {METRIC_DIRECTION_TABLE(X)};
static const char *const SYNC_values[] = {METRIC_SYNC_TABLE(X)};
#undef X

#define X(name, key, first, key2, second)                            \
    static const struct metric_labels labels_##name = {              \
        .keys = {key, key2},                                         \
        .values = {first##_values, second##_values},                 \
        .counts = {METRIC_##first##_COUNT, METRIC_##second##_COUNT}, \
    };
METRIC_LABELS_TABLE(X)
#undef X

static const struct metric_family families[] = {
#define X(id, kind_name, labels_name, outside, text) \
    {.name = outside,                                \
     .help = text,                                   \
     .kind = METRIC_##kind_name,                     \
     .at = METRIC_AT_##id,                           \
     .width = METRIC_WIDTH_##kind_name,              \
     .series = METRIC_SERIES_##labels_name,          \
     .labels = &labels_##labels_name},
    METRIC_TABLE(X)
#undef X
};

static const int64_t bounds[] = {
#define X(bound) bound,
    METRIC_BUCKET_TABLE(X)
#undef X
};

/* --- counting --- */

/* The calling thread may move to another CPU in between: then two meet in one cell, and still add up. */
static _Atomic int64_t *cell_here(unsigned cell)
{
    must(cell < METRIC_CELLS);
    return &own_page->shards[(unsigned)sched_getcpu() % METRIC_SHARDS].cells[cell];
}

void metric_cell_add(unsigned cell, int64_t by)
{
    atomic_fetch_add_explicit(cell_here(cell), by, memory_order_relaxed);
}

void metric_cell_set(unsigned cell, int64_t value)
{
    must(cell < METRIC_CELLS);
    atomic_store_explicit(&own_page->shards[0].cells[cell], value, memory_order_relaxed);
}

void metric_cell_observe(unsigned cell, int64_t us)
{
    unsigned bucket = 0;
    while (bucket < METRIC_BUCKETS && us > bounds[bucket])
        bucket++;
    metric_cell_add(cell + bucket, 1);
    metric_cell_add(cell + METRIC_BUCKETS + 1, us);
}

enum metric_protocol metric_protocol(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(PROTOCOL_values); i++) {
        size_t n = strlen(PROTOCOL_values[i]);
        if (strncmp(name, PROTOCOL_values[i], n) == 0 && (name[n] == 0 || strcmp(name + n, "s") == 0))
            return (enum metric_protocol)i;
    }
    return METRIC_OTHER_PROTOCOL;
}

/* --- reading --- */

void metrics_read(const struct metrics_page *page, struct metrics_sample *sample)
{
    /* Wrapping around, since what a broken process wrote may be anything. */
    for (size_t shard = 0; shard < METRIC_SHARDS; shard++)
        for (size_t i = 0; i < METRIC_CELLS; i++)
            sample->cells[i] = (int64_t)((uint64_t)sample->cells[i] +
                                         (uint64_t)atomic_load_explicit(&page->shards[shard].cells[i],
                                                                        memory_order_relaxed));
}

const struct metrics_page *metrics_own(void)
{
    return own_page;
}

const struct metric_family *metric_families(size_t *ret_count)
{
    *ret_count = ARRAY_LEN(families);
    return families;
}

int64_t metric_bucket_bound_us(unsigned bucket)
{
    must(bucket < METRIC_BUCKETS);
    return bounds[bucket];
}

/* --- sharing --- */

enum err metrics_share(int *ret_fd, struct error *error)
{
    CLEANUP(fd_close) int fd = memfd_create("posthorn-metrics", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0 || ftruncate(fd, sizeof(struct metrics_page)) != 0)
        return fail_errno(error, "a page of metrics");
    /* A reader's memory must not go away because the writer cuts the file. */
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
        return fail_errno(error, "seal a page of metrics");
    *ret_fd = fd_take(&fd);
    return ERR_OK;
}

static enum err map_page(int fd, int protection, void **ret_page, struct error *error)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return fail_errno(error, "a page of metrics");
    if (st.st_size != sizeof(struct metrics_page))
        return fail(error, ERR_INVALID, NULL, "a page of metrics of %lld bytes", (long long)st.st_size);
    void *page = mmap(NULL, sizeof(struct metrics_page), protection, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED)
        return fail_errno(error, "map a page of metrics");
    *ret_page = page;
    return ERR_OK;
}

/* What a process that died left in it. */
static void clear_cell(unsigned cell)
{
    for (size_t shard = 0; shard < METRIC_SHARDS; shard++)
        atomic_store_explicit(&own_page->shards[shard].cells[cell], 0, memory_order_relaxed);
}

enum err metrics_adopt(int fd, struct error *error)
{
    void *page;
    enum err err = map_page(fd, PROT_READ | PROT_WRITE, &page, error);
    if (err != ERR_OK)
        return err;
    own_page = page;
    for (size_t i = 0; i < ARRAY_LEN(families); i++)
        if (families[i].kind == METRIC_GAUGE)
            for (unsigned k = 0; k < families[i].series; k++)
                clear_cell(families[i].at + k);
    return ERR_OK;
}

enum err metrics_view(int fd, const struct metrics_page **ret_page, struct error *error)
{
    void *page;
    enum err err = map_page(fd, PROT_READ, &page, error);
    if (err == ERR_OK)
        *ret_page = page;
    return err;
}

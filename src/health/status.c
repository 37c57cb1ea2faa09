#include "health/status.h"

#include "health/verdict.h"

/* The values of a label, for the keys of an object. */
#define X(name, text) text,
static const char *const processes[] = {METRIC_PROCESS_TABLE(X)};
static const char *const protocols[] = {METRIC_PROTOCOL_TABLE(X)};
static const char *const states[] = {METRIC_QUEUE_TABLE(X)};
#undef X

static void append(json_t *list, json_t *value)
{
    json_array_append_new(list, value);
}

static json_t *put_processes(const struct metrics_sample *now, int64_t seconds)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < METRIC_PROCESS_COUNT; i++) {
        int64_t pid = metric_of(now, PROCESS_ID, i);
        int64_t start = metric_of(now, PROCESS_START, i);
        append(list, json_pack("{s:s,s:I,s:I,s:I,s:I}", "process", processes[i], "pid", (json_int_t)pid,
                               "memory", (json_int_t)metric_of(now, PROCESS_MEMORY, i), "up",
                               (json_int_t)(pid != 0 ? MAX(seconds - start, INT64_C(0)) : 0), "restarts",
                               (json_int_t)metric_of(now, PROCESS_DEATHS, i)));
    }
    return list;
}

static json_t *put_sessions(const struct metrics_sample *now)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < METRIC_PROTOCOL_COUNT; i++)
        append(list,
               json_pack("{s:s,s:I,s:I}", "protocol", protocols[i], "tls",
                         (json_int_t)metric_of(now, SESSIONS, METRIC_SESSION(i, METRIC_IN_TLS)), "clear",
                         (json_int_t)metric_of(now, SESSIONS, METRIC_SESSION(i, METRIC_IN_CLEAR))));
    return list;
}

static json_t *put_queue(const struct metrics_sample *now)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < METRIC_QUEUE_COUNT; i++)
        append(list, json_pack("{s:s,s:I,s:I}", "state", states[i], "messages",
                               (json_int_t)metric_of(now, QUEUE, i), "oldest",
                               (json_int_t)metric_of(now, QUEUE_OLDEST, i)));
    return list;
}

/* All series of a counter, or of its every `step`th, from `first` on. */
static int64_t sum(const struct metrics_sample *sample, unsigned at, unsigned series, unsigned first,
                   unsigned step)
{
    int64_t sum = 0;
    for (unsigned i = first; i < series; i += step)
        sum += sample->cells[at + i];
    return sum;
}

#define SUM(sample, name, labels) sum(sample, METRIC_AT_##name, METRIC_SERIES_##labels, 0, 1)

static json_t *put_counts(const struct metrics_sample *sample)
{
    int64_t all = SUM(sample, LOGINS, LOGIN);
    int64_t good = sum(sample, METRIC_AT_LOGINS, METRIC_SERIES_LOGIN, METRIC_LOGIN_OK, METRIC_LOGIN_COUNT);
    return json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "relayed",
                     (json_int_t)metric_of(sample, SENDS, METRIC_SENT), "messages",
                     (json_int_t)SUM(sample, MESSAGES, PROTOCOL), "filed",
                     (json_int_t)metric_of(sample, DELIVERIES, METRIC_DELIVERY_FILED), "deferred",
                     (json_int_t)metric_of(sample, DELIVERIES, METRIC_DELIVERY_DEFERRED), "failed",
                     (json_int_t)metric_of(sample, DELIVERIES, METRIC_DELIVERY_FAILED), "refused",
                     (json_int_t)SUM(sample, REFUSALS, REFUSAL), "logins", (json_int_t)good, "logins-failed",
                     (json_int_t)(all - good));
}

/* What came since then. */
static json_t *put_since(struct gatherer *gatherer, const struct metrics_sample *now, int64_t seconds)
{
    struct metrics_sample since;
    int64_t age_us;
    gather_before(gatherer, seconds, &since, &age_us);
    for (size_t i = 0; i < METRIC_CELLS; i++)
        since.cells[i] = (int64_t)((uint64_t)now->cells[i] - (uint64_t)since.cells[i]);
    json_t *counts = put_counts(&since);
    if (counts != NULL)
        json_object_set_new(counts, "seconds", json_integer((age_us + CLOCK_SECOND / 2) / CLOCK_SECOND));
    return counts;
}

static json_t *put_problems(struct gatherer *gatherer, const struct metrics_sample *now, int64_t seconds,
                            enum verdict_level *ret_worst)
{
    struct verdict verdicts[VERDICTS_MAX];
    struct metrics_sample before;
    int64_t age_us;
    size_t count;
    json_t *list = json_array();
    gather_before(gatherer, GATHER_HISTORY_SECONDS, &before, &age_us);
    *ret_worst = verdict_judge(now, &before, seconds, verdicts, &count);
    for (size_t i = 0; i < count; i++)
        append(list, json_pack("{s:s,s:s,s:s}", "what", verdicts[i].what, "level",
                               verdict_level_name(verdicts[i].level), "text", verdicts[i].text));
    return list;
}

json_t *status_json(struct gatherer *gatherer)
{
    struct metrics_sample now;
    enum verdict_level worst;
    int64_t seconds = clock_wall_us() / CLOCK_SECOND;
    gather_now(gatherer, &now);
    json_t *problems = put_problems(gatherer, &now, seconds, &worst);
    int64_t end = metric_of(&now, CERTIFICATE_END, METRIC_ONE);
    return json_pack("{s:s,s:s,s:I,s:o,s:o,s:o,s:o,s:o,s:{s:I,s:I},s:I,s:I,s:o}", "version", POSTHORN_VERSION,
                     "status", verdict_level_name(worst), "up",
                     (json_int_t)MAX(seconds - metric_of(&now, PROCESS_START, METRIC_SUPERVISOR), INT64_C(0)),
                     "processes", put_processes(&now, seconds), "sessions", put_sessions(&now), "minute",
                     put_since(gatherer, &now, 60), "five-minutes",
                     put_since(gatherer, &now, GATHER_HISTORY_SECONDS), "queue", put_queue(&now), "disk",
                     "size", (json_int_t)metric_of(&now, DISK_SIZE, METRIC_ONE), "free",
                     (json_int_t)metric_of(&now, DISK_FREE, METRIC_ONE), "open-accounts",
                     (json_int_t)metric_of(&now, ACCOUNTS_OPEN, METRIC_ONE), "certificate-ends",
                     (json_int_t)end, "problems", problems);
}

static int put_text(const char *text, size_t n, void *data)
{
    buf_put(data, slice_of(text, n));
    return 0;
}

void status_put_health(struct gatherer *gatherer, struct buf *out, bool *ret_well)
{
    struct metrics_sample now;
    enum verdict_level worst;
    gather_now(gatherer, &now);
    json_t *problems = put_problems(gatherer, &now, clock_wall_us() / CLOCK_SECOND, &worst);
    json_t *answer = json_pack("{s:s,s:o}", "status", verdict_level_name(worst), "problems", problems);
    if (answer == NULL)
        out->failed = true;
    else
        json_dump_callback(answer, put_text, out, JSON_COMPACT);
    buf_putc(out, '\n');
    json_decref(answer);
    *ret_well = worst != VERDICT_FAILING;
}

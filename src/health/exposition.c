#include "health/exposition.h"

#include "base/clock.h"

static const char *const kind_names[] = {
    [METRIC_COUNTER] = "counter", [METRIC_GAUGE] = "gauge", [METRIC_HISTOGRAM] = "histogram"};

/* `{a="b",c="d"}`, or nothing. */
static void put_labels(const struct metric_labels *labels, unsigned series, const char *le, struct buf *out)
{
    const unsigned at[] = {series / labels->counts[1], series % labels->counts[1]};
    char before = '{';
    for (size_t i = 0; i < ARRAY_LEN(at); i++) {
        if (labels->keys[i][0] == 0)
            continue;
        buf_printf(out, "%c%s=\"%s\"", before, labels->keys[i], labels->values[i][at[i]]);
        before = ',';
    }
    if (le != NULL) {
        buf_printf(out, "%cle=\"%s\"", before, le);
        before = ',';
    }
    if (before == ',')
        buf_putc(out, '}');
}

static void put_seconds(int64_t us, char *ret_text, size_t size)
{
    snprintf(ret_text, size, "%g", (double)us / (double)CLOCK_SECOND);
}

static void put_histogram(const struct metric_family *family, unsigned series, const int64_t *cells,
                          struct buf *out)
{
    char text[32];
    int64_t count = 0;
    for (unsigned i = 0; i <= METRIC_BUCKETS; i++) {
        count = (int64_t)((uint64_t)count + (uint64_t)cells[i]);
        if (i < METRIC_BUCKETS)
            put_seconds(metric_bucket_bound_us(i), text, sizeof(text));
        buf_printf(out, "%s_bucket", family->name);
        put_labels(family->labels, series, i < METRIC_BUCKETS ? text : "+Inf", out);
        buf_printf(out, " %lld\n", (long long)count);
    }
    snprintf(text, sizeof(text), "%.6f", (double)cells[METRIC_BUCKETS + 1] / (double)CLOCK_SECOND);
    buf_printf(out, "%s_sum", family->name);
    put_labels(family->labels, series, NULL, out);
    buf_printf(out, " %s\n%s_count", text, family->name);
    put_labels(family->labels, series, NULL, out);
    buf_printf(out, " %lld\n", (long long)count);
}

void exposition_put(const struct metrics_sample *sample, struct buf *out)
{
    size_t count;
    const struct metric_family *families = metric_families(&count);
    buf_put(out, S("# HELP posthorn_info The version that runs.\n# TYPE posthorn_info gauge\n"
                   "posthorn_info{version=\"" POSTHORN_VERSION "\"} 1\n"));
    for (size_t i = 0; i < count; i++) {
        const struct metric_family *family = &families[i];
        buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", family->name, family->help, family->name,
                   kind_names[family->kind]);
        for (unsigned k = 0; k < family->series; k++) {
            const int64_t *cells = &sample->cells[family->at + k * family->width];
            if (family->kind == METRIC_HISTOGRAM) {
                put_histogram(family, k, cells, out);
                continue;
            }
            buf_put(out, slice_cstr(family->name));
            put_labels(family->labels, k, NULL, out);
            buf_printf(out, " %lld\n", (long long)cells[0]);
        }
    }
}

#include "bench/report.h"

#include <jansson.h>

#include "base/clock.h"
#include "base/must.h"
#include "bench/process.h"

struct meter meter_start(const struct options *options)
{
    struct meter now = {.cpu_us =
                            options->pid_count > 0 ? process_cpu_us(options->pids, options->pid_count) : 0};
    now.wall_us = clock_mono_us();
    return now;
}

struct meter meter_stop(const struct options *options, struct meter start)
{
    struct meter spent = {.wall_us = clock_mono_us() - start.wall_us};
    if (options->pid_count > 0)
        spent.cpu_us = process_cpu_us(options->pids, options->pid_count) - start.cpu_us;
    return spent;
}

void report_add(struct report *report, const char *name, double value, const char *unit)
{
    must(report->count < REPORT_FIGURES_MAX);
    report->figures[report->count++] = (struct figure){name, value, unit};
}

void report_times(struct report *report, struct samples *samples)
{
    report_add(report, "p50", samples_percentile(samples, 50) / CLOCK_MS, "ms");
    report_add(report, "p99", samples_percentile(samples, 99) / CLOCK_MS, "ms");
    report_add(report, "most", samples_percentile(samples, 100) / CLOCK_MS, "ms");
}

void report_rate(struct report *report, const struct options *options, struct meter spent,
                 uint64_t operations)
{
    double seconds = (double)spent.wall_us / CLOCK_SECOND;
    report_add(report, "operations", (double)operations, "");
    report_add(report, "wall", seconds, "s");
    report_add(report, "rate", seconds > 0 ? (double)operations / seconds : 0, "/s");
    if (options->pid_count == 0 || operations == 0)
        return;
    report_add(report, "cpu", (double)spent.cpu_us / CLOCK_SECOND, "s");
    report_add(report, "cpu each", (double)spent.cpu_us / CLOCK_MS / (double)operations, "ms");
}

static void print_json(const struct report *report, const char *command, const struct options *options)
{
    json_t *figures = json_object();
    for (size_t i = 0; i < report->count; i++) {
        const struct figure *figure = &report->figures[i];
        json_object_set_new(figures, figure->name,
                            json_pack("{s:f, s:s}", "value", figure->value, "unit", figure->unit));
    }
    json_t *whole =
        json_pack("{s:s, s:i, s:i, s:I, s:o}", "command", command, "connections", (int)options->connections,
                  "accounts", (int)options->accounts, "size", (json_int_t)options->size, "figures", figures);
    json_dumpf(whole, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
    putchar('\n');
    json_decref(whole);
}

void report_print(const struct report *report, const char *command, const struct options *options)
{
    if (options->json) {
        print_json(report, command, options);
        return;
    }
    printf("%s\n", command);
    for (size_t i = 0; i < report->count; i++)
        printf("  %-20s %14.3f %s\n", report->figures[i].name, report->figures[i].value,
               report->figures[i].unit);
}

#include "rt/supervisor_measure.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fdio.h"
#include "base/must.h"

static enum metric_process label_of(enum worker_role role)
{
    static const enum metric_process labels[] = {
        [ROLE_EDGE] = METRIC_EDGE, [ROLE_RELAY] = METRIC_RELAY, [ROLE_STORE] = METRIC_STORE};
    must(role < ARRAY_LEN(labels));
    return labels[role];
}

enum err measure_open(struct measure *measure, struct error *error)
{
    enum err e = ERR_OK;
    for (size_t i = 0; e == ERR_OK && i < METRIC_PROCESSES; i++)
        e = metrics_share(&measure->pages[i], error);
    if (e == ERR_OK)
        e = metrics_adopt(measure->pages[METRIC_SUPERVISOR], error);
    if (e != ERR_OK)
        return e;
    metric_set(PROCESS_ID, METRIC_SUPERVISOR, getpid());
    metric_set(PROCESS_START, METRIC_SUPERVISOR, clock_wall_us() / CLOCK_SECOND);
    return ERR_OK;
}

void measure_close(struct measure *measure)
{
    for (size_t i = 0; i < METRIC_PROCESSES; i++)
        fd_close(&measure->pages[i]);
}

enum err measure_send(const struct measure *measure, const struct process *process, struct error *error)
{
    struct control m = {.type = CONTROL_METRICS};
    if (process->role == ROLE_STORE) {
        m.fd_count = METRIC_PROCESSES;
        memcpy(m.fds, measure->pages, sizeof(measure->pages));
    } else {
        m.fds[m.fd_count++] = measure->pages[label_of(process->role)];
    }
    return control_send(process->control, &m, error);
}

void measure_started(struct measure *measure, const struct process *process)
{
    measure->next_us = MIN(measure->next_us, clock_mono_us() + CLOCK_SECOND);
    metric_set(PROCESS_ID, label_of(process->role), process->pid);
    metric_set(PROCESS_START, label_of(process->role), clock_wall_us() / CLOCK_SECOND);
}

void measure_ended(const struct process *process)
{
    metric_set(PROCESS_ID, label_of(process->role), 0);
    metric_set(PROCESS_MEMORY, label_of(process->role), 0);
    metric_count(PROCESS_DEATHS, label_of(process->role));
}

/* "size resident shared ..." in pages; 0 when it can't be read. */
static uint64_t resident_bytes(pid_t pid)
{
    char path[40];
    char text[100];
    struct slice size, rest, resident;
    uint64_t pages;
    snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
    CLEANUP(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof(text)) : -1;
    if (n <= 0)
        return 0;
    slice_cut(slice_of(text, (size_t)n), ' ', &size, &rest);
    slice_cut(rest, ' ', &resident, &rest);
    return slice_to_u64(resident, &pages) ? pages * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

void measure_memory(struct measure *measure, const struct process *processes, size_t count)
{
    int64_t now = clock_mono_us();
    if (now < measure->next_us)
        return;
    measure->next_us = now + MEASURE_SECONDS * CLOCK_SECOND;
    metric_set(PROCESS_MEMORY, METRIC_SUPERVISOR, resident_bytes(getpid()));
    for (size_t i = 0; i < count; i++)
        if (processes[i].pid != 0)
            metric_set(PROCESS_MEMORY, label_of(processes[i].role), resident_bytes(processes[i].pid));
}

#include "bench/process.h"

#include <dirent.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fdio.h"

enum { STAT_MAX = 2048, STAT_FIELDS = 20 };

/* The fields of /proc/PID/stat that count here, by their place after the name in parentheses (proc(5)). */
enum stat_field { STAT_PARENT = 1, STAT_CHILDREN_USER = 13, STAT_CHILDREN_SYSTEM = 14 };

struct process {
    int pid;
    int parent;
    uint64_t children_ticks; /* of children that ended and were waited for */
};

struct process_list {
    struct process items[PROCESS_TREE_MAX];
    size_t count;
};

static struct slice read_proc(int pid, const char *name, char *text, size_t room)
{
    char path[64];
    (void)snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
    CLEANUP(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, room);
    return slice_of(text, n < 0 ? 0 : (size_t)n);
}

static bool read_process(int pid, struct process *ret)
{
    char text[STAT_MAX];
    struct slice stat = read_proc(pid, "stat", text, sizeof(text));
    ssize_t name_end = slice_rfind_char(stat, ')');
    if (name_end < 0)
        return false;
    struct slice field, rest = slice_from(stat, (size_t)name_end + 2);
    uint64_t values[STAT_FIELDS] = {0};
    for (size_t i = 0; i < STAT_FIELDS && rest.n > 0; i++) {
        (void)slice_cut(rest, ' ', &field, &rest);
        if (!slice_to_u64(field, &values[i]))
            values[i] = 0;
    }
    *ret = (struct process){.pid = pid,
                            .parent = (int)values[STAT_PARENT],
                            .children_ticks = values[STAT_CHILDREN_USER] + values[STAT_CHILDREN_SYSTEM]};
    return true;
}

static struct process_list *list_all(void)
{
    struct process_list *list = calloc(1, sizeof(*list));
    DIR *proc = list == NULL ? NULL : opendir("/proc");
    if (proc == NULL)
        return list;
    struct dirent *entry;
    while ((entry = readdir(proc)) != NULL && list->count < PROCESS_TREE_MAX) {
        uint32_t pid;
        if (slice_to_u32(slice_cstr(entry->d_name), &pid) &&
            read_process((int)pid, &list->items[list->count]))
            list->count++;
    }
    closedir(proc);
    return list;
}

static bool is_within(const struct process_list *list, const struct process *process, const int *pids,
                      size_t count)
{
    int pid = process->pid, parent = process->parent;
    for (int depth = 0; depth < 32 && pid > 1; depth++) {
        for (size_t i = 0; i < count; i++)
            if (pids[i] == pid)
                return true;
        pid = parent;
        parent = 0;
        for (size_t i = 0; i < list->count; i++)
            if (list->items[i].pid == pid)
                parent = list->items[i].parent;
    }
    return false;
}

static int64_t own_cpu_us(int pid)
{
    clockid_t clock;
    struct timespec time;
    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &time) != 0)
        return 0;
    return time.tv_sec * CLOCK_SECOND + time.tv_nsec / 1000;
}

static uint64_t own_memory(int pid)
{
    char text[STAT_MAX];
    struct slice line, rest = read_proc(pid, "smaps_rollup", text, sizeof(text));
    while (rest.n > 0) {
        (void)slice_cut(rest, '\n', &line, &rest);
        if (!slice_starts(line, S("Pss:")))
            continue;
        struct cursor c = cursor_of(slice_trim(slice_from(line, 4)));
        uint64_t kilobytes;
        return cursor_u64(&c, &kilobytes) ? kilobytes * 1024 : 0;
    }
    return 0;
}

int64_t process_cpu_us(const int *pids, size_t count)
{
    struct process_list *list = list_all();
    int64_t sum = 0;
    for (size_t i = 0; list != NULL && i < list->count; i++)
        if (is_within(list, &list->items[i], pids, count))
            sum += own_cpu_us(list->items[i].pid) +
                   (int64_t)list->items[i].children_ticks * CLOCK_SECOND / sysconf(_SC_CLK_TCK);
    free(list);
    return sum;
}

uint64_t process_memory(const int *pids, size_t count)
{
    struct process_list *list = list_all();
    uint64_t sum = 0;
    for (size_t i = 0; list != NULL && i < list->count; i++)
        if (is_within(list, &list->items[i], pids, count))
            sum += own_memory(list->items[i].pid);
    free(list);
    return sum;
}

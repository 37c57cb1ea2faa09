/* The machine: memory, descriptors, kernel, clock. */
#include <linux/landlock.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/timex.h>
#include <unistd.h>

#include "doctor/doctor.h"

enum {
    MEGABYTES_LEAST = 512,
    DESCRIPTORS_ENOUGH = 16384,
    LANDLOCK_ABI_TCP = 4, /* knows TCP */
};

void doctor_check_memory(struct doctor *doctor)
{
    struct sysinfo info;
    if (sysinfo(&info) != 0)
        return;
    unsigned long long total = (unsigned long long)info.totalram * info.mem_unit / 1024 / 1024;
    if (total >= MEGABYTES_LEAST)
        return;
    doctor_find(doctor, DOCTOR_WARNING, "the machine has %llu MB of memory", total);
    doctor_why(doctor, "Each check of a password takes 64 MB for a moment, and the databases want a cache.");
    doctor_cure(doctor, "Give the machine 1 GB.");
}

void doctor_check_descriptors(struct doctor *doctor)
{
    struct rlimit limit;
    if (prlimit(doctor->supervisor, RLIMIT_NOFILE, NULL, &limit) != 0 || limit.rlim_max == RLIM_INFINITY ||
        limit.rlim_max >= DESCRIPTORS_ENOUGH)
        return;
    doctor_find(doctor, DOCTOR_WARNING, "%s may have %llu open files",
                doctor->supervisor != 0 ? "the server" : "a server that this user starts",
                (unsigned long long)limit.rlim_max);
    doctor_why(doctor, "Every connection is one; mail programs hold theirs open all day.");
    doctor_cure(doctor,
                "systemctl edit posthorn, there: [Service] LimitNOFILE=524288; then systemctl restart "
                "posthorn");
}

void doctor_check_kernel(struct doctor *doctor)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (abi < 1) {
        doctor_find(doctor, DOCTOR_WARNING, "this kernel has no Landlock");
        doctor_why(doctor, "Should a worker be taken over, it is not kept from other files.");
        doctor_cure(doctor,
                    "Boot with lsm=landlock,... (cat /sys/kernel/security/lsm shows what is there), or "
                    "use Debian 12's kernel.");
    } else if (abi < LANDLOCK_ABI_TCP) {
        doctor_find(doctor, DOCTOR_OK, "Landlock keeps workers from files (ABI %ld, without TCP)", abi);
    }
    if (access("/proc/sys/kernel/seccomp/actions_avail", F_OK) != 0) {
        doctor_find(doctor, DOCTOR_WARNING, "this kernel has no seccomp");
        doctor_why(doctor, "Should a worker be taken over, it may use every system call.");
        doctor_cure(doctor, "Use a kernel with CONFIG_SECCOMP_FILTER, as Debian's are.");
    }
}

void doctor_check_system_clock(struct doctor *doctor)
{
    struct timex timex = {.modes = 0};
    if (adjtimex(&timex) != TIME_ERROR && (timex.status & STA_UNSYNC) == 0)
        return;
    doctor_find(doctor, DOCTOR_WARNING, "the clock is not synchronised");
    doctor_why(doctor,
               "Dates in mail, validity of certificates and tokens, and the retries of mail go by it.");
    doctor_cure(doctor, "apt install systemd-timesyncd; in a container the host's clock counts: look there.");
}

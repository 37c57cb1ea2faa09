/* The files: whose they are, where they lie, whether the databases have their heads. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/fdio.h"
#include "doctor/doctor.h"

enum { LOW_PERCENT = 10, FULL_PERCENT = 2, SQLITE_HEAD = 100 };
#define ENOUGH_BYTES (UINT64_C(20) << 30)
#define CIFS_SUPER UINT32_C(0xff534d42)
#define SMB2_SUPER UINT32_C(0xfe534d42)

static void check_directory(struct doctor *doctor, const char *path, const char *user, mode_t others)
{
    struct stat st;
    const struct passwd *entry = getpwnam(user);
    if (stat(path, &st) != 0) {
        if (errno == EACCES)
            doctor_find(doctor, DOCTOR_ADVICE, "%s can't be looked into by this user: run the doctor as root",
                        path);
        else
            doctor_find(doctor, DOCTOR_OK, "%s is not there yet; the server makes it when it starts", path);
        return;
    }
    if (!S_ISDIR(st.st_mode)) {
        doctor_find(doctor, DOCTOR_ERROR, "%s is no directory", path);
        doctor_cure(doctor, "Move it away, or name another in posthorn.conf.");
        return;
    }
    if (entry != NULL && geteuid() == 0 && st.st_uid != entry->pw_uid) {
        doctor_find(doctor, DOCTOR_ERROR, "%s belongs to user %u, not to %s", path, st.st_uid, user);
        doctor_why(doctor,
                   "The server refuses to start: files of others in its directory could be anything.");
        doctor_cure(doctor, "chown -R %s: %s", user, path);
    }
    if ((st.st_mode & others) != 0) {
        doctor_find(doctor, DOCTOR_ERROR, "%s is open to others (mode %03o)", path, st.st_mode & 0777);
        doctor_why(doctor, "Who has an account on this machine could read mail, or put files there.");
        doctor_cure(doctor, "chmod %s %s", (others & 0077) == 0077 ? "700" : "o=", path);
    }
}

void doctor_check_directories(struct doctor *doctor)
{
    const struct settings *s = doctor->settings;
    if (geteuid() == 0 && getpwnam(s->user_store) == NULL) {
        doctor_find(doctor, DOCTOR_ERROR, "there is no user %s", s->user_store);
        doctor_cure(doctor, "adduser --system --group --no-create-home %s", s->user_store);
    }
    check_directory(doctor, s->data_directory, s->user_store, 0077);
    check_directory(doctor, s->run_directory, s->user_store, 0002);
}

static void check_room(struct doctor *doctor, uint64_t free, uint64_t size, uint64_t enough, const char *what)
{
    if (size == 0 || free >= enough || free / LOW_PERCENT >= size / 100)
        return;
    bool full = free / FULL_PERCENT < size / 100;
    doctor_find(doctor, full ? DOCTOR_ERROR : DOCTOR_WARNING, "%llu %% of the %s of %s %s free",
                (unsigned long long)(free / (size / 100 + 1)), what, doctor->settings->data_directory,
                what[0] == 'i' ? "are" : "is");
    doctor_why(doctor,
               "When it is used up, mail is refused for the time being, and mailboxes can't be changed.");
    doctor_cure(doctor, "Enlarge the file system. `posthorn account list` shows who has how much.");
}

void doctor_check_disk(struct doctor *doctor)
{
    struct statvfs room;
    if (statvfs(doctor->settings->data_directory, &room) != 0)
        return;
    check_room(doctor, (uint64_t)room.f_bavail * room.f_frsize, (uint64_t)room.f_blocks * room.f_frsize,
               ENOUGH_BYTES, "space");
    check_room(doctor, room.f_favail, room.f_files, UINT64_MAX, "inodes");
}

void doctor_check_file_system(struct doctor *doctor)
{
    static const struct {
        uint32_t magic;
        const char *name;
        enum doctor_level level;
        const char *why;
    } bad[] = {
        {NFS_SUPER_MAGIC, "NFS", DOCTOR_ERROR, "SQLite's locks and syncs are not to be trusted there."},
        {CIFS_SUPER, "SMB", DOCTOR_ERROR, "SQLite's locks and syncs are not to be trusted there."},
        {SMB2_SUPER, "SMB", DOCTOR_ERROR, "SQLite's locks and syncs are not to be trusted there."},
        {TMPFS_MAGIC, "memory (tmpfs)", DOCTOR_WARNING,
         "All mail is gone with the next start of the machine."},
        {OVERLAYFS_SUPER_MAGIC, "a container's own layer (overlayfs)", DOCTOR_WARNING,
         "All mail is gone with the container."},
    };
    struct statfs fs;
    if (statfs(doctor->settings->data_directory, &fs) != 0)
        return;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if ((uint32_t)fs.f_type != bad[i].magic)
            continue;
        doctor_find(doctor, bad[i].level, "%s lies on %s", doctor->settings->data_directory, bad[i].name);
        doctor_why(doctor, "%s", bad[i].why);
        doctor_cure(
            doctor,
            "Put it on a disk of this machine (ext4, XFS, btrfs, ZFS), with `data` in posthorn.conf.");
    }
}

static uint32_t big_endian(const unsigned char *p, size_t n)
{
    uint32_t value = 0;
    for (size_t i = 0; i < n; i++)
        value = value << 8 | p[i];
    return value;
}

/* The head alone (SQLite's file format, 1.3): opening it could leave files of this user's behind, and the
 * server has it to itself. */
static void check_database(struct doctor *doctor, const char *name)
{
    char path[4096];
    unsigned char head[SQLITE_HEAD];
    struct stat st;
    struct error error;
    snprintf(path, sizeof(path), "%s/%s", doctor->settings->data_directory, name);
    CLEANUP(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0 || st.st_size == 0)
        return; /* not made yet, or not for this user: `directories` says that */
    const char *wrong = NULL;
    if (fd_pread_exact(fd, head, sizeof(head), 0, &error) != ERR_OK ||
        memcmp(head, "SQLite format 3", 16) != 0) {
        wrong = "is no SQLite database";
    } else {
        uint32_t page = big_endian(head + 16, 2);
        page = page == 1 ? 65536 : page;
        if (page < 512 || (uint64_t)st.st_size % page != 0)
            wrong = "does not end with a whole page";
        else if (!doctor->running && (uint64_t)big_endian(head + 28, 4) * page > (uint64_t)st.st_size)
            wrong = "is shorter than it says";
    }
    if (wrong == NULL)
        return;
    doctor_find(doctor, DOCTOR_ERROR, "%s %s", path, wrong);
    doctor_why(doctor, "The server can't work with it.");
    doctor_cure(doctor, "Stop the server, keep a copy of the file, and bring the last backup of it back.");
}

void doctor_check_databases(struct doctor *doctor)
{
    check_database(doctor, "directory.db");
    check_database(doctor, "queue.db");
}

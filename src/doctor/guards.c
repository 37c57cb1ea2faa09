/* What is asked about strangers: lists in the DNS, and milters. */
#include <arpa/inet.h>
#include <errno.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fdio.h"
#include "doctor/doctor.h"
#include "milter/connect.h"

enum { QUESTION_MAX = SETTINGS_LIST_ZONE_MAX + 32 };

enum list_state { LIST_SILENT, LIST_HAS_NOT, LIST_HAS, LIST_SAYS_NO };

/* What the list says of an entry of its own (RFC 5782 5). */
static enum list_state ask_entry(struct doctor *doctor, const struct list_setting *list, const char *entry)
{
    const struct list_setting any = {.zone = list->zone};
    char name[QUESTION_MAX];
    struct resolver_records records;
    struct error error;
    int64_t deadline = clock_mono_us() + DOCTOR_DNS_SECONDS * CLOCK_SECOND;
    enum list_state state = LIST_HAS_NOT;
    snprintf(name, sizeof(name), "%s.%s", entry, list->zone);
    if (resolver_records(doctor->resolver, slice_cstr(name), RESOLVER_A, deadline, &doctor->arena, &records,
                         &error) != ERR_OK)
        return LIST_SILENT;
    for (size_t i = 0; i < records.count; i++) {
        uint32_t address;
        if (records.data[i].n != sizeof(address))
            continue;
        memcpy(&address, records.data[i].p, sizeof(address));
        if (list_answer_counts(&any, ntohl(address)))
            return LIST_HAS;
        state = LIST_SAYS_NO;
    }
    return state;
}

static void check_list(struct doctor *doctor, const struct list_setting *list)
{
    const char *entry = list->of_names ? "test" : "2.0.0.127";
    if (ask_entry(doctor, list, list->of_names ? "invalid" : "1.0.0.127") == LIST_HAS) {
        doctor_find(doctor, DOCTOR_ERROR, "the list %s has everybody", list->zone);
        doctor_why(doctor, "It is a list no more: mail from all the world is judged by it.");
        doctor_cure(doctor, "Take the line of %s out of posthorn.conf and reload.", list->zone);
        return;
    }
    switch (ask_entry(doctor, list, entry)) {
    case LIST_SILENT:
        doctor_find(doctor, DOCTOR_WARNING, "the list %s does not answer", list->zone);
        doctor_why(doctor, "It keeps nobody out, and mail waits for its answer.");
        break;
    case LIST_HAS_NOT:
        doctor_find(doctor, DOCTOR_WARNING, "the list %s does not have %s, as every list does", list->zone,
                    entry);
        doctor_why(doctor, "Its name may be misspelt, or it is a list no more.");
        break;
    case LIST_SAYS_NO:
        doctor_find(doctor, DOCTOR_WARNING, "the list %s does not want to answer us", list->zone);
        doctor_why(doctor,
                   "Many lists answer no name server that everybody uses, and want to be asked first.");
        doctor_cure(doctor, "Let \"resolver\" be a name server of your own, or ask the list for access.");
        break;
    case LIST_HAS:
        break;
    }
}

void doctor_check_lists(struct doctor *doctor)
{
    for (size_t i = 0; i < doctor->settings->list_count; i++)
        check_list(doctor, &doctor->settings->lists[i]);
}

/* A worker has its user's own group and no others. */
static bool relay_may_connect(const struct doctor *doctor, const char *path)
{
    struct stat st;
    const struct passwd *user = getpwnam(doctor->settings->user_relay);
    if (geteuid() != 0 || user == NULL || stat(path, &st) != 0 || (st.st_mode & S_IWOTH) != 0)
        return true;
    return (st.st_uid == user->pw_uid && (st.st_mode & S_IWUSR) != 0) ||
           (st.st_gid == user->pw_gid && (st.st_mode & S_IWGRP) != 0);
}

static void check_milter(struct doctor *doctor, const struct milter_setting *milter)
{
    CLEANUP(fd_close) int fd = -1;
    struct error error;
    const char *user = doctor->settings->user_relay;
    struct slice address = slice_cstr(milter->address);
    int64_t deadline = clock_mono_us() + DOCTOR_PORT_SECONDS * CLOCK_SECOND;
    if (milter_dial(address, deadline, &fd, &error) != ERR_OK) {
        doctor_find(doctor, DOCTOR_ERROR, "the milter at %s can't be reached", milter->address);
        if (milter->accepts)
            doctor_why(doctor, "Mail passes without being looked at.");
        else
            doctor_why(doctor, "Mail that it should look at is told to come again later.");
        doctor_cure(doctor, "Start it, or correct its address in posthorn.conf.");
    } else if (slice_starts(address, S("unix:")) &&
               !relay_may_connect(doctor, milter->address + S("unix:").n)) {
        doctor_find(doctor, DOCTOR_ERROR, "%s may not connect to the milter at %s", user, milter->address);
        doctor_why(doctor, "The server's process that connects has that user and its own group, no others.");
        doctor_cure(doctor, "Let the milter give its socket the group %s and the mode 0660.", user);
    }
}

void doctor_check_milters(struct doctor *doctor)
{
    for (size_t i = 0; i < doctor->settings->milter_count; i++)
        check_milter(doctor, &doctor->settings->milters[i]);
}

/* The listeners: each answers as it should, or its port is free; who else has it is named. */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fdio.h"
#include "doctor/doctor.h"

enum { BANNER_MAX = 512, TCP_LISTEN = 10 /* of /proc/net/tcp */ };

union at {
    struct sockaddr any;
    struct sockaddr_in four;
    struct sockaddr_in6 six;
    struct sockaddr_un path;
};

/* What a listener says first; NULL: it waits for the client. */
static const char *greeting_of(enum listen_protocol protocol)
{
    if (listen_protocol_is_tls(protocol) || listen_protocol_is_apart(protocol))
        return NULL;
    if (protocol == LISTEN_IMAP)
        return "* OK";
    if (protocol == LISTEN_MANAGESIEVE)
        return "\"IMPLEMENTATION\"";
    return protocol == LISTEN_POP3 ? "+OK" : "220 ";
}

/* Where a client on this machine finds it: behind "everywhere" stands loopback. */
static socklen_t address_of(const struct listen_setting *listen, bool client, union at *ret)
{
    memset(ret, 0, sizeof(*ret));
    if (listen->protocol == LISTEN_LMTP) {
        ret->path.sun_family = AF_UNIX;
        snprintf(ret->path.sun_path, sizeof(ret->path.sun_path), "%s", listen->address);
        return sizeof(ret->path);
    }
    bool everywhere = strcmp(listen->address, "::") == 0;
    if (inet_pton(AF_INET6, listen->address, &ret->six.sin6_addr) == 1 && !(everywhere && client)) {
        ret->six.sin6_family = AF_INET6;
        ret->six.sin6_port = htons(listen->port);
        return sizeof(ret->six);
    }
    ret->four.sin_family = AF_INET;
    ret->four.sin_port = htons(listen->port);
    if (inet_pton(AF_INET, listen->address, &ret->four.sin_addr) != 1 ||
        (client && ret->four.sin_addr.s_addr == htonl(INADDR_ANY)))
        ret->four.sin_addr.s_addr = htonl(client ? INADDR_LOOPBACK : INADDR_ANY);
    return sizeof(ret->four);
}

/* 0, or errno. *ret_banner: what came first, where something should. */
static int try_connect(const struct listen_setting *listen, char ret_banner[static BANNER_MAX])
{
    union at at;
    socklen_t size = address_of(listen, true, &at);
    const struct timeval patience = {.tv_sec = DOCTOR_PORT_SECONDS};
    CLEANUP(fd_close) int fd = socket(at.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ret_banner[0] = 0;
    if (fd < 0)
        return errno;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    if (connect(fd, &at.any, size) != 0)
        return errno;
    ssize_t n = greeting_of(listen->protocol) != NULL ? recv(fd, ret_banner, BANNER_MAX - 1, 0) : 0;
    ret_banner[MAX(n, 0)] = 0;
    return 0;
}

/* Sockets in /proc/net/tcp and tcp6: "sl local:port remote:port st ... uid timeout inode". */
static unsigned long find_inode(const char *table, uint16_t port)
{
    char line[512];
    unsigned long found = 0;
    FILE *file = fopen(table, "re");
    while (file != NULL && found == 0 && fgets(line, sizeof(line), file) != NULL) {
        unsigned local, state;
        unsigned long inode;
        if (sscanf(line, " %*u: %*[0-9A-Fa-f]:%x %*s %x %*s %*s %*s %*s %*s %lu", &local, &state, &inode) ==
                3 &&
            local == port && state == TCP_LISTEN)
            found = inode;
    }
    if (file != NULL)
        fclose(file);
    return found;
}

static bool has_socket(const char *pid, unsigned long inode)
{
    char path[PATH_MAX];
    char wanted[64];
    char link[64];
    bool found = false;
    snprintf(path, sizeof(path), "/proc/%s/fd", pid);
    snprintf(wanted, sizeof(wanted), "socket:[%lu]", inode);
    DIR *directory = opendir(path);
    for (struct dirent *e; !found && directory != NULL && (e = readdir(directory)) != NULL;) {
        ssize_t n = readlinkat(dirfd(directory), e->d_name, link, sizeof(link) - 1);
        link[MAX(n, 0)] = 0;
        found = strcmp(link, wanted) == 0;
    }
    if (directory != NULL)
        closedir(directory);
    return found;
}

static void name_process(const char *pid, char *ret_text, size_t size)
{
    char path[PATH_MAX];
    char name[64] = "a program";
    snprintf(path, sizeof(path), "/proc/%s/comm", pid);
    FILE *file = fopen(path, "re");
    if (file != NULL && fgets(name, sizeof(name), file) != NULL)
        name[strcspn(name, "\n")] = 0;
    if (file != NULL)
        fclose(file);
    snprintf(ret_text, size, "%s (process %s)", name, pid);
}

void doctor_port_owner(uint16_t port, char *ret_text, size_t size)
{
    unsigned long inode = find_inode("/proc/net/tcp", port);
    bool found = false;
    if (inode == 0)
        inode = find_inode("/proc/net/tcp6", port);
    DIR *all = inode != 0 ? opendir("/proc") : NULL;
    for (struct dirent *e; !found && all != NULL && (e = readdir(all)) != NULL;) {
        found = ascii_is_digit(e->d_name[0]) && has_socket(e->d_name, inode);
        if (found)
            name_process(e->d_name, ret_text, size);
    }
    if (all != NULL)
        closedir(all);
    if (!found)
        snprintf(ret_text, size, "another program");
}

static void place_of(const struct listen_setting *listen, char text[static 160])
{
    if (listen->protocol == LISTEN_LMTP)
        snprintf(text, 160, "%s", listen->address);
    else
        snprintf(text, 160, "port %u (%s)", listen->port, listen_protocol_name(listen->protocol));
}

static void check_running(struct doctor *doctor, const struct listen_setting *listen)
{
    char banner[BANNER_MAX];
    char place[160];
    char owner[100];
    const char *wanted = greeting_of(listen->protocol);
    place_of(listen, place);
    int failed = try_connect(listen, banner);
    if (failed == EACCES || failed == EPERM)
        return; /* LMTP's socket is not for everybody */
    if (failed != 0) {
        doctor_find(doctor, DOCTOR_ERROR, "nothing answers on %s: %s", place, strerror(failed));
        doctor_why(doctor, "The settings name it, but the server that runs does not listen there.");
        doctor_cure(doctor, "systemctl restart posthorn; then journalctl -u posthorn");
    } else if (wanted != NULL && strncmp(banner, wanted, strlen(wanted)) != 0) {
        doctor_port_owner(listen->port, owner, sizeof(owner));
        doctor_find(doctor, DOCTOR_ERROR, "%s, which %s has, does not greet as it should", place, owner);
        doctor_cure(doctor, "Stop that program, or give it another port; then systemctl restart posthorn");
    }
}

static void check_free(struct doctor *doctor, const struct listen_setting *listen)
{
    union at at;
    char place[160];
    char owner[100];
    const int on = 1;
    if (listen->protocol == LISTEN_LMTP)
        return;
    place_of(listen, place);
    socklen_t size = address_of(listen, false, &at);
    CLEANUP(fd_close) int fd = socket(at.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    int failed = bind(fd, &at.any, size) == 0 ? 0 : errno;
    if (failed == EADDRINUSE) {
        doctor_port_owner(listen->port, owner, sizeof(owner));
        doctor_find(doctor, DOCTOR_ERROR, "%s is taken by %s", place, owner);
        doctor_why(doctor, "The server can't start while another program has its port.");
        doctor_cure(doctor,
                    "Stop that program and keep it from starting (systemctl disable --now NAME; a mail "
                    "server of Debian's: apt purge exim4-base or postfix).");
    } else if (failed == EACCES) {
        doctor_find(doctor, DOCTOR_ADVICE, "this user may not try %s: run the doctor as root", place);
    } else if (failed != 0) {
        doctor_find(doctor, DOCTOR_ERROR, "the server could not listen on %s: %s", place, strerror(failed));
        doctor_cure(doctor, "Correct the address in posthorn.conf.");
    }
}

void doctor_check_ports(struct doctor *doctor)
{
    const struct settings *s = doctor->settings;
    if (!doctor->running) {
        doctor_find(doctor, DOCTOR_WARNING, "the server does not run");
        doctor_cure(doctor, "systemctl enable --now posthorn; then journalctl -u posthorn");
    }
    for (size_t i = 0; i < s->listen_count; i++) {
        if (doctor->running)
            check_running(doctor, &s->listens[i]);
        else
            check_free(doctor, &s->listens[i]);
    }
}

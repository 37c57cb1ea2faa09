#include "rt/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fdio.h"
#include "base/log.h"
#include "rt/metrics.h"

enum { ACCEPTS_IN_A_ROW = 16 };
#define PAUSE_US (100 * CLOCK_MS)

struct listener {
    struct listener_options options;
    char *refuse;
};

static void listener_free(struct listener *listener)
{
    fd_close(&listener->options.fd);
    free(listener->refuse);
    free(listener);
}

static void set_key(struct accepted *accepted, const void *bytes, size_t n)
{
    memcpy(accepted->limit_key, bytes, n);
    accepted->limit_key_n = n;
}

/* IPv4 counts per address, also when it comes mapped into IPv6; IPv6 per /64, which is what one customer of
 * an access provider has at least. */
static void describe(const struct sockaddr_storage *address, struct accepted *accepted)
{
    if (address->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)address;
        inet_ntop(AF_INET, &in->sin_addr, accepted->peer, sizeof(accepted->peer));
        accepted->peer_port = ntohs(in->sin_port);
        set_key(accepted, &in->sin_addr, 4);
    } else if (address->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;
        accepted->peer_port = ntohs(in6->sin6_port);
        if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
            inet_ntop(AF_INET, &in6->sin6_addr.s6_addr[12], accepted->peer, sizeof(accepted->peer));
            set_key(accepted, &in6->sin6_addr.s6_addr[12], 4);
        } else {
            inet_ntop(AF_INET6, &in6->sin6_addr, accepted->peer, sizeof(accepted->peer));
            set_key(accepted, &in6->sin6_addr, 8);
        }
    } else {
        snprintf(accepted->peer, sizeof(accepted->peer), "local");
    }
}

void listener_limit_key(struct accepted *accepted)
{
    struct in_addr in;
    struct in6_addr in6;
    accepted->limit_key_n = 0;
    if (inet_pton(AF_INET, accepted->peer, &in) == 1)
        set_key(accepted, &in, 4);
    else if (inet_pton(AF_INET6, accepted->peer, &in6) == 1)
        set_key(accepted, &in6, 8);
}

static void refuse(const struct listener *listener, struct accepted *accepted)
{
    struct slice text = listener->options.refuse;
    if (text.n > 0)
        (void)!send(accepted->fd, text.p, text.n, MSG_DONTWAIT | MSG_NOSIGNAL);
    metric_count(CONNECTIONS_REFUSED, METRIC_ONE);
    LOG(LOG_DEBUG, NO_SID, "rt.refused", F_CSTR("peer", accepted->peer));
    fd_close(&accepted->fd);
}

/* False when none is waiting or none can be taken: then *ret_pause says to wait a moment. */
static bool accept_one(struct listener *listener, bool *ret_pause)
{
    struct sockaddr_storage address;
    socklen_t length = sizeof(address);
    memset(&address, 0, sizeof(address));
    struct accepted accepted = {.fd = accept4(listener->options.fd, (struct sockaddr *)&address, &length,
                                              SOCK_NONBLOCK | SOCK_CLOEXEC)};
    if (accepted.fd < 0) {
        *ret_pause = errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM;
        if (*ret_pause)
            LOG(LOG_WARN, NO_SID, "rt.accept_paused", F_CSTR("error", strerror(errno)));
        /* What went wrong with one client (ECONNABORTED and network errors) must not hold up the next. */
        return !*ret_pause && errno != EAGAIN;
    }
    describe(&address, &accepted);
    struct limit *limit = listener->options.per_peer;
    if (limit != NULL && accepted.limit_key_n > 0 &&
        !limit_enter(limit, slice_of(accepted.limit_key, accepted.limit_key_n)))
        refuse(listener, &accepted);
    else
        listener->options.accept(listener->options.context, &accepted);
    return true;
}

static void listener_wake(struct loop *loop, struct place place, void *owner, unsigned wakes)
{
    struct listener *listener = owner;
    if ((wakes & WAKE_STOP) != 0) {
        loop_remove(loop, place);
        listener_free(listener);
        return;
    }
    bool pause = false;
    for (int i = 0; i < ACCEPTS_IN_A_ROW && accept_one(listener, &pause); i++)
        ;
    if (pause)
        loop_park(loop, place, 0, clock_mono_us() + PAUSE_US);
    else
        loop_park(loop, place, WAKE_INPUT, 0);
}

enum err listener_start(struct loop *loop, const struct listener_options *options, struct error *error)
{
    struct listener *listener = calloc(1, sizeof(*listener));
    if (listener == NULL) {
        close(options->fd);
        return fail_nomem(error);
    }
    listener->options = *options;
    if (options->refuse.n > 0) {
        listener->refuse = malloc(options->refuse.n);
        if (listener->refuse == NULL) {
            listener_free(listener);
            return fail_nomem(error);
        }
        memcpy(listener->refuse, options->refuse.p, options->refuse.n);
        listener->options.refuse.p = listener->refuse;
    }
    int flags = fcntl(options->fd, F_GETFL);
    struct place place;
    enum err result = ERR_OK;
    if (flags < 0 || fcntl(options->fd, F_SETFL, flags | O_NONBLOCK) != 0)
        result = fail_errno(error, "listener");
    if (result == ERR_OK)
        result = loop_add(loop, options->fd, listener_wake, listener, &place, error);
    if (result != ERR_OK) {
        listener_free(listener);
        return result;
    }
    loop_park(loop, place, WAKE_INPUT, 0);
    return ERR_OK;
}

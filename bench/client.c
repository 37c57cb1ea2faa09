#include "bench/client.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fdio.h"

enum { CLIENT_ROOM_FIRST = 64 * 1024, CLIENT_SEND_MAX = 8192 };

static enum err connect_path(int *fd, const char *path, struct error *error)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(name.sun_path))
        return fail_plain(error, ERR_LIMIT, "socket path is too long");
    memcpy(name.sun_path, path, strlen(path));
    *fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (*fd < 0 || connect(*fd, (const struct sockaddr *)&name, sizeof(name)) != 0)
        return fail_errno(error, "connect %s", path);
    return ERR_OK;
}

static enum err connect_port(int *fd, const struct endpoint *endpoint, struct error *error)
{
    struct addrinfo *found, wanted = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    char port[8];
    (void)snprintf(port, sizeof(port), "%u", endpoint->port);
    int status = getaddrinfo(endpoint->host, port, &wanted, &found);
    if (status != 0)
        return fail_plain(error, ERR_UNAVAILABLE, "%s: %s", endpoint->host, gai_strerror(status));
    *fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int connected = *fd < 0 ? -1 : connect(*fd, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    if (connected != 0)
        return fail_errno(error, "connect %s:%s", endpoint->host, port);
    int on = 1;
    if (setsockopt(*fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0)
        return fail_errno(error, "TCP_NODELAY");
    return ERR_OK;
}

enum err client_open(struct client *client, const struct options *options, const struct endpoint *endpoint,
                     struct error *error)
{
    *client = CLIENT_NONE;
    client->options = options;
    enum err err = endpoint->port == 0 ? connect_path(&client->fd, endpoint->host, error)
                                       : connect_port(&client->fd, endpoint, error);
    struct timeval timeout = {.tv_sec = options->timeout};
    if (err == ERR_OK && setsockopt(client->fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) != 0)
        err = fail_errno(error, "SO_RCVTIMEO");
    if (err == ERR_OK && endpoint->tls == DOOR_TLS)
        err = client_start_tls(client, error);
    if (err != ERR_OK)
        client_close(client);
    return err;
}

void client_close(struct client *client)
{
    if (client->ssl != NULL) {
        (void)SSL_shutdown(client->ssl);
        SSL_free(client->ssl);
    }
    fd_close(&client->fd);
    free(client->in);
    *client = CLIENT_NONE;
}

static enum err fail_tls(const char *what, struct error *error)
{
    char text[200];
    unsigned long code = ERR_get_error();
    if (code == 0)
        return fail_plain(error, ERR_CLOSED, "%s: connection closed", what);
    ERR_error_string_n(code, text, sizeof(text));
    return fail_plain(error, ERR_IO, "%s: %s", what, text);
}

enum err client_start_tls(struct client *client, struct error *error)
{
    ERR_clear_error();
    client->ssl = SSL_new(client->options->tls);
    if (client->ssl == NULL)
        return fail_nomem(error);
    if (SSL_set_fd(client->ssl, client->fd) != 1 || SSL_connect(client->ssl) != 1)
        return fail_tls("TLS handshake", error);
    return ERR_OK;
}

enum err client_send(struct client *client, struct slice bytes, struct error *error)
{
    if (client->ssl == NULL)
        return fd_write_all(client->fd, bytes, error);
    size_t written = 0;
    ERR_clear_error();
    if (bytes.n > 0 && SSL_write_ex(client->ssl, bytes.p, bytes.n, &written) != 1)
        return fail_tls("TLS write", error);
    return ERR_OK;
}

enum err client_printf(struct client *client, struct error *error, const char *format, ...)
{
    CLEANUP(buf_release) struct buf out = BUF(CLIENT_SEND_MAX);
    va_list args;
    va_start(args, format);
    buf_vprintf(&out, format, args);
    va_end(args);
    if (buf_failed(&out))
        return fail_plain(error, ERR_LIMIT, "a command is too long");
    return client_send(client, buf_slice(&out), error);
}

static enum err make_room(struct client *client, struct error *error)
{
    if (client->at > 0) {
        memmove(client->in, client->in + client->at, client->end - client->at);
        client->end -= client->at;
        client->at = 0;
    }
    if (client->end < client->room)
        return ERR_OK;
    if (client->room >= CLIENT_LINE_MAX)
        return fail_plain(error, ERR_LIMIT, "the server sent a line of more than %d bytes", CLIENT_LINE_MAX);
    size_t room = client->room == 0 ? CLIENT_ROOM_FIRST : client->room * 2;
    char *in = realloc(client->in, room);
    if (in == NULL)
        return fail_nomem(error);
    client->in = in;
    client->room = room;
    return ERR_OK;
}

static enum err fill(struct client *client, struct error *error)
{
    enum err err = make_room(client, error);
    if (err != ERR_OK)
        return err;
    char *to = client->in + client->end;
    size_t room = client->room - client->end, got = 0;
    if (client->ssl != NULL) {
        ERR_clear_error();
        if (SSL_read_ex(client->ssl, to, room, &got) != 1)
            return fail_tls("TLS read", error);
    } else {
        ssize_t n;
        do {
            n = read(client->fd, to, room);
        } while (n < 0 && errno == EINTR);
        if (n < 0 && errno == EAGAIN)
            return fail_plain(error, ERR_TIMEOUT, "the server says nothing");
        if (n < 0)
            return fail_errno(error, "read");
        if (n == 0)
            return fail_plain(error, ERR_CLOSED, "the server closed the connection");
        got = (size_t)n;
    }
    client->end += got;
    return ERR_OK;
}

enum err client_line(struct client *client, struct slice *ret_line, struct error *error)
{
    size_t seen = 0;
    for (;;) {
        struct slice rest = slice_of(client->in + client->at, client->end - client->at);
        ssize_t newline = slice_find_char(slice_from(rest, seen), '\n');
        if (newline >= 0) {
            struct slice line = slice_sub(rest, 0, seen + (size_t)newline);
            client->at += line.n + 1;
            client->received += line.n + 1;
            *ret_line = slice_ends(line, S("\r")) ? slice_sub(line, 0, line.n - 1) : line;
            return ERR_OK;
        }
        seen = rest.n;
        enum err err = fill(client, error);
        if (err != ERR_OK)
            return err;
    }
}

enum err client_skip(struct client *client, uint64_t n, struct error *error)
{
    client->received += n;
    while (n > client->end - client->at) {
        n -= client->end - client->at;
        client->at = client->end = 0;
        enum err err = fill(client, error);
        if (err != ERR_OK)
            return err;
    }
    client->at += n;
    return ERR_OK;
}

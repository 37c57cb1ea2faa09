/* The parts of the supervisor that are no processes: tests/e2e/test_house.py has those. */
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fdio.h"
#include "rt/certificates.h"
#include "rt/listen_sockets.h"
#include "rt/supervisor_process.h"
#include "rt/supervisor_setup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static char base[] = "/tmp/posthorn-supervisor-XXXXXX";

static struct settings *settings_with(const char *lines)
{
    CLEANUP(buf_release) struct buf text = BUF(10000);
    struct settings *settings = NULL;
    struct error error;
    buf_printf(&text, "hostname = mail.example\ndata = %s\nrun = %s\n%s", base, base, lines);
    if (settings_parse(buf_slice(&text), "test", &settings, &error) != ERR_OK)
        fail_msg("%s", error.client);
    return settings;
}

static struct socket_owner self(void)
{
    return (struct socket_owner){geteuid(), getegid()};
}

static void test_restart_delays_double_up_to_thirty_seconds(void **state)
{
    (void)state;
    static const int64_t seconds[] = {0, 1, 2, 4, 8, 16, 30, 30, 30};
    for (unsigned i = 0; i < ARRAY_LEN(seconds); i++)
        assert_int_equal(process_restart_delay_us(i), seconds[i] * CLOCK_SECOND);
    assert_int_equal(process_restart_delay_us(1000000), 30 * CLOCK_SECOND);
}

static void test_a_good_life_forgets_early_deaths(void **state)
{
    (void)state;
    struct process p = {.role = ROLE_EDGE, .state = PROCESS_READY, .pid = 1, .control = -1, .deaths = 5};
    p.started_us = 1000;
    process_died(&p, 1000 + (RESTART_GOOD_LIFE_SECONDS * CLOCK_SECOND) - 1);
    assert_int_equal(p.deaths, 6);
    assert_int_equal(p.state, PROCESS_DOWN);
    p.started_us = 1000;
    process_died(&p, 1000 + RESTART_GOOD_LIFE_SECONDS * CLOCK_SECOND);
    assert_int_equal(p.deaths, 1);
    assert_int_equal(p.restart_us, 1000 + RESTART_GOOD_LIFE_SECONDS * CLOCK_SECOND);
}

static uint16_t port_of(int fd)
{
    struct sockaddr_in6 at;
    socklen_t size = sizeof(at);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    return ntohs(at.sin6_port);
}

static int listen_anywhere(void)
{
    const struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(fd, 1), 0);
    return fd;
}

static void test_given_sockets_are_used_where_they_match(void **state)
{
    (void)state;
    struct error error;
    char lines[100];
    int given[2] = {listen_anywhere(), listen_anywhere()};
    int wanted = given[1];
    int unused = given[0];
    const struct socket_owner owner = self();
    snprintf(lines, sizeof(lines), "listen = imap 127.0.0.1:%u\n", port_of(wanted));
    struct settings *settings = settings_with(lines);
    struct listen_sockets sockets;
    assert_int_equal(listen_sockets_open(settings, &owner, given, 2, &sockets, &error), ERR_OK);
    assert_int_equal(sockets.count, 1);
    assert_int_equal(sockets.fds[0], wanted);
    assert_true(fcntl(unused, F_GETFD) < 0);
    listen_sockets_close(&sockets);
    assert_true(fcntl(wanted, F_GETFD) < 0);
    settings_free(settings);
}

static void test_everywhere_and_one_ipv4_address_share_a_port(void **state)
{
    (void)state;
    struct error error;
    char lines[200];
    const struct socket_owner owner = self();
    int probe = listen_anywhere();
    unsigned port = port_of(probe);
    close(probe);
    snprintf(lines, sizeof(lines), "listen = imap 127.0.0.1:%u\nlisten = imap [::]:%u\n", port, port);
    struct settings *settings = settings_with(lines);
    struct listen_sockets sockets;
    assert_int_equal(listen_sockets_open(settings, &owner, NULL, 0, &sockets, &error), ERR_OK);
    assert_int_equal(sockets.count, 2);
    listen_sockets_close(&sockets);
    settings_free(settings);
}

static void test_stale_socket_is_replaced_and_a_live_one_is_not(void **state)
{
    (void)state;
    struct error error;
    struct listen_sockets first;
    struct listen_sockets second;
    const struct socket_owner owner = self();
    struct settings *settings = settings_with("listen = none\n");
    assert_int_equal(listen_sockets_open(settings, &owner, NULL, 0, &first, &error), ERR_OK);
    assert_int_equal(listen_sockets_open(settings, &owner, NULL, 0, &second, &error), ERR_BUSY);
    listen_sockets_close(&first); /* its file is left behind */
    assert_int_equal(listen_sockets_open(settings, &owner, NULL, 0, &second, &error), ERR_OK);
    listen_sockets_close(&second);
    char path[100];
    snprintf(path, sizeof(path), "%s/admin.sock", base);
    unlink(path);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(listen_sockets_open(settings, &owner, NULL, 0, &second, &error), ERR_EXISTS);
    rmdir(path);
    settings_free(settings);
}

static void test_self_signed_certificate_is_made_once(void **state)
{
    (void)state;
    struct error error;
    CLEANUP(fd_close) int first = -1;
    CLEANUP(fd_close) int second = -1;
    struct slice a;
    struct slice b;
    struct settings *settings = settings_with("");
    assert_int_equal(certificates_load(settings, &first, &error), ERR_OK);
    assert_int_equal(certificates_load(settings, &second, &error), ERR_OK);
    assert_int_equal(ipc_map(first, CERTIFICATE_FILE_MAX, &a, &error), ERR_OK);
    assert_int_equal(ipc_map(second, CERTIFICATE_FILE_MAX, &b, &error), ERR_OK);
    assert_true(a.n > 0 && slice_eq(a, b));
    ipc_unmap(&a);
    ipc_unmap(&b);
    settings_free(settings);
}

static void test_certificates_that_cannot_be_used_are_refused(void **state)
{
    (void)state;
    struct error error;
    char lines[200];
    int fd = -1;
    snprintf(lines, sizeof(lines), "certificate = %s/none.pem\n", base);
    struct settings *settings = settings_with(lines);
    assert_int_equal(certificates_load(settings, &fd, &error), ERR_NOT_FOUND);
    settings_free(settings);
    /* A chain without the key that must follow it. */
    snprintf(lines, sizeof(lines), "certificate = %s/tls/mail.example.chain.pem\n", base);
    settings = settings_with(lines);
    assert_int_equal(certificates_load(settings, &fd, &error), ERR_INVALID);
    assert_non_null(strstr(error.client, "mail.example.chain.pem"));
    settings_free(settings);
}

static void test_tls_folder_open_to_others_is_refused(void **state)
{
    (void)state;
    struct error error;
    char path[100];
    int fd = -1;
    struct settings *settings = settings_with("");
    snprintf(path, sizeof(path), "%s/tls", base);
    assert_int_equal(chmod(path, 0750), 0);
    assert_int_equal(certificates_load(settings, &fd, &error), ERR_DENIED);
    assert_int_equal(chmod(path, 0700), 0);
    settings_free(settings);
}

static void test_reload_keeps_what_cannot_change(void **state)
{
    (void)state;
    struct error error;
    CLEANUP(buf_release) struct buf changed = BUF(1000);
    struct settings *old = settings_with("listen = imap 127.0.0.1:1143\nlisten = smtp 127.0.0.1:1025\n");
    struct settings *new =
        settings_with("listen = imap 127.0.0.1:1144\nuser-edge = other\nlog-level = debug\n");
    assert_int_equal(setup_keep_fixed(new, old, &changed, &error), ERR_OK);
    assert_string_equal(buf_cstr(&changed), "user-edge, listen");
    settings_free(old);
    assert_int_equal(new->listen_count, 2);
    assert_string_equal(new->listens[1].address, "127.0.0.1");
    assert_int_equal(new->listens[0].port, 1143);
    assert_string_equal(new->user_edge, "posthorn-edge");
    assert_int_equal(new->log_level, LOG_DEBUG);
    settings_free(new);
}

static int make_directory(void **state)
{
    (void)state;
    return mkdtemp(base) != NULL ? 0 : -1;
}

static int remove_directory(void **state)
{
    static const char *const names[] = {"admin.sock", "tls/mail.example.chain.pem",
                                        "tls/mail.example.key.pem"};
    char path[100];
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        snprintf(path, sizeof(path), "%s/%s", base, names[i]);
        unlink(path);
    }
    snprintf(path, sizeof(path), "%s/tls", base);
    return rmdir(path) | rmdir(base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_restart_delays_double_up_to_thirty_seconds),
        cmocka_unit_test(test_a_good_life_forgets_early_deaths),
        cmocka_unit_test(test_given_sockets_are_used_where_they_match),
        cmocka_unit_test(test_everywhere_and_one_ipv4_address_share_a_port),
        cmocka_unit_test(test_stale_socket_is_replaced_and_a_live_one_is_not),
        cmocka_unit_test(test_self_signed_certificate_is_made_once),
        cmocka_unit_test(test_certificates_that_cannot_be_used_are_refused),
        cmocka_unit_test(test_tls_folder_open_to_others_is_refused),
        cmocka_unit_test(test_reload_keeps_what_cannot_change),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}

#include "rt/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <iconv.h>
#include <netinet/in.h>
#include <openssl/ec.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sodium.h>
#include <sqlite3.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fdio.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* How a child ended: its exit status, or this plus the signal. */
enum { KILLED = 1000, KILLED_BY_FILTER = KILLED + SIGSYS, NOT_ENTERED = 99 };

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { OPEN_IN_EDGE = EACCES }; /* see sandbox_calls.c */
#else
enum { OPEN_IN_EDGE = KILLED_BY_FILTER };
#endif

static char base[] = "/tmp/posthorn-sandbox-XXXXXX";
static char data_directory[100];
static char run_directory[100];

/* An act returns 0 for success, or errno. It runs in a child, inside the sandbox. */
typedef int act_fn(void);

static int try(enum worker_role role, act_fn *act)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct error error;
        struct buf missing = BUF(1000);
        struct sandbox_options options = {
            .role = role, .data_directory = data_directory, .run_directory = run_directory};
        if (sandbox_enter(&options, &missing, &error) != ERR_OK) {
            fprintf(stderr, "%s\n", error.detail);
            _exit(NOT_ENTERED);
        }
        _exit(act());
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? KILLED + WTERMSIG(status) : WEXITSTATUS(status);
}

static void all_roles(act_fn *act, int edge, int relay, int store)
{
    assert_int_equal(try(ROLE_EDGE, act), edge);
    assert_int_equal(try(ROLE_RELAY, act), relay);
    assert_int_equal(try(ROLE_STORE, act), store);
}

static int open_path(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC, 0600);
    return fd >= 0 ? 0 : errno;
}

static int open_etc(void)
{
    return open_path("/etc/passwd", O_RDONLY);
}

static int write_outside(void)
{
    return open_path("/tmp/posthorn-sandbox-outside", O_CREAT | O_WRONLY);
}

static int write_inside(void)
{
    char path[200];
    char other[200];
    snprintf(path, sizeof(path), "%s/sub", data_directory);
    if (mkdir(path, 0700) != 0)
        return errno;
    snprintf(path, sizeof(path), "%s/sub/file", data_directory);
    snprintf(other, sizeof(other), "%s/file", data_directory);
    CLEANUP(fd_close) int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, "x", 1) != 1 || fdatasync(fd) != 0 || ftruncate(fd, 0) != 0)
        return errno;
    if (rename(path, other) != 0 || unlink(other) != 0)
        return errno;
    snprintf(path, sizeof(path), "%s/sub", data_directory);
    return rmdir(path) == 0 ? 0 : errno;
}

static void test_files_only_in_the_stores_directories(void **state)
{
    (void)state;
    all_roles(open_etc, OPEN_IN_EDGE, OPEN_IN_EDGE, EACCES);
    all_roles(write_outside, OPEN_IN_EDGE, OPEN_IN_EDGE, EACCES);
    assert_int_equal(try(ROLE_STORE, write_inside), 0);
}

static int socket_inet(void)
{
    CLEANUP(fd_close) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return fd >= 0 ? 0 : errno;
}

static int socket_packet(void)
{
    CLEANUP(fd_close) int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    return fd >= 0 ? 0 : errno;
}

static int socket_unix_pair(void)
{
    int fds[2];
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) == 0 ? 0 : errno;
}

static void test_sockets_of_the_roles_families_only(void **state)
{
    (void)state;
    all_roles(socket_inet, KILLED_BY_FILTER, 0, KILLED_BY_FILTER);
    all_roles(socket_packet, KILLED_BY_FILTER, KILLED_BY_FILTER, KILLED_BY_FILTER);
    all_roles(socket_unix_pair, 0, 0, 0);
}

static int inherited = -1;

static struct sockaddr_in loopback(uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int connect_out(void)
{
    const struct sockaddr_in to = loopback(1);
    return connect(inherited, (const struct sockaddr *)&to, sizeof(to)) == 0 ? 0 : errno;
}

static int bind_port(void)
{
    const struct sockaddr_in at = loopback(0);
    return bind(inherited, (const struct sockaddr *)&at, sizeof(at)) == 0 ? 0 : errno;
}

static int bind_chosen_port(void)
{
    const struct sockaddr_in at = loopback(2525);
    return bind(inherited, (const struct sockaddr *)&at, sizeof(at)) == 0 ? 0 : errno;
}

static int listen_there(void)
{
    return listen(inherited, 1) == 0 ? 0 : errno;
}

static void test_only_relay_connects_and_nobody_listens(void **state)
{
    (void)state;
    inherited = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(inherited >= 0);
    all_roles(connect_out, EPERM, ECONNREFUSED, EPERM);
    all_roles(listen_there, EPERM, EPERM, EPERM);
    assert_int_equal(try(ROLE_EDGE, bind_port), EPERM);
    assert_int_equal(try(ROLE_STORE, bind_port), EPERM);
    assert_int_equal(try(ROLE_RELAY, bind_port), 0);
    fd_close(&inherited);
    inherited = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (syscall(SYS_landlock_create_ruleset, NULL, 0, 1 /* its version */) >= 4)
        assert_int_equal(try(ROLE_RELAY, bind_chosen_port), EACCES);
    fd_close(&inherited);
    inherited = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    all_roles(bind_port, EPERM, 0, EPERM);
    fd_close(&inherited);
}

static int run_program(void)
{
    char *const nothing[] = {NULL};
    execve("/bin/true", nothing, nothing);
    return errno;
}

static int fork_child(void)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    return pid > 0 ? 0 : errno;
}

static int trace_parent(void)
{
    return ptrace(PTRACE_ATTACH, getppid(), NULL, NULL) == 0 ? 0 : errno;
}

static int take_root(void)
{
    return setuid(0) == 0 ? 0 : errno;
}

static int signal_parent(void)
{
    return kill(getppid(), 0) == 0 ? 0 : errno;
}

static void test_no_program_no_child_no_tracing_no_signal(void **state)
{
    (void)state;
    all_roles(run_program, KILLED_BY_FILTER, KILLED_BY_FILTER, KILLED_BY_FILTER);
    all_roles(fork_child, KILLED_BY_FILTER, KILLED_BY_FILTER, KILLED_BY_FILTER);
    all_roles(trace_parent, KILLED_BY_FILTER, KILLED_BY_FILTER, KILLED_BY_FILTER);
    all_roles(take_root, KILLED_BY_FILTER, KILLED_BY_FILTER, KILLED_BY_FILTER);
    all_roles(signal_parent, EPERM, EPERM, EPERM);
}

static int map_code(void)
{
    void *p = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p != MAP_FAILED ? 0 : errno;
}

static int map_writable_code(void)
{
    void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p != MAP_FAILED ? 0 : errno;
}

static int turn_data_to_code(void)
{
    void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return mprotect(p, 4096, PROT_READ | PROT_EXEC) == 0 ? 0 : errno;
}

static void test_no_executable_memory(void **state)
{
    (void)state;
    all_roles(map_code, KILLED_BY_FILTER, KILLED_BY_FILTER, KILLED_BY_FILTER);
    all_roles(map_writable_code, KILLED_BY_FILTER, KILLED_BY_FILTER, KILLED_BY_FILTER);
    all_roles(turn_data_to_code, KILLED_BY_FILTER, KILLED_BY_FILTER, KILLED_BY_FILTER);
}

/* The kernel's own account of a worker. */
static void test_status_shows_no_rights(void **state)
{
    (void)state;
    int fds[2];
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct error error;
        struct buf missing = BUF(1000);
        struct sandbox_options options = {.role = ROLE_EDGE, .user = "nobody"};
        if (sandbox_enter(&options, &missing, &error) != ERR_OK || write(fds[1], "x", 1) != 1)
            _exit(NOT_ENTERED);
        for (;;)
            poll(NULL, 0, 1000);
    }
    close(fds[1]);
    char c;
    assert_int_equal(read(fds[0], &c, 1), 1);
    close(fds[0]);
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/status", pid);
    CLEANUP(buf_release) struct buf text = BUF(100000);
    struct error error;
    CLEANUP(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(fd_read_all(fd, &text, &error), ERR_OK);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    struct slice s = buf_slice(&text);
    assert_true(slice_find(s, S("NoNewPrivs:\t1\n")) > 0);
    assert_true(slice_find(s, S("Seccomp:\t2\n")) > 0);
    assert_true(slice_find(s, S("CapEff:\t0000000000000000\n")) > 0);
    assert_true(slice_find(s, S("CapPrm:\t0000000000000000\n")) > 0);
    if (geteuid() == 0) {
        assert_true(slice_find(s, S("CapBnd:\t0000000000000000\n")) > 0);
        assert_true(slice_find(s, S("Uid:\t65534\t65534\t65534\t65534\n")) > 0);
        assert_true(slice_find(s, S("Groups:\t65534 \n")) > 0);
    }
}

static void test_unknown_user_and_root_are_refused(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    static const char *const users[] = {"no-such-user", "root"};
    for (size_t i = 0; i < ARRAY_LEN(users); i++) {
        pid_t pid = fork();
        if (pid == 0) {
            struct error error;
            struct buf missing = BUF(1000);
            struct sandbox_options options = {.role = ROLE_RELAY, .user = users[i]};
            _exit((int)sandbox_enter(&options, &missing, &error));
        }
        int status = 0;
        waitpid(pid, &status, 0);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), ERR_UNAVAILABLE);
    }
}

/* ---- what the workers live from still works ---- */

enum { ALLOCATING_THREADS = 40 }; /* glibc looks at the machine when it makes a heap for the ninth */

static void *churn(void *all_here)
{
    enum { PIECES = 200 };
    void *pieces[PIECES];
    for (size_t i = 0; i < PIECES; i++)
        pieces[i] = malloc((i + 1) * 1000);
    pthread_barrier_wait(all_here);
    for (size_t i = 0; i < PIECES; i++)
        free(pieces[i]);
    return NULL;
}

static int threads_that_allocate(void)
{
    pthread_t threads[ALLOCATING_THREADS];
    pthread_barrier_t all_here;
    pthread_barrier_init(&all_here, NULL, ALLOCATING_THREADS);
    for (size_t i = 0; i < ALLOCATING_THREADS; i++)
        if (pthread_create(&threads[i], NULL, churn, &all_here) != 0)
            return 1;
    for (size_t i = 0; i < ALLOCATING_THREADS; i++)
        pthread_join(threads[i], NULL);
    return 0;
}

static void *hold_an_arena(void *barrier)
{
    volatile char *piece = malloc(1000);
    *piece = 1; /* or the compiler needs no memory */
    pthread_barrier_wait(barrier);
    free((char *)piece);
    return NULL;
}

/* At the same time, and more than glibc has arenas for without looking how many cores there are. */
static int many_threads_at_once(void)
{
    pthread_t threads[32];
    pthread_barrier_t barrier;
    pthread_barrier_init(&barrier, NULL, ARRAY_LEN(threads));
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        if (pthread_create(&threads[i], NULL, hold_an_arena, &barrier) != 0)
            return 1;
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        pthread_join(threads[i], NULL);
    return 0;
}

static void test_threads_and_allocation_work(void **state)
{
    (void)state;
    all_roles(threads_that_allocate, 0, 0, 0);
    all_roles(many_threads_at_once, 0, 0, 0);
}

static int hash_password(void)
{
    char hash[crypto_pwhash_STRBYTES];
    return crypto_pwhash_str(hash, "secret", 6, crypto_pwhash_OPSLIMIT_INTERACTIVE, 8 * 1024 * 1024);
}

static int use_sqlite(void)
{
    char path[200];
    sqlite3 *db = NULL;
    snprintf(path, sizeof(path), "%s/test.db", data_directory);
    if (sqlite3_open(path, &db) != SQLITE_OK)
        return 1;
    int result =
        sqlite3_exec(db,
                     "PRAGMA temp_store = memory; PRAGMA journal_mode = wal;"
                     "CREATE TABLE t (a, b); CREATE VIRTUAL TABLE f USING fts5 (words);"
                     "BEGIN; INSERT INTO t VALUES (1, randomblob(100000)); INSERT INTO f VALUES ('a b');"
                     "COMMIT; SELECT * FROM t ORDER BY b; PRAGMA wal_checkpoint(TRUNCATE); VACUUM;",
                     NULL, NULL, NULL);
    if (result != SQLITE_OK)
        fprintf(stderr, "%s\n", sqlite3_errmsg(db));
    return sqlite3_close(db) == SQLITE_OK && result == SQLITE_OK ? 0 : 2;
}

static int convert_with(const char *charset)
{
    char in[] = "\x1b$B$3$s";
    char out[100];
    char *from = in;
    char *to = out;
    size_t in_left = sizeof(in) - 1;
    size_t out_left = sizeof(out);
    iconv_t cd = iconv_open("UTF-8", charset);
    if (cd == (iconv_t)-1)
        return 1;
    size_t n = iconv(cd, &from, &in_left, &to, &out_left);
    return iconv_close(cd) == 0 && n != (size_t)-1 ? 0 : 2;
}

static int convert_charsets(void)
{
    return convert_with("ISO-2022-JP") + convert_with("WINDOWS-1252");
}

static void test_store_works(void **state)
{
    (void)state;
    assert_int_equal(try(ROLE_STORE, use_sqlite), 0);
    assert_int_equal(try(ROLE_STORE, hash_password), 0);
    assert_int_equal(try(ROLE_STORE, convert_charsets), 0);
}

static SSL_CTX *server_context;

static void make_server_context(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
    server_context = SSL_CTX_new(TLS_server_method());
    assert_int_equal(SSL_CTX_use_certificate(server_context, certificate), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(server_context, key), 1);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

static void *shake_hands_as_client(void *fd)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL *ssl = SSL_new(context);
    SSL_set_fd(ssl, *(int *)fd);
    char c = 0;
    if (SSL_connect(ssl) != 1 || SSL_read(ssl, &c, 1) != 1 || c != 'x')
        *(int *)fd = -1;
    SSL_free(ssl);
    SSL_CTX_free(context);
    return NULL;
}

static int shake_hands(void)
{
    int fds[2];
    pthread_t client;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0 ||
        pthread_create(&client, NULL, shake_hands_as_client, &fds[1]) != 0)
        return 1;
    SSL *ssl = SSL_new(server_context);
    SSL_set_fd(ssl, fds[0]);
    int result = SSL_accept(ssl) == 1 && SSL_write(ssl, "x", 1) == 1 ? 0 : 2;
    pthread_join(client, NULL);
    SSL_free(ssl);
    return fds[1] >= 0 ? result : 3;
}

static int accept_and_answer(void)
{
    CLEANUP(fd_close) int fd = accept4(inherited, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    return fd >= 0 && send(fd, "x", 1, MSG_NOSIGNAL) == 1 ? 0 : errno;
}

static void test_edge_works(void **state)
{
    (void)state;
    make_server_context();
    assert_int_equal(try(ROLE_EDGE, shake_hands), 0);
    SSL_CTX_free(server_context);

    struct sockaddr_in at = loopback(0);
    socklen_t size = sizeof(at);
    inherited = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(inherited, (const struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(inherited, 1), 0);
    assert_int_equal(getsockname(inherited, (struct sockaddr *)&at, &size), 0);
    CLEANUP(fd_close) int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(client, (const struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(try(ROLE_EDGE, accept_and_answer), 0);
    fd_close(&inherited);
}

static int make_directories(void **state)
{
    (void)state;
    if (mkdtemp(base) == NULL)
        return -1;
    snprintf(data_directory, sizeof(data_directory), "%s/data", base);
    snprintf(run_directory, sizeof(run_directory), "%s/run", base);
    return mkdir(data_directory, 0700) | mkdir(run_directory, 0700);
}

static int remove_directories(void **state)
{
    (void)state;
    char path[200];
    snprintf(path, sizeof(path), "%s/test.db", data_directory);
    unlink(path);
    return rmdir(data_directory) | rmdir(run_directory) | rmdir(base);
}

static void *allocate(void *context)
{
    pthread_barrier_t *all = context;
    void *volatile p = malloc(1000);
    pthread_barrier_wait(all); /* each holds an arena until all have one */
    free(p);
    return NULL;
}

/* As when many strangers call at once: each thread wants memory of its own. */
static int many_threads_allocate(void)
{
    enum { THREADS = 100 };
    pthread_t threads[THREADS];
    pthread_barrier_t all;
    pthread_barrier_init(&all, NULL, THREADS);
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, allocate, &all) != 0)
            return errno;
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    return 0;
}

static void test_many_threads_may_have_memory(void **state)
{
    (void)state;
    all_roles(many_threads_allocate, 0, 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files_only_in_the_stores_directories),
        cmocka_unit_test(test_sockets_of_the_roles_families_only),
        cmocka_unit_test(test_only_relay_connects_and_nobody_listens),
        cmocka_unit_test(test_no_program_no_child_no_tracing_no_signal),
        cmocka_unit_test(test_no_executable_memory),
        cmocka_unit_test(test_status_shows_no_rights),
        cmocka_unit_test(test_unknown_user_and_root_are_refused),
        cmocka_unit_test(test_threads_and_allocation_work),
        cmocka_unit_test(test_store_works),
        cmocka_unit_test(test_edge_works),
        cmocka_unit_test(test_many_threads_may_have_memory),
    };
    return cmocka_run_group_tests(tests, make_directories, remove_directories);
}

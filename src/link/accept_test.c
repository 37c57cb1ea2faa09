/* What store takes from an edge that somebody else has taken over. */
#include "base/test.h"

#include <ftw.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/must.h"
#include "link/codec.h"

struct fixture {
    char path[64];
    struct link_service service;
    struct error error;
};

#define ASSERT_OK(t, call) assert_string_equal((call) == ERR_OK ? "" : (t)->error.detail, "")

static int setup(void **state)
{
    struct fixture *t = calloc(1, sizeof(*t));
    struct link_service *s = &t->service;
    struct domain_id domain;
    struct account_id anna;
    snprintf(t->path, sizeof(t->path), "/tmp/link-test-XXXXXX");
    must(mkdtemp(t->path) != NULL);
    const struct store_options store_options = {.directory = t->path};
    ASSERT_OK(t, store_open(&store_options, &s->store, &t->error));
    ASSERT_OK(t, directory_open(store_volume(s->store), &s->directory, &t->error));
    ASSERT_OK(t, sasl_create(s->directory, &s->sasl, &t->error));
    ASSERT_OK(t, domain_add(s->directory, S("example.org"), &domain, &t->error));
    const struct account_new account = {.address = S("anna@example.org")};
    ASSERT_OK(t, account_entry_add(s->directory, &account, &anna, &t->error));
    ASSERT_OK(t, store_account_create(s->store, anna, &t->error));
    const struct queue_options queue_options = {
        .store = s->store, .directory = s->directory, .hostname = "mail.example.org"};
    ASSERT_OK(t, queue_open(&queue_options, &s->queue, &t->error));
    *state = t;
    return 0;
}

static int remove_entry(const char *path, const struct stat *status UNUSED, int type UNUSED,
                        struct FTW *ftw UNUSED)
{
    return remove(path);
}

static int teardown(void **state)
{
    struct fixture *t = *state;
    queue_close(t->service.queue);
    sasl_destroy(t->service.sasl);
    directory_close(t->service.directory);
    store_close(t->service.store);
    nftw(t->path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    free(t);
    return 0;
}

/* The error that ACCEPT without a ticket is answered with. */
static enum err accept_as_stranger(struct fixture *t, struct queue_envelope *envelope, struct slice address)
{
    CLEANUP(buf_release) struct buf record = BUF(LINK_RECORD_MAX);
    CLEANUP(buf_release) struct buf carrier = BUF(IPC_BODY_MAX);
    CLEANUP(buf_release) struct buf reply_body = BUF(IPC_BODY_MAX);
    struct ipc_message request = {.type = LINK_ACCEPT};
    struct ipc_message reply = {0};
    struct queue_recipient recipients[] = {{.address = S("anna@example.org")}, {.address = address}};
    envelope->recipients = recipients;
    envelope->recipient_count = 2;
    wire_put_slice(&record, slice_none());
    link_put_envelope(&record, envelope);
    wire_put_u64(&record, 0);
    wire_put_slice(&record, S("A: b\r\n\r\n"));
    ASSERT_OK(t, link_pack(&record, &carrier, &request, &t->error));
    link_serve(&t->service, &request, &reply_body, &reply);
    struct wire_reader r = wire_reader_of(reply.body);
    return reply.type == LINK_ERROR ? (enum err)wire_get_u32(&r) : ERR_OK;
}

static void test_stranger_reaches_only_our_domains(void **state)
{
    struct fixture *t = *state;
    struct queue_envelope envelope = {.sender = S("x@example.net"), .protocol = S("ESMTP")};
    assert_int_equal(accept_as_stranger(t, &envelope, S("cara@example.net")), ERR_DENIED);
    assert_int_equal(accept_as_stranger(t, &envelope, S("\"cara@example.org\"@example.net")), ERR_DENIED);
    assert_int_equal(accept_as_stranger(t, &envelope, S("cara@[192.0.2.1]")), ERR_INVALID);
    assert_int_equal(accept_as_stranger(t, &envelope, S("cara")), ERR_INVALID);
    assert_int_equal(accept_as_stranger(t, &envelope, S("Anna@EXAMPLE.org")), ERR_OK);
}

static void test_envelope_brings_no_header_lines(void **state)
{
    struct fixture *t = *state;
    static const struct slice evil = {"x\r\nBcc: y", 9};
    struct queue_envelope good = {.sender = S("x@example.net"), .protocol = S("ESMTP")};
    struct slice *const texts[] = {&good.sender, &good.protocol, &good.helo, &good.peer, &good.tls};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct slice kept = *texts[i];
        *texts[i] = evil;
        assert_int_equal(accept_as_stranger(t, &good, S("anna@example.org")), ERR_INVALID);
        *texts[i] = kept;
    }
    assert_int_equal(accept_as_stranger(t, &good, S("anna\r\n@example.org")), ERR_INVALID);
    assert_int_equal(accept_as_stranger(t, &good, S("anna@example.org")), ERR_OK);
}

#define LINK_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LINK_TEST(test_stranger_reaches_only_our_domains),
        LINK_TEST(test_envelope_brings_no_header_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

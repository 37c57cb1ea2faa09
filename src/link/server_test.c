/* Both sides together: the client's calls, over a real channel, to a real store, directory and queue. */
#include <sys/socket.h>

#include "queue/testing.h"

#include "base/fdio.h"
#include "link/codec.h"
#include "link/link.h"
#include "link/way_back.h"

struct pair {
    struct house *house;
    struct sasl *sasl;
    struct loop *loop;
    struct link_service service;
    struct link link;
    pthread_mutex_t lock;      /* the service's threads set, the test's looks */
    struct account_id started; /* whose session was started last */
    char pending[100];
    enum err start_result;
    int came_fd; /* of a connection that came back */
    bool came_well;
};

enum { GIVEN_BYTES = 200 * 1024 };

static enum err start_session(void *context, const struct sasl_holder *holder,
                              const struct link_hand_over *hand_over, struct error *error)
{
    struct pair *t = context;
    int fd = hand_over->fd;
    fd_close(&fd);
    pthread_mutex_lock(&t->lock);
    t->started = holder->account;
    snprintf(t->pending, sizeof(t->pending), "%.*s", SLICE_ARGS(hand_over->pending));
    enum err result = t->start_result;
    pthread_mutex_unlock(&t->lock);
    return result == ERR_OK ? ERR_OK : fail_plain(error, result, "too many sessions");
}

static int setup(void **state)
{
    struct pair *t = calloc(1, sizeof(*t));
    void *house = NULL;
    struct error error;
    struct loop_options options = {.name = "store", .threads_min = 2, .threads_max = 4};
    int ends[2];
    assert_non_null(t);
    pthread_mutex_init(&t->lock, NULL);
    house_make(&house);
    t->house = house;
    struct account_new account = {
        .address = S("eva@demo.example"), .password = S("secret"), .plan = S("pop3"), .quick_hash = true};
    struct account_id id;
    assert_int_equal(account_entry_add(t->house->directory, &account, &id, &error), ERR_OK);
    assert_int_equal(sasl_create(t->house->directory, &t->sasl, &error), ERR_OK);
    t->service = (struct link_service){.store = t->house->store,
                                       .directory = t->house->directory,
                                       .sasl = t->sasl,
                                       .queue = t->house->queue,
                                       .start_session = start_session,
                                       .context = t};
    assert_int_equal(loop_create(&options, &t->loop, &error), ERR_OK);
    assert_int_equal(loop_start(t->loop, &error), ERR_OK);
    assert_int_equal(ipc_pair(ends, &error), ERR_OK);
    assert_int_equal(ipc_serve(t->loop, ends[0], link_serve, &t->service, &error), ERR_OK);
    assert_int_equal(ipc_client_create(&t->link.client, &error), ERR_OK);
    ipc_client_connect(t->link.client, ends[1]);
    *state = t;
    return 0;
}

static void stop_service(struct pair *t)
{
    loop_stop(t->loop);
    assert_true(loop_drained(t->loop, clock_mono_us() + 60 * CLOCK_SECOND));
    loop_destroy(t->loop);
    t->loop = NULL;
}

static int teardown(void **state)
{
    struct pair *t = *state;
    void *house = t->house;
    ipc_client_destroy(t->link.client);
    if (t->loop != NULL)
        stop_service(t);
    sasl_destroy(t->sasl);
    house_free(&house);
    pthread_mutex_destroy(&t->lock);
    free(t);
    return 0;
}

static struct sasl_result log_in(struct pair *t, enum door door, struct slice message)
{
    struct sasl_start start = {.mechanism = SASL_PLAIN,
                               .door = door,
                               .initial = message,
                               .has_initial = true,
                               .peer = S("192.0.2.1")};
    struct sasl_result result = {0};
    struct error error;
    assert_int_equal(link_sasl_begin(&t->link, &start, &t->house->arena, &result, &error), ERR_OK);
    return result;
}

#define EVA S("\0eva@demo.example\0secret")

static struct slice ticket_of(const struct sasl_result *result)
{
    return slice_of(result->ticket, TICKET_SIZE);
}

static enum err hand_over(struct pair *t, enum door door, struct slice ticket)
{
    struct error error;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    struct link_hand_over it = {.door = door, .ticket = ticket, .pending = S("STAT\r\n"), .fd = ends[0]};
    enum err err = link_hand_over(&t->link, &it, &error);
    close(ends[0]); /* still the caller's */
    close(ends[1]);
    return err;
}

static void test_ticket_hands_over_once(void **state)
{
    struct pair *t = *state;
    struct sasl_result result = log_in(t, DOOR_POP3, EVA);
    assert_int_equal(result.status, SASL_OK);
    assert_true(slice_eq(result.address, S("eva@demo.example")));
    assert_int_equal(hand_over(t, DOOR_POP3, ticket_of(&result)), ERR_OK);
    pthread_mutex_lock(&t->lock);
    assert_int_equal(t->started.v, result.account.v);
    assert_string_equal(t->pending, "STAT\r\n");
    pthread_mutex_unlock(&t->lock);
    assert_int_equal(hand_over(t, DOOR_POP3, ticket_of(&result)), ERR_AUTH);
    assert_int_equal(hand_over(t, DOOR_POP3, S("0123456789abcdef")), ERR_AUTH);
    assert_int_equal(hand_over(t, DOOR_POP3, slice_none()), ERR_AUTH);
}

static void test_ticket_is_for_its_door(void **state)
{
    struct pair *t = *state;
    struct sasl_result result = log_in(t, DOOR_POP3, EVA);
    assert_int_equal(hand_over(t, DOOR_IMAP, ticket_of(&result)), ERR_AUTH);
    result = log_in(t, DOOR_IMAP, EVA); /* the plan has no such door */
    assert_int_equal(result.status, SASL_FAILED);
    assert_int_equal(result.code, ERR_DENIED);
    result = log_in(t, DOOR_POP3, S("\0eva@demo.example\0wrong"));
    assert_int_equal(result.status, SASL_FAILED);
    assert_int_equal(result.code, ERR_AUTH);
}

static void test_refused_session_is_told(void **state)
{
    struct pair *t = *state;
    struct sasl_result result = log_in(t, DOOR_POP3, EVA);
    pthread_mutex_lock(&t->lock);
    t->start_result = ERR_LIMIT;
    pthread_mutex_unlock(&t->lock);
    assert_int_equal(hand_over(t, DOOR_POP3, ticket_of(&result)), ERR_LIMIT);
}

static enum err submit(struct pair *t, struct slice ticket, const char *sender, size_t recipients,
                       struct slice body, uint64_t spool)
{
    static struct queue_recipient to[QUEUE_RECIPIENTS_MAX];
    for (size_t i = 0; i < recipients; i++)
        to[i] =
            (struct queue_recipient){.address = S("anna@demo.example"),
                                     .orcpt = S("rfc822;a-long-name-she-had-before@an-old-domain.example")};
    /* Whatever edge says about the account. */
    struct queue_envelope envelope = {.sender = slice_cstr(sender),
                                      .recipients = to,
                                      .recipient_count = recipients,
                                      .account = t->house->otto,
                                      .protocol = S("ESMTPSA")};
    struct queue_id id;
    struct error error;
    return link_accept(&t->link, ticket, &envelope, body, spool, &id, &error);
}

static void test_submission_is_for_ones_own_addresses(void **state)
{
    struct pair *t = *state;
    struct sasl_result result = log_in(t, DOOR_SUBMISSION, EVA);
    struct slice ticket = ticket_of(&result);
    assert_int_equal(submit(t, ticket, "eva@demo.example", 1, MESSAGE, 0), ERR_OK);
    assert_int_equal(submit(t, ticket, "eva+x@demo.example", 1, MESSAGE, 0), ERR_OK); /* valid for more */
    assert_int_equal(submit(t, ticket, "", 1, MESSAGE, 0), ERR_OK);
    assert_int_equal(submit(t, ticket, "otto@demo.example", 1, MESSAGE, 0), ERR_DENIED);
    assert_int_equal(submit(t, slice_none(), "otto@demo.example", 1, MESSAGE, 0), ERR_OK); /* a stranger's */
    link_ticket_release(&t->link, ticket);
    assert_int_equal(submit(t, ticket, "eva@demo.example", 1, MESSAGE, 0), ERR_AUTH);
    result = log_in(t, DOOR_POP3, EVA);
    assert_int_equal(submit(t, ticket_of(&result), "eva@demo.example", 1, MESSAGE, 0), ERR_AUTH);
    house_settle(t->house);
    assert_int_equal(house_count(t->house, t->house->anna), 4);
}

static void test_recipients_by_ticket(void **state)
{
    struct pair *t = *state;
    struct sasl_result result = log_in(t, DOOR_SUBMISSION, EVA);
    enum recipient_answer answer;
    struct error error;
    assert_int_equal(link_recipient(&t->link, slice_none(), S("x@elsewhere.example"), 0, &answer, &error),
                     ERR_OK);
    assert_int_equal(answer, RECIPIENT_NO_RELAY);
    assert_int_equal(
        link_recipient(&t->link, ticket_of(&result), S("x@elsewhere.example"), 0, &answer, &error), ERR_OK);
    assert_int_equal(answer, RECIPIENT_FOREIGN);
    assert_int_equal(link_recipient(&t->link, slice_none(), S("who@demo.example"), 0, &answer, &error),
                     ERR_OK);
    assert_int_equal(answer, RECIPIENT_UNKNOWN);
    assert_int_equal(link_recipient(&t->link, slice_none(), S("nonsense"), 0, &answer, &error), ERR_INVALID);
    assert_true(strlen(error.client) > 0);
    assert_int_equal(
        link_recipient(&t->link, S("0123456789abcdef"), S("who@demo.example"), 0, &answer, &error), ERR_AUTH);
}

/* A full inline body with a thousand recipients is more than a message holds. */
static void test_large_requests_arrive(void **state)
{
    struct pair *t = *state;
    static char body[QUEUE_INLINE_MAX + 1];
    memset(body, 'b', sizeof(body));
    struct slice none = slice_none();
    assert_int_equal(submit(t, none, "a@b.example", 1, slice_of(body, QUEUE_INLINE_MAX), 0), ERR_OK);
    assert_int_equal(submit(t, none, "a@b.example", 1000, slice_of(body, QUEUE_INLINE_MAX), 0), ERR_OK);
    assert_int_equal(submit(t, none, "a@b.example", 1, slice_of(body, QUEUE_INLINE_MAX + 1), 0), ERR_LIMIT);
    assert_int_equal(submit(t, none, "a@b.example", 0, MESSAGE, 0), ERR_INVALID);
    house_settle(t->house);
    assert_int_equal(house_count(t->house, t->house->anna), 2);
}

static void test_spool_file_is_written_by_the_edge(void **state)
{
    struct pair *t = *state;
    CLEANUP(fd_close) int fd = -1;
    uint64_t spool;
    struct error error;
    assert_int_equal(link_spool_create(&t->link, &spool, &fd, &error), ERR_OK);
    assert_int_equal(fd_write_all(fd, MESSAGE, &error), ERR_OK);
    assert_int_equal(submit(t, slice_none(), "a@b.example", 1, slice_none(), spool), ERR_OK);
    assert_int_equal(submit(t, slice_none(), "a@b.example", 1, slice_none(), spool), ERR_UNAVAILABLE);
    house_settle(t->house);
    assert_int_equal(house_count(t->house, t->house->anna), 1);
    fd_close(&fd);
    fd = -1;
    assert_int_equal(link_spool_create(&t->link, &spool, &fd, &error), ERR_OK);
    link_spool_drop(&t->link, spool);
    assert_int_equal(submit(t, slice_none(), "a@b.example", 1, slice_none(), spool), ERR_UNAVAILABLE);
}

static void refuses_malformed(struct pair *t, ipc_serve_fn *serve, const uint32_t *types, size_t count)
{
    static const struct slice bodies[] = {
        {"", 0}, {"\0\xff", 2}, {"\0\0\0\0\0\0\0\0\0\0\0\1", 12}, {"\7", 1}};
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < ARRAY_LEN(bodies); k++) {
            CLEANUP(buf_release) struct buf reply_body = BUF(IPC_BODY_MAX);
            struct ipc_message request = {.type = types[i], .body = bodies[k]};
            struct ipc_message reply = {0};
            serve(&t->service, &request, &reply_body, &reply);
            assert_int_equal(reply.type, LINK_ERROR);
            struct wire_reader r = wire_reader_of(reply.body);
            uint32_t code = wire_get_u32(&r);
            assert_int_equal(code, types[i] == 999 && k < 3 && k > 0 ? ERR_UNSUPPORTED : ERR_INVALID);
            assert_int_equal(reply.fd_count, 0);
        }
    }
}

/* Each message's request cut short, too long, or of no known kind. */
static void test_malformed_requests_are_refused(void **state)
{
    static const uint32_t edge[] = {
#define X(name, number) LINK_##name,
        LINK_MESSAGE_TABLE(X)
#undef X
            999};
    static const uint32_t relay[] = {
#define X(name, number) LINK_##name,
        LINK_RELAY_TABLE(X)
#undef X
            999};
    refuses_malformed(*state, link_serve, edge, ARRAY_LEN(edge));
    refuses_malformed(*state, link_serve_relay, relay, ARRAY_LEN(relay));
}

/* Who faces the world is given no mail of others, and who sends mail no log-in. */
static void test_edge_and_relay_may_ask_for_different_things(void **state)
{
    struct pair *t = *state;
    static const struct {
        ipc_serve_fn *serve;
        uint32_t type;
    } wrong[] = {{link_serve, LINK_OUTBOUND_TAKE},
                 {link_serve, LINK_OUTBOUND_OPEN},
                 {link_serve_relay, LINK_SASL_BEGIN},
                 {link_serve_relay, LINK_HAND_OVER},
                 {link_serve_relay, LINK_TICKET_RELEASE}};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        CLEANUP(buf_release) struct buf reply_body = BUF(IPC_BODY_MAX);
        CLEANUP(buf_release) struct buf body = BUF(100);
        struct ipc_message reply = {0};
        wire_put_u8(&body, 0); /* a record that travels in the message */
        struct ipc_message request = {.type = wrong[i].type, .body = buf_slice(&body)};
        wrong[i].serve(&t->service, &request, &reply_body, &reply);
        struct wire_reader r = wire_reader_of(reply.body);
        assert_int_equal(reply.type, LINK_ERROR);
        assert_int_equal(wire_get_u32(&r), ERR_UNSUPPORTED);
    }
}

/* A hand-over whose descriptor did not come. */
static void test_hand_over_needs_its_descriptor(void **state)
{
    struct pair *t = *state;
    struct sasl_result result = log_in(t, DOOR_POP3, EVA);
    CLEANUP(buf_release) struct buf record = BUF(1000);
    CLEANUP(buf_release) struct buf carrier = BUF(1000);
    CLEANUP(buf_release) struct buf reply_body = BUF(IPC_BODY_MAX);
    struct link_hand_over it = {.door = DOOR_POP3, .ticket = ticket_of(&result)};
    struct ipc_message request = {.type = LINK_HAND_OVER};
    struct ipc_message reply = {0};
    struct error error;
    link_put_hand_over(&record, &it);
    assert_int_equal(link_pack(&record, &carrier, &request, &error), ERR_OK);
    link_serve(&t->service, &request, &reply_body, &reply);
    assert_int_equal(reply.type, LINK_ERROR);
    assert_int_equal(hand_over(t, DOOR_POP3, ticket_of(&result)), ERR_OK); /* it did not use the ticket up */
}

static void note_came(void *context, struct link_give_back *given)
{
    struct pair *t = context;
    pthread_mutex_lock(&t->lock);
    t->came_fd = fd_take(&given->fd);
    t->came_well = given->sid.v == 7 && given->peer_port == 99 && slice_eq(given->peer, S("192.0.2.1")) &&
                   given->pending.n == GIVEN_BYTES;
    pthread_mutex_unlock(&t->lock);
}

/* With more input behind it than fits into a record. */
static void test_a_connection_comes_back_with_its_input(void **state)
{
    struct pair *t = *state;
    struct error error;
    int pair[2];
    char *pending = calloc(1, GIVEN_BYTES);
    t->link.loop = t->loop;
    t->link.came = note_came;
    t->link.context = t;
    assert_int_equal(ipc_client_create(&t->service.edge, &error), ERR_OK);
    struct link_give_back given = {.sid = {7}, .peer = S("192.0.2.1"), .peer_port = 99};
    given.pending = slice_of(pending, GIVEN_BYTES);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
        CLEANUP(fd_close) int peer = pair[0];
        given.fd = pair[1];
        /* At first edge has not told of a way. */
        enum err err = link_give_back(&t->service, &given, &error);
        assert_int_equal(err, i == 0 ? ERR_UNAVAILABLE : ERR_OK);
        if (i > 0) {
            pthread_mutex_lock(&t->lock);
            bool well = t->came_well;
            CLEANUP(fd_close) int came = fd_take(&t->came_fd);
            pthread_mutex_unlock(&t->lock);
            assert_true(well);
            assert_int_equal(write(came, "x", 1), 1);
        }
        char c;
        assert_int_equal(read(peer, &c, 1), i > 0 ? 1 : 0);
        link_ensure_way_back(&t->link);
    }
    free(pending);
    ipc_client_destroy(t->service.edge);
}

static void test_no_service_is_told(void **state)
{
    struct pair *t = *state;
    enum recipient_answer answer;
    struct error error;
    stop_service(t);
    assert_int_equal(link_recipient(&t->link, slice_none(), S("anna@demo.example"), 0, &answer, &error),
                     ERR_UNAVAILABLE);
    assert_int_equal(submit(t, slice_none(), "a@b.example", 1, MESSAGE, 0), ERR_UNAVAILABLE);
    link_sasl_cancel(&t->link, 7);
}

int main(void)
{
#define PAIR_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        PAIR_TEST(test_ticket_hands_over_once),
        PAIR_TEST(test_ticket_is_for_its_door),
        PAIR_TEST(test_refused_session_is_told),
        PAIR_TEST(test_submission_is_for_ones_own_addresses),
        PAIR_TEST(test_recipients_by_ticket),
        PAIR_TEST(test_large_requests_arrive),
        PAIR_TEST(test_spool_file_is_written_by_the_edge),
        PAIR_TEST(test_malformed_requests_are_refused),
        PAIR_TEST(test_edge_and_relay_may_ask_for_different_things),
        PAIR_TEST(test_hand_over_needs_its_descriptor),
        PAIR_TEST(test_a_connection_comes_back_with_its_input),
        PAIR_TEST(test_no_service_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

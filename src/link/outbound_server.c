/* The store's side of outbound.h. Relay is given mail that is to leave, and nothing of anybody's mailbox. */
#include "base/fdio.h"
#include "directory/domain_rest.h"
#include "link/outbound.h"
#include "link/outbound_codec.h"
#include "link/serving.h"

/* A reply that may be too large for one record. */
static enum err pack_reply(struct service_call *call, struct buf *record, struct error *error)
{
    return link_pack(record, call->reply, call->reply_message, error);
}

static enum err serve_take(struct service_call *call, struct error *error)
{
    CLEANUP(buf_release) struct buf record = BUF(LINK_RECORD_MAX);
    struct outbound_batch batch;
    uint64_t hand = wire_get_u64(&call->request);
    uint64_t seen = wire_get_u64(&call->request);
    uint64_t max = wire_get_varint(&call->request);
    enum err err = link_check_request(call, error);
    if (err == ERR_OK)
        err = queue_outbound_take(call->service->queue, hand, seen, max,
                                  clock_mono_us() + LINK_OUTBOUND_WAIT_US, &call->arena, &batch, error);
    if (err != ERR_OK)
        return err;
    link_put_batch(&record, &batch);
    return pack_reply(call, &record, error);
}

static enum err serve_open(struct service_call *call, struct error *error)
{
    CLEANUP(buf_release) struct buf record = BUF(LINK_RECORD_MAX);
    CLEANUP(outbound_message_release) struct outbound_message message = {.fd = -1};
    uint64_t hand = wire_get_u64(&call->request);
    struct queue_id entry = {wire_get_u64(&call->request)};
    enum err err = link_check_request(call, error);
    if (err == ERR_OK)
        err = queue_outbound_open(call->service->queue, hand, entry, &message, error);
    if (err != ERR_OK)
        return err;
    wire_put_slice(&record, buf_slice(&message.text));
    wire_put_u8(&record, message.fd >= 0);
    if (message.fd >= 0)
        call->reply_message->fds[call->reply_message->fd_count++] = fd_take(&message.fd);
    return pack_reply(call, &record, error);
}

static enum err serve_done(struct service_call *call, struct error *error)
{
    struct outbound_result *results;
    size_t count;
    uint64_t hand = wire_get_u64(&call->request);
    struct queue_id entry = {wire_get_u64(&call->request)};
    link_get_results(&call->request, &call->arena, &results, &count);
    enum err err = link_check_request(call, error);
    return err == ERR_OK ? queue_outbound_done(call->service->queue, hand, entry, results, count, error)
                         : err;
}

static enum err serve_rest(struct service_call *call, struct error *error)
{
    struct smart_host host;
    struct slice address = wire_get_slice(&call->request);
    enum err err = link_check_request(call, error);
    if (err == ERR_OK)
        err = domain_rest_for(call->service->directory, address, &call->arena, &host, error);
    if (err == ERR_OK)
        link_put_route(call->reply, &host);
    return err;
}

static enum err serve_destinations(struct service_call *call, struct error *error)
{
    CLEANUP(buf_release) struct buf record = BUF(LINK_RECORD_MAX);
    struct destination *rows = NULL;
    size_t count = 0;
    enum err err = link_check_request(call, error);
    if (err == ERR_OK)
        err = destination_list(call->service->directory, &call->arena, &rows, &count, error);
    if (err != ERR_OK)
        return err;
    link_put_destinations(&record, rows, count);
    return pack_reply(call, &record, error);
}

static enum err check_policies(const struct service_call *call, struct error *error)
{
    enum err err = link_check_request(call, error);
    return err == ERR_OK && call->service->policies == NULL
               ? fail(error, ERR_UNSUPPORTED, NULL, "no policies are kept here")
               : err;
}

/* That there is none is no failure, and nothing for the log: an empty text says it. */
static enum err serve_policy_get(struct service_call *call, struct error *error)
{
    CLEANUP(buf_release) struct buf record = BUF(LINK_RECORD_MAX);
    struct slice domain = wire_get_slice(&call->request);
    struct kept_policy policy = {.domain = domain};
    enum err err = check_policies(call, error);
    if (err == ERR_OK)
        err = policies_get(call->service->policies, domain, clock_wall_us(), &call->arena, &policy, error);
    if (err != ERR_OK && err != ERR_NOT_FOUND)
        return err;
    link_put_policy(&record, &policy);
    return pack_reply(call, &record, error);
}

static enum err serve_policy_put(struct service_call *call, struct error *error)
{
    struct kept_policy policy;
    link_get_policy(&call->request, &policy);
    enum err err = check_policies(call, error);
    return err == ERR_OK ? policies_put(call->service->policies, &policy, clock_wall_us(), error) : err;
}

static enum err serve_policy_old(struct service_call *call, struct error *error)
{
    CLEANUP(buf_release) struct buf record = BUF(LINK_RECORD_MAX);
    struct slice *domains = NULL;
    size_t count = 0;
    struct slice after = wire_get_slice(&call->request);
    enum err err = check_policies(call, error);
    if (err == ERR_OK)
        err = policies_old(call->service->policies, after, clock_wall_us(), &call->arena, &domains, &count,
                           error);
    if (err != ERR_OK)
        return err;
    wire_put_varint(&record, count);
    for (size_t i = 0; i < count; i++)
        wire_put_slice(&record, domains[i]);
    return pack_reply(call, &record, error);
}

static enum err serve_tls_note(struct service_call *call, struct error *error)
{
    struct feedback_note note;
    link_get_note(&call->request, &note);
    enum err err = link_check_request(call, error);
    if (err != ERR_OK || call->service->tls_feedback == NULL)
        return err;
    return feedback_note(call->service->tls_feedback, &note, clock_wall_us(), error);
}

static const struct link_row rows[] = {
    {LINK_OUTBOUND_TAKE, "outbound-take", serve_take},
    {LINK_OUTBOUND_OPEN, "outbound-open", serve_open},
    {LINK_OUTBOUND_DONE, "outbound-done", serve_done},
    {LINK_TLS_NOTE, "tls-note", serve_tls_note},
    {LINK_POLICY_GET, "policy-get", serve_policy_get},
    {LINK_POLICY_PUT, "policy-put", serve_policy_put},
    {LINK_POLICY_OLD, "policy-old", serve_policy_old},
    {LINK_REST, "rest", serve_rest},
    {LINK_DESTINATIONS, "destinations", serve_destinations},
};

void link_serve_relay(void *context, struct ipc_message *request, struct buf *reply_body,
                      struct ipc_message *reply)
{
    link_serve_rows(rows, ARRAY_LEN(rows), context, request, reply_body, reply);
}

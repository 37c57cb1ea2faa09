/* The relay's side of outbound.h. */
#include "base/fdio.h"
#include "link/call.h"
#include "link/outbound.h"
#include "link/outbound_codec.h"

/* Reads a reply that was packed as a record of its own. */
static enum err unpack_reply(struct link_call *call, struct buf *storage, struct wire_reader *ret_reader,
                             struct error *error)
{
    struct slice record;
    enum err err = link_unpack(&call->reply, storage, &record, error);
    if (err == ERR_OK)
        *ret_reader = wire_reader_of(record);
    return err;
}

static enum err malformed(struct error *error)
{
    return fail(error, ERR_INVALID, NULL, "malformed reply from store");
}

enum err link_outbound_take(struct link *link, uint64_t hand, uint64_t seen, size_t max, struct arena *arena,
                            struct outbound_batch *ret_batch, struct error *error)
{
    CLEANUP(link_call_release) struct link_call call = link_call_of(link, LINK_OUTBOUND_TAKE);
    CLEANUP(buf_release) struct buf storage = BUF(LINK_RECORD_MAX);
    struct wire_reader reader;
    struct outbound_batch batch;
    wire_put_u64(&call.record, hand);
    wire_put_u64(&call.record, seen);
    wire_put_varint(&call.record, max);
    enum err err = link_call_run(&call, error);
    if (err == ERR_OK)
        err = unpack_reply(&call, &storage, &reader, error);
    if (err != ERR_OK)
        return err;
    link_get_batch(&reader, arena, &batch);
    if (arena_failed(arena))
        return fail_nomem(error);
    if (!wire_end(&reader))
        return malformed(error);
    *ret_batch = batch;
    return ERR_OK;
}

enum err link_outbound_open(struct link *link, uint64_t hand, struct queue_id entry,
                            struct outbound_message *ret_message, struct error *error)
{
    CLEANUP(link_call_release) struct link_call call = link_call_of(link, LINK_OUTBOUND_OPEN);
    CLEANUP(buf_release) struct buf storage = BUF(LINK_RECORD_MAX);
    CLEANUP(outbound_message_release)
    struct outbound_message message = {.text = BUF(LINK_RECORD_MAX), .fd = -1};
    struct wire_reader reader;
    wire_put_u64(&call.record, hand);
    wire_put_u64(&call.record, entry.v);
    enum err err = link_call_run(&call, error);
    if (err == ERR_OK)
        err = unpack_reply(&call, &storage, &reader, error);
    if (err != ERR_OK)
        return err;
    buf_put(&message.text, wire_get_slice(&reader));
    bool has_file = wire_get_u8(&reader) != 0;
    if (!wire_end(&reader) || (has_file && call.reply.fd_count != 1))
        return malformed(error);
    if (buf_failed(&message.text))
        return fail_nomem(error);
    if (has_file)
        message.fd = fd_take(&call.reply.fds[0]);
    *ret_message = message;
    message = (struct outbound_message){.fd = -1};
    return ERR_OK;
}

enum err link_outbound_done(struct link *link, uint64_t hand, struct queue_id entry,
                            const struct outbound_result *results, size_t count, struct error *error)
{
    CLEANUP(link_call_release) struct link_call call = link_call_of(link, LINK_OUTBOUND_DONE);
    wire_put_u64(&call.record, hand);
    wire_put_u64(&call.record, entry.v);
    link_put_results(&call.record, results, count);
    enum err err = link_call_run(&call, error);
    return err == ERR_OK ? link_call_end(&call, error) : err;
}

enum err link_rest(struct link *link, struct slice address, struct arena *arena, struct smart_host *ret_host,
                   struct error *error)
{
    CLEANUP(link_call_release) struct link_call call = link_call_of(link, LINK_REST);
    wire_put_slice(&call.record, address);
    enum err err = link_call_run(&call, error);
    if (err != ERR_OK)
        return err;
    struct smart_host host = link_get_route(&call.reader, arena);
    err = arena_failed(arena) ? fail_nomem(error) : link_call_end(&call, error);
    if (err == ERR_OK)
        *ret_host = host;
    return err;
}

enum err link_destinations(struct link *link, struct arena *arena, struct destination **ret_rows,
                           size_t *ret_count, struct error *error)
{
    CLEANUP(link_call_release) struct link_call call = link_call_of(link, LINK_DESTINATIONS);
    CLEANUP(buf_release) struct buf storage = BUF(LINK_RECORD_MAX);
    struct wire_reader reader;
    enum err err = link_call_run(&call, error);
    if (err == ERR_OK)
        err = unpack_reply(&call, &storage, &reader, error);
    if (err != ERR_OK)
        return err;
    link_get_destinations(&reader, arena, ret_rows, ret_count);
    if (arena_failed(arena))
        return fail_nomem(error);
    return wire_end(&reader) ? ERR_OK : malformed(error);
}

enum err link_policy_get(struct link *link, struct slice domain, struct arena *arena,
                         struct kept_policy *ret_policy, struct error *error)
{
    CLEANUP(link_call_release) struct link_call call = link_call_of(link, LINK_POLICY_GET);
    CLEANUP(buf_release) struct buf storage = BUF(LINK_RECORD_MAX);
    struct wire_reader reader;
    struct kept_policy policy;
    wire_put_slice(&call.record, domain);
    enum err err = link_call_run(&call, error);
    if (err == ERR_OK)
        err = unpack_reply(&call, &storage, &reader, error);
    if (err != ERR_OK)
        return err;
    link_get_policy(&reader, &policy);
    if (!wire_end(&reader))
        return malformed(error);
    if (policy.text.n == 0)
        return fail(error, ERR_NOT_FOUND, NULL, "no policy is kept");
    policy.domain = arena_dup(arena, policy.domain);
    policy.id = arena_dup(arena, policy.id);
    policy.text = arena_dup(arena, policy.text);
    if (arena_failed(arena))
        return fail_nomem(error);
    *ret_policy = policy;
    return ERR_OK;
}

enum err link_policy_put(struct link *link, const struct kept_policy *policy, struct error *error)
{
    CLEANUP(link_call_release) struct link_call call = link_call_of(link, LINK_POLICY_PUT);
    link_put_policy(&call.record, policy);
    enum err err = link_call_run(&call, error);
    return err == ERR_OK ? link_call_end(&call, error) : err;
}

enum err link_policy_old(struct link *link, struct slice after, struct arena *arena,
                         struct slice **ret_domains, size_t *ret_count, struct error *error)
{
    CLEANUP(link_call_release) struct link_call call = link_call_of(link, LINK_POLICY_OLD);
    CLEANUP(buf_release) struct buf storage = BUF(LINK_RECORD_MAX);
    struct wire_reader reader;
    wire_put_slice(&call.record, after);
    enum err err = link_call_run(&call, error);
    if (err == ERR_OK)
        err = unpack_reply(&call, &storage, &reader, error);
    if (err != ERR_OK)
        return err;
    uint64_t count = wire_get_varint(&reader);
    if (!wire_ok(&reader) || count > POLICIES_OLD_MAX)
        return malformed(error);
    struct slice *domains = arena_array(arena, count + 1, sizeof(*domains));
    for (size_t i = 0; domains != NULL && i < count; i++)
        domains[i] = arena_dup(arena, wire_get_slice(&reader));
    if (arena_failed(arena))
        return fail_nomem(error);
    if (!wire_end(&reader))
        return malformed(error);
    *ret_domains = domains;
    *ret_count = count;
    return ERR_OK;
}

enum err link_tls_note(struct link *link, const struct feedback_note *note, struct error *error)
{
    CLEANUP(link_call_release) struct link_call call = link_call_of(link, LINK_TLS_NOTE);
    link_put_note(&call.record, note);
    enum err err = link_call_run(&call, error);
    return err == ERR_OK ? link_call_end(&call, error) : err;
}

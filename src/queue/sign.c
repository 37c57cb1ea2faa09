/*
 * Who vouches for a message that leaves, and the signatures (DKIM) that say so. docs/decisions/dkim.md has
 * the reasons.
 *
 * What people submit is signed for the domain in From, if they may send as the address there; else for the
 * domain of the envelope's sender, which was checked when they submitted it. What the house itself says is
 * signed for From. What strangers sent and is passed on is not signed: they could have written anything
 * there.
 */
#include <unistd.h>

#include "authres/arc.h"
#include "directory/domain_key.h"
#include "mime/address.h"
#include "mime/header.h"
#include "queue/internal.h"
#include "queue/outbound.h"

enum { SIGN_ARENA_MAX = 4 << 20, SIGN_PIECE = 64 * 1024 };

/* --- for whom --- */

/* The domain of From, when all authors are of one domain that may be signed for. Empty: not. */
static struct slice author_domain(struct queue *queue, const struct entry *entry, struct slice header,
                                  struct arena *arena)
{
    struct cursor fields = cursor_of(header);
    struct mime_addresses authors = {0};
    struct mime_field field;
    struct slice domain = slice_none();
    struct slice from = slice_none();
    struct error error;
    while (mime_field_next(&fields, &field)) {
        if (!slice_eq_nocase(field.name, S("From")))
            continue;
        if (from.p != NULL)
            return slice_none(); /* two of them: who knows which one is shown */
        from = field.value;
    }
    if (from.p == NULL || mime_addresses_parse(arena, from, &authors, &error) != ERR_OK)
        return slice_none();
    for (const struct mime_address *a = authors.first; a != NULL; a = a->next) {
        CLEANUP(buf_release) struct buf address = BUF(ADDRESS_MAX);
        if (a->kind != MIME_ADDRESS_MAILBOX)
            continue;
        mime_address_put_spec(&address, a);
        if (buf_failed(&address) || (domain.n > 0 && !slice_eq_nocase(domain, a->domain)))
            return slice_none();
        if (!entry->envelope.ours &&
            !directory_may_send_as(queue->directory, entry->envelope.account, buf_slice(&address)))
            return slice_none();
        domain = a->domain;
    }
    return domain;
}

static struct slice sender_domain(const struct entry *entry)
{
    ssize_t at = slice_rfind_char(entry->envelope.sender, '@');
    return at >= 0 ? slice_from(entry->envelope.sender, (size_t)at + 1) : slice_none();
}

/* No keys: count 0. */
static enum err find_keys(struct queue *queue, const struct entry *entry, struct slice header,
                          struct arena *arena, struct domain_signing *ret_signing, struct error *error)
{
    const struct slice domains[] = {author_domain(queue, entry, header, arena), sender_domain(entry)};
    enum err err = ERR_OK;
    for (size_t i = 0; i < ARRAY_LEN(domains) && err == ERR_OK && ret_signing->count == 0; i++) {
        if (domains[i].n == 0)
            continue;
        err = domain_signing_load(queue->directory, domains[i], arena, ret_signing, error);
        if (err == ERR_INVALID)
            err = ERR_OK; /* no domain of ours is written like that */
    }
    return err;
}

/* --- the message --- */

static enum err feed_file(struct dkim_signer *signer, int fd, struct error *error)
{
    char piece[SIGN_PIECE];
    off_t at = 0;
    ssize_t n;
    while ((n = pread(fd, piece, sizeof(piece), at)) > 0) {
        dkim_signer_feed(signer, slice_of(piece, (size_t)n));
        at += n;
    }
    return n < 0 ? fail_errno(error, "reading a spool file") : ERR_OK;
}

static enum err put_signatures(const struct domain_signing *signing, const struct outbound_message *message,
                               struct buf *out, struct error *error)
{
    CLEANUP(dkim_signer_cleanup) struct dkim_signer *signer = NULL;
    enum err err = dkim_signer_create(signing->keys, signing->count, &signer, error);
    if (err != ERR_OK)
        return err;
    dkim_signer_feed(signer, buf_slice(&message->text));
    if (message->fd >= 0)
        err = feed_file(signer, message->fd, error);
    if (err == ERR_OK)
        err = dkim_signer_finish(signer, clock_wall_us() / CLOCK_SECOND, out, error);
    return err;
}

enum err sign_outbound(struct queue *queue, const struct entry *entry, struct slice header,
                       const struct outbound_message *message, struct buf *out, struct error *error)
{
    CLEANUP(arena_release) struct arena arena = ARENA(SIGN_ARENA_MAX);
    CLEANUP(domain_signing_release) struct domain_signing signing = {.count = 0};
    if (entry->envelope.account.v == 0 && !entry->envelope.ours)
        return ERR_OK;
    enum err err = find_keys(queue, entry, header, &arena, &signing, error);
    if (err == ERR_OK && signing.count > 0)
        err = put_signatures(&signing, message, out, error);
    if (err != ERR_INVALID)
        return err;
    LOG(LOG_WARN, entry->envelope.sid, "queue.unsigned", F_ID("entry", entry->id.v), F_ERR(error));
    return ERR_OK;
}

/* --- what is passed on --- */

/* Not everybody who reads ARC knows Ed25519. */
static const struct dkim_signing_key *sealing_key(const struct domain_signing *signing)
{
    for (size_t i = 0; i < signing->count; i++)
        if (signing->keys[i].private.algorithm == DKIM_RSA_SHA256)
            return &signing->keys[i];
    return &signing->keys[0];
}

static enum err put_set(const struct domain_signing *signing, struct slice results, struct slice prefix,
                        struct slice body, struct buf *out, struct error *error)
{
    CLEANUP(arc_sealer_cleanup) struct arc_sealer *sealer = NULL;
    enum arc_status status = ARC_NONE;
    struct slice name;
    struct slice value;
    slice_cut(results, ':', &name, &value);
    if (!arc_status_in_results(value, &status))
        status = ARC_NONE;
    enum err err = arc_sealer_create(sealing_key(signing), value, status, &sealer, error);
    if (err != ERR_OK)
        return err;
    arc_sealer_feed(sealer, prefix);
    arc_sealer_feed(sealer, body);
    return arc_sealer_finish(sealer, clock_wall_us() / CLOCK_SECOND, out, error);
}

enum err sign_onward(struct queue *queue, const struct entry *from, struct slice by, struct slice prefix,
                     struct slice body, struct buf *out, struct error *error)
{
    CLEANUP(arena_release) struct arena arena = ARENA(SIGN_ARENA_MAX);
    CLEANUP(domain_signing_release) struct domain_signing signing = {.count = 0};
    struct slice results = from->envelope.results;
    if (results.n == 0)
        return ERR_OK; /* nobody looked at it: there is nothing to say */
    struct slice domain = slice_from(by, (size_t)(slice_rfind_char(by, '@') + 1));
    enum err err = domain_signing_load(queue->directory, domain, &arena, &signing, error);
    if (err == ERR_OK && signing.count > 0)
        err = put_set(&signing, results, prefix, body, out, error);
    if (err != ERR_INVALID)
        return err;
    LOG(LOG_WARN, from->envelope.sid, "queue.unsealed", F_ID("entry", from->id.v), F_ERR(error));
    return ERR_OK;
}

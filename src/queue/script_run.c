#include <sodium.h>
#include <stdlib.h>
#include <time.h>

#include "base/must.h"
#include "queue/script.h"

/* --- the plan --- */

enum err filing_delivery_id(const struct filing *filing, unsigned ordinal, struct arena *arena,
                            struct slice *ret_id, struct error *error)
{
    unsigned char *id = arena_alloc(arena, DELIVERY_ID_SIZE);
    if (id == NULL)
        return fail_nomem(error);
    entry_delivery_id(filing->entry, filing->account, ordinal, id);
    *ret_id = slice_of(id, DELIVERY_ID_SIZE);
    return ERR_OK;
}

void filing_plan_free(struct filing *filing)
{
    struct filing_plan *plan = take(filing->plan);
    if (plan == NULL)
        return;
    sieve_result_release(&plan->result);
    arena_release(&plan->arena);
    free(plan);
}

/* --- what is remembered --- */

void script_key(const char *kind, struct slice a, struct slice b, struct remembered *ret)
{
    crypto_generichash_state state;
    const struct slice parts[] = {slice_cstr(kind), a, b};
    must(crypto_generichash_init(&state, NULL, 0, REMEMBERED_KEY_BYTES) == 0);
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        const uint64_t n = parts[i].n;
        crypto_generichash_update(&state, (const unsigned char *)&n, sizeof(n));
        crypto_generichash_update(&state, (const unsigned char *)parts[i].p, n);
    }
    crypto_generichash_final(&state, ret->key, REMEMBERED_KEY_BYTES);
}

enum err script_knows(struct script_run *run, const struct remembered *item, bool *ret, struct error *error)
{
    return remembered_find(run->target->account, item, run->delivery_id, entry_since(run->filing->entry), ret,
                           error);
}

enum err script_remember(struct script_run *run, struct remembered item, uint64_t seconds,
                         struct error *error)
{
    struct filing_plan *plan = run->plan;
    if (plan->remember_count == FILING_REMEMBER_MAX)
        return fail_plain(error, ERR_INVALID, "too much is to be remembered");
    item.expires_us = entry_since(run->filing->entry) + (int64_t)seconds * CLOCK_SECOND;
    plan->remember[plan->remember_count++] = item;
    return ERR_OK;
}

/* --- a run --- */

/* The local zone at that time, in minutes east of UTC. */
static int32_t zone_at(int64_t seconds)
{
    const time_t time = (time_t)seconds;
    struct tm local;
    return localtime_r(&time, &local) != NULL ? (int32_t)(local.tm_gmtoff / 60) : 0;
}

/* What no person and no script decided otherwise. */
static enum err plan_default(struct script_run *run, struct error *error)
{
    return script_keep(run, run->filing->junk, error);
}

/* Nothing that the script wanted is done; the message stays in the Inbox, and the owner hears of it. */
static enum err plan_failure(struct script_run *run, uint32_t line, const char *failure, struct error *error)
{
    file_drop_onwards(run->batch, run->onwards_before);
    run->plan->deposit_count = run->plan->remember_count = 0;
    run->filing->refusal = slice_none();
    run->spoken = run->passed_on = false;
    enum err err = script_keep(run, false, error);
    return err == ERR_OK ? script_tell_owner(run, line, failure, error) : err;
}

static enum err note_tracked(struct script_run *run, const struct sieve_result *result, struct error *error)
{
    enum err err = ERR_OK;
    for (size_t i = 0; i < result->tracked_count && err == ERR_OK; i++) {
        struct remembered item;
        script_key("duplicate", result->tracked[i].id, slice_none(), &item);
        err = script_remember(run, item, result->tracked[i].seconds, error);
    }
    return err;
}

static enum err plan_result(struct script_run *run, struct error *error)
{
    const struct sieve_result *result = &run->plan->result;
    uint32_t line = result->failure_line;
    enum err err = ERR_OK;
    if (result->failed)
        return plan_failure(run, line, result->failure, error);
    for (size_t i = 0; i < result->count && err == ERR_OK; i++) {
        line = result->actions[i].line;
        err = script_act(run, &result->actions[i], error);
    }
    if (err == ERR_OK)
        err = note_tracked(run, result, error);
    if (err == ERR_INVALID) {
        const struct error why = *error;
        return plan_failure(run, line, why.detail, error);
    }
    run->filing->discarded = run->plan->deposit_count == 0;
    return err;
}

enum err script_execute(struct script_run *run, const struct sieve_program *program,
                        struct sieve_result *ret_result, struct error *error)
{
    const struct entry *entry = run->filing->entry;
    const struct slice to = entry->recipients[run->filing->recipient].given.address;
    const struct slice own[] = {run->owner.address, to};
    const bool owns = directory_may_send_as(run->batch->queue->directory, run->owner.id, to);
    const int64_t now = entry_since(entry) / CLOCK_SECOND;
    const struct sieve_input input = {
        .message = run->message,
        .envelope_from = entry->envelope.sender.p != NULL ? entry->envelope.sender : S(""),
        .envelope_to = to,
        .owner_name = run->owner.name,
        .owner_address = run->owner.address,
        .addresses = own,
        .address_count = owns ? 2 : 1, /* who came by a group was not written to himself */
        .hostname = slice_cstr(run->batch->queue->hostname),
        .now = now,
        .zone_minutes = zone_at(now),
        .script_name = run->script.name,
        .spam_tested = true,
        .spam_percent = run->filing->junk ? 100 : 0,
    };
    const struct sieve_host host = script_world(run);
    return sieve_run(program, &input, &host, ret_result, error);
}

static void run_end(struct script_run *run)
{
    for (size_t i = 0; i < run->loaded_count; i++)
        sieve_program_free(run->loaded[i].program);
    buf_release(&run->joined);
}

enum err script_ready(struct script_run *run, struct error *error)
{
    struct arena *arena = &run->plan->arena;
    const struct entry *entry = run->filing->entry;
    if (run->message.p != NULL)
        return ERR_OK;
    buf_put(&run->joined, buf_slice(&run->filing->prefix));
    buf_put(&run->joined, slice_of(entry->body, entry->size));
    if (buf_failed(&run->joined))
        return fail_nomem(error);
    run->message = buf_slice(&run->joined);
    enum err err =
        account_entry_get(run->batch->queue->directory, run->filing->account, arena, &run->owner, error);
    return err == ERR_OK ? filing_delivery_id(run->filing, 0, arena, &run->delivery_id, error) : err;
}

/* The account's script, if it has one. */
static enum err plan_by_script(struct script_run *run, struct error *error)
{
    struct sieve_program *program;
    enum err err =
        script_load(run->target->account, slice_none(), &run->plan->arena, &program, &run->script, error);
    if (err == ERR_NOT_FOUND)
        return plan_default(run, error);
    if (err != ERR_OK)
        return err;
    err = script_ready(run, error);
    if (err == ERR_OK)
        err = script_execute(run, program, &run->plan->result, error);
    if (err == ERR_OK)
        err = plan_result(run, error);
    sieve_program_free(program);
    return err;
}

enum err script_plan(struct batch *batch, const struct target *target, struct filing *filing,
                     struct error *error)
{
    if (buf_failed(&filing->prefix))
        return fail_nomem(error);
    filing->plan = calloc(1, sizeof(*filing->plan));
    if (filing->plan == NULL)
        return fail_nomem(error);
    filing->plan->arena = ARENA(FILING_PLAN_ARENA_MAX);
    struct script_run run = {.batch = batch,
                             .target = target,
                             .filing = filing,
                             .plan = filing->plan,
                             .joined = BUF(QUEUE_MESSAGE_MOST),
                             .onwards_before = batch->onward_count};
    enum err err = plan_by_script(&run, error);
    if (err == ERR_OK)
        err = script_answer_away(&run, error);
    run_end(&run);
    if (err == ERR_OK)
        return ERR_OK;
    file_drop_onwards(batch, run.onwards_before);
    filing_plan_free(filing);
    /* No refusal: the message itself is not to blame. */
    return err == ERR_LIMIT || err == ERR_INVALID ? fail(error, ERR_UNAVAILABLE, NULL, "%s", error->detail)
                                                  : err;
}

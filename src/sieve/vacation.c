/* The command vacation (RFC 5230, RFC 6131). */
#include "sieve/vacation.h"

#include "sieve/deliver.h"
#include "sieve/hash.h"
#include "sieve/letter.h"

enum { DAY_SECONDS = 86400 };

/* --- what makes two replies the same --- */

/* As the script has it, without the variables' values (RFC 5230 4.2). */
static void hash_argument(crypto_generichash_state *state, const struct node *node, enum slot slot,
                          const struct sieve_program *program)
{
    const struct value *value = node_value(node, slot);
    hash_text(state, value != NULL ? 'A' : 'N', S(""));
    for (uint32_t i = 0; value != NULL && value->kind == VALUE_TEXT && i < value->texts[0].count; i++) {
        const struct piece *piece = &value->texts[0].pieces[i];
        if (piece->kind == PIECE_TEXT)
            hash_text(state, 'T', piece->text);
        else if (piece->kind == PIECE_VARIABLE)
            hash_text(state, 'V', program->variables[piece->number]);
        else
            hash_text(state, 'M', slice_of(&piece->number, sizeof(piece->number)));
    }
}

static enum err put_handle(struct run *run, const struct node *node, const struct vacation *vacation,
                           struct slice *ret, struct error *error)
{
    crypto_generichash_state state;
    hash_start(&state);
    if (vacation->handle.p != NULL)
        hash_text(&state, 'H', vacation->handle);
    else {
        hash_argument(&state, node, SLOT_SUBJECT, run->frame->program);
        hash_argument(&state, node, SLOT_FROM, run->frame->program);
        hash_argument(&state, node, SLOT_MIME, run->frame->program);
        hash_argument(&state, node, SLOT_REASON, run->frame->program);
    }
    return hash_end(&state, run, ret, error);
}

/* --- the command --- */

static enum err read_arguments(struct run *run, const struct node *node, struct vacation *vacation,
                               struct error *error)
{
    const struct value *addresses = node_value(node, SLOT_ADDRESSES);
    enum err e = run_argument(run, node, SLOT_SUBJECT, &vacation->subject, error);
    if (e == ERR_OK)
        e = run_argument(run, node, SLOT_FROM, &vacation->from, error);
    if (e == ERR_OK)
        e = run_argument(run, node, SLOT_REASON, &vacation->reason, error);
    if (e == ERR_OK)
        e = run_argument(run, node, SLOT_HANDLE, &vacation->handle, error);
    if (e == ERR_OK && addresses != NULL) {
        vacation->address_count = addresses->count;
        e = run_texts(run, addresses, &vacation->addresses, error);
    }
    vacation->mime = node_has(node, SLOT_MIME);
    return e;
}

static enum err check_arguments(struct run *run, const struct vacation *vacation, struct error *error)
{
    if (vacation->from.p != NULL && !letter_from_valid(vacation->from))
        return run_fail(run, error, "\":from\" is no list of mailboxes");
    if (vacation->mime && !letter_entity_valid(vacation->reason))
        return run_fail(run, error, "the fields of a MIME entity can't hold 8-bit text");
    return ERR_OK;
}

static uint64_t period(const struct node *node)
{
    const uint64_t most = (uint64_t)SIEVE_VACATION_DAYS_MAX * DAY_SECONDS;
    const struct value *value = node_value(node, SLOT_PERIOD);
    if (value == NULL)
        return (uint64_t)SIEVE_VACATION_DAYS * DAY_SECONDS;
    if (value->choice == PERIOD_SECONDS)
        return MIN(value->number, most);
    return MIN(MAX(value->number, UINT64_C(1)), (uint64_t)SIEVE_VACATION_DAYS_MAX) * DAY_SECONDS;
}

static enum err reply(struct run *run, const struct node *node, const struct vacation *vacation,
                      struct error *error)
{
    CLEANUP(buf_release) struct buf message = BUF(VACATION_REPLY_MAX);
    struct sieve_action action = {.kind = SIEVE_ACTION_VACATION, .seconds = period(node)};
    enum err e = put_handle(run, node, vacation, &action.handle, error);
    if (e == ERR_OK && node_has(node, SLOT_FCC))
        e = filing_arguments(run, node, SLOT_FCC, &action, error);
    vacation_compose(run, vacation, &message);
    if (buf_failed(&message))
        return run_too_much(run, error);
    if (e == ERR_OK)
        e = run_keep_text(run, run->input->envelope_from, &action.address, error);
    if (e == ERR_OK)
        e = run_keep_text(run, buf_slice(&message), &action.reply, error);
    if (e == ERR_OK)
        e = run_act(run, action, error);
    if (e == ERR_OK)
        run_trace(run, S("reply"), "to %.*s", SLICE_ARGS(action.address));
    return e;
}

enum err act_vacation(struct run *run, const struct node *node, struct error *error)
{
    struct vacation vacation = {0};
    if (run->vacation_ran)
        return run_fail(run, error, "vacation runs twice");
    if (run_has_action(run, SIEVE_ACTION_REJECT) || run_has_action(run, SIEVE_ACTION_EREJECT))
        return run_fail(run, error, "vacation after reject");
    run->vacation_ran = true;
    enum err e = read_arguments(run, node, &vacation, error);
    if (e == ERR_OK)
        e = check_arguments(run, &vacation, error);
    if (e != ERR_OK)
        return e;
    const char *refusal = vacation_refusal(run, &vacation);
    if (refusal == NULL)
        return reply(run, node, &vacation, error);
    snprintf(run->result->note, sizeof(run->result->note), "line %u: no reply: %s", node->line, refusal);
    run_trace(run, S("no reply"), "%s", refusal);
    return ERR_OK;
}

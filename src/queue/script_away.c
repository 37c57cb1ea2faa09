/* The reply of an owner who is out of office: after his script, or in its place. */
#include "queue/script.h"
#include "store/away.h"

/* It reached the owner, or whom he sends it on to, and not as junk; and nothing of his own answered it. */
static bool wants_reply(const struct script_run *run)
{
    const struct target *target = run->target;
    bool reached = run->passed_on;
    for (size_t i = 0; i < run->plan->deposit_count; i++) {
        const struct deposit *deposit = &run->plan->deposits[i];
        reached = reached || (!deposit->notice &&
                              (deposit->folder.v != target->junk.v || target->junk.v == target->inbox.v));
    }
    return reached && !run->spoken && !run->filing->junk;
}

static void put_string(struct buf *out, struct slice text)
{
    buf_putc(out, '"');
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '"' || text.p[i] == '\\')
            buf_putc(out, '\\');
        buf_putc(out, text.p[i]);
    }
    buf_putc(out, '"');
}

/* The absence is a vacation like any other (RFC 5230), with a handle of its own. */
static enum err compile(const struct away *away, struct sieve_program **ret, struct error *error)
{
    CLEANUP(buf_release) struct buf text = BUF(SIEVE_SCRIPT_MAX);
    struct sieve_complaints complaints;
    buf_printf(&text, "require \"vacation\"; vacation :days %u :handle \"away %lld\" ", away->days,
               (long long)away->since_us);
    if (away->subject.n > 0) {
        buf_put(&text, S(":subject "));
        put_string(&text, away->subject);
        buf_putc(&text, ' ');
    }
    put_string(&text, away->text);
    buf_putc(&text, ';');
    return buf_failed(&text) ? fail_nomem(error)
                             : sieve_compile(buf_slice(&text), SIEVE_ALL, ret, &complaints, error);
}

static enum err answer(struct script_run *run, const struct sieve_program *program, struct error *error)
{
    CLEANUP(sieve_result_release) struct sieve_result result = {0};
    const size_t onwards = run->batch->onward_count;
    enum err err = script_ready(run, error);
    if (err == ERR_OK)
        err = script_execute(run, program, &result, error);
    for (size_t i = 0; err == ERR_OK && i < result.count; i++)
        if (result.actions[i].kind == SIEVE_ACTION_VACATION)
            err = script_act(run, &result.actions[i], error);
    if (err != ERR_INVALID)
        return err;
    /* The message matters more than the reply. */
    file_drop_onwards(run->batch, onwards);
    LOG(LOG_WARN, run->filing->entry->envelope.sid, "queue.away_failed",
        F_ID("account", run->filing->account.v), F_ERR(error));
    return ERR_OK;
}

enum err script_answer_away(struct script_run *run, struct error *error)
{
    struct away away;
    struct sieve_program *program;
    const int64_t now_us = entry_since(run->filing->entry);
    if (!wants_reply(run))
        return ERR_OK;
    enum err err = away_get(run->target->account, &run->plan->arena, &away, error);
    if (err != ERR_OK || !away.on || now_us < away.from_us || (away.until_us != 0 && now_us >= away.until_us))
        return err;
    err = compile(&away, &program, error);
    if (err != ERR_OK)
        return err;
    err = answer(run, program, error);
    sieve_program_free(program);
    return err;
}

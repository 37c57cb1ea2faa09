/*
 * What the fuzz targets of this room share: a run with everything that a message and a script can reach.
 */
#ifndef POSTHORN_SIEVE_FUZZING_H
#define POSTHORN_SIEVE_FUZZING_H

#include "base/must.h"
#include "sieve/sieve.h"

static void fuzz_trace(void *context, uint32_t line, struct slice what, struct slice outcome)
{
    (void)line;
    *(size_t *)context += what.n + outcome.n;
}

/* A result is always one that can be carried out. */
static inline void fuzz_check(const struct sieve_result *result, struct slice message)
{
    must(result->count <= SIEVE_ACTIONS_MAX);
    must(!result->failed || (result->count == 1 && result->actions[0].kind == SIEVE_ACTION_KEEP));
    for (size_t i = 0; i < result->count; i++) {
        must(result->actions[i].message.p != NULL || message.n == 0);
        must(result->actions[i].flag_count <= SIEVE_FLAGS_MAX);
    }
}

static inline void fuzz_run(const struct sieve_program *program, struct slice message)
{
    static const struct slice addresses[] = {{"anna@demo.example", 17}};
    size_t traced = 0;
    const struct sieve_host host = {.context = &traced, .trace = fuzz_trace};
    const struct sieve_input input = {
        .message = message,
        .envelope_from = S("bob@b.example"),
        .envelope_to = S("anna+x@demo.example"),
        .owner_name = S("Anna"),
        .owner_address = S("anna@demo.example"),
        .addresses = addresses,
        .address_count = 1,
        .hostname = S("demo.example"),
        .now = 1183122000,
        .zone_minutes = 120,
    };
    struct sieve_result result;
    struct error error;
    if (sieve_run(program, &input, &host, &result, &error) != ERR_OK)
        return;
    fuzz_check(&result, message);
    sieve_result_release(&result);
}

#endif

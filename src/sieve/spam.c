/* What was found out about the message before (RFC 5235). */
#include "sieve/match.h"

enum { NUMBER_TEXT_MAX = 16 };

/* tested false: the value is "0", and a count of 0 (RFC 5235 2.1, 3). */
static enum err try_number(struct run *run, const struct node *node, bool tested, unsigned number, bool *ret,
                           struct error *error)
{
    CLEANUP(match_release) struct match match;
    char text[NUMBER_TEXT_MAX];
    enum err e = match_open(run, node, &match, error);
    snprintf(text, sizeof(text), "%u", number);
    *ret = false;
    if (e == ERR_OK && (tested || match.type != MATCH_COUNT))
        e = match_try(&match, slice_cstr(text), ret, error);
    return e == ERR_OK && !*ret ? match_close(&match, ret, error) : e;
}

enum err test_spamtest(struct run *run, const struct node *node, bool *ret, struct error *error)
{
    const struct sieve_input *input = run->input;
    const unsigned percent = MIN(input->spam_percent, 100U);
    unsigned number = 0;
    if (input->spam_tested)
        number = node_has(node, SLOT_PERCENT) ? percent : 1 + percent * 9 / 100;
    return try_number(run, node, input->spam_tested, number, ret, error);
}

enum err test_virustest(struct run *run, const struct node *node, bool *ret, struct error *error)
{
    return try_number(run, node, run->input->virus > 0, MIN(run->input->virus, 5U), ret, error);
}

/* Tests of tests (RFC 5228 5.2 to 5.10), evaluated from left to right and no further than needed. */
#include "sieve/run.h"

enum err test_true(struct run *run, const struct node *node, bool *ret, struct error *error)
{
    (void)run, (void)node, (void)error;
    *ret = true;
    return ERR_OK;
}

enum err test_false(struct run *run, const struct node *node, bool *ret, struct error *error)
{
    (void)run, (void)node, (void)error;
    *ret = false;
    return ERR_OK;
}

enum err test_not(struct run *run, const struct node *node, bool *ret, struct error *error)
{
    bool inner;
    enum err e = run_test(run, node_nodes(node, SLOT_TEST), &inner, error);
    if (e == ERR_OK)
        *ret = !inner;
    return e;
}

/* Until one of them is `wanted`. */
static enum err until(struct run *run, const struct node *node, bool wanted, bool *ret, struct error *error)
{
    bool result = !wanted;
    enum err e = ERR_OK;
    for (const struct node *t = node_nodes(node, SLOT_TESTS); t != NULL && e == ERR_OK && result != wanted;
         t = t->next)
        e = run_test(run, t, &result, error);
    if (e == ERR_OK)
        *ret = result;
    return e;
}

enum err test_allof(struct run *run, const struct node *node, bool *ret, struct error *error)
{
    return until(run, node, false, ret, error);
}

enum err test_anyof(struct run *run, const struct node *node, bool *ret, struct error *error)
{
    return until(run, node, true, ret, error);
}

enum err act_stop(struct run *run, const struct node *node, struct error *error)
{
    (void)node, (void)error;
    run->stopped = true;
    return ERR_OK;
}

/* What an authority answers, which may be anything: each reader takes it or leaves it, and keeps its
 * promises. */
#include "acme/message.h"
#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(struct slice text)
{
    for (size_t i = 0; i < text.n; i++)
        must(text.p[i] >= ' ' && text.p[i] < 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(arena_release) struct arena arena = ARENA(8 * 1024 * 1024);
    struct slice input = slice_of(data, size);
    struct acme_directory directory;
    struct acme_order order;
    struct acme_authorization authorization;
    if (acme_read_directory(input, &arena, &directory))
        must(slice_starts(directory.new_order, S("https://")));
    if (acme_read_order(input, &arena, &order))
        for (size_t i = 0; i < order.count; i++)
            check_text(order.authorizations[i]);
    if (acme_read_authorization(input, &arena, &authorization))
        for (size_t i = 0; i < authorization.count; i++)
            must(acme_token_valid(authorization.offers[i].token));
    struct acme_problem problem = acme_read_problem(input, &arena);
    check_text(problem.type);
    check_text(problem.detail);
    must(acme_retry_after(input, 0) >= 0);
    return 0;
}

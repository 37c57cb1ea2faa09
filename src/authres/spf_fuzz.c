/* Every TXT record of the world is the input; other records are some bytes of it. */
#include "authres/spf.h"
#include "base/buf.h"

struct world {
    struct slice input;
};

static enum err records(void *context, struct slice name, int type, int64_t deadline_us, struct arena *arena,
                        struct resolver_records *ret_records, struct error *error)
{
    const struct world *world = context;
    CLEANUP(buf_release) struct buf data = BUF(70000);
    (void)deadline_us;
    *ret_records = (struct resolver_records){.canonical = name, .count = 1};
    if (type == RESOLVER_TXT)
        for (struct slice rest = world->input; rest.n > 0; rest = slice_from(rest, 255)) {
            buf_putc(&data, (char)MIN(rest.n, (size_t)255));
            buf_put(&data, slice_sub(rest, 0, 255));
        }
    else
        buf_put(&data, slice_sub(world->input, name.n, type == RESOLVER_A ? 4 : 16));
    ret_records->data = arena_array(arena, 1, sizeof(*ret_records->data));
    if (ret_records->data == NULL)
        return fail_nomem(error);
    ret_records->data[0] = arena_dup(arena, buf_slice(&data));
    return ERR_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    CLEANUP(arena_release) struct arena arena = ARENA(1024 * 1024);
    struct world world = {slice_of(bytes, size)};
    const struct authres_dns dns = {records, &world};
    const struct spf_query query = {.client = {.family = size % 2 == 0 ? AF_INET : AF_INET6},
                                    .sender = S("a-b+c@d.example"),
                                    .helo = S("h.example"),
                                    .receiver = S("r.example")};
    (void)spf_check(&dns, &query, &arena);
    return 0;
}

/* Any bytes as the records between relay and store; what is taken is written again and read as the same. The
 * first byte says which.
 */
#include "base/must.h"
#include "link/outbound_codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { RECORD_MAX = 1 << 20, ARENA_MAX = 64 << 20 };

static bool rewrite(bool results, struct slice in, struct arena *arena, struct buf *out)
{
    struct wire_reader r = wire_reader_of(in);
    if (results) {
        struct outbound_result *each;
        size_t count;
        link_get_results(&r, arena, &each, &count);
        if (!wire_end(&r))
            return false;
        must(count <= OUTBOUND_RECIPIENTS_MAX);
        for (size_t i = 0; i < count; i++)
            must(each[i].outcome <= OUTBOUND_OUTCOMES);
        link_put_results(out, each, count);
    } else {
        struct outbound_batch batch;
        link_get_batch(&r, arena, &batch);
        if (!wire_end(&r))
            return false;
        must(batch.count <= LINK_PARCELS_MAX);
        for (size_t i = 0; i < batch.count; i++)
            must(batch.parcels[i].recipient_count <= OUTBOUND_RECIPIENTS_MAX);
        link_put_batch(out, &batch);
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(arena_release) struct arena arena = ARENA(ARENA_MAX);
    CLEANUP(buf_release) struct buf first = BUF(RECORD_MAX);
    CLEANUP(buf_release) struct buf second = BUF(RECORD_MAX);
    if (size < 1 || size > RECORD_MAX / 8)
        return 0;
    bool results = data[0] & 1;
    if (rewrite(results, slice_of(data + 1, size - 1), &arena, &first)) {
        must(!buf_failed(&first));
        must(rewrite(results, buf_slice(&first), &arena, &second));
        must(slice_eq(buf_slice(&first), buf_slice(&second)));
    }
    return 0;
}

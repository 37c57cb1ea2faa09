/* Any bytes as each record; what is taken is written again and read as the same. The first byte says which.
 */
#include "base/must.h"
#include "link/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { RECORDS = 5, RECORD_MAX = 1 << 20 };

/* Reads one record; true when it was whole. Writes it again. */
static bool rewrite(unsigned which, struct slice in, struct arena *arena, struct buf *out)
{
    struct wire_reader r = wire_reader_of(in);
    struct sasl_start start = {0};
    struct sasl_result result = {0};
    struct link_hand_over hand_over = {0};
    struct queue_envelope envelope = {0};
    struct link_give_back given = {0};
    switch (which) {
    case 0:
        link_get_sasl_start(&r, &start);
        break;
    case 1:
        link_get_sasl_result(&r, arena, &result);
        break;
    case 2:
        link_get_hand_over(&r, &hand_over);
        break;
    case 3:
        link_get_give_back(&r, &given);
        break;
    default:
        link_get_envelope(&r, arena, &envelope);
        must(envelope.recipient_count <= QUEUE_RECIPIENTS_MAX);
        break;
    }
    if (!wire_end(&r))
        return false;
    if (which == 0)
        link_put_sasl_start(out, &start);
    else if (which == 1)
        link_put_sasl_result(out, &result);
    else if (which == 2)
        link_put_hand_over(out, &hand_over);
    else if (which == 3)
        link_put_give_back(out, &given);
    else
        link_put_envelope(out, &envelope);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(arena_release) struct arena arena = ARENA(RECORD_MAX);
    CLEANUP(buf_release) struct buf first = BUF(RECORD_MAX);
    CLEANUP(buf_release) struct buf second = BUF(RECORD_MAX);
    if (size < 1 || size > RECORD_MAX / 8)
        return 0;
    unsigned which = data[0] % RECORDS;
    if (rewrite(which, slice_of(data + 1, size - 1), &arena, &first)) {
        must(!buf_failed(&first));
        must(rewrite(which, buf_slice(&first), &arena, &second));
        must(slice_eq(buf_slice(&first), buf_slice(&second)));
    }
    return 0;
}

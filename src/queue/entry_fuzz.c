/* Any bytes as a record of queue.db: refused as damaged, or written again and read as the same. */
#include "base/must.h"
#include "queue/entry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(entry_release) struct entry *entry = NULL;
    CLEANUP(entry_release) struct entry *again = NULL;
    CLEANUP(buf_release) struct buf first = BUF(ENTRY_ARENA_MAX);
    CLEANUP(buf_release) struct buf second = BUF(ENTRY_ARENA_MAX);
    struct error error;
    enum err err = entry_decode((struct queue_id){1}, slice_of(data, size), &entry, &error);
    must(err == ERR_OK || err == ERR_CORRUPT);
    if (err != ERR_OK)
        return 0;
    must(entry->recipient_count <= ENTRY_RECIPIENTS_MAX);
    entry_encode(entry, &first);
    must(!buf_failed(&first));
    must(entry_decode(entry->id, buf_slice(&first), &again, &error) == ERR_OK);
    entry_encode(again, &second);
    must(slice_eq(buf_slice(&first), buf_slice(&second)));
    return 0;
}

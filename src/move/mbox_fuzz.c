#include "move/mbox.h"

#include <stdint.h>
#include <stdlib.h>

/* The input as an mbox: read through, and each message given. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct file {
    struct mbox_input input;
    struct slice bytes;
};

static enum err read_file(struct mbox_input *input, uint64_t offset, char *to, size_t n, size_t *ret_n,
                          struct error *error)
{
    (void)error;
    struct slice part =
        slice_sub(container_of(input, struct file, input)->bytes, (size_t)offset, MIN(n, (size_t)100));
    memcpy(to, part.n > 0 ? part.p : "", part.n);
    *ret_n = part.n;
    return ERR_OK;
}

static enum err take_bytes(void *context, struct slice bytes, struct error *error)
{
    *(size_t *)context += bytes.n;
    return bytes.n > 0 ? ERR_OK : fail_plain(error, ERR_INVALID, "nothing");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct file file = {{read_file}, slice_of(data, size)};
    struct mbox *mbox = malloc(2 * sizeof(*mbox));
    struct error error;
    if (mbox == NULL)
        return 0;
    mbox_init(&mbox[0], &file.input);
    mbox_init(&mbox[1], &file.input);
    for (;;) {
        struct mbox_message message;
        bool found;
        size_t given = 0;
        if (mbox_next(&mbox[0], &found, &message, &error) != ERR_OK || !found)
            break;
        if (message.end < message.start || message.end > size)
            abort();
        (void)!mbox_give(&mbox[1], &message, take_bytes, &given, &error);
        if (given > message.end - message.start)
            abort();
        mbox_message_release(&message);
    }
    free(mbox);
    return 0;
}

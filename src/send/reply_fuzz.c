/* Any bytes as replies: what is taken is within the input, ends with a line end, and reads the same again. */
#include "base/must.h"
#include "send/reply.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    struct slice input = slice_of(data, n);
    CLEANUP(reply_release) struct reply reply = REPLY;
    size_t used;
    while (reply_parse(input, &reply, &used) == REPLY_DONE) {
        must(used > 0 && used <= input.n && input.p[used - 1] == '\n');
        must(reply.code >= 200 && reply.code <= 599 && strlen(reply.status) < REPLY_STATUS_MAX);
        must(slice_find_char(buf_slice(&reply.text), '\r') < 0);
        input = slice_from(input, used);
    }
    return 0;
}

/* Whatever the message: new headers are ASCII, and what they replace lies in order inside the message. */
#include "base/must.h"
#include "pop3/surrogate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(pop3_surrogate_release) struct surrogate surrogate = {0};
    struct slice message = slice_of(data, size);
    struct error error;
    if (pop3_surrogate_make(message, &surrogate, &error) != ERR_OK)
        return 0;
    size_t at = 0, text = 0;
    for (size_t i = 0; i < surrogate.count; i++) {
        const struct surrogate_header *header = &surrogate.headers[i];
        must(header->at >= at && header->n <= message.n && header->at <= message.n - header->n);
        must(header->from == text && header->to >= text && header->to <= surrogate.texts.n);
        at = header->at + header->n;
        text = header->to;
    }
    must(text == surrogate.texts.n);
    for (size_t i = 0; i < surrogate.texts.n; i++)
        must((unsigned char)surrogate.texts.p[i] < 0x80);
    return 0;
}

/* Any text as a sentence: read within its bounds, and what comes out is bounded too. */
#include "base/language.h"
#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum language language;
    struct slice text = slice_of(data, size);
    for (int negotiated = 0; negotiated < 2; negotiated++) {
        CLEANUP(buf_release) struct buf out = BUF(16 * LANGUAGE_SENTENCE_MAX + size);
        language_put(&out, (struct tongue){LANGUAGE_DE, negotiated != 0}, text);
        must(!buf_failed(&out));
    }
    if (language_find(text, &language))
        must(language < LANGUAGES);
    return 0;
}

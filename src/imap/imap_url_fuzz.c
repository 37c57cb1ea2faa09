/* Any text as a URL: what is read is decoded, and the part that is authorized is the text's beginning. */
#include "base/must.h"
#include "base/utf8.h"
#include "imap/imap_url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(arena_release) struct arena arena = ARENA(1 << 20);
    struct slice text = slice_of(data, size);
    struct imap_url url;
    if (!imap_url_parse(text, &arena, &url))
        return 0;
    must(url.uid > 0 && (url.mailbox.p == NULL || url.mailbox.n > 0));
    must(utf8_valid(url.mailbox) && utf8_valid(url.section) && utf8_valid(url.user));
    must(url.mailbox.n == 0 || memchr(url.mailbox.p, 0, url.mailbox.n) == NULL);
    must(!url.absolute || url.from_root);
    if (url.access == IMAP_URL_NO_ACCESS)
        return 0;
    must(url.rump.p == text.p && url.rump.n <= text.n);
    must((url.mechanism.p == NULL) == (url.rump.n == text.n));
    return 0;
}

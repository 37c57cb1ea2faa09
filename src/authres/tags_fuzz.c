#include "authres/tags.h"
#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(buf_release) struct buf bytes = BUF(size);
    struct slice text = slice_of(data, size);
    struct tag_list tags;
    if (!tag_list_parse(text, &tags))
        return 0;
    must(tags.count > 0 && tags.count <= TAGS_MAX);
    for (size_t i = 0; i < tags.count; i++) {
        const struct tag *tag = &tags.tags[i];
        struct cursor items = cursor_of(tag->value);
        struct slice item;
        must(tag->raw.p >= text.p && tag->raw.p + tag->raw.n <= text.p + text.n);
        must(tag->value.n <= tag->raw.n && tag_list_find(&tags, tag->name) == tag);
        while (tag_item_next(&items, &item))
            must(item.n <= tag->value.n);
        buf_clear(&bytes);
        if (tag_base64(tag->value, &bytes))
            must(bytes.n <= tag->value.n);
    }
    return 0;
}

#include "base/must.h"
#include "mime/address.h"
#include "mime/compose.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = ARENA(64 << 20);
    CLEANUP(buf_release) struct buf out = BUF(64 << 20);
    struct mime_addresses list;
    struct mime_address one;
    struct error error;
    must(mime_addresses_parse(&arena, slice_of(data, size), &list, &error) == ERR_OK);
    size_t count = 0;
    bool in_group = false;
    for (const struct mime_address *a = list.first; a != NULL; a = a->next) {
        count++;
        must(a->kind != MIME_ADDRESS_GROUP_START || !in_group);
        must(a->kind != MIME_ADDRESS_GROUP_END || in_group);
        if (a->kind != MIME_ADDRESS_MAILBOX)
            in_group = a->kind == MIME_ADDRESS_GROUP_START;
        must(a->kind != MIME_ADDRESS_MAILBOX || (a->local.p != NULL && a->domain.p != NULL));
        must(a->name.n + a->local.n + a->domain.n + a->route.n <= 2 * size + 2);
        must(a->name.n == 0 || memchr(a->name.p, 0, a->name.n) == NULL);
    }
    must(!in_group && count == list.count);
    mime_compose_addresses(&out, "To", list.first);
    for (size_t i = 0; i < out.n; i++)
        must((unsigned char)out.p[i] < 0x7f);
    (void)mime_address_parse_one(&arena, slice_of(data, size), &one);
    arena_release(&arena);
    return 0;
}

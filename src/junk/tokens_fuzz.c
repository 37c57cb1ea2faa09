#include "base/must.h"
#include "junk/verdict.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever the words are, the field stays one field. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct junk_key key = {{7}};
    CLEANUP(arena_release) struct arena arena = ARENA(JUNK_ARENA_MAX);
    struct junk_tokens tokens;
    struct error error;
    if (junk_tokens_read(&arena, &key, slice_none(), slice_of(data, size), &tokens, &error) != ERR_OK)
        return 0;
    must(tokens.count <= JUNK_TOKENS_MAX);
    struct junk_verdict verdict = {.judged = true};
    for (size_t i = 0; i < tokens.count; i++) {
        CLEANUP(buf_release) struct buf field = BUF(JUNK_FIELD_MAX);
        verdict.reasons[i % JUNK_REASONS_SHOWN] = tokens.list[i].text;
        verdict.reason_count = MIN(i + 1, (size_t)JUNK_REASONS_SHOWN);
        junk_field_put(&field, &verdict, true);
        must(!buf_failed(&field));
        for (size_t at = 0; at < field.n; at++) /* a line ends only where the field is folded, or ends */
            must((unsigned char)field.p[at] < 0x80 &&
                 (field.p[at] != '\n' || at + 1 == field.n || field.p[at + 1] == '\t'));
    }
    return 0;
}

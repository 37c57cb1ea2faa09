#include "base/must.h"
#include "base/utf8.h"
#include "mime/charset.h"
#include "mime/encoded_word.h"
#include "mime/encoding.h"
#include "mime/parameter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Piecewise decoding must read like decoding at once. */
static void check_pieces(struct slice text, enum mime_encoding encoding)
{
    CLEANUP(buf_release) struct buf whole = BUF(1 << 24);
    CLEANUP(buf_release) struct buf pieces = BUF(1 << 24);
    CLEANUP(mime_decoder_release) struct mime_decoder decoder = MIME_DECODER(encoding);
    mime_decode_all(&whole, encoding, text);
    size_t step = text.n > 0 ? (size_t)(unsigned char)text.p[0] % 7 + 1 : 1;
    for (size_t i = 0; i < text.n; i += step)
        mime_decode(&decoder, &pieces, slice_sub(text, i, step), false);
    mime_decode(&decoder, &pieces, slice_none(), true);
    must(slice_eq(buf_slice(&whole), buf_slice(&pieces)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = ARENA(64 << 20);
    CLEANUP(buf_release) struct buf out = BUF(1 << 24);
    CLEANUP(buf_release) struct buf again = BUF(1 << 24);
    struct slice text = slice_of(data, size);
    struct mime_parameter *list;
    struct mime_parameter *joined;
    struct error error;
    mime_words_decode(&out, text);
    must(utf8_valid(buf_slice(&out)));
    mime_words_encode(&again, buf_slice(&out), size % 2 == 0);
    for (size_t i = 0; i < again.n; i++)
        must(again.p[i] >= ' ' && again.p[i] < 0x7f);
    if (size % 2 != 0) {
        CLEANUP(buf_release) struct buf back = BUF(1 << 24);
        mime_words_decode(&back, buf_slice(&again));
        must(slice_eq(buf_slice(&back), buf_slice(&out)));
    }
    must(mime_parameters_parse(&arena, text, &list, &error) == ERR_OK);
    must(mime_parameters_join(&arena, list, &joined, &error) == ERR_OK);
    for (const struct mime_parameter *p = list; p != NULL; p = p->next) {
        buf_clear(&out);
        (void)mime_parameter_decode(&out, list, slice_sub(p->name, 0, 4));
        must(utf8_valid(buf_slice(&out)));
    }
    check_pieces(text, MIME_ENCODING_QUOTED_PRINTABLE);
    check_pieces(text, MIME_ENCODING_BASE64);
    struct slice charset;
    struct slice rest;
    if (slice_cut(text, '\n', &charset, &rest)) {
        buf_clear(&out);
        mime_charset_to_utf8(&out, charset, rest);
        must(utf8_valid(buf_slice(&out)));
    }
    arena_release(&arena);
    return 0;
}

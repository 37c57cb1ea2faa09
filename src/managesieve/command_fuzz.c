/* Whatever comes, in whatever pieces: a command's text keeps to its limits, and its words lie inside it. */
#include "base/must.h"
#include "managesieve/managesieve.h"
#include "managesieve/reader.h"
#include "managesieve/words.h"

enum { LINE = 100, LITERALS = 200 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_words(struct slice text)
{
    CLEANUP(arena_release) struct arena arena = ARENA(1 << 20);
    CLEANUP(buf_release) struct buf again = BUF(1 << 20);
    struct cursor c = cursor_of(text);
    struct slice string = slice_none();
    uint64_t number;
    (void)words_verb(&c);
    while (words_string(&c, &arena, &string)) {
        struct slice same;
        buf_clear(&again);
        buf_putc(&again, ' ');
        words_put_string(&again, string);
        /* What we say as a literal has no '+' in it, which what we read must have. */
        struct cursor back = cursor_of(buf_slice(&again));
        if (again.p[1] == '"')
            must(words_string(&back, &arena, &same) && slice_eq(same, string) && cursor_done(&back));
    }
    (void)(words_number(&c, &number) && number > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct managesieve_reader reader;
    CLEANUP(buf_release) struct buf out = BUF(100);
    struct slice in = slice_of(data, size);
    size_t piece = size > 0 ? data[0] % 16 + 1U : 1;
    managesieve_reader_init(&reader, LINE, LITERALS);
    while (in.n > 0) {
        size_t used = 0;
        struct slice part = slice_sub(in, 0, piece);
        enum reader_status status = reader.reader.feed(&reader.reader, part, &used, &out);
        must(used <= part.n && (used > 0 || status != READER_MORE));
        if (status == READER_DONE) {
            struct slice text = managesieve_reader_text(&reader);
            must(text.n <= 2 * LINE + LITERALS);
            read_words(text);
        }
        if (status == READER_NOMEM || (status == READER_FAILED && reader.flooded))
            break;
        in = slice_from(in, used);
    }
    managesieve_reader_release(&reader);
    return 0;
}

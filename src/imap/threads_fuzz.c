/* Any messages with any references: the answer names each once, with balanced parentheses. */
#include <stdlib.h>

#include "base/must.h"
#include "imap/threads.h"

enum { MESSAGES_MAX = 200, OUTPUT_MAX = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One message from some bytes: flags, date, subject, then ids of one byte each, so that they meet. */
static void add(struct imap_threads *t, uint32_t number, struct cursor *c)
{
    char keys[1 + 8 * 8] = {0};
    int head = cursor_next(c);
    size_t ids = 1 + (size_t)(head & 7) % 7;
    keys[0] = head & 8 ? 1 : 0;
    for (size_t i = 0; i < ids; i++)
        keys[1 + 8 * i] = (char)cursor_next(c);
    char subject[1] = {(char)('A' + (head >> 4 & 3))};
    imap_threads_add(t, &(struct imap_threads_message){
                            .number = number,
                            .date = cursor_next(c),
                            .arrived = cursor_peek(c),
                            .subject = slice_of(subject, head & 64 ? 1 : 0),
                            .keys = slice_of(keys, head & 128 ? (size_t)(head & 31) : 1 + 8 * ids)});
}

static void check(struct slice answer, uint32_t messages)
{
    bool seen[MESSAGES_MAX + 1] = {false};
    size_t open = 0;
    uint32_t told = 0;
    struct cursor c = cursor_of(answer);
    while (!cursor_done(&c)) {
        uint32_t number;
        if (cursor_u32(&c, &number)) {
            must(number >= 1 && number <= messages && !seen[number] && open > 0);
            seen[number] = true;
            told++;
            continue;
        }
        int byte = cursor_next(&c);
        must(byte == '(' || byte == ')' || byte == ' ');
        must(byte != ')' || open > 0);
        open += byte == '(';
        open -= byte == ')';
    }
    must(open == 0 && told == messages);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cursor c = cursor_of(slice_of(data, size));
    struct imap_threads t;
    CLEANUP(buf_release) struct buf out = BUF(OUTPUT_MAX);
    imap_threads_init(&t, (enum imap_thread_algorithm)(MAX(cursor_next(&c), 0) % 3));
    uint32_t messages = 0;
    while (!cursor_done(&c) && messages < MESSAGES_MAX)
        add(&t, ++messages, &c);
    imap_threads_put(&t, &out);
    must(!t.failed && !buf_failed(&out));
    check(buf_slice(&out), messages);
    imap_threads_release(&t);
    return 0;
}

#include "move/response.h"
#include "move/response_reader.h"

#include <stdlib.h>

/* The whole input as a server that sends it. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct server {
    struct response_input input;
    struct slice left;
    struct response_sink sink;
};

static enum err server_read(struct response_input *input, char *to, size_t n, size_t *ret_n,
                            struct error *error)
{
    struct server *server = container_of(input, struct server, input);
    if (server->left.n == 0)
        return fail_plain(error, ERR_CLOSED, "the end");
    *ret_n = MIN(MIN(n, (size_t)7), server->left.n);
    memcpy(to, server->left.p, *ret_n);
    server->left = slice_from(server->left, *ret_n);
    return ERR_OK;
}

static enum err begin(struct response_sink *sink, uint64_t size, struct error *error)
{
    (void)sink;
    (void)size;
    (void)error;
    return ERR_OK;
}

static enum err piece(struct response_sink *sink, struct slice bytes, struct error *error)
{
    (void)sink;
    (void)error;
    return bytes.n > 0 ? ERR_OK : fail_plain(error, ERR_INVALID, "nothing");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct server server = {{server_read}, slice_of(data, size), {begin, piece}};
    struct response_reader *reader = malloc(sizeof(*reader));
    struct error error;
    if (reader == NULL)
        return 0;
    response_reader_init(reader, &server.input, 100);
    reader->sink = &server.sink;
    CLEANUP(arena_release) struct arena arena = ARENA(1024 * 1024);
    while (response_reader_next(reader, &error) == ERR_OK) {
        struct response response;
        arena_reset(&arena);
        response_read(buf_slice(&reader->text), &arena, &response);
        struct cursor c = cursor_of(response.flags);
        struct slice word;
        while (response_word(&c, &word))
            continue;
    }
    response_reader_release(reader);
    free(reader);
    return 0;
}

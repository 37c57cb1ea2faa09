#include "base/must.h"
#include "milter/protocol.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What a milter may send: as an answer to our options, as a reply, as a text for the client. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct milter_options options;
    struct milter_reply reply;
    char text[MILTER_REPLY_MAX];
    if (size == 0)
        return 0;
    struct slice rest = slice_of(data + 1, size - 1);
    if (milter_options_parse(rest, &options))
        must(options.version >= MILTER_VERSION_LEAST && options.version <= MILTER_VERSION);
    if (!milter_reply_parse((char)data[0], rest, &reply))
        return 0;
    must(reply.kind < MILTER_REPLIES);
    must(reply.name.n + reply.value.n <= rest.n);
    if (!milter_reply_text(reply.name, text))
        return 0;
    /* One reply: lines of the same code, nothing that could be another one. */
    struct slice lines = slice_cstr(text);
    for (bool more = true; more;) {
        struct slice line;
        more = slice_cut(lines, '\n', &line, &lines);
        must(line.n >= 4 && memcmp(line.p, text, 3) == 0 && line.p[3] == (more ? '-' : ' '));
        must(!more || line.p[line.n - 1] == '\r');
        must(slice_find_char(slice_sub(line, 0, line.n - more), '\r') < 0);
    }
    return 0;
}

/* Structure, IMAP texts and summary together: every slice must stay inside the message. */
#include "base/must.h"
#include "base/utf8.h"
#include "mime/imap_text.h"
#include "mime/structure.h"
#include "mime/summary.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_inside(struct slice message, struct slice part)
{
    must(part.n == 0 || (part.p >= message.p && part.p + part.n <= message.p + message.n));
}

static void check_part(struct slice message, const struct mime_part *part)
{
    check_inside(message, part->whole);
    check_inside(part->whole, part->header);
    check_inside(part->whole, part->body);
    must(part->header.n + part->body.n == part->whole.n);
    size_t lines = 0;
    for (size_t i = 0; i < part->body.n; i++)
        lines += part->body.p[i] == '\n';
    must(lines == part->body_lines);
    must((part->kind == MIME_LEAF) == (part->first_child == NULL));
    for (const struct mime_part *child = part->first_child; child != NULL; child = child->next) {
        must(child->parent == part);
        check_inside(part->body, child->whole);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = ARENA(MIME_STRUCTURE_ARENA_MAX + MIME_SUMMARY_ARENA_MAX);
    CLEANUP(buf_release) struct buf out = BUF(MIME_IMAP_TEXT_MAX);
    struct slice message = slice_of(data, size);
    struct error error;
    struct mime_part *root;
    struct mime_summary summary;
    must(mime_parse(&arena, message, &root, &error) == ERR_OK);
    must(root->whole.n == size);
    for (const struct mime_part *part = root; part != NULL; part = mime_part_walk(root, part))
        check_part(message, part);
    must(mime_put_bodystructure(&out, root, false, &error) == ERR_OK);
    must(!buf_failed(&out));
    must(mime_summarize(&arena, root, &summary, &error) == ERR_OK);
    must(utf8_valid(summary.subject) && utf8_valid(summary.preview) && utf8_valid(summary.from.display));
    must(memchr(summary.subject.p != NULL ? summary.subject.p : "", '\n', summary.subject.n) == NULL);
    must(slice_starts(summary.envelope, S("(")) && slice_ends(summary.envelope, S(")")));
    must(slice_starts(summary.bodystructure, S("(")) && slice_ends(summary.bodystructure, S(")")));
    must(memchr(summary.envelope.p, 0, summary.envelope.n) == NULL);
    must(memchr(summary.bodystructure.p, 0, summary.bodystructure.n) == NULL);
    buf_clear(&out);
    mime_part_decode(&out, root, true);
    arena_release(&arena);
    return 0;
}

#include "store/folder_path.h"

#include <utf8proc.h>

#include "base/utf8.h"

enum { INPUT_MAX = 4 * FOLDER_PATH_MAX }; /* composing only shortens what is worth taking */

static enum err invalid(struct error *error, const char *why)
{
    return fail(error, ERR_INVALID, why, "folder name: %s", why);
}

/* RFC 5198 2 and RFC 9051 5.1: no controls, no line or paragraph separators. */
static bool has_controls(struct slice text)
{
    struct cursor c = cursor_of(text);
    while (!cursor_done(&c)) {
        int32_t code_point = utf8_next(&c);
        if (code_point < 0x20 || (code_point >= 0x7f && code_point < 0xa0) || code_point == 0x2028 ||
            code_point == 0x2029)
            return true;
    }
    return false;
}

static void free_composed(utf8proc_uint8_t **p)
{
    free(*p);
}

static enum err compose(struct slice in, struct folder_path *path, struct error *error)
{
    CLEANUP(free_composed) utf8proc_uint8_t *composed = NULL;
    utf8proc_ssize_t n = utf8proc_map((const utf8proc_uint8_t *)in.p, (utf8proc_ssize_t)in.n, &composed,
                                      UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    if (n == UTF8PROC_ERROR_NOMEM)
        return fail_nomem(error);
    if (n < 0)
        return invalid(error, "A folder name must be UTF-8");
    if (n > FOLDER_PATH_MAX)
        return fail_plain(error, ERR_LIMIT, "A folder name may have %d bytes", FOLDER_PATH_MAX);
    memcpy(path->text, composed, (size_t)n);
    path->text[n] = 0;
    path->n = (size_t)n;
    return ERR_OK;
}

static enum err split(struct folder_path *path, struct error *error)
{
    struct slice rest = folder_path_text(path);
    bool more = true;
    path->depth = 0;
    while (more) {
        struct slice part;
        more = slice_cut(rest, '/', &part, &rest);
        if (part.n == 0)
            return invalid(error, "A folder name must not have empty parts");
        if (part.n > FOLDER_NAME_MAX)
            return fail_plain(error, ERR_LIMIT, "A part of a folder name may have %d bytes", FOLDER_NAME_MAX);
        if (path->depth == FOLDER_DEPTH_MAX)
            return fail_plain(error, ERR_LIMIT, "Folders may be nested %d deep", FOLDER_DEPTH_MAX);
        path->parts[path->depth++] = part;
    }
    return ERR_OK;
}

enum err folder_path_parse(struct slice in, struct folder_path *ret_path, struct error *error)
{
    if (in.n > 0 && in.p[in.n - 1] == '/')
        in.n--;
    if (in.n > INPUT_MAX)
        return fail_plain(error, ERR_LIMIT, "A folder name may have %d bytes", FOLDER_PATH_MAX);
    if (in.n == 0)
        return invalid(error, "A folder name must not be empty");
    if (!utf8_valid(in))
        return invalid(error, "A folder name must be UTF-8");
    if (has_controls(in))
        return invalid(error, "A folder name must not have control characters");
    enum err err = compose(in, ret_path, error);
    if (err == ERR_OK)
        err = split(ret_path, error);
    if (err == ERR_OK && slice_eq_nocase(ret_path->parts[0], S("INBOX")))
        memcpy(ret_path->text, "INBOX", 5);
    return err;
}

bool folder_path_is_inbox(const struct folder_path *path)
{
    return slice_eq(folder_path_text(path), S("INBOX"));
}

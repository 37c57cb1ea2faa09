#include "directory/account_check.h"

#include "base/name_list.h"
#include "directory/inside.h"

enum err account_check_language(struct slice language, struct error *error)
{
    if (slice_eq(language, S("de")) || slice_eq(language, S("en")))
        return ERR_OK;
    return fail_plain(error, ERR_INVALID, "the language \"%.*s\" is not known; there are: de, en",
                      SLICE_ARGS(slice_sub(language, 0, 40)));
}

enum err account_check_name(struct slice name, struct error *error)
{
    if (name.n > ACCOUNT_NAME_MAX)
        return fail_plain(error, ERR_LIMIT, "the display name is longer than %d bytes", ACCOUNT_NAME_MAX);
    for (size_t i = 0; i < name.n; i++)
        if ((unsigned char)name.p[i] < 0x20 || name.p[i] == 0x7f)
            return fail_plain(error, ERR_INVALID, "the display name holds a control character");
    return ERR_OK;
}

enum err account_check_capabilities(struct slice capabilities, struct error *error)
{
    CLEANUP(buf_release) struct buf list = BUF(CAPABILITIES_OFF_MAX);
    if (!name_list_add(&list, capabilities))
        return fail_plain(error, ERR_INVALID, "a capability's name is letters, digits and signs");
    if (buf_failed(&list))
        return fail_plain(error, ERR_LIMIT, "more than %d bytes of capabilities", CAPABILITIES_OFF_MAX);
    return ERR_OK;
}

enum err account_check_quota(uint64_t quota, struct error *error)
{
    if (quota <= INT64_MAX)
        return ERR_OK;
    return fail_plain(error, ERR_INVALID, "the quota is larger than any disk");
}

enum err account_check_plan(struct directory *directory, struct slice plan, uint64_t quota,
                            struct error *error)
{
    CLEANUP(sql_release) sqlite3_stmt *row = NULL;
    bool found = false;
    enum err code = sql_start(directory, STATEMENT_PLAN_GET, PARAMETERS(TEXT(plan)), &row, error);
    if (code == ERR_OK)
        code = sql_step(directory, row, &found, error);
    if (code == ERR_OK && !found)
        return fail_plain(error, ERR_NOT_FOUND, "there is no plan \"%.*s\"; `posthorn plan list` shows them",
                          SLICE_ARGS(slice_sub(plan, 0, PLAN_NAME_MAX)));
    if (code == ERR_OK && sql_number(row, 3) > 0 && quota > sql_number(row, 3))
        return fail_plain(
            error, ERR_LIMIT,
            "that is more than the plan \"%.*s\" allows; `posthorn plan show %.*s` says how much",
            SLICE_ARGS(plan), SLICE_ARGS(plan));
    return code;
}

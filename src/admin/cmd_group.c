#include "admin/targets.h"

#define GROUP_ARGUMENT                                                                         \
    {                                                                                          \
        "address", ARGUMENT_TEXT, true, true, "GROUP@DOMAIN", "the group, in a domain of ours" \
    }
#define MEMBERS_ARGUMENT                                                                 \
    {                                                                                    \
        "members", ARGUMENT_LIST, true, true, "ADDRESS", "members, ours or from outside" \
    }

static const struct admin_argument member_arguments[] = {GROUP_ARGUMENT, MEMBERS_ARGUMENT, {0}};

static enum err put(struct admin_call *call, struct slice address, struct slice *members, size_t count,
                    bool replace, struct error *error)
{
    const struct alias group = {.address = address, .targets = members, .target_count = count, .group = true};
    enum err e = alias_set(call->context->directory, &group, replace, error);
    if (e == ERR_OK)
        call_message(call, "group %.*s has %zu %s", SLICE_ARGS(address), count,
                     count == 1 ? "member" : "members");
    return e;
}

static enum err add(struct admin_call *call, struct error *error)
{
    struct slice *members;
    size_t count;
    enum err e = call_list(call, "members", &members, &count, error);
    return e != ERR_OK ? e : put(call, call_text(call, "address"), members, count, false, error);
}

const struct admin_command admin_group_add = {
    .name = "group.add",
    .run = add,
    .arguments = member_arguments,
    .summary = "make a group: one address for several people",
    .about = "Mail for GROUP goes to every member.",
    .example = "posthorn group add sales@example.org anna@example.org bert@example.org",
};

static enum err set(struct admin_call *call, struct error *error)
{
    struct alias group;
    struct slice *members;
    size_t count;
    enum err e = targets_find(call, call_text(call, "address"), true, &group, error);
    if (e == ERR_OK)
        e = call_list(call, "members", &members, &count, error);
    return e != ERR_OK ? e : put(call, group.address, members, count, true, error);
}

const struct admin_command admin_group_set = {
    .name = "group.set",
    .run = set,
    .arguments = member_arguments,
    .summary = "say anew who is in a group",
    .about = "The group has these members from now on, and no others.",
    .example = "posthorn group set sales@example.org anna@example.org carla@example.net",
};

static const struct admin_argument list_arguments[] = {
    {"domain", ARGUMENT_TEXT, true, false, "DOMAIN", "only this domain's"},
    {0},
};

static const struct admin_column list_columns[] = {
    {"address", "GROUP", COLUMN_TEXT},
    {"members", "MEMBERS", COLUMN_LIST},
    {0},
};

static enum err list(struct admin_call *call, struct error *error)
{
    return targets_list(call, true, "members", error);
}

const struct admin_command admin_group_list = {
    .name = "group.list",
    .run = list,
    .arguments = list_arguments,
    .columns = list_columns,
    .summary = "list the groups",
    .about = "Lists all groups, or those of one domain, with their members.",
    .example = "posthorn group list --json",
};

static const struct admin_argument remove_arguments[] = {GROUP_ARGUMENT, {0}};

static enum err drop(struct admin_call *call, struct error *error)
{
    struct alias group;
    enum err e = targets_find(call, call_text(call, "address"), true, &group, error);
    if (e == ERR_OK)
        e = alias_remove(call->context->directory, group.address, error);
    if (e == ERR_OK)
        call_message(call, "removed group %.*s", SLICE_ARGS(group.address));
    return e;
}

const struct admin_command admin_group_remove = {
    .name = "group.remove",
    .run = drop,
    .arguments = remove_arguments,
    .summary = "remove a group",
    .about = "Mail for the group is refused from now on. Its members stay as they are.",
    .example = "posthorn group remove sales@example.org",
};

/* Index of the member, or count. */
static size_t find_member(struct admin_call *call, const struct slice *members, size_t count,
                          struct slice address)
{
    size_t i = 0;
    while (i < count && !targets_same(call, members[i], address))
        i++;
    return i;
}

static enum err member_add(struct admin_call *call, struct error *error)
{
    struct alias group;
    struct slice *more;
    size_t count;
    enum err e = targets_find(call, call_text(call, "address"), true, &group, error);
    if (e == ERR_OK)
        e = call_list(call, "members", &more, &count, error);
    if (e != ERR_OK)
        return e;
    struct slice *members = arena_array(&call->arena, group.target_count + count, sizeof(*members));
    if (members == NULL)
        return fail_nomem(error);
    size_t n = 0;
    for (; n < group.target_count; n++)
        members[n] = group.targets[n];
    for (size_t i = 0; i < count; i++)
        if (find_member(call, members, n, more[i]) == n)
            members[n++] = more[i];
    return put(call, group.address, members, n, true, error);
}

const struct admin_command admin_group_member_add = {
    .name = "group.member.add",
    .run = member_add,
    .arguments = member_arguments,
    .summary = "put somebody into a group",
    .about = "Adds the addresses to the group. Who is in it already stays in it once.",
    .example = "posthorn group member add sales@example.org carla@example.net",
};

static enum err member_remove(struct admin_call *call, struct error *error)
{
    struct alias group;
    struct slice *fewer;
    size_t count;
    enum err e = targets_find(call, call_text(call, "address"), true, &group, error);
    if (e == ERR_OK)
        e = call_list(call, "members", &fewer, &count, error);
    size_t n = e == ERR_OK ? group.target_count : 0;
    for (size_t i = 0; e == ERR_OK && i < count; i++) {
        size_t at = find_member(call, group.targets, n, fewer[i]);
        if (at == n) {
            e = fail_plain(error, ERR_NOT_FOUND, "%.*s is not in the group %.*s", SLICE_ARGS(fewer[i]),
                           SLICE_ARGS(group.address));
            continue;
        }
        memmove(&group.targets[at], &group.targets[at + 1], (n - at - 1) * sizeof(*group.targets));
        n--;
    }
    if (e == ERR_OK && n == 0)
        e = fail_plain(error, ERR_INVALID,
                       "nobody would be left in the group; remove it with: posthorn group remove %.*s",
                       SLICE_ARGS(group.address));
    return e != ERR_OK ? e : put(call, group.address, group.targets, n, true, error);
}

const struct admin_command admin_group_member_remove = {
    .name = "group.member.remove",
    .run = member_remove,
    .arguments = member_arguments,
    .summary = "take somebody out of a group",
    .about = "Removes the addresses from the group.",
    .example = "posthorn group member remove sales@example.org bert@example.org",
};

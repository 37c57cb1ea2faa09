#include "admin/admin.h"
#include "admin/size.h"
#include "health/status.h"
#include "store/ledger.h"

/* What `posthorn status` shows: one screen. The server makes all of it as one row; here it becomes text. */

enum { DOMAINS_SHOWN = 5 };

struct fullest {
    struct domain_state state;
    struct slice name;
};

/* The domains with a quota that are the fullest, in falling order. */
static enum err find_fullest(struct admin_call *call, struct fullest fullest[static DOMAINS_SHOWN],
                             size_t *ret_count, struct error *error)
{
    struct domain *domains;
    size_t all;
    size_t count = 0;
    enum err e = domain_list(call->context->directory, &call->arena, &domains, &all, error);
    for (size_t i = 0; e == ERR_OK && i < all; i++) {
        struct fullest next = {.name = domains[i].name};
        if (domains[i].quota_bytes == 0 && domains[i].quota_messages == 0)
            continue;
        e = store_domain_state(call->context->store, domains[i].id, &next.state, error);
        for (size_t at = 0; e == ERR_OK && at < DOMAINS_SHOWN; at++) {
            if (at < count && fullest[at].state.percent >= next.state.percent)
                continue;
            const struct fullest pushed = at < count ? fullest[at] : (struct fullest){0};
            fullest[at] = next;
            next = pushed;
            if (at == count) {
                count++;
                break;
            }
        }
    }
    *ret_count = count;
    return e;
}

static enum err add_domains(struct admin_call *call, json_t *row, struct error *error)
{
    struct fullest fullest[DOMAINS_SHOWN];
    size_t count = 0;
    json_t *list = json_array();
    enum err e = find_fullest(call, fullest, &count, error);
    for (size_t i = 0; e == ERR_OK && i < count; i++)
        json_array_append_new(list,
                              json_pack("{s:o,s:I,s:I,s:I,s:I,s:I}", "domain", json_text(fullest[i].name),
                                        "bytes", (json_int_t)fullest[i].state.use.bytes, "quota",
                                        (json_int_t)fullest[i].state.use.quota_bytes, "messages",
                                        (json_int_t)fullest[i].state.use.messages, "messages_max",
                                        (json_int_t)fullest[i].state.use.quota_messages, "percent",
                                        (json_int_t)fullest[i].state.percent));
    json_object_set_new(row, "domains", list);
    return e;
}

static enum err status(struct admin_call *call, struct error *error)
{
    if (call->context->gatherer == NULL)
        return fail_plain(error, ERR_UNAVAILABLE, "only a running server has a status");
    json_t *row = status_json(call->context->gatherer);
    enum err e = row != NULL ? add_domains(call, row, error) : ERR_OK;
    if (e == ERR_OK)
        return call_row(call, row, error);
    json_decref(row);
    return e;
}

static const char *text_of(const json_t *row, const char *key)
{
    const char *text = json_string_value(json_object_get(row, key));
    return text != NULL ? text : "-";
}

static long long number_of(const json_t *row, const char *key)
{
    return json_integer_value(json_object_get(row, key));
}

/* "3d 4h", "12m 5s". */
static const char *age_text(long long seconds, char text[static 32])
{
    if (seconds >= 86400)
        snprintf(text, 32, "%lldd %lldh", seconds / 86400, seconds % 86400 / 3600);
    else if (seconds >= 3600)
        snprintf(text, 32, "%lldh %lldm", seconds / 3600, seconds % 3600 / 60);
    else if (seconds >= 60)
        snprintf(text, 32, "%lldm %llds", seconds / 60, seconds % 60);
    else
        snprintf(text, 32, "%llds", seconds);
    return text;
}

static void show_processes(const json_t *list)
{
    char age[32];
    char memory[SIZE_TEXT_MAX];
    printf("\n%-12s %8s  %8s  %10s  %8s\n", "PROCESS", "PID", "MEMORY", "UP", "RESTARTS");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *row = json_array_get(list, i);
        size_text((uint64_t)number_of(row, "memory"), memory);
        printf("%-12s %8lld  %8s  %10s  %8lld\n", text_of(row, "process"), number_of(row, "pid"), memory,
               age_text(number_of(row, "up"), age), number_of(row, "restarts"));
    }
}

static void show_sessions(const json_t *list)
{
    bool any = false;
    printf("\n%-12s %8s  %8s\n", "SESSIONS", "TLS", "CLEAR");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *row = json_array_get(list, i);
        long long tls = number_of(row, "tls");
        long long clear = number_of(row, "clear");
        if (tls != 0 || clear != 0)
            printf("%-12s %8lld  %8lld\n", text_of(row, "protocol"), tls, clear);
        any = any || tls != 0 || clear != 0;
    }
    if (!any)
        puts("none");
}

static void show_counts(const json_t *minute, const json_t *five)
{
    static const struct {
        const char *key;
        const char *what;
    } rows[] = {
        {"messages", "messages taken"}, {"filed", "filed"},
        {"relayed", "sent to others"},  {"deferred", "deferred"},
        {"failed", "given up"},         {"refused", "refusals"},
        {"logins", "log-ins"},          {"logins-failed", "log-ins failed"},
    };
    printf("\n%-16s %8s  %8s\n", "IN THE LAST", "MINUTE", "5 MIN");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        printf("%-16s %8lld  %8lld\n", rows[i].what, number_of(minute, rows[i].key),
               number_of(five, rows[i].key));
}

static void show_queue(const json_t *list)
{
    char age[32];
    printf("\n%-12s %8s  %10s\n", "QUEUE", "MESSAGES", "OLDEST");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *row = json_array_get(list, i);
        long long messages = number_of(row, "messages");
        printf("%-12s %8lld  %10s\n", text_of(row, "state"), messages,
               messages > 0 ? age_text(number_of(row, "oldest"), age) : "-");
    }
}

static void show_rest(const json_t *row)
{
    char free[SIZE_TEXT_MAX];
    char size[SIZE_TEXT_MAX];
    const json_t *disk = json_object_get(row, "disk");
    size_text((uint64_t)number_of(disk, "free"), free);
    size_text((uint64_t)number_of(disk, "size"), size);
    printf("\nDisk           %s free of %s\n", free, size);
    printf("Accounts open  %lld\n", number_of(row, "open-accounts"));
    if (number_of(row, "certificate-ends") > 0)
        printf("Certificates   the first expires in %lld days\n",
               (number_of(row, "certificate-ends") - clock_wall_us() / CLOCK_SECOND) / 86400);
    const json_t *problems = json_object_get(row, "problems");
    for (size_t i = 0; i < json_array_size(problems); i++) {
        const json_t *problem = json_array_get(problems, i);
        printf("%s%-8s %s: %s\n", i == 0 ? "\n" : "", text_of(problem, "level"), text_of(problem, "what"),
               text_of(problem, "text"));
    }
}

static void show_domains(const json_t *list)
{
    char used[SIZE_TEXT_MAX];
    if (json_array_size(list) > 0)
        printf("\n%-32s %10s  %10s  %5s\n", "FULLEST DOMAINS", "USED", "MESSAGES", "FULL");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *row = json_array_get(list, i);
        size_text((uint64_t)number_of(row, "bytes"), used);
        printf("%-32s %10s  %10lld  %3lld %%\n", text_of(row, "domain"), used, number_of(row, "messages"),
               number_of(row, "percent"));
    }
}

static void show(const json_t *row)
{
    char age[32];
    printf("posthorn %s, up %s: %s\n", text_of(row, "version"), age_text(number_of(row, "up"), age),
           text_of(row, "status"));
    show_processes(json_object_get(row, "processes"));
    show_sessions(json_object_get(row, "sessions"));
    show_counts(json_object_get(row, "minute"), json_object_get(row, "five-minutes"));
    show_queue(json_object_get(row, "queue"));
    show_domains(json_object_get(row, "domains"));
    show_rest(row);
}

static const struct admin_column columns[] = {{"version", "Version", COLUMN_TEXT}, {0}};

const struct admin_command admin_status = {
    .name = "status",
    .run = status,
    .columns = columns,
    .show = show,
    .flags = COMMAND_SERVER,
    .summary = "how the server is",
    .about =
        "Shows on one screen how the running server is: its processes, sessions, what came in and was "
        "refused "
        "in the last minutes, the queue, the disk, the certificates, and what is wrong. Without a server it "
        "says so, with exit status 1.",
    .example = "posthorn status",
};

/* The junk filter of an account: what it has learnt, what it thinks of a message, and making it forget. */
#include "admin/admin.h"
#include "store/junk.h"
#include "store/junk_learn.h"

#define NAME_ARGUMENT                                                                        \
    {                                                                                        \
        "address", ARGUMENT_TEXT, true, true, "NAME@DOMAIN", "the account's primary address" \
    }

static const struct admin_argument name_arguments[] = {NAME_ARGUMENT, {0}};

static enum err open_account(struct admin_call *call, struct account_entry *ret_entry,
                             struct account **ret_account, struct error *error)
{
    enum err e = account_entry_find(call->context->directory, call_text(call, "address"), &call->arena,
                                    ret_entry, error);
    return e == ERR_OK ? store_account_ensure(call->context->store, ret_entry->id, ret_account, error) : e;
}

/* --- show --- */

static const struct admin_column show_columns[] = {
    {"filter", "FILTER", COLUMN_TEXT},          {"junk", "JUNK LEARNT", COLUMN_NUMBER},
    {"good", "GOOD LEARNT", COLUMN_NUMBER},     {"needed", "NEEDED OF EACH", COLUMN_NUMBER},
    {"features", "FEATURES", COLUMN_NUMBER},    {"known", "PEOPLE KNOWN", COLUMN_NUMBER},
    {"waiting", "TO BE LEARNT", COLUMN_NUMBER}, {0},
};

static enum err run_show(struct admin_call *call, struct error *error)
{
    struct account_entry entry;
    struct account *account;
    struct junk_figures figures;
    char filter[OPTION_TEXT_MAX];
    enum err e = open_account(call, &entry, &account, error);
    if (e != ERR_OK)
        return e;
    e = junk_figures(account, &figures, error);
    account_unref(account);
    if (e != ERR_OK)
        return e;
    option_text(OPTION_JUNK_FILTER, entry.options.values[OPTION_JUNK_FILTER], filter);
    return call_row(call,
                    json_pack("{s:s,s:I,s:I,s:I,s:I,s:I,s:I}", "filter", filter, "junk",
                              (json_int_t)figures.junk, "good", (json_int_t)figures.good, "needed",
                              (json_int_t)JUNK_ENOUGH, "features", (json_int_t)figures.features, "known",
                              (json_int_t)figures.known, "waiting", (json_int_t)figures.due),
                    error);
}

const struct admin_command admin_account_junk_show = {
    .name = "account.junk.show",
    .run = run_show,
    .arguments = name_arguments,
    .columns = show_columns,
    .flags = COMMAND_ONE,
    .summary = "show what an account's junk filter has learnt",
    .about =
        "The filter learns from what is done with mail: what is moved to Junk, or out of it, filed, "
        "answered, "
        "or read and kept. It says nothing before it has learnt enough of both kinds. What is old counts "
        "less, so the figures may fall.",
    .example = "posthorn account junk show anna@example.org",
};

/* --- learn --- */

static enum err run_learn(struct admin_call *call, struct error *error)
{
    static const atomic_bool stopping = false;
    struct account_entry entry;
    struct account *account;
    struct junk_figures figures;
    enum err e = open_account(call, &entry, &account, error);
    if (e != ERR_OK)
        return e;
    bool more = true;
    while (e == ERR_OK && more)
        e = junk_learn_step(account, &stopping, &more, error);
    if (e == ERR_OK)
        e = junk_figures(account, &figures, error);
    account_unref(account);
    if (e == ERR_OK)
        call_message(call, "%.*s: learnt %llu junk, %llu good; %llu people known",
                     SLICE_ARGS(call_text(call, "address")), (unsigned long long)figures.junk,
                     (unsigned long long)figures.good, (unsigned long long)figures.known);
    return e;
}

const struct admin_command admin_account_junk_learn = {
    .name = "account.junk.learn",
    .run = run_learn,
    .arguments = name_arguments,
    .summary = "learn what is junk, now",
    .about = "Does at once what the server does by itself within seconds while somebody is logged in.",
    .example = "posthorn account junk learn anna@example.org",
};

/* --- test --- */

static const struct admin_argument test_arguments[] = {
    NAME_ARGUMENT,
    {"folder", ARGUMENT_TEXT, false, false, "FOLDER", "where the message is; INBOX when not given"},
    {"uid", ARGUMENT_NUMBER, false, false, "UID", "its UID; the newest message of the folder when not given"},
    {0},
};

static const struct admin_column test_columns[] = {
    {"verdict", "VERDICT", COLUMN_TEXT},
    {"score", "SCORE", COLUMN_TEXT},
    {"sender_known", "SENDER KNOWN", COLUMN_YES_NO},
    {"words", "WORDS", COLUMN_LIST},
    {0},
};

static enum err find_message(struct admin_call *call, struct account *account, struct object_id *ret_object,
                             struct error *error)
{
    struct folder folder;
    struct message *messages;
    size_t count = 0;
    uint64_t uid = call_number(call, "uid", 0);
    struct slice path = call_text(call, "folder");
    enum err e = folder_find(account, path.p != NULL ? path : S("INBOX"), &call->arena, &folder, error);
    if (e != ERR_OK)
        return e;
    if (uid > UINT32_MAX)
        return fail_plain(error, ERR_INVALID, "a UID is a number up to %u", UINT32_MAX);
    CLEANUP(uid_set_release) struct uid_set wanted = {0};
    uint32_t newest = folder.uidnext - 1;
    uint32_t first = uid > 0 ? (uint32_t)uid : 1;
    if (uid > 0 || newest > 0)
        uid_set_add(&wanted, first, uid > 0 ? first : newest);
    e = message_list(account, folder.id, &wanted, WANT_IDS, 0, &call->arena, &messages, &count, error);
    if (e == ERR_OK && count == 0)
        e = fail_plain(error, ERR_NOT_FOUND, "there is no such message");
    if (e == ERR_OK)
        *ret_object = messages[count - 1].object;
    return e;
}

static enum err tell_opinion(struct admin_call *call, const struct junk_opinion *opinion, struct error *error)
{
    const struct junk_verdict *verdict = &opinion->verdict;
    char score[16] = "-";
    json_t *words = json_array();
    if (verdict->judged)
        snprintf(score, sizeof(score), "%.4f", verdict->score);
    for (size_t i = 0; i < verdict->reason_count; i++)
        json_array_append_new(words, json_text(verdict->reasons[i]));
    return call_row(call,
                    json_pack("{s:s,s:s,s:b,s:o}", "verdict",
                              !verdict->judged        ? "none"
                              : junk_is_junk(opinion) ? "junk"
                                                      : "good",
                              "score", score, "sender_known", opinion->known, "words", words),
                    error);
}

static enum err judge(struct admin_call *call, struct account *account, struct error *error)
{
    struct object_id object;
    struct junk_opinion opinion;
    CLEANUP(content_release) struct content content = {0};
    enum err e = find_message(call, account, &object, error);
    if (e == ERR_OK)
        e = message_read(account, object, CONTENT_WHOLE, &content, error);
    if (e == ERR_OK)
        e = junk_ask(account, slice_none(), content.whole, &call->arena, &opinion, error);
    return e == ERR_OK ? tell_opinion(call, &opinion, error) : e;
}

static enum err run_test(struct admin_call *call, struct error *error)
{
    struct account_entry entry;
    struct account *account;
    enum err e = open_account(call, &entry, &account, error);
    if (e != ERR_OK)
        return e;
    e = judge(call, account, error);
    account_unref(account);
    return e;
}

const struct admin_command admin_account_junk_test = {
    .name = "account.junk.test",
    .run = run_test,
    .arguments = test_arguments,
    .columns = test_columns,
    .flags = COMMAND_ONE,
    .summary = "say what an account's junk filter thinks of a message",
    .about = "Judges a message of the account as it would be judged if it came now, and says which of its "
             "words and "
             "other features say most. \"none\": too little is learnt, or the filter is off.",
    .example = "posthorn account junk test anna@example.org --folder Junk",
};

/* --- forget --- */

static enum err run_forget(struct admin_call *call, struct error *error)
{
    struct account_entry entry;
    struct account *account;
    enum err e = open_account(call, &entry, &account, error);
    if (e != ERR_OK)
        return e;
    e = junk_forget(account, error);
    if (e == ERR_OK)
        e = account_sync(account, error);
    account_unref(account);
    if (e == ERR_OK)
        call_message(call, "the junk filter of %.*s has forgotten all",
                     SLICE_ARGS(call_text(call, "address")));
    return e;
}

const struct admin_command admin_account_junk_forget = {
    .name = "account.junk.forget",
    .run = run_forget,
    .arguments = name_arguments,
    .flags = COMMAND_CONFIRM,
    .summary = "make an account's junk filter forget all",
    .about = "What was done with mail until now teaches it nothing any more; it begins anew.",
    .example = "posthorn account junk forget anna@example.org --yes",
};

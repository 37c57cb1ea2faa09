#include "store/junk_acts.h"

#include "store/junk.h"
#include "store/junk_learn.h"
#include "store/junk_model.h"
#include "store/member.h"

enum { CHANGES_UNWRITTEN_MAX = 1000 /* log numbers passed over before the place is written down */ };

/* One record of the change log. */
struct act {
    int64_t no;
    struct folder_id folder;
    enum change_kind kind;
    uint64_t mask; /* FLAGS: which changed */
    struct uid_set uids;
};

/* The account's bits of the keywords that tell what is junk; FLAG_BITS: it has none. */
struct words {
    unsigned junk, good;
    uint64_t mask; /* both, as flag_mask makes it */
};

struct noting {
    struct account *account;
    struct words words;
    enum folder_role role; /* of the act's folder */
    size_t looks;
    bool noted;
};

static unsigned keyword_of(const struct account *account, const char *name)
{
    for (size_t i = 0; i < account->keyword_count; i++)
        if (account->keywords[i] != NULL && strcasecmp(account->keywords[i], name) == 0)
            return FLAG_KEYWORDS_FROM + (unsigned)i;
    return FLAG_BITS;
}

static struct words words_of(const struct account *account)
{
    struct words words = {keyword_of(account, "$Junk"), keyword_of(account, "$NotJunk"), 0};
    struct flagset both = {{0}};
    if (words.junk != FLAG_BITS)
        flag_set(&both, words.junk);
    if (words.good != FLAG_BITS)
        flag_set(&both, words.good);
    words.mask = flag_mask(&both);
    return words;
}

/* --- what an act teaches --- */

/* Where a message was added. moved: it was in the account before, so somebody brought it here. */
static enum junk_class taught_by_place(enum folder_role role, bool moved)
{
    switch (role) {
    case ROLE_FOLDER_JUNK:
        return moved ? JUNK_CLASS_JUNK : JUNK_CLASS_MACHINE;
    case ROLE_FOLDER_SENT:
        return JUNK_CLASS_SENT;
    case ROLE_FOLDER_TRASH:
    case ROLE_FOLDER_DRAFTS:
        return JUNK_CLASS_NONE;
    case ROLE_FOLDER_NONE:
    case ROLE_FOLDER_INBOX:
    case ROLE_FOLDER_ARCHIVE:
        break;
    }
    return moved ? JUNK_CLASS_GOOD : JUNK_CLASS_NONE;
}

#define FLAGS_OF_GOOD (UINT64_C(1) << FLAG_ANSWERED | UINT64_C(1) << FLAG_FLAGGED)

/* *ret_weak: only if nothing else is known. */
static enum junk_class taught_by_flags(const struct noting *noting, uint64_t mask,
                                       const struct flagset *flags, bool *ret_weak)
{
    const struct words *words = &noting->words;
    bool junk = words->junk != FLAG_BITS && flag_has(flags, words->junk);
    bool good = words->good != FLAG_BITS && flag_has(flags, words->good);
    *ret_weak = false;
    if (noting->role == ROLE_FOLDER_SENT || noting->role == ROLE_FOLDER_DRAFTS)
        return JUNK_CLASS_NONE;
    if ((mask & words->mask) != 0 && junk != good)
        return junk ? JUNK_CLASS_JUNK : JUNK_CLASS_GOOD;
    *ret_weak = true;
    bool valued = (mask & flags->words[0] & FLAGS_OF_GOOD) != 0;
    bool rejected = noting->role == ROLE_FOLDER_JUNK || noting->role == ROLE_FOLDER_TRASH;
    return valued && !rejected ? JUNK_CLASS_GOOD : JUNK_CLASS_NONE;
}

static bool overrules(enum junk_class class, bool weak, enum junk_class before)
{
    if (before == JUNK_CLASS_NONE)
        return true;
    if (weak || class == JUNK_CLASS_MACHINE || class == JUNK_CLASS_SENT)
        return false;
    /* It came into Junk without anybody's doing: that it is there, or is marked so, is nobody's word. */
    return class != before && !(class == JUNK_CLASS_JUNK && before == JUNK_CLASS_MACHINE);
}

static enum err note(struct noting *noting, uint64_t id, enum junk_class class, bool weak,
                     struct error *error)
{
    struct junk_object object;
    if (class == JUNK_CLASS_NONE)
        return ERR_OK;
    enum err err = junk_object_read(noting->account, id, &object, error);
    if (err != ERR_OK || !overrules(class, weak, object.wanted))
        return err;
    object.wanted = class;
    if (class == JUNK_CLASS_MACHINE)
        object.learnt = JUNK_CLASS_MACHINE; /* there is nothing to learn */
    noting->noted = true;
    return junk_object_write(noting->account, &object, error);
}

/* The message may be deleted already: then its tombstone is looked at. */
static enum err look(struct noting *noting, const struct act *act, uint32_t uid, struct error *error)
{
    CLEANUP(db_reset) sqlite3_stmt *statement = NULL;
    noting->looks++;
    enum err err = db_statement(noting->account, STATEMENT_JUNK_PLACE, &statement, error);
    if (err != ERR_OK)
        return err;
    sqlite3_bind_int64(statement, 1, member_key(act->folder, uid));
    bool row;
    err = db_step(noting->account, statement, &row, error);
    if (err != ERR_OK || !row)
        return err;
    bool weak = false;
    uint64_t id = (uint64_t)sqlite3_column_int64(statement, 0);
    bool moved = sqlite3_column_int(statement, 1) != 0;
    const struct flagset flags = flags_column(statement, 2);
    enum junk_class class = act->kind == CHANGE_ADDED ? taught_by_place(noting->role, moved)
                                                      : taught_by_flags(noting, act->mask, &flags, &weak);
    return note(noting, id, class, weak, error);
}

static enum err role_read(struct noting *noting, struct folder_id folder, bool *ret_found,
                          struct error *error)
{
    int64_t role = 0;
    enum err err = DB_NUMBER(noting->account, JUNK_ROLE, ret_found, &role, error, (int64_t)folder.v);
    noting->role = (enum folder_role)role;
    return err;
}

static enum err note_act(struct noting *noting, const struct act *act, struct error *error)
{
    bool found;
    size_t looks = 0;
    uint64_t telling = noting->words.mask | FLAGS_OF_GOOD;
    if (act->kind == CHANGE_FLAGS && (act->mask & telling) == 0)
        return ERR_OK;
    enum err err = role_read(noting, act->folder, &found, error);
    if (err != ERR_OK || !found)
        return err;
    for (size_t i = act->uids.count; err == ERR_OK && i > 0; i--) {
        const struct uid_range *range = &act->uids.ranges[i - 1];
        for (uint32_t uid = range->last; err == ERR_OK && uid >= range->first && uid > 0; uid--) {
            if (looks++ == JUNK_UIDS_MAX)
                return ERR_OK;
            err = look(noting, act, uid, error);
        }
    }
    return err;
}

/* --- the log --- */

static enum err act_read(sqlite3_stmt *statement, struct act *ret_act, struct error *error)
{
    *ret_act = (struct act){.no = sqlite3_column_int64(statement, 0),
                            .folder = {(uint64_t)sqlite3_column_int64(statement, 1)},
                            .kind = (enum change_kind)sqlite3_column_int64(statement, 2),
                            .mask = (uint64_t)sqlite3_column_int64(statement, 4)};
    if (uid_set_decode(db_column(statement, 3), &ret_act->uids))
        return ERR_OK;
    return fail(error, ERR_CORRUPT, NULL, "change %lld: its set of UIDs is damaged", (long long)ret_act->no);
}

/* *ret_to: all up to there is noted. */
static enum err log_read(struct noting *noting, int64_t since, int64_t *ret_to, bool *ret_more,
                         struct error *error)
{
    CLEANUP(db_reset) sqlite3_stmt *statement = NULL;
    struct account *account = noting->account;
    enum err err = db_statement(account, STATEMENT_JUNK_ACTS, &statement, error);
    if (err != ERR_OK)
        return err;
    sqlite3_bind_int64(statement, 1, since);
    sqlite3_bind_int64(statement, 2, CHANGE_ADDED);
    sqlite3_bind_int64(statement, 3, CHANGE_FLAGS);
    int64_t last = since;
    size_t acts = 0;
    for (;;) {
        bool row;
        err = db_step(account, statement, &row, error);
        if (err != ERR_OK)
            return err;
        *ret_more = row && last != sqlite3_column_int64(statement, 0) &&
                    (acts++ >= JUNK_ACTS_MAX || noting->looks >= JUNK_LOOKS_MAX);
        *ret_to = row ? last : account->meta.change;
        if (!row || *ret_more)
            return ERR_OK;
        struct act act;
        err = act_read(statement, &act, error);
        if (err == ERR_OK)
            err = note_act(noting, &act, error);
        uid_set_release(&act.uids);
        if (err != ERR_OK)
            return err;
        last = act.no;
    }
}

/* Another reading of messages: what was learnt with the former is learnt anew, as far as it is still there.
 */
static enum err begin_again(struct account *account, struct error *error)
{
    struct junk_model *model = &account->junk;
    model->reading = JUNK_READING;
    model->junk = model->good = model->era_messages = 0;
    enum err err = DB_RUN_PLAIN(account, JUNK_TOKENS_FORGET, error);
    if (err == ERR_OK)
        err = DB_RUN(account, JUNK_OBJECTS_AGAIN, error, JUNK_CLASS_JUNK, JUNK_CLASS_GOOD);
    return err;
}

static enum err forget_gone(struct account *account, struct error *error)
{
    account->junk.pruned = account->meta.pruned;
    return DB_RUN_PLAIN(account, JUNK_OBJECTS_PRUNE, error);
}

static enum err prepare(struct account *account, bool *ret_changed, struct error *error)
{
    bool there;
    enum err err = junk_model_read(account, &there, error);
    *ret_changed = !there;
    if (err == ERR_OK && !there)
        return junk_model_make(account, error);
    if (err == ERR_OK && account->junk.reading != JUNK_READING) {
        *ret_changed = true;
        err = begin_again(account, error);
    }
    if (err == ERR_OK && account->junk.pruned != account->meta.pruned) {
        *ret_changed = true;
        err = forget_gone(account, error);
    }
    return err;
}

static enum err acts_note(struct work *work, bool *ret_more, struct error *error)
{
    struct account *account = work->account;
    struct junk_model *model = &account->junk;
    bool changed;
    int64_t to = 0;
    enum err err = prepare(account, &changed, error);
    if (err != ERR_OK)
        return err;
    struct noting noting = {.account = account, .words = words_of(account)};
    int64_t since = MAX(MAX(model->change, model->seen), account->meta.log_oldest);
    err = log_read(&noting, since, &to, ret_more, error);
    if (err != ERR_OK)
        return err;
    model->seen = to;
    if (!changed && !noting.noted && to - model->change < CHANGES_UNWRITTEN_MAX)
        return ERR_OK;
    model->change = to;
    err = junk_model_write(account, error);
    return err == ERR_OK ? work_commit(work, error) : err;
}

static bool is_news(struct account *account, struct error *error)
{
    if (account_lock(account, error) != ERR_OK)
        return false;
    bool news = account->limits.junk_filter != JUNK_FILTER_OFF && account->junk.seen < account->meta.change;
    account_unlock(account);
    return news;
}

enum err junk_acts_note(struct account *account, bool *ret_more, struct error *error)
{
    *ret_more = false;
    if (!is_news(account, error))
        return ERR_OK;
    CLEANUP(work_end) struct work work = {0};
    enum err err = work_begin(&work, account, error);
    if (err != ERR_OK)
        return err;
    err = acts_note(&work, ret_more, error);
    if (err != ERR_OK && work.account != NULL)
        junk_model_lost(account);
    return err;
}

/* --- what was kept --- */

/* How many more that are good would be of use. */
static size_t good_wanted(const struct junk_model *model)
{
    int64_t most = 2 * model->junk + JUNK_ENOUGH * JUNK_WEIGHT;
    if (!model->loaded || !model->there || model->junk == 0 || model->good >= most)
        return 0;
    return (size_t)((most - model->good) / JUNK_WEIGHT);
}

static enum err kept_read(struct noting *noting, size_t wanted, int64_t *kept, bool *ret_more,
                          struct error *error)
{
    CLEANUP(db_reset) sqlite3_stmt *statement = NULL;
    struct account *account = noting->account;
    enum err err = db_statement(account, STATEMENT_JUNK_KEPT, &statement, error);
    if (err != ERR_OK)
        return err;
    sqlite3_bind_int64(statement, 1, *kept);
    sqlite3_bind_int64(statement, 2, JUNK_KEPT_PAGE);
    sqlite3_bind_int64(statement, 3, ROLE_FOLDER_JUNK);
    sqlite3_bind_int64(statement, 4, ROLE_FOLDER_TRASH);
    sqlite3_bind_int64(statement, 5, ROLE_FOLDER_SENT);
    sqlite3_bind_int64(statement, 6, ROLE_FOLDER_DRAFTS);
    int64_t before = clock_wall_us() - JUNK_KEPT_US;
    size_t found = 0;
    size_t rows = 0;
    bool row;
    while (found < wanted && (err = db_step(account, statement, &row, error)) == ERR_OK && row) {
        if (sqlite3_column_int64(statement, 1) > before)
            break;
        uint64_t id = (uint64_t)sqlite3_column_int64(statement, 0);
        if (sqlite3_column_int(statement, 2) != 0) {
            found++;
            err = note(noting, id, JUNK_CLASS_GOOD, true, error);
        }
        if (err != ERR_OK)
            return err;
        *kept = (int64_t)id;
        rows++;
    }
    *ret_more = err == ERR_OK && (rows == JUNK_KEPT_PAGE || found > 0);
    return err;
}

static enum err kept_note(struct work *work, size_t wanted, bool *ret_more, struct error *error)
{
    struct account *account = work->account;
    struct noting noting = {.account = account};
    int64_t newest = account->meta.next_object - 1;
    int64_t kept = account->junk.kept != 0 ? account->junk.kept : MAX(newest - JUNK_KEPT_REACH, 0);
    enum err err = kept_read(&noting, wanted, &kept, ret_more, error);
    if (err != ERR_OK || kept == account->junk.kept)
        return err;
    account->junk.kept = kept;
    err = junk_model_write(account, error);
    return err == ERR_OK ? work_commit(work, error) : err;
}

enum err junk_kept_note(struct account *account, bool *ret_more, struct error *error)
{
    CLEANUP(work_end) struct work work = {0};
    *ret_more = false;
    enum err err = account_lock(account, error);
    if (err != ERR_OK)
        return err;
    size_t wanted = account->limits.junk_filter != JUNK_FILTER_OFF ? good_wanted(&account->junk) : 0;
    account_unlock(account);
    if (wanted == 0)
        return ERR_OK;
    err = work_begin(&work, account, error);
    if (err != ERR_OK)
        return err;
    err = kept_note(&work, wanted, ret_more, error);
    if (err != ERR_OK && work.account != NULL)
        junk_model_lost(account);
    return err;
}

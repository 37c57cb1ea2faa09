/*
 * A naive model against the store: random appends, flags, copies, moves, expunges and renames, while several
 * views sync at random, and folders begin and end to keep \Seen for each person. Sequence numbers, flags and
 * contents must always be the model's.
 */
#include "store/seen.h"
#include "store/testing.h"

enum { PEOPLE = 3, FOLDERS = 3, VIEWS = 5, MEMBERS_MAX = 4000, STEPS = 3000, SHOWN_MAX = 4000 };

struct model_member {
    uint32_t uid;
    uint64_t flags;    /* without \Seen */
    bool seen[PEOPLE]; /* all alike unless it is kept apart; person 0 is the owner */
};
struct model_folder {
    struct folder_id id;
    struct model_member members[MEMBERS_MAX];
    size_t count;
    uint32_t uidnext;
    bool apart;
};
/* What a client believes that it sees. */
struct client {
    struct view *view;
    size_t folder;
    uint32_t uids[SHOWN_MAX];
    uint32_t count;
};
struct model {
    struct fixture *fixture;
    unsigned seed;
    struct model_folder folders[FOLDERS];
    struct client clients[VIEWS];
};

static unsigned pick(struct model *model, unsigned below)
{
    model->seed = model->seed * 1103515245 + 12345;
    return (model->seed >> 16 & 0x7fff) % below;
}

static struct account_id person_id(unsigned person)
{
    return person == 0 ? test_account : (struct account_id){UINT64_MAX - person};
}

static uint64_t shown(const struct model_member *member, unsigned person)
{
    return member->flags | member->seen[person];
}

/* Brought in by a person with these flags. */
static struct model_member *put(struct model_folder *folder, uint32_t uid, uint64_t flags, unsigned person)
{
    assert_true(folder->count < MEMBERS_MAX);
    assert_true(uid >= folder->uidnext);
    folder->uidnext = uid + 1;
    struct model_member *member = &folder->members[folder->count++];
    *member = (struct model_member){.uid = uid, .flags = flags & ~UINT64_C(1)};
    for (unsigned i = 0; i < PEOPLE; i++)
        member->seen[i] = (flags & 1) != 0 && (i == person || !folder->apart);
    return member;
}

static void pull(struct model_folder *folder, size_t at)
{
    folder->count--;
    memmove(&folder->members[at], &folder->members[at + 1],
            (folder->count - at) * sizeof(folder->members[0]));
}

static struct uid_set random_set(struct model *model, const struct model_folder *folder)
{
    struct uid_set set = {0};
    for (unsigned i = 0; i < 1 + pick(model, 4); i++) {
        uint32_t first = 1 + pick(model, folder->uidnext + 1);
        uid_set_add(&set, first, first + pick(model, 6));
    }
    return set;
}

static void do_append(struct model *model, struct model_folder *folder)
{
    struct fixture *fixture = model->fixture;
    struct append_item items[3];
    struct append_result results[3];
    unsigned person = pick(model, PEOPLE);
    size_t count = 1 + pick(model, 3);
    for (size_t i = 0; i < count; i++)
        items[i] = (struct append_item){.folder = folder->id,
                                        .person = person_id(person),
                                        .body = small_message,
                                        .flags = {{pick(model, 16)}}};
    OK(message_append(fixture->account, items, count, results, &fixture->error));
    for (size_t i = 0; i < count; i++)
        put(folder, results[i].uid.v, items[i].flags.words[0], person);
}

static void do_flags(struct model *model, struct model_folder *folder)
{
    struct fixture *fixture = model->fixture;
    CLEANUP(uid_set_release) struct uid_set uids = random_set(model, folder);
    CLEANUP(flag_result_release) struct flag_result result = {0};
    unsigned person = pick(model, PEOPLE);
    struct flag_order order = {.how = (enum flag_change)pick(model, 3),
                               .flags = {{pick(model, 32)}},
                               .may = FLAGS_ALL,
                               .person = person_id(person)};
    uint64_t by = order.flags.words[0];
    OK(message_flags_order(fixture->account, folder->id, &uids, &order, &result, &fixture->error));
    for (size_t i = 0; i < folder->count; i++) {
        struct model_member *member = &folder->members[i];
        uint64_t old = shown(member, person);
        if (!uid_set_has(&uids, member->uid)) {
            assert_false(uid_set_has(&result.changed, member->uid));
            continue;
        }
        uint64_t new = by;
        if (order.how == FLAGS_ADD)
            new = old | by;
        else if (order.how == FLAGS_REMOVE)
            new = old & ~by;
        member->flags = new & ~UINT64_C(1);
        for (unsigned other = 0; other < PEOPLE; other++)
            if (other == person || !folder->apart)
                member->seen[other] = new & 1;
        assert_int_equal(uid_set_has(&result.changed, member->uid), old != new);
    }
}

/* Ends with what the owner has seen. */
static void do_apart(struct model *model, struct model_folder *folder)
{
    struct fixture *fixture = model->fixture;
    folder->apart = !folder->apart;
    OK(seen_set_apart(fixture->account, folder->id, folder->apart, &fixture->error));
    for (size_t i = 0; i < folder->count && !folder->apart; i++)
        for (unsigned person = 1; person < PEOPLE; person++)
            folder->members[i].seen[person] = folder->members[i].seen[0];
}

static void do_replace(struct model *model, struct model_folder *from, struct model_folder *to)
{
    struct fixture *fixture = model->fixture;
    unsigned person = pick(model, PEOPLE);
    struct append_item item = {
        .folder = to->id, .person = person_id(person), .body = small_message, .flags = {{pick(model, 16)}}};
    struct append_result result;
    uint32_t uid = 1 + pick(model, from->uidnext);
    size_t at = 0;
    while (at < from->count && from->members[at].uid != uid)
        at++;
    enum err err =
        message_replace(fixture->account, &item, from->id, (struct uid){uid}, &result, &fixture->error);
    assert_int_equal(err, at < from->count ? ERR_OK : ERR_NOT_FOUND);
    if (err != ERR_OK)
        return;
    pull(from, at);
    put(to, result.uid.v, item.flags.words[0], person);
}

static void do_copy(struct model *model, struct model_folder *from, struct model_folder *to, bool move)
{
    struct fixture *fixture = model->fixture;
    CLEANUP(uid_set_release) struct uid_set uids = random_set(model, from);
    CLEANUP(copy_result_release) struct copy_result result = {0};
    unsigned person = pick(model, PEOPLE);
    const struct copy_order order = {.move = move, .keep = FLAGS_ALL, .person = person_id(person)};
    OK(message_copy_order(fixture->account, from->id, &uids, to->id, &order, &result, &fixture->error));
    size_t expected = 0;
    size_t count = from->count;
    for (size_t i = 0, seen = 0; seen < count; seen++) {
        struct model_member member = from->members[i];
        if (!uid_set_has(&uids, member.uid)) {
            i++;
            continue;
        }
        assert_true(uid_set_has(&result.from, member.uid));
        assert_true(result.to.count > 0);
        struct model_member *copy = put(to, (uint32_t)(result.to.ranges[0].first + expected),
                                        shown(&member, person), person); /* they are neighbours */
        if (from->apart && to->apart)
            memcpy(copy->seen, member.seen, sizeof(copy->seen));
        expected++;
        if (move)
            pull(from, i);
        else
            i++;
    }
    assert_int_equal(uid_set_size(&result.from), expected);
    assert_int_equal(uid_set_size(&result.to), expected);
}

static void do_expunge(struct model *model, struct model_folder *folder)
{
    struct fixture *fixture = model->fixture;
    CLEANUP(uid_set_release) struct uid_set uids = random_set(model, folder);
    CLEANUP(uid_set_release) struct uid_set removed = {0};
    bool only_deleted = pick(model, 2) == 0;
    OK(message_expunge(fixture->account, folder->id, &uids, only_deleted, &removed, &fixture->error));
    uint64_t expected = 0;
    for (size_t i = 0; i < folder->count;) {
        struct model_member member = folder->members[i];
        if (uid_set_has(&uids, member.uid) && (!only_deleted || (member.flags & 8) != 0)) {
            assert_true(uid_set_has(&removed, member.uid));
            pull(folder, i);
            expected++;
        } else {
            i++;
        }
    }
    assert_int_equal(uid_set_size(&removed), expected);
}

/* The client applies what it is told, and must then agree with the server. */
static void do_sync(struct model *model, struct client *client, bool expunges)
{
    struct fixture *fixture = model->fixture;
    const struct model_folder *folder = &model->folders[client->folder];
    CLEANUP(view_changes_release) struct view_changes changes = {0};
    OK(view_sync(client->view, expunges, &changes, &fixture->error));
    assert_true(expunges || changes.expunged_count == 0);
    for (size_t i = 0; i < changes.expunged_count; i++) {
        uint32_t seq = changes.expunged[i];
        assert_in_range(seq, 1, client->count);
        assert_true(uid_set_has(&changes.vanished, client->uids[seq - 1]));
        client->count--;
        memmove(&client->uids[seq - 1], &client->uids[seq], (client->count - seq + 1) * sizeof(uint32_t));
    }
    assert_int_equal(changes.exists, view_exists(client->view));
    assert_true(changes.exists >= client->count);
    assert_int_equal(changes.exists_changed, changes.exists != client->count);
    while (client->count < changes.exists) {
        struct uid uid;
        OK(view_uid(client->view, client->count + 1, &uid, &fixture->error));
        client->uids[client->count++] = uid.v;
    }
    if (!expunges)
        return;
    assert_int_equal(client->count, folder->count);
    for (size_t i = 0; i < folder->count; i++)
        assert_int_equal(client->uids[i], folder->members[i].uid);
    assert_false(view_pending(client->view));
    view_check(client->view);
}

/* Between syncs nothing may shift. */
static void check_numbers(struct model *model, struct client *client)
{
    struct fixture *fixture = model->fixture;
    assert_int_equal(view_exists(client->view), client->count);
    if (client->count == 0)
        return;
    uint32_t seq = 1 + pick(model, client->count);
    struct uid uid;
    uint32_t back;
    OK(view_uid(client->view, seq, &uid, &fixture->error));
    assert_int_equal(uid.v, client->uids[seq - 1]);
    OK(view_seq(client->view, uid, &back, &fixture->error));
    assert_int_equal(back, seq);
    assert_true(view_recent(client->view) <= client->count);
}

static void client_open(struct model *model, struct client *client)
{
    struct fixture *fixture = model->fixture;
    client->folder = pick(model, FOLDERS);
    const struct model_folder *folder = &model->folders[client->folder];
    OK(view_open(fixture->account, folder->id, pick(model, 2) == 0, &client->view, &fixture->error));
    client->count = (uint32_t)folder->count;
    for (size_t i = 0; i < folder->count; i++)
        client->uids[i] = folder->members[i].uid;
}

static void check_person(struct model *model, const struct model_folder *folder, unsigned person)
{
    struct fixture *fixture = model->fixture;
    CLEANUP(uid_set_release) struct uid_set all = range(1, UINT32_MAX);
    CLEANUP(arena_release) struct arena arena = ARENA(64U << 20);
    struct message *messages;
    size_t count;
    OK(message_list_for(fixture->account, person_id(person), folder->id, &all, WANT_FLAGS, 0, &arena,
                        &messages, &count, &fixture->error));
    assert_int_equal(count, folder->count);
    uint32_t unseen = 0;
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(messages[i].uid.v, folder->members[i].uid);
        assert_int_equal(messages[i].flags.words[0], shown(&folder->members[i], person));
        unseen += !folder->members[i].seen[person];
    }
    struct folder counted = get_folder(fixture, folder->id);
    OK(seen_count(fixture->account, person_id(person), &counted, &fixture->error));
    assert_int_equal(counted.unseen, unseen);
}

static void check_folder(struct model *model, const struct model_folder *folder)
{
    for (unsigned person = 0; person < PEOPLE; person++)
        check_person(model, folder, person);
}

/* The first unseen message as a new view numbers it. */
static void check_first_unseen(struct model *model, const struct model_folder *folder)
{
    struct fixture *fixture = model->fixture;
    struct view *view;
    unsigned person = pick(model, PEOPLE);
    uint32_t seq;
    size_t at = 0;
    while (at < folder->count && folder->members[at].seen[person])
        at++;
    OK(view_open(fixture->account, folder->id, true, &view, &fixture->error));
    OK(view_first_unseen(view, person_id(person), &seq, &fixture->error));
    assert_int_equal(seq, at < folder->count ? at + 1 : 0);
    view_close(view);
}

static void step(struct model *model)
{
    struct model_folder *folder = &model->folders[pick(model, FOLDERS)];
    struct model_folder *other = &model->folders[pick(model, FOLDERS)];
    struct client *client = &model->clients[pick(model, VIEWS)];
    switch (pick(model, 12)) {
    case 0:
    case 1:
        do_append(model, folder);
        break;
    case 2:
        do_flags(model, folder);
        break;
    case 3:
        do_copy(model, folder, other, pick(model, 2) == 0);
        break;
    case 4:
        do_expunge(model, folder);
        break;
    case 5:
        if (pick(model, 4) == 0) {
            view_close(client->view);
            client_open(model, client);
        }
        break;
    case 6:
        check_numbers(model, client);
        break;
    case 7:
        do_replace(model, folder, other);
        break;
    case 8:
        if (pick(model, 4) == 0)
            do_apart(model, folder);
        check_first_unseen(model, other);
        break;
    default:
        do_sync(model, client, pick(model, 2) == 0);
        break;
    }
}

static void run(struct fixture *fixture, unsigned seed)
{
    struct model *model = calloc(1, sizeof(*model));
    assert_non_null(model);
    model->fixture = fixture;
    model->seed = seed;
    for (size_t i = 0; i < FOLDERS; i++) {
        char name[32];
        snprintf(name, sizeof(name), "f%u-%zu", seed, i);
        model->folders[i].id = make_folder(fixture, name);
        model->folders[i].uidnext = 1;
    }
    for (size_t i = 0; i < VIEWS; i++)
        client_open(model, &model->clients[i]);
    for (int i = 0; i < STEPS; i++) {
        step(model);
        if (i % 200 == 0) {
            account_check_invariants(fixture->account);
            check_folder(model, &model->folders[pick(model, FOLDERS)]);
        }
    }
    for (size_t i = 0; i < VIEWS; i++) {
        do_sync(model, &model->clients[i], true);
        view_close(model->clients[i].view);
    }
    for (size_t i = 0; i < FOLDERS; i++)
        check_folder(model, &model->folders[i]);
    account_check_invariants(fixture->account);
    free(model);
}

static void test_behaves_like_the_naive_model(void **state)
{
    struct fixture *fixture = *state;
    for (unsigned seed = 1; seed <= 4; seed++)
        run(fixture, seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {STORE_TEST(test_behaves_like_the_naive_model)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

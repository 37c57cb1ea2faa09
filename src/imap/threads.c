#include "imap/threads.h"

#include <stdlib.h>

#include "base/map.h"
#include "base/must.h"

enum { NONE = 0 }; /* no node: node 0 is never used */

struct imap_threads_node {
    uint32_t parent;
    uint32_t number; /* 0: a dummy */
    uint32_t child;  /* the first and last one, and the next sibling: when the tree is built */
    uint32_t last;
    uint32_t next;
    uint32_t children;
    bool reply;
    bool gone; /* a dummy that is not in the answer */
    int64_t date;
    int64_t arrived;
    struct slice subject;
};

struct imap_threads_slot {
    uint64_t id; /* 0: free */
    uint32_t node;
};

void imap_threads_init(struct imap_threads *t, enum imap_thread_algorithm algorithm)
{
    *t = (struct imap_threads){.algorithm = algorithm, .arena = ARENA(IMAP_THREADS_TEXT_MAX), .count = 1};
}

void imap_threads_release(struct imap_threads *t)
{
    free(t->nodes);
    free(t->slots);
    arena_release(&t->arena);
}

/* --- step 1: linking --- */

static uint32_t node_new(struct imap_threads *t)
{
    if (t->count >= t->cap) {
        size_t cap = MIN(MAX(1024, 2 * t->cap), IMAP_THREADS_NODES_MAX);
        struct imap_threads_node *nodes =
            t->count < IMAP_THREADS_NODES_MAX ? realloc(t->nodes, cap * sizeof(*nodes)) : NULL;
        if (nodes == NULL) {
            t->failed = true;
            return NONE;
        }
        t->nodes = nodes;
        t->cap = cap;
    }
    t->nodes[t->count] = (struct imap_threads_node){0};
    return (uint32_t)t->count++;
}

static struct imap_threads_slot *slot_find(struct imap_threads_slot *slots, size_t count, uint64_t id)
{
    size_t at = (size_t)(id * UINT64_C(0x9e3779b97f4a7c15) >> 20) & (count - 1);
    while (slots[at].id != 0 && slots[at].id != id)
        at = (at + 1) & (count - 1);
    return &slots[at];
}

static bool slots_grow(struct imap_threads *t)
{
    size_t count = MAX(4096, 2 * t->slot_count);
    struct imap_threads_slot *slots = calloc(count, sizeof(*slots));
    if (slots == NULL)
        return false;
    for (size_t i = 0; i < t->slot_count; i++)
        if (t->slots[i].id != 0)
            *slot_find(slots, count, t->slots[i].id) = t->slots[i];
    free(t->slots);
    t->slots = slots;
    t->slot_count = count;
    return true;
}

/* The node of a message id, made when it is new. The ids are keyed hashes' size but not secret: an attacker
 * who makes many fall into one place slows only the threading of the mailbox he filled. */
static uint32_t node_of_id(struct imap_threads *t, uint64_t id)
{
    if (2 * t->slots_used >= t->slot_count && !slots_grow(t)) {
        t->failed = true;
        return NONE;
    }
    struct imap_threads_slot *slot = slot_find(t->slots, t->slot_count, id);
    if (slot->id != 0)
        return slot->node;
    uint32_t node = node_new(t);
    if (node != NONE) {
        *slot = (struct imap_threads_slot){id, node};
        t->slots_used++;
    }
    return node;
}

/* Whether `node` is `of` or one of its ancestors, or that can't be told cheaply. */
static bool is_ancestor(const struct imap_threads *t, uint32_t node, uint32_t of)
{
    if (node == of)
        return true;
    if (t->nodes[node].children == 0)
        return false;
    for (unsigned steps = 0; of != NONE; steps++) {
        if (of == node || steps == IMAP_THREADS_WALK_MAX)
            return true;
        of = t->nodes[of].parent;
    }
    return false;
}

static void unlink_parent(struct imap_threads *t, uint32_t node)
{
    if (t->nodes[node].parent != NONE)
        t->nodes[t->nodes[node].parent].children--;
    t->nodes[node].parent = NONE;
}

static void link_parent(struct imap_threads *t, uint32_t parent, uint32_t node)
{
    if (is_ancestor(t, node, parent))
        return;
    t->nodes[node].parent = parent;
    t->nodes[parent].children++;
}

static uint64_t key_at(struct slice keys, size_t at)
{
    uint64_t key = 0;
    for (size_t i = 8; i > 0; i--)
        key = key << 8 | (unsigned char)keys.p[1 + at * 8 + i - 1];
    return key;
}

static uint32_t node_of_message(struct imap_threads *t, uint64_t id)
{
    uint32_t node = id != 0 ? node_of_id(t, id) : NONE;
    /* The second message with an id counts as one without. */
    return node == NONE || t->nodes[node].number != 0 ? node_new(t) : node;
}

void imap_threads_add(struct imap_threads *t, const struct imap_threads_message *message)
{
    bool flat = t->algorithm == IMAP_THREAD_ORDEREDSUBJECT;
    size_t keys = message->keys.n > 0 && !flat ? (message->keys.n - 1) / 8 : 0;
    uint32_t node = node_of_message(t, keys > 0 ? key_at(message->keys, 0) : 0);
    struct slice subject = arena_dup(&t->arena, message->subject);
    t->failed |= node == NONE || subject.p == NULL;
    if (t->failed)
        return;
    t->nodes[node].number = message->number;
    t->nodes[node].date = message->date;
    t->nodes[node].arrived = message->arrived;
    t->nodes[node].subject = subject;
    t->nodes[node].reply = keys > 0 && message->keys.p[0] == 1;
    uint32_t before = NONE;
    for (size_t i = 1; i < keys; i++) {
        uint64_t id = key_at(message->keys, i);
        uint32_t reference = id != 0 ? node_of_id(t, id) : NONE;
        if (t->failed)
            return;
        if (reference == NONE)
            continue;
        if (before != NONE && t->nodes[reference].parent == NONE)
            link_parent(t, before, reference);
        before = reference;
    }
    unlink_parent(t, node);
    if (before != NONE)
        link_parent(t, before, node);
}

/* --- order --- */

struct sort_item {
    int64_t date;
    uint32_t number;
    uint32_t node;
};

static int item_order(const void *a, const void *b)
{
    const struct sort_item *left = a;
    const struct sort_item *right = b;
    if (left->date != right->date)
        return left->date > right->date ? 1 : -1;
    return (left->number > right->number) - (left->number < right->number);
}

static int node_subject_order(const void *a, const void *b, void *nodes_of)
{
    const struct imap_threads_node *nodes = nodes_of;
    int order = slice_cmp(nodes[((const struct sort_item *)a)->node].subject,
                          nodes[((const struct sort_item *)b)->node].subject);
    return order != 0 ? order : item_order(a, b);
}

/* The messages, or the dummies that are left. A dummy's date and number are those of its first child. */
static size_t collect(const struct imap_threads *t, struct sort_item *items, bool dummies)
{
    size_t count = 0;
    for (uint32_t i = 1; i < t->count; i++) {
        const struct imap_threads_node *node = &t->nodes[i];
        if (dummies ? node->number == 0 && !node->gone : node->number != 0)
            items[count++] = (struct sort_item){node->date, node->number, i};
    }
    return count;
}

static void append_child(struct imap_threads *t, uint32_t parent, uint32_t node)
{
    struct imap_threads_node *up = &t->nodes[parent];
    if (up->child == NONE)
        up->child = node;
    else
        t->nodes[up->last].next = node;
    up->last = node;
    up->children++;
}

/* Node 0 stands for the root. Children in the order of their dates; the tops last, once it is known what date
 * a dummy has. */
static void build(struct imap_threads *t, struct sort_item *items)
{
    for (uint32_t i = 0; i < t->count; i++) {
        struct imap_threads_node *node = &t->nodes[i];
        node->child = node->last = node->next = NONE;
        node->children = 0;
    }
    size_t count = collect(t, items, false);
    qsort(items, count, sizeof(*items), item_order);
    for (size_t i = 0; i < count; i++)
        if (t->nodes[items[i].node].parent != NONE)
            append_child(t, t->nodes[items[i].node].parent, items[i].node);
    /* The tops, dummies with the date of their first child, which is there by now. */
    size_t tops = 0;
    for (uint32_t i = 1; i < t->count; i++) {
        const struct imap_threads_node *node = &t->nodes[i];
        if (node->parent != NONE || node->gone)
            continue;
        must(node->number != 0 || node->child != NONE);
        const struct imap_threads_node *first = node->number != 0 ? node : &t->nodes[node->child];
        items[tops++] = (struct sort_item){first->date, first->number, i};
    }
    qsort(items, tops, sizeof(*items), item_order);
    for (size_t i = 0; i < tops; i++)
        append_child(t, NONE, items[i].node);
}

/* --- steps 2 and 3: no dummies but tops with several children --- */

/* The nearest ancestor that is a message, else the topmost dummy, else none. */
static uint32_t real_parent(struct imap_threads *t, uint32_t node)
{
    uint32_t end = t->nodes[node].parent;
    if (end == NONE)
        return NONE;
    while (t->nodes[end].number == 0 && t->nodes[end].parent != NONE)
        end = t->nodes[end].parent;
    /* Every dummy on the way remembers it, so that no way is gone twice. */
    for (uint32_t at = t->nodes[node].parent; at != end;) {
        uint32_t up = t->nodes[at].parent;
        t->nodes[at].parent = end;
        at = up;
    }
    return end;
}

static void prune(struct imap_threads *t)
{
    for (uint32_t i = 1; i < t->count; i++) {
        t->nodes[i].children = 0;
        if (t->nodes[i].number != 0)
            t->nodes[i].parent = real_parent(t, i);
    }
    for (uint32_t i = 1; i < t->count; i++)
        if (t->nodes[i].number != 0)
            t->nodes[t->nodes[i].parent].children++;
    for (uint32_t i = 1; i < t->count; i++) {
        struct imap_threads_node *node = &t->nodes[i];
        if (node->number == 0)
            node->gone = node->parent != NONE || node->children < 2;
        else if (node->parent != NONE && t->nodes[node->parent].number == 0 &&
                 t->nodes[node->parent].children < 2)
            node->parent = NONE;
    }
}

/* --- step 5: threads with one subject --- */

static struct slice subject_of(const struct imap_threads *t, uint32_t node)
{
    const struct imap_threads_node *top = &t->nodes[node];
    return top->number != 0 ? top->subject : t->nodes[top->child].subject;
}

/* Values of the map are the numbers of nodes, which are never 0. */
static uint32_t subject_get(const struct map *subjects, struct slice subject)
{
    return (uint32_t)(uintptr_t)map_get(subjects, subject);
}

static void subject_set(struct imap_threads *t, struct map *subjects, struct slice subject, uint32_t node)
{
    if (!map_set(subjects, subject, (void *)(uintptr_t)node))
        t->failed = true;
}

/* 5.B */
static void subjects_fill(struct imap_threads *t, struct map *subjects)
{
    for (uint32_t i = t->nodes[NONE].child; i != NONE; i = t->nodes[i].next) {
        struct slice subject = subject_of(t, i);
        if (subject.n == 0)
            continue;
        uint32_t there = subject_get(subjects, subject);
        bool better = there != NONE && t->nodes[there].number != 0 &&
                      (t->nodes[i].number == 0 || (t->nodes[there].reply && !t->nodes[i].reply));
        if (there == NONE || better)
            subject_set(t, subjects, subject, i);
    }
}

/* 5.C for one top and the one its subject has in the table. Only parents change here; the lists that are
 * walked are made anew later. */
static void merge(struct imap_threads *t, struct map *subjects, uint32_t i, uint32_t there)
{
    bool dummy = t->nodes[i].number == 0;
    bool dummy_there = t->nodes[there].number == 0;
    if (dummy) {
        /* Then the table has a dummy too (5.B iv). */
        must(dummy_there);
        for (uint32_t child = t->nodes[i].child; child != NONE; child = t->nodes[child].next)
            t->nodes[child].parent = there;
        t->nodes[i].gone = true;
    } else if (dummy_there || (t->nodes[i].reply && !t->nodes[there].reply)) {
        t->nodes[i].parent = there;
    } else {
        struct slice subject = t->nodes[i].subject;
        uint32_t both = node_new(t);
        if (both == NONE)
            return;
        t->nodes[both].child = there; /* whose subject it has */
        t->nodes[i].parent = both;
        t->nodes[there].parent = both;
        subject_set(t, subjects, subject, both);
    }
}

static void gather_subjects(struct imap_threads *t)
{
    CLEANUP(map_release) struct map subjects = {0};
    subjects_fill(t, &subjects);
    for (uint32_t i = t->nodes[NONE].child; i != NONE && !t->failed; i = t->nodes[i].next) {
        struct slice subject = subject_of(t, i);
        uint32_t there = subject.n > 0 ? subject_get(&subjects, subject) : i;
        /* One that went under the dummy made for it is done. */
        if (there != i && t->nodes[i].parent == NONE)
            merge(t, &subjects, i, there);
    }
}

/* --- ORDEREDSUBJECT and REFS --- */

static void order_by_subject(struct imap_threads *t, struct sort_item *items)
{
    size_t count = collect(t, items, false);
    qsort_r(items, count, sizeof(*items), node_subject_order, t->nodes);
    uint32_t head = NONE;
    for (size_t i = 0; i < count; i++) {
        uint32_t node = items[i].node;
        if (head != NONE && slice_eq(t->nodes[head].subject, t->nodes[node].subject))
            t->nodes[node].parent = head;
        else
            head = node;
    }
}

/* REFS: the threads in the order of their latest arrivals (draft-ietf-morg-inthread 4); within a thread it is
 * that of sending. The tops are already under the root. */
static void order_by_latest(struct imap_threads *t, struct sort_item *items)
{
    size_t count = collect(t, items, false);
    for (size_t i = 0; i < count; i++)
        items[i].date = t->nodes[items[i].node].arrived;
    qsort(items, count, sizeof(*items), item_order);
    struct sort_item *tops = items + count;
    /* From the latest message on: the first to reach a top gives it its place. `next` of a node that was
     * passed by is not needed to go up. */
    size_t top_count = 0;
    for (uint32_t i = t->nodes[NONE].child; i != NONE; i = t->nodes[i].next)
        tops[top_count++] = (struct sort_item){INT64_MIN, 0, i};
    uint32_t *place = calloc(t->count, sizeof(*place)); /* of a node's top; 0: not known */
    if (place == NULL) {
        t->failed = true;
        return;
    }
    for (size_t i = 0; i < top_count; i++)
        place[tops[i].node] = (uint32_t)i + 1;
    for (size_t i = count; i > 0; i--) {
        const struct sort_item *item = &items[i - 1];
        uint32_t top = item->node;
        while (place[top] == 0)
            top = t->nodes[top].parent;
        uint32_t found = place[top];
        for (uint32_t at = item->node; place[at] == 0; at = t->nodes[at].parent)
            place[at] = found;
        struct sort_item *mine = &tops[found - 1];
        if (mine->number == 0) {
            mine->date = item->date;
            mine->number = item->number;
        }
    }
    free(place);
    qsort(tops, top_count, sizeof(*tops), item_order);
    t->nodes[NONE].child = t->nodes[NONE].last = NONE;
    t->nodes[NONE].children = 0;
    for (size_t i = 0; i < top_count; i++) {
        t->nodes[tops[i].node].next = NONE;
        append_child(t, NONE, tops[i].node);
    }
}

/* --- the answer --- */

/* Opens the list of a node and follows it down to the end of its first branch, which is returned. */
static uint32_t put_branch(const struct imap_threads *t, struct buf *out, uint32_t node)
{
    buf_putc(out, '(');
    for (;;) {
        const struct imap_threads_node *at = &t->nodes[node];
        if (at->number != 0)
            buf_put_u64(out, at->number);
        if (at->children == 0)
            return node;
        if (at->number != 0)
            buf_putc(out, ' ');
        if (at->children > 1)
            buf_putc(out, '(');
        node = at->child;
    }
}

/* Without recursion: a thread may be as deep as the mailbox has messages. */
static void put_tree(const struct imap_threads *t, struct buf *out)
{
    for (uint32_t top = t->nodes[NONE].child; top != NONE; top = t->nodes[top].next) {
        uint32_t node = put_branch(t, out, top);
        while (node != top) {
            uint32_t parent = t->nodes[node].parent;
            if (t->nodes[parent].children > 1) {
                buf_putc(out, ')');
                if (t->nodes[node].next != NONE) {
                    node = put_branch(t, out, t->nodes[node].next);
                    continue;
                }
            }
            node = parent;
        }
        buf_putc(out, ')');
    }
}

void imap_threads_put(struct imap_threads *t, struct buf *out)
{
    if (t->count == 1 || t->failed)
        return;
    t->nodes[NONE] = (struct imap_threads_node){0};
    /* Step 5 makes at most one dummy for two tops. */
    struct sort_item *items = calloc(2 * t->count, sizeof(*items));
    if (items == NULL) {
        t->failed = true;
        return;
    }
    if (t->algorithm == IMAP_THREAD_ORDEREDSUBJECT)
        order_by_subject(t, items);
    else
        prune(t);
    build(t, items);
    if (t->algorithm == IMAP_THREAD_REFS)
        order_by_latest(t, items);
    if (t->algorithm == IMAP_THREAD_REFERENCES) {
        gather_subjects(t);
        if (!t->failed)
            build(t, items);
    }
    free(items);
    if (!t->failed) {
        buf_putc(out, ' ');
        put_tree(t, out);
    }
}

/* COMPARATOR (RFC 5255 4.7): by which rules SEARCH, SORT and THREAD compare texts. */
#include "imap/session_internal.h"

/* RFC 5255 4.8; `matched` are bits of collations, told when there is a choice. */
static void put_comparator(struct imap_session *s, unsigned matched)
{
    struct buf *out = conn_output(s->conn);
    buf_printf(out, "* COMPARATOR %s%s", s->comparator.descending ? "-" : "",
               imap_collation_name(s->comparator.collation));
    if ((matched & (matched - 1)) != 0) {
        const char *between = " (";
        for (unsigned i = 0; i < IMAP_COLLATIONS; i++) {
            if ((matched & 1U << i) == 0)
                continue;
            buf_printf(out, "%s%s", between, imap_collation_name(i));
            between = " ";
        }
        buf_putc(out, ')');
    }
    buf_put(out, S("\r\n"));
    conn_wrote(s->conn);
}

void cmd_comparator(struct imap_session *s, struct imap_call *call)
{
    const struct imap_comparators *wanted = &call->command.comparators;
    unsigned all = 0;
    for (size_t i = 0; i < wanted->count; i++) {
        bool descending;
        unsigned found = imap_comparator_find(wanted->patterns[i], &descending);
        if (all == 0 && found != 0)
            s->comparator = (struct imap_comparator){(unsigned)__builtin_ctz(found), descending};
        all |= found;
    }
    if (wanted->count > 0 && all == 0) {
        imap_call_no(call, "BADCOMPARATOR", "There is no such comparator");
        return;
    }
    put_comparator(s, all);
}

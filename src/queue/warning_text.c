#include "queue/warning_text.h"

enum { SIZE_SHOWN_MAX = 32 };

/* In formats: sizes are texts like "1.5 GB", folder names go in as they are. */
struct words {
    char comma; /* in numbers */
    const char *from;
    const char *subject;       /* percent */
    const char *subject_full;  /* */
    const char *used_bytes;    /* address, used, limit, percent */
    const char *used_messages; /* address, used, limit, percent */
    const char *meaning, *meaning_full;
    const char *largest; /* before a list of folders */
    const char *row;     /* size, messages, folder */
    const char *ways;
    const char *empty; /* folder, size */
    const char *sent;  /* folder, size */
    const char *pop3;
    const char *ask;
    const char *end;
    const char *domain_subject;       /* domain, percent */
    const char *domain_subject_full;  /* domain */
    const char *domain_used_bytes;    /* domain, used, limit, percent */
    const char *domain_used_messages; /* domain, used, limit, percent */
    const char *domain_meaning;
    const char *domain_meaning_full;
    const char *domain_ways;
    const char *domain_end;
};

static const struct words english = {
    .comma = '.',
    .from = "Mail server",
    .subject = "Your mailbox is %u %% full",
    .subject_full = "Your mailbox is full",
    .used_bytes = "Your mailbox %.*s holds %s of %s: it is %u %% full.\n",
    .used_messages = "Your mailbox %.*s holds %llu of %llu messages: it is %u %% full.\n",
    .meaning = "When it is full, no more mail comes in, and those who write to you are told so.\n",
    .meaning_full = "No more mail comes in until there is room, and those who write to you are told so.\n",
    .largest = "\nWhat takes the most room:\n\n",
    .row = "  %10s  %8u messages  %.*s\n",
    .ways = "\nHow to make room:\n\n",
    .empty = "- Empty the folder %.*s: %s.\n",
    .sent =
        "- Delete old messages that you sent, in the folder %.*s: %s. Those with attachments count most.\n",
    .pop3 =
        "- If your program fetches mail by POP3 and leaves it on the server: let it do so for fewer days.\n",
    .ask = "- Or ask whoever runs your mail for more room.\n",
    .end = "\nMessages that were moved to the trash take up room until the trash is emptied.\n"
           "\nThis message was written by your mail server; please do not reply to it.\n",
    .domain_subject = "The mailboxes of %.*s together are %u %% full",
    .domain_subject_full = "The mailboxes of %.*s together are full",
    .domain_used_bytes = "All mailboxes of %.*s together hold %s of %s: that is %u %%.\n",
    .domain_used_messages = "All mailboxes of %.*s together hold %llu of %llu messages: that is %u %%.\n",
    .domain_meaning =
        "When that is used up, none of them takes mail, however much room it has by itself, and "
        "those who write are told so.\n",
    .domain_meaning_full = "None of them takes mail until there is room, however much it has by itself, and "
                           "those who write are told so.\n",
    .domain_ways = "\nAsk the people with the largest mailboxes to make room, or whoever runs your mail for "
                   "more of it.\n",
    .domain_end = "\nYou get this message because you administer the domain. It was written by your mail "
                  "server; please do not reply to it.\n",
};

static const struct words german = {
    .comma = ',',
    .from = "Mailserver",
    .subject = "Ihr Postfach ist zu %u %% voll",
    .subject_full = "Ihr Postfach ist voll",
    .used_bytes = "Ihr Postfach %.*s enthält %s von %s: Es ist zu %u %% voll.\n",
    .used_messages = "Ihr Postfach %.*s enthält %llu von %llu Nachrichten: Es ist zu %u %% voll.\n",
    .meaning = "Ist es voll, kommt keine Post mehr an, und wer Ihnen schreibt, erfährt das.\n",
    .meaning_full = "Bis wieder Platz ist, kommt keine Post mehr an, und wer Ihnen schreibt, erfährt das.\n",
    .largest = "\nWas am meisten Platz braucht:\n\n",
    .row = "  %10s  %8u Nachrichten  %.*s\n",
    .ways = "\nSo schaffen Sie Platz:\n\n",
    .empty = "- Leeren Sie den Ordner %.*s: %s.\n",
    .sent =
        "- Löschen Sie alte Nachrichten, die Sie verschickt haben, im Ordner %.*s: %s. Am meisten zählen die "
        "mit Anhängen.\n",
    .pop3 =
        "- Wenn Ihr Programm die Post per POP3 abholt und auf dem Server lässt: Lassen Sie sie dort weniger "
        "Tage.\n",
    .ask = "- Oder bitten Sie den Betreiber Ihres Postfachs um mehr Platz.\n",
    .end = "\nNachrichten im Papierkorb belegen Platz, bis er geleert wird.\n"
           "\nDiese Nachricht hat Ihr Mailserver geschrieben; bitte antworten Sie nicht darauf.\n",
    .domain_subject = "Die Postfächer von %.*s sind zusammen zu %u %% voll",
    .domain_subject_full = "Die Postfächer von %.*s sind zusammen voll",
    .domain_used_bytes = "Alle Postfächer von %.*s enthalten zusammen %s von %s: Das sind %u %%.\n",
    .domain_used_messages =
        "Alle Postfächer von %.*s enthalten zusammen %llu von %llu Nachrichten: Das sind %u %%.\n",
    .domain_meaning =
        "Ist das aufgebraucht, nimmt keines davon Post an, auch wenn es selbst noch Platz hat, und "
        "wer schreibt, erfährt das.\n",
    .domain_meaning_full = "Bis wieder Platz ist, nimmt keines davon Post an, auch wenn es selbst noch Platz "
                           "hat, und wer schreibt, erfährt das.\n",
    .domain_ways = "\nBitten Sie die Inhaber der größten Postfächer, Platz zu schaffen, oder den Betreiber "
                   "Ihrer Postfächer um mehr davon.\n",
    .domain_end = "\nSie bekommen diese Nachricht, weil Sie die Domain verwalten. Ihr Mailserver hat sie "
                  "geschrieben; bitte antworten Sie nicht darauf.\n",
};

static const struct words *words_of(struct slice language)
{
    return slice_eq(language, S("de")) ? &german : &english;
}

/* "1.5 GB", one digit behind the point, rounded down; nothing is 0. */
static const char *size_shown(const struct words *words, uint64_t bytes, char text[static SIZE_SHOWN_MAX])
{
    static const char *const units[] = {"KB", "MB", "GB", "TB"};
    size_t unit = 0;
    uint64_t tenths = bytes / 1024 * 10 + bytes % 1024 * 10 / 1024;
    while (tenths >= UINT64_C(10240) && unit + 1 < ARRAY_LEN(units)) {
        tenths /= 1024;
        unit++;
    }
    unsigned long long whole = tenths / 10;
    if (tenths % 10 == 0 || whole >= 100)
        snprintf(text, SIZE_SHOWN_MAX, "%llu %s", whole, units[unit]);
    else
        snprintf(text, SIZE_SHOWN_MAX, "%llu%c%u %s", whole, words->comma, (unsigned)(tenths % 10),
                 units[unit]);
    return text;
}

struct slice warning_from(struct slice language)
{
    return slice_cstr(words_of(language)->from);
}

void warning_subject(struct slice language, const struct warning_facts *facts, struct buf *out)
{
    const struct words *words = words_of(language);
    if (facts->state.percent >= 100)
        buf_put(out, slice_cstr(words->subject_full));
    else
        buf_printf(out, words->subject, facts->state.percent);
}

/* Which limit it is that is nearest. */
static void put_use(const struct words *words, const struct warning_facts *facts, struct buf *out)
{
    char used[SIZE_SHOWN_MAX];
    char limit[SIZE_SHOWN_MAX];
    const struct account_usage *usage = &facts->state.usage;
    const struct account_limits *limits = &usage->limits;
    bool by_bytes = limits->quota_bytes > 0 && (limits->quota_messages == 0 ||
                                                (double)usage->bytes / (double)limits->quota_bytes >=
                                                    (double)usage->messages / (double)limits->quota_messages);
    if (by_bytes)
        buf_printf(out, words->used_bytes, SLICE_ARGS(facts->address), size_shown(words, usage->bytes, used),
                   size_shown(words, limits->quota_bytes, limit), facts->state.percent);
    else
        buf_printf(out, words->used_messages, SLICE_ARGS(facts->address), (unsigned long long)usage->messages,
                   (unsigned long long)limits->quota_messages, facts->state.percent);
}

static void put_way(const struct words *words, const char *format, const struct folder *folder,
                    struct buf *out)
{
    char size[SIZE_SHOWN_MAX];
    if (folder != NULL)
        buf_printf(out, format, SLICE_ARGS(folder->path), size_shown(words, folder->bytes, size));
}

void warning_body(struct slice language, const struct warning_facts *facts, struct buf *out)
{
    const struct words *words = words_of(language);
    char size[SIZE_SHOWN_MAX];
    put_use(words, facts, out);
    buf_put(out, slice_cstr(facts->state.percent >= 100 ? words->meaning_full : words->meaning));
    buf_put(out, slice_cstr(words->largest));
    for (size_t i = 0; i < facts->largest_count; i++)
        buf_printf(out, words->row, size_shown(words, facts->largest[i].bytes, size),
                   (unsigned)facts->largest[i].messages, SLICE_ARGS(facts->largest[i].path));
    buf_put(out, slice_cstr(words->ways));
    put_way(words, words->empty, facts->trash, out);
    put_way(words, words->empty, facts->junk, out);
    put_way(words, words->sent, facts->sent, out);
    if (facts->pop3)
        buf_put(out, slice_cstr(words->pop3));
    buf_put(out, slice_cstr(words->ask));
    buf_put(out, slice_cstr(words->end));
}

void warning_domain_subject(struct slice language, struct slice domain, const struct domain_state *state,
                            struct buf *out)
{
    const struct words *words = words_of(language);
    if (state->percent >= 100)
        buf_printf(out, words->domain_subject_full, SLICE_ARGS(domain));
    else
        buf_printf(out, words->domain_subject, SLICE_ARGS(domain), state->percent);
}

void warning_domain_body(struct slice language, struct slice domain, const struct domain_state *state,
                         struct buf *out)
{
    const struct words *words = words_of(language);
    const struct domain_use *use = &state->use;
    char used[SIZE_SHOWN_MAX];
    char limit[SIZE_SHOWN_MAX];
    if (quota_percent(use->bytes, use->quota_bytes) == state->percent)
        buf_printf(out, words->domain_used_bytes, SLICE_ARGS(domain), size_shown(words, use->bytes, used),
                   size_shown(words, use->quota_bytes, limit), state->percent);
    else
        buf_printf(out, words->domain_used_messages, SLICE_ARGS(domain), (unsigned long long)use->messages,
                   (unsigned long long)use->quota_messages, state->percent);
    buf_put(out, slice_cstr(state->percent >= 100 ? words->domain_meaning_full : words->domain_meaning));
    buf_put(out, slice_cstr(words->domain_ways));
    buf_put(out, slice_cstr(words->domain_end));
}

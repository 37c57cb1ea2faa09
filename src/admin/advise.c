#include "admin/advise.h"

#include "base/must.h"
#include "base/slice.h"

enum { GIGABYTE = 1 << 30 };

static bool wants_calendar(const struct advise_needs *needs)
{
    return needs->calendar;
}

static bool are_several(const struct advise_needs *needs)
{
    return needs->people > 1;
}

static bool has_devices(const struct advise_needs *needs)
{
    return needs->devices > 1;
}

static bool must_keep(const struct advise_needs *needs)
{
    return needs->archive;
}

static bool has_much(const struct advise_needs *needs)
{
    return needs->mail > GIGABYTE;
}

static bool wants_it_brief(const struct advise_needs *needs)
{
    return needs->brief;
}

static bool always(const struct advise_needs *needs)
{
    return needs != NULL;
}

/* What needs the most comes first. */
static const struct rule {
    bool (*fits)(const struct advise_needs *needs);
    const char *plan; /* NULL: a remark only */
    const char *why[2];
} rules[] = {
    {wants_calendar,
     "exchange",
     {"calendar, contacts and tasks belong to the plan exchange; what opens them is not served by this "
      "version yet",
      "Kalender, Kontakte und Aufgaben gehören zum Tarif exchange; was sie öffnet, bietet diese Version noch "
      "nicht an"}},
    {are_several,
     "imap",
     {"several people see the same folders, and what another one has read",
      "Mehrere Menschen sehen dieselben Ordner und was ein anderer gelesen hat"}},
    {has_devices,
     "imap",
     {"all devices show the same, and what is sent from one is on the others",
      "Alle Geräte zeigen dasselbe, und was von einem gesendet wird, steht auch auf den anderen"}},
    {must_keep,
     "imap",
     {"what must be kept stays on the server, where it is backed up",
      "Was aufbewahrt werden muss, bleibt auf dem Server, wo es gesichert wird"}},
    {wants_it_brief,
     "pop3",
     {"one device fetches the mail and takes it off the server; its backup is yours",
      "Ein Gerät holt die Post ab und nimmt sie vom Server; das Sichern ist Ihre Sache"}},
    {has_much,
     "imap",
     {"that much mail is better kept on the server than on one device",
      "So viel Post ist auf dem Server besser aufgehoben als auf einem Gerät"}},
    {always,
     "imap",
     {"the mail survives a lost device, and another one can come later",
      "Die Post überlebt den Verlust des Geräts, und später kann ein zweites dazukommen"}},
};

void advise(const struct advise_needs *needs, bool german, struct advice *ret_advice)
{
    struct advice advice = {0};
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        const struct rule *rule = &rules[i];
        if (!rule->fits(needs) || (rule->fits == always && advice.plan != NULL))
            continue;
        if (advice.plan == NULL)
            advice.plan = rule->plan;
        else if (strcmp(rule->plan, "pop3") == 0) {
            must(advice.reason_count < ADVISE_REASONS_MAX);
            advice.reasons[advice.reason_count++] =
                german ? "Nur kurz auf dem Server kann sie dabei nicht liegen: Das geht mit pop3, auf einem "
                         "Gerät"
                       : "it can't be on the server only briefly then: that takes pop3, with one device";
            continue;
        }
        must(advice.reason_count < ADVISE_REASONS_MAX);
        advice.reasons[advice.reason_count++] = rule->why[german ? 1 : 0];
    }
    must(advice.plan != NULL);
    *ret_advice = advice;
}

uint64_t advise_quota(uint64_t mail)
{
    uint64_t wanted = mail + mail / 2;
    return (wanted / GIGABYTE + (wanted % GIGABYTE > 0 ? 1 : 0)) * GIGABYTE;
}

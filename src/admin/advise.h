/*
 * Which plan fits? A few questions, and a table of rules: the first that fits names the plan, and all that
 * fit say why. Errors: none. Threads: any.
 */
#ifndef POSTHORN_ADMIN_ADVISE_H
#define POSTHORN_ADMIN_ADVISE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* clang-format off */
#define ADVISE_QUESTION_TABLE(X) /* argument, kind, in English, in German */ \
    X(devices, NUMBER, "On how many devices is the mail read?", "Auf wie vielen Geräten wird die Post gelesen?") \
    X(people, NUMBER, "How many people use the mailbox?", "Wie viele Menschen benutzen das Postfach?") \
    X(calendar, YES_NO, "Calendar, contacts or tasks too?", "Auch Kalender, Kontakte oder Aufgaben?") \
    X(archive, YES_NO, "Must mail be kept for years?", "Muss die Post über Jahre aufbewahrt werden?") \
    X(brief, YES_NO, "Should mail be on the server only briefly, for privacy?", \
      "Soll die Post, der Vertraulichkeit wegen, nur kurz auf dem Server liegen?") \
    X(mail, SIZE, "How much mail is there or will there be, like 500M or 20G?", \
      "Wie viel Post gibt es, oder wird es geben, etwa 500M oder 20G?")
/* clang-format on */

struct advise_needs {
    uint64_t devices, people;
    bool calendar, archive, brief;
    uint64_t mail; /* bytes */
};

enum { ADVISE_REASONS_MAX = 8 };

struct advice {
    const char *plan;
    const char *reasons[ADVISE_REASONS_MAX];
    size_t reason_count;
};

void advise(const struct advise_needs *needs, bool german, struct advice *ret_advice);
/* A quota with room to grow, in whole GB: half as much again as there is. */
uint64_t advise_quota(uint64_t mail);

#endif

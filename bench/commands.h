/*
 * The subcommands of posthorn-load. Each runs to its end and fills the report; an error ends the program.
 */
#ifndef POSTHORN_BENCH_COMMANDS_H
#define POSTHORN_BENCH_COMMANDS_H

#include "bench/report.h"

/* name, function, what it measures */
#define COMMAND_TABLE(X)                                                                    \
    X("deliver", deliver, "messages in by SMTP or LMTP, until they are seen by IMAP")       \
    X("login", login, "log-in and log-out, IMAP or POP3")                                   \
    X("fill", fill, "append --count messages to a folder of one account, pipelined")        \
    X("append", append, "APPEND, one after the other, on each connection")                  \
    X("select", select, "SELECT")                                                           \
    X("first-select", first_select, "SELECT as the first command of a connection")          \
    X("command", any, "any IMAP --command in the folder")                                   \
    X("move", move, "MOVE a whole folder")                                                  \
    X("fetch-flags", fetch_flags, "FETCH UID FLAGS of a whole folder")                      \
    X("fetch-all", fetch_all, "FETCH all metadata of a whole folder")                       \
    X("fetch-body", fetch_body, "FETCH all messages of a folder")                           \
    X("store", store, "set and remove a flag of a whole folder")                            \
    X("search-body", search_body, "SEARCH BODY --word")                                     \
    X("copy", copy, "COPY a whole folder")                                                  \
    X("expunge", expunge, "EXPUNGE a copy of a whole folder")                               \
    X("pop3-fetch", pop3_fetch, "RETR all messages, one after the other")                   \
    X("idle", idle, "memory of --connections IMAP connections in IDLE, held for --seconds") \
    X("disk", disk, "fdatasync of 4 KB appended to --file, per second")

#define X(name, function, help)                                                                            \
    enum err command_##function(const struct options *options, struct report *report, struct error *error) \
        NONNULL MUST_CHECK;
COMMAND_TABLE(X)
#undef X

#endif

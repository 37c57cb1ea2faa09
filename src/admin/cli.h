/*
 * `posthorn account add ...` and its like: the command line of the table in admin.h.
 *
 * A running server is asked by run/admin.sock. Without one, the same handlers work on the files in this
 * process, which takes the volume's lock and, started by root, becomes the store's user first.
 * Exit status: 0; 1 when the server or the disk failed, or a check found something; 2 when what was asked is
 * wrong, with one line on standard error that says what to do.
 */
#ifndef POSTHORN_ADMIN_CLI_H
#define POSTHORN_ADMIN_CLI_H

enum { ADMIN_EXIT_FAILED = 1, ADMIN_EXIT_USAGE = 2 };

/* argv[0] is the noun: "account". The exit status. */
int admin_main(int argc, char **argv, const char *settings_file);

#endif

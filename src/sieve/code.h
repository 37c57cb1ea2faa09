/*
 * The byte code of a program, for keeping. Of this room only; sieve.h has its functions.
 *
 * Layout (base/wire.h): "PSV", a version, 8 bytes that stand for the tables (verb_fingerprint), the
 * extensions, the names of variables, the commands. A list of nodes is each node, then 0; a node is its
 * verb's number + 1, its line, its values; a value is its slot, kind, choice, and what it holds. Nothing in
 * it is trusted: see program.h for what is checked.
 */
#ifndef POSTHORN_SIEVE_CODE_H
#define POSTHORN_SIEVE_CODE_H

enum { CODE_VERSION = 1 };

#endif

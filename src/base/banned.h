/*
 * Functions that invite overruns, hidden state or silent failure. Every translation unit includes
 * this first (by the compiler's command line), so that a call to one of them does not compile.
 */
#ifndef POSTHORN_BASE_BANNED_H
#define POSTHORN_BASE_BANNED_H

/* The system's headers declare them; load those before forbidding the calls. */
#include <alloca.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define BANNED(function) function##_is_banned

#undef alloca
#undef strdupa
#undef strndupa
#undef strcpy
#undef strcat
#undef strncpy
#undef strncat
#undef stpcpy
#undef sprintf
#undef vsprintf
#undef strtok
#undef strtok_r
#define alloca(n) BANNED(alloca)
#define strdupa(s) BANNED(strdupa)
#define strndupa(s, n) BANNED(strndupa)
#define strcpy(to, from) BANNED(strcpy)
#define strcat(to, from) BANNED(strcat)
#define strncpy(to, from, n) BANNED(strncpy)
#define strncat(to, from, n) BANNED(strncat)
#define stpcpy(to, from) BANNED(stpcpy)
#define sprintf(...) BANNED(sprintf)
#define vsprintf(...) BANNED(vsprintf)
#define gets(s) BANNED(gets)
#define strtok(s, d) BANNED(strtok)
#define strtok_r(s, d, p) BANNED(strtok_r)
#define atoi(s) BANNED(atoi)
#define atol(s) BANNED(atol)
#define atoll(s) BANNED(atoll)
#define localtime(t) BANNED(localtime)
#define gmtime(t) BANNED(gmtime)
#define ctime(t) BANNED(ctime)
#define asctime(t) BANNED(asctime)
#define tmpnam(s) BANNED(tmpnam)
#define mktemp(s) BANNED(mktemp)
#define system(s) BANNED(system)
#define popen(s, m) BANNED(popen)

#endif

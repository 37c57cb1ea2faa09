/*
 * cmocka for the unit tests, with what it wants included before it, and without its macro `fail`, which
 * would hide the function of error.h.
 */
#ifndef POSTHORN_BASE_TEST_H
#define POSTHORN_BASE_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#undef fail

#endif

/*
 * The options of accounts (directory/option.h) in commands: arguments, columns and a row's fields, made of
 * OPTION_TABLE. Threads: any.
 */
#ifndef POSTHORN_ADMIN_OPTIONS_H
#define POSTHORN_ADMIN_OPTIONS_H

#include "admin/admin.h"

/* clang-format off */
#define OPTION_ARGUMENT_(name, text, kind, built_in, placeholder, help) \
    {text, ARGUMENT_TEXT, false, false, placeholder, help},
#define OPTION_ARGUMENTS OPTION_TABLE(OPTION_ARGUMENT_)
#define OPTION_COLUMN_(name, text, kind, built_in, placeholder, help) {text, text, COLUMN_OPTION},
#define OPTION_COLUMNS OPTION_TABLE(OPTION_COLUMN_)
/* clang-format on */

/* The options among the arguments. ERR_INVALID. */
enum err call_options(const struct admin_call *call, struct option_changes *changes,
                      struct error *error) MUST_CHECK;
/* Adds a field for each option to the row, {"value": "70,90", "from": "plan"}; gives the row back, also NULL.
 */
json_t *row_options(json_t *row, const struct options *options) MUST_CHECK;

#endif

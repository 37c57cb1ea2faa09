#include "admin/options.h"

enum err call_options(const struct admin_call *call, struct option_changes *changes, struct error *error)
{
    enum err e = ERR_OK;
    for (size_t i = 0; e == ERR_OK && i < OPTIONS; i++) {
        struct slice text = call_text(call, option_name((enum option)i));
        if (text.p != NULL)
            e = option_parse((enum option)i, text, changes, error);
    }
    return e;
}

json_t *row_options(json_t *row, const struct options *options)
{
    char text[OPTION_TEXT_MAX];
    for (size_t i = 0; row != NULL && i < OPTIONS; i++) {
        option_text((enum option)i, options->values[i], text);
        json_object_set_new(row, option_name((enum option)i),
                            json_pack("{s:s,s:s}", "value", text, "from",
                                      option_level_name((enum option_level)options->from[i])));
    }
    return row;
}

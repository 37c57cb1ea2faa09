#include "admin/findings.h"

void findings_tell(void *context, const struct finding *finding)
{
    struct admin_call *call = context;
    struct error ignored; /* what can't be shown for want of memory is not shown */
    if (call_row(call,
                 json_pack("{s:s,s:s,s:o,s:o,s:o}", "level", doctor_level_name(finding->level), "check",
                           finding->check, "what", json_text(slice_cstr(finding->what)), "why",
                           json_text(slice_cstr(finding->why)), "do", json_text(slice_cstr(finding->cure))),
                 &ignored) != ERR_OK)
        call->unclean = true;
}

const struct admin_column findings_columns[] = {
    {"level", "LEVEL", COLUMN_TEXT}, {"check", "CHECK", COLUMN_TEXT}, {"what", "WHAT", COLUMN_TEXT},
    {"why", "WHY", COLUMN_TEXT},     {"do", "DO", COLUMN_TEXT},       {0},
};

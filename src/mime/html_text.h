/*
 * HTML to plain text, for previews and search.
 *
 * Purpose: a small stripper, no renderer: tags, comments, and what is in script, style and head go away;
 * block tags become a line end; common entities are decoded; blanks collapse.
 * Ownership: writes to the caller's buf. Errors: the buf's own. Threads: any.
 * Limits: stops after max_out bytes of output or at the end; linear time. Input and output are UTF-8.
 */
#ifndef POSTHORN_MIME_HTML_TEXT_H
#define POSTHORN_MIME_HTML_TEXT_H

#include "base/buf.h"

void mime_html_to_text(struct buf *out, struct slice html, size_t max_out) NONNULL;

#endif

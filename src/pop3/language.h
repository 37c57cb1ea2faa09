/*
 * What POP3 says, in the person's language, and LANG (RFC 6856 3), in both states. Private to the pop3 room.
 * Ownership: nothing is kept. Errors: the buf's. Threads: any.
 */
#ifndef POSTHORN_POP3_LANGUAGE_H
#define POSTHORN_POP3_LANGUAGE_H

#include "base/language.h"

/* "-ERR [SYS/TEMP] text": start is "+OK" or "-ERR", a response code stays as it is. */
void pop3_put_line(struct buf *out, const char *start, struct tongue tongue, struct slice text);
/* Answers LANG with this argument, and changes *tongue. by_default: for "*". */
void pop3_put_lang(struct buf *out, struct slice argument, struct tongue by_default, struct tongue *tongue);

#endif

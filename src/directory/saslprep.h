/*
 * SASLprep (RFC 4013): passwords of one meaning made one text, so that the same password typed on two
 * keyboards gives the same SCRAM keys.
 *
 * Mapping, prohibited characters and the rule for right-to-left text are RFC 4013's; normalisation (NFKC),
 * directions and what is assigned are of the Unicode version that utf8proc has, not of 3.2, so a password
 * with a newer character is taken and not refused.
 */
#ifndef POSTHORN_DIRECTORY_SASLPREP_H
#define POSTHORN_DIRECTORY_SASLPREP_H

#include "base/buf.h"

enum { SASLPREP_MAX = 64 * 1024 }; /* bytes of the output: NFKC makes of one character up to 18 */

enum saslprep { SASLPREP_OK, SASLPREP_REFUSED, SASLPREP_NOMEM };
/* out is filled only when OK. */
enum saslprep saslprep(struct slice text, struct buf *out) NONNULL MUST_CHECK;

#endif

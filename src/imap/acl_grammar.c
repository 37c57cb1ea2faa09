/* The arguments of SETACL, DELETEACL and LISTRIGHTS (RFC 4314 7). */
#include "imap/command.h"

bool imap_parse_identifier(struct imap_parser *p, struct imap_acl *ret)
{
    struct imap_acl acl = {.how = SHARE_REPLACE};
    if (!imap_parse_mailbox(p, &acl.mailbox) || !imap_parse_space(p) ||
        !imap_parse_astring(p, &acl.identifier))
        return false;
    *ret = acl;
    return true;
}

/* "+lr", "-lr" or "lr" (RFC 4314 3.1). */
bool imap_parse_setacl(struct imap_parser *p, struct imap_acl *ret)
{
    struct imap_acl acl;
    struct slice text;
    char unknown;
    if (!imap_parse_identifier(p, &acl) || !imap_parse_space(p) || !imap_parse_astring(p, &text))
        return false;
    if (slice_starts(text, S("+")) || slice_starts(text, S("-"))) {
        acl.how = text.p[0] == '+' ? SHARE_ADD : SHARE_REMOVE;
        text = slice_from(text, 1);
    }
    if (!rights_parse(text, &acl.rights, &unknown))
        return imap_parse_fail(p, unknown >= 'A' && unknown <= 'Z' ? "uppercase rights are not allowed"
                                                                   : "there is no such right");
    *ret = acl;
    return true;
}

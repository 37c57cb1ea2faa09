"""Every way in which the two servers may differ, and who is right."""

import re
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Callable

from play import Difference


@dataclass(frozen=True)
class Explanation:
    name: str
    verdict: str  # ours, theirs, allowed
    source: str  # RFC and section
    reason: str
    matches: Callable[[Difference], bool]
    ends: bool = False  # what follows in the sequence can't be compared


def statuses(verb: str, ours: str, theirs: str, sent: str = "") -> Callable[[Difference], bool]:
    """Tagged answers to a command (regular expressions all)."""

    def matches(one: Difference) -> bool:
        return (
            one.kind == "status"
            and re.fullmatch(verb, one.step.verb) is not None
            and re.fullmatch(ours, one.ours) is not None
            and re.fullmatch(theirs, one.theirs) is not None
            and re.search(sent, one.sent, re.IGNORECASE | re.DOTALL) is not None
        )

    return matches


def fetched(path: str, condition: Callable[[Difference], bool] = lambda one: True) -> Callable[[Difference], bool]:
    """A value of FETCH whose path, without the UID, is like this."""
    return lambda one: one.kind == "fetch" and re.fullmatch(path, re.sub(r"^/\d+/", "", one.path)) is not None and condition(one)


def searched(sent: str, condition: Callable[[bytes], bool]) -> Callable[[Difference], bool]:
    """Messages that only one server found, of which all are like this."""
    return lambda one: one.kind == "search" and bool(one.only) and re.search(sent, one.sent) is not None and all(map(condition, one.only))


def header_of(message: bytes) -> bytes:
    return message.split(b"\r\n\r\n")[0] + b"\r\n"


def has_twice(message: bytes) -> bool:
    """A field that may stand once only."""
    names = [name.lower() for name in re.findall(rb"^(From|Date|Subject|To|Message-ID):", header_of(message), re.MULTILINE | re.IGNORECASE)]
    return len(names) != len(set(names))


def without_parts(message: bytes) -> bool:
    """A multipart whose boundary is missing, or never begins a part."""
    boundaries = re.findall(rb"boundary=\"?([^\";\r\n]+)", message)
    types = message.count(b"multipart/")
    return types > len(boundaries) or any(re.search(rb"--" + re.escape(one) + rb"[ \t]*\r\n", message) is None for one in boundaries)


def sent_dates(one: Difference, uids: list) -> list:
    """Of the messages in this order, without those that have none."""
    found = (re.search(rb"^Date: (.*)\r$", header_of(one.texts_by_uid.get(uid, b"")), re.MULTILINE) for uid in uids)
    return [parsedate_to_datetime(match.group(1).decode("latin-1")).timestamp() for match in found if match is not None]


def only_ours_is_by_date(one: Difference) -> bool:
    if one.kind != "search" or one.path != "order" or not re.search(r"SORT [^(]*(RETURN \([^)]*\) )?\(DATE", one.sent):
        return False
    try:
        ours, theirs = sent_dates(one, one.ours), sent_dates(one, one.theirs)
    except (ValueError, TypeError):
        return False
    return ours == sorted(ours) and theirs != sorted(theirs)


def holds_a_message(message: bytes) -> bool:
    return b"message/rfc822" in message or b"multipart/digest" in message


def in_header_or_text(one: Difference) -> bool:
    """What one takes for the header is the other's text."""
    return re.search(r"\.(HEADER|TEXT|MIME)", one.path) is not None and (not one.ours or not one.theirs)


def section_of_nothing(one: Difference) -> bool:
    """NIL or nothing for a section that isn't there."""
    return one.ours is None and one.theirs == b""


def without_uses(attributes: list) -> list:
    return [name for name in attributes if name not in SPECIAL_USES]


SPECIAL_USES = {"\\archive", "\\drafts", "\\junk", "\\sent", "\\trash"}
ANY_SECTION = r"B(ODY|INARY|INARY\.SIZE)\[.*\](<\d+>)?"
IN_STRUCTURE = r"(BODY|BODYSTRUCTURE)(/parts/\d+|/parts|/body)*/"

EXPLANATIONS = [
    # --- FETCH ---
    Explanation(
        "a section that is not there", "allowed", "RFC 3501 7.4.2, 9 (nstring)",
        "We answer NIL, dovecot an empty string. No RFC chooses; NIL tells a client that there is nothing.",
        fetched(ANY_SECTION, section_of_nothing),
    ),
    Explanation(
        "default charset", "allowed", "RFC 2045 5.2",
        "text without a charset parameter: dovecot adds the default to BODYSTRUCTURE; we do so only without Content-Type.",
        fetched(IN_STRUCTURE + "parameters(/charset)?", lambda one: one.ours in (None, "missing") and "us-ascii" in str(one.theirs)),
    ),
    Explanation(
        "a multipart without parts", "allowed", "RFC 3501 9 (body-type-mpart), RFC 2046 5.1.1",
        "IMAP's grammar wants a part at least. dovecot makes up an empty one, for us it is text.",
        lambda one: fetched(IN_STRUCTURE + "shape", lambda one: one.ours["type"] == b"text" and len(one.theirs.get("parts", "")) == 1)(one)
        or fetched(ANY_SECTION, lambda one: without_parts(one.message))(one),
    ),
    Explanation(
        "PREVIEW (LAZY)", "allowed", "RFC 8970 3.1",
        "dovecot says NIL when it has not made one yet; ours are made at delivery.",
        fetched("PREVIEW", lambda one: "LAZY" in one.sent and one.theirs is None),
    ),
    Explanation(
        "text of PREVIEW", "allowed", "RFC 8970 3.2",
        "How a preview is made is the server's affair.",
        fetched("PREVIEW", lambda one: isinstance(one.ours, bytes) and isinstance(one.theirs, bytes)),
    ),
    Explanation(
        "no header field, no empty line", "allowed", "RFC 5322 2.1",
        "A text that begins with neither field nor empty line is all body for us, header for dovecot.",
        fetched(".*", lambda one: one.message == b"x"),
    ),
    Explanation(
        "MIME header of a message's only part", "allowed", "RFC 3501 6.4.5",
        "BODY[1.MIME] of what is no multipart: we give the message's header, dovecot nothing.",
        fetched(r"BODY\[([\d.]+\.)?1\.MIME\](<\d+>)?", lambda one: one.theirs == b"" and bool(one.ours)),
    ),
    Explanation(
        "parts of what has none", "ours", "RFC 3501 6.4.5",
        "Part 2.1 of a text at 2 is the text itself for dovecot. Only a message that is no multipart has a part 1 in this way.",
        fetched(r"B(ODY|INARY|INARY\.SIZE)\[.*\.1(\.MIME)?\](<\d+>)?", lambda one: one.ours in (None, "0")),
    ),
    Explanation(
        "broken Content-Type", "ours", "RFC 2045 5.2",
        "What can't be read is text/plain in US-ASCII; dovecot tells an empty type.",
        fetched(IN_STRUCTURE + "shape", lambda one: b"" in (one.theirs["type"], one.theirs["subtype"]) and one.ours["type"] == b"text"),
    ),
    Explanation(
        "the line end before a boundary", "ours", "RFC 2046 5.1.1",
        "It belongs to the boundary; dovecot counts it to the part when the part is a multipart itself.",
        lambda one: fetched(ANY_SECTION, lambda one: isinstance(one.ours, bytes) and one.theirs == one.ours + b"\r\n")(one)
        or fetched(IN_STRUCTURE + r"size|BINARY\.SIZE\[.*\]", lambda one: int(one.theirs) == int(one.ours or 0) + 2)(one)
        or fetched(IN_STRUCTURE + "lines", lambda one: int(one.theirs) == int(one.ours) + 1)(one),
    ),
    Explanation(
        "MIME fields of a message within without Content-Type", "ours", "RFC 2045 5.2, 6.1, 7",
        "dovecot reads Content-ID, Content-Transfer-Encoding and the like only beside MIME-Version or Content-Type.",
        fetched(IN_STRUCTURE + "(encoding|id|description|disposition|md5|language|location)(/.*)?", lambda one: "/body/" in one.path),
    ),
    Explanation(
        "FETCH of what another session expunged", "allowed", "RFC 2180 4.1",
        "Before EXPUNGE is told, dovecot answers what it still knows and NIL, we leave the message out; both say NO or OK [EXPUNGEISSUED].",
        lambda one: one.kind == "fetch" and one.stale and one.ours == "missing" and re.fullmatch(r"/\d+", one.path) is not None,
    ),
    Explanation(
        "a field twice", "allowed", "RFC 5322 3.6",
        "That is forbidden. We take the first, dovecot the last, or all of an address field.",
        fetched("ENVELOPE/.*", lambda one: has_twice(one.message)),
    ),
    Explanation(
        "broken addresses", "allowed", "RFC 3501 7.4.2, RFC 5322 3.4",
        "Where a mailbox or a domain is missing, dovecot makes one up, we tell an empty one.",
        fetched("ENVELOPE/(from|to|cc|bcc|sender|reply-to)", lambda one: "MISSING_" in str(one.theirs) or "missing_" in str(one.theirs)),
    ),
    Explanation(
        "blanks of a folded subject", "ours", "RFC 5322 2.2.3",
        "Unfolding takes away the line ends only; dovecot makes one space of all.",
        fetched("ENVELOPE/subject", lambda one: one.ours is not None and one.ours.split() == one.theirs.split()),
    ),
    Explanation(
        "lines of a part that are no header fields", "allowed", "RFC 2046 5.1",
        "A part, or a message within, that begins with neither field nor empty line is all body for us, header for dovecot.",
        lambda one: fetched(IN_STRUCTURE + "(size|lines)", lambda one: one.theirs == "0")(one)
        or fetched(ANY_SECTION, lambda one: holds_a_message(one.message) and in_header_or_text(one))(one)
        or fetched(r"BINARY.*|BODY\[3\.MIME\].*", lambda one: b"\n--abcx\r\n" in one.message)(one),
    ),
    Explanation(
        "a slash in a parameter without quotes", "allowed", "RFC 2045 5.1",
        "That is forbidden. dovecot cuts the value there, we don't.",
        fetched(IN_STRUCTURE + "parameters/.*", lambda one: b"/" in one.ours and one.ours.startswith(one.theirs)),
    ),
    Explanation(
        "bytes of an empty header from the second on", "ours", "RFC 3501 6.4.5",
        "HEADER.FIELDS that finds nothing is CR LF; from byte 1 that is LF. dovecot says CR.",
        fetched(r"BODY\[.*HEADER\.FIELDS.*\]<1>", lambda one: (one.ours, one.theirs) == (b"\n", b"\r")),
    ),
    Explanation(
        "a line in the header that is no field", "allowed", "RFC 5322 2.2",
        "For us it goes on with the field before it, for dovecot it is one of its own.",
        fetched(r"BODY\[.*HEADER\.FIELDS.*", lambda one: b"this line is no field\r\n" in one.message or one.message.startswith(b"From ")),
    ),
    Explanation(
        "an encoded message within", "allowed", "RFC 2046 5.2.1",
        "message/rfc822 in base64 is forbidden. We tell application/octet-stream, dovecot a message that it can't read.",
        lambda one: fetched(IN_STRUCTURE + "shape", lambda one: one.theirs["subtype"] == b"rfc822" and one.theirs["encoding"] in (b"base64", b"quoted-printable"))(one)
        or fetched(ANY_SECTION, lambda one: b"message/rfc822\r\nContent-Transfer-Encoding: base64" in one.message)(one),
    ),
    Explanation(
        "empty line of a header that has none", "ours", "RFC 9051 6.4.5",
        "HEADER.FIELDS adds none then. dovecot adds one, but in HEADER.FIELDS.NOT, which may end within the last line.",
        fetched(r"BODY\[.*HEADER\.FIELDS.*", lambda one: isinstance(one.ours, bytes) and one.theirs in (one.ours + b"\r\n", one.ours[:-2])),
    ),
    Explanation(
        "BINARY of what holds parts", "allowed", "RFC 3516 4.2",
        "A multipart, a message within, or the whole message has no encoding to undo for us. dovecot undoes that of all parts within.",
        fetched(r"BINARY(\.SIZE)?\[.*\](<\d+>)?", lambda one: b"content-transfer-encoding" in one.message.lower() and one.ours is not None),
    ),
    Explanation(
        "BINARY that can't be decoded", "allowed", "RFC 3516 4.3",
        "dovecot says NO for what is broken or unknown in any part of what it decodes, we for the part asked for.",
        statuses("FETCH", "OK", "NO", "BINARY"), ends=True,
    ),
    Explanation(
        "header of a part that ends at a boundary", "allowed", "RFC 2046 5.1.1",
        "An empty line is missing, so the line end is wanted twice. We give it to the header, dovecot to the boundary.",
        fetched(r"BODY\[.*MIME\](<\d+>)?", lambda one: one.theirs is not None and one.ours == one.theirs + b"\r\n"),
    ),
    Explanation(
        "COPY of what another session expunged", "allowed", "RFC 2180 4.4",
        "We copy the rest and say OK [EXPUNGEISSUED], dovecot copies nothing and says NO.",
        lambda one: one.stale and statuses("COPY|MOVE", "OK", "NO")(one), ends=True,
    ),
    Explanation(
        "messages behind one whose BINARY can't be decoded", "allowed", "RFC 3516 4.3",
        "FETCH says NO for the one. dovecot tells its other items and leaves out all behind it; we leave out the one.",
        lambda one: one.kind == "fetch" and one.status == "NO" and "BINARY" in one.sent and "missing" in (one.ours, one.theirs),
        ends=True,
    ),
    Explanation(
        "modifiers behind a single item", "ours", "RFC 4466 2.4 (fetch)",
        "FETCH 1 UID (CHANGEDSINCE 1) needs no parentheses around the item; dovecot wants them.",
        statuses("FETCH", "OK", "BAD", r"^(UID )?FETCH \S+ [^(].*\(CHANGEDSINCE"), ends=True,
    ),
    # --- SEARCH and SORT ---
    Explanation(
        "numbers in SEARCH beyond the last message", "ours", "RFC 3501 9 (seq-number), RFC 9051 9",
        "dovecot searches as if they were not there; a number that is not there is an error in any command.",
        statuses("SEARCH|SORT|THREAD", "BAD", "OK", r"\d|\*"), ends=True,
    ),
    Explanation(
        "sent date of a message without one", "allowed", "RFC 3501 6.4.4, RFC 5256 2.2",
        "We take INTERNALDATE, as SORT must; for dovecot it was sent before all others.",
        searched("SENT", lambda message: not re.search(rb"^Date: .*\d\d:\d\d", header_of(message), re.MULTILINE)),
    ),
    Explanation(
        "SORT that is another when asked again", "ours", "RFC 5256 3",
        "dovecot now and then puts messages into a wrong place; the same command once more, or in a new session, gives our order.",
        lambda one: one.kind == "search" and one.path == "only when asked first",
    ),
    Explanation(
        "arrival within one second", "allowed", "RFC 5256 3",
        "We sort by the microsecond that the store knows, dovecot by what INTERNALDATE shows.",
        lambda one: one.kind == "search" and one.path == "order" and "ARRIVAL" in one.sent,
    ),
    Explanation(
        "SORT by DATE that is none", "ours", "RFC 5256 3",
        "With more criteria behind DATE, dovecot's answer is at times not in the order of the dates; ours is.",
        only_ours_is_by_date,
    ),
    Explanation(
        "OR of flags", "ours", "RFC 3501 6.4.4",
        "SEARCH OR UNDELETED UNSEEN: dovecot finds nothing when no message is unseen, though some are undeleted.",
        lambda one: searched(r"OR (UN)?[A-Z]+ (UN)?[A-Z]+", lambda message: True)(one) and not one.theirs,
    ),
    Explanation(
        "SEARCH RETURN (SAVE) with MODSEQ", "allowed", "RFC 5182 2.1, RFC 7162 3.1.10",
        "Nothing is to be told for SAVE alone: dovecot tells the highest MODSEQ all the same.",
        lambda one: one.kind == "search" and "RETURN (SAVE)" in one.sent and "MODSEQ" in one.sent and one.ours == "missing",
    ),
    Explanation(
        "BODY where Content-Type is broken", "ours", "RFC 2045 5.2",
        "What can't be read is text/plain, and is searched; dovecot finds nothing in it.",
        lambda one: searched("BODY|TEXT", lambda message: re.search(rb"^Content-Type: /", message, re.MULTILINE) is not None)(one)
        and not (one.ours if "NOT" in one.sent else one.theirs),
    ),
    Explanation(
        "mod-sequences of one STORE", "allowed", "RFC 7162 3.1.3",
        "A STORE has one for all that it changes; dovecot counts on between flags and keywords, so its latest is of some only.",
        lambda one: one.kind == "search" and "MODSEQ" in one.sent and bool(one.only) and bool(one.ours) and not one.theirs,
    ),
    Explanation(
        "BODY in MIME headers of parts", "allowed", "RFC 3501 6.4.4",
        "They stand in the body. dovecot does not look into those of a multipart or a message within, nor at the body of "
        "what has no header field and no empty line.",
        lambda one: searched("BODY", lambda message: b"multipart/" in message or b"message/" in message or message == b"x")(one)
        and not one.theirs,
    ),
    Explanation(
        "broken encoded words", "allowed", "RFC 2047 6.3",
        "What is no encoded word stays as it is; how much of it that is the servers see differently.",
        lambda one: one.kind == "search" and any(b"=?nope?" in text for text in one.only),
    ),
    Explanation(
        "bytes beyond ASCII in a header", "allowed", "RFC 5322 2.2",
        "They are forbidden without encoding. We read what is no UTF-8 as a one-byte charset, dovecot as unknown letters.",
        lambda one: one.kind == "search" and any(re.search(rb"[\x80-\xff]", header_of(text)) for text in one.only),
    ),
    # --- mailboxes ---
    Explanation(
        "SUBSCRIBE to no mailbox", "allowed", "RFC 3501 6.3.6",
        "A server may refuse a name that isn't there: dovecot does, we don't.",
        statuses("SUBSCRIBE", "OK", "NO"), ends=True,
    ),
    Explanation(
        "special uses in LIST", "allowed", "RFC 6154 2",
        "They may be told with every LIST. dovecot leaves them out where selection options are given, we with LSUB.",
        lambda one: one.kind in ("list", "lsub") and one.path.endswith("/attributes") and without_uses(one.ours) == without_uses(one.theirs),
    ),
    Explanation(
        "COPY of nothing to a mailbox that is not there", "allowed", "RFC 3501 6.4.7",
        "We look at the mailbox first and say NO [TRYCREATE], dovecot at the messages and says OK.",
        lambda one: statuses("COPY|MOVE", "NO", "OK")(one) and "no such mailbox" in one.texts[0],
    ),
    Explanation(
        "an empty pattern in an extended LIST", "ours", "RFC 5258 3",
        "It must be ignored; dovecot lists the reference itself.",
        lambda one: one.kind == "list" and one.ours == "missing" and re.search(r'" \(?""', one.sent) is not None,
    ),
    Explanation(
        "NAMESPACE of other users", "allowed", "RFC 2342 5",
        "We have one, dovecot's configuration here has none.",
        lambda one: one.kind == "data" and one.path == "/NAMESPACE",
    ),
    Explanation(
        "root name of a reference that ends in a separator", "allowed", "RFC 3501 6.3.8",
        "LIST Work/ and an empty pattern: we tell the root of all names, dovecot nothing.",
        lambda one: one.kind == "list" and one.path == "/" and one.theirs == "missing" and '""' in one.sent,
    ),
    Explanation(
        "INBOX renamed", "allowed", "RFC 3501 6.3.5",
        "We move the messages and keep INBOX with its UIDVALIDITY; dovecot makes a new INBOX, whose UIDs begin at 1.",
        lambda one: one.kind == "renamed" or statuses("RENAME", "OK", "NO", "(?i)inbox")(one), ends=True,
    ),
    Explanation(
        "levels above a new mailbox", "allowed", "RFC 3501 6.3.3",
        "CREATE New/Deep: we make New a mailbox too, for dovecot it is \\Noselect.",
        lambda one: one.kind == "list" and one.path.endswith("/attributes") and "\\noselect" in one.theirs and "\\noselect" not in one.ours
        or one.kind == "list" and one.path.endswith("/status") and one.theirs == "missing", ends=True,
    ),
    Explanation(
        "CREATE with a separator at the end", "ours", "RFC 3501 6.3.3",
        "What is made is the name without it. dovecot makes a name that is no mailbox, and may be created once more.",
        lambda one: statuses("CREATE", "NO", "OK")(one) or statuses("STATUS|SELECT|EXAMINE|DELETE|RENAME|COPY|MOVE|APPEND", "OK", "NO")(one)
        and re.search("Mailbox doesn't exist", one.texts[1]) is not None, ends=True,
    ),
    Explanation(
        "APPEND of a header beyond ASCII", "ours", "RFC 6855 4",
        "A server with UTF8=ACCEPT must refuse it where the client has not enabled that. dovecot has no such thing.",
        statuses("APPEND", "NO", "OK", "[\x80-\xff]"), ends=True,
    ),
    # --- the selected mailbox ---
    Explanation(
        "EXPUNGE in EXAMINE", "allowed", "RFC 3501 6.4.3",
        "We say NO [READ-ONLY], dovecot does nothing and says OK.",
        lambda one: one.read_only and statuses("EXPUNGE", "NO", "OK")(one),
    ),
    Explanation(
        "STORE in EXAMINE", "ours", "RFC 3501 6.3.2",
        "We say NO [READ-ONLY]. dovecot says OK and changes nothing, or BAD or NO for other reasons first.",
        lambda one: one.read_only and (statuses("STORE", "NO", "OK|BAD")(one) or one.kind == "code" and one.ours == ("READ-ONLY",)),
    ),
    Explanation(
        "MOVE in EXAMINE", "ours", "RFC 3501 6.3.2, RFC 6851 3.1",
        "We say NO [READ-ONLY], dovecot OK, or BAD for other reasons first.",
        lambda one: one.read_only and statuses("MOVE", "NO", "OK|BAD")(one), ends=True,
    ),
    Explanation(
        "MOVE into the same mailbox", "allowed", "RFC 6851 3.3",
        "We give the messages new UIDs; dovecot refuses.",
        statuses("MOVE", "OK", "NO"), ends=True,
    ),
    Explanation(
        "arguments where there are none", "ours", "RFC 3501 9 (command-any, select-params in RFC 4466)",
        "dovecot takes NOOP x and SELECT INBOX () as if the rest were not there; we say BAD.",
        statuses("mistake", "BAD", "OK", r"^(NOOP|CHECK|CLOSE|CAPABILITY) x|^SELECT INBOX \(\)"), ends=True,
    ),
    Explanation(
        "grammar of sections, strings and lists", "ours", "RFC 3501 9 (nz-number, quoted, fetch, store, select)",
        "dovecot takes BODY[0], BODY[]<0.0> (and then may end the connection), backslashes before any letter, "
        "a partial without a length, STORE without flags, doubled spaces at the end of lists and words after SELECT INBOX.",
        lambda one: statuses("mistake", "BAD", "OK", r"BODY\[0\]|<0(\.0)?>$|IN\\BOX|FLAGS( \) )?$|INBOX x|FETCH  1")(one)
        or one.kind == "protocol" and "dovecot" in one.path and "<0.0>" in one.sent, ends=True,
    ),
    Explanation(
        r"STORE of \Recent", "allowed", "RFC 3501 2.3.2",
        "A client can't change it. dovecot says BAD, we leave it alone and say OK.",
        statuses("STORE", "OK", "BAD", r"\\Recent"), ends=True,
    ),
    Explanation(
        "dates, atoms and lists that the grammar does not have", "ours", "RFC 3501 9 (date-day, list-mailbox), RFC 5161 4",
        "dovecot takes ON 32-Jan-2024, CREATE a*b and ENABLE of nothing.",
        statuses("mistake", "BAD", "OK", r"32-Jan|CREATE a\*b|^ENABLE$"), ends=True,
    ),
    Explanation(
        "HIGHESTMODSEQ behind other commands", "allowed", "RFC 7162 3.2, 3.2.7",
        "Only EXPUNGE and its like must end with it, when they expunged something. dovecot says it wherever VANISHED was told.",
        lambda one: one.kind == "code" and (one.stale or one.step.verb not in ("EXPUNGE", "MOVE", "CLOSE")) and one.ours == ("none",) and one.theirs[0] == "HIGHESTMODSEQ",
    ),
    Explanation(
        "HIGHESTMODSEQ with SELECT", "ours", "RFC 7162 3.1.2.1",
        "It is a duty with every SELECT. dovecot begins when a client has asked for it.",
        lambda one: one.kind == "select" and one.path == "/HIGHESTMODSEQ" and one.theirs == "missing",
    ),
    Explanation(
        "HIGHESTMODSEQ grows by what is not seen", "allowed", "RFC 7162 3.1.2.1",
        "dovecot counts a STORE on a message that another session has expunged.",
        lambda one: one.path.endswith("/HIGHESTMODSEQ") and str(one.ours) < str(one.theirs) and "missing" not in (one.ours, one.theirs),
    ),
    Explanation(
        "the open mailbox was deleted", "allowed", "RFC 2180 3",
        "We say BYE to the sessions that have it open; dovecot notices it later.",
        lambda one: one.kind == "protocol" and re.fullmatch(r"posthorn \w closed the connection, .*mailbox.*", one.path) is not None, ends=True,
    ),
    Explanation(
        "dovecot ends the session", "ours", "RFC 3501 3.4",
        "Assertions fail in it (UID FETCH of $ with VANISHED; $ or THREAD after an expunge), and it disconnects who has a mailbox "
        "open that is deleted or renamed. We go on; the messages are gone.",
        lambda one: one.kind == "protocol" and re.match(r"dovecot \w closed the connection", one.path) is not None, ends=True,
    ),
    Explanation(
        "NO where we say BAD", "allowed", "RFC 3501 7.1.2, 7.1.3",
        "Words that are no flags, mailbox names that are no modified UTF-7 and the like: both refuse.",
        lambda one: statuses("mistake", "BAD|NO", "BAD|NO")(one),
    ),
    Explanation(
        "VANISHED of what the client's numbers rule out", "allowed", "RFC 7162 3.2.5.2",
        "Numbers and UIDs that match say what the client does not have; dovecot tells it all the same.",
        lambda one: one.kind == "select" and one.path == "/VANISHED" and one.ours == "missing" and re.search(r"QRESYNC \(.*\(.*\)\)\)$", one.sent) is not None,
    ),
    Explanation(
        "STATUS of the selected mailbox", "allowed", "RFC 3501 6.3.10",
        "dovecot tells what this session knows, we what is there; a client should not ask that.",
        lambda one: (one.kind, one.step.verb) in (("status", "STATUS"), ("list", "LIST"))
        and one.stale and "status" in (one.kind, *one.path.split("/")) and "UIDVALIDITY" not in one.path,
    ),
]  # fmt: skip


def explain(difference: Difference) -> Explanation | None:
    return next((one for one in EXPLANATIONS if one.matches(difference)), None)


def table() -> str:
    """For docs/differential.md."""
    lines = ["| difference | right | source | reason |", "|---|---|---|---|"]
    lines += [f"| {one.name} | {one.verdict} | {one.source} | {one.reason} |" for one in sorted(EXPLANATIONS, key=lambda one: one.name.lower())]
    return "\n".join(lines) + "\n"

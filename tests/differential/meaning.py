"""What a command's responses mean, in a form in which two servers can be compared.

Where the RFCs leave the order, the spelling or the value free, it is gone from the form.
"""

import re
from datetime import datetime, timezone

from client import attributes_of, flag_set
from responses import Code, Response, set_numbers

NOT_ASKED = {"UID", "FLAGS", "MODSEQ"}  # attributes that FETCH responses may hold unasked
CHILDREN = {"\\haschildren", "\\hasnochildren"}
MARKS = {"\\marked", "\\unmarked"}  # a server says them only when it knows
ENVELOPE = ("date", "subject", "from", "sender", "reply-to", "to", "cc", "bcc", "in-reply-to", "message-id")
# Response codes that explain more, which no RFC makes a duty.
ADVICE = {
    "ALREADYEXISTS", "CANNOT", "CLIENTBUG", "EXPUNGEISSUED", "INUSE", "LIMIT", "MAILBOXID", "NONEXISTENT", "NOPERM",
    "PARSE", "SERVERBUG", "ALERT",
}  # fmt: skip
EXTENSION = ("disposition", "language", "location")


def lower(value):
    return value.lower() if isinstance(value, (bytes, str)) else value


def plain(value):
    """Numbers and atoms as text."""
    return str(value) if isinstance(value, str) else value


def parameters(value) -> dict | None:
    if value is None:
        return None
    found = {}
    for name, text in zip(value[::2], value[1::2]):
        name = lower(name)
        found[name] = lower(text) if name == b"charset" else text
    return found


def disposition(value):
    return value if value is None or len(value) != 2 else {"type": lower(value[0]), "parameters": parameters(value[1])}


def language(value):
    return [value] if isinstance(value, bytes) else value


def extensions(values: list, names: tuple) -> dict:
    found = dict(zip(names, values))
    if "disposition" in found:
        found["disposition"] = disposition(found["disposition"])
    if "language" in found:
        found["language"] = language(found["language"])
    if len(values) > len(names):
        found["more"] = values[len(names) :]
    return found


def address(value: list) -> tuple:
    name, route, local, host = value
    return (name, route, local, lower(host))


def envelope(value: list) -> dict:
    found = dict(zip(ENVELOPE, value, strict=True))
    for name in ENVELOPE[2:8]:
        if found[name] is not None:
            found[name] = [address(one) for one in found[name]]
    return found


def structure(value: list) -> dict:
    """BODY's or BODYSTRUCTURE's."""
    if isinstance(value[0], list):
        parts = [one for one in value if isinstance(one, list)]
        count = next(at for at, one in enumerate(value) if not isinstance(one, list))
        found = {"type": b"multipart", "subtype": lower(value[count]), "parts": [structure(part) for part in parts[:count]]}
        if len(value) > count + 1:
            found["parameters"] = parameters(value[count + 1])
        return found | extensions(value[count + 2 :], EXTENSION)
    names = ("type", "subtype", "parameters", "id", "description", "encoding", "size")
    found = dict(zip(names, value[:7], strict=True))
    for name in ("type", "subtype", "encoding"):
        found[name] = lower(found[name])
    found["parameters"] = parameters(found["parameters"])
    found["size"] = plain(found["size"])
    rest = 7
    if found["type"] == b"message" and found["subtype"] == b"rfc822":
        found |= {"envelope": envelope(value[7]), "body": structure(value[8]), "lines": plain(value[9])}
        rest = 10
    elif found["type"] == b"text":
        found["lines"] = plain(value[7])
        rest = 8
    return found | extensions(value[rest:], ("md5", *EXTENSION))


def mailbox_name(value) -> str:
    name = value.decode("latin-1") if isinstance(value, bytes) else str(value)
    return "INBOX" if name.upper() == "INBOX" else re.sub(r"^INBOX/", "INBOX/", name, flags=re.IGNORECASE)


def date_time(value: bytes, started: datetime):
    """INTERNALDATE as seconds, or "now" for what happened since the start."""
    when = datetime.strptime(value.decode().strip(), "%d-%b-%Y %H:%M:%S %z").astimezone(timezone.utc)
    return "now" if when >= started else when.timestamp()


class Reader:
    """Reads one server's responses; it knows what its numbers were when they were told."""

    def __init__(self, started: datetime):
        self.started = started
        self.validities: dict[str, int] = {}
        self.marks: list[dict[str, int]] = []  # HIGHESTMODSEQ of each mailbox

    def validity(self, mailbox: str, value) -> str:
        known = self.validities.setdefault(mailbox, int(value))
        return "as before" if known == int(value) else "another"

    def forget(self) -> None:
        self.validities.clear()

    def modseq(self, mailbox: str, value) -> str:
        """Its place among the marks."""
        number = int(value)
        return f"after {sum(1 for mark in self.marks if mark.get(mailbox, 0) < number)} marks"

    def code(self, code: Code | None, mailbox: str, target: str) -> tuple:
        if code is None:
            return ("none",)
        name, given = code.name, code.arguments
        if name in ADVICE:
            return ("none",)
        if name == "APPENDUID":
            return (name, self.validity(target, given[0]), set_numbers(given[1]))
        if name == "COPYUID":
            pairs = zip(set_numbers(given[1]), set_numbers(given[2]), strict=True)
            return (name, self.validity(target, given[0]), sorted(pairs))
        if name == "UIDVALIDITY":
            return (name, self.validity(mailbox, given[0]))
        if name == "HIGHESTMODSEQ":
            return (name, self.modseq(mailbox, given[0]))
        if name == "MODIFIED":
            return (name, set_numbers(given[0]))
        if name == "PERMANENTFLAGS":
            return (name, sorted(flag for flag in flag_set(given[0]) if flag.startswith("\\")))
        if name in ("BADCHARSET", "CAPABILITY"):
            return (name,)
        return (name, *(str(value) for value in given))

    def attribute(self, mailbox: str, name: str, value):
        if name == "FLAGS":
            return sorted(flag_set(value))
        if name == "MODSEQ":
            return self.modseq(mailbox, value[0])
        if name == "INTERNALDATE":
            return date_time(value, self.started)
        if name == "ENVELOPE":
            return envelope(value)
        if name in ("BODY", "BODYSTRUCTURE"):
            return structure(value)
        return plain(value)

    def fetched(self, mailbox: str, responses: list[Response], asked: set[str]) -> dict:
        """By UID; of what was told twice the last."""
        found: dict = {}
        for response in responses:
            if response.name != "FETCH":
                continue
            attributes = attributes_of(response)
            kept = {name: value for name, value in attributes.items() if name not in NOT_ASKED - asked}
            if kept:
                key = int(attributes.get("UID", response.uid or 0))
                read = {name: self.attribute(mailbox, name, value) for name, value in kept.items()}
                found.setdefault(key, {}).update(read)
        return found

    def searched(self, mailbox: str, responses: list[Response]) -> dict:
        found: dict = {}
        for response in responses:
            if response.name == "SEARCH":
                values = response.arguments
                if values and isinstance(values[-1], list):
                    found["MODSEQ"] = self.modseq(mailbox, values[-1][1])
                    values = values[:-1]
                found["ALL"] = sorted(int(value) for value in values)
            elif response.name == "SORT":
                found["order"] = [int(value) for value in response.arguments if not isinstance(value, list)]
                if response.arguments and isinstance(response.arguments[-1], list):
                    found["MODSEQ"] = self.modseq(mailbox, response.arguments[-1][1])
            elif response.name == "ESEARCH":
                found |= self.extended(mailbox, response.arguments)
            elif response.name == "THREAD":
                found["threads"] = response.arguments
        return found

    def extended(self, mailbox: str, values: list) -> dict:
        values = values[1:] if values and isinstance(values[0], list) else values
        found: dict = {"UID": False}
        if values and values[0] == "UID":
            found["UID"] = True
            values = values[1:]
        for name, value in zip(values[::2], values[1::2], strict=True):
            name = name.upper()
            if name == "ALL":
                found[name] = set_numbers(value)
            elif name == "MODSEQ":
                found[name] = self.modseq(mailbox, value)
            else:
                found[name] = str(value)
        return found

    def status(self, response: Response) -> tuple[str, dict]:
        mailbox = mailbox_name(response.arguments[0])
        values = response.arguments[1]
        found = {}
        for name, value in zip(values[::2], values[1::2], strict=True):
            name = name.upper()
            if name == "UIDVALIDITY":
                found[name] = self.validity(mailbox, value)
            elif name == "HIGHESTMODSEQ":
                found[name] = self.modseq(mailbox, value)
            else:
                found[name] = str(value)
        return mailbox, found

    def listed(self, responses: list[Response]) -> dict:
        found: dict = {}
        for response in responses:
            if response.name in ("LIST", "LSUB"):
                mailbox = mailbox_name(response.arguments[2])
                entry = found.setdefault(mailbox, {})
                entry["times"] = entry.get("times", 0) + 1
                entry["attributes"] = sorted({str(value).lower() for value in response.arguments[0]} - CHILDREN - MARKS)
                entry["children"] = sorted({str(value).lower() for value in response.arguments[0]} & CHILDREN)
                entry["separator"] = response.arguments[1]
                if len(response.arguments) > 3:
                    entry["more"] = response.arguments[3]
            elif response.name == "STATUS":
                mailbox, items = self.status(response)
                found.setdefault(mailbox, {})["status"] = items
        return found

    def selected(self, mailbox: str, responses: list[Response]) -> dict:
        """What SELECT says of the mailbox, after CLOSED if it is there."""
        found: dict = {}
        for response in responses:
            if response.name == "OK" and response.tag == "*" and response.code is not None:
                name = response.code.name
                if name == "CLOSED":
                    found = {}
                if name in ("UIDNEXT", "UIDVALIDITY", "UNSEEN", "HIGHESTMODSEQ", "NOMODSEQ", "PERMANENTFLAGS"):
                    found[name] = self.code(response.code, mailbox, mailbox)[1:]
            elif response.name == "FLAGS":
                found["FLAGS"] = sorted(flag for flag in flag_set(response.arguments[0]) if flag.startswith("\\"))
            elif response.name == "EXISTS":
                found["EXISTS"] = response.number
            elif response.name == "VANISHED" and isinstance(response.arguments[0], list):
                found.setdefault("VANISHED", set()).update(set_numbers(response.arguments[1]))
        found["told"] = self.fetched(mailbox, responses, {"UID", "FLAGS", "MODSEQ"})
        return found


def differences(ours, theirs, path: str = "") -> list[tuple]:
    """(path, ours, theirs) of all leaves that are not the same."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        if any(ours.get(name) != theirs.get(name) for name in ("type", "subtype")) or ("parts" in ours) != ("parts" in theirs):
            return [(f"{path}/shape", ours, theirs)]
        found = []
        for name in [*ours, *(name for name in theirs if name not in ours)]:
            found += differences(ours.get(name, "missing"), theirs.get(name, "missing"), f"{path}/{_text(name)}")
        return found
    same_kind = isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs)
    if same_kind and any(isinstance(one, dict) for one in ours):
        return [one for at, pair in enumerate(zip(ours, theirs), 1) for one in differences(*pair, f"{path}/{at}")]
    return [] if ours == theirs else [(path, ours, theirs)]


def _text(name) -> str:
    return name.decode("latin-1") if isinstance(name, bytes) else str(name)

"""Plays a sequence against both servers in lock step and tells how their answers differ in meaning."""

import re
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from difflib import SequenceMatcher

import commands
from client import Ended, Session, View
from commands import Literal, Step
from meaning import NOT_ASKED, Reader, differences
from responses import Malformed, Response

PLACE = re.compile(r"<(seq|uid|mark|validity):([^>]*)>")
NUMBERED = {"FETCH", "STORE", "SEARCH", "SORT", "THREAD", "COPY", "MOVE", "EXPUNGE"}
MISTAKES_MAX = 5
DIVERGING = {"status", "picture", "protocol", "select"}  # after these the servers may hold different things


@dataclass
class Difference:
    """kind: status, code, fetch, search, list, select, status data, picture, untold, protocol."""

    step: Step
    kind: str
    path: str
    ours: object
    theirs: object
    stale: bool = False  # the other session had changed something that this one had perhaps not heard of
    status: str = ""  # the tagged answer, if it is the same of both
    message: bytes = b""  # that a FETCH is about
    sent: str = ""  # the command as Posthorn got it
    read_only: bool = False  # the mailbox was opened by EXAMINE
    texts: tuple = ("", "")  # of the tagged answers
    only: tuple = ()  # the messages that only one server found, or that stand elsewhere
    texts_by_uid: dict = field(default_factory=dict)  # of all that were sorted

    def __str__(self) -> str:
        about = f"\n      the message: {self.message[:1500]!r}" if self.message else ""
        about += "".join(f"\n      only one found: {text[:400]!r}" for text in self.only[:3])
        about += f"\n      sent: {self.sent[:300]!r}, in EXAMINE: {self.read_only}, answered: {self.texts}" if self.sent else ""
        return f"{self.step}\n    {self.kind} {self.path}\n      ours:   {self.ours!r}\n      theirs: {self.theirs!r}{about}"


class Side:
    """One server with an account of it."""

    def __init__(self, name: str, host: str, port: int, login: str):
        self.name = name
        # A date that APPEND had to choose lies after this; clocks of both are the same.
        self.reader = Reader(datetime.now(timezone.utc) - timedelta(days=1))
        self.sessions = [Session(f"{name} {letter}", host, port) for letter in "ABOF"]
        self.observer, self.filler = self.sessions[commands.SESSIONS :]
        self.mailboxes: list[str] = ["", ""]
        for session in self.sessions:
            found = session.command([f"LOGIN {login}".encode()])
            assert found[-1].name == "OK", f"{name}: {found[-1].text}"

    def close(self) -> None:
        for session in self.sessions:
            session.close()

    def prepare(self, messages: list) -> None:
        announced = self.capabilities()
        if "UTF8=ACCEPT" in announced:
            self.must([b"ENABLE UTF8=ACCEPT"], self.filler)
        for mailbox in commands.MAILBOXES[1:]:
            self.must([f'CREATE "{mailbox}"'.encode()])
        for mailbox in ("INBOX", "Work"):
            self.must([f"SUBSCRIBE {mailbox}".encode()])
        self.mark()  # which also makes dovecot keep MODSEQs
        for flags, date, raw in messages:
            if "UTF8=ACCEPT" in announced and beyond_ascii(raw):
                self.must([f"APPEND INBOX {flags} {date} UTF8 (~{{{len(raw)}+}}".encode(), raw + b")"], self.filler)
            else:
                self.must([f"APPEND INBOX {flags} {date} {{{len(raw)}+}}".encode(), raw])
        for name in ("INBOX", *commands.MAILBOXES[1:]):
            self.reader.listed(self.must([f'STATUS "{name}" (UIDVALIDITY)'.encode()]))

    def must(self, pieces: list[bytes], session: Session | None = None) -> list[Response]:
        found = (session or self.observer).command(pieces)
        assert found[-1].name == "OK", f"{self.name}: {pieces!r}: {found[-1].text}"
        return found

    def capabilities(self) -> frozenset:
        return frozenset(str(word) for word in self.must([b"CAPABILITY"])[0].arguments)

    def mark(self) -> None:
        values = {}
        for mailbox in commands.MAILBOXES:
            found = self.observer.command([f'STATUS "{mailbox}" (HIGHESTMODSEQ)'.encode()])
            if found[-1].name == "OK":
                values[mailbox] = int(found[0].arguments[1][1])
        self.reader.marks.append(values)

    def uids(self, session: int) -> list[int | None]:
        view = self.sessions[session].view
        return [message.uid for message in view.messages] if view is not None else []

    def pieces(self, step: Step, uids: list) -> list[bytes]:
        """The command as bytes, with its places filled in, cut behind each literal's announcement."""

        def fill(match: re.Match) -> str:
            kind, which = match.groups()
            if kind == "seq":
                return str(int(which) % len(uids) + 1) if uids else "1"
            if kind == "uid":
                return str(uids[int(which) % len(uids)]) if uids else "1"
            if kind == "mark":
                values = self.reader.marks[int(which)] if int(which) < len(self.reader.marks) else {}
                return str(values.get(self.mailboxes[step.session] or "INBOX", 1))
            return str(self.reader.validities.get(which, 1))

        pieces = [b""]
        for part in step.parts:
            if isinstance(part, Literal):
                pieces[-1] += f"{{{len(part.data)}{'' if part.synchronising else '+'}}}".encode()
                pieces.append(part.data)
            else:
                pieces[-1] += PLACE.sub(fill, part).encode("latin-1")
        return pieces


def beyond_ascii(message: bytes) -> bool:
    """In its header."""
    return max(message.split(b"\r\n\r\n")[0], default=0) > 126


def target_of(step: Step) -> str:
    """The mailbox that a command names, for its UIDVALIDITY."""
    first = 1 if step.verb in ("APPEND", "SELECT", "EXAMINE") else len(step.parts) - 1
    part = step.parts[first] if len(step.parts) > first else ""
    name = part.data.decode("latin-1") if isinstance(part, Literal) else part.strip().strip('"')
    return "INBOX" if name.upper() == "INBOX" else name


class Play:
    def __init__(self, ours: Side, theirs: Side):
        self.sides = (ours, theirs)
        self.stale = [False, False]
        self.found: list[Difference] = []
        self.step: Step | None = None
        self.status = self.sent = ""
        self.texts = ("", "")
        self.read_only = [False, False]
        self.idling = [False, False]
        self.mistakes = [0, 0]

    # --- what differs ---

    def differ(self, kind: str, path: str, ours, theirs) -> None:
        stale = self.stale[self.step.session]
        read_only = self.read_only[self.step.session]
        found = Difference(self.step, kind, path, ours, theirs, stale, self.status, b"", self.sent, read_only, self.texts)
        self.found.append(found)

    def compare(self, kind: str, ours, theirs) -> None:
        for path, one, other in differences(ours, theirs):
            self.differ(kind, path, one, other)

    # --- steps ---

    def take(self, step: Step) -> list[Difference]:
        """The differences of one step."""
        self.found, self.step = [], step
        self.status = self.sent = ""
        self.texts = ("", "")
        try:
            self.perform(step)
        except (Ended, Malformed) as error:
            self.differ("protocol", str(error), None, None)
        for side in self.sides:
            for session in side.sessions:
                for wrong in session.view.wrong if session.view is not None else []:
                    self.differ("protocol", f"{session.name}: {wrong}", None, None)
        return self.found

    def perform(self, step: Step) -> None:
        if step.verb == "mark":
            for side in self.sides:
                side.mark()
        elif step.verb == "look":
            self.look(step.session)
        elif step.verb == "idle":
            if not self.idling[step.session]:
                for side in self.sides:
                    side.sessions[step.session].idle()
                self.idling[step.session] = True
        elif step.verb == "done":
            if self.idling[step.session]:
                statuses = [side.sessions[step.session].done()[-1].name for side in self.sides]
                self.idling[step.session] = False
                self.compare("status", *statuses)
        elif not self.idling[step.session]:
            self.command(step)

    def add_messages(self, session: int) -> None:
        """To what differs by message. Both are asked, since both may tell news with the answer."""
        texts: dict[str, bytes] = {}
        for difference in self.found:
            uid = difference.path.split("/")[1] if difference.kind == "fetch" else ""
            if uid.isdigit() and uid not in texts:
                texts[uid] = b"".join(self.messages(session, [uid]))
            difference.message = texts.get(uid, b"")

    def add_found(self, step: Step) -> None:
        """Which messages only one of the servers finds, in place of what follows from that."""
        if not self.found or self.step.verb == "THREAD" and self.status != "OK":
            return
        keys = re.sub(r"^(UID )?(SEARCH|SORT|THREAD)( RETURN \([^)]*\))?( \([^)]*\) UTF-8| \S+ UTF-8)?", "", step.parts[0])
        charset = "" if "CHARSET" in keys else " CHARSET UTF-8"
        plain = Step(step.session, "SEARCH", (f"UID SEARCH{charset}{keys}", *step.parts[1:]), True)
        uids = self.sides[0].uids(step.session)
        found = []
        for side in self.sides:
            answer = side.sessions[step.session].command(side.pieces(plain, uids))
            found.append({int(uid) for one in answer if one.name == "SEARCH" for uid in one.arguments if not isinstance(uid, list)})
        only = sorted(found[0] ^ found[1])
        if only:
            self.found = []
            self.differ("search", "", sorted(found[0] - found[1]), sorted(found[1] - found[0]))
        elif step.verb != "SEARCH":
            only = self.moved(step)
        if only:
            self.found[0].only = self.messages(step.session, only)

    def moved(self, step: Step) -> list[int]:
        """Whose place in the order or in the threads is not the same; UIDs."""
        found = []
        uids = self.sides[0].uids(step.session)
        plain = Step(step.session, step.verb, (re.sub(r"^(UID )?(\w+)( RETURN \([^)]*\))?", r"UID \2", step.parts[0]), *step.parts[1:]), True)
        for side in self.sides:
            answer = side.sessions[step.session].command(side.pieces(plain, uids))
            found.append(next((one.arguments for one in answer if one.name == step.verb), []))
        ours, theirs = found
        if ours == theirs or step.verb == "SORT" and ours == self.asked_anew(step, ours):
            for difference in self.found:
                difference.path = "only when asked first"
            return []
        self.found = []
        self.differ("search", "order", ours, theirs)
        self.found[0].texts_by_uid = dict(zip(ours, self.messages(step.session, ours))) if step.verb == "SORT" else {}
        if step.verb == "THREAD":
            return sorted({number for one in ours if one not in theirs for number in flat(one)})
        same = SequenceMatcher(None, ours, theirs, autojunk=False).get_matching_blocks()
        kept = {ours[block.a + at] for block in same for at in range(block.size)}
        return [int(number) for number in ours if number not in kept]

    def asked_anew(self, step: Step, uids: list) -> list:
        """How dovecot sorts the same messages in a session that has done nothing else."""
        theirs = self.sides[1]
        criteria = re.search(r"\([^)]*\) UTF-8", re.sub(r"RETURN \([^)]*\)", "", step.parts[0])).group(0)
        theirs.observer.command([f'EXAMINE "{theirs.mailboxes[step.session]}"'.encode()])
        answer = theirs.observer.command([f"UID SORT {criteria} UID {','.join(uids) or '1'}".encode()])
        theirs.observer.command([b"UNSELECT"])
        return next((one.arguments for one in answer if one.name == "SORT"), [])

    def messages(self, session: int, uids: list) -> tuple:
        """Both are asked, so that both may tell news."""
        asked = f"UID FETCH {','.join(map(str, uids))} BODY.PEEK[]".encode()
        answers = [side.sessions[session].command([asked]) for side in self.sides]
        return tuple(one.arguments[0][-1] or b"" for one in answers[0] if one.name == "FETCH")

    def look(self, session: int) -> None:
        """After NOOP both must show the same, and have told all that had changed."""
        if self.idling[session] or self.sides[0].sessions[session].view is None:
            return
        pictures = []
        for side in self.sides:
            one = side.sessions[session]
            one.command([b"NOOP"])
            told = one.view.picture() if one.view is not None else []
            one.command([b"UID FETCH 1:* (UID FLAGS)"])
            actual = one.view.picture() if one.view is not None else []
            pictures.append(actual)
            if len(told) != len(actual):
                self.differ("untold", f"{side.name}/count", len(told), len(actual))
            for (uid, flags), (_, now) in zip(told, actual):
                if uid is not None and flags is not None and flags != now:
                    self.differ("untold", f"{side.name}/{uid}", sorted(flags), sorted(now or ()))
        ours, theirs = pictures
        self.compare("picture", {"uids": [uid for uid, _ in ours]}, {"uids": [uid for uid, _ in theirs]})
        if not self.found:
            by_uid = [{uid: {"FLAGS": sorted(flags or ())} for uid, flags in picture} for picture in pictures]
            self.compare("picture", *by_uid)
        self.stale[session] = False

    def needs_look(self, step: Step) -> bool:
        """Numbers mean the same only where the views are the same; so do searches."""
        session = step.session
        ours, theirs = (side.uids(session) for side in self.sides)
        if step.verb not in NUMBERED:
            return step.verb == "CLOSE" and self.stale[session]
        if ours != theirs or None in ours:
            return True
        text = step.text()
        conditional = step.verb in ("SEARCH", "SORT", "THREAD", "EXPUNGE") or any(word in text for word in ("SINCE", "MODSEQ", "$"))
        return self.stale[session] and conditional

    def command(self, step: Step) -> None:
        session = step.session
        if self.needs_look(step):
            self.look(session)
            if self.found:
                return
        uids = self.sides[0].uids(session)
        answers = [self.send(side, step, uids) for side in self.sides]
        ours, theirs = (answer[-1] for answer in answers)
        self.texts = (ours.text, theirs.text)
        self.status = ours.name if ours.name == theirs.name else ""
        self.compare("status", ours.name, theirs.name)
        self.calm(session, "BAD" in (ours.name, theirs.name))
        if ours.name == theirs.name:
            self.compare_answers(step, answers)
        if re.match(r'RENAME "?INBOX"? ', self.sent, re.IGNORECASE) and self.status == "OK":
            self.differ("renamed", "INBOX", None, None)
        if re.match("SELECT|EXAMINE", self.sent) and (ours.name, theirs.name) != ("OK", "OK"):
            self.unselect(session)
        sets_seen = step.verb == "FETCH" and re.search(r"(BODY|BINARY)\[|RFC822(?!\.(SIZE|HEADER))", step.notes["items"])
        if sets_seen or step.verb not in ("FETCH", "SEARCH", "SORT", "THREAD", "LIST", "LSUB", "NOOP", "mistake"):
            self.stale[1 - session] = True

    def unselect(self, session: int) -> None:
        """After a SELECT that failed: what is still open then depends on how (RFC 3501 6.3.1)."""
        for side in self.sides:
            side.sessions[session].command([b"UNSELECT"])
            side.sessions[session].view = None

    def calm(self, session: int, bad: bool) -> None:
        """A good command after some that were not, since servers close the connection after too many."""
        self.mistakes[session] = self.mistakes[session] + 1 if bad else 0
        if self.mistakes[session] == MISTAKES_MAX:
            for side in self.sides:
                side.sessions[session].command([b"NOOP"])
            self.mistakes[session] = 0

    def send(self, side: Side, step: Step, uids: list) -> list[Response]:
        one = side.sessions[step.session]
        pieces = side.pieces(step, uids)
        self.sent = self.sent or b"".join(pieces).decode("latin-1")
        if step.verb in ("SELECT", "EXAMINE"):
            one.view = View()
        if step.verb in ("DELETE", "RENAME"):
            side.reader.forget()
        answer = one.command(pieces)
        status = answer[-1].name
        if step.verb in ("SELECT", "EXAMINE"):
            side.mailboxes[step.session] = target_of(step)
            self.read_only[step.session] = step.verb == "EXAMINE"
        elif step.verb == "STORE" and step.notes["silent"] and one.view is not None:
            for message in one.view.messages:
                message.flags = None  # the client knows what it did, but not of which message it was done
        elif step.verb in ("CLOSE", "UNSELECT") and status == "OK":
            one.view = None
        return answer

    def compare_answers(self, step: Step, answers: list) -> None:
        readers = [side.reader for side in self.sides]
        mailbox = self.sides[0].mailboxes[step.session]
        target = target_of(step)
        self.compare("code", *(one.code(answer[-1].code, mailbox, target) for one, answer in zip(readers, answers)))
        if step.verb == "mistake" or self.status == "BAD":
            return
        if step.verb == "FETCH":
            asked = {name for name in ("UID", "FLAGS", "MODSEQ") if re.search(rf"\b{name}\b", step.notes["items"])}
            if step.notes["items"] in ("ALL", "FAST", "FULL"):
                asked.add("FLAGS")
            found = [one.fetched(mailbox, answer, asked) for one, answer in zip(readers, answers)]
            if self.stale[step.session]:
                without_news(*found)
            self.compare("fetch", *found)
            self.add_messages(step.session)
            self.compare("vanished", *(earlier(answer) for answer in answers))
        elif step.verb in ("SEARCH", "SORT", "THREAD"):
            self.compare("search", *(one.searched(mailbox, answer) for one, answer in zip(readers, answers)))
            self.add_found(step)
        elif step.verb in ("LIST", "LSUB", "STATUS"):
            self.compare(step.verb.lower(), *without_children([one.listed(answer) for one, answer in zip(readers, answers)], step))
        elif step.verb in ("SELECT", "EXAMINE") and self.status == "OK":
            self.compare("select", *(one.selected(mailbox, answer) for one, answer in zip(readers, answers)))
            if not self.found:
                self.look(step.session)
        else:
            self.compare("data", *(others(answer) for answer in answers))


def flat(value) -> list[int]:
    return [number for one in value for number in flat(one)] if isinstance(value, list) else [int(value)]


def without_news(ours: dict, theirs: dict) -> None:
    """Drops what only one server told of a message when it may have been told unasked."""
    for one, other in ((ours, theirs), (theirs, ours)):
        for uid in [uid for uid in one if uid not in other and set(one[uid]) <= NOT_ASKED]:
            del one[uid]


def without_children(listings: list[dict], step: Step) -> list[dict]:
    """\\HasChildren and its opposite may always be told, and must be where RETURN (CHILDREN) asks."""
    for listing in listings:
        for entry in listing.values():
            if "CHILDREN" not in step.text():
                entry.pop("children", None)
    return listings


def earlier(answer: list[Response]) -> list:
    """VANISHED (EARLIER)."""
    return sorted(str(one.arguments[1]) for one in answer if one.name == "VANISHED" and isinstance(one.arguments[0], list))


def others(answer: list[Response]) -> dict:
    """Untagged data that a command is for: ENABLED, NAMESPACE."""
    found = {one.name: one.arguments for one in answer if one.tag == "*" and one.name in ("ENABLED", "NAMESPACE")}
    return found | {"ENABLED": sorted(found.get("ENABLED", []))}


def play(ours: Side, theirs: Side, seed: int, steps: list[Step], explain, survey: bool = False) -> tuple[list[Difference], dict]:
    """The differences of the first step that has some which explain() doesn't know, and how often it knew which.

    In a survey all of them, as long as both servers' state may still be the same.
    """
    counts: dict = {}
    unexplained: list = []
    messages = commands.initial(seed)
    for side in (ours, theirs):
        side.prepare(messages)
    one = Play(ours, theirs)
    for step in steps:
        ends = False
        for difference in one.take(step):
            entry = explain(difference)
            if entry is None:
                unexplained.append(difference)
                ends = ends or not survey or difference.kind in DIVERGING
            else:
                counts[entry.name] = counts.get(entry.name, 0) + 1
                ends = ends or entry.ends
        if ends:
            break
    return unexplained, counts


def without(steps: list[Step], at: int, count: int) -> list[Step]:
    return [replace(step) for step in steps[:at] + steps[at + count :]]

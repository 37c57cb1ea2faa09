"""Random POP3 commands, played to Posthorn and to dovecot in lock step: two sessions on one mailbox.

A session's first command is STAT, so that both servers take their picture of the mailbox at the same time. Between
the sessions' commands mail arrives by IMAP, and another program removes some. Compared are status, sizes, the bytes of
RETR and TOP, UIDL by which message it stands for, and what is in the mailbox when all have gone.
"""

import imaplib
import random
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass, field

import server as house
from dovecot import PASSWORD
from messages import NASTY

SECONDS = 30
SESSIONS = 2
MESSAGES = 8  # at first
ERRORS = 8  # of a session; ten end it at ours
MANY_LINES = {"LIST", "UIDL", "RETR", "TOP", "CAPA"}


@dataclass(frozen=True)
class Step:
    session: int
    command: str  # a line; or QUIT, BREAK (the connection), ARRIVE name, EXPUNGE n (by IMAP)

    @property
    def verb(self) -> str:
        return self.command.split(" ")[0].upper()

    def __str__(self) -> str:
        return f"{self.session}: {self.command!r}"


@dataclass
class Difference:
    step: Step
    kind: str
    ours: object
    theirs: object
    gone: bool  # somebody else removed messages since this session took its picture

    def __str__(self) -> str:
        return f"{self.step} {self.kind}: ours {self.ours!r}, theirs {self.theirs!r}{' (gone)' if self.gone else ''}"


@dataclass(frozen=True)
class Explanation:
    name: str
    verdict: str  # ours, allowed
    source: str
    reason: str
    matches: Callable[[Difference], bool]


class Ended(Exception):
    """The server closed the connection."""


class Session:
    def __init__(self, port: int, user: str, password: str):
        self.socket = socket.create_connection((house.HOST, port), SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.reader = self.socket.makefile("rb")
        self.line()
        for command in (f"USER {user}", f"PASS {password}"):
            status = self.ask(command)[0]
            assert status == "+OK", (command, status)

    def line(self) -> bytes:
        line = self.reader.readline()
        if not line.endswith(b"\r\n"):
            raise Ended
        return line[:-2]

    def ask(self, command: str) -> tuple[str, bytes, list[bytes] | None]:
        """Status, the rest of its line, and the lines that follow."""
        self.socket.sendall(command.encode() + b"\r\n")
        status, _, rest = self.line().partition(b" ")
        words = command.upper().split()
        if status != b"+OK" or not words or words[0] not in MANY_LINES or (words[0] in ("LIST", "UIDL") and len(words) > 1):
            return status.decode(), rest, None
        lines = []
        while (line := self.line()) != b".":
            lines.append(line[1:] if line.startswith(b".") else line)
        return "+OK", rest, lines

    def close(self) -> None:
        self.reader.close()
        self.socket.close()


@dataclass
class Side:
    """One server and one account on it."""

    name: str
    port: int
    imap_port: int
    user: str
    password: str
    sessions: list[Session | None] = field(default_factory=lambda: [None] * SESSIONS)
    pictures: list[list[str]] = field(default_factory=lambda: [[] for _ in range(SESSIONS)])
    identities: dict[str, int] = field(default_factory=dict)  # UIDL: which one, in the order of their first sight

    def imap(self) -> imaplib.IMAP4:
        client = imaplib.IMAP4(house.HOST, self.imap_port)
        client.login(self.user, self.password)
        return client

    def arrive(self, *raws: bytes) -> None:
        with self.imap() as client:
            for raw in raws:
                assert client.append("INBOX", None, None, raw)[0] == "OK"

    def expunge(self, number: int) -> None:
        with self.imap() as client:
            client.select("INBOX")
            client.store(str(number), "+FLAGS.SILENT", r"(\Deleted)")
            client.expunge()

    def content(self) -> list[bytes]:
        with self.imap() as client:
            count = int(client.select("INBOX", readonly=True)[1][0])
            if count == 0:
                return []
            return [part[1] for part in client.fetch("1:*", "(BODY.PEEK[])")[1] if isinstance(part, tuple)]

    def open(self, number: int) -> None:
        self.sessions[number] = Session(self.port, self.user, self.password)
        self.sessions[number].ask("STAT")
        self.pictures[number] = [line.decode().split(" ", 1)[1] for line in self.sessions[number].ask("UIDL")[2]]
        for name in self.pictures[number]:
            self.identities.setdefault(name, len(self.identities))

    def close(self) -> None:
        for session in self.sessions:
            if session is not None:
                session.close()


class Generator:
    WRONG = ["FOO", "", "RETR", "RETR 0", "RETR x", "RETR -1", "RETR 99", "DELE", "DELE 0", "DELE 99", "LIST 0", "LIST x", "LIST 99",
             "UIDL 99", "UIDL x", "TOP 1", "TOP", "TOP 99 1", "TOP 1 -1", "TOP 1 x", "USER x", "PASS y", "STLS", "RETR 1 2", "DELE 1 2"]  # fmt: skip

    def __init__(self, seed: int):
        self.dice = random.Random(seed)
        # Headers beyond ASCII are made anew for who has not said UTF8 (RFC 6856); dovecot doesn't do that.
        self.names = [name for name, raw in NASTY.items() if raw.isascii()]

    def first(self) -> list[str]:
        return [self.dice.choice(self.names) for _ in range(self.dice.randrange(MESSAGES))]

    def command(self, session: int) -> str:
        number = self.dice.randint(1, MESSAGES + 2)
        lines = self.dice.choice([0, 1, 2, 5, 1000])
        choices = ["STAT", "LIST", "UIDL", f"LIST {number}", f"UIDL {number}", f"RETR {number}", f"TOP {number} {lines}", f"DELE {number}",
                   "RSET", "NOOP", f"retr {number}", f"List {number}", "noop", f"RETR {number} "]  # fmt: skip
        weights = [2, 3, 3, 3, 3, 8, 6, 8, 1, 1, 1, 1, 1, 1]
        if self.dice.random() < 0.08:
            return self.dice.choice(self.WRONG)
        return self.dice.choices(choices, weights)[0]

    def sequence(self, count: int) -> list[Step]:
        steps = []
        for _ in range(count):
            session = self.dice.randrange(SESSIONS)
            chance = self.dice.random()
            if chance < 0.08:
                steps.append(Step(session, "QUIT"))
            elif chance < 0.11:
                steps.append(Step(session, "BREAK"))
            elif chance < 0.15:
                steps.append(Step(session, f"ARRIVE {self.dice.choice(self.names)}"))
            elif chance < 0.18:
                steps.append(Step(session, f"EXPUNGE {self.dice.randint(1, MESSAGES)}"))
            else:
                steps.append(Step(session, self.command(session)))
        return steps + [Step(session, "QUIT") for session in range(SESSIONS)]


def meaning(side: Side, step: Step, answer: tuple) -> dict[str, object]:
    """What an answer says, by kinds that are the same for both servers."""
    status, rest, lines = answer
    told: dict[str, object] = {"status": status}
    if status != "+OK":
        return told
    words = rest.split()
    if step.verb == "STAT":
        told["figures"] = words[:2]
    elif step.verb == "LIST":
        told["sizes"] = words[:2] if lines is None else [line.split()[:2] for line in lines]
    elif step.verb == "UIDL":
        pairs = [words[:2]] if lines is None else [line.split()[:2] for line in lines]
        told["messages"] = [(number, side.identities.get(name.decode())) for number, name in pairs]
    elif step.verb in ("RETR", "TOP"):
        told["text"] = b"\n".join(lines)
    return told


class Play:
    def __init__(self, ours: Side, theirs: Side, explain: Callable[[Difference], Explanation | None]):
        self.sides = (ours, theirs)
        self.explain = explain
        self.unexplained: list[Difference] = []
        self.counts: dict[str, int] = {}
        self.errors = [0] * SESSIONS
        self.removed = [False] * SESSIONS  # somebody else removed something since the picture was taken

    def differ(self, step: Step, kind: str, ours: object, theirs: object, gone: bool = False) -> None:
        one = Difference(step, kind, ours, theirs, gone)
        found = self.explain(one)
        if found is None:
            self.unexplained.append(one)
        else:
            self.counts[found.name] = self.counts.get(found.name, 0) + 1

    def both(self, act: Callable[[Side], object]) -> list:
        answers = []
        for side in self.sides:
            try:
                answers.append(act(side))
            except (Ended, ConnectionError):
                answers.append(None)
        return answers

    def drop(self, number: int) -> None:
        for side in self.sides:
            if side.sessions[number] is not None:
                side.sessions[number].close()
            side.sessions[number] = None
        self.errors[number] = 0

    def open(self, step: Step) -> None:
        self.both(lambda side: side.open(step.session))
        self.removed[step.session] = False
        ours, theirs = (len(side.pictures[step.session]) for side in self.sides)
        if ours != theirs:
            self.differ(step, "picture", ours, theirs)

    def take(self, step: Step) -> None:
        number = step.session
        if step.verb == "ARRIVE":
            self.both(lambda side: side.arrive(NASTY[step.command.split(" ", 1)[1]]))
            return
        if step.verb == "EXPUNGE":
            count = len(self.sides[0].content())
            if count:
                self.removed = [True] * SESSIONS
                self.both(lambda side: side.expunge(min(int(step.command.split(" ")[1]), count)))
            return
        if step.verb == "BREAK":
            self.drop(number)
            return
        if self.sides[0].sessions[number] is None:
            self.open(step)
        answers = self.both(lambda side: side.sessions[number].ask(step.command))
        gone = self.removed[number]
        if None in answers:
            if answers != [None, None]:
                self.differ(step, "ended", *(answer is None for answer in answers), gone)
            self.drop(number)
            return
        ours, theirs = (meaning(side, step, answer) for side, answer in zip(self.sides, answers))
        for kind in ours.keys() & theirs.keys():
            if ours.get(kind) != theirs.get(kind):
                self.differ(step, kind, ours.get(kind), theirs.get(kind), gone)
        self.errors[number] += answers[0][0] != "+OK"
        if step.verb == "QUIT":
            self.removed = [True] * SESSIONS
        if step.verb == "QUIT" or self.errors[number] >= ERRORS:
            self.drop(number)

    def run(self, first: list[str], steps: list[Step]) -> None:
        self.both(lambda side: side.arrive(*(NASTY[name] for name in first)))
        for step in steps:
            self.take(step)
            if self.unexplained:
                return
        contents = [side.content() for side in self.sides]
        if contents[0] != contents[1]:
            self.differ(steps[-1], "content", *map(len, contents))


def status(verb: str, ours: str, theirs: str, sent: str = "", gone: bool | None = None) -> Callable[[Difference], bool]:
    return lambda one: (
        one.kind == "status"
        and re.fullmatch(verb, one.step.verb) is not None
        and (one.ours, one.theirs) == (ours, theirs)
        and re.search(sent, one.step.command, re.IGNORECASE) is not None
        and gone in (None, one.gone)
    )


EXPLANATIONS = [
    Explanation(
        "a blank at the end of a line", "allowed", "RFC 1939 3",
        "There is one blank before each argument and none behind the last. We pass over it, dovecot takes it for another argument.",
        status("RETR", "+OK", "-ERR", " $"),
    ),
]  # fmt: skip


def explain(one: Difference) -> Explanation | None:
    return next((known for known in EXPLANATIONS if known.matches(one)), None)


def play(arena, seed: int, count: int, explain=explain) -> Play:
    account = arena.posthorn.account("pop")
    ours = Side("posthorn", arena.posthorn.ports["pop3"], arena.posthorn.ports["imap"], account.address, account.password)
    theirs = Side("dovecot", arena.dovecot.pop3_port, arena.dovecot.port, f"pop{next(arena.numbers)}", PASSWORD)
    generator = Generator(seed)
    one = Play(ours, theirs, explain)
    try:
        one.run(generator.first(), generator.sequence(count))
    finally:
        ours.close()
        theirs.close()
    return one


def table() -> str:
    rows = "".join(f"| {one.name} | {one.verdict} | {one.source} | {one.reason} |\n" for one in sorted(EXPLANATIONS, key=lambda one: one.name))
    return f"| difference over POP3 | right | source | reason |\n|---|---|---|---|\n{rows}"

"""Random sequences of commands for two sessions, the same for the same seed.

A command is text with places to be filled in when it is sent, for each server on its own:
<seq:N> and <uid:N> are numbers of messages that are there (N modulo how many), <mark:N> is the HIGHESTMODSEQ that the
selected mailbox had at a mark, <validity:NAME> a mailbox's UIDVALIDITY. So a shortened sequence still makes sense.
"""

import random
from dataclasses import dataclass, field

import messages

SESSIONS = 2
MAILBOXES = ["INBOX", "Work", "Work/Sub", "&AMQ-rger", "with space"]  # made for every sequence
OTHER_NAMES = ["New", "New/Deep/Deeper", "Sent", "Trash", "work", "Inbox", "Missing", "Work/Sub/Subsub"]
FLAGS = [r"\Seen", r"\Flagged", r"\Deleted", r"\Answered", r"\Draft", "$Forwarded", "Keyword", "keyword2"]
FIELDS = ["Subject", "From", "To", "cc", "DATE", "Message-Id", "References", "Content-Type", "X-Missing", "Received"]


@dataclass(frozen=True)
class Literal:
    data: bytes
    synchronising: bool = False


@dataclass
class Step:
    """One command of one session; look: NOOP and a whole view; mark: remember HIGHESTMODSEQ; idle, done."""

    session: int
    verb: str
    parts: tuple = ()  # of str and Literal
    uid: bool = False
    notes: dict = field(default_factory=dict)

    def text(self) -> str:
        return "".join(part if isinstance(part, str) else f"{{{len(part.data)}}}{part.data[:60]!r}" for part in self.parts)

    def __str__(self) -> str:
        return f"{'AB'[self.session]}: {self.text() or self.verb}"


def string(value: str, dice: random.Random) -> list:
    """As an astring in one of its forms."""
    plain = value and all(letter.isalnum() or letter in "-./_&+," for letter in value) and value.upper() != "NIL"
    form = dice.random()
    if plain and form < 0.6:
        return [value]
    if form > 0.93 or any(ord(letter) > 126 for letter in value):
        return [Literal(value.encode(), dice.random() < 0.5)]
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return [f'"{escaped}"']


class Generator:
    def __init__(self, seed: int, capabilities: frozenset = frozenset()):
        self.dice = random.Random(seed)
        self.capabilities = capabilities  # of both servers
        self.enabled = [False, False]
        self.steps: list[Step] = []
        self.marks = 0
        self.selected: list[str | None] = [None] * SESSIONS
        self.idling = None

    # --- pieces ---

    def some(self, values: list, most: int = 3) -> list:
        return self.dice.sample(values, self.dice.randint(1, min(most, len(values))))

    def mailbox(self) -> list:
        dice = self.dice
        name = dice.choice(MAILBOXES) if dice.random() < 0.8 else dice.choice(OTHER_NAMES)
        return string(name, dice)

    def message_set(self, uid: bool) -> str:
        dice = self.dice

        def number() -> str:
            if dice.random() < 0.08:
                return "*"
            return f"<{'uid' if uid else 'seq'}:{dice.randrange(40)}>"

        roll = dice.random()
        if roll < 0.3:
            return "1:*"
        if roll < 0.34:
            return "$"
        parts = [number() if dice.random() < 0.6 else f"{number()}:{number()}" for _ in range(dice.choice([1, 1, 1, 2, 3]))]
        if uid and dice.random() < 0.1:
            parts.append(str(dice.choice([999, "500:510", 4294967295])))
        return ",".join(parts)

    def mark(self) -> str:
        """A MODSEQ that was; the first mark is set before the sequence."""
        dice = self.dice
        return "999999999" if dice.random() < 0.08 else f"<mark:{dice.randint(0, self.marks)}>"

    def flags(self, most: int = 3) -> str:
        return "(" + " ".join(self.some(FLAGS, most)) + ")"

    def add(self, session: int, verb: str, *parts, uid: bool = False, **notes) -> None:
        self.steps.append(Step(session, verb, tuple(parts), uid, notes))

    # --- commands ---

    def select(self, session: int) -> None:
        dice = self.dice
        verb = dice.choice(["SELECT", "SELECT", "SELECT", "EXAMINE"])
        mailbox = self.mailbox() if dice.random() < 0.4 else ["INBOX"]
        options = []
        if dice.random() < 0.15:
            options = [" (CONDSTORE)"]
        elif dice.random() < (0.4 if self.enabled[session] else 0.02):
            mailbox = ["INBOX"]
            known = dice.choice(["", "", f" {self.message_set(True)}", " 1:20"]).replace("$", "1:5")
            if known and "*" not in known and dice.random() < 0.3:
                known += " (1,3,5 1,3,5)" if dice.random() < 0.7 else " (1:2,4 2:3,9)"
            known = known.replace("*", "30")
            options = [f" (QRESYNC (<validity:INBOX> {self.mark()}{known}))"]
        self.add(session, verb, f"{verb} ", *mailbox, *options, mailbox="".join(str(part) for part in mailbox))
        self.selected[session] = "INBOX"

    def close(self, session: int) -> None:
        verb = self.dice.choice(["CLOSE", "UNSELECT"])
        self.add(session, verb, verb)
        self.selected[session] = None

    def section(self) -> str:
        dice = self.dice
        part = ".".join(str(dice.choice([1, 1, 1, 2, 2, 3, 4])) for _ in range(dice.choice([0, 0, 1, 1, 2, 3])))
        what = dice.choice(["", "", "HEADER", "TEXT", "MIME" if part else "HEADER", "HEADER.FIELDS", "HEADER.FIELDS.NOT"])
        if what.startswith("HEADER.FIELDS"):
            what += " (" + " ".join(dice.choice([name, f'"{name}"']) for name in self.some(FIELDS)) + ")"
        return part + ("." if part and what else "") + what

    def fetch_item(self) -> str:
        dice = self.dice
        roll = dice.random()
        if roll < 0.45:
            return dice.choice(
                ["UID", "FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE", "ENVELOPE", "BODY", "BODYSTRUCTURE", "BODYSTRUCTURE",
                 "RFC822", "RFC822.HEADER", "RFC822.TEXT", "MODSEQ", "PREVIEW", "PREVIEW (LAZY)"]
            )  # fmt: skip
        if roll < 0.52 and "BINARY" in self.capabilities:
            part = ".".join(str(dice.choice([1, 1, 2, 3])) for _ in range(dice.choice([0, 1, 1, 2])))
            return dice.choice(["BINARY.PEEK", "BINARY", "BINARY.SIZE"]) + f"[{part}]"
        partial = ""
        if dice.random() < 0.3:
            partial = f"<{dice.choice([0, 0, 1, 5, 40, 300, 100000])}.{dice.choice([1, 2, 10, 100, 4294967295])}>"
        return dice.choice(["BODY.PEEK", "BODY.PEEK", "BODY"]) + f"[{self.section()}]{partial}"

    def fetch(self, session: int) -> None:
        dice = self.dice
        uid = dice.random() < 0.5
        roll = dice.random()
        if roll < 0.06:
            items = dice.choice(["ALL", "FAST", "FULL"])
        elif roll < 0.4:
            items = self.fetch_item()
        else:
            items = "(" + " ".join(self.fetch_item() for _ in range(dice.randint(1, 4))) + ")"
        more = ""
        if dice.random() < 0.12:
            more = f" (CHANGEDSINCE {self.mark()}" + (" VANISHED)" if uid and dice.random() < 0.4 else ")")
        self.add(session, "FETCH", f"{'UID ' if uid else ''}FETCH {self.message_set(uid)} {items}{more}", uid=uid, items=items)

    def store(self, session: int) -> None:
        dice = self.dice
        uid = dice.random() < 0.5
        condition = f" (UNCHANGEDSINCE {self.mark()})" if dice.random() < 0.2 else ""
        # dovecot fails a condition for any flag that changed, Posthorn only for those named (RFC 7162 3.1.12).
        hows = ["FLAGS"] if condition else ["FLAGS", "+FLAGS", "+FLAGS", "-FLAGS"]
        how = dice.choice(hows) + dice.choice(["", "", ".SILENT"])
        flags = self.flags() if dice.random() < 0.85 else dice.choice(["()", r"\Seen \Draft", r"(\Seen \seen)", r"(\Recent)", "()"])
        self.add(session, "STORE", f"{'UID ' if uid else ''}STORE {self.message_set(uid)}{condition} {how} {flags}", uid=uid, silent="SILENT" in how)

    def copy(self, session: int) -> None:
        dice = self.dice
        uid = dice.random() < 0.5
        verb = dice.choice(["COPY", "COPY", "MOVE"])
        mailbox = ["Work"] if dice.random() < 0.5 else self.mailbox()
        self.add(session, verb, f"{'UID ' if uid else ''}{verb} {self.message_set(uid)} ", *mailbox, uid=uid)

    def expunge(self, session: int) -> None:
        if self.dice.random() < 0.5:
            self.add(session, "EXPUNGE", "EXPUNGE")
        else:
            self.add(session, "EXPUNGE", f"UID EXPUNGE {self.message_set(True)}", uid=True)

    def date_time(self) -> str:
        dice = self.dice
        zone = dice.choice(["+0000", "-0800", "+1400"])
        return f'"{dice.randint(1, 28):2}-{dice.choice(["Jan", "Feb", "Dec"])}-{dice.choice([1999, 2024, 2025])} {dice.randrange(24):02}:59:01 {zone}"'

    def append(self, session: int) -> None:
        dice = self.dice
        parts = ["APPEND ", *(["INBOX"] if dice.random() < 0.6 else self.mailbox())]
        for _ in range(dice.choice([1, 1, 1, 2])):
            if dice.random() < 0.5:
                parts.append(f" {self.flags()}")
            if dice.random() < 0.5:
                parts.append(f" {self.date_time()}")
            parts += [" ", Literal(messages.some_message(dice), dice.random() < 0.3)]
        self.add(session, "APPEND", *parts)

    def date(self) -> str:
        dice = self.dice
        return f"{dice.randint(1, 28)}-{dice.choice(['Jan', 'Feb', 'Nov', 'Dec'])}-{dice.choice([2022, 2024, 2025, 2026])}"

    def search_text(self) -> list:
        dice = self.dice
        words = ["plain", "PLAIN", "body", "ss", "ß", "grüße", "GRÜSSE", "example", "a@b", "x", "e f", "", "html", "multipart", "Zürich", "inner"]
        return string(dice.choice(words), dice)

    def search_key(self, depth: int = 0) -> list:
        dice = self.dice
        roll = dice.random()
        if roll < 0.3:
            return [dice.choice(["ALL", "ANSWERED", "DELETED", "DRAFT", "FLAGGED", "SEEN", "UNANSWERED", "UNDELETED", "UNDRAFT", "UNFLAGGED", "UNSEEN"])]
        if roll < 0.36:
            return [dice.choice(["KEYWORD ", "UNKEYWORD "]) + dice.choice(["$Forwarded", "Keyword", "KEYWORD2", "never"])]
        if roll < 0.56:
            return [dice.choice(["SUBJECT", "FROM", "TO", "CC", "BCC", "BODY", "TEXT"]) + " ", *self.search_text()]
        if roll < 0.63:
            return ["HEADER ", dice.choice(FIELDS) + " ", *self.search_text()]
        if roll < 0.72:
            return [dice.choice(["BEFORE", "ON", "SINCE", "SENTBEFORE", "SENTON", "SENTSINCE"]) + " " + self.date()]
        if roll < 0.77:
            return [f"{dice.choice(['LARGER', 'SMALLER'])} {dice.choice([0, 10, 200, 400, 1000])}"]
        if roll < 0.80:
            return [f"{dice.choice(['OLDER', 'YOUNGER'])} {dice.choice([1000, 100000000])}"]
        if roll < 0.85:
            return [self.message_set(False)]
        if roll < 0.89:
            return [f"UID {self.message_set(True)}"]
        if roll < 0.91:
            return [f"MODSEQ {self.mark()}"]
        if depth > 2:
            return ["ALL"]
        if roll < 0.95:
            return ["NOT ", *self.search_key(depth + 1)]
        if roll < 0.98:
            return ["OR ", *self.search_key(depth + 1), " ", *self.search_key(depth + 1)]
        return ["(", *self.search_keys(depth + 1), ")"]

    def search_keys(self, depth: int = 0) -> list:
        keys = self.search_key(depth)
        for _ in range(self.dice.choice([0, 0, 1, 2])):
            keys += [" ", *self.search_key(depth)]
        return keys

    def returns(self) -> str:
        dice = self.dice
        if dice.random() < 0.5:
            return ""
        return " RETURN (" + " ".join(self.some(["MIN", "MAX", "ALL", "COUNT", "SAVE"], 4)) + ")" if dice.random() < 0.9 else " RETURN ()"

    def search(self, session: int) -> None:
        dice = self.dice
        uid = dice.random() < 0.5
        keys = self.search_keys()
        beyond = any(isinstance(part, Literal) and max(part.data, default=0) > 126 for part in keys)
        charset = " CHARSET UTF-8" if beyond or dice.random() < 0.1 else ""
        self.add(session, "SEARCH", f"{'UID ' if uid else ''}SEARCH{self.returns()}{charset} ", *keys, uid=uid)

    def sort(self, session: int) -> None:
        dice = self.dice
        uid = dice.random() < 0.5
        names = ["ARRIVAL", "CC", "DATE", "FROM", "SIZE", "SUBJECT", "TO", "DISPLAYFROM", "DISPLAYTO"]
        criteria = " ".join(dice.choice(["", "", "REVERSE "]) + name for name in self.some(names))
        keys = ["ALL"] if dice.random() < 0.6 else self.search_keys()
        self.add(session, "SORT", f"{'UID ' if uid else ''}SORT{self.returns()} ({criteria}) UTF-8 ", *keys, uid=uid)

    def thread(self, session: int) -> None:
        dice = self.dice
        uid = dice.random() < 0.5
        keys = ["ALL"] if dice.random() < 0.6 else self.search_keys()
        self.add(session, "THREAD", f"{'UID ' if uid else ''}THREAD {dice.choice(['ORDEREDSUBJECT', 'REFERENCES'])} UTF-8 ", *keys, uid=uid)

    def folders(self, session: int) -> None:
        dice = self.dice
        verb = dice.choice(["CREATE", "CREATE", "DELETE", "RENAME", "SUBSCRIBE", "UNSUBSCRIBE"])
        names = ["New", "New/Deep", "New/Deep/Deeper", "Work/Sub", "Work/Sub/Subsub", "with space", "&AMQ-rger", "Work", "INBOX", "Missing", "Other", "inbox/Under"]
        name = dice.choice(names) + ("/" if verb == "CREATE" and dice.random() < 0.15 else "")
        parts = [f"{verb} ", *string(name, dice)]
        if verb == "RENAME":
            parts += [" ", *string(dice.choice(names), dice)]
        self.add(session, verb, *parts)

    def listing(self, session: int) -> None:
        dice = self.dice
        pattern = dice.choice(["*", "*", "%", "Work/%", "%/%", "w*", "INBOX", "inbox", "*Sub", "Work*", "", "New%", "Missing"])
        reference = dice.choice(["", "", "", "", "Work/", "Work", "INBOX"])
        if dice.random() < 0.25:
            self.add(session, "LSUB", f'LSUB "{reference}" "{pattern}"')
            return
        select = returns = ""
        if dice.random() < 0.4:
            select = dice.choice(["(SUBSCRIBED) ", "(SUBSCRIBED RECURSIVEMATCH) ", "(REMOTE) ", "(SPECIAL-USE) ", "() ", "(RECURSIVEMATCH) ", "(UNKNOWN) "])
        if dice.random() < 0.5:
            options = self.some(["SUBSCRIBED", "CHILDREN", "SPECIAL-USE", "STATUS (MESSAGES UNSEEN)", "STATUS (UIDNEXT SIZE)"], 2)
            returns = " RETURN (" + " ".join(options) + ")"
        pattern = f'"{pattern}"' if dice.random() < 0.85 else f'("{pattern}" "INBOX" "Work/%")'
        self.add(session, "LIST", f'LIST {select}"{reference}" {pattern}{returns}')

    def status(self, session: int) -> None:
        items = " ".join(self.some(["MESSAGES", "UIDNEXT", "UIDVALIDITY", "UNSEEN", "HIGHESTMODSEQ", "SIZE"], 6))
        self.add(session, "STATUS", "STATUS ", *self.mailbox(), f" ({items})")

    def enable(self, session: int) -> None:
        names = " ".join(self.some(["CONDSTORE", "QRESYNC", "UNKNOWN"], 2))
        self.add(session, "ENABLE", f"ENABLE {names}")
        self.enabled[session] = self.enabled[session] or "QRESYNC" in names

    def mistake(self, session: int) -> None:
        dice = self.dice
        wrong = [
            "FETCH", "FETCH 1", "FETCH 0 UID", "FETCH 1 (UID", "FETCH 1 (UID))", "FETCH a UID", "FETCH 1: UID", "FETCH 1 BODY[", "FETCH 1 BODY[1.]",
            "FETCH 1 BODY[0]", "FETCH 1 BODY[MIME]", "FETCH 1 BODY[HEADER.FIELDS]", "FETCH 1 BODY[HEADER.FIELDS ()]", "FETCH 1 BODY[]<0>",
            "FETCH 1 BODY[]<0.0>", "FETCH 1 NOTHING", "FETCH 1,,2 UID", "FETCH 1 (UID FLAGS ) ", "FETCH  1 UID", "FETCH 1 ()", "FETCH 4294967296 UID",
            "STORE 1 FLAGS", r"STORE 1 FLAGS (\Unknown)", r"STORE 1 +FLAG (\Seen)", "STORE 1 FLAGS (a b", "STORE 1 FLAGS (a\"b)", "STORE 1 FLAGS (a%b)",
            "SEARCH", "SEARCH UNKNOWN", "SEARCH SUBJECT", "SEARCH NOT", "SEARCH OR ALL", "SEARCH (ALL", "SEARCH ()", "SEARCH ON 32-Jan-2024", "SEARCH LARGER x",
            "SEARCH CHARSET X-NONE SUBJECT x", "SEARCH 0", "SEARCH RETURN (X) ALL", "SEARCH RETURN MIN ALL", "SEARCH BEFORE 1-Foo-2024",
            "SORT (SUBJECT) X-NONE ALL", "SORT () UTF-8 ALL", "SORT SUBJECT UTF-8 ALL", "SORT (REVERSE) UTF-8 ALL", "THREAD NONE UTF-8 ALL", "THREAD REFERENCES ALL",
            "COPY 1", "COPY Work", "MOVE 1", "SELECT", "SELECT (CONDSTORE)", "SELECT INBOX (UNKNOWN)", "SELECT INBOX ()", "SELECT INBOX (QRESYNC)", "SELECT INBOX x",
            "STATUS INBOX", "STATUS INBOX ()", "STATUS INBOX (UNKNOWN)", "STATUS INBOX MESSAGES", "CREATE", 'CREATE ""', "CREATE a*b", "CREATE &", "CREATE &AMQ", "RENAME x",
            "LIST", 'LIST ""', 'LIST "" "*" RETURN (UNKNOWN)', 'LIST "" "*" RETURN', "ENABLE", "UID", "UID NOOP", "UID FETCH 0 FLAGS", "UID EXPUNGE", "NOOP x", "UNKNOWN",
            "APPEND INBOX", "APPEND INBOX x", r"APPEND INBOX (\Seen)", 'APPEND INBOX "32-Jan-2024 00:00:00 +0000" {1+}', "CLOSE x", "", " ", "CAPABILITY x",
            "SELECT \"INBOX", "SELECT \"IN\\BOX\"", "SELECT INBOX\"", "SELECT {3+", "SELECT {x}", "STATUS \xe4 (MESSAGES)",
        ]  # fmt: skip
        text = dice.choice(wrong)
        if text.endswith("{1+}"):
            self.add(session, "mistake", text.removesuffix("{1+}"), Literal(b"x"))
        else:
            self.add(session, "mistake", text)

    def plain(self, session: int) -> None:
        verb = self.dice.choice(["NOOP", "NOOP", "CHECK", "NAMESPACE"])
        self.add(session, verb, verb)

    # --- the sequence ---

    COMMANDS = {
        fetch: 26, store: 14, search: 14, copy: 6, expunge: 4, append: 4, sort: 5, thread: 3, select: 4, close: 1,
        folders: 4, listing: 4, status: 3, enable: 1, mistake: 5, plain: 3,
    }  # fmt: skip

    def one(self) -> None:
        dice = self.dice
        session = dice.randrange(SESSIONS)
        if self.idling is not None and dice.random() < 0.3:
            self.add(self.idling, "done")
            self.idling = None
        if session == self.idling:
            session = 1 - session
        roll = dice.random()
        if roll < 0.03 and self.idling is None:
            self.add(session, "idle")
            self.idling = session
        elif roll < 0.08:
            self.add(session, "mark")
            self.marks += 1
        elif roll < 0.16:
            self.add(session, "look")
        elif self.selected[session] is None and dice.random() < 0.7:
            self.select(session)
        else:
            command = dice.choices(list(self.COMMANDS), list(self.COMMANDS.values()))[0]
            command(self, session)

    def sequence(self, count: int) -> list[Step]:
        for session in range(SESSIONS):
            if self.dice.random() < 0.5:
                self.enable(session)
            self.select(session)
        while len(self.steps) < count:
            self.one()
        if self.idling is not None:
            self.add(self.idling, "done")
        for session in range(SESSIONS):
            self.add(session, "look")
        return self.steps


def initial(seed: int) -> list[tuple[str, str, bytes]]:
    """What INBOX holds before a sequence: flags, date, message."""
    generator = Generator(seed ^ 0x5EED)
    dice = generator.dice
    count = dice.choice([0, 1, 3, 8, 12, 12, 16])
    found = []
    for _ in range(count):
        flags = generator.flags() if dice.random() < 0.5 else "()"
        found.append((flags, generator.date_time(), messages.some_message(dice)))
    return found

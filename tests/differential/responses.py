"""IMAP responses as data: atoms are Atom, strings bytes (quoted or literal alike), NIL None, lists lists."""

import re
from dataclasses import dataclass, field

STATUSES = ("OK", "NO", "BAD", "BYE", "PREAUTH")
SECTIONED = ("BODY", "BINARY", "BINARY.SIZE")
LITERAL = re.compile(rb"~?\{(\d+)\}\r\n")


class Atom(str):
    """What stood without quotes."""

    def __repr__(self) -> str:
        return str(self)


class Malformed(Exception):
    """No response of IMAP."""


@dataclass
class Code:
    """Of a status response: [NAME arguments]."""

    name: str
    arguments: list = field(default_factory=list)


@dataclass
class Response:
    tag: str  # "*", "+" or a command's
    name: str  # of a status or of the data
    number: int | None = None  # before the name, as in * 3 EXISTS
    arguments: list = field(default_factory=list)
    code: Code | None = None
    text: str = ""
    uid: int | None = None  # of FETCH, by what the client knew when it came


class Parser:
    """One response, literals within it."""

    def __init__(self, data: bytes):
        self.data = data
        self.at = 0

    def rest(self) -> bytes:
        return self.data[self.at :]

    def skip(self, byte: bytes) -> bool:
        if self.data[self.at : self.at + 1] == byte:
            self.at += 1
            return True
        return False

    def word(self) -> str:
        """Up to the next space or the end."""
        end = self.data.find(b" ", self.at)
        end = len(self.data) if end < 0 else end
        text = self.data[self.at : end].decode("latin-1")
        self.at = min(end + 1, len(self.data))
        return text

    def quoted(self) -> bytes:
        out = bytearray()
        self.at += 1
        while self.at < len(self.data):
            byte = self.data[self.at]
            if byte == 0x22:
                self.at += 1
                return bytes(out)
            if byte == 0x5C:
                self.at += 1
                if self.data[self.at : self.at + 1] not in (b'"', b"\\"):
                    raise Malformed(f"a backslash before {self.data[self.at:self.at + 1]!r}")
            elif byte in (0, 10, 13):
                raise Malformed("a control character in a quoted string")
            out.append(self.data[self.at])
            self.at += 1
        raise Malformed("a quoted string does not end")

    def atom(self, stops: bytes) -> Atom | None:
        start = self.at
        while self.at < len(self.data) and self.data[self.at] not in stops:
            if self.data[self.at] == 0x5B and self.data[start : self.at].decode("latin-1").upper() in SECTIONED:
                self.section()
            else:
                self.at += 1
        if self.at == start:
            raise Malformed(f"no value in {self.data[:200]!r} at {self.at}")
        text = Atom(self.data[start : self.at].decode("latin-1"))
        return None if text.upper() == "NIL" else text

    def section(self) -> None:
        """BODY's brackets, names in them perhaps quoted."""
        while self.at < len(self.data):
            if self.data[self.at] == 0x22:
                self.quoted()
            elif self.data[self.at] == 0x5D:
                self.at += 1
                return
            else:
                self.at += 1
        raise Malformed("a section does not end")

    def value(self, stops: bytes = b' ()"\r\n'):
        if self.data[self.at : self.at + 1] == b"(":
            self.at += 1
            return self.values(b")", stops)
        if self.data[self.at : self.at + 1] == b'"':
            return self.quoted()
        literal = LITERAL.match(self.data, self.at)
        if literal:
            end = literal.end() + int(literal.group(1))
            self.at = end
            return self.data[literal.end() : end]
        return self.atom(stops)

    def values(self, end: bytes, stops: bytes = b' ()"\r\n') -> list:
        """Up to the end, which is consumed; b"": to the end of the data. Lists may follow each other without a space."""
        found = []
        while True:
            if (end and self.skip(end)) or (not end and self.at >= len(self.data)):
                return found
            if self.at >= len(self.data):
                raise Malformed(f"a list does not end in {self.data[:200]!r}")
            if found and not self.skip(b" ") and not (isinstance(found[-1], list) and self.data[self.at : self.at + 1] == b"("):
                raise Malformed(f"no space at {self.at} in {self.data[:300]!r}")
            if end and found and self.skip(end):
                raise Malformed(f"a space before the end of a list in {self.data[:300]!r}")
            if self.at < len(self.data) or found:
                found.append(self.value(stops))

    def code(self) -> Code:
        name = re.match(rb"[^ \]]*", self.rest()).group(0)
        self.at += len(name)
        self.skip(b" ")
        arguments = self.values(b"]", b' ()"\r\n]')
        return Code(name.decode("latin-1").upper(), arguments)


def parse(data: bytes) -> Response:
    """Without the last CRLF."""
    parser = Parser(data)
    tag = parser.word()
    if tag == "+":
        return Response("+", "", text=parser.rest().decode("latin-1"))
    name, number = parser.word().upper(), None
    if tag == "*" and name.isdigit():
        name, number = parser.word().upper(), int(name)
    if name not in STATUSES:
        trailing = parser.rest().rstrip(b" ") if name in ("SEARCH", "SORT", "THREAD") else parser.rest()
        parser.data, parser.at = trailing, 0
        return Response(tag, name, number, parser.values(b""))
    code = parser.code() if parser.skip(b"[") else None
    return Response(tag, name, None, [], code, parser.rest().decode("latin-1"))


def set_numbers(text: str, most: int = 100000) -> list[int]:
    """1:3,7 as [1, 2, 3, 7]."""
    numbers = []
    for part in text.split(","):
        first, _, last = part.partition(":")
        low, high = sorted((int(first), int(last or first)))
        if high - low > most:
            raise Malformed(f"the set {text} is too large")
        numbers += range(low, high + 1)
    return numbers

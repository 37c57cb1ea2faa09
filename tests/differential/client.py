"""A session with one server, and what a client that believes all it is told would see in it."""

import socket
from dataclasses import dataclass, field

from responses import LITERAL, Malformed, Response, parse, set_numbers

SECONDS = 30


class Ended(Exception):
    """The server closed the connection or says nothing."""


@dataclass
class Message:
    uid: int | None = None
    flags: frozenset | None = None


def flag_set(values: list) -> frozenset:
    """Flags without regard to case; \\Recent belongs to no session for sure."""
    return frozenset(str(value).lower() for value in values) - {"\\recent"}


@dataclass
class View:
    """The selected mailbox as told."""

    messages: list[Message] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)  # rules of the protocol broken by the server

    def exists(self, count: int) -> None:
        if count < len(self.messages):
            self.wrong.append(f"EXISTS fell from {len(self.messages)} to {count}")
            del self.messages[count:]
        while len(self.messages) < count:
            self.messages.append(Message())

    def expunge(self, number: int) -> None:
        if not 1 <= number <= len(self.messages):
            self.wrong.append(f"EXPUNGE {number} of {len(self.messages)}")
            return
        del self.messages[number - 1]

    def vanished(self, uids: list[int]) -> None:
        gone = set(uids)
        known = {message.uid for message in self.messages}
        self.messages = [message for message in self.messages if message.uid not in gone]
        # UIDs never told belong to the last of the messages of which the client knows no more than that they came.
        for _ in gone - known:
            if self.messages and self.messages[-1].uid is None:
                self.messages.pop()

    def fetch(self, number: int, attributes: dict) -> None:
        if not 1 <= number <= len(self.messages):
            self.wrong.append(f"FETCH {number} of {len(self.messages)}")
            return
        message = self.messages[number - 1]
        if "UID" in attributes:
            uid = int(attributes["UID"])
            if message.uid not in (None, uid):
                self.wrong.append(f"message {number} had UID {message.uid}, now {uid}")
            message.uid = uid
        if "FLAGS" in attributes:
            message.flags = flag_set(attributes["FLAGS"])

    def picture(self) -> list[tuple]:
        return [(message.uid, message.flags) for message in self.messages]


def attribute_name(name: str) -> str:
    """BODY[header.fields ("a" b)]<0> in one spelling."""
    return name.upper().replace('"', "")


def attributes_of(response: Response) -> dict:
    values = response.arguments[0]
    if len(values) % 2:
        raise Malformed(f"FETCH with {len(values)} words")
    return {attribute_name(name): value for name, value in zip(values[::2], values[1::2])}


class Session:
    def __init__(self, name: str, host: str, port: int):
        self.name = name
        self.socket = socket.create_connection((host, port), SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.tag = 0
        self.view: View | None = None
        self.farewell = ""
        self.read()

    def close(self) -> None:
        self.socket.close()

    def receive(self) -> None:
        try:
            more = self.socket.recv(1 << 18)
        except TimeoutError as error:
            raise Ended(f"{self.name} said nothing for {SECONDS} s") from error
        except OSError as error:
            raise Ended(f"{self.name} closed the connection{self.farewell}: {error}") from error
        if not more:
            raise Ended(f"{self.name} closed the connection{self.farewell}")
        self.buffer += more

    def unit(self) -> bytes:
        """A response with its literals, without the last CRLF."""
        start = 0
        while True:
            end = self.buffer.find(b"\r\n", start)
            if end < 0:
                self.receive()
                continue
            brace = self.buffer.rfind(b"{", start, end)
            literal = LITERAL.match(self.buffer, brace) if brace >= 0 else None
            if literal is None or literal.end() != end + 2:
                unit, self.buffer = self.buffer[:end], self.buffer[end + 2 :]
                return unit
            start = literal.end() + int(literal.group(1))
            while len(self.buffer) < start:
                self.receive()

    def read(self) -> Response:
        unit = self.unit()
        try:
            return parse(unit)
        except (Malformed, ValueError, IndexError) as error:
            raise Malformed(f"{self.name} sent {unit[:500]!r}: {error}") from error

    def note(self, response: Response) -> None:
        """An untagged response's meaning for the view."""
        if self.view is None:
            return
        if response.name == "EXISTS":
            self.view.exists(response.number)
        elif response.name == "EXPUNGE":
            self.view.expunge(response.number)
        elif response.name == "VANISHED" and not isinstance(response.arguments[0], list):
            self.view.vanished(set_numbers(response.arguments[0]))
        elif response.name == "FETCH":
            self.view.fetch(response.number, attributes_of(response))
            if 1 <= response.number <= len(self.view.messages):
                response.uid = self.view.messages[response.number - 1].uid

    def until(self, *tags: str) -> list[Response]:
        """Everything up to a response with one of these tags, which comes last."""
        found = []
        while True:
            response = self.read()
            if response.tag == "*":
                if response.name == "OK" and response.code is not None and response.code.name == "CLOSED":
                    self.view = View()
                if response.name == "BYE":
                    self.farewell = f", {response.text}"
                self.note(response)
            found.append(response)
            if response.tag in tags:
                return found

    def command(self, pieces: list[bytes]) -> list[Response]:
        """Each piece but the last ends with a literal's announcement; for a synchronising one the server is asked."""
        self.tag += 1
        tag = f"t{self.tag}"
        said = f"{tag} ".encode()
        found = []
        for position, piece in enumerate(pieces):
            said += piece
            if position + 1 < len(pieces):
                said += b"\r\n"
                if not piece.endswith(b"+}"):
                    self.socket.sendall(said)
                    said = b""
                    found += self.until("+", tag)
                    if found[-1].tag == tag:
                        return found
        self.socket.sendall(said + b"\r\n")
        return found + self.until(tag)

    def idle(self) -> None:
        self.tag += 1
        self.socket.sendall(f"t{self.tag} IDLE\r\n".encode())
        found = self.until("+", f"t{self.tag}")
        if found[-1].tag != "+":
            raise Ended(f"{self.name} does not idle: {found[-1].text}")

    def done(self) -> list[Response]:
        self.socket.sendall(b"DONE\r\n")
        return self.until(f"t{self.tag}")

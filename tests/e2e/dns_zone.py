"""A name server with a zone of our own, over UDP: what the checks of names ask."""

import socket
import struct
import threading

TYPES = {"A": 1, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28, "SRV": 33}


def wire_name(name: str) -> bytes:
    labels = [label.encode() for label in name.rstrip(".").split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def wire_data(kind: str, value: str) -> bytes:
    words = value.split()
    if kind == "A":
        return socket.inet_pton(socket.AF_INET, value)
    if kind == "AAAA":
        return socket.inet_pton(socket.AF_INET6, value)
    if kind == "TXT":
        strings = [value[at : at + 255] for at in range(0, len(value), 255)]
        return b"".join(bytes([len(string)]) + string.encode() for string in strings)
    if kind == "PTR":
        return wire_name(value)
    numbers = [int(word) for word in words[:-1]]
    return struct.pack(f">{len(numbers)}H", *numbers) + wire_name(words[-1])


class Zone:
    """Answers from `records`, {(name, type): [text, ...]}; other names do not exist. Without an entry no type does."""

    def __init__(self, records: dict):
        self.records = records
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def close(self) -> None:
        self.socket.close()

    def run(self) -> None:
        while True:
            try:
                question, peer = self.socket.recvfrom(4096)
            except OSError:
                return
            self.socket.sendto(self.answer(question), peer)

    def answer(self, question: bytes) -> bytes:
        labels = []
        at = 12
        while question[at]:
            labels.append(question[at + 1 : at + 1 + question[at]].decode().lower())
            at += 1 + question[at]
        name = ".".join(labels)
        kind = struct.unpack(">H", question[at + 1 : at + 3])[0]
        text = next((text for text, number in TYPES.items() if number == kind), "")
        values = self.records.get((name, text), [])
        known = any(key[0] == name for key in self.records)
        head = question[:2] + struct.pack(">5H", 0x8580 | (0 if known else 3), 1, len(values), 0, 0)
        answers = b""
        for value in values:
            data = wire_data(text, value)
            answers += b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 60, len(data)) + data
        return head + question[12 : at + 5] + answers

"""A name server of our own, so that no test asks the world: records from a table, over UDP on loopback.

    with Names({("other.example", "MX"): ["10 mx.other.example"], ("mx.other.example", "A"): ["127.0.0.1"]}) as names:
        server = running(resolver=names.address)

What is not in the table does not exist (NXDOMAIN), or has no such record. "SERVFAIL" and "SILENT" in place of records
are what they say.
"""

import ipaddress
import socket
import struct
import threading

TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28, "SRV": 33, "TLSA": 52}
NAMES = {number: name for name, number in TYPES.items()}


def encode_name(name: str) -> bytes:
    labels = [label for label in name.rstrip(".").split(".") if label]
    return b"".join(bytes([len(label)]) + label.encode() for label in labels) + b"\0"


def encode_data(kind: str, text: str) -> bytes:
    if kind in ("A", "AAAA"):
        return ipaddress.ip_address(text).packed
    if kind == "MX":
        preference, name = text.split()
        return struct.pack("!H", int(preference)) + encode_name(name)
    if kind == "TXT":
        data = text.encode()
        return b"".join(bytes([len(data[i : i + 255])]) + data[i : i + 255] for i in range(0, len(data), 255))
    if kind == "SRV":
        priority, weight, port, name = text.split()
        return struct.pack("!HHH", int(priority), int(weight), int(port)) + encode_name(name)
    if kind == "TLSA":
        usage, selector, matching, data = text.split()
        return bytes([int(usage), int(selector), int(matching)]) + bytes.fromhex(data)
    return encode_name(text)


class Names:
    def __init__(self, records: dict):
        self.records = {(name.lower().rstrip("."), kind): data for (name, kind), data in records.items()}
        self.asked: list[tuple[str, str]] = []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.socket.getsockname()[1]}"

    def __enter__(self):
        threading.Thread(target=self.serve, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.socket.close()

    def serve(self) -> None:
        while True:
            try:
                query, client = self.socket.recvfrom(4096)
                reply = self.reply(query)
                if reply is not None:
                    self.socket.sendto(reply, client)
            except OSError:  # closed
                return

    def reply(self, query: bytes) -> bytes | None:
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1 : at + 1 + query[at]].decode(errors="replace"))
            at += 1 + query[at]
        kind = NAMES.get(struct.unpack("!H", query[at + 1 : at + 3])[0], "?")
        question = query[12 : at + 5]
        name = ".".join(labels).lower()
        self.asked.append((name, kind))
        found = self.records.get((name, kind))
        if found == "SILENT":
            return None
        if found == "SERVFAIL":
            return self.message(query, question, 2, [])
        answers = []
        alias = self.records.get((name, "CNAME"))
        if found is None and alias is not None:
            answers.append((name, "CNAME", alias[0]))
            name = alias[0].lower().rstrip(".")
            found = self.records.get((name, kind))
        answers += [(name, kind, text) for text in found or []]
        exists = answers or any(known == name or known.endswith("." + name) for known, _ in self.records)
        return self.message(query, question, 0 if exists else 3, answers)

    def message(self, query: bytes, question: bytes, code: int, answers: list) -> bytes:
        head = query[:2] + struct.pack("!HHHHH", 0x8180 | code, 1, len(answers), 0, 0)
        body = b""
        for name, kind, text in answers:
            data = encode_data(kind, text)
            body += encode_name(name) + struct.pack("!HHIH", TYPES[kind], 1, 60, len(data)) + data
        return head + question + body

"""A thousand strangers who send a byte now and then cost the honest client nothing.

They come from many addresses of loopback, so that the limit of connections per address is not what helps.
"""

import resource
import socket
import struct
import threading
import time
from pathlib import Path

import pytest

from server import HOST, make_raw

STRANGERS = 1000
DRIP_SECONDS = 10
ROUNDS_SECONDS = 12  # more than one drip
ROUND_TRIP_SECONDS = 1.0
MEMORY_EACH = 64 * 1024  # bytes
THREADS_MAX = 136  # the loop's 128 and the process's own: what all strangers together can make it use for a moment

CLIENT_HELLO = bytes.fromhex("16030102000100 01fc0303".replace(" ", "")) + bytes(32)
HALVES = [
    ("smtp", b"", b"EHLO client.exam"),
    ("smtp", b"EHLO client.example\r\n", b"MAIL FROM:<"),
    ("smtp", b"EHLO x\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<%(to)s>\r\nDATA\r\n", b"Subject: half a messa"),
    ("smtp", b"EHLO x\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<%(to)s>\r\nBDAT 100000 LAST\r\n", b"Subject: half a chu"),
    ("submission", b"EHLO x\r\nSTARTTLS\r\n", CLIENT_HELLO),
    ("submissions", b"", CLIENT_HELLO),
    ("submissions", b"", CLIENT_HELLO[:3]),
    ("imaps", b"", CLIENT_HELLO),
    ("imap", b"", b"a LOGI"),
    ("imap", b"a LOGIN {20}\r\n", b"half-a-na"),
    ("imap", b"a AUTHENTICATE PLAIN\r\n", b"AGFubm"),
    ("pop3", b"USER %(to)s\r\n", b"PAS"),
    ("pop3s", b"", CLIENT_HELLO),
]  # fmt: skip


@pytest.fixture
def many_files():
    """A thousand sockets here and a thousand in the server, which inherits the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert hard >= 4 * STRANGERS
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class Strangers:
    """All of them, and the thread that lets each of them send a byte every ten seconds."""

    def __init__(self, server, to: str):
        self.sockets = []
        for number in range(STRANGERS):
            protocol, beginning, half = HALVES[number % len(HALVES)]
            stranger = socket.socket()
            stranger.bind((f"127.0.{1 + number // 250}.{1 + number % 250}", 0))
            stranger.settimeout(20)
            stranger.connect((HOST, server.ports[protocol]))
            stranger.sendall(beginning % {b"to": to.encode()} if b"%" in beginning else beginning)
            self.sockets.append((stranger, half))
        for stranger, half in self.sockets:
            stranger.sendall(half)
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.drip)
        self.thread.start()

    def drip(self) -> None:
        while not self.over.wait(DRIP_SECONDS):
            for stranger, _ in self.sockets:
                try:
                    stranger.sendall(b"A")
                except OSError:
                    pass  # some are shown the door, as they should be

    def still_here(self) -> int:
        """Those whom the server has not shown the door."""
        count = 0
        for stranger, _ in self.sockets:
            stranger.setblocking(False)
            try:
                while stranger.recv(65536):
                    pass
            except BlockingIOError:
                count += 1
            except OSError:
                pass
        return count

    def leave(self) -> None:
        self.over.set()
        self.thread.join()
        for stranger, _ in self.sockets:
            stranger.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            stranger.close()


def figures(pid: int) -> tuple[int, int]:
    """Bytes of memory of its own, and threads."""
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(status["RssAnon"].split()[0]) * 1024, int(status["Threads"])


def timed(work) -> float:
    begin = time.monotonic()
    work()
    return time.monotonic() - begin


def rounds(server, account, seconds: float) -> dict[str, list[float]]:
    """Deliveries until seen by IMAP, log-ins by IMAP and by POP3, again and again."""
    took = {"delivery": [], "imap": [], "pop3": []}
    end = time.monotonic() + seconds
    with server.imap(account, "INBOX") as reader:
        while time.monotonic() < end:

            def deliver():
                before = int(reader.select("INBOX")[1][0])
                server.deliver(account, make_raw())
                while int(reader.select("INBOX")[1][0]) == before:
                    time.sleep(0.01)

            def log_in():
                server.imap(account, "INBOX").logout()

            def fetch():
                client = server.pop3(account)
                client.stat()
                client.quit()

            took["delivery"].append(timed(deliver))
            took["imap"].append(timed(log_in))
            took["pop3"].append(timed(fetch))
            time.sleep(0.2)  # an honest client is in no hurry
    return took


def test_a_thousand_slow_strangers_delay_nobody(many_files, server):
    honest, victim = server.account("honest"), server.account("victim")
    rounds(server, honest, 0)  # what is made once is made now
    edge = server.worker("edge")
    memory_before, threads_before = figures(edge)
    strangers = Strangers(server, victim.address)
    try:
        took = rounds(server, honest, ROUNDS_SECONDS)
        memory, threads = figures(edge)
        here = strangers.still_here()
    finally:
        strangers.leave()
    print(
        f"{here} strangers; memory {memory_before // 1024} to {memory // 1024} KB, threads {threads_before} to {threads}; "
        + ", ".join(f"{what} {max(times) * 1000:.0f} ms at worst of {len(times)}" for what, times in took.items())
    )
    assert here >= STRANGERS * 9 // 10, "the strangers were turned away instead of being borne"
    for what, times in took.items():
        assert max(times) < ROUND_TRIP_SECONDS, (what, times)
    assert memory - memory_before < STRANGERS * MEMORY_EACH
    assert threads <= THREADS_MAX
    assert server.count(victim) == 0

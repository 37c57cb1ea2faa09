"""COMPRESS=DEFLATE with imaplib over Python's zlib, inside TLS and in the clear. (Debian's
neomutt is built without it.)"""

import imaplib
import zlib

import pytest

from server import HOST, PATIENCE_SECONDS, make_raw


class Deflated:
    """Put between imaplib and its connection."""

    def __init__(self, client: imaplib.IMAP4, flush: int = zlib.Z_SYNC_FLUSH):
        self.sock = client.sock
        self.packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        self.unpacker = zlib.decompressobj(-15)
        self.flush = flush
        self.buffer = b""
        self.received = self.unpacked = 0
        client.send, client.read, client.readline = self.send, self.read, self.readline

    def send(self, data: bytes) -> None:
        self.sock.sendall(self.packer.compress(data) + self.packer.flush(self.flush))

    def more(self) -> None:
        data = self.sock.recv(65536)
        assert data, "the connection was closed"
        self.received += len(data)
        plain = self.unpacker.decompress(data)
        self.unpacked += len(plain)
        self.buffer += plain

    def take(self, size: int) -> bytes:
        taken, self.buffer = self.buffer[:size], self.buffer[size:]
        return taken

    def read(self, size: int) -> bytes:
        while len(self.buffer) < size:
            self.more()
        return self.take(size)

    def readline(self) -> bytes:
        while b"\n" not in self.buffer:
            self.more()
        return self.take(self.buffer.index(b"\n") + 1)


def compress(client: imaplib.IMAP4, flush: int = zlib.Z_SYNC_FLUSH) -> Deflated:
    assert b"COMPRESS=DEFLATE" in client.capability()[1][0]
    imaplib.Commands.setdefault("COMPRESS", ("AUTH", "SELECTED"))
    status, data = client._simple_command("COMPRESS", "DEFLATE")
    assert status == "OK", data
    return Deflated(client, flush)


@pytest.mark.parametrize("tls", [True, False])
@pytest.mark.parametrize("flush", [zlib.Z_SYNC_FLUSH, zlib.Z_PARTIAL_FLUSH, zlib.Z_FULL_FLUSH])
def test_everything_goes_on_compressed(server, anna, tls, flush):
    if tls:
        client = server.imap(anna)
    else:
        client = imaplib.IMAP4(HOST, server.ports["imap"], timeout=PATIENCE_SECONDS)
        client.login(anna.address, anna.password)
    layer = compress(client, flush)
    body = "".join(f"line {number} of a text that is long enough\r\n" for number in range(20000))
    raw = make_raw(body=body)
    assert client.append("INBOX", None, None, raw)[0] == "OK"
    assert client.select("INBOX")[0] == "OK"
    for _ in range(20):
        assert client.noop()[0] == "OK"
    _, parts = client.fetch("1", "(BODY.PEEK[])")
    assert parts[0][1] == raw
    assert layer.received < layer.unpacked / 4
    assert client.logout()[0] == "BYE"


def test_is_not_begun_twice(server, anna):
    with server.imap(anna) as client:
        compress(client)
        with pytest.raises(imaplib.IMAP4.error, match="COMPRESSIONACTIVE"):
            client._simple_command("COMPRESS", "DEFLATE")
        assert client.noop()[0] == "OK"


def test_a_bomb_of_commands_ends_the_connection(server, anna):
    client = server.imap(anna)
    compress(client)
    with pytest.raises((AssertionError, OSError, imaplib.IMAP4.abort)):
        client.send(b"a NOOP\r\n" * 1000000)
        while True:
            client.readline()
    client.shutdown()
    with server.imap(anna) as other:
        assert other.noop()[0] == "OK"


def test_what_others_do_wakes_a_compressed_idle(server, anna):
    with server.imap(anna, "INBOX") as client:
        compress(client)
        client.send(b"i IDLE\r\n")
        assert client.readline() == b"+ idling\r\n"
        server.deliver(anna, make_raw())
        assert client.readline() == b"* 1 EXISTS\r\n"
        assert client.readline() == b"* 1 RECENT\r\n"
        client.send(b"DONE\r\n")
        assert client.readline().startswith(b"i OK")


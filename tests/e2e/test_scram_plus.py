"""SCRAM-...-PLUS: a log-in that is bound to its TLS connection, so that nobody in between can pass it on.

Python knows the binding tls-unique, which TLS 1.2 has; tls-exporter (RFC 9266) comes from openssl's own client. The
mechanism is written out here (RFC 5802, 7677).
"""

import base64
import hashlib
import hmac
import imaplib
import poplib
import re
import secrets
import ssl
import subprocess

import pytest

from server import HOST, PATIENCE_SECONDS

HASHES = {"SCRAM-SHA-256-PLUS": "sha256", "SCRAM-SHA-1-PLUS": "sha1"}


class Scram:
    """The client's side; called by imaplib for each message of the server."""

    def __init__(self, account, mechanism: str, header: str, binding: bytes):
        self.hash = HASHES[mechanism.removesuffix("-PLUS") + "-PLUS"]
        self.password = account.password
        self.header = header
        self.binding = binding
        self.first = f"n={account},r={secrets.token_hex(12)}"
        self.messages = self.talk()
        self.verified = False

    def __call__(self, challenge: bytes) -> bytes:
        return self.messages.send(challenge) if challenge else next(self.messages)

    def mac(self, key: bytes, text: bytes) -> bytes:
        return hmac.new(key, text, self.hash).digest()

    def talk(self):
        server_first = (yield (self.header + self.first).encode()).decode()
        values = dict(part.split("=", 1) for part in server_first.split(","))
        salted = hashlib.pbkdf2_hmac(
            self.hash, self.password.encode(), base64.b64decode(values["s"]), int(values["i"])
        )
        bound = base64.b64encode(self.header.encode() + self.binding).decode()
        final = f"c={bound},r={values['r']}"
        said = f"{self.first},{server_first},{final}".encode()
        key = self.mac(salted, b"Client Key")
        proof = bytes(a ^ b for a, b in zip(key, self.mac(hashlib.new(self.hash, key).digest(), said)))
        answer = yield f"{final},p={base64.b64encode(proof).decode()}".encode()
        self.verified = answer == b"v=" + base64.b64encode(self.mac(self.mac(salted, b"Server Key"), said))
        yield b""


@pytest.fixture
def context():
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    return context


@pytest.fixture
def client(server, context):
    client = imaplib.IMAP4_SSL(HOST, server.ports["imaps"], ssl_context=context, timeout=PATIENCE_SECONDS)
    yield client
    client.shutdown()


@pytest.mark.parametrize("plus", HASHES)
def test_binds_the_log_in_to_its_connection(client, anna, plus):
    assert f"AUTH={plus}" in client.capabilities
    scram = Scram(anna, plus, "p=tls-unique,,", client.sock.get_channel_binding("tls-unique"))
    assert client.authenticate(plus, scram)[0] == "OK"
    assert scram.verified
    assert client.select("INBOX")[0] == "OK"


@pytest.mark.parametrize("plus", HASHES)
def test_binds_the_log_in_of_pop3(server, context, anna, plus):
    client = poplib.POP3_SSL(HOST, server.ports["pop3s"], context=context, timeout=PATIENCE_SECONDS)
    assert plus in client.capa()["SASL"]
    scram = Scram(anna, plus, "p=tls-unique,,", client.sock.get_channel_binding("tls-unique"))
    answer = client._shortcmd(f"AUTH {plus}")
    while answer.startswith(b"+ "):
        word = scram(base64.b64decode(answer[2:]))
        answer = client._shortcmd(base64.b64encode(word).decode())
    assert scram.verified
    assert client.stat() == (0, 0)
    client.quit()


@pytest.mark.parametrize("plus", HASHES)
def test_refuses_a_proof_made_for_another_connection(client, anna, plus):
    scram = Scram(anna, plus, "p=tls-unique,,", secrets.token_bytes(12))
    with pytest.raises(imaplib.IMAP4.error):
        client.authenticate(plus, scram)


@pytest.mark.parametrize("plus", HASHES)
def test_notices_that_somebody_hid_the_plus(client, anna, plus):
    """The client says "I would have bound it, but was told that you can't": RFC 5802 6."""
    mechanism = plus.removesuffix("-PLUS")
    with pytest.raises(imaplib.IMAP4.error):
        client.authenticate(mechanism, Scram(anna, mechanism, "y,,", b""))


class Exporter:
    """openssl s_client as a connection, with what it exported for the binding."""

    def __init__(self, port: int, *options: str):
        command = ["openssl", "s_client", "-ign_eof", "-connect", f"{HOST}:{port}", "-keymatexport", "EXPORTER-Channel-Binding"]
        self.process = subprocess.Popen(
            [*command, "-keymatexportlen", "32", *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )  # fmt: skip
        self.binding = b""
        while not (line := self.line()).startswith(b"* OK"):
            if found := re.match(rb"\s*Keying material: ([0-9A-F]{64})$", line):
                self.binding = bytes.fromhex(found.group(1).decode())

    def line(self) -> bytes:
        line = self.process.stdout.readline()
        assert line, "openssl ended"
        return line.rstrip(b"\r\n")

    def say(self, text: bytes) -> None:
        self.process.stdin.write(text + b"\r\n")
        self.process.stdin.flush()

    def authenticate(self, mechanism: str, scram: Scram) -> bytes:
        self.say(f"a AUTHENTICATE {mechanism}".encode())
        while True:
            line = self.line()
            if line.startswith(b"a "):
                return line
            if line.startswith(b"+"):
                self.say(base64.b64encode(scram(base64.b64decode(line[2:]))))

    def __enter__(self) -> "Exporter":
        return self

    def __exit__(self, *_) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.mark.parametrize("plus", HASHES)
def test_binds_the_log_in_by_what_tls_exports(server, anna, plus):
    """TLS 1.3: openssl exports without a context, which there is the same as an empty one."""
    with Exporter(server.ports["imaps"], "-tls1_3") as client:
        assert len(client.binding) == 32
        scram = Scram(anna, plus, "p=tls-exporter,,", client.binding)
        assert client.authenticate(plus, scram).startswith(b"a OK ") and scram.verified
        client.say(b"b SELECT INBOX")
        while not (line := client.line()).startswith(b"b "):
            pass
        assert line.startswith(b"b OK ")


@pytest.mark.parametrize("plus", HASHES)
def test_refuses_what_another_connection_exported(server, anna, plus):
    with Exporter(server.ports["imaps"], "-tls1_3") as other, Exporter(server.ports["imaps"], "-tls1_3") as client:
        scram = Scram(anna, plus, "p=tls-exporter,,", other.binding)
        assert client.authenticate(plus, scram).startswith(b"a NO [AUTHENTICATIONFAILED]")

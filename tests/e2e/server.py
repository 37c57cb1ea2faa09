"""A whole server for the tests: `posthorn serve` in a scratch directory, on free ports of loopback.

As root its workers are dropped to the users that a real installation has; else all runs as whoever calls.
Nothing here sleeps for a fixed time in the hope that something has happened: `wait_until` asks again and again
until a deadline that is generous, since the machine may be busy with other things.
"""

import imaplib
import itertools
import json
import os
import poplib
import random
import re
import shutil
import signal
import smtplib
import socket
import ssl
import subprocess
import tempfile
import time
from bisect import bisect_left
from contextlib import contextmanager
from pathlib import Path

BINARY = os.environ.get("POSTHORN", str(Path(__file__).resolve().parents[2] / "build" / "posthorn"))
HOST = "127.0.0.1"
HOST_NAME = "localhost"  # for programs that look for names only in a certificate
DOMAIN = "demo.example"
USERS = {"store": "posthorn", "edge": "posthorn-edge", "relay": "posthorn-relay"}
PROTOCOLS = ["smtp", "submission", "submissions", "imap", "imaps", "pop3", "pop3s", "managesieve"]
GREETINGS = {"smtp": b"220 ", "submission": b"220 ", "imap": b"* OK", "pop3": b"+OK"}
PATIENCE_SECONDS = 30
LOG_LINES_SHOWN = 40

names = itertools.count(1)


def is_root() -> bool:
    return os.geteuid() == 0


def wait_until(what: str, predicate, seconds: float = PATIENCE_SECONDS, pause: float = 0.02):
    """The predicate's first true value."""
    end = time.monotonic() + seconds
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds} s in vain for {what}")
        time.sleep(pause)


def free_ports(count: int) -> list[int]:
    """Below the range from which outgoing connections take theirs."""
    held, ports = [], []
    while len(ports) < count:
        probe = socket.socket()
        held.append(probe)
        try:
            probe.bind((HOST, random.randint(15000, 32000)))
            ports.append(probe.getsockname()[1])
        except OSError:
            continue
    for probe in held:
        probe.close()
    return ports


def make_users() -> None:
    for user in USERS.values():
        if subprocess.run(["id", user], capture_output=True).returncode != 0:
            subprocess.run(
                ["adduser", "--quiet", "--system", "--group", "--no-create-home", "--home", "/nonexistent", user], check=True
            )


def is_running(pid: int) -> bool:
    """Also when only threads of it are left: they hold its sockets."""
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text() or len(os.listdir(f"/proc/{pid}/task")) > 1
    except OSError:
        return False


class Account:
    """An address of the server's, with what is needed to log in."""

    def __init__(self, address: str, password: str):
        self.address = address
        self.password = password
        self.name, self.domain = address.split("@")

    def __repr__(self) -> str:
        return self.address


class Server:
    """Made, then started; it stays usable after stop() and start()."""

    def __init__(self, **settings: str):
        self.directory = Path(tempfile.mkdtemp(prefix="posthorn-e2e-", dir="/tmp"))
        self.directory.chmod(0o755)
        self.config = self.directory / "posthorn.conf"
        self.log_file = self.directory / "log"
        self.log_file.touch()
        self.run = self.directory / "run"
        self.data = self.directory / "data"
        self.lmtp_path = self.run / "lmtp.sock"
        self.certificate = self.directory / "cert.pem"
        self.ports = dict(zip(PROTOCOLS, free_ports(len(PROTOCOLS))))
        self.settings = settings
        self.process = None
        self.started_at = 0  # byte of the log
        self.log_read = 0  # bytes; each line is parsed once, for some tests make many
        self.log_parsed = []
        self.log_places = []  # byte where each record begins
        for directory in (self.run, self.data):
            directory.mkdir()
        self.data.chmod(0o700)
        if is_root():
            make_users()
            for directory in (self.run, self.data):
                shutil.chown(directory, USERS["store"], USERS["store"])
        self.make_certificate()
        self.configure()
        self.context = ssl.create_default_context(cafile=str(self.certificate))

    # --- the process ---

    def make_certificate(self) -> None:
        subprocess.run(
            [
                "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                "-days", "2", "-keyout", self.directory / "key.pem", "-out", self.certificate,
                "-subj", f"/CN=mail.{DOMAIN}", "-addext", f"subjectAltName=DNS:mail.{DOMAIN},DNS:localhost,IP:{HOST}",
            ],
            check=True, capture_output=True,
        )  # fmt: skip

    def configure(self) -> None:
        lines = [
            f"hostname = mail.{DOMAIN}",
            f"data = {self.data}",
            f"run = {self.run}",
            f"certificate = {self.certificate} {self.directory / 'key.pem'}",
            f"listen = lmtp {self.lmtp_path}",
            "log-format = json",
        ]
        lines += [f"listen = {protocol} {HOST}:{port}" for protocol, port in self.ports.items()]
        if is_root():
            lines += [f"user-{role} = {user}" for role, user in USERS.items()]
        self.settings.setdefault("outbound-port", "off")  # no test may reach the world
        self.settings.setdefault("outbound-private", "yes")
        self.settings.setdefault("dnssec-anchor", "none")  # names.py signs nothing
        lines += [f"{key} = {value}" for key, value in self.settings.items()]
        self.config.write_text("\n".join(lines) + "\n")

    def start(self) -> None:
        self.start_program(BINARY)

    def start_program(self, binary) -> None:
        self.started_at = self.log_file.stat().st_size
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                [binary, "-c", str(self.config), "serve"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        self.wait_ready()

    def greets(self, protocol: str) -> bool:
        try:
            with socket.create_connection((HOST, self.ports[protocol]), timeout=2) as probe:
                return probe.recv(100).startswith(GREETINGS[protocol])
        except OSError:
            return False

    def wait_ready(self) -> None:
        def ready():
            assert self.process.poll() is None, f"the server ended:\n{self.log_tail()}"
            return self.events("supervisor.ready", self.started_at) and all(self.greets(protocol) for protocol in GREETINGS)

        wait_until("the server", ready)

    def stop(self) -> None:
        """As a service manager would; it must end by itself and well."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(PATIENCE_SECONDS) == 0

    def kill(self) -> None:
        """At once, and when it returns, its workers have noticed, too."""
        supervisor = self.process.pid
        os.kill(supervisor, signal.SIGSTOP)  # or it could make one more worker while we look
        workers = [int(pid) for pid in Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()]
        self.process.kill()
        self.process.wait()
        wait_until("the workers' end", lambda: not any(map(is_running, workers)))

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.directory)

    def worker(self, role: str) -> int:
        """The process that has this role now."""
        return self.events("supervisor.worker_ready", worker=role)[-1]["pid"]

    def kill_worker(self, role: str) -> None:
        """At once; returns when the next one stands. A pid read before that may be a dead one's."""
        victim = self.worker(role)
        os.kill(victim, signal.SIGKILL)
        wait_until(f"{role} to come back", lambda: self.worker(role) != victim)

    # --- the log ---

    def log(self) -> str:
        return self.log_file.read_text(errors="replace")

    def log_tail(self) -> str:
        return "\n".join(self.log().splitlines()[-LOG_LINES_SHOWN:])

    def log_records(self, since: int = 0) -> list[dict]:
        """From this byte of the log on; what is no JSON (a sanitizer's words) as {"event": "", "text": line}."""
        with self.log_file.open("rb") as log:
            log.seek(self.log_read)
            lines = log.read().splitlines(keepends=True)
        for line in lines:
            if not line.endswith(b"\n"):
                break  # not all of it is written yet
            try:
                record = json.loads(line)
            except ValueError:
                record = {"event": "", "text": line.decode(errors="replace")}
            self.log_places.append(self.log_read)
            self.log_parsed.append(record)
            self.log_read += len(line)
        return self.log_parsed[bisect_left(self.log_places, since) :]

    def events(self, event: str, since: int = 0, **fields) -> list[dict]:
        return [
            record
            for record in self.log_records(since)
            if record["event"] == event and all(record.get(key) == value for key, value in fields.items())
        ]

    # --- the command line ---

    def command(self, *words: str, password: str | None = None) -> subprocess.CompletedProcess:
        return subprocess.run(
            [BINARY, "-c", str(self.config), *words],
            input=f"{password}\n" if password else "", capture_output=True, text=True, timeout=PATIENCE_SECONDS,
        )  # fmt: skip

    def admin(self, *words: str, password: str | None = None) -> str:
        done = self.command(*words, password=password)
        assert done.returncode == 0, f"posthorn {' '.join(words)}: {done.stderr}{done.stdout}"
        return done.stdout

    def rows(self, *words: str) -> list[dict]:
        """A command's answer as data."""
        text = self.admin(*words, "--json")
        return [json.loads(line) for line in text.splitlines()] if not text.startswith("[") else json.loads(text)

    def let_anybody_be_named(self) -> None:
        """What tests submit is mostly from Someone; test_from_check.py is about that."""
        for row in self.rows("plan", "list"):
            self.admin("plan", "set", row["plan"], "--from-check", "no")

    def account(self, name: str = "", *options: str) -> Account:
        """A new account; its name begins with the given one and has never been used."""
        account = Account(f"{name or 'someone'}{next(names)}@{DOMAIN}", f"pass word {random.randrange(10**9)}")
        self.admin("account", "add", account.address, *options, password=account.password)
        return account

    # --- clients ---

    def smtp(self, account: Account | None = None, protocol: str = "submission", **options) -> smtplib.SMTP:
        """A client that has said EHLO; with an account: with TLS and logged in."""
        if protocol == "submissions":
            client = smtplib.SMTP_SSL(HOST, self.ports[protocol], timeout=PATIENCE_SECONDS, context=self.context, **options)
        else:
            client = smtplib.SMTP(HOST, self.ports[protocol], timeout=PATIENCE_SECONDS, **options)
            if account is not None:
                client.starttls(context=self.context)
        client.ehlo("client.example")
        if account is not None:
            client.login(account.address, account.password)
        return client

    def imap(self, account: Account, folder: str | None = None, readonly: bool = False) -> imaplib.IMAP4_SSL:
        client = imaplib.IMAP4_SSL(HOST, self.ports["imaps"], ssl_context=self.context, timeout=PATIENCE_SECONDS)
        # imaplib sends a literal and its line end apart: Nagle's algorithm would make that 40 ms.
        client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.login(account.address, account.password)
        if folder is not None:
            status, data = client.select(folder, readonly)
            assert status == "OK", data
        return client

    def pop3(self, account: Account) -> poplib.POP3_SSL:
        client = poplib.POP3_SSL(HOST, self.ports["pop3s"], context=self.context, timeout=PATIENCE_SECONDS)
        client.user(account.address)
        client.pass_(account.password)
        return client

    def wire(self, protocol: str, tls: bool = False, source: str = HOST) -> "Wire":
        return Wire((HOST, self.ports[protocol]), self.context if tls else None, source)

    def lmtp(self) -> "Wire":
        return Wire(str(self.lmtp_path))

    def deliver(self, to: Account | str, raw: bytes, sender: str = "someone@elsewhere.example") -> None:
        """As another mail server would."""
        with self.smtp(protocol="smtp") as client:
            client.sendmail(sender, [str(to)], raw)

    def count(self, account: Account, folder: str = "INBOX") -> int:
        with self.imap(account) as client:
            status, data = client.status(folder, "(MESSAGES)")
            assert status == "OK", data
            return int(re.search(rb"MESSAGES (\d+)", data[0]).group(1))

    def messages(self, account: Account, count: int = 1, folder: str = "INBOX") -> list[bytes]:
        """The folder's messages as soon as there are this many; more than that is wrong."""
        with self.imap(account) as client:

            def enough():
                status, data = client.select(folder, readonly=True)
                assert status == "OK", data
                return int(data[0]) >= count

            wait_until(f"{count} messages for {account}", enough)
            status, parts = client.fetch("1:*", "(BODY.PEEK[])")
            assert status == "OK", parts
            found = [part[1] for part in parts if isinstance(part, tuple)]
        assert len(found) == count
        return found

    def queued(self, recipient: str) -> list[dict]:
        return [row for row in self.rows("queue", "list") if recipient in row["recipients"]]


class Wire:
    """A connection that is spoken to in bytes."""

    def __init__(self, address, context: ssl.SSLContext | None = None, source: str = HOST):
        if isinstance(address, str):
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(PATIENCE_SECONDS)
            self.socket.connect(address)
        else:
            self.socket = socket.create_connection(address, PATIENCE_SECONDS, (source, 0))
        if context is not None:
            self.start_tls(context)
        self.buffer = b""

    def __enter__(self) -> "Wire":
        return self

    def __exit__(self, *_) -> None:
        self.socket.close()

    def start_tls(self, context: ssl.SSLContext) -> None:
        self.socket = context.wrap_socket(self.socket, server_hostname=f"mail.{DOMAIN}")

    def send(self, data: bytes | str) -> None:
        self.socket.sendall(data.encode() if isinstance(data, str) else data)

    def line(self) -> bytes:
        """Without its CRLF; b"" at the end of the connection."""
        while b"\r\n" not in self.buffer:
            more = self.socket.recv(65536)
            if not more:
                rest, self.buffer = self.buffer, b""
                return rest
            self.buffer += more
        line, _, self.buffer = self.buffer.partition(b"\r\n")
        return line

    def reply(self) -> str:
        """SMTP's, whole, lines joined by \\n."""
        lines = [self.line().decode()]
        while lines[-1][3:4] == "-":
            lines.append(self.line().decode())
        return "\n".join(lines)

    def ask(self, command: bytes | str) -> str:
        """An SMTP command and its reply."""
        self.send(command if isinstance(command, bytes) else command + "\r\n")
        return self.reply()

    def tagged(self, tag: str) -> list[str]:
        """IMAP's lines up to the tagged one."""
        lines = []
        while not lines or not lines[-1].startswith(f"{tag} "):
            line = self.line()
            assert line, f"the connection ended after {lines}"
            lines.append(line.decode())
        return lines

    def imap(self, tag: str, command: str) -> list[str]:
        self.send(f"{tag} {command}\r\n")
        return self.tagged(tag)


def make_raw(subject: str = "Hello", body: str = "A line.\r\n", to: str = f"someone@{DOMAIN}", identity: str = "") -> bytes:
    identity = identity or f"{next(names)}.{random.randrange(10**12)}@client.example"
    return (
        f"From: Someone <someone@elsewhere.example>\r\nTo: {to}\r\nSubject: {subject}\r\n"
        f"Date: Sun, 22 Nov 2026 10:00:00 +0000\r\nMessage-ID: <{identity}>\r\n\r\n{body}"
    ).encode()


@contextmanager
def running(**settings: str):
    server = Server(**settings)
    try:
        server.start()
        server.admin("domain", "add", DOMAIN)
        server.let_anybody_be_named()
        yield server
        server.stop()
    finally:
        server.close()

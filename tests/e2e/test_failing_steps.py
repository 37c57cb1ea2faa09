"""Each step that can fail fails once: nothing acknowledged is lost, nobody is told what is not so, nobody dies.

A script of SMTP, IMAP, POP3 and of commands is played; in one worker the first step of a kind fails (an allocation, a
write, a sync, a descriptor, a message between processes, a step of SQL), then the second, and so on to the script's end.

Without POSTHORN_FAILURES=all a sample is tried; POSTHORN_FAILURE_SEED says which.
"""

import imaplib
import os
import poplib
import random
import re
import smtplib
import socket
import ssl
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from failing import KINDS, FailingServer
from names import Names
from server import DOMAIN, HOST, USERS, Account, make_raw, wait_until
from sink import Sink

SEED = int(os.environ.get("POSTHORN_FAILURE_SEED", "20261123"))
SAMPLE = os.environ.get("POSTHORN_FAILURES", "5")  # of each worker, kind and script
PATIENCE_SECONDS = 10  # for an answer
ROUNDS_AN_ACCOUNT = 15  # then it has become large, and a fresh one is taken
RECORDS = {("elsewhere.example", "MX"): ["10 mx.elsewhere.example"], ("mx.elsewhere.example", "A"): [HOST]}
MEANT_TO_END = ("store.sync_failed", "send.no_memory")  # the worker ends at once, so that the next one begins anew
GONE = (OSError, EOFError, smtplib.SMTPServerDisconnected, imaplib.IMAP4.abort)


class Lie(Exception):
    """The server said what is not so, or what can't be so while it merely fails."""


class World:
    """One account, and what was said about each message: where it must be, where it may be."""

    def __init__(self, server: FailingServer, account: Account):
        self.server, self.account = server, account
        self.raws: dict[str, bytes] = {}
        self.aliases: set[str] = set()
        self.sent: set[str] = set()  # to the sink
        self.places: dict[str, set] = {}  # of each identity: one of these holds, as a sorted tuple of folders

    def message(self, large: bool = False) -> tuple[str, bytes]:
        identity = f"{len(self.raws)}.{random.randrange(10**12)}@fail.example"
        raw = make_raw(identity=identity, body=("y" * 70 + "\r\n") * (2000 if large else 3))
        self.raws[identity] = raw
        self.places[identity] = {()}
        return identity, raw

    def may(self, identity: str, *places: str) -> None:
        """Besides where it may be already."""
        self.places[identity].add(tuple(sorted(places)))

    def must(self, identity: str, *places: str) -> None:
        self.places[identity] = {tuple(sorted(places))}

    def found(self) -> dict[str, tuple]:
        there: dict[str, list] = {}
        with self.server.imap(self.account) as client:
            for folder in ("INBOX", "Archive"):
                status, data = client.select(folder, readonly=True)
                if status != "OK":
                    raise Lie(f"{folder} is not to be had afterwards: {data}")
                if data[0] == b"0":
                    continue
                status, parts = client.fetch("1:*", "(BODY.PEEK[])")
                if status != "OK":
                    raise Lie(f"{folder} can't be read afterwards: {parts}")
                for part in parts:
                    if isinstance(part, tuple):
                        identity = re.search(rb"Message-ID: <(.*)>", part[1]).group(1).decode()
                        if identity not in self.raws:
                            raise Lie(f"{part[1][:2000]!r} was sent")
                        if not part[1].endswith(self.raws[identity]):
                            raise Lie(f"{identity} is damaged")
                        there.setdefault(identity, []).append(folder)
        return {identity: tuple(sorted(there.get(identity, []))) for identity in self.raws}

    def unsent(self) -> set[str]:
        came = {re.search(rb"Message-ID: <(.*)>", raw).group(1).decode() for _, _, raw in self.server.sink.messages}
        return self.sent - came

    def check(self) -> None:
        lost = self.aliases - {row["address"] for row in self.server.rows("alias", "list")}
        if lost:
            raise Lie(f"{lost} are not there")
        self.server.admin("queue", "flush")
        wait_until("the queue to be empty", lambda: self.server.rows("queue", "list") == [], PATIENCE_SECONDS)
        if self.unsent():
            raise Lie(f"{self.unsent()} never arrived")
        for identity, places in self.found().items():
            if places not in self.places[identity]:
                raise Lie(f"{identity} is in {places}, not in one of {self.places[identity]}")
            self.must(identity, *places)


# --- the scripts ---


def by_smtp(world: World) -> None:
    with smtplib.SMTP(HOST, world.server.ports["smtp"], timeout=PATIENCE_SECONDS) as client:
        if client.ehlo("client.example")[0] != 250:
            return
        for large in (False, True):
            identity, raw = world.message(large)
            code, text = client.mail("someone@elsewhere.example")
            if code != 250 and code // 100 != 4:
                raise Lie(f"MAIL: {code} {text!r}")
            if code != 250:
                continue
            code, text = client.rcpt(f"nobody-of-that-name@{DOMAIN}")
            if code != 550 and code // 100 != 4:
                raise Lie(f"RCPT of nobody: {code} {text!r}")
            code, text = client.rcpt(world.account.address)
            if code != 250 and code // 100 != 4:
                raise Lie(f"RCPT: {code} {text!r}")
            if code != 250:
                client.rset()
                continue
            world.may(identity, "INBOX")
            code, text = client.data(raw)
            if code == 250:
                world.must(identity, "INBOX")
            elif code // 100 != 4:
                raise Lie(f"DATA: {code} {text!r}")


def imap_client(world: World) -> imaplib.IMAP4:
    client = imaplib.IMAP4(HOST, world.server.ports["imap"], timeout=PATIENCE_SECONDS)
    client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        client.login(world.account.address, world.account.password)
    except imaplib.IMAP4.abort:
        raise
    except imaplib.IMAP4.error as error:
        if "AUTHENTICATIONFAILED" in str(error) or "UNAVAILABLE" not in str(error):
            raise Lie(f"log-in: {error}") from error
        raise EOFError from error
    return client


def by_imap(world: World) -> None:
    client = imap_client(world)
    try:
        taken = []
        for large in (False, True, False, False):
            identity, raw = world.message(large)
            world.may(identity, "INBOX")
            if client.append("INBOX", None, None, raw)[0] == "OK":
                world.must(identity, "INBOX")
                taken.append(identity)
        status, data = client.select("INBOX")
        if status != "OK":
            return
        status, parts = client.uid("fetch", "1:*", "(UID BODY.PEEK[])")
        uids = {}
        for part in parts:
            if isinstance(part, tuple):
                identity = re.search(rb"Message-ID: <(.*)>", part[1]).group(1).decode()
                if identity in world.raws and not part[1].endswith(world.raws[identity]):
                    raise Lie(f"FETCH gave {identity} damaged")
                uids[identity] = re.search(rb"UID (\d+)", part[0]).group(1).decode()
        if status == "OK" and not set(taken) <= set(uids):
            raise Lie("FETCH left out what was appended")
        here = [identity for identity in taken if identity in uids]
        if len(here) < 3:
            return
        copied, moved, deleted = here[:3]
        world.may(copied, "INBOX", "Archive")
        if client.uid("copy", uids[copied], "Archive")[0] == "OK":
            world.must(copied, "INBOX", "Archive")
        world.may(moved, "Archive")
        if client.uid("move", uids[moved], "Archive")[0] == "OK":
            world.must(moved, "Archive")
        world.may(deleted)
        if client.uid("store", uids[deleted], "+FLAGS", r"(\Deleted)")[0] == "OK" and client.uid("expunge", uids[deleted])[0] == "OK":
            world.must(deleted)
        status, data = client.uid("search", "HEADER", "Message-ID", copied)
        if status == "OK" and data[0].decode() != uids[copied]:
            raise Lie(f"SEARCH found {data} for {uids[copied]}")
    finally:
        client.shutdown()


def by_pop3(world: World) -> None:
    """What stands in the Inbox is fetched, the last of it is deleted."""
    try:
        client = poplib.POP3(HOST, world.server.ports["pop3"], timeout=PATIENCE_SECONDS)
    except poplib.error_proto:
        return  # no greeting
    try:
        try:
            client.user(world.account.address)
            client.pass_(world.account.password)
        except poplib.error_proto as error:
            if not any(word in str(error) for word in ("[SYS/TEMP]", "EOF")):
                raise Lie(f"log-in: {error}") from error
            return
        deleted = None
        try:
            numbers = [int(row.split()[0]) for row in client.list()[1]]
            for number in numbers[-4:]:
                raw = b"\r\n".join(client.retr(number)[1]) + b"\r\n"
                identity = re.search(rb"Message-ID: <(.*)>", raw).group(1).decode()
                if identity in world.raws and not raw.endswith(world.raws[identity]):
                    raise Lie(f"RETR gave {identity} damaged")
                deleted = (number, identity)
            if deleted is not None:
                client.dele(deleted[0])
                before = world.places[deleted[1]]
                kept = {tuple(place for place in places if place != "INBOX") for places in before}
                world.places[deleted[1]] = before | kept
            client.quit()
            if deleted is not None:
                world.places[deleted[1]] = kept
        except poplib.error_proto:
            return
    finally:
        client.close()


def by_commands(world: World) -> None:
    name = f"alias{random.randrange(10**12)}@{DOMAIN}"
    if world.server.command("alias", "add", name, world.account.address).returncode == 0:
        world.aliases.add(name)
    world.server.command("account", "show", world.account.address)


def by_sending(world: World) -> None:
    """To another server."""
    identity, raw = world.message()
    try:
        with world.server.smtp(world.account) as client:
            client.sendmail(world.account.address, ["friend@elsewhere.example"], raw)
    except smtplib.SMTPResponseException as error:
        if error.smtp_code // 100 != 4:
            raise Lie(f"{error.smtp_code} {error.smtp_error!r}") from error
    except (ssl.SSLError, smtplib.SMTPRecipientsRefused, smtplib.SMTPNotSupportedError):
        return
    else:
        world.sent.add(identity)
        end = time.monotonic() + 1  # or it waits for its next attempt
        while world.unsent() and time.monotonic() < end:
            time.sleep(0.01)


WORKERS_OF = [(role, script) for role in ("store", "edge") for script in (by_smtp, by_imap, by_pop3)]
SCRIPTS = [by_smtp, by_imap, by_pop3, by_commands, by_sending]


# --- the test ---


class Failures:
    """Plays scripts, and tells what was wrong."""

    def __init__(self, server: FailingServer):
        self.server = server
        self.world = None
        self.rounds = 0
        self.wrongs: list[str] = []

    def fresh(self) -> World:
        if self.world is None or self.rounds % ROUNDS_AN_ACCOUNT == 0:
            self.world = World(self.server, self.server.account("fail"))
            by_imap(self.world)
            self.world.check()
        self.rounds += 1
        return self.world

    def play(self, role: str, kind: str, script, at: int, in_a_row: int = 1) -> tuple[int, int]:
        """How many steps there were, and how many failed."""
        world = self.fresh()
        said = self.server.log_file.stat().st_size
        what = f"{script.__name__}, {kind} {at} of {role}, {in_a_row} in a row"
        wrongs = []
        self.server.fail(role, kind, at, in_a_row)
        try:
            script(world)
        except Lie as lie:
            wrongs.append(f"{what}: {lie}")
        except (TimeoutError, subprocess.TimeoutExpired):
            wrongs.append(f"{what}: no answer")
        except GONE:
            pass
        except (smtplib.SMTPException, poplib.error_proto, imaplib.IMAP4.error) as error:
            wrongs.append(f"{what}: {error!r}")
        steps, failed, caller = self.server.rest()
        where = self.server.place_of(role, caller) if failed else ""
        deaths = self.server.events("supervisor.worker_ended", said)
        if any(self.server.events(event, said) for event in MEANT_TO_END):
            self.again()  # it came back by itself, too, but rests longer each time
        elif deaths:
            wrongs.append(f"{what}: {deaths[-1]}")
            self.again()
        wrong = self.wrong_with(world)
        if wrong:
            self.again()
            wrongs.append(f"{what}: {wrong}; after another start: {self.wrong_with(world) or 'well'}")
            self.world = None
        log = [row for row in self.server.log_records(said) if row.get("event") != "login.ok"] if wrongs else []
        self.wrongs += [f"{wrong} [{where}] {log}" for wrong in wrongs]
        return steps, failed

    def again(self) -> None:
        self.server.kill()
        self.server.start()

    def wrong_with(self, world: World) -> str:
        try:
            world.check()
        except (Lie, AssertionError, *GONE, imaplib.IMAP4.error) as error:
            return str(error) or repr(error)
        return ""


@contextmanager
def failing_house(place: Path):
    with Names(RECORDS) as names, Sink() as sink:
        server = FailingServer(place, **{"resolver": names.address, "outbound-port": str(sink.port)})
        server.sink = sink
        try:
            server.start()
            server.admin("domain", "add", DOMAIN)
            server.let_anybody_be_named()
            yield server
        finally:
            server.close()


@pytest.fixture(scope="module")
def failures(tmp_path_factory):
    with failing_house(Path(tmp_path_factory.mktemp("failing"))) as server:
        yield Failures(server)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.__name__)
@pytest.mark.parametrize("role", USERS)
def test_a_step_that_fails_makes_nobody_lie_or_die(failures, role, script):
    failures.wrongs = []
    dice = random.Random(f"{SEED} {role} {script.__name__}")
    failed = 0
    for kind in KINDS:
        if script == by_sending and kind == "socket":
            continue  # an answer that is lost while both sides live: what was leased then waits for relay's next start
        steps, _ = failures.play(role, kind, script, 0)
        moments = range(1, steps + 1)
        if SAMPLE != "all":
            moments = dice.sample(moments, min(int(SAMPLE), steps))
        for at in moments:
            failed += failures.play(role, kind, script, at)[1]
    assert not failures.wrongs, "\n\n".join(failures.wrongs)
    assert failed > 0 or (role, script) not in WORKERS_OF


IN_A_ROW = [2, 7, 50]


@pytest.mark.parametrize("role, script", WORKERS_OF, ids=lambda value: getattr(value, "__name__", value))
def test_steps_that_fail_in_a_row_make_nobody_lie_or_die(failures, role, script):
    failures.wrongs = []
    dice = random.Random(f"{SEED} {role} {script.__name__} in a row")
    for kind in KINDS:
        if kind == "socket":
            continue  # one machine's sockets don't fail twice while both ends live: that is taken for the other's end
        steps, _ = failures.play(role, kind, script, 0)
        for in_a_row in IN_A_ROW if steps > 0 else []:
            failures.play(role, kind, script, dice.randint(1, steps), in_a_row)
    assert not failures.wrongs, "\n\n".join(failures.wrongs)


def test_a_name_is_kept_as_it_was_given_or_refused(failures):
    """Jansson's reader lost characters without memory, and a misspelt alias was made."""
    server = failures.server
    account = server.account("exact")
    given, done = set(), set()
    for at in range(1, 41):
        name = f"exact.{at}.{random.randrange(10**12)}@{DOMAIN}"
        given.add(name)
        server.fail("store", "memory", at)
        if server.command("alias", "add", name, account.address).returncode == 0:
            done.add(name)
        server.rest()
    there = {row["address"] for row in server.rows("alias", "list") if row["address"].startswith("exact")}
    assert done <= there <= given
    assert all(row["targets"] == [account.address] for row in server.rows("alias", "list") if row["address"] in there)


def test_an_append_that_was_acknowledged_is_there(failures):
    """A change that could not be noted for lack of memory was rolled back and called done."""
    server = failures.server
    world = World(server, server.account("append"))
    client = None
    for at in range(1, 121):
        client = client or server.imap(world.account)
        identity, raw = world.message()
        world.may(identity, "INBOX")
        server.fail("store", "memory", at)
        try:
            status, _ = client.append("INBOX", None, None, raw)
        except GONE:  # a session that can't go on may end
            status, client = "", None
        server.rest()
        if status == "OK":
            world.must(identity, "INBOX")
    client.shutdown()
    world.check()


def test_store_comes_back_by_itself_after_a_sync_that_failed(failures):
    server = failures.server
    account = server.account("sync")
    said = server.log_file.stat().st_size
    victim = server.worker("store")
    server.fail("store", "sync", 1)
    server.command("alias", "add", f"sync@{DOMAIN}", account.address)
    wait_until("a new store", lambda: server.worker("store") != victim)
    assert server.events("store.sync_failed", said)[0]["level"] == "error"
    server.admin("alias", "add", f"again@{DOMAIN}", account.address)
    server.deliver(account, make_raw())
    server.messages(account)

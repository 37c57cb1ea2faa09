"""After a power loss at whatever moment: what was acknowledged is there, once; no UID means another message than before.

A server that notes each change of its disk (tests/doubles/recorder.c) works for a while; then, for moments chosen at
random, the disks that a loss of power may have left (disk.py) are made, and a server is started on each.

POSTHORN_LOSSES says how many, POSTHORN_LOSS_SEED which ones.
"""

import hashlib
import os
import random
import re
import shutil
import threading
from collections import Counter
from pathlib import Path

import pytest
from disk import Disk, mark, read_notes, write_image
from names import Names
from server import BINARY, DOMAIN, HOST, USERS, Account, Server, is_root, make_raw, wait_until
from sink import Sink

LOSSES = int(os.environ.get("POSTHORN_LOSSES", "24"))
SEED = int(os.environ.get("POSTHORN_LOSS_SEED", "20261123"))
ROUNDS = int(os.environ.get("POSTHORN_LOSS_ROUNDS", "12"))
RECORDED = Path(BINARY).with_name("posthorn-recorder")


RECORDS = {("elsewhere.example", "MX"): ["10 mx.elsewhere.example"], ("mx.elsewhere.example", "A"): [HOST]}
# Each of them has a database, which is opened after each loss.
SETTINGS = {"greylist": "suspicious", "dmarc-reports": "yes", "tls-reports": "yes"}


class MarkingSink(Sink):
    """Another server, which marks what it takes before it says so."""

    log: Path | None = None

    def arrives(self, raw: bytes) -> None:
        if self.log is not None:
            mark(self.log, f"came friend {identity_of(raw)}")


class Work:
    """What people do; what they were told is marked among the changes of the disk."""

    def __init__(self, server: Server, log: Path, accounts: list[Account]):
        self.server, self.log, self.accounts = server, log, accounts
        self.wrong = []
        self.threads = [
            threading.Thread(target=self.guard, args=(work, number))
            for number, work in enumerate(
                [self.send, self.send, self.upload, self.look, self.look, self.command, self.fetch, self.write]
            )
        ]

    def run(self) -> None:
        for thread in self.threads:
            thread.start()
        for thread in self.threads:
            thread.join()
        assert self.wrong == []

    def guard(self, work, number: int) -> None:
        try:
            work(random.Random(SEED + number), number)
        except Exception as error:  # told by the test, whose thread is another
            self.wrong.append(f"{work.__name__}: {error!r}")

    def message(self, dice: random.Random) -> tuple[str, bytes]:
        """Some are spooled, most are small."""
        identity = f"{dice.randrange(10**15)}@loss.example"
        body = f"{identity}\r\n" + ("y" * 70 + "\r\n") * (dice.randrange(1000, 3000) if dice.random() < 0.15 else 1)
        return identity, make_raw(identity=identity, body=body + hashlib.sha256(body.encode()).hexdigest() + "\r\n")

    def send(self, dice: random.Random, _: int) -> None:
        for _ in range(ROUNDS):
            with self.server.smtp(protocol="smtp") as client:
                for _ in range(4):
                    to = dice.sample(self.accounts, dice.choice([1, 1, 2]))
                    identity, raw = self.message(dice)
                    client.sendmail("someone@elsewhere.example", [str(account) for account in to], raw)
                    for account in to:
                        mark(self.log, f"taken {account} {identity}")

    def upload(self, dice: random.Random, _: int) -> None:
        for _ in range(ROUNDS):
            account = dice.choice(self.accounts)
            with self.server.imap(account) as client:
                for _ in range(4):
                    identity, raw = self.message(dice)
                    status, data = client.append("INBOX", None, None, raw)
                    assert status == "OK", data
                    validity, uid = re.search(rb"APPENDUID (\d+) (\d+)", data[0]).groups()
                    mark(self.log, f"taken {account} {identity}")
                    mark(self.log, f"seen {account} {int(validity)} {int(uid)} {identity}")

    def look(self, dice: random.Random, number: int) -> None:
        """Also moves, copies, flags, and makes folders; none of that is promised before a second has passed."""
        for turn in range(2 * ROUNDS):
            account = self.accounts[turn % len(self.accounts)]
            with self.server.imap(account, "INBOX") as client:
                validity, modseq, found = picture(client, "INBOX")
                for uid, identity in found.items():
                    mark(self.log, f"seen {account} {validity} {uid} {identity}")
                mark(self.log, f"modseq {account} {validity} {modseq}")
                folder = f"f{number}-{turn}"
                client.create(folder)
                for uid in dice.sample(sorted(found), min(3, len(found))):
                    what = dice.choice(["move", "copy", "store", "store"])
                    words = ("+FLAGS", r"(\Flagged $Word)") if what == "store" else (folder,)
                    client.uid(what, str(uid), *words)
                if dice.random() < 0.5:
                    client.rename(folder, folder + "x")

    def fetch(self, dice: random.Random, _: int) -> None:
        """POP3. A deletion is promised for a crash, not for a loss of power within a second: it may be there or not."""
        for _ in range(ROUNDS):
            account = dice.choice(self.accounts)
            client = self.server.pop3(account)
            found = [int(row.split()[0]) for row in client.list()[1]]
            for number in dice.sample(found, min(2, len(found))):
                identity = identity_of(b"\n".join(client.top(number, 0)[1]))
                mark(self.log, f"deleted {account} {identity}")
                client.dele(number)
            client.quit()

    def write(self, dice: random.Random, _: int) -> None:
        """To another server, which marks what it takes."""
        account = self.accounts[0]
        for _ in range(ROUNDS):
            with self.server.smtp(account) as client:
                identity, raw = self.message(dice)
                client.sendmail(account.address, ["friend@elsewhere.example"], raw)
                mark(self.log, f"sent friend {identity}")

    def command(self, dice: random.Random, _: int) -> None:
        for turn in range(ROUNDS):
            account = self.server.account(f"new{turn}")
            mark(self.log, f"account {account}")
            self.server.admin("alias", "add", f"alias{turn}@{DOMAIN}", dice.choice(self.accounts).address)
            mark(self.log, f"alias alias{turn}@{DOMAIN}")
            self.server.admin("domain", "add", f"domain{turn}.example")
            mark(self.log, f"domain domain{turn}.example")
            self.server.admin("domain", "set", f"domain{turn}.example", "--max-accounts", str(turn + 1))
            mark(self.log, f"limit domain{turn}.example {turn + 1}")


def identity_of(header: bytes) -> str:
    return re.search(rb"^Message-ID: <(.*)>", header, re.MULTILINE).group(1).decode()


def picture(client, folder: str) -> tuple[int, int, dict[int, str]]:
    """UIDVALIDITY, HIGHESTMODSEQ, and the identity of each UID, of the selected folder."""
    status, data = client.status(folder, "(UIDVALIDITY HIGHESTMODSEQ)")
    assert status == "OK", data
    validity, modseq = re.search(rb"UIDVALIDITY (\d+) HIGHESTMODSEQ (\d+)", data[0]).groups()
    status, parts = client.uid("fetch", "1:*", "(BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])")
    assert status == "OK", parts
    found = {}
    for part in parts:
        if isinstance(part, tuple):
            identity = re.search(rb"<(.*)>", part[1]).group(1).decode()
            found[int(re.search(rb"UID (\d+)", part[0]).group(1))] = identity
    return int(validity), int(modseq), found


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """Notes of what was done to the disk, the disk as it was before, the accounts, the server."""
    place = Path(tmp_path_factory.mktemp("power"))
    for directory in (place, *place.parents):
        if directory.name.startswith("pytest"):
            directory.chmod(0o755)  # the workers run a program in it
    binary = place / "posthorn"
    shutil.copy(RECORDED, binary)
    with Names(RECORDS) as names, MarkingSink() as sink:
        yield from record(place, binary, names, sink)


def record(place: Path, binary: Path, names: Names, sink: MarkingSink):
    server = Server(**SETTINGS, **{"resolver": names.address, "outbound-port": str(sink.port)})
    server.sink = sink
    try:
        server.start()
        server.admin("domain", "add", DOMAIN)
        server.let_anybody_be_named()
        accounts = [server.account(name) for name in ("anna", "bert", "carl")]
        for account in accounts:
            server.deliver(account, make_raw())
            server.messages(account)
        server.stop()
        disk = Disk(server.data)
        log = place / "disk.log"
        log.touch()
        log.chmod(0o666)
        server.start_program(binary)
        sink.log = log
        Work(server, log, accounts).run()
        server.process.kill()
        server.process.wait()
        sink.log = None
        yield read_notes(log), disk, accounts, server
    finally:
        server.close()


class Promises:
    """What the marks say so far."""

    def __init__(self):
        self.taken, self.commands = set(), set()
        self.sent, self.came, self.deleted = set(), set(), set()
        self.limits: dict[str, int] = {}
        self.seen: dict[tuple, str] = {}
        self.modseq: dict[tuple, int] = {}

    def add(self, text: str) -> None:
        what, account, *rest = text.split(" ")
        if what == "taken":
            self.taken.add((account, rest[0]))
        elif what == "seen":
            self.seen[account, int(rest[0]), int(rest[1])] = rest[2]
        elif what == "modseq":
            key = account, int(rest[0])
            self.modseq[key] = max(self.modseq.get(key, 0), int(rest[1]))
        elif what in ("sent", "came", "deleted"):
            getattr(self, what).add((account, rest[0]))
        elif what == "limit":
            self.limits[account] = int(rest[0])
        else:
            self.commands.add((what, account))


def start_on(server: Server, image: dict) -> None:
    shutil.rmtree(server.data)
    server.data.mkdir(0o700)
    write_image(image, server.data)
    if is_root():
        for place, directories, files in os.walk(server.data):
            for name in ["."] + directories + files:
                shutil.chown(os.path.join(place, name), USERS["store"], USERS["store"])
    server.start()


def folders(client) -> list[str]:
    status, data = client.list()
    assert status == "OK", data
    assert data != [None], "no folder at all"
    return [re.search(rb'"/" (\S+)$', line).group(1).decode() for line in data if rb"\Noselect" not in line]


def wrongs_of_account(server: Server, account: Account, promises: Promises) -> list[str]:
    wrongs = []
    with server.imap(account) as client:
        everywhere: Counter = Counter()
        copied = Counter()
        for folder in folders(client):
            status, data = client.select(folder, readonly=True)
            assert status == "OK", data
            validity, modseq, found = picture(client, folder)
            (everywhere if folder == "INBOX" else copied).update(found.values())
            if folder != "INBOX":
                continue
            for uid, identity in found.items():
                before = promises.seen.get((account.address, validity, uid), identity)
                if before != identity:
                    wrongs.append(f"UID {uid} of {account} was {before}, is {identity}")
            if modseq < promises.modseq.get((account.address, validity), 0):
                wrongs.append(f"HIGHESTMODSEQ of {account} went back to {modseq}")
        for identity, count in everywhere.items():
            if count > 1:
                wrongs.append(f"{identity} is there {count} times for {account}")
        for address, identity in sorted(promises.taken - promises.deleted):
            if address == account.address and everywhere[identity] + copied[identity] == 0:
                wrongs.append(f"{identity} is lost for {account}")
    return wrongs


def wrongs_of(server: Server, accounts: list[Account], promises: Promises) -> list[str]:
    """What was promised and does not hold."""
    try:
        wait_until("the queue to be empty", lambda: server.rows("queue", "list") == [])
    except AssertionError:
        return [f"the queue keeps {server.rows('queue', 'list')}: {server.log_tail()}"]
    wrongs = [wrong for account in accounts for wrong in wrongs_of_account(server, account, promises)]
    there = {("account", row["address"]) for row in server.rows("account", "list")}
    there |= {("alias", row["address"]) for row in server.rows("alias", "list")}
    there |= {("domain", row["domain"]) for row in server.rows("domain", "list")}
    for name, most in promises.limits.items():
        if ("domain", name) in there and server.rows("domain", "show", name)[0]["max_accounts"] != most:
            wrongs.append(f"the limit of {name} is lost")
    came = {("friend", identity_of(raw)) for _, _, raw in server.sink.messages} | promises.came
    wrongs += [f"{identity} is lost on the way to another server" for _, identity in promises.sent - came]
    wrongs += [f"{what} {name} is lost" for what, name in sorted(promises.commands - there)]
    for account in accounts:
        done = server.command("account", "check", account.address)
        if done.returncode != 0:
            wrongs.append(f"account check {account}: {done.stdout}{done.stderr}")
    return wrongs


def test_nothing_that_was_promised_is_lost_with_the_power(recording):
    notes, disk, accounts, server = recording
    dice = random.Random(SEED)
    first = next(number for number, note in enumerate(notes) if note[0] == b"X")
    moments = sorted(dice.choices(range(first, len(notes)), k=LOSSES))
    promises = Promises()
    wrongs = []
    for number, note in enumerate(notes):
        if note[0] == b"X":
            promises.add(note[3].decode())
        else:
            disk.follow(*note)
        while moments and moments[0] == number:
            moments.pop(0)
            kind = dice.choice(["nothing", "all", "some", "some", "some"])
            image = disk.after_loss(dice if kind == "some" else None, kind == "all")
            server.sink.messages.clear()
            try:
                start_on(server, image)
                found = wrongs_of(server, accounts, promises)
            except AssertionError as error:
                found = [f"no good start: {error}"]
            server.process.kill()
            server.process.wait()
            wrongs += [f"at note {number} of {len(notes)}, {kind} of what was pending kept: {wrong}" for wrong in found]
    assert not wrongs, "\n\n".join(wrongs)
    assert promises.taken and promises.seen and promises.modseq and promises.commands
    assert promises.sent and promises.came and promises.deleted and promises.limits

"""Moving in: `posthorn account import ADDRESS --from ...`, from Debian's dovecot and from servers that mean no good."""

import hashlib
import json
import os
import random
import re
import signal
import subprocess
import tempfile
import time
from collections import Counter

import pytest
from old_server import PASSWORD, Script, running_old_server
from server import BINARY, HOST, wait_until

SETTINGS = {"message-size-max": "1M"}
MANY = 5000
SEED = int(os.environ.get("POSTHORN_IMPORT_SEED", "20261122"))


@pytest.fixture(scope="module")
def old(running_server):
    with running_old_server(running_server.certificate, running_server.directory / "key.pem") as old:
        yield old


def run(server, account, source, *options, password=PASSWORD):
    return server.command("account", "import", account.address, "--from", source, *options, password=password)


def bring(server, account, source, *options, password=PASSWORD) -> dict[str, dict]:
    """The rows, by the source's folder."""
    done = run(server, account, source, "--json", *options, password=password)
    assert done.returncode == 0, done.stderr + done.stdout
    return {row["folder"]: row for row in map(json.loads, done.stdout.splitlines())}


def added(rows: dict[str, dict]) -> int:
    return sum(row["added"] for row in rows.values())


def content(client, folder: str) -> dict[bytes, tuple]:
    """What is in a folder: (flags, date), by the message's digest; each is there once."""
    status, data = client.select(folder, readonly=True)
    assert status == "OK", data
    found = {}
    if data[0] == b"0":
        return found
    status, parts = client.fetch("1:*", "(FLAGS INTERNALDATE BODY.PEEK[])")
    assert status == "OK", parts
    for i, part in enumerate(parts):
        if not isinstance(part, tuple):
            continue
        words = part[0] + (parts[i + 1] if isinstance(parts[i + 1], bytes) else b"")
        flags = frozenset(re.search(rb"FLAGS \(([^)]*)\)", words).group(1).split()) - {rb"\Recent"}
        when = imap_time(re.search(rb'INTERNALDATE "([^"]+)"', words).group(1))
        digest = hashlib.sha256(part[1]).digest()
        assert digest not in found, "a message is there twice"
        found[digest] = (flags, when)
    return found


def imap_time(text: bytes) -> float:
    from email.utils import parsedate_to_datetime

    return parsedate_to_datetime(text.decode().strip().replace("-", " ", 2)).timestamp()


def same(server, account, old, user, folders: dict[str, str]) -> None:
    """Those folders (there: here) hold the same messages, flags and dates."""
    with server.imap(account) as here, old.client(user) as there:
        for theirs, ours in folders.items():
            wanted = content(there, theirs)
            assert content(here, ours) == wanted, (theirs, ours)


def test_brings_folders_messages_flags_and_dates(server, anna, old):
    old.fill("first", 60, flags="mixed")
    old.fill("first", 30, "Sent", flags="S")
    old.fill("first", 10, "Archive.2020.May")
    old.fill("first", 5, "Gel&APY-scht und mehr")
    with old.client("first") as there:
        there.select("INBOX")
        there.store("1:10", "+FLAGS", "($Forwarded mine)")
        there.store("3", "+FLAGS", r"(\Deleted)")
    rows = bring(server, anna, old.source("first"))
    assert added(rows) == 105
    assert rows["Archive/2020/May"]["home"] == "Archive/2020/May"
    same(server, anna, old, "first", {"INBOX": "INBOX", "Sent": "Sent", "Archive.2020.May": "Archive/2020/May"})
    assert server.count(anna, '"Gel&APY-scht und mehr"') == 5
    again = bring(server, anna, old.source("first"))
    assert (added(again), sum(row["had"] for row in again.values())) == (0, 105)


def test_takes_what_is_new_there_and_leaves_what_was_changed_here(server, anna, old):
    old.fill("second", 20, flags="S")
    source = old.source("second")
    assert added(bring(server, anna, source)) == 20
    with server.imap(anna, "INBOX") as here:
        here.store("1:3", "+FLAGS", r"(\Deleted)")
        here.expunge()
        here.store("1", "-FLAGS", r"(\Seen)")  # was 4 there
        here.store("2", "+FLAGS", "(own)")  # was 5 there
    old.fill("second", 5, first=20)
    with old.client("second") as there:
        there.select("INBOX")
        there.store("4:5", "+FLAGS", r"(\Flagged)")
        there.store("6", "-FLAGS", r"(\Seen)")
        there.store("1", "+FLAGS", r"(\Answered)")  # gone here
    rows = bring(server, anna, source, "--dry-run")
    assert (rows["INBOX"]["added"], rows["INBOX"]["flagged"]) == (5, 4)
    rows = bring(server, anna, source)
    assert (rows["INBOX"]["added"], rows["INBOX"]["flagged"]) == (5, 4)
    with server.imap(anna, "INBOX") as here:
        status, data = here.fetch("1:*", "(FLAGS)")
        flags = [set(re.search(rb"FLAGS \(([^)]*)\)", line).group(1).split()) - {rb"\Recent"} for line in data]
    assert len(flags) == 22
    assert flags[0] == {rb"\Flagged"}
    assert flags[1] == {rb"\Flagged", rb"\Seen", b"own"}
    assert flags[2] == set()
    assert flags[3] == {rb"\Seen"}
    rows = bring(server, anna, source)
    assert (rows["INBOX"]["added"], rows["INBOX"]["flagged"]) == (0, 0)


def test_by_tls_with_a_good_certificate_only(server, anna, old):
    old.fill("third", 3)
    by_name = f"imaps://third@localhost:{old.tls_port}"
    done = run(server, anna, by_name)
    assert done.returncode == 1 and "certificate" in done.stderr, done.stderr
    assert server.count(anna) == 0
    rows = bring(server, anna, by_name, "--insecure-tls")
    assert added(rows) == 3


def test_an_authority_of_the_settings_vouches_for_it(server, anna, old, tmp_path):
    old.fill("fourth", 3)
    config = server.directory / "trusting.conf"
    config.write_text(server.config.read_text() + f"ca-file = {server.certificate}\n")
    words = [BINARY, "-c", str(config), "account", "import", anna.address, "--from"]
    for host, good in (("localhost", True), (HOST, True), ("127.0.0.2", False)):
        source = f"imaps://fourth@{host}:{old.tls_port}"
        done = subprocess.run([*words, source], input=f"{PASSWORD}\n", capture_output=True, text=True, timeout=60)
        assert (done.returncode == 0) == good, done.stderr + done.stdout


def test_a_wrong_password_is_said(server, anna, old):
    old.maildir("fifth")
    done = run(server, anna, old.source("fifth"), password="wrong")
    assert done.returncode == 1 and "log-in as fifth" in done.stderr, done.stderr


def test_what_is_asked_wrongly_is_said(server, anna, old):
    for options, said in (
        (["--since", "yesterday"], "is no day"),
        (["--folder", "Nothing"], 'no folder "Nothing"'),
        (["--form", "x"], "did you mean --from"),
    ):
        done = run(server, anna, old.source("sixth"), *options)
        assert done.returncode == 2 and said in done.stderr, done.stderr
    done = server.command("account", "import", "nobody@demo.example", "--from", old.source("sixth"), password=PASSWORD)
    assert done.returncode == 2 and "nobody@demo.example" in done.stderr
    done = server.command("account", "import", anna.address, "--from", "imaps://a:b@host", password=PASSWORD)
    assert done.returncode == 2 and "command line" in done.stderr


def test_only_a_folder_and_only_since_a_day(server, anna, old):
    old.fill("seventh", 4)
    old.fill("seventh", 3, "Work")
    rows = bring(server, anna, old.source("seventh"), "--folder", "Work")
    assert list(rows) == ["Work"] and added(rows) == 3
    rows = bring(server, anna, old.source("seventh"), "--since", "2020-09-14")
    assert rows["INBOX"]["added"] == 0
    rows = bring(server, anna, old.source("seventh"), "--since", "2020-09-13")
    assert rows["INBOX"]["added"] == 4


def test_too_large_messages_are_named_and_skipped(server, anna, old):
    old.fill("eighth", 2)
    path = old.maildir("eighth") / "cur" / "1800000000.M1P1.old:2,"
    path.write_bytes(b"Subject: large\n\n" + b"x" * 76 * 20000)
    old.own(path.parent)
    done = run(server, anna, old.source("eighth"))
    assert done.returncode == 1
    assert "skipped: message 3" in done.stderr and "1 skipped" in done.stdout
    assert server.count(anna) == 2


def test_the_quota_ends_it_unless_it_is_to_be_ignored(server, old):
    account = server.account("small", "--quota", "20000")
    server.admin("account", "set", account.address, "--quota-warn", "off")
    old.fill("ninth", 300)
    done = run(server, account, old.source("ninth"))
    assert done.returncode == 1 and "quota" in done.stderr, done.stderr
    rows = bring(server, account, old.source("ninth"), "--ignore-quota")
    assert server.count(account) == 300
    assert added(bring(server, account, old.source("ninth"), "--ignore-quota")) == 0, rows


def test_many_messages_come_once_whatever_is_killed_meanwhile(server, anna, old):
    """The command line and the store end at any moment; then it goes on."""
    server.expect_deaths = True
    dice = random.Random(SEED)
    old.fill("many", MANY - 1000, flags="mixed")
    old.fill("many", 1000, "Sent", first=MANY)
    source = old.source("many")
    words = [BINARY, "-c", str(server.config), "account", "import", anna.address, "--from", source]
    broken = Counter()
    for victim in ["command", "store", "command", "interrupt", "store", "command"]:
        with tempfile.TemporaryFile() as password:
            password.write(f"{PASSWORD}\n".encode())
            password.seek(0)
            process = subprocess.Popen(words, stdin=password, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        grown = server.count(anna) + dice.randrange(50, 600)
        wait_until("messages to come", lambda: process.poll() is not None or server.count(anna) >= grown)
        if victim == "store":
            server.kill_worker("store")
        else:
            process.send_signal(signal.SIGKILL if victim == "command" else signal.SIGINT)
        process.communicate(timeout=60)
        broken[victim] += process.returncode != 0
    assert sum(broken.values()) > 0
    end = time.monotonic() + 60
    done = run(server, anna, source)
    while done.returncode != 0 and time.monotonic() < end:  # the store may still be starting
        time.sleep(0.5)
        done = run(server, anna, source)
    assert done.returncode == 0, done.stderr
    same(server, anna, old, "many", {"INBOX": "INBOX", "Sent": "Sent"})
    assert added(bring(server, anna, source)) == 0


def test_without_a_running_server(server, old):
    server.expect_deaths = True
    account = server.account("offline")
    old.fill("tenth", 50, flags="mixed")
    server.stop()
    try:
        assert added(bring(server, account, old.source("tenth"))) == 50
        assert added(bring(server, account, old.source("tenth"))) == 0
    finally:
        server.start()
    same(server, account, old, "tenth", {"INBOX": "INBOX"})


# --- servers that mean no good ---


def answer_log_in(file) -> bytes:
    """Up to the first command after the log-in, which it gives."""
    file.write(b"* OK ready\r\n")
    while True:
        line = file.readline()
        tag = line.split(b" ")[0]
        word = line.split(b" ")[1].strip().upper() if b" " in line else b""
        if word == b"CAPABILITY":
            file.write(b"* CAPABILITY IMAP4rev1\r\n" + tag + b" OK\r\n")
        elif word == b"LOGIN":
            file.write(tag + b" OK\r\n")
        else:
            return tag


def answer_list(file) -> bytes:
    tag = answer_log_in(file)
    file.write(b'* LIST () "/" INBOX\r\n' + tag + b" OK\r\n")
    return file.readline().split(b" ")[0]


def answer_examine(file, exists: int = 1) -> bytes:
    tag = answer_list(file)
    file.write(b"* %d EXISTS\r\n* OK [UIDVALIDITY 7] ok\r\n%s OK\r\n" % (exists, tag))
    return file.readline().split(b" ")[0]


def answer_scan(file, size: int = 5) -> bytes:
    tag = answer_examine(file)
    file.write(b"* 1 FETCH (UID 9 FLAGS (\\Seen) RFC822.SIZE %d)\r\n%s OK\r\n" % (size, tag))
    return file.readline().split(b" ")[0]


def says(then: bytes, first=None, times: int = 1):
    def talk(file):
        tag = first(file) if first is not None else b""
        for _ in range(times):
            file.write(then.replace(b"TAG", tag))

    return talk


HOSTILE = {
    "no greeting": (says(b""), "closed"),
    "not imap": (says(b"220 smtp.example\r\n"), "no IMAP server"),
    "endless line": (says(b"x" * 65536, None, 10**4), "more than 1024 KB"),
    "endless responses": (says(b"* OK more\r\n" * 1000, answer_log_in, 10**4), "nobody asked for"),
    "endless folders": (says(b'* LIST () "/" a\r\n' * 1000, answer_log_in, 10**4), "folders"),
    "huge literal in a list": (says(b'* LIST () "/" {4000000000}\r\n', answer_log_in), "literal"),
    "no validity": (says(b"* 1 EXISTS\r\nTAG OK\r\n", answer_list), "UIDVALIDITY"),
    "endless messages": (says(b"* 1 FETCH (UID 1 FLAGS () RFC822.SIZE 1)\r\n" * 1000, answer_examine, 10**4), "messages"),
    "larger than it said": (says(b"* 1 FETCH (UID 9 BODY[] {2000000}\r\n", answer_scan), "more than it said"),
    "never asked for": (says(b"* 1 FETCH (UID 8 BODY[] {1}\r\nx)\r\nTAG OK\r\n", answer_scan), "not asked for"),
    "dies in mid literal": (says(b"* 1 FETCH (UID 9 BODY[] {5}\r\nabc", answer_scan), "closed"),
    "gives nothing": (says(b"TAG OK\r\n", answer_scan), "did not give"),
    "refuses": (says(b"TAG NO not today\r\n", answer_list), "not today"),
    "says goodbye": (says(b"* BYE for now\r\n", answer_scan), "for now"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_source_is_bounded_and_told_of(server, anna, name):
    talk, said = HOSTILE[name]
    script = Script(talk)
    try:
        done = run(server, anna, f"imap://x@{HOST}:{script.port}")
    finally:
        script.close()
    assert done.returncode != 0 and said in done.stderr, done.stderr + done.stdout
    assert "died" not in done.stderr
    assert server.count(anna) == 0


def test_what_came_before_the_source_died_stays(server, anna):
    whole = b"Subject: x\r\n\r\nabc\r\n"

    def talk(file):
        tag = answer_examine(file, 2)
        for uid in (1, 2):
            file.write(b"* %d FETCH (UID %d FLAGS () RFC822.SIZE %d)\r\n" % (uid, uid, len(whole)))
        file.write(tag + b" OK\r\n")
        file.readline()
        file.write(b"* 1 FETCH (UID 1 BODY[] {%d}\r\n%s)\r\n* 2 FETCH (UID 2 BODY[] {%d}\r\nabc" % (len(whole), whole, len(whole)))

    script = Script(talk)
    try:
        done = run(server, anna, f"imap://x@{HOST}:{script.port}")
    finally:
        script.close()
    assert done.returncode == 1 and "closed" in done.stderr
    assert server.messages(anna) == [whole]


def test_a_folder_that_is_numbered_anew_is_recognised(server, anna):
    now = {"validity": 7, "first": 1, "count": 3}

    def talk(file):
        tag = answer_list(file)
        file.write(b"* %d EXISTS\r\n* OK [UIDVALIDITY %d] ok\r\n%s OK\r\n" % (now["count"], now["validity"], tag))
        tag = file.readline().split(b" ")[0]
        bodies = {now["first"] + n: b"Subject: %d\r\n\r\n" % n for n in range(now["count"])}
        for uid, body in bodies.items():
            file.write(b"* 1 FETCH (UID %d FLAGS () RFC822.SIZE %d)\r\n" % (uid, len(body)))
        file.write(tag + b" OK\r\n")
        tag = file.readline().split(b" ")[0]
        for uid, body in bodies.items():
            file.write(b"* 1 FETCH (UID %d BODY[] {%d}\r\n%s)\r\n" % (uid, len(body), body))
        file.write(tag + b" OK\r\n")

    script = Script(talk)
    try:
        source = f"imap://x@{HOST}:{script.port}"
        assert added(bring(server, anna, source)) == 3
        now.update(validity=8, first=100, count=5)
        rows = bring(server, anna, source)
        assert (rows["INBOX"]["added"], rows["INBOX"]["had"]) == (2, 3)
    finally:
        script.close()
    assert server.count(anna) == 5

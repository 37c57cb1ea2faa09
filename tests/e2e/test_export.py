"""Moving out: `posthorn account export`, and back in: the same messages, byte for byte, with their flags and dates."""

import imaplib
import mailbox
import random
import re
from collections import Counter

import pytest
from test_import import added, bring, imap_time

COUNT = 1000
SEED = 20261122
FOLDERS = ["INBOX", "Sent", "Archive", '"Archive/2020"', '"Archive/2020/a.b&AOQ-%"', '".dot"', '"x.mbox"', '"x.mbox/y.sbd"']
KEYWORDS = ["$Forwarded", "$label1", "NonJunk", "mine"]

ODD = [
    b"Subject: no end\r\n\r\nlast line",
    b"Subject: From lines\r\n\r\nFrom a@b Sun Nov 22 10:00:00 2026\r\n\r\nFrom x\r\n>From y\r\n>>From z\r\n",
    b"Subject: own fields\r\nStatus: RO\r\nX-Keywords: theirs\r\nX-UID: 7\r\n\r\nx\r\n",
    b"Subject: empty lines\r\n\r\n\r\n\r\n\r\n",
    b"Subject: no body\r\n\r\n",
    b"no header at all",
    b"Subject: odd ends\r\n\r\none\r\r\ntwo\rthree\r\n",
    b"Subject: bytes\r\n\r\n" + bytes(range(1, 10)) + bytes(range(14, 256)) + b"\r\n",
    b"Subject: long\r\n\r\n" + b"x" * 100000 + b"\r\n",
    b"X-Posthorn-Mbox: as-is no-end\r\nStatus: R\r\nX-Status: A\r\nX-Keywords: x\r\nSubject: ours\r\n\r\nx\r\n",
    b" begins with a blank\r\n\r\nx\r\n",
    b"From a@b Sun Nov 22 10:00:00 2026\r\nSubject: x\r\n\r\ny\r\n",
    b"X-IMAP: 1\r\nX-Mozilla-Status: 0009\r\nSubject: x\r\n\r\ny\r\n",
    b"\r\n",
]


def varied(dice: random.Random, number: int) -> bytes:
    if dice.random() < 0.3:
        return dice.choice(ODD)
    lines = [f"Subject: {number}", f"Message-ID: <{number}@export.example>", ""]
    lines += [dice.choice(["From here", "plain", "", ">From", "Status: x", "y" * 500]) for _ in range(dice.randrange(30))]
    return "\r\n".join(lines).encode() + (b"\r\n" if dice.random() < 0.9 else b"")


@pytest.fixture(scope="module")
def full(running_server):
    """An account with COUNT varied messages."""
    account = running_server.account("full")
    dice = random.Random(SEED)
    with running_server.imap(account) as client:
        for folder in FOLDERS:
            client.create(folder)
        for number in range(COUNT):
            words = [r"\Seen", r"\Answered", r"\Flagged", r"\Deleted", r"\Draft", *KEYWORDS]
            flags = "(" + " ".join(dice.sample(words, dice.randrange(5))) + ")"
            when = imaplib.Time2Internaldate(dice.randrange(10**9, 17 * 10**8))
            status, data = client.append(dice.choice(FOLDERS), flags, when, varied(dice, number))
            assert status == "OK", data
    return account


def everything(server, account) -> dict[str, Counter]:
    found = {}
    with server.imap(account) as client:
        for folder in FOLDERS:
            status, data = client.select(folder, readonly=True)
            found[folder] = Counter()
            if status != "OK" or data[0] == b"0":
                continue
            status, parts = client.fetch("1:*", "(FLAGS INTERNALDATE BODY.PEEK[])")
            for i, part in enumerate(parts):
                if not isinstance(part, tuple):
                    continue
                words = part[0] + (parts[i + 1] if isinstance(parts[i + 1], bytes) else b"")
                flags = frozenset(re.search(rb"FLAGS \(([^)]*)\)", words).group(1).split()) - {rb"\Recent"}
                when = imap_time(re.search(rb'INTERNALDATE "([^"]+)"', words).group(1))
                found[folder][(part[1], flags, when)] += 1
    return found


@pytest.mark.parametrize("format", ["mbox", "maildir"])
def test_out_and_in_again_is_the_same(server, full, tmp_path, format):
    other = server.account("other")
    said = server.admin("account", "export", full.address, "--to", str(tmp_path / "out"), "--format", format)
    assert f"wrote {COUNT} messages" in said
    rows = bring(server, other, str(tmp_path / "out"))
    assert added(rows) == COUNT
    wanted = everything(server, full)
    got = everything(server, other)
    for folder in FOLDERS:
        assert got[folder] == wanted[folder], (folder, (got[folder] - wanted[folder]), (wanted[folder] - got[folder]))
    assert added(bring(server, other, str(tmp_path / "out"))) == 0


@pytest.mark.parametrize("format", ["mbox", "maildir"])
def test_without_a_running_server(server, full, tmp_path, format):
    server.expect_deaths = True
    server.stop()
    try:
        said = server.admin("account", "export", full.address, "--to", str(tmp_path / "out"), "--format", format)
    finally:
        server.start()
    assert f"wrote {COUNT} messages" in said


def test_other_programs_read_it(server, full, tmp_path):
    for format, kind in (("mbox", mailbox.mbox), ("maildir", mailbox.Maildir)):
        out = tmp_path / format
        server.admin("account", "export", full.address, "--to", str(out), "--format", format, "--folder", "INBOX")
        box = kind(out / "INBOX.mbox" if format == "mbox" else out, create=False)
        assert len(box) == server.count(full)
        seen = sum("S" in message.get_flags() if format == "maildir" else "R" in message.get_flags() for message in box)
        with server.imap(full, "INBOX", readonly=True) as client:
            assert seen == len(client.search(None, "SEEN")[1][0].split())


def test_writes_only_into_a_directory_of_its_own(server, full, tmp_path):
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "file").write_text("x")
    (tmp_path / "link").symlink_to(taken)
    open_to_all = tmp_path / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    for path in (taken, tmp_path / "link", open_to_all, tmp_path / "no" / "parent"):
        done = server.command("account", "export", full.address, "--to", str(path), "--format", "mbox")
        assert done.returncode == 2, done.stdout
    assert sorted(path.name for path in taken.iterdir()) == ["file"]
    assert list(open_to_all.iterdir()) == []
    done = server.command("account", "export", full.address, "--to", str(tmp_path / "x"), "--format", "zip")
    assert done.returncode == 2 and "mbox or maildir" in done.stderr
    done = server.command("account", "export", full.address, "--to", str(tmp_path / "y"), "--format", "mbox", "--folder", "No")
    assert done.returncode == 2 and 'no folder "No"' in done.stderr

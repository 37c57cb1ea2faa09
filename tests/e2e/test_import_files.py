"""Moving in from files: mboxes of all kinds, and Maildirs as dovecot keeps them."""

import os
import re
import shutil

import pytest
from old_server import running_old_server
from test_import import added, bring, content, run


@pytest.fixture(scope="module")
def old(running_server):
    with running_old_server(running_server.certificate, running_server.directory / "key.pem") as old:
        yield old


FROM = b"From s@old.example Sun Nov 22 10:00:00 2020\n"


def bodies(server, account, folder: str = "INBOX") -> list[bytes]:
    with server.imap(account, folder, readonly=True) as client:
        status, parts = client.fetch("1:*", "(BODY.PEEK[])")
        return [part[1] for part in parts if isinstance(part, tuple)]


def test_an_mbox_as_it_is_in_the_wild(server, anna, tmp_path):
    mbox = tmp_path / "mbox"
    mbox.write_bytes(
        FROM + b"Subject: 1\nStatus: RO\nX-Status: F\nX-Keywords: $Forwarded mine\n\n>From here\n>>From there\n\n"
        + FROM + b"Subject: 2\nContent-Length: 99999\n\nFrom me to you\n\n\n"
        + FROM.replace(b"\n", b"\r\n") + b"Subject: 3\r\n\r\nCRLF\r\n\r\n"
        + FROM + b"Subject: 1\n\nthe same\n\n" + FROM + b"Subject: 1\n\nthe same\n\n"
        + FROM + b"Subject: 4\n\nno end"
    )  # fmt: skip
    rows = bring(server, anna, str(mbox))
    assert rows["INBOX"]["added"] == 6
    assert bodies(server, anna) == sorted_like(
        bodies(server, anna),
        [
            b"Subject: 1\r\n\r\nFrom here\r\n>From there\r\n",
            b"Subject: 2\r\nContent-Length: 99999\r\n\r\nFrom me to you\r\n\r\n",
            b"Subject: 3\r\n\r\nCRLF\r\n",
            b"Subject: 1\r\n\r\nthe same\r\n",
            b"Subject: 1\r\n\r\nthe same\r\n",
            b"Subject: 4\r\n\r\nno end",
        ],
    )
    with server.imap(anna, "INBOX") as client:
        status, data = client.search(None, "FLAGGED SEEN KEYWORD mine KEYWORD $Forwarded SUBJECT 1")
        assert len(data[0].split()) == 1
        status, data = client.fetch("1", "(INTERNALDATE)")
        assert b"22-Nov-2020 10:00:00 +0000" in data[0]
    mbox.write_bytes(mbox.read_bytes() + b"\n\n" + FROM + b"Subject: 5\n\nnew\n")
    assert added(bring(server, anna, str(mbox))) == 2  # that without an end has one now
    assert added(bring(server, anna, str(mbox))) == 0


def sorted_like(have: list, wanted: list) -> list:
    """They come in any order."""
    assert sorted(have) == sorted(wanted)
    return have


def test_a_tree_of_mboxes(server, anna, tmp_path):
    tree = tmp_path / "mail"
    (tree / "Work.sbd").mkdir(parents=True)
    for name, subject in (("INBOX", 1), ("Sent", 2), ("Work", 3), ("Work.sbd/Old", 4)):
        (tree / name).write_bytes(FROM + b"Subject: %d\n\nx\n" % subject)
    (tree / "Sent.msf").write_text("// no mbox")
    (tree / "empty").write_text("")
    rows = bring(server, anna, str(tree))
    assert {name: row["home"] for name, row in rows.items()} == {
        "INBOX": "INBOX", "Sent": "Sent", "Work": "Work", "Work/Old": "Work/Old"
    }  # fmt: skip
    assert added(rows) == 4


def test_a_maildir_of_dovecots(server, anna, old):
    old.fill("maildir", 40, flags="mixed")
    old.fill("maildir", 10, "Sent", flags="S")
    old.fill("maildir", 5, "Arch&AOQ-olog.2020")
    with old.client("maildir") as there:
        there.select("INBOX")
        there.store("1:5", "+FLAGS", "(mine other)")
        there.store("6", "+FLAGS", "(other)")
        there.append("INBOX", None, None, b"Subject: appended\r\n\r\nx\r\n")
    path = str(old.maildir("maildir"))
    rows = bring(server, anna, path)
    assert added(rows) == 56
    assert server.count(anna, '"Arch&AOQ-olog/2020"') == 5
    with server.imap(anna) as here, old.client("maildir") as there:
        for folder in ("INBOX", "Sent"):
            ours, theirs = content(here, folder), content(there, folder)
            assert {digest: (flags, int(when)) for digest, (flags, when) in ours.items()} == theirs
    with old.client("maildir") as there:
        there.select("INBOX")
        there.store("7", "+FLAGS", r"(\Deleted)")
    rows = bring(server, anna, path)
    assert (added(rows), rows["INBOX"]["flagged"]) == (0, 1)


def test_links_out_of_a_maildir_are_not_followed(server, anna, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("Subject: secret\n\nx\n")
    path = tmp_path / "Maildir"
    for part in ("cur", "new", "tmp"):
        (path / part).mkdir(parents=True)
    (path / "cur" / "1:2,").symlink_to(secret)
    (path / "cur" / "2:2,").write_text("Subject: good\n\nx\n")
    os.mkfifo(path / "cur" / "3:2,")
    (path / ".Linked").symlink_to(path)
    done = run(server, anna, str(path))
    assert done.returncode == 1 and "cur/1:2, is no file" in done.stderr, done.stderr
    assert bodies(server, anna) == [b"Subject: good\r\n\r\nx\r\n"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can read what the owner may not")
def test_files_are_read_as_their_owner(server, anna, tmp_path):
    tmp_path.chmod(0o755)
    path = tmp_path / "Maildir"
    for part in ("cur", "new", "tmp"):
        (path / part).mkdir(parents=True)
    (path / "cur" / "1:2,").write_text("Subject: root's\n\nx\n")
    (path / "cur" / "1:2,").chmod(0o600)
    shutil.chown(path, "nobody")
    done = run(server, anna, str(path))
    assert done.returncode == 1 and server.count(anna) == 0, done.stdout


def test_what_is_no_mail_is_said(server, anna, tmp_path):
    text = tmp_path / "text"
    text.write_text("This is no mbox.\n")
    done = run(server, anna, str(text))
    assert done.returncode == 1 and "no mbox" in done.stderr
    done = run(server, anna, str(tmp_path / "nothing"))
    assert done.returncode == 2 and re.search("cannot open .*nothing", done.stderr)
    done = run(server, anna, "/dev/null")
    assert done.returncode == 2 and "neither a file nor" in done.stderr

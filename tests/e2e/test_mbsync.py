"""mbsync keeps a maildir and the account the same, both ways, with a thousand messages."""

import pytest

from clients import maildir
from server import HOST_NAME, make_raw

MESSAGES = 1000
NEAR_FOLDER = "near &- &ANw-bungen"  # this mbsync takes names on both sides as they are


def configure(server, home, account, mechanism="PLAIN") -> None:
    home.write(
        "mbsyncrc",
        f"IMAPAccount posthorn\nHost {HOST_NAME}\nPort {server.ports['imaps']}\nSSLType IMAPS\nCertificateFile {server.certificate}\n"
        f'User {account}\nPass "{account.password}"\nAuthMechs {mechanism}\nTimeout 60\n\n'
        "IMAPStore far\nAccount posthorn\n\n"
        "MaildirStore near\nPath mail/\nInbox mail/INBOX\nSubFolders Verbatim\n\n"
        "Channel all\nFar :far:\nNear :near:\nPatterns *\nCreate Both\nExpunge Both\nRemove Both\nSyncState *\n",
    )
    (home.directory / "mail").mkdir()


def sync(home) -> None:
    home.run("mbsync", "--quiet", "--config", "mbsyncrc", "all")


def bodies(messages) -> set[bytes]:
    """mbsync adds X-TUID and changes line ends: the identity is enough to tell them apart, the body to compare."""
    return {message.replace(b"\r\n", b"\n").split(b"\n\n", 1)[1] for message in messages}


def test_a_thousand_messages_both_ways(server, home, anna):
    with server.imap(anna) as client:
        for number in range(MESSAGES):
            client.append("INBOX", r"(\Seen)" if number % 2 else None, None, make_raw(body=f"message {number}\r\n"))
        client.create('"far folder"')
        client.append('"far folder"', None, None, make_raw(body="far\r\n"))
    configure(server, home, anna)
    sync(home)
    inbox = home.directory / "mail" / "INBOX"
    near = maildir(inbox)
    assert bodies(near.values()) == {f"message {number}\n".encode() for number in range(MESSAGES)}
    assert sum(name.endswith("S") for name in near) == MESSAGES // 2
    assert bodies(maildir(home.directory / "mail" / "far folder").values()) == {b"far\n"}

    # Here: a new folder with a message, a flag, two deletions. There: a flag, a deletion, a message.
    for part in ("cur", "new", "tmp"):
        (home.directory / "mail" / NEAR_FOLDER / part).mkdir(parents=True)
    (home.directory / "mail" / NEAR_FOLDER / "new" / "1.x").write_bytes(make_raw(body="near\r\n").replace(b"\r\n", b"\n"))

    def file_of(number: int):
        return next(inbox / "cur" / name for name, raw in near.items() if raw.endswith(f"\nmessage {number}\n".encode()))

    for path in inbox.glob("new/*"):
        path.rename(inbox / "cur" / (path.name if ":2," in path.name else path.name + ":2,"))
    near = maildir(inbox)
    flagged = file_of(11)
    flagged.rename(flagged.with_name(flagged.name.split(":2,")[0] + ":2,FS"))
    for number in (21, 22):
        file_of(number).unlink()
    with server.imap(anna, "INBOX") as client:
        client.store("32", "+FLAGS", r"(\Answered)")
        client.store("42", "+FLAGS", r"(\Deleted)")
        client.expunge()
        client.append("INBOX", None, None, make_raw(body="message new\r\n"))
    sync(home)

    wanted = {f"message {number}\n".encode() for number in range(MESSAGES) if number not in (21, 22, 41)} | {b"message new\n"}
    near = maildir(inbox)
    assert bodies(near.values()) == wanted
    assert bodies(server.messages(anna, len(wanted))) == wanted
    assert ":2,RS" in file_of(31).name
    with server.imap(anna, "INBOX", readonly=True) as client:
        assert client.search(None, "FLAGGED") == ("OK", [b"12"])
    assert bodies(server.messages(anna, 1, f'"{NEAR_FOLDER}"')) == {b"near\n"}
    before = server.log_file.stat().st_size
    sync(home)  # nothing is left to do
    assert maildir(inbox) == near
    assert server.events("queue.filed", before) == []


def test_deleted_folder_goes_on_the_other_side(server, home, anna):
    configure(server, home, anna)
    with server.imap(anna) as client:
        client.create("gone")
    sync(home)
    assert (home.directory / "mail" / "gone").is_dir()
    with server.imap(anna) as client:
        client.delete("gone")
    sync(home)
    assert not (home.directory / "mail" / "gone").is_dir()


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-1", "SCRAM-SHA-256"])
def test_logs_in_by_cyrus_sasl(server, home, anna, mechanism):
    with server.imap(anna) as client:
        client.append("INBOX", None, None, make_raw(body="one\r\n"))
    configure(server, home, anna, mechanism)
    sync(home)
    assert bodies(maildir(home.directory / "mail" / "INBOX").values()) == {b"one\n"}
    assert server.events("login.ok")[-1]["mechanism"] == mechanism

"""Thunderbird downloads an account, hears of what comes, and does to messages what people do."""

import pytest

from server import make_raw, wait_until
from thunderbird import Thunderbird

MESSAGES = 100


@pytest.fixture
def program(server, anna, tmp_path):
    """Thunderbird with anna's account, all of whose messages it has."""
    with server.imap(anna) as client:
        for number in range(MESSAGES):
            client.append("INBOX", None, None, make_raw(subject=f"=?utf-8?q?Gr=C3=BC=C3=9Fe_{number}?=", body=f"message {number}.\r\n" * 50))
    with Thunderbird(tmp_path) as program:
        program.add_account(anna.address, anna.password, server.ports["imap"])
        program.wait_for_update("INBOX")
        program.download_all("INBOX", MESSAGES)
        yield program


def numbers(server, account, criterion: str, folder: str = "INBOX") -> list[bytes]:
    with server.imap(account, folder, readonly=True) as client:
        return client.search(None, criterion)[1][0].split()


def test_downloads_flags_moves_and_deletes(server, anna, program):
    store = next(program.profile.glob("ImapMail/*/INBOX")).read_bytes()
    for number in range(MESSAGES):
        assert store.count(b"message %d.\r\n" % number) == 50
    assert program.unread("INBOX") == MESSAGES

    # It keeps INBOX open in IDLE, so it hears without asking.
    server.deliver(anna, make_raw(subject="delivered"))
    wait_until("the delivery", lambda: program.counts("INBOX")[0] == MESSAGES + 1)
    with server.imap(anna, "INBOX") as client:
        client.store("7", "+FLAGS", r"(\Seen)")
    wait_until("the flag of another client", lambda: program.unread("INBOX") == MESSAGES)

    program.with_message("INBOX", "Grüße 1", "folder.markMessagesRead([message], true);")
    program.with_message("INBOX", "Grüße 2", "folder.markMessagesFlagged([message], true);")
    wait_until("the flags", lambda: (numbers(server, anna, "SEEN"), numbers(server, anna, "FLAGGED")) == ([b"2", b"7"], [b"3"]))
    program.with_message("INBOX", "Grüße 3", "folder.deleteMessages([message], null, false, false, null, false);")
    wait_until("the deletion", lambda: server.count(anna, "Trash") == 1)
    copy = "MailServices.copy.copyMessages(folder, [message], folderOf('Archive'), arguments[2], null, null, false);"
    program.with_message("INBOX", "Grüße 4", copy.replace("arguments[2]", "true"))
    program.with_message("INBOX", "Grüße 5", copy.replace("arguments[2]", "false"))
    wait_until("the copies", lambda: server.count(anna, "Archive") == 2)
    wait_until("what is left", lambda: len(numbers(server, anna, "UNDELETED")) == MESSAGES - 1)
    assert b"Gr=C3=BC=C3=9Fe_3" in server.messages(anna, 1, "Trash")[0]

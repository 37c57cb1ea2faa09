"""MESSAGELIMIT (RFC 9738) as a setting: a mailbox of one message more than a command may work on."""

import re

import pytest
from server import running

LIMIT = 1000


@pytest.fixture(scope="module")
def limited():
    with running(**{"imap-message-limit": str(LIMIT)}) as server:
        yield server


def command(client, text: bytes) -> list[bytes]:
    """Sends one command, its literals within, and gives all lines of the answer."""
    client.send(b"x " + text + b"\r\n")
    lines = []
    while not lines or not lines[-1].startswith(b"x "):
        lines.append(client.readline().rstrip(b"\r\n"))
    return lines


def fill(client, count: int) -> bytes:
    message = b"Subject: x\r\n\r\n"
    return command(client, b"APPEND INBOX" + count * (b" {%d+}\r\n%s" % (len(message), message)))[-1]


def test_one_more_than_the_limit(limited):
    with limited.imap(limited.account("anna")) as client:
        assert f"MESSAGELIMIT={LIMIT}" in client.capability()[1][0].decode().split()
        assert fill(client, LIMIT).startswith(b"x OK ") and fill(client, 1).startswith(b"x OK ")
        client.select("INBOX")
        lines = command(client, b"FETCH 1:* UID")
        assert lines[0] == b"* %d FETCH (UID %d)" % (LIMIT + 1, LIMIT + 1)
        assert lines[-2:] == [b"* 2 FETCH (UID 2)", b"x OK [MESSAGELIMIT %d 2] FETCH completed" % LIMIT]
        assert command(client, b"FETCH 2:* UID")[-1] == b"x OK FETCH completed"
        assert command(client, b"UID COPY 1:* Trash")[-1].startswith(b"x NO [MESSAGELIMIT %d 2] " % LIMIT)
        assert re.fullmatch(rb"x OK \[COPYUID \d+ 2:1001 1:1000\] COPY completed", command(client, b"UID COPY 2:* Trash")[-1])


def test_a_client_can_be_spared_it(limited):
    bert = limited.account("bert")
    limited.admin("account", "set", str(bert), "--imap-without", "MESSAGELIMIT")
    with limited.imap(bert) as client:
        assert b"MESSAGELIMIT" not in client.capability()[1][0]
        assert fill(client, LIMIT).startswith(b"x OK ") and fill(client, 1).startswith(b"x OK ")
        client.select("INBOX")
        assert command(client, b"UID COPY 1:* Trash")[-1].startswith(b"x OK [COPYUID ")

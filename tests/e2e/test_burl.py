"""BURL (RFC 4468): a message in a mailbox is sent without being fetched and sent back."""

import base64
import re

import pytest

from server import DOMAIN


@pytest.fixture
def wire(server, anna):
    with server.wire("submissions", tls=True) as wire:
        wire.reply()
        assert "250-BURL\n" in wire.ask("EHLO client.example")
        plain = base64.b64encode(f"\0{anna}\0{anna.password}".encode()).decode()
        assert wire.ask(f"AUTH PLAIN {plain}").startswith("235")
        assert "250-BURL imap\n" in wire.ask("EHLO client.example")
        yield wire


def signed(server, owner, access: str, path: str = "Drafts/;uid=1") -> str:
    """A URL of the owner's, as GENURLAUTH makes it."""
    user = owner.address.replace("@", "%40")
    with server.imap(owner) as client:
        tag = client._new_tag().decode()
        client.send(f'{tag} GENURLAUTH "imap://{user}@mail.{DOMAIN}/{path};urlauth={access}" INTERNAL\r\n'.encode())
        line = client.readline().decode()
        assert client.readline().split()[1] == b"OK", line
        return re.search(r'"([^"]+)"', line).group(1)


def draft(server, owner, raw: bytes) -> None:
    with server.imap(owner) as client:
        assert client.append("Drafts", None, None, raw)[0] == "OK"


def me(account) -> str:
    return "submit+" + account.address.replace("@", "%40")


def begin(wire, sender, to) -> None:
    assert wire.ask(f"MAIL FROM:<{sender}>").startswith("250")
    assert wire.ask(f"RCPT TO:<{to}>").startswith("250")


def test_a_draft_is_sent(server, wire, anna, bert):
    raw = b"Subject: a draft\r\nFrom: " + str(anna).encode() + b"\r\n\r\nhello\r\n"
    draft(server, anna, raw)
    begin(wire, anna, bert)
    assert wire.ask(f"BURL {signed(server, anna, me(anna))} LAST").startswith("250 2.0.0")
    assert server.messages(bert, 1)[0].endswith(raw)


def test_a_large_one_is_forwarded_as_a_part(server, wire, anna, bert):
    large = b"Subject: large\r\n\r\n" + b"0123456789abcdef" * 4 + b"\r\n"
    large += b"".join(b"line %d of many that stay where they are\r\n" % i for i in range(20000))
    draft(server, anna, large)
    begin(wire, anna, bert)
    head = b"Subject: see below\r\nContent-Type: message/rfc822\r\n\r\n"
    wire.send(b"BDAT %d\r\n" % len(head) + head)
    assert wire.reply().startswith("250")
    assert wire.ask(f"BURL {signed(server, anna, me(anna))} LAST").startswith("250")
    assert server.messages(bert, 1)[0].endswith(head + large)


def test_a_url_is_for_whom_it_names(server, wire, anna, bert):
    draft(server, anna, b"Subject: x\r\n\r\n.\r\n")
    draft(server, bert, b"Subject: y\r\n\r\n.\r\n")
    good = signed(server, anna, me(anna))
    for url in (
        signed(server, anna, me(bert)),  # for another person to submit
        signed(server, bert, me(bert)),
        signed(server, anna, "user+" + anna.address.replace("@", "%40")),  # for IMAP, not for us
        good[:-1] + ("0" if good[-1] != "0" else "1"),
        good.replace("Drafts", "INBOX"),
        good.split(";urlauth")[0],
        "http://example.com/",
    ):
        begin(wire, anna, bert)
        assert wire.ask(f"BURL {url} LAST").startswith("554 5.7.0"), url
        assert wire.ask("NOOP").startswith("250")
    assert server.count(bert) == 0


def test_anybody_may_submit_what_is_for_every_user(server, wire, anna, bert):
    raw = b"Subject: of Bert\r\n\r\n.\r\n"
    draft(server, bert, raw)
    begin(wire, anna, anna)
    assert wire.ask(f"BURL {signed(server, bert, 'authuser')} LAST").startswith("250")
    assert server.messages(anna, 1)[0].endswith(raw)


def test_a_message_that_is_gone_is_said_to_be(server, wire, anna, bert):
    draft(server, anna, b"Subject: x\r\n\r\n.\r\n")
    url = signed(server, anna, me(anna))
    with server.imap(anna) as client:
        client.select("Drafts")
        client.store("1", "+FLAGS", "(\\Deleted)")
        client.expunge()
    begin(wire, anna, bert)
    assert wire.ask(f"BURL {url} LAST").startswith("554 5.6.6")
    assert wire.ask("NOOP").startswith("250")

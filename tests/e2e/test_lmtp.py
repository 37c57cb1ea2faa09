"""LMTP on the unix socket: LHLO, and one answer for each recipient after the message (RFC 2033)."""

import smtplib

from server import DOMAIN, make_raw

SENDER = "MAIL FROM:<someone@elsewhere.example>"


def test_answers_for_each_recipient(server, anna, bert):
    raw = make_raw()
    with server.lmtp() as wire:
        assert wire.reply().startswith(f"220 mail.{DOMAIN} LMTP")
        assert wire.ask("EHLO client.example").startswith("5")
        assert "PIPELINING" in wire.ask("LHLO client.example")
        assert wire.ask(SENDER).startswith("250")
        assert wire.ask(f"RCPT TO:<{anna}>").startswith("250 2.1.5")
        assert wire.ask(f"RCPT TO:<nobody-here@{DOMAIN}>").startswith("550 5.1.1")
        assert wire.ask(f"RCPT TO:<{bert}>").startswith("250 2.1.5")
        assert wire.ask("DATA").startswith("354")
        wire.send(raw + b".\r\n")
        assert [wire.reply()[:9] for _ in range(2)] == ["250 2.0.0"] * 2
        assert wire.ask("NOOP").startswith("250")
    for account in (anna, bert):
        assert server.messages(account)[0].endswith(raw)


def test_refuses_for_each_recipient(server, anna, bert):
    with server.lmtp() as wire:
        wire.reply()
        wire.ask("LHLO client.example")
        wire.send(f"{SENDER}\r\nRCPT TO:<{anna}>\r\nRCPT TO:<{bert}>\r\nDATA\r\n")
        assert [wire.reply()[:3] for _ in range(4)] == ["250", "250", "250", "354"]
        wire.send(make_raw(body="bare\nline feed\r\n") + b".\r\n")
        assert [wire.reply()[:9] for _ in range(2)] == ["554 5.6.0"] * 2
        assert wire.ask("NOOP").startswith("250")


def test_no_message_without_a_recipient(server):
    with server.lmtp() as wire:
        wire.reply()
        wire.ask("LHLO client.example")
        wire.ask(SENDER)
        assert wire.ask("DATA").startswith("503 5.5.1")


def test_python_delivers(server, anna):
    raw = make_raw()
    with smtplib.LMTP(str(server.lmtp_path)) as client:
        assert client.sendmail("someone@elsewhere.example", [anna.address], raw) == {}
    assert server.messages(anna)[0].endswith(raw)

"""No two servers may disagree on where a message ends (SMTP smuggling): only CRLF . CRLF ends one."""

import pytest

from server import make_raw, wait_until

ENDINGS = {
    "lf-dot-lf": b"\n.\n",
    "lf-dot-crlf": b"\n.\r\n",
    "crlf-dot-lf": b"\r\n.\n",
    "cr-dot-cr": b"\r.\r",
    "cr-dot-crlf": b"\r.\r\n",
    "crlf-dot-cr": b"\r\n.\r",
    "nul": b"\r\n\x00.\r\n",
    "dot-cr-crlf": b"\r\n.\r\r\n",
}


def smuggled(anna) -> bytes:
    return (
        b"MAIL FROM:<ceo@elsewhere.example>\r\nRCPT TO:<%s>\r\nDATA\r\n" % anna.address.encode()
        + make_raw(subject="Smuggled")
        + b".\r\n"
    )


@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS.keys())
def test_only_crlf_dot_crlf_ends_a_message(server, anna, ending):
    with server.wire("smtp") as wire:
        wire.reply()
        wire.ask("EHLO client.example")
        wire.send(f"MAIL FROM:<someone@elsewhere.example>\r\nRCPT TO:<{anna}>\r\nDATA\r\n")
        assert [wire.reply()[:3] for _ in range(3)] == ["250", "250", "354"]
        wire.send(make_raw(subject="First", body="text") + ending + smuggled(anna))
        # One message, one answer; a message that has bare CR or LF is refused whole.
        answer = wire.reply()
        refused = b"\x00" not in ending
        assert answer.startswith("554 5.6.0") if refused else answer[:3] in ("250", "554"), answer
        assert wire.ask("NOOP").startswith("250 2.0.0")
        assert wire.ask("QUIT").startswith("221")
    server.deliver(anna, make_raw(subject="Last"))
    wait_until("the last message", lambda: server.count(anna) >= 1)
    with server.imap(anna, "INBOX") as client:
        status, parts = client.search(None, "SUBJECT", "Last")
        assert parts[0].split() != [b""]
        _, parts = client.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
        subjects = [part[1].strip() for part in parts if isinstance(part, tuple)]
    assert b"Subject: Smuggled" not in subjects
    assert len(subjects) == (1 if answer.startswith("554") else 2)


def test_bare_lf_ends_no_command(server, anna):
    with server.wire("smtp") as wire:
        wire.reply()
        wire.ask("EHLO client.example")
        wire.send(b"NOOP\nMAIL FROM:<a@b.example>\r\n")
        assert wire.reply().startswith("500 5.5.2")
        assert wire.line() == b""


def test_chunk_with_bare_lf_is_refused(server, anna):
    with server.wire("smtp") as wire:
        wire.reply()
        wire.ask("EHLO client.example")
        wire.send(f"MAIL FROM:<someone@elsewhere.example>\r\nRCPT TO:<{anna}>\r\n")
        assert [wire.reply()[:3] for _ in range(2)] == ["250", "250"]
        raw = make_raw(body="one\n.\r\ntwo\r\n")
        assert wire.ask(f"BDAT {len(raw)} LAST\r\n".encode() + raw).startswith("554 5.6.0")
    assert server.count(anna) == 0

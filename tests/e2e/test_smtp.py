"""SMTP on port 25, as RFC 5321 and its extensions have it."""

import re

import pytest

from server import DOMAIN, PATIENCE_SECONDS, make_raw

SENDER = "MAIL FROM:<someone@elsewhere.example>"


@pytest.fixture
def wire(server):
    with server.wire("smtp") as wire:
        assert wire.reply().startswith(f"220 mail.{DOMAIN} ")
        assert wire.ask("EHLO client.example").startswith("250")
        yield wire


def test_says_what_it_can_do(wire):
    lines = [line[4:] for line in wire.ask("EHLO client.example").split("\n")]
    assert lines[0].startswith(f"mail.{DOMAIN}")
    wanted = {"PIPELINING", "8BITMIME", "SMTPUTF8", "CHUNKING", "BINARYMIME", "DSN", "STARTTLS", "ENHANCEDSTATUSCODES"}
    assert wanted <= set(lines)
    assert any(re.fullmatch(r"SIZE \d+", line) for line in lines)


def test_every_answer_has_an_enhanced_code(wire, anna):
    dialogue = [
        (SENDER, "250 2.1.0"),
        (f"RCPT TO:<{anna}>", "250 2.1.5"),
        (f"RCPT TO:<nobody-here@{DOMAIN}>", "550 5.1.1"),
        ("RCPT TO:<>", "501 5.1.3"),
        ("RSET", "250 2.0.0"),
        ("NOOP", "250 2.0.0"),
        (f"VRFY {anna}", "252 2."),
        ("RCPT TO:<a@b.example>", "503 5.5.1"),
        ("DATA", "503 5.5.1"),
        ("MAIL FROM:<someone@elsewhere.example> COLOUR=RED", "555 5.5.4"),
        ("MAIL FROM:someone", "501 5.1.7"),
        ("NONSENSE", "500 5.5.1"),
        ("QUIT", "221 2.0.0"),
    ]
    for command, answer in dialogue:
        assert wire.ask(command).startswith(answer), command
    assert wire.line() == b""


def test_pipelined_commands_are_answered_in_order(wire, anna):
    raw = make_raw()
    wire.send(f"{SENDER}\r\nRCPT TO:<{anna}>\r\nDATA\r\n")
    assert [wire.reply()[:3] for _ in range(3)] == ["250", "250", "354"]
    wire.send(raw + b".\r\nNOOP\r\nQUIT\r\n")
    assert [wire.reply()[:3] for _ in range(3)] == ["250", "250", "221"]


def test_takes_eight_bit_text_as_it_is(server, wire, anna):
    raw = make_raw(body="Grüße – 你好\r\n")
    assert wire.ask(f"{SENDER} BODY=8BITMIME SIZE={len(raw)}").startswith("250")
    assert wire.ask(f"RCPT TO:<{anna}>").startswith("250")
    assert wire.ask("DATA").startswith("354")
    assert wire.ask(raw + b".\r\n").startswith("250 2.0.0")
    assert server.messages(anna)[0].endswith(raw)


def test_dots_at_line_starts_survive(server, anna):
    raw = make_raw(body=".\r\n..\r\n.x\r\n\r\n...\r\n")
    server.deliver(anna, raw)
    assert server.messages(anna)[0].endswith(raw)


def test_very_long_lines_survive(server, anna):
    raw = make_raw(body="x" * 200_000 + "\r\n" + "é" * 50_000 + "\r\n")
    server.deliver(anna, raw)
    assert server.messages(anna)[0].endswith(raw)


def test_addresses_in_utf8_need_smtputf8(server, wire, anna):
    assert wire.ask("MAIL FROM:<jürgen@elsewhere.example>").startswith("553 5.6.7")
    assert wire.ask("MAIL FROM:<jürgen@elsewhere.example> SMTPUTF8").startswith("250")
    assert wire.ask(f"RCPT TO:<{anna}>").startswith("250")
    raw = make_raw(subject="Grüße aus Zürich")
    assert wire.ask("DATA").startswith("354")
    assert wire.ask(raw + b".\r\n").startswith("250 2.0.0")
    received = server.messages(anna)[0]
    assert received.endswith(raw)
    assert "jürgen@elsewhere.example" in received.decode() and "UTF8SMTP" in received.decode()


def test_takes_chunks(server, wire, anna):
    raw = make_raw(body="".join(f"line {number}\r\n" for number in range(1000)))
    wire.send(f"{SENDER}\r\nRCPT TO:<{anna}>\r\n")
    assert [wire.reply()[:3] for _ in range(2)] == ["250", "250"]
    third = len(raw) // 3
    for part in (raw[:third], raw[third : 2 * third]):
        assert wire.ask(f"BDAT {len(part)}\r\n".encode() + part).startswith("250 2.0.0")
    part = raw[2 * third :]
    assert wire.ask(f"BDAT {len(part)}\r\n".encode() + part).startswith("250 2.0.0")
    assert wire.ask("BDAT 0 LAST").startswith("250 2.0.0")
    assert server.messages(anna)[0].endswith(raw)


def test_binary_mime_arrives_byte_for_byte(server, wire, anna):
    raw = make_raw(body="") + bytes(range(1, 256)) * 20
    assert wire.ask(f"{SENDER} BODY=BINARYMIME").startswith("250")
    assert wire.ask(f"RCPT TO:<{anna}>").startswith("250")
    assert wire.ask("DATA").startswith("503 5.5.1")
    assert wire.ask(f"BDAT {len(raw)} LAST\r\n".encode() + raw).startswith("250 2.0.0")
    assert server.messages(anna)[0].endswith(raw)


def test_chunks_out_of_order_are_passed_over(server, wire, anna):
    raw = b"MAIL FROM:<x@y.example>\r\n"
    assert wire.ask(f"BDAT {len(raw)} LAST\r\n".encode() + raw).startswith("503 5.5.1")
    assert wire.ask("NOOP").startswith("250")


def test_takes_delivery_status_parameters(server, wire, anna):
    assert wire.ask(f"{SENDER} RET=HDRS ENVID=QQ314159").startswith("250")
    assert wire.ask(f"RCPT TO:<{anna}> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;{anna}").startswith("250")
    assert wire.ask(f"RCPT TO:<{anna}> NOTIFY=NEVER,DELAY").startswith("501 5.5.4")
    assert wire.ask("RSET").startswith("250")
    assert wire.ask(f"{SENDER} RET=BOTH").startswith("501 5.5.4")


def test_reports_success_when_it_was_asked_to(server, anna, bert):
    with server.smtp(anna) as client:
        client.sendmail(anna.address, [bert.address], make_raw(), rcpt_options=["NOTIFY=SUCCESS"])
    server.messages(bert)
    report = server.messages(anna)[0].decode()
    assert "multipart/report" in report and "Action: delivered" in report and bert.address in report


def test_postmaster_is_known_without_a_domain(wire):
    assert wire.ask(SENDER).startswith("250")
    assert wire.ask("RCPT TO:<Postmaster>")[:3] in ("250", "550")
    assert wire.ask("NOOP").startswith("250")


def test_nothing_said_before_tls_counts_after_it(server):
    with server.wire("smtp") as wire:
        wire.reply()
        wire.ask("EHLO client.example")
        assert wire.ask("STARTTLS").startswith("220 2.0.0")
        wire.start_tls(server.context)
        assert wire.ask(SENDER).startswith("503")
        assert "STARTTLS" not in wire.ask("EHLO client.example")


@pytest.mark.parametrize("protocol, greeting, command", [
    ("smtp", "EHLO client.example\r\n", "STARTTLS\r\nNOOP\r\n"),
    ("submission", "EHLO client.example\r\n", "STARTTLS\r\nRSET\r\n"),
    ("imap", "", "a STARTTLS\r\nb NOOP\r\n"),
    ("pop3", "", "STLS\r\nNOOP\r\n"),
])  # fmt: skip
def test_commands_slipped_in_before_tls_are_not_run_in_it(server, protocol, greeting, command):
    """Either TLS is refused, or what came in clear is gone: nothing of it is answered within TLS."""
    with server.wire(protocol) as wire:
        wire.reply() if protocol in ("smtp", "submission") else wire.line()
        if greeting:
            wire.ask(greeting.encode())
        wire.send(command)
        answer = wire.line().decode()
        if not answer.startswith(("220", "a OK", "+OK")):
            return
        wire.start_tls(server.context)
        wire.socket.settimeout(0.5)
        with pytest.raises(TimeoutError):
            wire.socket.recv(1)
        wire.socket.settimeout(PATIENCE_SECONDS)
        probe = {"imap": "c NOOP\r\n", "pop3": "CAPA\r\n"}.get(protocol, "NOOP\r\n")
        wire.send(probe)
        assert wire.line().startswith((b"250", b"503", b"c OK", b"+OK"))

"""At the limit it works; one more is refused, and the connection goes on."""

import pytest

from server import DOMAIN, HOST, Wire, make_raw, running, wait_until

SIZE_MAX = 1024 * 1024
SETTINGS = {"message-size-max": "1M", "full-mailbox": "refuse", "connections-per-address": "20"}
SENDER = "MAIL FROM:<someone@elsewhere.example>"
LINE_MAX = 16000  # a command of this length is surely too long
RECIPIENTS_MAX = 1000


@pytest.fixture
def wire(server):
    with server.wire("smtp") as wire:
        wire.reply()
        wire.ask("EHLO client.example")
        yield wire


def sized(size: int) -> bytes:
    head = make_raw(body="")
    lines, rest = divmod(size - len(head), 70)
    raw = head + (b"x" * 68 + b"\r\n") * (lines - 1) + b"y" * (rest + 68) + b"\r\n"
    assert len(raw) == size
    return raw


def test_size_is_refused_before_and_after_the_fact(server, wire, anna):
    assert wire.ask(f"{SENDER} SIZE={SIZE_MAX + 1}").startswith("552 5.3.4")
    assert wire.ask(f"{SENDER} SIZE={SIZE_MAX}").startswith("250")
    wire.ask("RSET")
    for size, answer in ((SIZE_MAX, "250 2.0.0"), (SIZE_MAX + 1, "552 5.3.4"), (100, "250 2.0.0")):
        raw = sized(size) if size > 1000 else make_raw()
        wire.send(f"{SENDER}\r\nRCPT TO:<{anna}>\r\nDATA\r\n")
        assert [wire.reply()[:3] for _ in range(3)] == ["250", "250", "354"]
        assert wire.ask(raw + b".\r\n").startswith(answer), size
    server.messages(anna, 2)


def test_size_of_chunks_is_refused(server, wire, anna):
    raw = sized(SIZE_MAX + 1)
    wire.send(f"{SENDER}\r\nRCPT TO:<{anna}>\r\n")
    assert [wire.reply()[:3] for _ in range(2)] == ["250", "250"]
    assert wire.ask(f"BDAT {len(raw)} LAST\r\n".encode() + raw).startswith("552 5.3.4")
    assert wire.ask("NOOP").startswith("250")
    assert server.count(anna) == 0


def test_imap_append_keeps_to_the_size(server, anna):
    with server.imap(anna) as client:
        status, data = client.append("INBOX", None, None, sized(SIZE_MAX))
        assert status == "OK", data
    with server.imap(anna) as client:
        status, data = client.append("INBOX", None, None, sized(SIZE_MAX + 1))
        assert status == "NO" and b"TOOBIG" in data[0]
        assert client.noop()[0] == "OK"
    assert server.count(anna) == 1


def test_long_line_is_refused(wire):
    assert wire.ask("NOOP " + "x" * 100).startswith("250")
    assert wire.ask("NOOP " + "x" * (LINE_MAX * 2)).startswith("500 5.5.6")
    assert wire.ask("NOOP").startswith("250")


def test_one_recipient_too_many_is_refused(server, wire, anna):
    assert wire.ask(SENDER).startswith("250")
    for number in range(RECIPIENTS_MAX):
        wire.send(f"RCPT TO:<{anna.name}+{number}@{DOMAIN}>\r\n")
        if number % 100 == 99:
            assert {wire.reply()[:9] for _ in range(100)} == {"250 2.1.5"}
    assert wire.ask(f"RCPT TO:<{anna}>").startswith("452 4.5.3")
    assert wire.ask("DATA").startswith("354")
    assert wire.ask(make_raw() + b".\r\n").startswith("250 2.0.0")
    server.messages(anna, 1)  # one copy, however many of its addresses were named


def test_wrong_commands_end_the_connection(wire):
    answers = [wire.ask("NONSENSE")[:3] for _ in range(10)]
    assert set(answers) == {"500"}
    assert wire.reply().startswith("421 4.7.0")
    assert wire.line() == b""


@pytest.mark.parametrize("protocol, refusal", [("smtp", b"421 4.7.0"), ("imap", b"* BYE"), ("pop3", b"-ERR")])
def test_connections_of_one_address_are_limited(server, protocol, refusal):
    address = (HOST, server.ports[protocol])
    source = {"smtp": "127.0.3.1", "imap": "127.0.3.2", "pop3": "127.0.3.3"}[protocol]
    held = [Wire(address, source=source) for _ in range(20)]
    assert not any(wire.line().startswith(refusal) for wire in held)
    with Wire(address, source=source) as one_more:
        assert one_more.line().startswith(refusal)
    with Wire(address, source="127.0.3.4") as another:
        assert not another.line().startswith(refusal)
    for wire in held:
        wire.socket.close()


def fill(server, account) -> None:
    """Leaves less than 50,000 bytes."""
    server.deliver(account, sized(60_000))
    server.messages(account)


def test_full_mailbox_is_refused(server, wire):
    account = server.account("full", "--quota", "100K")
    fill(server, account)
    wire.ask(f"{SENDER} SIZE=50000")
    assert wire.ask(f"RCPT TO:<{account}>").startswith("552 5.2.2")
    wire.ask("RSET")
    wire.ask(f"{SENDER} SIZE=5000")
    assert wire.ask(f"RCPT TO:<{account}>").startswith("250")


def test_message_that_does_not_fit_is_refused_when_its_size_is_known(server, wire):
    """Its size was not announced, so it had to come first."""
    account = server.account("full", "--quota", "100K")
    fill(server, account)
    wire.send(f"{SENDER}\r\nRCPT TO:<{account}>\r\nDATA\r\n")
    assert [wire.reply()[:3] for _ in range(3)] == ["250", "250", "354"]
    assert wire.ask(sized(60_000) + b".\r\n").startswith("552 5.2.2")
    wire.send(f"{SENDER}\r\nRCPT TO:<{account}>\r\nDATA\r\n")
    assert [wire.reply()[:3] for _ in range(3)] == ["250", "250", "354"]
    assert wire.ask(sized(300_000) + b".\r\n").startswith("552 5.2.2")
    assert server.count(account) == 1
    assert server.queued(account.address) == []


def test_message_for_several_waits_until_there_is_room(server, wire):
    """One reply is for all recipients, so it can't say that one of them has no room."""
    account = server.account("full", "--quota", "100K")
    other = server.account("other")
    fill(server, account)
    wire.send(f"{SENDER}\r\nRCPT TO:<{account}>\r\nRCPT TO:<{other}>\r\nDATA\r\n")
    assert [wire.reply()[:3] for _ in range(4)] == ["250", "250", "250", "354"]
    assert wire.ask(sized(60_000) + b".\r\n").startswith("250")
    waiting = wait_until("the reason", lambda: [row for row in server.queued(account.address) if row.get("reason")])
    assert server.count(account) == 1
    server.admin("account", "set", account.address, "--quota", "1M")
    server.admin("queue", "flush", waiting[0]["id"])
    server.messages(account, 2)
    wait_until("the queue to be empty", lambda: server.queued(account.address) == [])


def test_full_mailbox_is_put_off():
    with running(**{"full-mailbox": "defer"}) as server:
        account = server.account("full", "--quota", "100K")
        fill(server, account)
        with server.wire("smtp") as wire:
            wire.reply()
            wire.ask("EHLO client.example")
            wire.ask(f"{SENDER} SIZE=50000")
            assert wire.ask(f"RCPT TO:<{account}>").startswith("452 4.2.2")
        with server.imap(account) as client:
            status, data = client.append("INBOX", None, None, sized(60_000))
            assert status == "NO" and b"OVERQUOTA" in data[0]

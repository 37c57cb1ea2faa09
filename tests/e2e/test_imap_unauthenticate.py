"""UNAUTHENTICATE (RFC 8437): the connection goes back to edge, and the next person's log-in is as on a new one."""

import base64
import os
import signal
import ssl
import zlib

import pytest

from server import HOST, Wire, wait_until
from test_scram_plus import Scram

SETTINGS = {
    "sessions-per-account": "2",
    "connections-per-address": "20",
    "imap-without-for": '"Broken Mail*" UNAUTHENTICATE, MOVE',
}


class Client(Wire):
    def until(self, tag: str) -> list[str]:
        """The answer to a command, its last line the tagged one."""
        lines = [self.line().decode()]
        while not lines[-1].startswith(tag + " "):
            assert lines[-1], "the connection was closed"
            lines.append(self.line().decode())
        return lines

    def do(self, command: str) -> list[str]:
        self.send(command + "\r\n")
        return self.until(command.split()[0])

    def ok(self, command: str) -> list[str]:
        lines = self.do(command)
        assert " OK " in lines[-1], lines
        return lines


def log_in(tag: str, account) -> str:
    return f'{tag} LOGIN {account} "{account.password}"'


@pytest.fixture(params=["clear", "tls", "starttls"])
def client(server, request):
    tls = server.context if request.param == "tls" else None
    with Client((HOST, server.ports["imaps" if tls else "imap"]), tls) as client:
        assert client.line().startswith(b"* OK [CAPABILITY")
        if request.param == "starttls":
            client.ok("s STARTTLS")
            client.start_tls(server.context)
        yield client


def test_the_next_person_finds_nothing_of_the_last(server, client, anna, bert):
    server.deliver(anna, b"Subject: for Anna\r\n\r\n.\r\n")
    server.messages(anna, 1)
    lines = client.ok(log_in("a", anna))
    assert " UNAUTHENTICATE" in lines[-1]
    client.ok("b ENABLE QRESYNC UTF8=ACCEPT")
    client.ok("c SELECT INBOX")
    client.ok("d SEARCH RETURN (SAVE) ALL")
    client.ok("e NOTIFY SET (SELECTED (MessageNew MessageExpunge))")
    assert client.do("f UNAUTHENTICATE") == ["f OK Logged out; the connection is yours to log in again"]
    assert "BAD" in client.do("g SELECT INBOX")[-1]
    assert "BAD" in client.do("h UNAUTHENTICATE")[-1]
    capabilities = client.ok("i CAPABILITY")[0]
    assert "AUTH=" in capabilities and "UNAUTHENTICATE" not in capabilities
    client.ok(log_in("j", bert))
    assert "* 0 EXISTS" in client.ok("k SELECT INBOX")
    assert not any("MODSEQ" in line for line in client.ok("l FETCH $ FLAGS"))
    assert "BAD" in client.do('m STATUS "a&b" (MESSAGES)')[-1]  # with UTF8=ACCEPT it were a name
    server.deliver(anna, b"Subject: more for Anna\r\n\r\n.\r\n")
    server.messages(anna, 2)
    assert client.ok("n NOOP") == ["n OK NOOP completed"]
    client.ok("o LOGOUT")


def test_everything_may_be_sent_at_once(client, anna, bert):
    """Log-in, log-out, log-in: 20 times, in one write."""
    commands = ""
    for i in range(20):
        person = (anna, bert)[i % 2]
        commands += f"{log_in(f'a{i}', person)}\r\nb{i} GETQUOTAROOT INBOX\r\nc{i} UNAUTHENTICATE\r\n"
    client.send(commands + log_in("z", anna) + "\r\n")
    for i in range(20):
        person = (anna, bert)[i % 2]
        assert "OK" in client.until(f"a{i}")[-1]
        assert any(str(person) in line for line in client.until(f"b{i}"))
        assert "OK" in client.until(f"c{i}")[-1]
    assert "OK" in client.until("z")[-1]


def test_a_long_pipeline_comes_back_whole(client, anna):
    client.ok(log_in("a", anna))
    noops = "".join(f"n{i} NOOP {'' if i % 2 else ''}\r\n".replace(" \r", "\r") for i in range(10000))
    client.send("b UNAUTHENTICATE\r\n" + noops + log_in("c", anna) + "\r\n")
    assert client.until("b")[-1].startswith("b OK")
    for i in range(10000):
        assert client.line() == f"n{i} OK Completed".encode()
    assert " OK " in client.until("c")[-1]


def test_the_end_of_input_is_the_end(server, client, anna):
    client.ok(log_in("a", anna))
    client.send(f"b UNAUTHENTICATE\r\n{log_in('c', anna)}\r\nd LOGOUT\r\n")
    assert "OK" in client.until("b")[-1]
    assert "OK" in client.until("c")[-1]
    client.until("d")
    assert client.line() == b""


def test_log_in_fails_as_on_a_new_connection(server, anna):
    with Client((HOST, server.ports["imap"]), source="127.0.0.8") as client:  # its failures are its own
        client.line()
        client.ok(log_in("a", anna))
        client.ok("b UNAUTHENTICATE")
        for i in range(5):
            assert "AUTHENTICATIONFAILED" in client.do(f'c{i} LOGIN {anna} "wrong"')[-1]
        assert client.line().startswith(b"* BYE")


def test_a_session_counts_no_more(server, client, anna):
    """sessions-per-account is 2: its place is free before the client hears of the end."""
    with server.imap(anna):
        for i in range(5):
            client.ok(log_in(f"a{i}", anna))
            client.ok(f"b{i} UNAUTHENTICATE")
        with server.imap(anna):
            assert "LIMIT" in client.do(log_in("c", anna))[-1]


def test_connections_of_an_address_are_counted_again(server, anna):
    """Those that are logged in count by the account; one that logs out is one of its address again."""
    source = "127.0.0.9"

    def connect() -> Client:
        return Client((HOST, server.ports["imap"]), source=source)

    def welcome() -> Client | None:
        client = connect()
        return client if client.line().startswith(b"* OK") else None

    with connect() as first:
        first.line()
        first.ok(log_in("a", anna))
        # Its own place is free a moment after its log-in.
        others = [wait_until("a place", welcome) for _ in range(20)]
        first.send("b UNAUTHENTICATE\r\n")
        assert first.line().startswith(b"b OK")
        assert first.line().startswith(b"* BYE Too many")
        assert first.line() == b""
        for other in others:
            other.socket.close()

    again = wait_until("a free place", welcome)
    again.ok(log_in("c", anna))
    again.ok("d UNAUTHENTICATE")
    again.ok("e LOGOUT")


def test_an_app_password_that_is_removed_ends_only_its_sessions(server, client, anna, bert):
    (row,) = server.rows("account", "app-password", "add", anna.address)
    client.ok(f'a LOGIN {anna} "{row["password"]}"')
    client.ok("b UNAUTHENTICATE")
    client.ok(log_in("c", bert))
    server.admin("account", "app-password", "remove", anna.address, "--all")
    client.ok("d SELECT INBOX")
    client.ok("e UNAUTHENTICATE")
    assert "NO" in client.do(f'f LOGIN {anna} "{row["password"]}"')[-1]


@pytest.mark.parametrize("ending", [zlib.Z_SYNC_FLUSH, zlib.Z_FULL_FLUSH, zlib.Z_FINISH])
@pytest.mark.parametrize("behind", [True, False])
def test_compression_ends_with_it(client, anna, ending, behind):
    for turn in range(2):
        client.ok(log_in("a", anna))
        client.ok("b COMPRESS DEFLATE")
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        unpacker = zlib.decompressobj(-15)
        sent = packer.compress(b"c NOOP\r\n") + packer.flush(zlib.Z_SYNC_FLUSH)
        sent += packer.compress(b"d UNAUTHENTICATE\r\n") + packer.flush(ending)
        client.send(sent + b"e NOOP\r\n" * behind)
        plain = b""
        while b"d OK" not in plain or not plain.endswith(b"\r\n"):
            # The flush that ends our answer is of the stream; what is behind it is not.
            data = client.socket.recv(65536)
            assert data
            head, mark, tail = data.rpartition(b"\0\0\xff\xff")
            plain += unpacker.decompress(head + mark if mark else data)
            client.buffer += tail if mark else b""
        assert plain.startswith(b"c OK") and plain.endswith(b"again\r\n")
        if not behind:
            client.send("e NOOP\r\n")
        assert client.line() == b"e OK Completed"


def test_a_compressed_stream_that_goes_on_ends_the_connection(client, anna):
    client.ok(log_in("a", anna))
    client.ok("b COMPRESS DEFLATE")
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    client.send(packer.compress(b"d UNAUTHENTICATE\r\ne LOGIN x y\r\n") + packer.flush(zlib.Z_SYNC_FLUSH))
    unpacked = b""
    unpacker = zlib.decompressobj(-15)
    while data := client.socket.recv(65536):
        unpacked += unpacker.decompress(data)
    assert unpacked.startswith(b"d OK") and b"\ne " not in unpacked


def test_channel_binding_holds_after_it(server, anna, bert):
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with Client((HOST, server.ports["imaps"]), context) as client:
        client.line()
        for tag, person in (("a", anna), ("b", bert), ("c", anna)):
            scram = Scram(person, "SCRAM-SHA-256-PLUS", "p=tls-unique,,", client.socket.get_channel_binding("tls-unique"))
            client.send(f"{tag} AUTHENTICATE SCRAM-SHA-256-PLUS\r\n")
            while (line := client.line()).startswith(b"+"):
                client.send(base64.b64encode(scram(base64.b64decode(line[2:]))) + b"\r\n")
            assert line.startswith(f"{tag} OK".encode()) and scram.verified
            client.ok(f"{tag}u UNAUTHENTICATE")


def test_starttls_after_it(server, anna, bert):
    with Client((HOST, server.ports["imap"])) as client:
        client.line()
        client.ok(log_in("a", anna))
        client.ok("b UNAUTHENTICATE")
        assert "STARTTLS" in client.ok("c CAPABILITY")[0]
        client.ok("d STARTTLS")
        client.start_tls(server.context)
        client.ok(log_in("e", bert))
        client.ok("f UNAUTHENTICATE")
        assert "STARTTLS" not in client.ok("g CAPABILITY")[0]


def test_switched_off_it_is_unknown(server, anna):
    server.admin("account", "set", anna.address, "--imap-without", "UNAUTHENTICATE")
    with Client((HOST, server.ports["imap"])) as client:
        client.line()
        assert "UNAUTHENTICATE" not in client.ok(log_in("a", anna))[-1]
        assert "BAD" in client.do("b UNAUTHENTICATE")[-1]


def test_store_started_anew_takes_it_too(server, anna):
    server.expect_deaths = True
    with Client((HOST, server.ports["imap"])) as client:
        client.line()
        client.ok(log_in("a", anna))
        client.ok("b UNAUTHENTICATE")
        client.ok("n NOOP")  # edge's answer: the connection is not in store's hands any more
        store = server.worker("store")
        os.kill(store, signal.SIGKILL)
        wait_until("its end", lambda: server.events("supervisor.worker_ended", pid=store))
        wait_until("store", lambda: "OK" in client.do(log_in("c", anna))[-1])
        client.ok("d UNAUTHENTICATE")
        client.ok(log_in("e", anna))


@pytest.mark.parametrize("early", [True, False])
def test_what_a_mail_program_does_not_get(server, anna, early):
    """By ID before or after log-in; it holds until the connection is as good as new."""
    identify = 'i ID ("name" "Broken Mail" "version" "7")'
    with Client((HOST, server.ports["imaps"]), server.context) as client:
        client.line()
        if early:
            client.ok(identify)
        line = client.ok(log_in("a", anna))[-1]
        assert (" MOVE" in line) == (not early)
        if not early:
            assert any(line.startswith("* CAPABILITY") and " MOVE" not in line for line in client.ok(identify))
        assert "BAD there is no such command" in client.do("b UNAUTHENTICATE")[-1]

"""How mail leaves: from which address and by which name, what is set for destinations, and whose turn it is.

One house for all; each test has a domain of its own, and sinks on addresses of their own.
"""

import time
import socketserver
import threading
from collections import Counter

import pytest
from names import Names
from server import Account, free_ports, make_raw, running, wait_until
from sink import Sink
from test_outbound import Place

PORT = free_ports(1)[0]
OWN = "127.0.2.1"  # what the server sends from


class Watched(Sink):
    """Knows who its clients are, and how many there were at once."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.peers: list[str] = []
        self.lock = threading.Lock()
        self.open = self.most = 0
        sink, handle = self, self.listener.RequestHandlerClass.handle

        def watched(session: socketserver.StreamRequestHandler) -> None:
            with sink.lock:
                sink.peers.append(session.client_address[0])
                sink.open += 1
                sink.most = max(sink.most, sink.open)
            try:
                handle(session)
            finally:
                with sink.lock:
                    sink.open -= 1

        self.listener.RequestHandlerClass.handle = watched

    def greetings(self) -> set[str]:
        return {command.split()[1] for command in self.commands if command.startswith("EHLO")}


class Here(Place):
    def sink(self, **replies) -> Watched:
        return Watched(self.host, PORT, **replies)

    def send_many(self, count: int) -> None:
        raw = make_raw(to=self.friend)
        with self.server.smtp(self.anna) as client:
            for _ in range(count):
                client.sendmail(self.anna.address, [self.friend], raw)

    def set(self, *words: str, pattern: str = "") -> None:
        self.server.admin("destination", "set", pattern or self.domain, *words)

    def row(self) -> dict:
        rows = [row for row in self.server.rows("queue", "destinations") if row["destination"] == self.domain]
        return rows[0] if rows else {}


@pytest.fixture(scope="module")
def names():
    with Names({}) as names:
        yield names


@pytest.fixture(scope="module")
def running_server(names):
    settings = {"resolver": names.address, "outbound-port": str(PORT), "source-addresses": f"{OWN}=out.demo.example"}
    with running(**settings) as server:
        yield server


@pytest.fixture
def place(server, names):
    place = Here(server, names)
    yield place
    for row in server.rows("destination", "list"):
        server.admin("destination", "remove", row["destination"])


def wait_for(predicate):
    return wait_until("the mail", predicate)


# --- from where ---


def test_mail_leaves_from_the_servers_address_by_its_name(place):
    with place.sink() as sink:
        place.send()
        wait_for(lambda: sink.messages)
        assert set(sink.peers) == {OWN} and sink.greetings() == {"out.demo.example"}


def test_a_domain_has_an_address_of_its_own(place):
    other = "customer.example"
    place.server.admin("domain", "add", other)
    eva = Account(f"eva@{other}", "secret")
    place.server.admin("account", "add", eva.address, password=eva.password)
    place.server.admin("domain", "set", other, "--source-addresses", "127.0.2.2=mx.customer.example")
    assert place.server.rows("domain", "show", other)[0]["source_addresses"] == "127.0.2.2=mx.customer.example"
    with place.sink() as sink:
        place.send()
        with place.server.smtp(eva) as client:
            client.sendmail(eva.address, [place.friend], make_raw(to=place.friend).replace(b"someone@elsewhere.example", eva.address.encode()))
        wait_for(lambda: len(sink.messages) == 2)
        assert set(sink.peers) == {OWN, "127.0.2.2"}
        assert sink.greetings() == {"out.demo.example", "mx.customer.example"}


def test_a_destination_goes_before_the_domain(place):
    place.set("--source-addresses", "127.0.2.3")
    with place.sink() as sink:
        place.send()
        wait_for(lambda: sink.messages)
        assert set(sink.peers) == {"127.0.2.3"} and sink.greetings() == {"mail.demo.example"}


def test_an_address_that_is_not_ours_is_said_and_the_mail_waits(place):
    place.set("--source-addresses", "192.0.2.77")
    with place.sink() as sink:
        place.send()
        wait_for(lambda: place.queue() and place.queue()[0]["reason"])
        assert "mail can't leave from 192.0.2.77" in place.queue()[0]["reason"]
        place.set("--source-addresses", "2001:db8::1")
        place.server.admin("queue", "flush", "--domain", place.domain)
        wait_for(lambda: "no address to send from by IPv4" in place.queue()[0]["reason"])
        place.set("--source-addresses", "none")
        place.server.admin("queue", "flush", "--domain", place.domain)
        wait_for(lambda: sink.messages and place.queue() == [])


# --- what is set ---


def test_no_more_connections_than_are_set(place):
    place.set("--connections", "2")
    with place.sink() as sink:
        place.send_many(30)
        wait_for(lambda: len(sink.messages) == 30)
        assert sink.most <= 2


def test_no_more_messages_over_a_connection_than_are_set(place):
    place.set("--messages", "3", "--connections", "1")
    with place.sink() as sink:
        place.send_many(7)
        wait_for(lambda: len(sink.messages) == 7)
        assert sink.connections >= 3


def test_servers_of_several_domains_have_one_limit(place):
    other = place.another("second")
    place.record(other, "MX", f"10 {place.mx}")
    place.set("--connections", "1", pattern=f"mx:*.{place.domain}")
    with place.sink() as sink:
        for _ in range(5):
            place.send(place.friend, f"max@{other}")
        wait_for(lambda: len(sink.messages) == 10)
        assert sink.most == 1


def test_a_rate_is_kept(place):
    """Of three messages the third begins two intervals after the first at the earliest."""
    place.set("--rate", "120")
    times = []
    with place.sink() as sink:
        answer = sink.answer

        def timed(verb, out):
            if verb == "BODY":
                times.append(time.monotonic())
            return answer(verb, out)

        sink.answer = timed
        place.send_many(3)
        wait_for(lambda: len(sink.messages) == 3)
    assert max(times) - min(times) >= 0.6  # without a rate some milliseconds; their own ways differ, too


def test_a_route_goes_before_the_mx(place):
    place.record(place.domain, "MX", "10 nowhere.example")
    with Watched(place.host) as sink:
        place.set("--route", f"[{place.host}]:{sink.port}")
        place.send()
        wait_for(lambda: sink.messages and place.queue() == [])


def test_required_tls_is_not_done_without(place):
    place.set("--tls", "required")
    with place.sink() as sink:
        place.send()
        wait_for(lambda: place.queue() and "the server offers no TLS" in place.queue()[0]["reason"])
        assert not any(command.startswith("MAIL") for command in sink.commands)
        place.set("--tls", "default")
        place.server.admin("queue", "flush", "--domain", place.domain)
        wait_for(lambda: sink.messages)


@pytest.fixture
def certified(server):
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server.certificate, server.directory / "key.pem")
    return context


def test_tls_of_each_kind(place, certified):
    with Watched(place.host, PORT, tls=certified) as sink:
        place.set("--tls", "none")
        place.send()
        wait_for(lambda: len(sink.messages) == 1)
        assert sink.secured == []
        place.set("--tls", "required")
        place.send()
        wait_for(lambda: len(sink.messages) == 2)
        assert len(sink.secured) == 1
        place.set("--tls", "verify")  # by nobody who is trusted
        place.send()
        wait_for(lambda: place.queue() and "certificate" in place.queue()[0]["reason"])
        place.set("--tls", "dane")
        place.server.admin("queue", "flush", "--domain", place.domain)
        wait_for(lambda: "DNSSEC proves no TLSA" in place.queue()[0]["reason"])
        place.set("--tls", "offered")
        place.server.admin("queue", "flush", "--domain", place.domain)
        wait_for(lambda: len(sink.messages) == 3 and place.queue() == [])


def test_what_is_set_is_listed_and_removed(place):
    place.set("--connections", "3", "--tls", "verify", "--tls-names", "a.example,.b.example")
    place.set("--rate", "9")
    row = place.server.rows("destination", "list")[0]
    assert row == {
        "destination": place.domain, "connections": 3, "messages": 0, "rate": 9, "tls": "verify",
        "tls_names": "a.example .b.example", "source_addresses": "", "route": "",
    }  # fmt: skip
    place.server.admin("destination", "remove", place.domain)
    assert place.server.rows("destination", "list") == []


def test_wrong_words_are_answered(server):
    for words, answer in (
        (["a.example"], "nothing to set"),
        (["mx:", "--rate", "1"], "a destination is written"),
        (["a.example", "--tls", "maybe"], "--tls is default"),
        (["a.example", "--connections", "101"], "at most 100"),
        (["a.example", "--source-addresses", "mx.example"], "no address to send from"),
        (["mx:a.example", "--route", "b.example"], "names servers"),
    ):
        ended = server.command("destination", "set", *words)
        assert ended.returncode == 2 and answer in ended.stderr, words


# --- whose turn it is ---


def test_a_slow_destination_holds_up_nobody(server, names):
    """It takes every connection and says nothing; the fast one's mail came after all of its."""
    slow, fast = Here(server, names), Here(server, names)
    with slow.sink(BODY="SILENCE") as silent, fast.sink() as quick:
        slow.send_many(60)
        wait_for(lambda: any(command == "DATA" for command in silent.commands))
        fast.send_many(20)
        wait_for(lambda: len(quick.messages) == 20)
        assert silent.messages == []
        row = slow.row()
        assert row["waiting"] == 60 and 1 <= row["sending"] <= 20
        assert fast.row().get("waiting", 0) == 0
    for row in slow.queue():
        server.admin("queue", "drop", row["id"], "--yes")


def test_who_says_too_much_gets_less_and_recovers(place):
    """421 at the message halves the connections; after that they grow again, and all of it arrives."""
    with place.sink() as sink:
        place.send_many(10)
        wait_for(lambda: len(sink.messages) == 10)
        grown = wait_for(lambda: place.row())["limit"]
        assert grown > 2
        sink.replies["BODY"] = "421 4.7.0 slow down"
        place.send()
        wait_for(lambda: place.row().get("answer", "").startswith("421 4.7.0 slow down"))
        row = place.row()
        assert row["waiting"] == 1 and row["limit"] <= grown // 2 and row["next"] is not None
        sink.replies["BODY"] = "250 2.0.0 taken"
        place.server.admin("queue", "flush", "--domain", place.domain)
        place.send_many(20)
        wait_for(lambda: len(sink.messages) == 31 and place.queue() == [])


def test_one_connection_too_many_is_no_trouble(place):
    """A server that takes three at once, and says 421 to the fourth: all of it arrives, with no pause."""
    with place.sink() as sink:
        answer = sink.answer

        def crowded(verb, out):
            if verb == "GREETING" and sink.open > 3:
                out.write(b"421 4.3.2 too many connections\r\n")
                return "421"
            return answer(verb, out)

        sink.answer = crowded
        session = sink.session
        sink.session = lambda lines, out, secure=False: False if sink.open > 3 else session(lines, out, secure)
        place.send_many(60)
        wait_for(lambda: len(sink.messages) == 60 and place.queue() == [])


def test_connections_are_used_again_and_counted(place):
    place.set("--connections", "1")
    with place.sink() as sink:
        place.send_many(10)
        row = wait_for(lambda: place.row() if place.row().get("messages") == 10 else None)
        assert row["connections"] == sink.connections < 10
        assert row["answer"].startswith("250 2.0.0 taken")


def test_what_is_held_is_counted(place):
    place.server.admin("queue", "hold", "--domain", place.domain)
    place.send()
    row = wait_for(lambda: place.row())
    assert (row["waiting"], row["held"], row["next"]) == (1, 1, None)
    with place.sink() as sink:
        place.server.admin("queue", "release", "--domain", place.domain)
        wait_for(lambda: sink.messages and place.queue() == [])


def test_several_destinations_have_a_row_each(place):
    other = place.another("second")
    place.record(other, "MX", f"10 {place.mx}")
    place.server.admin("queue", "hold", "--domain", place.domain)
    place.server.admin("queue", "hold", "--domain", other)
    place.send(place.friend, f"eva@{place.domain}", f"max@{other}")
    wait_for(lambda: place.queue())
    rows = Counter({row["destination"]: row["waiting"] for row in place.server.rows("queue", "destinations")})
    assert (rows[place.domain], rows[other]) == (2, 1)
    for row in place.queue():
        place.server.admin("queue", "drop", row["id"], "--yes")

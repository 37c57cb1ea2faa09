"""Mail for other servers: found by DNS, handed over, tried again, reported.

One house for all; each test has a domain and an address of its own, so that no destination is in trouble yet.
"""

import itertools
import time

import pytest
from names import Names
from server import DOMAIN, Account, Server, free_ports, make_raw, running, wait_until
from sink import Sink

PORT = free_ports(1)[0]
numbers = itertools.count(1)


class Place:
    """A domain of one test, its mail server's address on loopback, and who writes to it."""

    def __init__(self, server: Server, names: Names):
        number = next(numbers)
        self.server, self.names = server, names
        self.host = f"127.0.1.{number}"
        self.domain = f"elsewhere{number}.example"
        self.mx = f"mx.{self.domain}"
        self.anna = server.account("")
        self.friend = f"friend@{self.domain}"
        self.record(self.domain, "MX", f"10 {self.mx}")
        self.record(self.mx, "A", self.host)

    def record(self, name: str, kind: str, data: str) -> None:
        self.names.records[name, kind] = data if data == "SERVFAIL" else [data]

    def another(self, word: str) -> str:
        """One more domain of this test's, without records."""
        return f"{word}-{self.domain}"

    def sink(self, **replies) -> Sink:
        return Sink(self.host, PORT, **replies)

    def send(self, *recipients: str, raw: bytes | None = None) -> bytes:
        recipients = recipients or (self.friend,)
        raw = raw or make_raw(to=recipients[0])
        with self.server.smtp(self.anna) as client:
            client.sendmail(self.anna.address, list(recipients), raw)
        return raw

    def report(self) -> str:
        return self.server.messages(self.anna)[0].decode()

    def queue(self) -> list[dict]:
        """What is left of this test's mail, and of the reports about it."""
        return [
            row
            for row in self.server.rows("queue", "list")
            if row["sender"] == self.anna.address or self.anna.address in row["recipients"]
        ]


@pytest.fixture(scope="module")
def names():
    with Names({}) as names:
        yield names


@pytest.fixture(scope="module")
def running_server(names):
    with running(**{"resolver": names.address, "outbound-port": str(PORT)}) as server:
        yield server


@pytest.fixture
def place(server, names):
    return Place(server, names)


def wait_for(predicate):
    return wait_until("the mail", predicate)


def test_reaches_another_server_unchanged(place):
    with place.sink() as sink:
        raw = place.send(raw=make_raw(to="x") + b".dot\r\n..two\r\nend\r\n")
        wait_for(lambda: sink.messages)
        sender, recipients, body = sink.messages[0]
        assert (sender, recipients) == (place.anna.address, [place.friend])
        assert body.endswith(raw) and body.startswith(b"DKIM-Signature: ") and b"\r\nReceived: from " in body
        assert b"Return-Path" not in body and b"Delivered-To" not in body
        wait_for(lambda: place.queue() == [])


def test_large_message_arrives_whole(place):
    with place.sink(EHLO="250 sink.example") as sink:
        raw = place.send(raw=make_raw(to="x") + b".line of text\r\n" * 200000)
        wait_for(lambda: sink.messages)
        assert sink.messages[0][2].endswith(raw)


def test_one_message_for_several_of_a_domain(place):
    plain = place.another("plain")
    place.record(plain, "A", place.host)
    with place.sink() as sink:
        place.send(f"a@{place.domain}", f"b@{place.domain}", f"c@{plain}")
        wait_for(lambda: len(sink.messages) == 2)
        assert sorted(recipients for _, recipients, _ in sink.messages) == [
            [f"a@{place.domain}", f"b@{place.domain}"],
            [f"c@{plain}"],
        ]


def test_a_connection_is_kept_for_the_next_message(place):
    with place.sink() as sink:
        for _ in range(5):
            place.send()
            wait_for(lambda: place.queue() == [])
        assert len(sink.messages) == 5
        assert sink.connections < 5


def test_refused_recipient_is_reported_and_the_other_is_not(place):
    who = f"who@{place.domain}"
    with place.sink(RCPT=["550 5.1.1 no such person", "250 2.1.5 ok"]) as sink:
        place.send(who, place.friend)
        text = place.report()
        assert f"Final-Recipient: rfc822; {who}" in text
        assert "Diagnostic-Code: smtp; 550 5.1.1 no such person" in text
        assert f"Remote-MTA: dns; {place.mx}" in text
        assert "friend@" not in text.split("Arrival-Date")[1].split("Content-Type")[0]
        assert [recipients for _, recipients, _ in sink.messages] == [[place.friend]]
        wait_for(lambda: place.queue() == [])


@pytest.mark.parametrize(
    "verb, reply",
    [
        ("MAIL", "550 5.7.1 not from you"),
        ("RCPT", "550 5.1.1 no such person"),
        ("DATA", "554 5.6.0 no"),
        ("BODY", "554 5.7.1 spam"),
    ],
)
@pytest.mark.parametrize("pipelining", [True, False])
def test_refusal_for_good_at_each_verb_is_reported(place, verb, reply, pipelining):
    replies = {verb: reply} | ({} if pipelining else {"EHLO": "250 sink.example"})
    with place.sink(**replies) as sink:
        place.send()
        assert f"Diagnostic-Code: smtp; {reply}" in place.report()
        wait_for(lambda: place.queue() == [])
        assert sink.messages == []


@pytest.mark.parametrize(
    "verb, reply",
    [
        ("GREETING", "421 4.3.2 not now"),
        ("GREETING", "HANG UP"),
        ("EHLO", "421 4.3.2 not now"),
        ("MAIL", "451 4.3.0 later"),
        ("RCPT", "450 4.2.1 greylisted"),
        ("DATA", "451 4.3.0 later"),
        ("DATA", "HANG UP"),
        ("BODY", "452 4.3.1 full"),
        ("BODY", "HANG UP"),
    ],
)
def test_refusal_for_now_at_each_verb_is_tried_again(place, verb, reply):
    usual = {"GREETING": "220 sink.example", "EHLO": "250 sink.example", "DATA": "354 go"}
    with place.sink(**{verb: [reply, usual.get(verb, "250 2.0.0 ok")]}) as sink:
        place.send()
        waiting = wait_for(lambda: [row for row in place.queue() if row["state"] == "deferred"])[0]
        assert waiting["reason"] and waiting["next"] > time.time()
        assert sink.messages == []
        place.server.admin("queue", "flush", waiting["id"])
        wait_for(lambda: sink.messages)
        wait_for(lambda: place.queue() == [])
        assert len(sink.messages) == 1 and place.server.count(place.anna) == 0


@pytest.mark.parametrize("domain, status", [("nobody", "5.1.10"), ("missing", "5.1.2"), ("ours", "5.4.6")])
def test_domain_without_a_server_is_reported_at_once(place, domain, status):
    """Their addresses lead to the sink, so that it would notice who goes there nevertheless."""
    name = place.another(domain)
    if domain == "nobody":
        place.record(name, "MX", "0 .")
        place.record(name, "A", place.host)
    elif domain == "ours":
        place.record(name, "MX", f"10 mail.{DOMAIN}")
        place.record(f"mail.{DOMAIN}", "A", place.host)
    with place.sink() as sink:
        place.send(f"friend@{name}")
        assert f"Status: {status}" in place.report()
        wait_for(lambda: place.queue() == [])
        assert sink.connections == 0


def test_dns_that_fails_is_asked_again(place):
    place.record(place.domain, "MX", "SERVFAIL")
    place.send()
    waiting = wait_for(lambda: [row for row in place.queue() if row["state"] == "deferred"])[0]
    assert place.domain in waiting["reason"]


def test_the_next_host_is_tried_when_the_first_is_dead(place, names):
    dead = place.another("dead")
    names.records[place.domain, "MX"] = [f"20 {place.mx}", f"10 {dead}"]
    place.record(dead, "A", "127.0.0.77")
    with place.sink() as sink:
        place.send()
        wait_for(lambda: sink.messages)
        assert (dead, "A") in names.asked


def test_a_dead_destination_holds_up_nobody(place):
    broken = place.another("broken")
    place.record(broken, "MX", "SERVFAIL")
    with place.sink() as sink:
        for _ in range(20):
            place.send(f"friend@{broken}")
        place.send()
        wait_for(lambda: sink.messages)
        wait_for(lambda: len([row for row in place.queue() if row["state"] == "deferred"]) == 20)


def test_server_that_hangs_up_between_messages_gets_the_next_one_anew(place):
    with place.sink(RSET="HANG UP", MAIL=["250 ok", "HANG UP", "250 ok"]) as sink:
        for count in (1, 2):
            place.send()
            wait_for(lambda count=count: len(sink.messages) == count)


def test_relay_killed_in_the_middle_loses_nothing(place, server):
    server.expect_deaths = True
    with place.sink(BODY=["SILENCE", "250 2.0.0 taken"]) as sink:
        place.send()
        wait_for(lambda: len(sink.replies["BODY"]) == 1)  # it keeps the silence now
        server.kill_worker("relay")
        wait_for(lambda: sink.messages)
        wait_for(lambda: place.queue() == [])


def test_two_houses_write_to_each_other_with_tls(place):
    with running(**{"resolver": place.names.address, "listen": f"smtp {place.host}:{PORT}"}) as theirs:
        theirs.admin("domain", "add", place.domain)
        theirs.admin("account", "add", place.friend, password="secret")
        raw = place.send()
        received = theirs.messages(Account(place.friend, "secret"))[0]
        assert received.endswith(raw)
        assert b"with ESMTPS" in received and f"Return-Path: <{place.anna.address}>".encode() in received

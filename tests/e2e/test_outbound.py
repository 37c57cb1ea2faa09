"""Mail for other servers: found by DNS, handed over, tried again, reported."""

import os
import signal
import time

import pytest
from names import Names
from server import DOMAIN, Account, Server, make_raw, running, wait_until
from sink import Sink

RECORDS = {
    ("elsewhere.example", "MX"): ["10 mx.elsewhere.example"],
    ("mx.elsewhere.example", "A"): ["127.0.0.1"],
    ("nobody.example", "MX"): ["0 ."],
    ("plain.example", "A"): ["127.0.0.1"],
    ("ours.example", "MX"): [f"10 mail.{DOMAIN}"],
    ("broken.example", "MX"): "SERVFAIL",
    ("two.example", "MX"): ["20 mx.elsewhere.example", "10 dead.example"],
    ("dead.example", "A"): ["127.0.0.77"],
}


@pytest.fixture(scope="module")
def names():
    with Names(RECORDS) as names:
        yield names


def house(names: Names, port: int):
    """A server that sends to this port; made anew for each test, so that no destination is in trouble yet."""
    return running(**{"resolver": names.address, "outbound-port": str(port)})


def wait_for(predicate):
    return wait_until("the mail", predicate)


def send(server: Server, account, *recipients: str, raw: bytes | None = None) -> bytes:
    raw = raw or make_raw(to=recipients[0])
    with server.smtp(account) as client:
        client.sendmail(account.address, list(recipients), raw)
    return raw


def report(server: Server, account) -> str:
    return server.messages(account)[0].decode()


def queue(server: Server) -> list[dict]:
    return server.rows("queue", "list")


def test_reaches_another_server_unchanged(names):
    with Sink() as sink, house(names, sink.port) as server:
        anna = server.account("anna")
        raw = send(server, anna, "friend@elsewhere.example", raw=make_raw(to="x") + b".dot\r\n..two\r\nend\r\n")
        wait_for(lambda: sink.messages)
        sender, recipients, body = sink.messages[0]
        assert (sender, recipients) == (anna.address, ["friend@elsewhere.example"])
        assert body.endswith(raw) and body.startswith(b"DKIM-Signature: ") and b"\r\nReceived: from " in body
        assert b"Return-Path" not in body and b"Delivered-To" not in body
        wait_for(lambda: queue(server) == [])


def test_large_message_arrives_whole(names):
    with Sink(EHLO="250 sink.example") as sink, house(names, sink.port) as server:
        anna = server.account("anna")
        raw = send(server, anna, "friend@elsewhere.example", raw=make_raw(to="x") + b".line of text\r\n" * 200000)
        wait_for(lambda: sink.messages)
        assert sink.messages[0][2].endswith(raw)


def test_one_message_for_several_of_a_domain(names):
    with Sink() as sink, house(names, sink.port) as server:
        anna = server.account("anna")
        send(server, anna, "a@elsewhere.example", "b@elsewhere.example", "c@plain.example")
        wait_for(lambda: len(sink.messages) == 2)
        assert sorted(recipients for _, recipients, _ in sink.messages) == [
            ["a@elsewhere.example", "b@elsewhere.example"],
            ["c@plain.example"],
        ]


def test_a_connection_is_kept_for_the_next_message(names):
    with Sink() as sink, house(names, sink.port) as server:
        anna = server.account("anna")
        for _ in range(5):
            send(server, anna, "friend@elsewhere.example")
            wait_for(lambda: queue(server) == [])
        assert len(sink.messages) == 5
        assert sink.connections < 5


def test_refused_recipient_is_reported_and_the_other_is_not(names):
    replies = ["550 5.1.1 no such person", "250 2.1.5 ok"]
    with Sink(RCPT=replies) as sink, house(names, sink.port) as server:
        anna = server.account("anna")
        send(server, anna, "who@elsewhere.example", "friend@elsewhere.example")
        text = report(server, anna)
        assert "Final-Recipient: rfc822; who@elsewhere.example" in text
        assert "Diagnostic-Code: smtp; 550 5.1.1 no such person" in text
        assert "Remote-MTA: dns; mx.elsewhere.example" in text and "friend@" not in text.split("Arrival-Date")[1].split("Content-Type")[0]
        assert [recipients for _, recipients, _ in sink.messages] == [["friend@elsewhere.example"]]
        wait_for(lambda: queue(server) == [])


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
def test_refusal_for_good_at_each_verb_is_reported(names, verb, reply, pipelining):
    replies = {verb: reply} | ({} if pipelining else {"EHLO": "250 sink.example"})
    with Sink(**replies) as sink, house(names, sink.port) as server:
        anna = server.account("anna")
        send(server, anna, "friend@elsewhere.example")
        assert f"Diagnostic-Code: smtp; {reply}" in report(server, anna)
        wait_for(lambda: queue(server) == [])
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
def test_refusal_for_now_at_each_verb_is_tried_again(names, verb, reply):
    usual = {"GREETING": "220 sink.example", "EHLO": "250 sink.example", "DATA": "354 go"}
    with Sink(**{verb: [reply, usual.get(verb, "250 2.0.0 ok")]}) as sink, house(names, sink.port) as server:
        anna = server.account("anna")
        send(server, anna, "friend@elsewhere.example")
        wait_for(lambda: queue(server) and queue(server)[0]["state"] == "deferred")
        waiting = queue(server)[0]
        assert waiting["reason"] and waiting["next"] > time.time()
        assert sink.messages == []
        server.admin("queue", "flush")
        wait_for(lambda: sink.messages)
        wait_for(lambda: queue(server) == [])
        assert len(sink.messages) == 1 and server.count(anna) == 0


@pytest.mark.parametrize(
    "domain, status",
    [("nobody.example", "5.1.10"), ("missing.example", "5.1.2"), ("ours.example", "5.4.6")],
)
def test_domain_without_a_server_is_reported_at_once(names, domain, status):
    with Sink() as sink, house(names, sink.port) as server:
        anna = server.account("anna")
        send(server, anna, f"friend@{domain}")
        assert f"Status: {status}" in report(server, anna)
        wait_for(lambda: queue(server) == [])
        assert sink.connections == 0


def test_dns_that_fails_is_asked_again(names):
    with Sink() as sink, house(names, sink.port) as server:
        anna = server.account("anna")
        send(server, anna, "friend@broken.example")
        wait_for(lambda: queue(server)[0]["state"] == "deferred")
        assert "broken.example" in queue(server)[0]["reason"]


def test_the_next_host_is_tried_when_the_first_is_dead(names):
    with Sink() as sink, house(names, sink.port) as server:
        anna = server.account("anna")
        send(server, anna, "friend@two.example")
        wait_for(lambda: sink.messages)
        assert ("dead.example", "A") in names.asked


def test_a_dead_destination_holds_up_nobody(names):
    with Sink() as sink, house(names, sink.port) as server:
        anna = server.account("anna")
        for _ in range(20):
            send(server, anna, "friend@broken.example")
        send(server, anna, "friend@elsewhere.example")
        wait_for(lambda: sink.messages)
        wait_for(lambda: len([row for row in queue(server) if row["state"] == "deferred"]) == 20)


def test_server_that_hangs_up_between_messages_gets_the_next_one_anew(names):
    with Sink(RSET="HANG UP", MAIL=["250 ok", "HANG UP", "250 ok"]) as sink, house(names, sink.port) as server:
        anna = server.account("anna")
        for count in (1, 2):
            send(server, anna, "friend@elsewhere.example")
            wait_for(lambda count=count: len(sink.messages) == count)


def test_relay_killed_in_the_middle_loses_nothing(names):
    with Sink(BODY=["SILENCE", "250 2.0.0 taken"]) as sink, house(names, sink.port) as server:
        anna = server.account("anna")
        send(server, anna, "friend@elsewhere.example")
        wait_for(lambda: len(sink.replies["BODY"]) == 1)  # it keeps the silence now
        os.kill(server.worker("relay"), signal.SIGKILL)
        wait_for(lambda: sink.messages)
        wait_for(lambda: queue(server) == [])


def test_two_houses_write_to_each_other_with_tls(names):
    with house(names, 1) as theirs:
        with house(names, theirs.ports["smtp"]) as ours:
            theirs.admin("domain", "add", "elsewhere.example")
            theirs.admin("account", "add", "friend@elsewhere.example", password="secret")
            friend = Account("friend@elsewhere.example", "secret")
            anna = ours.account("anna")
            raw = send(ours, anna, friend.address)
            received = theirs.messages(friend)[0]
            assert received.endswith(raw)
            assert b"with ESMTPS" in received and f"Return-Path: <{anna.address}>".encode() in received

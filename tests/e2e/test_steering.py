"""Steering mail that leaves: holding it back, asking what became of it.

One house; each test has a domain of its own, whose server is a sink on an address of its own.
"""

import socket
import time

import pytest
from names import Names
from server import Account, make_raw, running, wait_until
from sink import Sink


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Town:
    """Other servers, all on one port, each on an address of its own."""

    def __init__(self, names: Names):
        self.names, self.port, self.count = names, free_port(), 10

    def sink(self, domain: str, **replies) -> Sink:
        self.count += 1
        address = f"127.0.0.{self.count}"
        self.names.records[(domain, "MX")] = [f"10 mx.{domain}"]
        self.names.records[(f"mx.{domain}", "A")] = [address]
        return Sink(address, self.port, **replies)


@pytest.fixture(scope="module")
def town():
    with Names({}) as names:
        yield Town(names)


@pytest.fixture(scope="module")
def running_server(town):
    with running(**{"resolver": town.names.address, "outbound-port": str(town.port)}) as server:
        yield server


def wait_for(predicate):
    return wait_until("the mail", predicate)


def send(server, account, *recipients: str, raw: bytes | None = None) -> str:
    """The queue's id of what was sent."""
    with server.smtp(account) as client:
        client.mail(account.address)
        for recipient in recipients:
            client.rcpt(recipient)
        code, said = client.data(raw or make_raw(to=recipients[0]))
        assert code == 250
        return said.decode().split()[-1]


def state(server, identity: str) -> str:
    return next((row["state"] for row in server.rows("queue", "list") if row["id"] == identity), "gone")


@pytest.mark.parametrize("how", ["id", "sender", "domain"])
def test_what_is_held_leaves_when_it_is_released(server, town, anna, how):
    domain = f"held-{how}.example"
    with town.sink(domain, RCPT=["450 4.2.1 not yet", "250 2.1.5 ok"]) as sink:
        what = {"sender": ["--sender", anna.address], "domain": ["--domain", domain.upper()]}
        if how != "id":
            server.admin("queue", "hold", *what[how])
        identity = send(server, anna, f"friend@{domain}")
        if how == "id":
            wait_for(lambda: state(server, identity) == "deferred")
            what["id"] = [identity]
            server.admin("queue", "hold", identity)
        wait_for(lambda: state(server, identity) == "held")
        server.admin("queue", "flush")
        assert server.rows("queue", "list", "--json")[0]["next"] is None
        assert sink.messages == []
        server.admin("queue", "release", *what[how])
        wait_for(lambda: state(server, identity) == "deferred")
        server.admin("queue", "flush")
        wait_for(lambda: len(sink.messages) == 1)
        wait_for(lambda: state(server, identity) == "gone")


def test_the_whole_story_is_told(server, town, anna):
    domain = "told.example"
    town.names.records[(f"dead.{domain}", "A")] = ["127.0.0.250"]
    with town.sink(domain, RCPT=["451 4.3.0 the disk is full", "250 2.1.5 ok"], BODY="250 2.6.0 as 4711") as sink:
        town.names.records[(domain, "MX")] += [f"5 dead.{domain}"]
        began = time.time()
        identity = send(server, anna, f"friend@{domain}", raw=b"Message-ID: <story@told.example>\r\n\r\nhello\r\n")
        wait_for(lambda: state(server, identity) == "deferred")
        server.admin("queue", "flush")
        wait_for(lambda: sink.messages and state(server, identity) == "gone")
    told = server.rows("queue", "trace", identity)
    assert [row["event"] for row in told] == ["accepted", "deferred", "relayed"]
    accepted, deferred, relayed = told
    assert accepted["account"] == accepted["sender"] == anna.address and accepted["peer"] == "127.0.0.1"
    assert accepted["protocol"].startswith("ESMTP") and accepted["message_id"] == "<story@told.example>"
    assert deferred["text"] == "451 4.3.0 the disk is full" and deferred["status"] == "4.3.0"
    assert deferred["peer"] == f"mx.{domain} [{sink.address}]" and deferred["next"] >= began
    assert len(deferred["tried"]) == 1 and f"dead.{domain} [127.0.0.250]" in deferred["tried"][0]
    assert relayed["text"] == "250 2.6.0 as 4711" and relayed["tls"] == "" and relayed["next"] == 0
    for found in (
        ["--message-id", "story@told.example"],
        ["--address", f"FRIEND@{domain}"],
        ["--address", f"friend@{domain}", "--since", "1h"],
    ):
        assert server.rows("queue", "trace", *found) == told
    assert server.rows("queue", "trace", "--address", f"friend@{domain}", "--until", "1h") == []
    text = server.admin("queue", "trace", identity)
    assert f"from <{anna.address}>" in text and "250 2.6.0 as 4711" in text


def test_the_story_goes_on_in_what_it_became(server, town, anna, bert):
    domain = "refuses.example"
    with town.sink(domain, RCPT="550 5.1.1 no such person"):
        identity = send(server, anna, f"who@{domain}", bert.address)
        wait_for(lambda: state(server, identity) == "gone" and server.messages(anna))
    told = server.rows("queue", "trace", identity)
    events = [(row["event"], row["address"]) for row in told]
    assert ("filed", bert.address) in events and ("failed", f"who@{domain}") in events
    report = next(row["other"] for row in told if row["event"] == "reported")
    assert [row["event"] for row in told if row["id"] == report] == ["accepted", "filed"]


def test_what_was_dropped_is_remembered(server, town, anna):
    with town.sink("dropped.example", RCPT="450 4.2.1 not yet"):
        identity = send(server, anna, "friend@dropped.example")
        wait_for(lambda: state(server, identity) == "deferred")
        server.admin("queue", "drop", identity, "--yes")
    assert [row["event"] for row in server.rows("queue", "trace", identity)] == ["accepted", "deferred", "dropped"]


def test_wrong_questions_are_answered(server):
    for words, answer in (
        (["12"], "not an id"),
        (["00c0ffee00c0ffee"], "nothing is known"),
        (["--since", "yesterday"], "--since takes"),
        (["--max", "0"], "from 1 to 1000"),
        (["--max", "1001"], "from 1 to 1000"),
        (["--message-id", "a", "--address", "b"], "not both"),
    ):
        ended = server.command("queue", "trace", *words)
        assert ended.returncode == 2 and answer in ended.stderr


def test_an_account_sends_as_much_as_it_may(server, town, anna):
    postmaster = server.account("chief")
    server.admin("alias", "add", f"postmaster@{anna.address.split('@')[1]}", postmaster.address)
    server.admin("account", "set", anna.address, "--recipients-per-hour", "2")
    with town.sink("limited.example") as sink, server.smtp(anna) as client:
        client.sendmail(anna.address, ["a@limited.example", "b@limited.example"], make_raw(to="a"))
        wait_for(lambda: sink.messages)
        client.mail(anna.address)
        assert client.rcpt("c@limited.example") == (450, b"4.7.1 you have sent as much as you may for now; please try again later")
        assert client.rcpt("d@limited.example")[0] == 450
        notice = server.messages(postmaster)[0].decode()
        assert anna.address in notice and "recipients-per-hour is 2" in notice
        server.admin("account", "set", anna.address, "--recipients-per-hour", "3")
        assert client.rcpt("c@limited.example")[0] == 250
        assert client.rcpt("d@limited.example")[0] == 250
        assert client.data(make_raw(to="c"))[0] == 450  # two are more than one

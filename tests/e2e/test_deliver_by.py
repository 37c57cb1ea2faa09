"""DELIVERBY (RFC 2852) on the way out. Debian's servers don't offer it: sinks, and a second house."""

import itertools
import re

import pytest
from names import Names
from server import HOST, free_ports, make_raw, running, wait_until
from sink import Sink

PORT = free_ports(1)[0]
PROMISE = "250-sink.example\r\n250-PIPELINING\r\n250-DELIVERBY 100\r\n250 DSN"
numbers = itertools.count(1)


@pytest.fixture(scope="module")
def names():
    with Names({}) as names:
        yield names


@pytest.fixture(scope="module")
def running_server(names):
    with running(**{"resolver": names.address, "outbound-port": str(PORT)}) as server:
        yield server


@pytest.fixture
def place(names):
    """A domain of the test's own: its name, and its server's address."""
    number = next(numbers)
    domain, host = f"far{number}.example", f"127.0.6.{number}"
    names.records[domain, "MX"] = [f"10 mx.{domain}"]
    names.records[f"mx.{domain}", "A"] = [host]
    return domain, host


def submit(server, account, domain: str, *options: str) -> None:
    with server.smtp(account) as client:
        client.sendmail(account.address, [f"friend@{domain}"], make_raw(), options)


def test_time_that_is_left_goes_with_it(server, anna, place):
    domain, host = place
    with Sink(host, PORT, EHLO=PROMISE) as sink:
        submit(server, anna, domain, "BY=3600;R")
        wait_until("the mail", lambda: sink.messages)
        (seconds,) = re.findall(r"BY=(\d+);R$", next(command for command in sink.commands if command.startswith("MAIL")))
        assert 3000 < int(seconds) <= 3600


@pytest.mark.parametrize("ehlo", ["250-sink.example\r\n250 DSN", PROMISE])
def test_server_that_promises_no_time_gets_nothing(server, anna, place, ehlo):
    domain, host = place
    with Sink(host, PORT, EHLO=ehlo) as sink:
        submit(server, anna, domain, "BY=90;R")
        report = server.messages(anna)[0].decode()
        assert "Status: 5.4.7" in report and "Deliver-By-Date: " in report
        assert sink.messages == []


def test_sender_is_told_where_nobody_else_would(server, anna, place):
    domain, host = place
    with Sink(host, PORT) as sink:
        submit(server, anna, domain, "BY=90;N")
        wait_until("the mail", lambda: sink.messages)
        assert "Action: relayed" in server.messages(anna)[0].decode()


def test_trace_through_a_second_house(names, place):
    """Both tell the sender: ours that it passed it on, theirs by what it does."""
    domain, _host = place
    with running() as theirs:
        theirs.admin("domain", "add", domain)
        theirs.admin("account", "add", f"friend@{domain}", password="secret")
        names.records[f"mx.{domain}", "A"] = [HOST]
        with running(**{"resolver": names.address, "outbound-port": str(theirs.ports["smtp"])}) as ours:
            account = ours.account()
            submit(ours, account, domain, "BY=3600;RT")
            assert "Action: relayed" in ours.messages(account)[0].decode()
            wait_until("its arrival", lambda: theirs.events("queue.filed", to=f"friend@{domain}"))

"""Servers and domains that give trouble, and what becomes of mail for them. One house; a domain and a sink for each test."""

import itertools
import socketserver
import threading

import pytest
from names import Names
from server import free_ports, make_raw, running, wait_until
from sink import Sink

addresses = itertools.count(20)
HOSTS_WITHOUT_ADDRESS = 12


class World:
    """A house, a name server, and as many other servers as tests want."""

    def __init__(self, names: Names, server, port: int):
        self.names, self.server, self.port = names, server, port
        self.accounts = {}

    def place(self) -> tuple[str, str]:
        """A new domain, and the address of its only server."""
        number = next(addresses)
        domain, address = f"domain{number}.example", f"127.0.0.{number}"
        self.names.records |= {(domain, "MX"): [f"10 mx.{domain}"], (f"mx.{domain}", "A"): [address]}
        return domain, address

    def send(self, domain: str, raw: bytes | None = None) -> None:
        to = f"friend@{domain}"
        account = self.accounts.setdefault(domain, self.server.account())
        with self.server.smtp(account) as client:
            client.sendmail(account.address, [to], raw or make_raw(to=to))

    def row(self, domain: str) -> dict | None:
        return next(iter(self.server.queued(f"friend@{domain}")), None)

    def wait_gone(self, domain: str) -> None:
        wait_until("the queue", lambda: self.row(domain) is None)

    def wait_deferred(self, domain: str) -> dict:
        wait_until("the queue", lambda: (self.row(domain) or {}).get("state") == "deferred")
        return self.row(domain)

    def report(self, domain: str) -> str:
        return self.server.messages(self.accounts[domain])[0].decode()


def make_world(**settings):
    names = Names({})
    port = free_ports(1)[0]
    return names, port, {"resolver": names.address, "outbound-port": str(port)} | settings


@pytest.fixture(scope="module")
def world():
    names, port, settings = make_world()
    with names, running(**settings) as server:
        yield World(names, server, port)


def test_421_that_waits_on_a_kept_connection_does_not_delay_the_next_message(world):
    domain, address = world.place()
    with Sink(address, world.port, BODY=["250 2.0.0 taken\r\n421 4.4.2 idle for too long", "250 2.0.0 taken"]) as sink:
        world.send(domain)
        wait_until("the first", lambda: len(sink.messages) == 1)
        world.send(domain)
        wait_until("the second", lambda: len(sink.messages) == 2)
        world.wait_gone(domain)


@pytest.mark.parametrize("reply", ["502 5.5.1 what?", "HANG UP"])
def test_session_that_can_not_be_reset_is_given_up_for_a_new_one(world, reply):
    domain, address = world.place()
    replies = {"RSET": reply, "RCPT": ["550 5.1.1 nobody", "250 ok"]}
    with Sink(address, world.port, **replies) as sink:
        world.send(domain)
        world.report(domain)
        world.send(domain)
        wait_until("the message", lambda: sink.messages)
        world.wait_gone(domain)
        assert sink.connections == 2


class Impatient(socketserver.StreamRequestHandler):
    """Refuses a message before it is there, and hangs up."""

    def handle(self) -> None:
        self.wfile.write(b"220 impatient.example ESMTP\r\n")
        for line in self.rfile:
            verb = line[:4].upper()
            if verb == b"DATA":
                self.wfile.write(b"354 go\r\n")
                self.rfile.read(10000)
                self.wfile.write(b"554 5.3.4 far too large\r\n")
                return
            self.wfile.write(b"250 ok\r\n")


def test_refusal_in_the_middle_of_a_message_is_reported(world):
    domain, address = world.place()
    with socketserver.ThreadingTCPServer((address, world.port), Impatient) as listener:
        threading.Thread(target=listener.serve_forever, args=(0.05,), daemon=True).start()
        world.send(domain, raw=make_raw(to="x") + b"a line of text\r\n" * 1000000)
        assert "Diagnostic-Code: smtp; 554 5.3.4 far too large" in world.report(domain)
        world.wait_gone(domain)
        listener.shutdown()


def test_domain_with_many_hosts_that_have_no_address_is_left_after_a_few(world):
    domain, _ = world.place()
    hosts = [f"none{number}.{domain}" for number in range(HOSTS_WITHOUT_ADDRESS)]
    world.names.records[(domain, "MX")] = [f"{number} {host}" for number, host in enumerate(hosts)]
    world.send(domain)
    assert "no address" in world.wait_deferred(domain)["reason"]
    assert 0 < len({name for name, kind in world.names.asked if name in hosts}) <= 8


@pytest.fixture(scope="module")
def public_only():
    names, port, settings = make_world(**{"outbound-private": "no"})
    with names, running(**settings) as server:
        yield World(names, server, port)


def test_mail_does_not_go_to_private_addresses(public_only):
    domain, address = public_only.place()
    public_only.names.records[(f"mx.{domain}", "A")] = [address, "10.0.0.1", "192.168.0.1"]
    with Sink(address, public_only.port) as sink:
        public_only.send(domain)
        report = public_only.report(domain)
        assert "Status: 5.4.4" in report and "no address of the public internet" in report
        assert sink.connections == 0

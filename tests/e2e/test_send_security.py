"""Who may have mail for whom: DNSSEC, DANE (RFC 7672) and MTA-STS (RFC 8461) on the way out.

One signed zone, one house, one server of policies; a domain for each test.
"""

import sqlite3
import threading
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from authority import Authority
from names import Names
from server import free_ports, make_raw, running, wait_until
from signed_names import SignedNames
from sink import Sink

WRONG = "00112233" * 8
# Each domain's server has an address of its own; the certificate is for mx.DOMAIN.example, if no other is named.
ADDRESSES = {
    name: f"127.0.1.{number}"
    for number, name in enumerate(
        ["good", "wrong", "clear", "unusable", "unusableclear", "anchor", "othername", "second", "alias", "aliasplain",
         "hidden", "nomx", "unsigned", "nothing", "broken", "opportune", "stsgood", "stswrong", "stsclear",
         "stsother", "ststesting", "stsnone", "stsuntrusted", "stsdane", "stskept"], start=1
    )
}  # fmt: skip
POLICY_HOST = "127.0.2.1"
# The mode of each domain's policy, and the host that it names.
POLICIES = {
    "stsgood": ("enforce", "*.stsgood.example"),
    "stswrong": ("enforce", "mx.stswrong.example"),
    "stsclear": ("enforce", "mx.stsclear.example"),
    "stsother": ("enforce", "mx.elsewhere.example"),
    "ststesting": ("testing", "mx.elsewhere.example"),
    "stsnone": ("none", "mx.stsnone.example"),
    "stsuntrusted": ("enforce", "mx.elsewhere.example"),
    "stsdane": ("enforce", "mx.elsewhere.example"),
    "stskept": ("enforce", "mx.stskept.example"),
}


def zones(port: int, ca: Authority) -> dict[str, str]:
    at = f"_{port}._tcp"
    right = f"3 1 1 {ca.key_digest('mx.good.example')}"
    anchor = f"2 0 1 {ca.own_digest()}"
    lines = [f"{name} MX 10 mx.{name}\nmx.{name} A {address}" for name, address in ADDRESSES.items() if name not in ("alias", "aliasplain", "nomx")]
    lines += [
        f"{at}.mx.good TLSA {right}",
        f"{at}.mx.wrong TLSA 3 1 1 {WRONG}",
        f"{at}.mx.clear TLSA {right}",
        f"{at}.mx.broken TLSA {right}",
        f"{at}.mx.unusable TLSA 1 1 1 {WRONG}\n{at}.mx.unusable TLSA 3 1 1 {WRONG[2:]}\n{at}.mx.unusable TLSA 3 7 1 {WRONG}",
        f"{at}.mx.unusableclear TLSA 1 1 1 {WRONG}",
        f"{at}.mx.anchor TLSA {anchor}",
        f"{at}.mx.othername TLSA {anchor}",
        f"second MX 20 mx.good\n{at}.mx.second TLSA 3 1 1 {WRONG}",
        f"alias MX 10 mx.alias\nmx.alias CNAME target.alias\ntarget.alias A {ADDRESSES['alias']}\n{at}.target.alias TLSA {right}",
        f"aliasplain MX 10 mx.aliasplain\nmx.aliasplain CNAME mx.other.plain\n{at}.mx.aliasplain TLSA 3 1 1 {WRONG}",
        f"nomx A {ADDRESSES['nomx']}\n{at}.nomx TLSA 3 1 1 {WRONG}",
        "forgedhost MX 10 mx.forged",
    ]
    lines += [f'_mta-sts.{name} TXT "v=STSv1; id=1"\nmta-sts.{name} A {POLICY_HOST}' for name in POLICIES]
    lines.append(f"{at}.mx.stsdane TLSA {right}")
    plain = f"unsigned MX 10 mx.unsigned.example.\nmx.other A {ADDRESSES['aliasplain']}\n"
    lines.append(f"{at}.mx.unsigned TLSA 3 1 1 {WRONG}")
    return {"signed": "\n".join(lines) + "\n", "plain": plain, "forged": "@ MX 10 mx\nmx A 127.0.1.100\n"}


class PolicyHandler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        name = self.headers["Host"].split(":")[0].removeprefix("mta-sts.").removesuffix(".example")
        mode, host = POLICIES.get(name, (None, None))
        body = f"version: STSv1\r\nmode: {mode}\r\nmx: {host}\r\nmax_age: 86400\r\n".encode()
        found = mode is not None and self.path == "/.well-known/mta-sts.txt"
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_) -> None:
        pass


@pytest.fixture(scope="module")
def policies(ca):
    """The port of the server of policies. Its certificate is not for the untrusted domain."""
    names = [f"mta-sts.{name}.example" for name in POLICIES if name != "stsuntrusted"]
    with ThreadingHTTPServer((POLICY_HOST, 0), PolicyHandler) as server:
        server.socket = ca.certificate(*names).wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


class World:
    def __init__(self, names, server, port: int, certificate):
        self.names, self.server, self.port, self.certificate = names, server, port, certificate

    def sink(self, name: str, **options) -> Sink:
        return Sink(ADDRESSES[name], self.port, **options)

    def send(self, domain: str) -> str:
        account, to = self.server.account(), f"friend@{domain}.example"
        with self.server.smtp(account) as client:
            client.sendmail(account.address, [to], make_raw(to=to))
        return to

    def deliver(self, domain: str, sink: Sink) -> None:
        to = self.send(domain)
        wait_until("the mail", lambda: sink.messages)
        wait_until("the queue", lambda: self.server.queued(to) == [])

    def defer(self, domain: str) -> dict:
        to = self.send(domain)
        return wait_until("the queue", lambda: next((row for row in self.server.queued(to) if row["state"] == "deferred"), None))


@pytest.fixture(scope="module")
def ca():
    return Authority()


@pytest.fixture(scope="module")
def world(ca, policies):
    port = free_ports(1)[0]
    certificate = ca.certificate("mx.good.example")
    with SignedNames(**zones(port, ca)) as names:
        settings = {"resolver": names.address, "dnssec-anchor": names.anchor, "outbound-port": str(port)}
        settings |= {"mta-sts-port": str(policies), "ca-file": str(ca.file)}
        with running(**settings) as server:
            yield World(names, server, port, certificate)


@pytest.mark.parametrize(
    "domain, name",
    [("good", "mx.good.example"), ("alias", "target.alias.example")],
)
def test_server_that_its_tlsa_records_name_gets_the_mail(world, domain, name):
    with world.sink(domain, tls=world.certificate) as sink:
        world.deliver(domain, sink)
        assert sink.secured == [name]


@pytest.mark.parametrize("domain", ["wrong", "aliasplain", "nomx"])
def test_server_that_its_tlsa_records_do_not_name_gets_nothing(world, domain):
    with world.sink(domain, tls=world.certificate) as sink:
        row = world.defer(domain)
        assert "DANE" in row["reason"] and "certificate" in row["reason"]
        assert sink.messages == [] and len(sink.secured) == sink.connections


@pytest.mark.parametrize("domain", ["clear", "unusableclear"])
def test_server_with_tlsa_records_gets_nothing_without_tls(world, domain):
    with world.sink(domain) as sink:
        assert "no TLS" in world.defer(domain)["reason"]
        assert sink.messages == []


def test_tls_that_fails_is_not_done_without_where_there_are_tlsa_records(world):
    with world.sink("broken", EHLO="250-x\r\n250 STARTTLS", STARTTLS="454 4.7.0 not now") as sink:
        assert "454" in world.defer("broken")["reason"]
        assert sink.messages == [] and not any(command.startswith("MAIL") for command in sink.commands)


def test_records_that_can_not_be_used_demand_tls_with_whomever(world):
    with world.sink("unusable", tls=world.certificate) as sink:
        world.deliver("unusable", sink)
        assert sink.secured == ["mx.unusable.example"]


def test_certificate_below_a_trust_anchor_may_be_for_the_domain(world, ca):
    with world.sink("anchor", tls=ca.certificate("anchor.example")) as sink:
        world.deliver("anchor", sink)
        assert sink.secured == ["mx.anchor.example"]


def test_certificate_below_a_trust_anchor_must_have_a_name(world, ca):
    with world.sink("othername", tls=ca.certificate("mx.elsewhere.example")) as sink:
        assert "certificate" in world.defer("othername")["reason"]
        assert sink.messages == []


def test_next_host_may_be_better(world):
    with world.sink("second", tls=world.certificate) as wrong, world.sink("good", tls=world.certificate) as right:
        world.deliver("second", right)
        assert wrong.messages == [] and wrong.connections > 0


def test_tlsa_records_of_a_host_that_nobody_vouches_for_do_not_count(world):
    with world.sink("unsigned", tls=world.certificate) as sink:
        world.deliver("unsigned.plain", sink)


def test_signed_host_without_tlsa_records_gets_mail_as_it_comes(world):
    with world.sink("nothing") as sink:
        world.deliver("nothing", sink)


def test_tls_that_nothing_demands_may_fail(world):
    with world.sink("opportune", EHLO="250-x\r\n250 STARTTLS", STARTTLS="454 4.7.0 not now") as sink:
        world.deliver("opportune", sink)


def test_records_that_are_forged_may_hide_others(world):
    with world.sink("hidden", tls=world.certificate) as sink:
        assert "TLSA" in world.defer("hidden")["reason"]
        assert sink.connections == 0


@pytest.mark.parametrize("domain", ["forged", "forgedhost"])
def test_forged_answers_are_not_believed(world, domain):
    assert "DNSSEC" in world.defer(domain)["reason"]


def test_name_server_that_drops_signatures_is_not_believed_whatever_it_says_itself(world):
    class Liar(Names):
        def message(self, query, question, code, answers):
            reply = super().message(query, question, code, answers)
            return reply[:3] + bytes([reply[3] | 0x20]) + reply[4:]  # AD: "I have checked it"

    records = {("lied.example", "MX"): ["10 mx.lied.example"], ("mx.lied.example", "A"): ["127.0.1.1"]}
    settings = {"dnssec-anchor": world.names.anchor, "outbound-port": str(world.port)}
    with Liar(records) as names, running(resolver=names.address, **settings) as server:
        assert "DNSSEC" in World(names, server, world.port, None).defer("lied")["reason"]


def test_policy_that_is_met_gets_the_mail(world, ca):
    with world.sink("stsgood", tls=ca.certificate("mx.stsgood.example")) as sink:
        world.deliver("stsgood", sink)
        assert sink.secured == ["mx.stsgood.example"]


@pytest.mark.parametrize("domain, tls, why", [("stswrong", True, "certificate"), ("stsclear", False, "no TLS"), ("stsother", True, "does not name")])
def test_policy_that_is_not_met_gets_nothing(world, domain, tls, why):
    with world.sink(domain, tls=world.certificate if tls else None) as sink:
        reason = world.defer(domain)["reason"]
        assert "MTA-STS" in reason and why in reason
        assert sink.messages == [] and len(sink.secured) == (domain == "stswrong")


@pytest.mark.parametrize("domain", ["ststesting", "stsnone", "stsuntrusted"])
def test_policy_that_demands_nothing_or_that_nobody_vouches_for_is_no_hindrance(world, domain):
    with world.sink(domain) as sink:
        world.deliver(domain, sink)


def test_policy_that_was_seen_outlives_a_restart_until_it_expires(world, ca, monkeypatch):
    with world.sink("stskept", tls=ca.certificate("mx.stskept.example")) as sink:
        world.deliver("stskept", sink)
    monkeypatch.setitem(POLICIES, "stskept", (None, None))  # the server of policies has none any more
    world.server.stop()
    world.server.start()
    with world.sink("stskept", tls=world.certificate) as sink:
        assert "MTA-STS" in world.defer("stskept")["reason"]
        assert sink.messages == []
        world.server.stop()
        with closing(sqlite3.connect(world.server.data / "policies.db", isolation_level=None)) as database:
            assert database.execute("UPDATE policy SET expires = 1 WHERE domain = CAST('stskept.example' AS BLOB)").rowcount == 1
        world.server.start()
        world.send("stskept")
        wait_until("the mail", lambda: sink.messages)


def test_tlsa_records_come_before_a_policy(world):
    with world.sink("stsdane", tls=world.certificate) as sink:
        world.deliver("stsdane", sink)
        assert sink.secured == ["mx.stsdane.example"]

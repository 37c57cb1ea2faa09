"""Who may have mail for whom: DNSSEC, DANE (RFC 7672) and MTA-STS (RFC 8461) on the way out.

One signed zone, one house, one server of policies; a domain for each test.
"""

import sqlite3
from contextlib import closing

import pytest
from authority import Authority
from names import Names
from secure_world import PolicyServer, World
from server import free_ports, make_raw, running, wait_until
from signed_names import SignedNames

WRONG = "00112233" * 8
# Each domain's server has an address of its own; the certificate is for mx.DOMAIN.example, if no other is named.
ADDRESSES = {
    name: f"127.0.1.{number}"
    for number, name in enumerate(
        ["good", "wrong", "clear", "unusable", "unusableclear", "anchor", "othername", "second", "alias", "aliasplain",
         "hidden", "nomx", "unsigned", "nothing", "broken", "opportune", "stsgood", "stswrong", "stsclear",
         "stsother", "ststesting", "stsnone", "stsuntrusted", "stsdane", "stskept", "smart", "smartwrong"], start=1
    )
}  # fmt: skip
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
    "smart": ("enforce", "smart.example"),
    "smartwrong": ("enforce", "smartwrong.example"),
}


def zones(port: int, ca: Authority, policies: PolicyServer) -> dict[str, str]:
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
    lines += [policies.zone(), *(f"{name} A {ADDRESSES[name]}" for name in ("smart", "smartwrong"))]
    lines.append(f"{at}.mx.stsdane TLSA {right}")
    plain = f"unsigned MX 10 mx.unsigned.example.\nmx.other A {ADDRESSES['aliasplain']}\n"
    lines.append(f"{at}.mx.unsigned TLSA 3 1 1 {WRONG}")
    return {"signed": "\n".join(lines) + "\n", "plain": plain, "forged": "@ MX 10 mx\nmx A 127.0.1.100\n"}


@pytest.fixture(scope="module")
def ca():
    return Authority()


@pytest.fixture(scope="module")
def world(ca):
    port = free_ports(1)[0]
    certificate = ca.certificate("mx.good.example")
    with PolicyServer(ca, POLICIES, untrusted=("stsuntrusted",)) as policies, SignedNames(**zones(port, ca, policies)) as names:
        settings = {"resolver": names.address, "dnssec-anchor": names.anchor, "outbound-port": str(port)}
        settings |= {"mta-sts-port": str(policies.port), "ca-file": str(ca.file)}
        with running(**settings) as server:
            yield World(names, server, port, certificate, ADDRESSES)


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
        assert "DNSSEC" in World(names, server, world.port, None, ADDRESSES).defer("lied")["reason"]


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


def by_way_of(world, host: str) -> None:
    """A message of somebody whose mail goes by that server, which need not have TLS as far as we are concerned."""
    account = world.server.account()
    world.server.admin("smart-host", "set", f"{host}.example:{world.port}", "--tls", "offered", "--account", account.address)
    with world.server.smtp(account) as client:
        client.sendmail(account.address, [f"{host}@anywhere.example"], make_raw())


@pytest.mark.parametrize(
    "host, right, why",
    [("mx.good", "mx.good.example", None), ("mx.wrong", "mx.good.example", "DANE"), ("smart", "smart.example", None), ("smartwrong", "mx.other.example", "MTA-STS")],
)
def test_smart_host_has_records_and_a_policy_of_its_own(world, ca, host, right, why):
    """RFC 7672 2.2.3, RFC 8461 3.4."""
    certificate = world.certificate if right == "mx.good.example" else ca.certificate(right)
    with world.sink(host.removeprefix("mx."), tls=certificate) as sink:
        by_way_of(world, host)
        to = f"{host}@anywhere.example"
        if why is None:
            wait_until("the mail", lambda: sink.messages)
            wait_until("the queue", lambda: world.server.queued(to) == [])
            assert sink.secured == [f"{host}.example"]
        else:
            assert why in wait_until("the reason", lambda: next((row["reason"] for row in world.server.queued(to)), None))
            assert sink.messages == [] and sink.connections == len(sink.secured) > 0

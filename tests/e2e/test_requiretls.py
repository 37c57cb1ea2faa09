"""REQUIRETLS and TLS-Required (RFC 8689): mail that leaves in proven TLS only, and mail that leaves without any.

One signed zone, one house; a domain for each test. Debian has no other server with REQUIRETLS: the peer is a second house.
"""

import smtplib

import pytest
from authority import Authority
from secure_world import PolicyServer, World
from server import HOST, free_ports, make_raw, running, wait_until
from signed_names import SignedNames
from sink import Sink

WRONG = "00112233" * 8
DOMAINS = ["dane", "clear", "weak", "dead", "second", "bounce", "bounceweak", "forward", "tlsno", "tlsnosts", "optional"]
PLAIN = ["sts", "testing", "nomx", "insecure"]  # below plain.example, where nothing is signed
ADDRESSES = {name: f"127.0.4.{number}" for number, name in enumerate(DOMAINS + PLAIN, start=1)}
POLICIES = {
    "sts.plain": ("enforce", "mx.sts.plain.example"),
    "testing.plain": ("testing", "mx.testing.plain.example"),
    "tlsnosts": ("enforce", "mx.elsewhere.example"),
}
PROMISE = "250-sink.example\r\n250-PIPELINING\r\n250-REQUIRETLS\r\n250 8BITMIME"
REQUIRED = ("REQUIRETLS",)
SMART = "127.0.4.200"


def mx(names: list[str]) -> str:
    return "".join(f"{name} MX 10 mx.{name}\nmx.{name} A {ADDRESSES[name]}\n" for name in names)


def zones(port: int, ca: Authority, policies: PolicyServer) -> dict[str, str]:
    at = f"_{port}._tcp"
    lines = [f"{at}.mx.{name} TLSA 3 1 1 {ca.key_digest('mx.dane.example')}" for name in ("dane", "bounce")]
    lines += [f"{at}.mx.{name} TLSA 3 1 1 {WRONG}" for name in ("tlsno", "optional")]
    lines += ["second MX 20 mx.dane", "dead MX 20 mx.weak", f"relay A {SMART}"]
    plain = mx(PLAIN).replace("nomx MX 10 mx.nomx\nmx.nomx", "nomx") + policies.zone("plain")
    return {"signed": mx(DOMAINS) + "\n".join(lines) + "\n" + policies.zone(), "plain": plain}


@pytest.fixture(scope="module")
def ca():
    return Authority()


@pytest.fixture(scope="module")
def world(ca):
    port = free_ports(1)[0]
    certificate = ca.certificate("mx.dane.example")
    with PolicyServer(ca, POLICIES, host="127.0.2.4") as policies, SignedNames(**zones(port, ca, policies)) as names:
        settings = {"resolver": names.address, "dnssec-anchor": names.anchor, "outbound-port": str(port)}
        settings |= {"mta-sts-port": str(policies.port), "ca-file": str(ca.file)}
        with running(**settings) as server:
            yield World(names, server, port, certificate, ADDRESSES)


def secure(world, ca, domain: str, **replies) -> Sink:
    """A server with the right certificate, that offers REQUIRETLS if the test does not say otherwise."""
    return world.sink(domain.split(".")[0], tls=ca.certificate(f"mx.{domain}.example"), **{"EHLO": PROMISE} | replies)


def refused(world, domain: str, **message) -> str:
    """The report that a message came back with at once."""
    account, to = world.server.account(), f"friend@{domain}.example"
    with world.server.smtp(account) as client:
        client.sendmail(account.address, [to], message.get("raw") or make_raw(to=to), message.get("options", REQUIRED))
    return world.server.messages(account)[0].decode()


def test_announced_in_tls_only(world):
    with world.server.smtp(protocol="smtp") as client:
        assert not client.has_extn("requiretls")
        assert client.docmd("MAIL", "FROM:<a@b.example> REQUIRETLS")[0] == 530
        client.starttls(context=world.server.context)
        client.ehlo("client.example")
        assert client.has_extn("requiretls")
        assert client.docmd("MAIL", "FROM:<a@b.example> REQUIRETLS")[0] == 250
    with world.server.smtp(protocol="submissions") as client:
        assert client.has_extn("requiretls")


@pytest.mark.parametrize("domain", ["dane", "sts.plain", "testing.plain", "nomx.plain"])
def test_server_that_is_proven_and_promises_gets_it(world, ca, domain):
    """DNSSEC and DANE, a policy, or no MX at all and a certificate for the domain itself."""
    certificate = world.certificate if domain == "dane" else ca.certificate(f"{'' if domain == 'nomx.plain' else 'mx.'}{domain}.example")
    with world.sink(domain.split(".")[0], tls=certificate, EHLO=PROMISE) as sink:
        world.deliver(domain, sink, options=REQUIRED)
        assert [command.split("> ")[1] for command in sink.commands if command.startswith("MAIL")] == ["REQUIRETLS"]


@pytest.mark.parametrize(
    "domain, certificate, status",
    [
        ("insecure.plain", "mx.insecure.plain", "5.7.10"),  # nobody says that this host is the domain's
        ("bounceweak", "mx.elsewhere", "5.7.10"),
        ("clear", None, "5.7.10"),
        ("weak", "mx.weak", "5.7.30"),
    ],
)
def test_server_that_is_not_gets_nothing(world, ca, domain, certificate, status):
    tls = ca.certificate(f"{certificate}.example") if certificate else None
    ehlo = "250-sink.example\r\n250 8BITMIME" if domain == "weak" else PROMISE
    with world.sink(domain.split(".")[0], tls=tls, EHLO=ehlo) as sink:
        world.deliver(domain, sink)  # the connection may stay, and is not used for this
        report = refused(world, domain)
        assert f"Status: {status}\r\n" in report and "Diagnostic-Code: x-posthorn; The message requires" in report
        assert len(sink.messages) == 1 and not any("REQUIRETLS" in command for command in sink.commands)
        # Other mail goes there all the same, at once.
        world.send(domain)
        wait_until("the mail", lambda: len(sink.messages) == 2)


def test_sender_is_told_in_his_language(world):
    account = world.server.account("", "--language", "de")
    with world.server.smtp(account) as client, world.sink("clear"):
        client.sendmail(account.address, ["friend@clear.example"], make_raw(), REQUIRED)
        assert "sichere Verbindungen" in world.server.messages(account)[0].decode()


def test_only_the_header_comes_back(world):
    with world.sink("clear"):
        report = refused(world, "clear", options=("REQUIRETLS", "RET=FULL"), raw=make_raw(body="secret words\r\n"))
        assert "text/rfc822-headers" in report and "secret words" not in report


def test_next_host_may_be_better(world):
    with world.sink("second", EHLO=PROMISE) as first, world.sink("dane", tls=world.certificate, EHLO=PROMISE) as right:
        world.deliver("second", right, options=REQUIRED)
        assert first.messages == [] and first.connections == 1


def test_server_that_is_not_there_may_be_good_tomorrow(world, ca):
    """The first host is dead; that the second is not good enough does not end it."""
    with secure(world, ca, "weak", EHLO="250 sink.example") as weak:
        assert world.defer("dead", options=REQUIRED)["reason"]
        assert weak.messages == [] and weak.connections == 1


def test_report_about_it_requires_tls_as_well(world):
    """To a stranger who required it; with the null sender (RFC 8689 5)."""
    with world.sink("bounce", tls=world.certificate, EHLO=PROMISE) as sink:
        bounce_to(world, "bounce")
        wait_until("the report", lambda: sink.messages)
        assert "MAIL FROM:<> REQUIRETLS" in sink.commands


def test_report_about_it_is_not_lost_where_nobody_promises(world, ca):
    with world.sink("bounceweak", tls=ca.certificate("mx.bounceweak.example")) as sink:
        bounce_to(world, "bounceweak")
        wait_until("the report", lambda: sink.messages)
        assert sink.messages[0][0] == "" and not any(command.endswith("REQUIRETLS") for command in sink.commands)


def bounce_to(world, domain: str) -> None:
    """A message from there that can't be delivered here: its recipient is gone between RCPT and the end."""
    gone = world.server.account("gone")
    with smtplib.SMTP(HOST, world.server.ports["smtp"]) as client:
        client.starttls(context=world.server.context)
        client.ehlo("client.example")
        assert client.mail(f"who@{domain}.example", ["REQUIRETLS"])[0] == 250
        assert client.rcpt(gone.address)[0] == 250
        world.server.admin("account", "remove", gone.address)
        assert client.data(make_raw(to=gone.address))[0] == 250


def test_forwarded_mail_keeps_it(world, ca):
    """RFC 8689 6."""
    account = world.server.account("forwarder")
    world.server.admin("account", "forward", account.address, "--to", "friend@forward.example")
    with secure(world, ca, "forward") as sink, smtplib.SMTP(HOST, world.server.ports["smtp"]) as client:
        client.starttls(context=world.server.context)
        client.sendmail("max@far.example", [account.address], make_raw(to=account.address), REQUIRED)
        wait_until("the mail", lambda: sink.messages)
        assert [command.rsplit(" ", 1)[1] for command in sink.commands if command.startswith("MAIL")] == ["REQUIRETLS"]


@pytest.mark.parametrize("domain", ["tlsno", "tlsnosts"])
def test_tls_required_no_goes_whatever_policies_demand(world, domain):
    with world.sink(domain) as sink:
        world.deliver(domain, sink, raw=b"TLS-Required: No\r\n" + make_raw())
        assert b"\r\nTLS-Required: No\r\n" in sink.messages[0][2]


def test_tls_required_no_means_nothing_beside_requiretls(world):
    with world.sink("optional", tls=world.certificate, EHLO=PROMISE) as sink:
        report = refused(world, "optional", raw=b"TLS-Required: No\r\n" + make_raw())
        assert "Status: 5.7.10" in report and sink.messages == []


def test_smart_host_must_promise_it_too(world, ca):
    account = world.server.account()
    world.server.admin("smart-host", "set", f"relay.example:{world.port}", "--tls", "offered", "--account", account.address)
    raw = make_raw(to="friend@anywhere.example")
    with Sink(SMART, world.port, tls=ca.certificate("relay.example"), EHLO=PROMISE) as sink, world.server.smtp(account) as client:
        client.sendmail(account.address, ["friend@anywhere.example"], raw, REQUIRED)
        wait_until("the mail", lambda: sink.messages)
        assert any(command.endswith("> REQUIRETLS") for command in sink.commands)
        sink.replies["EHLO"] = "250 sink.example"
        wait_until("the connection's end", lambda: "QUIT" in sink.commands)
        client.sendmail(account.address, ["friend@anywhere.example"], raw, REQUIRED)
        assert "Status: 5.7.30" in world.server.messages(account)[0].decode()


def test_from_house_to_house(ca):
    """The peer is another Posthorn, which forwards it to a server in the clear: what it took with REQUIRETLS, it refuses to."""
    with running() as theirs, Sink("127.0.4.210") as clear:
        port = theirs.ports["smtp"]
        digest = ca.key_digest_in(theirs.certificate)
        records = f"house MX 10 mx.house\nmx.house A {HOST}\n_{port}._tcp.mx.house TLSA 3 1 1 {digest}\n"
        records += f"clear MX 10 mx.clear\nmx.clear A {clear.address}\n"
        with SignedNames(records) as names:
            resolving = {"resolver": names.address, "dnssec-anchor": names.anchor}
            theirs.stop()
            theirs.settings |= resolving | {"outbound-port": str(clear.port)}
            theirs.configure()
            theirs.start()
            theirs.admin("domain", "add", "house.example")
            theirs.admin("account", "add", "friend@house.example", password="secret")
            theirs.admin("account", "forward", "friend@house.example", "--to", "friend@clear.example")
            with running(**resolving, **{"outbound-port": str(port)}) as ours:
                account = ours.account()
                with ours.smtp(account) as client:
                    client.sendmail(account.address, ["friend@house.example"], make_raw(to="friend@house.example"), REQUIRED)
                wait_until("the queue", lambda: ours.rows("queue", "list") == [])
                wait_until("the refusal", lambda: theirs.events("queue.outbound", to="friend@clear.example", status="5.7.10"))
                assert clear.messages == []

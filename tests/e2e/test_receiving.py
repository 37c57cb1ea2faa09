"""Mail from strangers is judged: SPF, DKIM, DMARC and the name of the address, told in Authentication-Results.

Strangers come from 127.0.0.2 and its like: `trusted-networks = none` makes them what they would be elsewhere.
"""

import email
import email.policy
import re
import smtplib
import sqlite3

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from names import Names
from server import DOMAIN, HOST, PATIENCE_SECONDS, make_raw, running

GOOD, BAD = "127.0.0.2", "127.0.0.66"
KEY = rsa.generate_private_key(65537, 2048)
PEM = KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
)
PUBLIC = "".join(
    KEY.public_key()
    .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    .decode()
    .splitlines()[1:-1]
)

RECORDS = {
    ("helo.example", "A"): [GOOD],
    ("helo.example", "TXT"): [f"v=spf1 ip4:{GOOD} ?all"],
    ("pass.example", "TXT"): [f"v=spf1 ip4:{GOOD} exp=why.example -all"],
    ("why.example", "TXT"): ["%{i} is not one of ours"],
    ("soft.example", "TXT"): ["v=spf1 ~all"],
    ("neutral.example", "TXT"): ["v=spf1 ?all"],
    ("permerror.example", "TXT"): ["v=spf1 nonsense"],
    ("temperror.example", "TXT"): "SERVFAIL",
}
for name, policy in {
    "reject": "v=DMARC1; p=reject",
    "quarantine": "v=DMARC1; p=quarantine",
    "watch": "v=DMARC1; p=none",
    "strict": "v=DMARC1; p=reject; aspf=s; adkim=s",
    "testing": "v=DMARC1; p=reject; t=y",
    "subs": "v=DMARC1; p=none; sp=reject; np=quarantine",
}.items():
    RECORDS[f"_dmarc.{name}.example", "TXT"] = [policy]
    RECORDS[f"{name}.example", "TXT"] = [f"v=spf1 ip4:{GOOD} -all"]
    RECORDS[f"mail.{name}.example", "TXT"] = [f"v=spf1 ip4:{GOOD} -all"]
    RECORDS[f"key._domainkey.{name}.example", "TXT"] = [f"v=DKIM1; k=rsa; p={PUBLIC}"]
    RECORDS[f"key._domainkey.mail.{name}.example", "TXT"] = [f"v=DKIM1; k=rsa; p={PUBLIC}"]
    RECORDS[f"gone._domainkey.{name}.example", "TXT"] = "SERVFAIL"
RECORDS["_dmarc.broken.example", "TXT"] = "SERVFAIL"
for name in ["list", "stranger"]:
    RECORDS[f"key._domainkey.{name}.example", "TXT"] = [f"v=DKIM1; k=rsa; p={PUBLIC}"]


@pytest.fixture(scope="module")
def world():
    with Names(RECORDS) as names:
        yield names


@pytest.fixture(scope="module")
def running_server(world):
    with running(
        **{"resolver": world.address, "trusted-networks": "none", "arc-trusted": "list.example, watch.example"}
    ) as server:
        yield server


def letter(author: str = "someone@none.example", extra: str = "", **options) -> bytes:
    return extra.encode() + make_raw(**options).replace(b"Someone <someone@elsewhere.example>", author.encode())


def bring(server, to, raw: bytes, sender: str = "x@none.example", source: str = GOOD, helo: str = "helo.example"):
    """What the server says at the end of DATA."""
    port = server.ports["smtp"]
    with smtplib.SMTP(HOST, port, helo, PATIENCE_SECONDS, source_address=(source, 0)) as client:
        client.ehlo()
        assert client.mail(sender)[0] == 250
        assert client.rcpt(to.address)[0] == 250
        code, text = client.data(raw)
    return code, text.decode()


def read(server, account, folder: str = "INBOX"):
    return email.message_from_bytes(server.messages(account, folder=folder)[0], policy=email.policy.default)


def results(message) -> dict[str, list[str]]:
    """{method: [all that is said of it]}, unfolded; the server's own field is the first."""
    server, *parts = re.sub(r"\s+", " ", str(message.get_all("Authentication-Results")[0])).split("; ")
    assert server == f"mail.{DOMAIN}"
    found = {}
    for part in parts:
        found.setdefault(part.split("=")[0], []).append(part.split("=", 1)[1])
    return found


def judged(server, raw: bytes, **options) -> dict[str, list[str]]:
    account = server.account("")
    code, text = bring(server, account, raw, **options)
    assert code == 250, text
    return results(read(server, account))


def signed(raw: bytes, domain: str, selector: str = "key") -> bytes:
    header = dkim.sign(raw, selector.encode(), domain.encode(), PEM, include_headers=[b"from", b"subject", b"to"])
    return header + raw


# --- SPF and the address ---


@pytest.mark.parametrize(
    "sender, source, wanted",
    [
        ("x@pass.example", GOOD, f"pass (pass.example: ip4:{GOOD})"),
        ("x@pass.example", BAD, "fail (pass.example: -all)"),
        ("x@soft.example", GOOD, "softfail (soft.example: ~all)"),
        ("x@neutral.example", GOOD, "neutral (neutral.example: ?all)"),
        ("x@none.example", GOOD, "none"),
        ("x@permerror.example", GOOD, "permerror (permerror.example: unknown mechanism: nonsense)"),
        ("x@temperror.example", GOOD, "temperror (no answer about temperror.example)"),
    ],
)
def test_spf_of_the_sender(server, sender, source, wanted):
    assert judged(server, letter(), sender=sender, source=source)["spf"][1] == f"{wanted} smtp.mailfrom={sender}"


def test_spf_of_helo(server):
    assert judged(server, letter())["spf"][0] == f"pass (helo.example: ip4:{GOOD}) smtp.helo=helo.example"
    assert judged(server, letter(), helo="[127.0.0.2]")["spf"][0] == 'none smtp.helo="[127.0.0.2]"'


def test_null_sender_is_judged_by_helo(server):
    assert len(judged(server, letter(), sender="")["spf"]) == 1


def test_address_without_a_name(server):
    """libunbound knows the names of loopback itself; the other results are for the unit test."""
    assert judged(server, letter())["iprev"] == [f"permerror policy.iprev={GOOD}"]


# --- DKIM ---


def test_signatures_are_verified(server):
    raw = signed(letter("a@watch.example"), "watch.example")
    assert judged(server, raw)["dkim"][0].startswith("pass header.d=watch.example header.s=key header.a=rsa-sha256 header.b=")
    assert judged(server, raw + b"more\r\n")["dkim"][0].startswith("fail")
    assert judged(server, letter())["dkim"] == ["none"]
    unknown = signed(letter("a@watch.example"), "watch.example", "gone")
    assert judged(server, unknown)["dkim"][0].startswith("temperror")


def test_large_message_is_verified_as_well(server):
    raw = signed(letter("a@watch.example", body="0123456789\r\n" * 20000), "watch.example")
    assert judged(server, raw)["dkim"][0].startswith("pass")


# --- DMARC ---


@pytest.mark.parametrize(
    "author, options, wanted",
    [
        ("a@reject.example", {"sender": "x@reject.example"}, "pass (p=reject) header.from=reject.example"),
        ("a@reject.example", {"sender": "x@mail.reject.example"}, "pass (p=reject) header.from=reject.example"),
        ("a@REJECT.example", {"sender": "x@reject.example"}, "pass (p=reject) header.from=reject.example"),
        ("a@strict.example", {"sender": "x@strict.example"}, "pass (p=reject) header.from=strict.example"),
        ("a@watch.example", {}, "fail (p=none) header.from=watch.example"),
        ("a@none.example", {}, "none header.from=none.example"),
        ("a@broken.example", {}, "temperror (no answer about the policy) header.from=broken.example"),
        ("undisclosed", {}, "permerror (From names no domain)"),
    ],
)
def test_policy_of_the_author(server, author, options, wanted):
    assert judged(server, letter(author), **options)["dmarc"] == [wanted]


def test_signature_of_the_author_is_proof(server):
    raw = signed(letter("a@reject.example"), "mail.reject.example")
    assert judged(server, raw, source=BAD)["dmarc"][0].startswith("pass")


@pytest.mark.parametrize(
    "author, options",
    [
        ("a@reject.example", {}),
        ("a@reject.example", {"sender": "x@reject.example", "source": BAD}),
        ("a@reject.example", {"sender": "x@temperror.example"}),  # the forger's own error is no excuse
        ("a@strict.example", {"sender": "x@mail.strict.example"}),
        ("a@mail.subs.example", {}),
        ("a@none.example, b@reject.example", {}),
    ],
)
def test_refused_in_the_dialogue(server, author, options):
    account = server.account("")
    code, text = bring(server, account, letter(author), **options)
    assert (code, text[:6]) == (550, "5.7.26"), text
    assert server.count(account) == 0


def test_quarantine_is_junk(server):
    for author in ["a@quarantine.example", "a@testing.example", "a@nowhere.subs.example"]:
        account = server.account("")
        assert bring(server, account, letter(author))[0] == 250
        assert results(read(server, account, "Junk"))["dmarc"][0].startswith("fail")
        assert server.count(account) == 0


def test_proof_that_the_dns_keeps_back_defers(server):
    """Else a forger would only have to make an answer late."""
    account = server.account("")
    code, text = bring(server, account, signed(letter("a@reject.example"), "reject.example", "gone"))
    assert (code, text[:6]) == (451, "4.7.26")
    watched = signed(letter("a@watch.example"), "watch.example", "gone")
    assert judged(server, watched)["dmarc"][0].startswith("temperror (DKIM has no result)")


def sealed(raw: bytes, sealer: str, said: str) -> bytes:
    """With a set by dkimpy, in which the sealer says what he saw."""
    claimed = f"Authentication-Results: mx.{sealer}; {said}\r\n".encode()
    return b"".join(dkim.ARC(claimed + raw).sign(b"key", sealer.encode(), PEM, f"mx.{sealer}".encode())) + raw


SEEN = "iprev=pass policy.iprev=192.0.2.9; dmarc=pass (p=reject) header.from=reject.example"


def test_a_trusted_sealer_overrides_dmarc(server):
    raw = sealed(letter("a@reject.example"), "list.example", SEEN)
    found = judged(server, raw)
    assert found["arc"][0].startswith("pass")
    assert found["dmarc"] == ["fail (p=reject, local policy: sealed by list.example) header.from=reject.example"]
    again = sealed(raw, "stranger.example", "arc=pass")  # who passes it on as it is harms nothing
    assert "sealed by list.example" in judged(server, again)["dmarc"][0]
    quarantine = SEEN.replace("reject.example", "quarantine.example")
    account = server.account("")
    assert bring(server, account, sealed(letter("a@quarantine.example"), "list.example", quarantine))[0] == 250
    assert "local policy" in results(read(server, account))["dmarc"][0]


@pytest.mark.parametrize(
    "raw",
    [
        sealed(letter("a@reject.example"), "stranger.example", SEEN),
        sealed(letter("a@reject.example"), "list.example", SEEN.replace("pass", "fail")),
        sealed(letter("a@reject.example"), "list.example", SEEN.replace("reject.example", "other.example")),
        sealed(letter("a@reject.example"), "list.example", SEEN).replace(b"A line.", b"A lie."),
        # a stranger puts another text under the list's seal
        sealed(
            sealed(letter("a@reject.example"), "list.example", SEEN).replace(b"A line.", b"A lie."),
            "stranger.example",
            "arc=pass",
        ),
    ],
)
def test_whom_nobody_trusts_overrides_nothing(server, raw):
    assert bring(server, server.account(""), raw)[0] == 550


def test_two_from_fields_are_refused(server):
    account = server.account("")
    code, text = bring(server, account, letter(extra="From: b@reject.example\r\n"))
    assert (code, text[:5]) == (550, "5.6.0")


# --- the field ---


def test_fields_in_our_name_are_removed(server):
    forged = (
        f"Authentication-Results: mail.{DOMAIN}; spf=pass smtp.mailfrom=forged.example\r\n"
        f'Authentication-Results: (x)\r\n "MAIL.{DOMAIN}" 1;\r\n dkim=pass header.d=forged.example\r\n'
        "Authentication-Results: other.example; spf=pass smtp.mailfrom=other.example\r\n"
    )
    account = server.account("")
    bring(server, account, letter(extra=forged))
    message = read(server, account)
    fields = message.get_all("Authentication-Results")
    assert len(fields) == 2 and "forged.example" not in str(message)
    assert str(fields[1]).startswith("other.example")
    assert message.keys().index("Authentication-Results") < message.keys().index("Received")


def test_header_has_a_limit(server):
    account = server.account("")
    extra = "".join(f"X-{number}: {'y' * 900}\r\n" for number in range(600))
    code, text = bring(server, account, letter(extra=extra))
    assert (code, text[:5]) == (552, "5.3.4")


def test_message_that_is_all_header(server):
    assert judged(server, b"From: a@none.example\r\nSubject: x\r\n")["dkim"] == ["none"]


def test_chunks_are_judged(server):
    account = server.account("")
    raw = letter("a@reject.example")
    with server.wire("smtp", source=BAD) as wire:
        wire.reply()
        wire.ask("EHLO helo.example")
        wire.ask("MAIL FROM:<x@none.example>")
        wire.ask(f"RCPT TO:<{account}>")
        wire.send(f"BDAT {len(raw) - 5}\r\n".encode() + raw[:-5])
        assert wire.reply().startswith("250")
        wire.send(b"BDAT 5 LAST\r\n" + raw[-5:])
        assert wire.reply().startswith("550 5.7.26")


# --- who is not judged ---


def test_our_people_are_not_judged(server, world):
    anna, bert = server.account("anna"), server.account("bert")
    before = len(world.asked)
    with server.smtp(anna) as client:
        client.sendmail(anna.address, [bert.address], letter(anna.address))
    assert read(server, bert)["Authentication-Results"] is None
    with smtplib.LMTP(str(server.lmtp_path)) as client:
        client.sendmail("x@none.example", [anna.address], letter("a@reject.example"))
    assert read(server, anna)["Authentication-Results"] is None
    assert len(world.asked) == before


def test_trusted_networks_are_not_judged(world):
    before = len(world.asked)
    with running(**{"resolver": world.address}) as server:
        account = server.account("")
        assert bring(server, account, letter("a@reject.example"))[0] == 250
        assert read(server, account)["Authentication-Results"] is None
    assert len(world.asked) == before


# --- settings ---


def test_owner_may_refuse_by_spf_and_only_mark_by_dmarc(world):
    settings = {"resolver": world.address, "trusted-networks": "192.0.2.0/24", "spf-policy": "refuse", "dmarc-policy": "mark"}
    with running(**settings) as server:
        account = server.account("")
        code, text = bring(server, account, letter(), sender="x@pass.example", source=BAD)
        assert (code, text[:6]) == (550, "5.7.23") and f"{BAD} is not one of ours" in text
        assert judged(server, letter(), sender="x@soft.example")["spf"][1].startswith("softfail")
        assert judged(server, letter("a@reject.example"))["dmarc"][0].startswith("fail (p=reject)")


def test_domains_that_want_reports_are_noted(world):
    records = {
        ("_dmarc.told.example", "TXT"): ["v=DMARC1; p=none; rua=mailto:a@told.example,mailto:b@yes.example,mailto:c@no.example"],
        ("told.example._report._dmarc.yes.example", "TXT"): ["v=DMARC1"],
    }
    with Names(records) as names:
        with running(**{"resolver": names.address, "trusted-networks": "none", "dmarc-reports": "yes"}) as server:
            judged(server, letter("x@told.example"))
            judged(server, letter("x@told.example"))
            server.stop()
            with sqlite3.connect(server.data / "feedback.db") as database:
                rows = database.execute("SELECT domain, addresses, count FROM sighting").fetchall()
    assert rows == [(b"told.example", b"a@told.example,b@yes.example", 2)]


def test_without_a_name_server_mail_is_taken():
    with running(**{"resolver": "127.0.0.1:9", "trusted-networks": "none"}) as server:
        found = judged(server, signed(letter("a@reject.example"), "reject.example"), sender="x@pass.example")
    assert found["spf"][1].startswith("temperror") and found["dkim"][0].startswith("temperror")
    assert found["dmarc"][0].startswith("temperror")

"""Milters: one of our own on libmilter, which does all that a milter may; rspamd, clamav-milter and opendkim as they are."""

import email
import email.policy
import smtplib
import socket

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from milters import EICAR, Clamav, OpenDkim, OwnMilter, Rspamd
from names import Names
from server import DOMAIN, HOST, PATIENCE_SECONDS, make_raw, running, wait_until

GTUBE = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
KEY = rsa.generate_private_key(65537, 2048)
PEM = KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
)
PUBLIC = b"".join(
    KEY.public_key()
    .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    .splitlines()[1:-1]
)


@pytest.fixture(scope="module")
def own():
    with OwnMilter() as milter:
        yield milter


@pytest.fixture(scope="module")
def world():
    with Names({}) as names:
        yield names


@pytest.fixture(scope="module")
def running_server(own, world):
    with running(**{"resolver": world.address, "trusted-networks": "none", "milter": f"{own.address} smtp submission"}) as server:
        yield server


def letter(*orders: str, body: str = "A line.\r\n") -> bytes:
    return "".join(f"X-Do: {order}\r\n" for order in orders).encode() + make_raw(body=body)


def bring(server, to, raw: bytes, sender: str = "x@none.example"):
    """The first reply that is not 250, or that to the message."""
    with smtplib.SMTP(HOST, server.ports["smtp"], "client.example", PATIENCE_SECONDS) as client:
        client.ehlo()
        for code, text in (client.mail(sender), client.rcpt(str(to))):
            if code != 250:
                return code, text.decode()
        code, text = client.data(raw)
        return code, text.decode()


def read(server, account, folder: str = "INBOX"):
    return email.message_from_bytes(server.messages(account, folder=folder)[0], policy=email.policy.default)


# --- what it is told ---


def test_milter_sees_all_of_it(server, own):
    account = server.account("")
    raw = letter(body="first\r\n.second\r\n" + "0123456789\r\n" * 20000)
    assert bring(server, account, b"X-Folded: a\r\n\tb\r\n" + raw)[0] == 250
    seen = own.notes()[-1]
    assert (seen["host"], seen["address"][0], seen["helo"]) == (f"[{HOST}]", HOST, "client.example")
    assert (seen["from"], seen["to"]) == ("<x@none.example>", [f"<{account}>"])
    assert (seen["daemon"], seen["j"], seen["account"]) == ("Posthorn", f"mail.{DOMAIN}", None)
    assert len(seen["i"]) == 16
    assert seen["header"][0] == ["X-Folded", "a\n\tb"]
    assert [name for name, _ in seen["header"]] == ["X-Folded", "From", "To", "Subject", "Date", "Message-ID"]
    assert seen["body"].encode() == raw.partition(b"\r\n\r\n")[2]
    assert server.messages(account)[0].endswith(raw)


def test_milter_knows_who_submits(server, own):
    account = server.account("anna")
    with server.smtp(account) as client:
        client.sendmail(account.address, [account.address], letter("add X-Seen=yes"))
    assert own.notes()[-1]["account"] == account.address
    assert read(server, account)["X-Seen"] == "yes"


def test_two_messages_of_one_connection(server, own):
    account = server.account("")
    with smtplib.SMTP(HOST, server.ports["smtp"], "client.example", PATIENCE_SECONDS) as client:
        for subject in ("one", "two"):
            client.sendmail("x@none.example", [account.address], make_raw(subject))
        client.mail("x@none.example")
        client.rset()
        client.sendmail("x@none.example", [account.address], make_raw("three"))
    assert [dict(seen["header"])["Subject"] for seen in own.notes()[-3:]] == ["one", "two", "three"]


# --- what it says ---


@pytest.mark.parametrize(
    "who, answer",
    [
        ("reject", (550, "5.7.1 a filter refuses this")),
        ("tempfail", (451, "4.7.1 a filter refuses this for now; please try again later")),
        ("code", (554, "5.7.9 first line\n5.7.9 second line 100%")),
    ],
)
def test_sender_is_refused(server, who, answer):
    account = server.account("")
    assert bring(server, account, letter(), sender=f"{who}@none.example") == answer
    assert server.count(account) == 0


def test_one_of_several_recipients_is_refused(server):
    account, refused = server.account(""), server.account("refused")
    with smtplib.SMTP(HOST, server.ports["smtp"], "client.example", PATIENCE_SECONDS) as client:
        refusals = client.sendmail("x@none.example", [refused.address, account.address], letter())
    assert list(refusals) == [refused.address]
    server.messages(account)
    assert server.count(refused) == 0


def test_message_is_refused(server):
    account = server.account("")
    assert bring(server, account, letter("reject"))[0] == 550
    assert bring(server, account, letter("code not today")) == (450, "4.7.7 not today")
    assert server.count(account) == 0


def test_message_is_thrown_away(server):
    account = server.account("")
    assert bring(server, account, letter("discard"))[0] == 250
    assert bring(server, account, letter(), sender="discard@none.example")[0] == 250
    assert len(server.events("smtp.milter_discarded")) >= 2
    assert server.count(account) == 0


def test_who_is_accepted_is_not_looked_at(server, own):
    account = server.account("")
    before = len(own.notes())
    assert bring(server, account, letter("reject"), sender="accept@none.example")[0] == 250
    assert len(own.notes()) == before


# --- what it changes ---


def test_header_is_changed(server):
    account = server.account("")
    orders = ["add X-Last=end", "insert X-First=begin", "change Subject=[spam] Hello", "change Date=", "add X-Long=a\n b"]
    raw = letter(*orders[:4], body="text\r\n" * 20000)  # in a spool file
    assert bring(server, account, raw)[0] == 250
    message = read(server, account)
    assert (message["X-First"], message["X-Last"], message["Subject"]) == ("begin", "end", "[spam] Hello")
    assert message["Date"] is None
    names = [name for name in message.keys() if name.startswith("X-") or name in ("Message-ID", "Received")]
    assert names == ["Received", "X-First", "X-Do", "X-Do", "X-Do", "X-Do", "Message-ID", "X-Last"]
    assert server.messages(account)[0].endswith(b"X-Last: end\r\n\r\n" + b"text\r\n" * 20000)


def test_body_is_changed(server):
    account = server.account("")
    assert bring(server, account, letter("body another\\nbody"))[0] == 250
    assert server.messages(account)[0].endswith(b"\r\n\r\nanother\r\nbody\r\n")


def test_recipients_and_sender_are_changed(server):
    account, other = server.account(""), server.account("")
    orders = [f"to {other}", f"not-to {account}", "from new@none.example", "to someone@elsewhere.example"]
    assert bring(server, account, letter(*orders))[0] == 250
    message = read(server, other)
    assert message["Return-Path"] == "<new@none.example>"
    assert server.count(account) == 0
    assert server.events("smtp.milter_recipient", to="someone@elsewhere.example")  # we are nobody's relay
    assert bring(server, account, letter(f"not-to {account}"))[0] == 250
    assert server.count(account) == 0


def test_quarantine_is_junk(server):
    account = server.account("")
    assert bring(server, account, letter("quarantine looks odd"))[0] == 250
    said = read(server, account, "Junk")["Authentication-Results"]
    assert "x-milter=quarantine (looks odd) policy.milter=" in " ".join(said.split())


# --- when it is not there ---


def test_milter_that_is_down(world):
    with OwnMilter() as first, OwnMilter() as second:
        settings = {"resolver": world.address, "milter": f"{first.address} accept\nmilter = {second.address} defer"}
        with running(**settings) as server:
            account = server.account("")
            assert bring(server, account, letter("add X-Twice=x"))[0] == 250
            assert read(server, account).get_all("X-Twice") == ["x", "x"]
            first.stop()
            assert bring(server, account, letter("add X-Once=x"))[0] == 250
            second.stop()
            code, text = bring(server, account, letter())
            assert (code, text) == (451, "4.7.1 mail can't be checked now; please try again later")
            second.start()
            assert bring(server, account, letter("die"))[0] == 451
            second.stop()
            second.start()
            assert bring(server, account, letter())[0] == 250
            assert server.events("smtp.milter_failed", milter=first.address, at="MAIL")
            assert server.events("smtp.milter_failed", milter=second.address, at="DATA")
            wait_until("three messages", lambda: server.count(account) == 3)


def test_milter_that_says_nothing(world):
    with socket.socket() as silent:
        silent.bind((HOST, 0))
        silent.listen()
        address = f"inet:{HOST}:{silent.getsockname()[1]}"
        with running(**{"resolver": world.address, "milter": f"{address} timeout=1"}) as server:
            assert bring(server, server.account(""), letter())[0] == 451
            assert server.events("smtp.milter_failed", milter=address)


def test_large_messages_are_not_shown(world):
    with OwnMilter() as milter:
        with running(**{"resolver": world.address, "milter": f"{milter.address} size=64K"}) as server:
            account = server.account("")
            assert bring(server, account, letter("reject", body="0123456789\r\n" * 6000))[0] == 250
            assert bring(server, account, letter("reject"))[0] == 550


# --- those that people have ---


def test_rspamd_refuses_gtube(world):
    with Rspamd() as rspamd:
        with running(**{"resolver": world.address, "milter": rspamd.address}) as server:
            account = server.account("")
            code, text = bring(server, account, letter(body=f"{GTUBE}\r\n"))
            assert code == 554 and "Gtube" in text, (code, text, rspamd.output())
            assert bring(server, account, letter())[0] == 250
            server.messages(account)


def test_clamav_refuses_eicar(world):
    with Clamav() as clamav:
        with running(**{"resolver": world.address, "milter": clamav.address}) as server:
            account = server.account("")
            assert bring(server, account, letter(body=f"{EICAR}\r\n")) == (550, "5.7.1 a virus: Posthorn.Eicar.UNOFFICIAL")
            assert bring(server, account, letter(body="x\r\n" * 40000))[0] == 250
            assert read(server, account)["X-Virus-Status"] == "Clean"


def test_opendkim_signs_what_our_people_send(world):
    with OpenDkim(DOMAIN, PEM) as opendkim:
        with running(**{"resolver": world.address, "milter": f"{opendkim.address} submission"}) as server:
            account = server.account("anna")
            raw = make_raw(body="text\r\n" * 20000).replace(b"someone@elsewhere.example", account.address.encode())
            with server.smtp(account) as client:
                client.sendmail(account.address, [account.address], b"X-Folded: a\r\n  b\r\n" + raw)
            signed = server.messages(account)[0]
            assert b"DKIM-Signature: v=1; a=rsa-sha256; c=simple/simple; d=demo.example;" in signed
            assert dkim.verify(signed, dnsfunc=lambda name, timeout=5: b"v=DKIM1; k=rsa; p=" + PUBLIC)

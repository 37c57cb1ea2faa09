"""Our people send: log-in by every way, and what is open to nobody else."""

import base64
import smtplib

import pytest

from server import DOMAIN, make_raw

FOREIGN = "friend@elsewhere.example"


@pytest.mark.parametrize("protocol", ["submission", "submissions"])
@pytest.mark.parametrize("mechanism", ["plain", "login"])
def test_logs_in_and_sends(server, anna, bert, protocol, mechanism):
    with server.smtp(None, protocol) as client:
        if protocol == "submission":
            client.starttls(context=server.context)
        client.ehlo("client.example")
        client.user, client.password = anna.address, anna.password
        code, text = client.auth(mechanism, getattr(client, f"auth_{mechanism}"))
        assert (code, text[:5]) == (235, b"2.7.0")
        raw = make_raw(to=bert.address)
        client.sendmail(anna.address, [bert.address], raw)
    received = server.messages(bert)[0]
    assert received.endswith(raw)
    trace = received[: -len(raw)].decode()
    assert f"<{anna.address}>" in trace.splitlines()[0] and trace.startswith("Return-Path:")
    assert "with ESMTPSA" in trace and f"by mail.{DOMAIN}" in trace


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_wrong_password_is_refused(server, anna, mechanism):
    with server.wire("submissions", tls=True, source="127.0.0.9") as wire:
        wire.reply()
        wire.ask("EHLO client.example")
        if mechanism == "PLAIN":
            answer = wire.ask("AUTH PLAIN " + base64.b64encode(f"\0{anna.address}\0wrong".encode()).decode())
        else:
            assert wire.ask("AUTH LOGIN") == "334 VXNlcm5hbWU6"
            assert wire.ask(base64.b64encode(anna.address.encode()) + b"\r\n").startswith("334 ")
            answer = wire.ask(base64.b64encode(b"wrong") + b"\r\n")
        assert answer.startswith("535 5.7.8")
        assert wire.ask("MAIL FROM:<" + anna.address + ">").startswith("530 5.7.0")


def test_unknown_account_is_refused_like_a_wrong_password(server, anna):
    def refusal(name: str, source: str) -> str:
        with server.wire("submissions", tls=True, source=source) as wire:
            wire.reply()
            wire.ask("EHLO client.example")
            return wire.ask("AUTH PLAIN " + base64.b64encode(f"\0{name}\0wrong".encode()).decode())

    assert refusal(f"nobody@{DOMAIN}", "127.0.0.10") == refusal(anna.address, "127.0.0.11")


def test_password_given_anew_is_the_only_one(server, anna, bert):
    server.smtp(anna).quit()
    server.admin("account", "password", anna.address, password="quite another")
    with pytest.raises(smtplib.SMTPAuthenticationError):
        server.smtp(anna, source_address=("127.0.0.12", 0))
    anna.password = "quite another"
    server.smtp(anna).quit()


def test_disabled_account_receives_and_does_not_send(server, anna):
    server.admin("account", "set", anna.address, "--enabled", "no")
    server.deliver(anna, make_raw())
    with pytest.raises(smtplib.SMTPAuthenticationError):
        server.smtp(anna, source_address=("127.0.0.13", 0))
    server.admin("account", "set", anna.address, "--enabled", "yes")
    server.messages(anna)


def test_no_log_in_is_offered_on_port_25(server):
    with server.smtp(protocol="smtp") as client:
        assert not client.has_extn("auth")
        client.starttls(context=server.context)
        client.ehlo("client.example")
        assert not client.has_extn("auth")
        code, text = client.docmd("AUTH", "PLAIN AGEAYgBj")
        assert code in (500, 502, 503), text


def test_submission_needs_log_in(server, anna, bert):
    with server.smtp(protocol="submission") as client:
        for recipient in (bert.address, FOREIGN):
            code, text = client.mail(anna.address)
            assert (code, text[:5]) == (530, b"5.7.0"), recipient


def test_foreign_recipients_only_after_log_in(server, anna):
    with server.smtp(protocol="smtp") as client:
        for sender in ("someone@elsewhere.example", anna.address, ""):
            client.mail(sender)
            code, text = client.rcpt(FOREIGN)
            assert (code, text[:5]) == (550, b"5.7.1")
            client.rset()
    assert server.queued(FOREIGN) == []
    with server.smtp(anna) as client:
        client.sendmail(anna.address, [FOREIGN], make_raw(to=FOREIGN))
    rows = server.queued(FOREIGN)
    assert len(rows) == 1 and rows[0]["sender"] == anna.address
    shown = server.rows("queue", "show", rows[0]["id"])
    assert FOREIGN in shown[0]["recipients"]
    server.admin("queue", "drop", rows[0]["id"], "--yes")
    assert server.queued(FOREIGN) == []


@pytest.mark.parametrize(
    "address",
    [
        f"friend%elsewhere.example@{DOMAIN}", f'"friend@elsewhere.example"@{DOMAIN}', "elsewhere.example!friend",
        f"@{DOMAIN}:friend@elsewhere.example", f"friend@elsewhere.example@{DOMAIN}", "friend@[127.0.0.1]",
    ],
)  # fmt: skip
def test_no_way_round_the_relay_rule(server, address):
    with server.wire("smtp") as wire:
        wire.reply()
        wire.ask("EHLO client.example")
        assert wire.ask("MAIL FROM:<someone@elsewhere.example>").startswith("250 ")
        assert wire.ask(f"RCPT TO:<{address}>")[:4] in ("550 ", "501 ", "553 ")


def test_nobody_sends_as_another(server, anna, bert):
    with server.smtp(anna) as client:
        with pytest.raises((smtplib.SMTPSenderRefused, smtplib.SMTPDataError, smtplib.SMTPRecipientsRefused)) as refusal:
            client.sendmail(bert.address, [bert.address], make_raw())
        assert b"5.7.1" in str(refusal.value).encode()
    assert server.count(bert) == 0
    server.admin("alias", "add", f"also.{anna.address}", anna.address)
    with server.smtp(anna) as client:
        client.sendmail(f"also.{anna.address}", [bert.address], make_raw())
    server.messages(bert)

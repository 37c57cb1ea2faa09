"""Who is named as the author of what is submitted: smtplib, swaks, BDAT and BURL; here with the check on."""

import smtplib
import subprocess

import pytest

from server import DOMAIN, HOST
from test_burl import begin, draft, me, signed, wire  # noqa: F401


@pytest.fixture(autouse=True)
def checked(server):
    server.admin("plan", "set", "imap", "--from-check", "default")


def message(author: str, *more: str) -> bytes:
    return "\r\n".join([f"From: {author}", *more, "Subject: who wrote this", "", "Text.", ""]).encode()


def submit(server, account, raw: bytes, **options) -> None:
    with server.smtp(account, **options) as client:
        client.sendmail(account.address, [account.address], raw)


def refused(server, account, raw: bytes) -> bytes:
    with pytest.raises(smtplib.SMTPDataError) as error:
        submit(server, account, raw)
    assert error.value.smtp_code == 550
    return error.value.smtp_error


def test_identities_of_ones_own_pass(server, anna):
    server.admin("alias", "add", f"info.{anna.address}", anna.address)
    for author in (anna.address, f"Anna <{anna.name}+news@{DOMAIN}>", f"info.{anna.address}", f"Info <info.{anna}>, {anna}"):
        submit(server, anna, message(author))
    submit(server, anna, message(anna.address, f"Sender: info.{anna}"), protocol="submissions")
    server.messages(anna, 5)


def test_others_are_refused_by_name(server, anna, bert):
    assert refused(server, anna, message(bert.address)) == f"5.7.1 From: you may not send as {bert}".encode()
    assert b"Sender: you may not send as " in refused(server, anna, message(anna.address, f"Sender: {bert}"))
    refused(server, anna, message(anna.address, f"From: {bert}"))
    refused(server, anna, message("ceo@elsewhere.example"))
    refused(server, anna, message(bert.address, "X-Much: " + "x" * 900) + b"y" * 70 + b"\r\n" + b"line\r\n" * 50_000)  # spooled


def test_send_as_and_the_option_let_it_pass(server, anna, bert):
    server.admin("account", "send-as", anna.address, "--add", bert.address)
    submit(server, anna, message(bert.address))
    server.admin("account", "send-as", anna.address, "--remove", bert.address)
    refused(server, anna, message(bert.address))
    server.admin("account", "set", anna.address, "--from-check", "no")
    submit(server, anna, message(bert.address))
    assert server.rows("account", "show", anna.address)[0]["from-check"] == {"value": "no", "from": "account"}
    server.messages(anna, 2)


def test_strangers_are_not_asked(server, anna, bert):
    server.deliver(anna, message(bert.address))
    server.messages(anna, 1)


def swaks(server, account, author: str) -> subprocess.CompletedProcess:
    words = ["swaks", "--server", f"{HOST}:{server.ports['submission']}", "-tls", "--auth", "PLAIN", "-au", account.address]
    words += ["-ap", account.password, "--from", account.address, "--to", account.address, "--h-From", author]
    return subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)


def test_swaks(server, anna, bert):
    assert swaks(server, anna, f"Anna <{anna}>").returncode == 0
    done = swaks(server, anna, f"Bert <{bert}>")
    assert done.returncode != 0 and f"550 5.7.1 From: you may not send as {bert}" in done.stdout
    server.messages(anna, 1)


def test_bdat_and_burl_are_no_way_around(server, wire, anna, bert):  # noqa: F811
    raw = message(bert.address)
    draft(server, anna, raw)
    begin(wire, anna, anna)
    assert wire.ask(f"BURL {signed(server, anna, me(anna))} LAST").startswith("550 5.7.1 From: ")
    begin(wire, anna, anna)
    wire.send(f"BDAT {len(raw)} LAST\r\n".encode() + raw)
    assert wire.reply().startswith("550 5.7.1 From: ")
    begin(wire, anna, anna)
    good = message(anna.address)
    wire.send(f"BDAT {len(good)} LAST\r\n".encode() + good)
    assert wire.reply().startswith("250")
    server.messages(anna, 1)

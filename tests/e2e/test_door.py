"""Who is kept out of port 25: lists in the DNS, names in HELO, rates, and who speaks before the greeting.

Strangers come from 127.0.0.2 and its like: `trusted-networks = none` makes them what they would be elsewhere.
"""

import email
import email.policy
import re
import smtplib
import socket

import pytest

from names import Names
from server import DOMAIN, HOST, PATIENCE_SECONDS, make_raw, running

GOOD, LISTED, VOUCHED, DEFERRED, JUNKED, POINTS, UNWELCOME = (f"127.0.0.{n}" for n in (2, 66, 67, 68, 69, 70, 71))


def listed(address: str, zone: str) -> str:
    return ".".join(reversed(address.split("."))) + "." + zone


RECORDS = {
    (listed(LISTED, "bl.example"), "A"): ["127.0.0.2"],
    (listed(LISTED, "bl.example"), "TXT"): ["see https://bl.example/why"],
    (listed(VOUCHED, "bl.example"), "A"): ["127.0.0.2"],
    (listed(VOUCHED, "white.example"), "A"): ["127.0.10.1"],
    (listed(UNWELCOME, "bl.example"), "A"): ["127.255.255.254"],
    (listed(DEFERRED, "slow.example"), "A"): ["127.0.0.2"],
    (listed(JUNKED, "junk.example"), "A"): ["127.0.0.4"],
    (listed(POINTS, "junk.example"), "A"): ["127.0.0.5"],
    (listed(POINTS, "one.example"), "A"): ["127.0.0.2"],
    (listed(POINTS, "two.example"), "A"): ["127.0.0.2"],
    ("spam.example.names.example", "A"): ["127.0.1.2"],
}
for address in (GOOD, LISTED, VOUCHED, DEFERRED, JUNKED, POINTS, UNWELCOME):
    RECORDS[listed(address, "silent.example"), "A"] = "SILENT"

LISTS = """silent.example reject
block-list = bl.example reject
block-list = slow.example defer
block-list = junk.example junk 127.0.0.4
block-list = one.example 5
block-list = two.example 5
block-list = white.example allow
domain-list = names.example reject
helo-bare-address = reject
helo-no-domain = off"""


@pytest.fixture(scope="module")
def world():
    with Names(RECORDS) as names:
        yield names


@pytest.fixture(scope="module")
def running_server(world):
    with running(**{"resolver": world.address, "trusted-networks": "none", "block-list": LISTS}) as server:
        yield server


def bring(server, to, source: str = GOOD, helo: str = "helo.example", sender: str = "x@none.example"):
    """The first reply that is not 250 of MAIL, RCPT and the end of DATA."""
    with smtplib.SMTP(HOST, server.ports["smtp"], helo, PATIENCE_SECONDS, source_address=(source, 0)) as client:
        client.ehlo()
        for code, text in (client.mail(sender), client.rcpt(str(to))):
            if code != 250:
                return code, text.decode()
        code, text = client.data(make_raw())
        return code, text.decode()


def field(server, account, folder: str = "INBOX") -> str:
    message = email.message_from_bytes(server.messages(account, folder=folder)[0], policy=email.policy.default)
    return re.sub(r"\s+", " ", str(message["Authentication-Results"]))


# --- lists ---


def test_listed_address_is_refused_and_told_why(server):
    assert bring(server, server.account(""), LISTED) == (
        554,
        f"5.7.1 {LISTED} is on the list bl.example: see https://bl.example/why",
    )
    assert server.events("smtp.kept_out", peer=LISTED)


def test_unlisted_address_is_not_kept_by_a_list_that_is_silent(server):
    account = server.account("")
    assert bring(server, account)[0] == 250
    assert "x-dnsbl=temperror dns.zone=silent.example" in field(server, account)


def test_who_is_vouched_for_comes_in(server):
    account = server.account("")
    assert bring(server, account, VOUCHED)[0] == 250
    said = field(server, account)
    assert "dnswl=pass dns.zone=white.example policy.ip=127.0.10.1" in said and "x-dnsbl=fail dns.zone=bl.example" in said


def test_answer_that_is_none(server):
    account = server.account("")
    assert bring(server, account, UNWELCOME)[0] == 250
    assert "x-dnsbl=permerror dns.zone=bl.example policy.ip=127.255.255.254" in field(server, account)


def test_defer_and_junk(server):
    code, text = bring(server, server.account(""), DEFERRED)
    assert (code, text[:5]) == (451, "4.7.1")
    account = server.account("")
    assert bring(server, account, JUNKED)[0] == 250
    assert "x-dnsbl=fail dns.zone=junk.example" in field(server, account, "Junk")


def test_points_of_two_lists_add_up(server):
    code, text = bring(server, server.account(""), POINTS)
    assert (code, text[:5]) == (554, "5.7.1")


def test_listed_names(server):
    account = server.account("")
    assert bring(server, account, sender="x@spam.example")[0] == 554
    assert bring(server, account, helo="SPAM.example")[0] == 554
    assert bring(server, account, sender="x@ham.example")[0] == 250


def test_postmaster_hears_everybody(server):
    assert bring(server, f"postmaster@{DOMAIN}", LISTED)[0] == 550  # nobody has that address here
    anna = server.account("")
    server.admin("alias", "add", f"abuse@{DOMAIN}", anna.address)
    assert bring(server, f"abuse@{DOMAIN}", LISTED)[0] == 250
    assert bring(server, anna, LISTED)[0] == 554


def test_next_transaction_is_looked_at_anew(server):
    account = server.account("")
    with server.wire("smtp", source=GOOD) as wire:
        wire.reply()
        wire.ask("EHLO helo.example")
        wire.ask("MAIL FROM:<x@spam.example>")
        assert wire.ask(f"RCPT TO:<{account}>").startswith("554")
        wire.ask("RSET")
        wire.ask("MAIL FROM:<x@ham.example>")
        assert wire.ask(f"RCPT TO:<{account}>").startswith("250")


# --- HELO ---


def test_names_in_helo(server):
    account = server.account("")
    assert bring(server, account, helo=f"mail.{DOMAIN}")[0] == 250
    assert f"x-helo=fail (our own name) smtp.helo=mail.{DOMAIN}" in field(server, account)
    code, text = bring(server, account, helo="192.0.2.1")
    assert (code, text) == (554, "5.7.1 you call yourself 192.0.2.1: that is an address")
    account = server.account("")
    assert bring(server, account, helo=f"[{HOST}]")[0] == 250  # where we listen
    assert "our own name" in field(server, account)
    account = server.account("")
    assert bring(server, account, helo="localhost")[0] == 250
    assert "x-helo" not in field(server, account)


# --- rates, and the greeting ---


def test_rates_and_greeting(world):
    settings = {
        "resolver": world.address,
        "trusted-networks": "127.0.0.1",
        "connection-rate": "3/1h",
        "message-rate": "2/1h",
        "greeting-delay": "1",
    }
    with running(**settings) as server:
        account = server.account("")
        assert [bring(server, account)[0] for _ in range(3)] == [250, 250, 450]
        with server.wire("smtp", source=GOOD) as wire:
            assert wire.reply().startswith("421 4.7.0")
        assert bring(server, account, HOST)[0] == 250
        with socket.create_connection((HOST, server.ports["smtp"]), PATIENCE_SECONDS, (LISTED, 0)) as early:
            early.sendall(b"EHLO early.example\r\n")
            assert early.recv(100).startswith(b"554 5.5.1")
            assert early.recv(100) == b""
        assert {row["why"] for row in server.events("smtp.turned_away")} == {"connection-rate", "message-rate", "greeting-delay"}

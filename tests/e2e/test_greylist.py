"""Greylisting: who is not known comes twice; who has passed is remembered over a restart.

The wait is not waited for: the server is stopped, and what it has written down is made older.
"""

import sqlite3
from contextlib import closing

import pytest

from names import Names
from server import DOMAIN, running
from test_door import bring, field, listed

STRANGER, NEIGHBOUR, FAR, VOUCHED = "127.0.0.2", "127.0.0.9", "127.0.1.2", "127.0.2.2"
RECORDS = {
    (listed(VOUCHED, "white.example"), "A"): ["127.0.10.1"],
    ("white.example", "A"): ["192.0.2.1"],
}


@pytest.fixture(scope="module")
def world():
    with Names(RECORDS) as names:
        yield names


@pytest.fixture(scope="module")
def running_server(world):
    settings = {
        "resolver": world.address,
        "trusted-networks": "none",
        "greylist": "all",
        "greylist-wait": "10m",
        "block-list": "white.example allow",
    }
    with running(**settings) as server:
        yield server


def let_pass(server, minutes: int) -> None:
    server.stop()
    with closing(sqlite3.connect(server.data / "greylist.db", isolation_level=None)) as database:
        database.execute("UPDATE seen SET first = first - ?1, last = last - ?1", [minutes * 60 * 1000000])
    server.start()


def test_stranger_comes_twice(server):
    server.expect_deaths = True
    account = server.account("")
    code, text = bring(server, account, STRANGER)
    assert (code, text[:5]) == (451, "4.7.1") and "please try again in 600 seconds" in text
    assert server.events("smtp.greylisted", peer=STRANGER)
    let_pass(server, 9)
    assert bring(server, account, STRANGER)[0] == 451
    let_pass(server, 1)
    assert bring(server, account, NEIGHBOUR, sender="other@none.example")[0] == 250  # network and domain are the same
    assert "x-greylist=pass (came again)" in field(server, account)
    assert bring(server, account, FAR)[0] == 451
    assert bring(server, account, STRANGER, sender="x@another.example")[0] == 451


def test_known_network_does_not_wait(server):
    server.expect_deaths = True
    accounts = [server.account("") for _ in range(4)]
    assert [bring(server, account, FAR)[0] for account in accounts[:3]] == [451] * 3
    let_pass(server, 10)
    assert [bring(server, account, FAR)[0] for account in accounts] == [250] * 4
    assert "x-greylist=pass (known client)" in field(server, accounts[3])


def test_who_was_written_to_does_not_wait(server):
    account = server.account("anna")
    with server.smtp(account) as client:
        client.sendmail(account.address, ["friend@friends.example"], b"From: " + account.address.encode() + b"\r\n\r\nHi\r\n")
    assert bring(server, account, "127.9.9.9", sender="Friend@friends.example")[0] == 250
    assert "somebody here has written to it" in field(server, account)
    assert bring(server, account, "127.9.9.9", sender="foe@friends.example")[0] == 451


def test_who_is_vouched_for_does_not_wait(server):
    account = server.account("")
    assert bring(server, account, VOUCHED)[0] == 250
    assert "x-greylist" not in field(server, account)


def test_our_people_and_complaints_do_not_wait(server):
    account = server.account("")
    server.admin("alias", "add", f"abuse@{DOMAIN}", account.address)
    assert bring(server, f"abuse@{DOMAIN}", "127.8.8.8")[0] == 250
    with server.lmtp() as wire:
        wire.reply()
        wire.ask("LHLO x.example")
        wire.ask("MAIL FROM:<x@none.example>")
        assert wire.ask(f"RCPT TO:<{account}>").startswith("250")


def test_unknown_recipient_is_told_so_at_once(server):
    assert bring(server, f"nobody@{DOMAIN}", "127.8.8.8")[0] == 550

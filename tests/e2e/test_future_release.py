"""FUTURERELEASE (RFC 4865): mail that its sender puts off."""

import json
import time

import pytest
from server import make_raw, wait_until


def submit(server, account, to: str, *options: str) -> None:
    with server.smtp(account) as client:
        client.sendmail(account.address, [to], make_raw(to=to), options)


def scheduled(server) -> int:
    queue = json.loads(server.admin("status", "--json"))["queue"]
    return next(row["messages"] for row in queue if row["state"] == "scheduled")


def test_is_offered_to_our_people_only(server, anna):
    with server.smtp(anna) as client:
        seconds, date = client.esmtp_features["futurerelease"].split()
        assert int(seconds) == 60 * 86400 and time.strptime(date, "%Y-%m-%dT%H:%M:%SZ")
    with server.smtp(protocol="smtp") as client:
        assert not client.has_extn("futurerelease")
        assert client.docmd("MAIL", f"FROM:<{anna.address}> HOLDFOR=10")[0] == 555


def test_waits_until_its_time_over_a_restart(server, anna, bert):
    server.expect_deaths = True
    before = time.time()
    submit(server, anna, bert.address, "HOLDFOR=8")
    (row,) = server.queued(bert.address)
    assert row["state"] == "scheduled"
    server.stop()
    server.start()
    server.admin("queue", "flush")  # it is his time, not ours
    (stored,) = server.messages(bert)
    assert time.time() >= before + 8
    assert server.queued(bert.address) == []


def test_until_a_time_far_away(server, anna, bert):
    submit(server, anna, bert.address, time.strftime("HOLDUNTIL=%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 40 * 86400)))
    (row,) = server.queued(bert.address)
    assert row["state"] == "scheduled"
    wait_until("the figures", lambda: scheduled(server) == 1)
    server.admin("queue", "drop", row["id"], "--yes")
    assert server.queued(bert.address) == []


@pytest.mark.parametrize("option", ["HOLDFOR=5184001", "HOLDUNTIL=2020-01-01T00:00:00Z", "HOLDFOR=5 HOLDUNTIL=2200-01-01T00:00:00Z"])
def test_what_can_not_be_is_refused_at_once(server, anna, option):
    with server.smtp(anna) as client:
        assert client.docmd("MAIL", f"FROM:<{anna.address}> {option}")[0] == 501

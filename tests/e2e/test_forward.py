"""Mail that goes on: to accounts here, to the outside by the queue, and bounces that come back."""

import re
import smtplib

import pytest

from server import DOMAIN, make_raw, wait_until


def waiting(server, recipient: str) -> dict:
    """The one message that waits for that recipient; it is dropped."""
    wait_until(f"a message for {recipient}", lambda: server.queued(recipient))
    rows = server.queued(recipient)
    assert len(rows) == 1 and rows[0]["recipients"] == [recipient]
    row = server.rows("queue", "show", rows[0]["id"])[0]
    server.admin("queue", "drop", rows[0]["id"], "--yes")
    return row


def test_forward_is_shown_set_and_ended(server, anna, bert):
    outside = f"{anna.name}@elsewhere.example"
    assert server.rows("account", "forward", anna.address) == [{"address": anna.address, "to": [], "keep-copy": True}]
    server.admin("account", "forward", anna.address, "--to", f"{bert}, {outside}", "--keep-copy", "no")
    row = {"address": anna.address, "to": [bert.address, outside], "keep-copy": False}
    assert server.rows("account", "forward", anna.address) == [row]
    row["keep-copy"] = True
    assert server.rows("account", "forward", anna.address, "--keep-copy", "yes") == [row]
    server.admin("account", "forward", anna.address, "--off")
    assert server.rows("account", "forward", anna.address)[0]["to"] == []
    for words in (
        ["--off", "--to", bert.address],
        ["--keep-copy", "no"],
        ["--to", "nobody@" + DOMAIN],
        ["--to", ",".join(f"p{n}@elsewhere.example" for n in range(21))],
    ):
        assert server.command("account", "forward", anna.address, *words).returncode == 2


def test_with_and_without_a_copy(server, anna, bert):
    server.admin("account", "forward", anna.address, "--to", bert.address)
    server.deliver(anna, make_raw())
    server.messages(bert)
    server.messages(anna)
    server.admin("account", "forward", anna.address, "--keep-copy", "no")
    server.deliver(anna, make_raw())
    server.messages(bert, 2)
    assert server.count(anna) == 1


def test_a_circle_ends_with_whom_the_message_was_for(server, anna, bert):
    server.admin("account", "forward", anna.address, "--to", bert.address, "--keep-copy", "no")
    server.admin("account", "forward", bert.address, "--to", anna.address, "--keep-copy", "no")
    server.deliver(anna, make_raw())
    server.messages(anna)
    assert server.count(bert) == 0


def test_group_members_who_forward_to_each_other_get_one_copy(server, anna, bert):
    group = f"group.{anna.address}"
    server.admin("group", "add", group, anna.address, bert.address)
    server.admin("account", "forward", anna.address, "--to", bert.address, "--keep-copy", "no")
    server.deliver(group, make_raw())
    server.messages(bert)
    assert server.count(anna) == 0


def test_to_the_outside_and_back(server, anna):
    outside = f"{anna.name}@elsewhere.example"
    server.admin("account", "forward", anna.address, "--to", outside, "--keep-copy", "no")
    server.deliver(anna, make_raw(subject="on its way"), sender="max@far.example")
    row = waiting(server, outside)
    assert re.fullmatch(rf"SRS0=[a-z2-7]{{8}}=[a-z2-7]{{2}}=far\.example=max@{DOMAIN}", row["sender"])
    assert row["header"].startswith(f"Delivered-To: {anna}\r\nReceived: ")
    assert server.count(anna) == 0
    # A bounce finds the first sender, whatever became of the letters' case; a forged one finds nobody.
    server.deliver(row["sender"].lower(), make_raw(subject="bounce"), sender="")
    assert waiting(server, "max@far.example")["sender"] == ""
    forged = row["sender"].replace("=max@", "=moritz@")
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        server.deliver(forged, make_raw(), sender="")
    assert list(refused.value.recipients.values())[0][0] == 550


def test_a_long_sender_is_rewritten_and_comes_back(server, anna):
    outside = f"{anna.name}@elsewhere.example"
    sender = "bounces+" + "x" * 50 + "@a-rather-long-name-of-a-host.mailing.far.example"
    server.admin("account", "forward", anna.address, "--to", outside)
    server.deliver(anna, make_raw(), sender=sender)
    row = waiting(server, outside)
    assert len(row["sender"].partition("@")[0]) > 64
    server.deliver(row["sender"], make_raw(subject="bounce"), sender="")
    waiting(server, sender)
    server.messages(anna)


def test_what_was_forwarded_by_others_before_leads_back_to_them(server, anna):
    outside = f"{anna.name}@elsewhere.example"
    sender = "SRS0=hash=tt=far.example=max@first.example"
    server.admin("account", "forward", anna.address, "--to", outside, "--keep-copy", "no")
    server.deliver(anna, make_raw(), sender=sender)
    row = waiting(server, outside)
    assert re.fullmatch(rf"SRS1=[a-z2-7]{{8}}=first\.example==hash=tt=far\.example=max@{DOMAIN}", row["sender"])
    server.deliver(row["sender"], make_raw(), sender="")
    waiting(server, sender)


def test_what_comes_back_from_outside_stays(server, anna):
    outside = f"{anna.name}@elsewhere.example"
    server.admin("account", "forward", anna.address, "--to", outside, "--keep-copy", "no")
    server.deliver(anna, f"Delivered-To: {anna}\r\n".encode() + make_raw())
    server.messages(anna)
    assert server.queued(outside) == []


def test_members_outside_get_a_rewritten_sender_and_our_own_people_keep_theirs(server, anna, bert):
    group, outside = f"group.{anna.address}", f"{anna.name}@elsewhere.example"
    server.admin("group", "add", group, outside)
    server.deliver(group, make_raw(), sender="max@far.example")
    assert waiting(server, outside)["sender"].endswith(f"=far.example=max@{DOMAIN}")
    with server.smtp(bert) as client:
        client.sendmail(bert.address, [group], make_raw())
    assert waiting(server, outside)["sender"] == bert.address

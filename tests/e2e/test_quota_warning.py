"""A mailbox that fills up: its owner is told once a step, mail is refused when it is full, and room can be made."""

import email
import email.policy
import smtplib

import pytest

from server import make_raw, wait_until

BODY = "x" * 70 + "\r\n"


def warnings(server, account):
    with server.imap(account, "INBOX", readonly=True) as client:
        _, numbers = client.search(None, "HEADER", "Auto-Submitted", "auto-generated")
        parts = [client.fetch(number, "(BODY.PEEK[])")[1][0][1] for number in numbers[0].split()]
    return [email.message_from_bytes(raw, policy=email.policy.default) for raw in parts]


def append(client, kilobytes):
    return client.append("INBOX", None, None, make_raw(body=BODY * (kilobytes * 1024 // len(BODY))))


def test_told_once_a_step_in_the_own_language(server):
    anna = server.account("anna", "--quota", "100K", "--language", "de", "--name", "Änne")
    with server.imap(anna, "INBOX") as client:
        assert append(client, 75)[0] == "OK"
        wait_until("the warning is there", lambda: len(warnings(server, anna)) == 1)
        append(client, 1)
        assert append(client, 15)[0] == "OK"
        wait_until("the next is there", lambda: len(warnings(server, anna)) == 2)
        first, second = warnings(server, anna)
        assert first["Subject"].startswith("Ihr Postfach ist zu 7") and second["Subject"].startswith("Ihr Postfach ist zu 9")
        assert first["From"].addresses[0].username == "postmaster" and first["To"].addresses[0].display_name == "Änne"
        assert first["Date"] and first["Message-ID"] and first["Content-Transfer-Encoding"] == "quoted-printable"
        text = first.get_content()
        assert "100 KB" in text and "INBOX" in text and "POP3" in text


def test_not_again_after_a_restart_but_after_having_had_room(server):
    anna = server.account("anna", "--quota", "100K")
    with server.imap(anna) as client:
        append(client, 75)
        wait_until("the warning is there", lambda: len(warnings(server, anna)) == 1)
    server.expect_deaths = True
    server.stop()
    server.start()
    with server.imap(anna, "INBOX") as client:
        append(client, 1)
        assert len(warnings(server, anna)) == 1
        client.store("1", "+FLAGS", r"(\Deleted)")
        client.expunge()
        append(client, 75)
        wait_until("it is there again", lambda: len(warnings(server, anna)) == 2)


def test_a_full_mailbox_refuses_mail_and_can_be_made_room_in(server, bert):
    anna = server.account("anna", "--quota", "100K")
    server.admin("account", "set", str(anna), "--quota-warn", "off")
    with server.imap(anna, "INBOX") as client:
        assert append(client, 50)[0] == append(client, 48)[0] == "OK"
        status, data = append(client, 20)
        assert status == "NO" and b"[OVERQUOTA]" in data[0]
        status, data = client.copy("1", "Sent")
        assert status == "NO" and b"[OVERQUOTA]" in data[0]
        with server.smtp(bert) as sender, pytest.raises(smtplib.SMTPException) as refused:
            sender.sendmail(bert.address, [anna.address], make_raw(body=BODY * 100))
        assert "full" in str(refused.value)
        assert server.count(anna) == 2 and server.count(anna, "Sent") == 0
        assert client.uid("MOVE", "1", "Trash")[0] == "OK"
        assert client.select("Trash")[0] == "OK"
        client.store("1", "+FLAGS", r"(\Deleted)")
        assert client.expunge()[0] == "OK"
        assert append(client, 20)[0] == "OK"
    assert warnings(server, anna) == []


def test_an_option_says_when(server):
    anna = server.account("anna", "--quota", "100K")
    server.admin("account", "set", str(anna), "--quota-warn", "50")
    with server.imap(anna) as client:
        append(client, 55)
        wait_until("the warning is there", lambda: len(warnings(server, anna)) == 1)
        assert warnings(server, anna)[0]["Subject"].startswith("Your mailbox is 5")

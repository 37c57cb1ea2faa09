"""Mail to and from mail servers that we did not write: Debian's Postfix and Exim."""

import smtplib

import pytest
from exim import Exim
from names import Names
from postfix import Postfix
from server import DOMAIN, HOST, Server, make_raw, wait_until

FAR = "peer.example"
OTHER = "exim.example"
RECORDS = {
    (FAR, "MX"): [f"10 mx.{FAR}"],
    (f"mx.{FAR}", "A"): ["127.0.0.9"],
    (OTHER, "MX"): [f"10 mx.{OTHER}"],
    (f"mx.{OTHER}", "A"): ["127.0.0.8"],
}


@pytest.fixture(scope="module")
def postfix():
    return Postfix(
        FAR, "127.0.0.9", ["max", "eva", "zoe", "max2", "max3", "max4", "full", "postmaster"],
        smtpd_recipient_restrictions=f"check_recipient_access inline:{{{{full@{FAR} = 452 4.2.2 mailbox full}}}} "
        "permit_mynetworks, reject_unauth_destination",
    )  # fmt: skip


@pytest.fixture(scope="module")
def exim(postfix):
    return Exim(OTHER, "127.0.0.8", postfix.port, ["max", "eva", "zoe", "postmaster"])


@pytest.fixture(scope="module")
def running_server(postfix, exim):
    with Names(RECORDS) as names:
        house = Server(**{"resolver": names.address, "outbound-port": str(postfix.port)})
        try:
            house.start()
            house.admin("domain", "add", DOMAIN)
            house.let_anybody_be_named()
            postfix.relay_to = f"[{HOST}]:{house.ports['smtp']}"
            exim.relay_to = (HOST, house.ports["smtp"])
            with postfix, exim:
                yield house
            house.stop()
        finally:
            house.close()


def submit(server, account, *recipients: str, raw: bytes, options=(), recipient_options=()) -> None:
    with server.smtp(account) as client:
        client.sendmail(account.address, list(recipients), raw, options, recipient_options)


def content(stored: bytes) -> bytes:
    """From where the sender's own header begins, with the line ends of the wire."""
    return stored[stored.index(b"From: ") :].replace(b"\n", b"\r\n")


def test_postfix_takes_a_message_as_it_was_sent_over_tls(server, postfix, anna):
    raw = make_raw(to=f"max@{FAR}", body=".\r\n..dots\r\n" + "x" * 900 + "\r\n\r\n\r\n")
    submit(server, anna, f"max@{FAR}", raw=raw)
    (stored,) = postfix.mail("max")
    assert content(stored) == raw
    assert f"Return-Path: <{anna.address}>".encode() in stored
    wait_until("the queue to be empty", lambda: server.rows("queue", "list") == [])
    assert "Anonymous TLS connection established from" in postfix.log()


def test_large_message_reaches_postfix_whole(server, postfix, anna):
    raw = make_raw(to=f"eva@{FAR}", body="A line of a large message, which goes on and on.\r\n" * 100000)
    submit(server, anna, f"eva@{FAR}", raw=raw)
    assert content(postfix.mail("eva")[0]) == raw


def test_each_recipient_gets_one(server, postfix, anna):
    submit(server, anna, *(f"max{i}@{FAR}" for i in (2, 3, 4)), raw=make_raw())
    for i in (2, 3, 4):
        postfix.mail(f"max{i}")


def test_text_beyond_ascii_in_header_and_addresses(server, postfix, anna):
    """Postfix announces SMTPUTF8 and 8BITMIME; both are made use of."""
    raw = make_raw(to=f"zoe@{FAR}", subject="Grüße", body="schöne Grüße\r\n")
    submit(server, anna, f"zoe@{FAR}", raw=raw, options=["SMTPUTF8", "BODY=8BITMIME"])
    assert content(postfix.mail("zoe")[0]) == raw


def test_unknown_recipient_comes_back_with_postfix_words(server, postfix, anna):
    submit(server, anna, f"nobody@{FAR}", raw=make_raw())
    report = server.messages(anna)[0].decode()
    assert "Action: failed" in report and f"Final-Recipient: rfc822; nobody@{FAR}" in report
    assert "User unknown in virtual mailbox table" in report and "Status: 5.1.1" in report


def test_one_refused_one_taken(server, postfix, anna):
    before = len(list((postfix.place / "mail" / "max" / "new").glob("*")))
    submit(server, anna, f"max@{FAR}", f"nobody@{FAR}", raw=make_raw())
    postfix.mail("max", before + 1)
    report = server.messages(anna)[0].decode()
    assert f"nobody@{FAR}" in report and f"Final-Recipient: rfc822; max@{FAR}" not in report


def test_full_mailbox_there_is_tried_again(server, postfix, anna):
    submit(server, anna, f"full@{FAR}", raw=make_raw())
    wait_until("the refusal", lambda: "452 4.2.2" in postfix.log())
    (entry,) = wait_until("the deferral", lambda: [row for row in server.queued(f"full@{FAR}") if row["reason"]])
    assert "452 4.2.2" in entry["reason"] and "mailbox full" in entry["reason"]
    server.admin("queue", "drop", entry["id"])


def test_success_notice_comes_from_postfix_when_it_can_tell(server, postfix, anna):
    """RFC 3461 5.2.4: the next server answers for the notice that was asked for."""
    submit(server, anna, f"postmaster@{FAR}", raw=make_raw(), recipient_options=["NOTIFY=SUCCESS", f"ORCPT=rfc822;pm@{FAR}"])
    report = server.messages(anna)[0].decode()
    assert "Action: delivered" in report and f"Original-Recipient: rfc822;pm@{FAR}" in report
    assert f"Reporting-MTA: dns; mx.{FAR}" in report


def test_postfix_delivers_to_us(server, postfix, anna, bert):
    raw = make_raw(to=str(anna), body=".\r\n..dots\r\nlast\r\n")
    postfix.send(f"max@{FAR}", [anna.address, bert.address], raw)
    for account in (anna, bert):
        stored = server.messages(account)[0]
        assert stored[stored.index(b"From: ") :] == raw
    assert f"to=<{anna.address}>, relay={HOST}" in postfix.log()


def test_postfix_delivers_a_large_message_over_tls(server, postfix, anna):
    raw = make_raw(to=str(anna), body="A line of a large message, which goes on and on.\r\n" * 100000)
    with smtplib.SMTP(postfix.host, postfix.port) as client:
        client.sendmail(f"max@{FAR}", [anna.address], raw)
    assert server.messages(anna)[0].endswith(raw[raw.index(b"From: ") :])
    assert "with ESMTPS" in server.messages(anna)[0].decode()[:1000]


def test_postfix_is_told_who_is_unknown_here(server, postfix):
    before = len(list((postfix.place / "mail" / "eva" / "new").glob("*")))
    postfix.send(f"eva@{FAR}", [f"nobody@{DOMAIN}"], make_raw())
    bounce = next(mail for mail in postfix.mail("eva", before + 1) if b"MAILER-DAEMON" in mail)
    assert b"550 5.1.1" in bounce


def test_postfix_gets_the_success_notice_that_it_asks_for(server, postfix, anna):
    before = len(list((postfix.place / "mail" / "zoe" / "new").glob("*")))
    postfix.send(f"zoe@{FAR}", [anna.address], make_raw(to=str(anna)), "-N", "success")
    report = next(mail for mail in postfix.mail("zoe", before + 1) if b"delivery-status" in mail)
    assert b"Action: delivered" in report and anna.address.encode() in report


def test_exim_takes_a_message_as_it_was_sent_over_tls(server, exim, anna):
    raw = make_raw(to=f"max@{OTHER}", body=".\r\n..dots\r\n" + "x" * 900 + "\r\n\r\n\r\n")
    submit(server, anna, f"max@{OTHER}", raw=raw)
    assert content(exim.mail("max")[0]) == raw
    wait_until("the queue to be empty", lambda: server.rows("queue", "list") == [])
    assert "X=TLS1.3" in exim.log()


def test_large_message_reaches_exim_whole(server, exim, anna):
    raw = make_raw(to=f"eva@{OTHER}", body="A line of a large message, which goes on and on.\r\n" * 100000)
    submit(server, anna, f"eva@{OTHER}", raw=raw)
    assert content(exim.mail("eva")[0]) == raw


def test_text_beyond_ascii_reaches_exim(server, exim, anna):
    raw = make_raw(to=f"zoe@{OTHER}", subject="Grüße", body="schöne Grüße\r\n")
    submit(server, anna, f"zoe@{OTHER}", raw=raw, options=["SMTPUTF8", "BODY=8BITMIME"])
    assert content(exim.mail("zoe")[0]) == raw


def test_unknown_recipient_comes_back_with_exims_words(server, exim, anna):
    submit(server, anna, f"nobody@{OTHER}", raw=make_raw())
    report = server.messages(anna)[0].decode()
    assert "550 no such person here" in report and f"Final-Recipient: rfc822; nobody@{OTHER}" in report


def test_success_notice_comes_from_exim(server, exim, anna):
    submit(server, anna, f"postmaster@{OTHER}", raw=make_raw(), recipient_options=["NOTIFY=SUCCESS"])
    report = server.messages(anna)[0].decode()
    assert "Action: delivered" in report and f"Reporting-MTA: dns; mx.{OTHER}" in report


@pytest.mark.parametrize("lines", [1, 100000])
def test_exim_delivers_to_us_in_chunks_over_tls(server, exim, anna, lines):
    """Exim's client uses CHUNKING where it is offered."""
    raw = make_raw(to=str(anna), body=".\r\n..dots, and on and on it goes to the end of the line\r\n" * lines)
    with smtplib.SMTP(exim.host, exim.port) as client:
        client.sendmail(f"max@{OTHER}", [anna.address], raw)
    stored = server.messages(anna)[0]
    assert stored[stored.index(b"From: ") :] == raw
    assert b"with ESMTPS" in stored[:1000]
    assert f"=> {anna.address} R=onward T=smtp" in exim.log() and "K C=" in exim.log()


def test_exim_is_told_who_is_unknown_here(server, exim):
    before = len(list((exim.place / "mail" / "eva" / "new").glob("*")))
    with smtplib.SMTP(exim.host, exim.port) as client:
        client.sendmail(f"eva@{OTHER}", [f"nobody@{DOMAIN}"], make_raw())
    bounce = next(mail for mail in exim.mail("eva", before + 1) if b"Mailer-Daemon" in mail)
    assert b"550 5.1.1" in bounce

"""Several people on one mailbox, each with the own password, over the wire."""

import base64
import imaplib
import poplib
import smtplib

import pytest

from server import Account, make_raw, wait_until


@pytest.fixture
def info(server):
    return server.account("info")


class LogIn:
    """The person's log-in name for the mailbox, as the tests' clients want an account."""

    def __init__(self, mailbox: Account, person: Account, password: str = ""):
        self.address = f"{mailbox}*{person}"
        self.password = password or person.password


def at(mailbox: Account, person: Account, password: str = "") -> LogIn:
    return LogIn(mailbox, person, password)


def imap(server, login: LogIn) -> imaplib.IMAP4_SSL:
    """With the name in quotes: imaplib, other than mail programs, sends it as it is, and '*' is no part of an atom."""
    login.address = f'"{login.address}"'
    return server.imap(login, "INBOX")


def let_in(server, mailbox, person, rights: str) -> list[dict]:
    return server.rows("account", "people", mailbox.address, "--add", person.address, "--rights", rights)


def test_people_are_shown_let_in_and_out(server, info, anna, bert):
    assert let_in(server, info, anna, "write") == [{"address": anna.address, "rights": "write"}]
    assert len(let_in(server, info, bert, "read")) == 2
    assert server.rows("account", "people", info.address, "--remove", anna.address) == [
        {"address": bert.address, "rights": "read"}
    ]
    for words in (
        ["--remove", anna.address],
        ["--add", anna.address, "--rights", "most"],
        ["--rights", "read"],
        ["--add", info.address],
        ["--add", "nobody@nowhere.example"],
    ):
        assert server.command("account", "people", info.address, *words).returncode == 2


def test_all_see_the_same_mailbox_by_imap_and_pop3(server, info, anna, bert):
    let_in(server, info, anna, "all")
    let_in(server, info, bert, "write")
    server.deliver(info, make_raw(subject="for all"))
    server.messages(info)
    with imap(server, at(info, anna)) as first, imap(server, at(info, bert)) as second:
        assert first.store("1", "+FLAGS", "\\Answered")[0] == "OK"
        wait_until("the flag", lambda: b"\\Answered" in second.fetch("1", "(FLAGS)")[1][0])
        assert first.setacl("INBOX", str(bert), "lr")[0] == "OK"
        assert second.setacl("INBOX", str(anna), "lr")[0] == "NO"
        assert second.create("Orders")[0] == "OK"
    pop = server.pop3(at(info, anna))
    assert pop.stat()[0] == 1
    pop.dele(1)
    pop.quit()
    assert server.count(info) == 0
    assert server.events("login.ok")[-2]["account"] == info.address
    assert server.events("login.ok")[-2]["person"] == anna.address
    assert server.count(anna) == 0


def test_a_reader_changes_nothing(server, info, anna):
    let_in(server, info, anna, "read")
    server.deliver(info, make_raw())
    server.messages(info)
    with imap(server, at(info, anna)) as client:
        assert client.myrights("INBOX")[1] == [b'"INBOX" lrs']
        assert b"A line" in client.fetch("1", "(BODY[])")[1][0][1]
        assert b"\\Seen" in client.fetch("1", "(FLAGS)")[1][0]
        for attempt in (
            lambda: client.expunge(),
            lambda: client.create("Orders"),
            lambda: client.delete("Archive"),
            lambda: client.rename("Archive", "Old"),
            lambda: client.append("INBOX", None, None, make_raw()),
            lambda: client.copy("1", "Archive"),
            lambda: client.subscribe("Archive"),
            lambda: client.setacl("INBOX", str(anna), "lr"),
            lambda: client._simple_command("MOVE", "1", "Archive"),
        ):
            assert attempt()[0] == "NO"
        client.store("1", "+FLAGS", "(\\Deleted \\Flagged)")
        flags = client.fetch("1", "(FLAGS)")[1][0]
        assert b"\\Deleted" not in flags and b"\\Flagged" not in flags
    pop = server.pop3(at(info, anna))
    with pytest.raises(poplib.error_proto, match="only read"):
        pop.dele(1)
    pop.quit()
    with pytest.raises(smtplib.SMTPAuthenticationError):
        server.smtp(at(info, anna))


def test_who_may_write_sends_as_the_mailbox(server, info, anna):
    let_in(server, info, anna, "write")
    with server.smtp(at(info, anna)) as client:
        client.sendmail(info.address, [anna.address], make_raw())
        with pytest.raises(smtplib.SMTPDataError):
            client.sendmail(anna.address, [anna.address], make_raw())
    assert f"Return-Path: <{info}>".encode() in server.messages(anna)[0]


def test_authorization_identity_names_the_mailbox(server, info, anna, bert):
    let_in(server, info, anna, "all")
    server.deliver(info, make_raw())
    server.messages(info)

    def plain(person):
        client = imaplib.IMAP4_SSL("127.0.0.1", server.ports["imaps"], ssl_context=server.context)
        client.authenticate("PLAIN", lambda _: f"{info}\0{person}\0{person.password}".encode())
        return client

    with plain(anna) as client:
        assert client.select("INBOX", readonly=True) == ("OK", [b"1"])
    with pytest.raises(imaplib.IMAP4.error):
        plain(bert)
    with server.smtp() as client:
        client.starttls(context=server.context)
        client.ehlo()
        token = base64.b64encode(f"{info}\0{anna}\0{anna.password}".encode()).decode()
        assert client.docmd("AUTH", f"PLAIN {token}")[0] == 235
        client.sendmail(info.address, [anna.address], make_raw())
    server.messages(anna)


def test_app_password_opens_it(server, info, anna):
    let_in(server, info, anna, "all")
    made = server.rows("account", "app-password", "add", anna.address, "--name", "phone", "--doors", "imap")
    client = imap(server, at(info, anna, made[0]["password"]))
    assert client.noop()[0] == "OK"
    server.admin("account", "app-password", "remove", anna.address, "--all")
    with pytest.raises((imaplib.IMAP4.abort, OSError)):
        client.noop()


@pytest.mark.parametrize("how", ["removed", "disabled", "fewer rights"])
def test_sessions_end_with_the_right(server, info, anna, how):
    let_in(server, info, anna, "all")
    client, own, owner = imap(server, at(info, anna)), server.imap(anna), server.imap(info)
    assert client.noop()[0] == "OK"
    if how == "removed":
        server.admin("account", "people", info.address, "--remove", anna.address)
    elif how == "disabled":
        server.admin("account", "set", anna.address, "--enabled", "no")
    else:
        let_in(server, info, anna, "read")
    with pytest.raises((imaplib.IMAP4.abort, OSError)):
        client.noop()
    assert owner.noop()[0] == "OK"
    if how != "disabled":
        assert own.noop()[0] == "OK"
    if how == "fewer rights":
        assert imap(server, at(info, anna)).expunge()[0] == "NO"
    else:
        with pytest.raises(imaplib.IMAP4.error):
            imap(server, at(info, anna))

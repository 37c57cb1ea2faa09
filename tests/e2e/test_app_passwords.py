"""App passwords: made, used by every door and mechanism, listed, and gone with all that they opened."""

import imaplib
import poplib
import re
import smtplib

import pytest

from server import Account, wait_until


def make(server, account, *options: str) -> Account:
    """The account as a program sees it that knows only the app password."""
    (row,) = server.rows("account", "app-password", "add", account.address, *options)
    assert re.fullmatch(r"([a-km-np-z2-9]{4}-){3}[a-km-np-z2-9]{4}", row["password"])
    return Account(account.address, row["password"])


def shown(server, account) -> list[dict]:
    return server.rows("account", "app-password", "list", account.address)


def test_it_opens_imap_pop3_and_submission(server, anna):
    phone = make(server, anna, "--name", "Anna's phone")
    assert shown(server, anna)[0]["used"] == 0
    with server.imap(phone) as client:
        assert client.select("INBOX")[0] == "OK"
    client = server.pop3(phone)
    assert client.stat() == (0, 0)
    client.quit()
    with server.smtp(phone) as client:
        client.sendmail(anna.address, [anna.address], b"Subject: by phone\r\n\r\n.\r\n")
    assert b"by phone" in server.messages(anna)[0]
    (row,) = shown(server, anna)
    assert row["name"] == "Anna's phone" and row["doors"] == ["all"] and row["expires"] == 0
    assert row["used"] >= row["made"]


def test_its_doors_are_its_own(server, anna):
    phone = make(server, anna, "--doors", "imap,submission", "--expires", "90d")
    server.imap(phone).logout()
    server.smtp(phone).quit()
    with pytest.raises(poplib.error_proto, match="this app password is for other programs; make another one"):
        server.pop3(phone)
    server.pop3(anna).quit()
    (row,) = shown(server, anna)
    assert row["doors"] == ["imap", "submission"] and row["name"] == "app password 1"
    assert row["expires"] - row["made"] == 90 * 24 * 3600


def test_typed_without_dashes_and_in_capitals(server, anna):
    phone = make(server, anna)
    typed = Account(anna.address, phone.password.replace("-", " ").upper())
    server.imap(typed).logout()


@pytest.mark.parametrize("mechanism", ["scram-sha-1", "scram-sha-256"])
def test_scram_of_gnu_sasl(server, home, anna, bert, mechanism):
    phone = make(server, anna)
    home.write(
        "msmtprc",
        f"account default\nhost 127.0.0.1\nport {server.ports['submission']}\ntls on\ntls_starttls on\n"
        f"tls_trust_file {server.certificate}\nauth {mechanism}\nuser {anna}\npassword {phone.password}\nfrom {anna}\n",
    )
    home.run("msmtp", "-C", "msmtprc", bert, data=b"Subject: by SCRAM\n\n.\n")
    assert b"by SCRAM" in server.messages(bert)[0]


def test_removed_it_ends_with_its_sessions(server, anna):
    phone = make(server, anna, "--name", "phone")
    tablet = make(server, anna, "--name", "tablet")
    with server.wire("imaps", tls=True) as lost, server.wire("imap") as also_lost, server.imap(tablet) as kept:
        submission = server.smtp(phone)
        own = server.imap(anna)
        for wire in (lost, also_lost):
            assert wire.line().startswith(b"* OK")
            assert " OK" in wire.imap("a1", f'LOGIN {phone} "{phone.password}"')[-1]
            wire.send("a2 IDLE\r\n")
            assert wire.line().startswith(b"+")
        server.admin("account", "app-password", "remove", anna.address, "--name", "phone")
        for wire in (lost, also_lost):
            assert wire.line() == b""
        with pytest.raises(smtplib.SMTPException):
            submission.sendmail(anna.address, [anna.address], b"Subject: too late\r\n\r\n.\r\n")
        for client in (kept, own):
            assert client.noop()[0] == "OK"
        own.logout()
    with pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"):
        server.imap(phone)
    assert [row["name"] for row in shown(server, anna)] == ["tablet"]


def test_a_new_password_leaves_them_unless_asked(server, anna):
    phone = make(server, anna)
    server.admin("account", "password", anna.address, password="one")
    client = server.imap(phone)
    server.admin("account", "password", anna.address, "--revoke-app-passwords", password="two")
    wait_until("the session's end", lambda: ended(client), 10)
    with pytest.raises(imaplib.IMAP4.error):
        server.imap(phone)
    assert shown(server, anna) == []
    server.imap(Account(anna.address, "two")).logout()


def ended(client) -> bool:
    try:
        client.noop()
    except imaplib.IMAP4.abort:
        return True
    return False


def test_what_is_wrong_is_said(server, anna):
    def said(*words: str) -> str:
        done = server.command("account", "app-password", *words)
        assert done.returncode == 2
        return done.stderr

    make(server, anna, "--name", "phone")
    assert 'there is an app password "phone" already' in said("add", anna.address, "--name", "phone")
    assert '"gopher" is no door' in said("add", anna.address, "--doors", "imap,gopher")
    assert "write it like 12h, 90d or 4w" in said("add", anna.address, "--expires", "soon")
    assert 'there is no app password "fax"' in said("remove", anna.address, "--name", "fax")
    assert "give --name, or --all" in said("remove", anna.address)
    assert "there is no account" in said("list", "nobody@demo.example")


def test_for_people_it_is_shown_once(server, anna):
    text = server.admin("account", "app-password", "add", anna.address, "--name", "phone", "--doors", "imap")
    fields = dict(re.split(r" {2,}", line, maxsplit=1) for line in text.splitlines()[:4])
    assert fields["Name"] == "phone" and fields["Doors"] == "imap" and fields["Expires"] == "-"
    assert "not shown again" in text
    assert fields["Password"] not in server.admin("account", "app-password", "list", anna.address)
    assert fields["Password"] not in server.log()

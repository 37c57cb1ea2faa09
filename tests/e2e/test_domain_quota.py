"""The quota of a domain: all its mailboxes together, over every way in, and right after whatever dies."""

import email
import email.policy
import poplib
import random
import smtplib

import pytest

from server import Account, make_raw, wait_until

BODY = "x" * 70 + "\r\n"


class Domain:
    """One of its own for each test."""

    def __init__(self, server, name):
        self.server = server
        self.name = name
        server.admin("domain", "add", name)

    def account(self, name: str) -> Account:
        account = Account(f"{name}@{self.name}", f"pass word {random.randrange(10**9)}")
        self.server.admin("account", "add", account.address, password=account.password)
        return account

    def set(self, *options: str) -> None:
        self.server.admin("domain", "set", self.name, *options)

    def use(self) -> tuple[int, int]:
        row = self.server.rows("domain", "show", self.name)[0]
        return row["messages"], row["bytes"]

    def recounted(self) -> tuple[int, int]:
        """What its accounts say each for itself."""
        rows = [self.server.rows("account", "show", row["address"])[0] for row in self.server.rows("account", "list", self.name)]
        return sum(row["messages"] for row in rows), sum(row["bytes"] for row in rows)


@pytest.fixture
def domain(server, request):
    return Domain(server, request.node.name.removeprefix("test_").replace("_", "-") + ".example")


def append(client, kilobytes=1, folder="INBOX"):
    return client.append(folder, None, None, make_raw(body=BODY * (kilobytes * 1024 // len(BODY))))


def refused(data) -> bool:
    return b"[OVERQUOTA]" in data[0]


def warnings(server, account):
    with server.imap(account, "INBOX", readonly=True) as client:
        _, numbers = client.search(None, "HEADER", "Auto-Submitted", "auto-generated")
        parts = [client.fetch(number, "(BODY.PEEK[])")[1][0][1] for number in numbers[0].split()]
    return [email.message_from_bytes(raw, policy=email.policy.default) for raw in parts]


def test_one_mailbox_fills_the_others(server, domain, bert, tmp_path):
    anna, otto = domain.account("anna"), domain.account("otto")
    domain.set("--domain-messages", "3", "--quota-warn", "off")
    with server.imap(anna, "INBOX") as client, server.imap(otto, "INBOX") as other:
        assert append(client)[0] == append(client)[0] == append(client)[0] == "OK"
        for status, data in (append(other), append(client), client.copy("1", "Sent")):
            assert status == "NO" and refused(data)
        with server.smtp(protocol="smtp") as sender, pytest.raises(smtplib.SMTPRecipientsRefused) as answer:
            sender.sendmail("someone@elsewhere.example", [otto.address], make_raw())
        assert answer.value.recipients[otto.address] == (452, b"4.2.2 the mailbox is full; try again later")
        with server.smtp(bert) as sender, pytest.raises(smtplib.SMTPException):
            sender.sendmail(bert.address, [otto.address], make_raw())
        box = tmp_path / "mail.mbox"
        box.write_bytes(b"From a@example.org Mon Nov 23 00:00:00 2026\n" + make_raw().replace(b"\r\n", b"\n"))
        done = server.command("account", "import", otto.address, "--from", str(box))
        assert done.returncode != 0 and "or its domain is reached" in done.stderr
        assert domain.use()[0] == 3
        assert client.uid("MOVE", "1", "Trash")[0] == "OK"  # no more than before
        pop = server.pop3(anna)
        pop.dele(1)
        pop.quit()
        assert append(other)[0] == "OK"
    assert domain.use() == domain.recounted()


def test_bytes_are_asked_for_when_they_are_known(server, domain):
    anna, otto = domain.account("anna"), domain.account("otto")
    domain.set("--domain-quota", "100K", "--quota-warn", "off")
    with server.imap(anna) as client:
        assert append(client, 80)[0] == "OK"
    big = make_raw(body=BODY * 500)
    with server.smtp(protocol="smtp") as sender:
        sender.mail("someone@elsewhere.example")
        assert sender.rcpt(otto.address)[0] == 250
        assert sender.data(big)[0] == 452
        sender.mail("someone@elsewhere.example", [f"SIZE={len(big)}"])
        assert sender.rcpt(otto.address)[0] == 452
        sender.rset()
        sender.sendmail("someone@elsewhere.example", [otto.address], make_raw())
    server.messages(otto, 1)
    domain.set("--domain-quota", "0")
    server.deliver(otto, big)
    server.messages(otto, 2)


def test_only_administrators_see_the_root(server, domain):
    anna, otto = domain.account("anna"), domain.account("otto")
    domain.set("--domain-quota", "1M", "--domain-messages", "100")
    server.admin("domain", "administrator", domain.name, "--add", anna.address)
    with server.imap(anna) as client:
        assert append(client)[0] == "OK"
        status, data = client.getquotaroot("INBOX")
        assert data[0] == [f'"INBOX" {anna} {domain.name}'.encode()]
        assert data[1][1] == f"{domain.name} (STORAGE 2 1024 MESSAGE 1 100)".encode()
        assert client.getquota(domain.name) == ("OK", [data[1][1]])
        status, data = client.setquota(domain.name, "(STORAGE 5000)")
        assert status == "NO" and b"NOPERM" in data[0]
    with server.imap(otto) as client:
        assert client.getquotaroot("INBOX")[1][0] == [f'"INBOX" {otto}'.encode()]
        assert client.getquota(domain.name)[0] == "NO"


def test_administrators_are_told_once_a_step(server, domain):
    anna, otto = domain.account("anna"), domain.account("otto")
    server.admin("account", "set", anna.address, "--language", "de", "--quota-warn", "off")
    server.admin("domain", "administrator", domain.name, "--add", anna.address)
    domain.set("--domain-messages", "10")
    with server.imap(otto) as client:
        for _ in range(7):
            append(client)
        wait_until("anna is told", lambda: len(warnings(server, anna)) == 1)
        wait_until("it is counted", lambda: domain.use()[0] == 8)
        assert warnings(server, anna)[0]["Subject"] == f"Die Postfächer von {domain.name} sind zusammen zu 70 % voll"
        append(client)
        wait_until("anna is told again", lambda: len(warnings(server, anna)) == 2)
    assert domain.name in warnings(server, anna)[1].get_content()
    assert warnings(server, otto) == []


def test_without_administrators_the_postmaster_is_told(server, domain):
    anna, otto = domain.account("anna"), domain.account("otto")
    server.admin("alias", "add", f"postmaster@{domain.name}", anna.address)
    domain.set("--domain-messages", "10")
    with server.imap(otto) as client:
        for _ in range(10):
            append(client)
    wait_until("anna is told", lambda: len(warnings(server, anna)) > 0)
    assert "together are" in warnings(server, anna)[-1]["Subject"]


def test_renaming_and_removing_move_the_numbers(server, domain):
    anna, otto = domain.account("anna"), domain.account("otto")
    other = Domain(server, "other-" + domain.name)
    for account, count in ((anna, 3), (otto, 2)):
        with server.imap(account) as client:
            for _ in range(count):
                append(client)
    with server.imap(anna) as client:  # in use meanwhile
        server.admin("account", "rename", anna.address, f"anna@{other.name}")
        assert (domain.use()[0], other.use()[0]) == (2, 3)
        append(client)
    assert other.use() == other.recounted() and other.use()[0] == 4
    server.admin("account", "remove", f"anna@{other.name}", "--yes")
    assert (domain.use()[0], other.use()[0]) == (2, 0)
    with server.imap(otto, "INBOX") as client:
        client.store("1", "+FLAGS", r"(\Deleted)")
        client.expunge()
        assert domain.use()[0] == 1
        server.admin("account", "undelete", otto.address, "--since", "1h")
        assert domain.use() == domain.recounted() and domain.use()[0] == 2
    assert [row["messages"] for row in server.rows("domain", "list") if row["domain"] == domain.name] == [2]


def test_status_names_the_fullest(server, domain):
    anna = domain.account("anna")
    domain.set("--domain-messages", "2", "--quota-warn", "off")
    with server.imap(anna) as client:
        append(client), append(client)
    rows = server.rows("status")[0]["domains"]
    assert [(row["percent"], row["messages"]) for row in rows if row["domain"] == domain.name] == [(100, 2)]
    assert [row["percent"] for row in rows] == sorted((row["percent"] for row in rows), reverse=True)
    assert domain.name in server.admin("status")


def test_right_after_a_kill(server, domain):
    """The store dies between two transactions of many; then, and after the next kill, nothing has been lost count of."""
    server.expect_deaths = True
    accounts = [domain.account(f"a{number}") for number in range(4)]
    domain.set("--domain-messages", "60", "--quota-warn", "off")
    dice = random.Random(20261123)
    for round in range(3):
        clients = [server.imap(account, "INBOX") for account in accounts]
        for _ in range(dice.randrange(10, 20)):
            client = dice.choice(clients)
            if dice.random() < 0.8:
                assert append(client)[0] == "OK"
            else:
                client.store("1", "+FLAGS", r"(\Deleted)")
                client.expunge()
        tag = clients[0]._new_tag()  # one more is under way
        clients[0].send(tag + b" COPY 1 Sent\r\n")
        server.kill_worker("store")
        assert domain.use() == domain.recounted()
    with server.imap(accounts[0]) as client:
        have = domain.use()[0]
        for _ in range(60 - have):
            assert append(client)[0] == "OK"
        status, data = append(client)
        assert status == "NO" and refused(data)

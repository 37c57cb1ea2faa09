"""Renaming an account: what is open stays open, what is on its way arrives, the old address begins anew."""

import re
import smtplib
import threading

import pytest

from server import DOMAIN, Account, make_raw, wait_until


def old_of(account: Account) -> Account:
    return Account(f"old.{account.address}", account.password)


def test_old_address_begins_anew_and_the_mail_stays_with_the_account(server, anna):
    server.deliver(anna, make_raw(subject="before"))
    server.messages(anna)
    alias = f"office.{anna.address}"
    server.admin("alias", "add", alias, anna.address)
    old, anew = old_of(anna), Account(anna.address, "another pass word")
    said = server.admin(
        "account", "rename", anna.address, old.address, "--renew", "--password-stdin", password=anew.password
    )
    assert said == (
        f"renamed account {anna} to {old}\n{anna} is a new, empty account now\n"
    )
    assert server.count(anew) == 0
    server.deliver(alias, make_raw(subject="to the alias"))
    server.deliver(anna, make_raw(subject="after"))
    assert any(b"Subject: after" in raw for raw in server.messages(anew, 2))
    assert b"Subject: before" in server.messages(old)[0]
    with pytest.raises(Exception, match="AUTHENTICATIONFAILED|wrong"):
        server.imap(anna)


def test_aliases_follow_on_wish_and_nobody_logs_in_without_a_password(server, anna):
    alias = f"office.{anna.address}"
    server.admin("alias", "add", alias, anna.address)
    old = old_of(anna)
    said = server.admin("account", "rename", anna.address, old.address, "--renew", "--aliases-follow")
    assert said.endswith("without a password yet: posthorn account password\n")
    server.deliver(alias, make_raw())
    server.messages(old)
    server.admin("account", "password", anna.address, password="of its own")
    assert server.count(Account(anna.address, "of its own")) == 0


def test_old_address_stays_as_an_alias(server, anna):
    renamed = old_of(anna)
    server.admin("account", "rename", anna.address, renamed.address, "--keep-alias")
    server.deliver(anna, make_raw())
    server.messages(renamed)
    assert {"address": anna.address, "targets": [renamed.address]} in server.rows("alias", "list", DOMAIN)


def test_wishes_that_contradict_each_other_are_refused(server, anna):
    for words in (["--keep-alias", "--renew"], ["--aliases-follow"], ["--hash", "$6$x$y"]):
        run = server.command("account", "rename", anna.address, f"x.{anna.address}", *words)
        assert run.returncode == 2, run
    server.count(anna)


def test_open_sessions_go_on(server, anna):
    for n in range(2):
        server.deliver(anna, make_raw(subject=f"number {n}"))
    server.messages(anna, 2)
    old, anew = old_of(anna), Account(anna.address, "another pass word")
    pop = server.pop3(anna)
    assert pop.stat()[0] == 2
    with server.imap(anna, "INBOX") as imap:
        server.admin(
            "account", "rename", anna.address, old.address, "--renew", "--password-stdin", password=anew.password
        )
        assert imap.append("INBOX", None, None, make_raw(subject="appended"))[0] == "OK"
        server.deliver(old, make_raw(subject="delivered"))
        wait_until("all messages", lambda: imap.noop() and imap.search(None, "ALL")[1] == [b"1 2 3 4"])
        assert imap.store("1", "+FLAGS", "\\Flagged")[0] == "OK"
        root = imap.getquotaroot("INBOX")[1]
        assert old.address in str(root)
    assert pop.stat()[0] == 2
    assert b"Subject: number 0" in pop.retr(1)[1]
    pop.dele(1)
    pop.quit()
    server.messages(old, 3)
    assert server.count(anew) == 0


@pytest.mark.parametrize("renew", [True, False])
def test_what_is_accepted_during_a_rename_arrives_once(server, anna, renew):
    old = old_of(anna)
    accepted, refused, stop = [], [], threading.Event()

    def deliver(which: int) -> None:
        with server.smtp(protocol="smtp") as client:
            for n in range(200):
                if stop.is_set() and n > 20:
                    break
                name = f"message-{which}-{n}"
                try:
                    client.sendmail("someone@elsewhere.example", [anna.address], make_raw(subject=name))
                    accepted.append(name)
                except smtplib.SMTPRecipientsRefused:
                    refused.append(name)

    threads = [threading.Thread(target=deliver, args=(which,)) for which in range(3)]
    for thread in threads:
        thread.start()
    wait_until("the first messages", lambda: len(accepted) > 20)
    words = ["--renew", "--password-stdin"] if renew else []
    server.admin("account", "rename", anna.address, old.address, *words, password="new one" if renew else None)
    stop.set()
    for thread in threads:
        thread.join()
    assert not renew or refused == []
    holders = [old, Account(anna.address, "new one")] if renew else [old]
    wait_until("the queue is empty", lambda: server.rows("queue", "list") == [])
    found = []
    for holder in holders:
        for raw in server.messages(holder, server.count(holder)) if server.count(holder) else []:
            found += re.findall(rb"Subject: (message-\d+-\d+)", raw)
    assert sorted(name.decode() for name in found) == sorted(accepted)

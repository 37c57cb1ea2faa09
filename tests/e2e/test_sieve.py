"""Sieve scripts of accounts: kept by command, run on real mail, each action once, whatever is killed meanwhile."""

import random
import re
import smtplib

from server import DOMAIN, make_raw, wait_until

KILLED_MESSAGES = 60


def give(server, account, script: str, name: str = "filter"):
    done = server.command("sieve", "put", account.address, name, "-", "--activate", password=script)
    assert done.returncode == 0, done.stdout + done.stderr


def send(server, sender, to, subject: str = "Hello"):
    with server.smtp(sender) as client:
        client.sendmail(sender.address, [str(to)], make_raw(subject, to=str(to)))


def subjects(messages: list[bytes]) -> list[str]:
    return sorted(re.search(rb"^Subject: (.*)\r$", raw, re.M).group(1).decode() for raw in messages)


# --- the commands ---


def test_scripts_are_kept_listed_and_removed(server, anna):
    give(server, anna, "keep;", "first")
    server.command("sieve", "put", anna.address, "second", "-", password="discard;")
    rows = server.rows("sieve", "list", anna.address)
    assert [(row["name"], row["active"], row["size"]) for row in rows] == [("first", True, 6), ("second", False, 9)]
    assert server.admin("sieve", "show", anna.address, "second") == "discard;\n"
    refused = server.command("sieve", "remove", anna.address, "first", "--yes")
    assert refused.returncode == 1 and "active" in refused.stderr
    server.admin("sieve", "activate", anna.address, "second")
    server.admin("sieve", "remove", anna.address, "first", "--yes")
    server.admin("sieve", "deactivate", anna.address)
    rows = server.rows("sieve", "list", anna.address)
    assert [(row["name"], row["active"]) for row in rows] == [("second", False)]


def test_a_wrong_script_is_not_kept_and_says_where_it_is_wrong(server, anna):
    done = server.command("sieve", "put", anna.address, "bad", "-", password='keep;\n  filinto "A";\n')
    assert done.returncode == 1 and 'line 2    column 3    error: there is no command "filinto"' in done.stdout
    assert server.rows("sieve", "list", anna.address) == []
    for name in ("", "x" * 513, "a\nb"):
        assert server.command("sieve", "put", anna.address, name, "-", password="keep;").returncode == 2


# --- what they do ---


def test_mail_goes_where_the_script_says(server, anna):
    give(
        server, anna,
        'require ["fileinto", "mailbox", "imap4flags"];\n'
        'if header :contains "subject" "invoice" { fileinto :create :flags "\\\\Flagged" "Bills/2026"; }\n'
        'elsif header :is "subject" "rubbish" { discard; }\n',
    )  # fmt: skip
    for subject in ("an invoice", "rubbish", "a letter"):
        server.deliver(anna, make_raw(subject))
    assert subjects(server.messages(anna)) == ["a letter"]
    assert subjects(server.messages(anna, folder="Bills/2026")) == ["an invoice"]
    with server.imap(anna, "Bills/2026", readonly=True) as client:
        assert b"\\Flagged" in client.fetch("1", "(FLAGS)")[1][0]


def test_no_script_and_none_active_is_the_inbox(server, anna):
    give(server, anna, "discard;")
    server.admin("sieve", "deactivate", anna.address)
    server.deliver(anna, make_raw())
    server.messages(anna)


def test_redirect_with_and_without_a_copy(server, anna, bert):
    give(server, anna, f'require "copy"; redirect :copy "{bert}";')
    server.deliver(anna, make_raw("one"))
    server.messages(anna)
    assert b"Delivered-To: " + anna.address.encode() in server.messages(bert)[0]
    give(server, anna, f'redirect "{bert}";')
    server.deliver(anna, make_raw("two"))
    assert subjects(server.messages(bert, 2)) == ["one", "two"]
    assert server.count(anna) == 1


def test_a_vacation_answers_once(server, anna, bert):
    give(server, anna, 'require "vacation"; vacation :subject "Away" "Back on Monday.";')
    send(server, bert, anna, "first")
    answer = server.messages(bert)[0]
    assert b"Subject: Away\r\n" in answer and b"Auto-Submitted: auto-replied" in answer
    send(server, bert, anna, "second")
    server.messages(anna, 2)
    give(server, bert, 'require "vacation"; vacation "So am I.";')
    server.admin("sieve", "deactivate", anna.address)
    send(server, anna, bert, "third")
    server.messages(anna, 3)  # bert's answer to it; there was none to "second", nor to an answer
    assert subjects(server.messages(bert, 2)) == ["Away", "third"]


def test_what_is_rejected_is_told_to_its_sender(server, anna, bert):
    give(server, anna, 'require "reject"; reject "No birdseed.";')
    send(server, bert, anna)
    told = server.messages(bert)[0]
    assert b"disposition-notification" in told and b"No birdseed." in told
    give(server, anna, 'require "ereject"; ereject "None at all.";')
    send(server, bert, anna)
    told = [raw for raw in server.messages(bert, 2) if b"delivery-status" in raw]
    assert len(told) == 1 and b"None at all." in told[0] and b"Status: 5.7.1" in told[0]
    assert server.count(anna) == 0


def test_a_script_that_fails_tells_its_owner_in_his_language(server, anna):
    server.admin("account", "set", anna.address, "--language", "de")
    give(server, anna, 'require "fileinto";\nfileinto "Nirgends";')
    server.deliver(anna, make_raw("one"))
    notice = next(raw for raw in server.messages(anna, 2) if b"filter:2: " in raw)
    assert b"Ihr Mailfilter ist gescheitert" in notice
    server.deliver(anna, make_raw("two"))
    assert len(server.messages(anna, 3)) == 3


def test_mail_for_who_fetches_by_pop3_stays_in_the_inbox(server):
    account = server.account("pop", "--plan", "pop3")
    give(server, account, 'require ["fileinto", "mailbox"]; fileinto :create "Unseen";')
    server.deliver(account, make_raw())

    def fetched():
        client = server.pop3(account)
        try:
            return client.stat()[0] == 1
        finally:
            client.quit()

    wait_until("the message by POP3", fetched)


def test_the_trace_says_what_was_thrown_away(server, anna):
    give(server, anna, "discard;")
    with server.smtp(protocol="smtp") as client:
        client.mail("someone@elsewhere.example")
        client.rcpt(anna.address)
        code, text = client.data(make_raw("rubbish"))
    assert code == 250
    entry = re.search(rb"[0-9a-f]{16}", text).group().decode()
    wait_until("its end", lambda: "threw it away" in server.admin("queue", "trace", entry))


# --- whatever is killed ---


def test_nothing_is_lost_and_nothing_done_twice_when_the_store_is_killed(server, anna, bert):
    server.expect_deaths = True
    dice = random.Random(20261123)
    give(
        server, anna,
        'require ["fileinto", "mailbox", "copy", "duplicate", "vacation"];\n'
        f'fileinto :create :copy "Work"; redirect :copy "{bert}";\n'
        'if duplicate { fileinto :create "Twice"; }\nvacation "Away.";\n',
    )  # fmt: skip
    for number in range(KILLED_MESSAGES):
        raw = make_raw(f"number {number}", to=anna.address, identity=f"<{number}.{anna.name}@elsewhere.example>")

        def taken():
            try:
                server.deliver(anna, raw, sender=f"nobody{number}@{DOMAIN}")
                return True
            except (smtplib.SMTPException, OSError):
                return False

        wait_until("the message to be taken", taken)
        if dice.random() < 0.15:
            server.kill_worker("store")
    expected = sorted(f"number {number}" for number in range(KILLED_MESSAGES))
    # What was refused for a broken connection may have been taken all the same, and came twice then.
    for account, folder in ((anna, "INBOX"), (anna, "Work"), (bert, "INBOX")):
        wait_until(f"all in {folder} of {account}", lambda: server.count(account, folder) >= KILLED_MESSAGES)
    wait_until("the queue to be empty", lambda: server.rows("queue", "list") == [])
    inbox, work, twice = (read(server, anna, folder) for folder in ("INBOX", "Work", "Twice"))
    assert sorted(set(inbox + twice)) == expected
    assert sorted(inbox + twice) == sorted(work) == sorted(read(server, bert, "INBOX"))
    assert len(set(inbox)) == len(inbox)


def read(server, account, folder: str) -> list[str]:
    with server.imap(account) as client:
        status, data = client.select(f'"{folder}"', readonly=True)
        if status != "OK" or int(data[0]) == 0:
            return []
        _, parts = client.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
    return [part[1].decode().split(":", 1)[1].strip() for part in parts if isinstance(part, tuple)]

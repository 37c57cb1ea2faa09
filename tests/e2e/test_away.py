"""Out of office: set by command, answered by the rules, beside a script; the answers are read by swaks' senders."""

import subprocess
from datetime import date, timedelta

from server import HOST

TEXT = "Ich bin im Urlaub.\nZur\u00fcck im Januar.\n"


def vacation(server, account, *words: str, text: str | None = None) -> dict:
    more = ["--text", "-"] if text is not None else []
    done = server.command("account", "vacation", account.address, *words, *more, "--json", password=text)
    assert done.returncode == 0, done.stdout + done.stderr
    return server.rows("account", "vacation", account.address)[0]


def swaks(server, sender, to, subject: str, *more: str) -> None:
    words = ["swaks", "--server", f"{HOST}:{server.ports['submission']}", "-tls", "--auth", "PLAIN", "-au", sender.address]
    words += ["-ap", sender.password, "--from", sender.address, "--to", to.address, "--h-Subject", subject, *more]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout



def test_the_setting_is_kept_and_shown(server, anna):
    assert vacation(server, anna)["state"] == "off"
    first, last = date.today() + timedelta(days=10), date.today() + timedelta(days=20)
    row = vacation(server, anna, "--from", str(first), "--until", str(last), "--subject", "Weg", text=TEXT)
    assert (row["state"], row["from"], row["until"], row["days"]) == ("later", str(first), str(last), 7)
    assert row["subject"] == "Weg" and row["text"].startswith("Ich bin im Urlaub.")
    row = vacation(server, anna, "--days", "3")
    assert (row["state"], row["until"], row["days"]) == ("later", str(last), 3)
    assert vacation(server, anna, "--off")["state"] == "off"
    row = vacation(server, anna, "--days", "2")
    assert (row["state"], row["from"], row["until"], row["subject"]) == ("on", "-", "-", "Weg")
    over = date.today() - timedelta(days=2)
    assert vacation(server, anna, "--until", str(over))["state"] == "over"


def test_what_can_not_be_is_refused(server, anna):
    for words, why in (
        (["--from", "2026-12-24"], "--text"),
        (["--off", "--days", "3"], "alone"),
        (["--from", "tomorrow", "--text", "-"], "day like"),
        (["--from", "2027-01-02", "--until", "2027-01-01", "--text", "-"], "before it begins"),
        (["--days", "366", "--text", "-"], "1 to 365"),
    ):
        done = server.command("account", "vacation", anna.address, *words, password="Text.")
        assert done.returncode != 0 and why in done.stderr
    assert vacation(server, anna)["state"] == "off"


def test_a_sender_is_answered_once_and_the_mail_is_filed(server, anna, bert):
    today = str(date.today())
    vacation(server, anna, "--from", today, "--until", str(date.today() + timedelta(days=2)), text=TEXT)
    swaks(server, bert, anna, "first")
    answer = server.messages(bert)[0]
    assert b"Subject: Auto: first\r\n" in answer and b"Auto-Submitted: auto-replied" in answer
    assert f"To: <{bert.address}>".encode() in answer and b"Zur=C3=BCck im Januar.\r\n" in answer
    swaks(server, bert, anna, "second")
    server.messages(anna, 2)
    vacation(server, anna, text="Another absence.\n")
    swaks(server, bert, anna, "third")
    server.messages(anna, 3)
    assert sum(b"Auto: first" in raw for raw in server.messages(bert, 2)) == 1


def test_lists_are_not_answered_nor_who_is_not_named(server, anna, bert):
    vacation(server, anna, text=TEXT)
    swaks(server, bert, anna, "a list", "--add-header", "List-Id: <list.elsewhere.example>")
    swaks(server, bert, anna, "a robot", "--add-header", "Auto-Submitted: auto-generated")
    swaks(server, bert, anna, "to others", "--h-To", "others@elsewhere.example")
    swaks(server, bert, anna, "a letter")
    server.messages(anna, 4)
    assert [b"Auto: a letter" in raw for raw in server.messages(bert)] == [True]


def test_the_script_goes_first(server, anna, bert):
    vacation(server, anna, "--subject", "By the setting", text=TEXT)
    script = 'require ["vacation", "fileinto"];\nif header :is "subject" "mine" { vacation :subject "By the script" "Away."; }\n'
    script += 'elsif header :is "subject" "junk" { fileinto "Junk"; }\n'
    done = server.command("sieve", "put", anna.address, "filter", "-", "--activate", password=script)
    assert done.returncode == 0, done.stderr
    swaks(server, bert, anna, "junk")
    swaks(server, bert, anna, "mine")
    assert b"Subject: By the script\r\n" in server.messages(bert)[0]
    swaks(server, bert, anna, "another")
    assert [b"Subject: By the setting\r\n" in raw for raw in server.messages(bert, 2)].count(True) == 1
    server.messages(anna, 2)

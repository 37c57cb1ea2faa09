"""People are spoken to in their account's language, or in the one their program asks for; codes stay as they are."""

import email
import email.policy

from server import DOMAIN, make_raw


def codes(line: str) -> str:
    """Tag, status and response code, without the text."""
    head, closed, _ = line.partition("] ")
    return head + closed if "[" in head else " ".join(line.split()[:2])


def test_imap_speaks_the_account_s_language(server, anna):
    otto = server.account("otto", "--language", "de")
    commands = ["SELECT Nichts", "CREATE Sent", "NONSENSE", "DELETE INBOX", "NOOP", "FETCH 1 FLAGS"]
    said = {}
    for account in (anna, otto):
        with server.wire("imaps", tls=True) as wire:
            wire.line()
            assert "AUTHENTICATIONFAILED] The name or" in wire.imap("a", f"LOGIN {account.address} wrong")[-1]
            wire.imap("a", f'LOGIN {account.address} "{account.password}"')
            said[account] = [wire.imap("a", command)[-1] for command in commands]
    english, german = said[anna], said[otto]
    assert [codes(line) for line in english] == [codes(line) for line in german]
    assert german[0] == "a NO [NONEXISTENT] Diesen Ordner gibt es nicht"
    assert german[3] == "a NO [CANNOT] INBOX kann nicht geloescht werden"
    assert not any(a == b for a, b in zip(english, german)) and all(line.isascii() for line in german)


def test_imap_speaks_what_is_asked_for(server, anna):
    with server.wire("imaps", tls=True) as wire:
        wire.line()
        assert wire.imap("a", "LANGUAGE de")[0] == "* LANGUAGE (de)"
        assert "Der Name oder das Passwort ist falsch" in wire.imap("b", f"LOGIN {anna.address} wrong")[-1]
        assert wire.imap("c", f'LOGIN {anna.address} "{anna.password}"')[-1].endswith("] Angemeldet")
        assert wire.imap("d", "DELETE INBOX")[-1] == "d NO [CANNOT] INBOX kann nicht gelöscht werden"
        assert wire.imap("e", "LANGUAGE i-default")[-1] == "e OK LANGUAGE completed"


def test_language_asked_for_in_the_clear_is_forgotten(server, anna):
    with server.wire("imap") as wire:
        wire.line()
        wire.imap("a", "LANGUAGE de")
        assert wire.imap("b", "STARTTLS")[-1].startswith("b OK Beginnen")
        wire.start_tls(server.context)
        assert wire.imap("c", f'LOGIN {anna.address} "{anna.password}"')[-1].endswith("] Logged in")


def test_pop3_speaks_the_account_s_language(server):
    otto = server.account("otto", "--language", "de")
    with server.wire("pop3s", tls=True) as wire:
        wire.line()
        assert wire.ask(f"USER {otto.address}") == "+OK and the password?"
        assert wire.ask(f"PASS {otto.password}") == "+OK angemeldet"
        assert wire.ask("RETR 7") == "-ERR Diese Nachricht gibt es nicht"
        assert wire.ask("LANG *") == "+OK de Sprache geändert"
        assert wire.ask("LANG en") == "+OK en language changed"
        assert wire.ask("RETR 7") == "-ERR there is no such message"


def test_pop3_takes_names_and_passwords_in_utf8(server):
    server.admin("account", "add", f"jörg@{DOMAIN}", password="Tür zu")
    for password in ("Tür zu", "Tu\N{COMBINING DIAERESIS}r zu"):
        with server.wire("pop3s", tls=True) as wire:
            wire.line()
            assert wire.ask(f"USER jörg@{DOMAIN}") == "+OK and the password?"
            assert wire.ask(f"PASS {password}") == "+OK logged in"


def test_reports_are_in_the_sender_s_language(server):
    otto = server.account("otto", "--language", "de")
    with server.smtp(otto) as client:
        client.sendmail(
            otto.address, [otto.address], make_raw(to=otto.address), rcpt_options=["NOTIFY=SUCCESS"]
        )  # fmt: skip
    raw = next(raw for raw in server.messages(otto, 2) if b"multipart/report" in raw)
    report = email.message_from_bytes(raw, policy=email.policy.default)
    human, machine, _ = report.iter_parts()
    assert report["Subject"] == "Ihre Nachricht wurde zugestellt"
    assert "Ihre Nachricht wurde zugestellt an:" in human.get_content()
    assert "Die Nachricht ist im Postfach." in human.get_content()
    assert machine.get_payload()[1]["Action"] == "delivered"

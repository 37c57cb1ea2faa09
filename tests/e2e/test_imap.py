"""IMAP with Python's imaplib, and sessions of one account that see each other's changes at once."""

import imaplib
import re
import time

import pytest

from server import HOST, PATIENCE_SECONDS, make_raw, wait_until

NOTICE_SECONDS = 1.0
UTF8_FOLDER = "Entwürfe & Ablage 你好"
UTF7_FOLDER = b"Entw&APw-rfe &- Ablage &T2BZfQ-"


def log_in(wire, account, folder: str = "INBOX") -> None:
    assert wire.line().startswith(b"* OK")
    assert wire.imap("l", f'LOGIN {account} "{account.password}"')[-1].startswith("l OK")
    assert wire.imap("s", f"SELECT {folder}")[-1].startswith("s OK")


def test_logs_in_by_starttls_and_sasl(server, anna):
    client = imaplib.IMAP4(HOST, server.ports["imap"], timeout=PATIENCE_SECONDS)
    client.starttls(server.context)
    assert "AUTH=PLAIN" in client.capabilities and "LOGINDISABLED" not in client.capabilities
    status, data = client.authenticate("PLAIN", lambda _: f"\0{anna}\0{anna.password}".encode())
    assert status == "OK", data
    assert client.select("INBOX")[0] == "OK"
    client.logout()


def test_flags_searches_copies_and_deletes(server, anna):
    for number in range(5):
        server.deliver(anna, make_raw(subject=f"number {number}"))
    server.messages(anna, 5)
    with server.imap(anna, "INBOX") as client:
        assert client.create("Archive2")[0] == "OK"
        assert client.search(None, "SUBJECT", '"number 3"') == ("OK", [b"4"])
        assert client.store("2:3", "+FLAGS", r"(\Seen \Flagged blue)")[0] == "OK"
        assert client.search(None, "KEYWORD", "blue", "SEEN") == ("OK", [b"2 3"])
        assert client.copy("2:3", "Archive2")[0] == "OK"
        assert client.store("2:3", "+FLAGS", r"(\Deleted)")[0] == "OK"
        status, data = client.expunge()
        assert (status, data) == ("OK", [b"2", b"2"])
        assert client.select("Archive2") == ("OK", [b"2"])
        status, data = client.fetch("1:*", "(FLAGS)")
        assert all(b"blue" in line and rb"\Seen" in line for line in data)
    assert server.count(anna) == 3


def test_utf8_on_the_wire(server, anna):
    with server.imap(anna) as client:
        assert client.create(b'"' + UTF7_FOLDER + b'"')[0] == "OK"
        assert client.enable("UTF8=ACCEPT")[0] == "OK"
        assert client.utf8_enabled
        _, lines = client.list()
        assert any(UTF8_FOLDER.encode() in line for line in lines)
        raw = "Subject: größer\r\n\r\nx\r\n".encode()
        client.utf8_enabled = False  # imaplib would put "UTF8 (" inside the literal
        assert client.append(f'"{UTF8_FOLDER}"', r"(\Seen)", None, raw)[0] == "OK"
        assert client.select(f'"{UTF8_FOLDER}"') == ("OK", [b"1"])
        assert client.search(None, "SUBJECT", '"GRÖßER"') == ("OK", [b"1"])
        _, parts = client.fetch("1", "(BODY[])")
        assert parts[0][1] == raw


def test_folder_names_in_any_script(server, anna):
    with server.imap(anna) as client:
        name = b'"' + UTF7_FOLDER + b'"'
        assert client.create(name)[0] == "OK"
        assert client.subscribe(name)[0] == "OK"
        _, lines = client.list()
        assert any(UTF7_FOLDER in line for line in lines)
        assert client.append(name, None, None, make_raw())[0] == "OK"
        assert client.select(name) == ("OK", [b"1"])
        client.close()
        if "UTF8=ACCEPT" in client.capabilities:
            client.enable("UTF8=ACCEPT")
            _, lines = client.list()
            assert any(UTF8_FOLDER.encode() in line for line in lines)
        assert client.rename(name, '"plain"')[0] == "OK"
        assert client.select('"plain"') == ("OK", [b"1"])


def test_subject_in_utf8_is_found_and_shown(server, anna):
    raw = make_raw(subject="=?utf-8?q?Gr=C3=BC=C3=9Fe_aus_Z=C3=BCrich?=")
    server.deliver(anna, raw)
    server.messages(anna)
    with server.imap(anna, "INBOX") as client:
        client.literal = "grüße aus zürich".encode()
        assert client.search("UTF-8", "SUBJECT") == ("OK", [b"1"])
        _, data = client.fetch("1", "(ENVELOPE)")
        assert b"=?utf-8?q?Gr=C3=BC=C3=9Fe_aus_Z=C3=BCrich?=" in b"".join(
            part if isinstance(part, bytes) else b"".join(part) for part in data
        )


def test_idle_tells_of_each_change_within_a_second(server, anna):
    with server.wire("imaps", tls=True) as watcher, server.imap(anna, "INBOX") as actor:
        log_in(watcher, anna)
        watcher.send("i IDLE\r\n")
        assert watcher.line().startswith(b"+")

        def told(what: bytes) -> None:
            begin = time.monotonic()
            while not re.search(what, watcher.line()):
                pass
            assert time.monotonic() - begin < NOTICE_SECONDS

        actor.append("INBOX", None, None, make_raw())
        told(rb"^\* 1 EXISTS")
        server.deliver(anna, make_raw())
        told(rb"^\* 2 EXISTS")
        actor.noop()
        actor.store("1", "+FLAGS", r"(\Flagged)")
        told(rb"^\* 1 FETCH .*\\Flagged")
        actor.store("1", "+FLAGS", r"(\Deleted)")
        actor.expunge()
        told(rb"^\* 1 EXPUNGE")
        watcher.send("DONE\r\n")
        assert watcher.tagged("i")[-1].startswith("i OK")


def test_noop_tells_of_changes_by_others(server, anna):
    with server.wire("imap") as watcher, server.imap(anna, "INBOX") as actor:
        log_in(watcher, anna)
        actor.append("INBOX", None, None, make_raw())
        actor.append("INBOX", None, None, make_raw())
        assert "* 2 EXISTS" in watcher.imap("n1", "NOOP")
        actor.store("2", "+FLAGS", r"(\Seen)")
        assert any(re.match(r"\* 2 FETCH .*\\Seen", line) for line in watcher.imap("n2", "NOOP"))
        actor.store("1", "+FLAGS", r"(\Deleted)")
        actor.expunge()
        assert "* 1 EXPUNGE" in watcher.imap("n3", "NOOP")
        assert len(watcher.imap("n4", "NOOP")) == 1  # nothing is told twice
        actor.create("fresh")
        assert any("fresh" in line for line in watcher.imap("n5", 'LIST "" *'))


def test_no_expunge_is_told_while_numbers_are_in_use(server, anna):
    """RFC 9051 7.5.1: not during FETCH, STORE or SEARCH."""
    with server.wire("imap") as watcher, server.imap(anna, "INBOX") as actor:
        for _ in range(3):
            actor.append("INBOX", None, None, make_raw())
        log_in(watcher, anna)
        actor.store("1", "+FLAGS", r"(\Deleted)")
        actor.expunge()
        for command in ("FETCH 3 (UID)", "STORE 3 +FLAGS (blue)", "SEARCH ALL"):
            assert not any("EXPUNGE" in line for line in watcher.imap("f", command)), command
        assert "* 1 EXPUNGE" in watcher.imap("n", "NOOP")


@pytest.mark.parametrize("protocol", ["imap", "imaps"])
def test_pipelined_commands_after_log_in(server, anna, protocol):
    """What was sent on the heels of LOGIN reaches the session behind it."""
    with server.wire(protocol, tls=protocol == "imaps") as wire:
        assert wire.line().startswith(b"* OK")
        wire.send(
            f'a LOGIN {anna} "{anna.password}"\r\nb SELECT INBOX\r\nc APPEND INBOX {{5+}}\r\nx: y\n\r\nd NOOP\r\ne LOGOUT\r\n'
        )
        for tag in "abcde":
            assert wire.tagged(tag)[-1].startswith(f"{tag} OK"), tag


def test_pop3_and_imap_see_one_mailbox(server, anna):
    raws = [make_raw(subject=f"number {number}", body=f".dot\r\n{'x' * number}\r\n") for number in range(3)]
    for raw in raws:
        server.deliver(anna, raw)
    by_imap = server.messages(anna, 3)
    client = server.pop3(anna)
    assert client.stat() == (3, sum(map(len, by_imap)))
    assert [b"\r\n".join(client.retr(number)[1]) + b"\r\n" for number in (1, 2, 3)] == by_imap
    uids = client.uidl()[1]
    assert len(set(uids)) == 3
    client.dele(2)
    client.rset()
    client.dele(1)
    client.quit()
    wait_until("the deletion", lambda: server.count(anna) == 2)
    client = server.pop3(anna)
    assert [line.split()[1] for line in client.uidl()[1]] == [line.split()[1] for line in uids[1:]]
    client.dele(1)
    client.close()  # without QUIT nothing is deleted (RFC 1939 6)
    assert server.count(anna) == 2

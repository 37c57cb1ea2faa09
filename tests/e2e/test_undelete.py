"""What was deleted, by IMAP, POP3 or with its folder, comes back; `posthorn account undelete` and `purge`."""

import re
import threading

from server import make_raw, wait_until


def fill(server, account, *subjects, folder="INBOX"):
    with server.imap(account) as client:
        for subject in subjects:
            raw = make_raw(subject=subject, body=f"about {subject}\r\n")
            assert client.append(folder, r"(\Flagged $Mine)", '"01-Feb-2024 10:00:00 +0000"', raw)[0] == "OK"


def subjects(server, account, folder="INBOX") -> list[str]:
    with server.imap(account) as client:
        status, data = client.select(f'"{folder}"', readonly=True)
        if status != "OK":
            return []
        if data == [b"0"]:
            return []
        parts = client.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1]
        return [part[1].decode().removeprefix("Subject:").strip() for part in parts if isinstance(part, tuple)]


def deleted(server, account, *words) -> list[dict]:
    return server.rows("account", "undelete", account.address, "--list", *words)


def undelete(server, account, *words) -> int:
    return int(re.match(r"brought back (\d+) ", server.admin("account", "undelete", account.address, *words)).group(1))


def test_every_way_of_deleting_can_be_undone(server, anna):
    fill(server, anna, "expunged", "uid", "pop", "replaced", "moved", "copied")
    with server.imap(anna) as client:
        for name in ("Gone", "Other", "Closed"):
            client.create(name)
    fill(server, anna, "in a folder", folder="Gone")
    fill(server, anna, "closed", folder="Closed")
    with server.imap(anna, "INBOX") as client:
        assert client.uid("MOVE", "5", "Other")[0] == "OK"
        client.uid("COPY", "6", "Other")
        client.uid("STORE", "1,6", "+FLAGS", r"(\Deleted)")
        client.expunge()
        client.uid("STORE", "2", "+FLAGS", r"(\Deleted)")
        assert client.uid("EXPUNGE", "2")[0] == "OK"
        client.delete("Gone")
        client.select("Closed")
        client.store("1", "+FLAGS", r"(\Deleted)")
        client.close()
    with server.wire("imap") as wire:
        wire.line()
        wire.imap("a", f'LOGIN {anna.address} "{anna.password}"')
        wire.imap("b", "SELECT INBOX")
        assert wire.imap("c", "UID REPLACE 4 INBOX {8+}\r\nA: b\r\n\r\n")[-1].startswith("c OK")
    client = server.pop3(anna)
    client.dele(1)
    client.quit()
    rows = deleted(server, anna)
    assert {(row["subject"], row["folder"]) for row in rows} == {
        ("expunged", "INBOX"), ("uid", "INBOX"), ("pop", "INBOX"), ("replaced", "INBOX"), ("in a folder", "Gone"), ("closed", "Closed")
    }  # fmt: skip
    row = rows[0]
    assert row["until"] - row["deleted"] == 14 * 24 * 3600
    assert undelete(server, anna) == 6
    assert sorted(subjects(server, anna))[1:] == ["expunged", "pop", "replaced", "uid"]
    assert subjects(server, anna, "Gone") == ["in a folder"]
    assert subjects(server, anna, "Closed") == ["closed"]
    assert subjects(server, anna, "Other") == ["moved", "copied"]
    assert undelete(server, anna) == 0 and deleted(server, anna) == []


def test_it_is_the_same_message_and_sessions_see_it_come(server, anna):
    fill(server, anna, "one")
    before = server.pop3(anna).uidl(1)

    def ids(client):
        data = client.fetch("1", "(UID FLAGS INTERNALDATE EMAILID THREADID)")[1][0].decode()
        uid = int(re.search(r"UID (\d+)", data).group(1))
        return uid, re.search(r"EMAILID \S+ THREADID \S+", data).group(0), re.search(r'INTERNALDATE "[^"]+"', data).group(0), data

    with server.imap(anna, "INBOX") as client:
        uid, same, date, _ = ids(client)
        client.store("1", "+FLAGS", r"(\Deleted)")
        client.expunge()
        assert server.rows("account", "show", anna.address)[0]["bytes"] == 0
        assert server.rows("account", "show", anna.address)[0]["deleted_bytes"] > 0
        assert undelete(server, anna) == 1
        client.noop()
        assert client.response("EXISTS")[1][-1] == b"1"
        now = ids(client)
        assert now[0] > uid and now[1:3] == (same, date)
        assert "\\Flagged" in now[3] and "$Mine" in now[3] and "\\Deleted" not in now[3]
    assert server.pop3(anna).uidl(1) != before


def test_what_is_asked_for_comes_back_where_it_is_asked_for(server, anna):
    fill(server, anna, "Rechnung Mai", "Rechnung Juni", "lunch")
    with server.imap(anna, "INBOX") as client:
        client.store("1:*", "+FLAGS", r"(\Deleted)")
        client.expunge()
    assert len(deleted(server, anna, "--subject", "RECHNUNG")) == 2
    assert deleted(server, anna, "--from", "nobody@nowhere") == deleted(server, anna, "--folder", "Sent") == []
    assert len(deleted(server, anna, "--since", "1h")) == 3
    assert undelete(server, anna, "--subject", "rechnung mai", "--to-folder", "Found/Again") == 1
    assert subjects(server, anna, "Found/Again") == ["Rechnung Mai"]
    assert undelete(server, anna, "--since", "1h") == 2
    for words, text in {
        ("--since", "tomorrow"): "is no span of time",
        ("--list", "--to-folder", "X"): "brings nothing back",
        ("--to-folder", "a//b"): "",
    }.items():
        run = server.command("account", "undelete", anna.address, *words)
        assert run.returncode == 2 and text in run.stderr, run


def test_purge_erases_at_once(server, anna):
    fill(server, anna, "verysecret", "stays")
    with server.imap(anna, "INBOX") as client:
        client.store("1", "+FLAGS", r"(\Deleted)")
        client.expunge()
    folder = next(server.data.glob(f"accounts/*/{server.rows('account', 'show', anna.address)[0]['id']}"))

    def held(text: bytes) -> bool:
        return any(text in path.read_bytes() for path in folder.rglob("*") if path.is_file())

    assert held(b"about verysecret")
    assert server.admin("account", "purge", anna.address, "--yes") == f"erased 1 deleted message of {anna.address}\n"
    assert not held(b"about verysecret") and not held(b"verysecret") and held(b"about stays")
    assert deleted(server, anna) == [] and undelete(server, anna) == 0
    assert "0 findings" in server.admin("account", "check", anna.address)


def test_a_crash_in_the_middle_brings_nothing_back_twice(server, anna):
    server.expect_deaths = True
    count = 1200
    with server.imap(anna) as client:
        raw = make_raw(body="x\r\n")
        for _ in range(count):
            client.append("INBOX", None, None, raw)
        client.select("INBOX")
        client.store("1:*", "+FLAGS", r"(\Deleted)")
        client.expunge()
    thread = threading.Thread(target=server.command, args=("account", "undelete", anna.address))
    thread.start()
    wait_until("some messages", lambda: server.rows("account", "show", anna.address)[0]["messages"] > 0, pause=0.001)
    server.kill_worker("store")
    thread.join()
    undelete(server, anna)
    assert server.count(anna) == count
    assert undelete(server, anna) == 0
    assert "0 findings" in server.admin("account", "check", anna.address)

"""Trash, Junk, and what POP3 fetched go by themselves. Time is shifted by making what is stored older."""

import sqlite3
import subprocess
from contextlib import contextmanager

from server import make_raw

DAY = 24 * 3600 * 1_000_000


@contextmanager
def at_rest(server, account):
    """The account's database, while no server runs."""
    identity = server.rows("account", "show", account.address)[0]["id"]
    server.expect_deaths = True  # they end, as they should
    server.stop()
    path = next(server.data.glob(f"accounts/*/{identity}/account.db"))
    database = sqlite3.connect(path)
    database.execute("PRAGMA locking_mode=EXCLUSIVE")
    yield database
    database.commit()
    database.close()
    owner = f"{path.parent.stat().st_uid}:{path.parent.stat().st_gid}"
    subprocess.run(["chown", "-R", owner, path.parent], check=True)
    server.start()


def put(server, account, folder, *subjects):
    with server.imap(account) as client:
        for subject in subjects:
            assert client.append(folder, None, '"01-Feb-2014 10:00:00 +0000"', make_raw(subject=subject))[0] == "OK"


def expire_of(client) -> str:
    return " ".join(client.capa()["EXPIRE"])


def test_trash_and_junk_are_emptied(server, anna):
    with server.imap(anna, "Trash") as client:
        client.create("Trash/Below")
    for folder in ("Trash", "Trash/Below", "Junk"):
        put(server, anna, folder, "old", "new")
    server.admin("account", "set", anna.address, "--trash-keep", "30d", "--junk-keep", "7d")
    server.admin("account", "tidy", anna.address)
    assert [server.count(anna, folder) for folder in ("Trash", "Trash/Below", "Junk")] == [2, 2, 2]
    with at_rest(server, anna) as database:
        database.execute("UPDATE member SET saved = saved - ? WHERE key & 4294967295 = 1", (31 * DAY,))
    with server.imap(anna, "Trash") as client:
        server.admin("account", "tidy", anna.address)
        client.noop()
        assert client.response("EXPUNGE")[1] == [b"1"]
    assert [server.count(anna, folder) for folder in ("Trash", "Trash/Below", "Junk")] == [1, 1, 1]
    assert len(server.rows("account", "undelete", anna.address, "--list")) == 3
    assert "0 findings" in server.admin("account", "check", anna.address)


def test_a_folder_in_trash_has_its_time(server, anna):
    with server.imap(anna) as client:
        client.create("Work")
    put(server, anna, "Work", "old")
    server.admin("account", "set", anna.address, "--trash-keep", "30d")
    with at_rest(server, anna) as database:
        database.execute("UPDATE member SET saved = saved - ?", (100 * DAY,))
    with server.imap(anna) as client:
        assert client.rename("Work", "Trash/Work")[0] == "OK"
    server.admin("account", "tidy", anna.address)
    assert server.count(anna, "Trash/Work") == 1


def test_two_devices_fetch_before_it_goes(server, anna):
    server.admin("account", "set", anna.address, "--pop3-keep", "7d")
    put(server, anna, "INBOX", "fetched", "only looked at", "not fetched")
    phone = server.pop3(anna)
    assert expire_of(phone) == "7"
    phone.retr(1)
    phone.top(2, 5)
    phone.quit()
    server.admin("account", "tidy", anna.address)
    computer = server.pop3(anna)
    assert len(computer.list()[1]) == 3  # it is there for the other one
    computer.retr(1)
    computer.quit()
    with at_rest(server, anna) as database:
        assert database.execute("SELECT count(*) FROM fetched").fetchone() == (1,)
        database.execute("UPDATE fetched SET time = time - ?", (7 * DAY,))
    server.admin("account", "tidy", anna.address)
    client = server.pop3(anna)
    assert len(client.list()[1]) == 2
    client.quit()
    assert server.rows("account", "undelete", anna.address, "--list")[0]["subject"] == "fetched"


def test_a_program_that_deletes_deletes(server, anna):
    server.admin("account", "set", anna.address, "--pop3-keep", "7d")
    put(server, anna, "INBOX", "one")
    client = server.pop3(anna)
    client.retr(1)
    client.dele(1)
    client.quit()
    assert server.count(anna) == 0


def test_a_connection_that_breaks_in_retr_has_fetched_nothing(server, anna):
    put(server, anna, "INBOX", "one", "two")
    wire = server.wire("pop3", tls=False)
    wire.line()
    wire.send(f"USER {anna.address}\r\nPASS {anna.password}\r\nRETR 1\r\n")
    while wire.line() != b".":
        pass
    wire.send("RETR 2\r\n")
    while wire.line() != b".":
        pass
    wire.socket.close()  # who asks for the second has got the first
    with at_rest(server, anna) as database:
        assert database.execute("SELECT key & 4294967295 FROM fetched").fetchall() == [(1,)]


def test_expire_is_announced_as_it_is(server, anna):
    wire = server.wire("pop3")
    wire.line()
    wire.send("CAPA\r\nQUIT\r\n")
    lines = []
    while not lines or lines[-1]:
        lines.append(wire.line())
    assert b"EXPIRE 1 USER" in lines
    assert expire_of(server.pop3(anna)) == "NEVER"
    server.admin("account", "set", anna.address, "--pop3-keep", "1h")
    assert expire_of(server.pop3(anna)) == "1"
    server.admin("plan", "set", "imap", "--pop3-keep", "2w")
    server.admin("account", "set", anna.address, "--pop3-keep", "default")
    assert expire_of(server.pop3(anna)) == "14"
    server.admin("plan", "set", "imap", "--pop3-keep", "default")

"""POP3 as people use it: getmail, fetchmail and mpop that empty or leave; many sessions beside IMAP at once."""

import poplib
import socket
import threading

import pytest
from clients import Home
from server import HOST_NAME, make_raw, wait_until

MESSAGES = 12


def fill(server, account, count: int = MESSAGES) -> set[bytes]:
    contents = {f"message {number}\n.a dot\n".encode() for number in range(count)}
    with server.smtp(protocol="smtp") as client:
        for content in contents:
            client.sendmail("someone@elsewhere.example", [account.address], make_raw(body="") + content.replace(b"\n", b"\r\n"))
    server.messages(account, count)
    return contents


def make_agent(home):
    """Puts each message that it gets into a file of its own."""
    return home.write("agent", '#!/bin/sh\nexec cat >"$(mktemp "$HOME/got.XXXXXXXX")"\n')


def got(home) -> list[bytes]:
    return [path.read_bytes().replace(b"\r\n", b"\n").split(b"\n\n", 1)[1] for path in home.directory.glob("got.*")]


def getmail(server, home, account, options: str):
    home.write(
        "getmailrc",
        f"[retriever]\ntype = SimplePOP3SSLRetriever\nserver = {HOST_NAME}\nport = {server.ports['pop3s']}\nusername = {account}\n"
        f"password = {account.password}\nca_certs = {server.certificate}\n\n"
        f"[destination]\ntype = MDA_external\npath = {make_agent(home)}\nallow_root_commands = true\n\n[options]\n{options}",
    )
    return ("getmail", "--getmaildir", home.directory, "--rcfile", "getmailrc")


def fetchmail(server, home, account, options: str):
    home.write(
        "fetchmailrc",
        f"poll {HOST_NAME} service {server.ports['pop3s']} protocol POP3 {'uidl' if 'no keep' not in options else ''}\n"
        f'user "{account}" password "{account.password}" ssl sslcertck sslcertfile "{server.certificate}" no rewrite\n'
        f'mda "{make_agent(home)}" {options}\n',
    )
    return ("fetchmail", "--fetchmailrc", "fetchmailrc", "--nosyslog", "--pidfile", home.directory / "pid", "--idfile", home.directory / "ids")


def mpop(server, home, account, options: str):
    home.write(
        "mpoprc",
        f"account default\nhost {HOST_NAME}\nport {server.ports['pop3s']}\nuser {account}\npassword {account.password}\ntls on\n"
        f"tls_starttls off\ntls_trust_file {server.certificate}\nauth user\nuidls_file {home.directory}/uidls\nreceived_header off\n"
        f"delivery mda {make_agent(home)}\n{options}",
    )
    return ("mpop", "-C", "mpoprc", "-q")


EMPTYING = {getmail: "read_all = true\ndelete = true\n", fetchmail: "fetchall no keep", mpop: "keep off\n"}
LEAVING = {getmail: "read_all = false\ndelete = false\n", fetchmail: "keep", mpop: "keep on\n"}


@pytest.mark.parametrize("program", EMPTYING, ids=lambda program: program.__name__)
def test_programs_empty_the_mailbox_and_it_can_be_had_back(server, home, anna, program):
    contents = fill(server, anna)
    home.run(*program(server, home, anna, EMPTYING[program]))
    assert len(got(home)) == MESSAGES and set(got(home)) == contents
    assert server.count(anna) == 0
    assert f"brought back {MESSAGES} messages" in server.admin("account", "undelete", anna.address)
    assert server.count(anna) == MESSAGES


@pytest.mark.parametrize("program", LEAVING, ids=lambda program: program.__name__)
def test_programs_leave_mail_and_fetch_it_once(server, home, anna, program):
    server.admin("account", "set", anna.address, "--pop3-keep", "7d")
    contents = fill(server, anna)
    fetch = program(server, home, anna, LEAVING[program])
    home.run(*fetch)
    home.run(*fetch, good=(0, 1))  # fetchmail says so when there is nothing
    server.deliver(anna, make_raw(body="one more\r\n"))
    server.messages(anna, MESSAGES + 1)
    home.run(*fetch)
    assert len(got(home)) == MESSAGES + 1 and set(got(home)) == contents | {b"one more\n"}
    assert server.count(anna) == MESSAGES + 1


def test_two_programs_leave_it_for_each_other(server, tmp_path, anna):
    contents = fill(server, anna)
    for name, program in (("pc", getmail), ("phone", mpop)):
        (tmp_path / name).mkdir()
        home = Home(tmp_path / name)
        home.run(*program(server, home, anna, LEAVING[program]))
        assert set(got(home)) == contents


def test_an_imap_session_sees_what_quit_deletes(server, anna):
    fill(server, anna, 5)
    with server.imap(anna, "INBOX") as watcher:
        client = server.pop3(anna)
        client.dele(2)
        client.dele(4)
        watcher.noop()
        assert watcher.response("EXPUNGE")[1] == [None]
        client.quit()
        watcher.noop()
        assert len(watcher.response("EXPUNGE")[1]) == 2
        assert watcher.search(None, "ALL")[1] == [b"1 2 3"]


def test_a_connection_that_breaks_deletes_nothing(server, anna):
    fill(server, anna, 5)
    client = server.pop3(anna)
    for number in range(1, 6):
        client.retr(number)
        client.dele(number)
    client.sock.shutdown(socket.SHUT_RDWR)
    client.sock.close()
    second = server.pop3(anna)
    assert len(second.list()[1]) == 5
    second.quit()
    assert server.rows("account", "undelete", anna.address, "--list") == []


def test_many_sessions_at_once_lose_nothing_and_fetch_nothing_twice(server, anna):
    """Each of four deletes a part of its own, while IMAP moves others away and mail arrives."""
    fill(server, anna, 40)
    problems = []
    start = threading.Barrier(5)

    def guard(work, *arguments):
        try:
            work(*arguments)
        except Exception as error:
            problems.append(repr(error))

    def pop(part: int):
        client = server.pop3(anna)
        assert client.stat()[0] == 40
        start.wait(30)
        for number in range(1 + part * 8, 9 + part * 8):
            client.retr(number)
            client.dele(number)
        client.quit()

    def imap():
        with server.imap(anna, "INBOX") as client:
            start.wait(30)
            for uid in range(33, 41):
                assert client.uid("MOVE", str(uid), "Archive")[0] == "OK"
            for _ in range(5):
                client.append("INBOX", None, None, make_raw(body="late\r\n"))

    threads = [threading.Thread(target=guard, args=(pop, part)) for part in range(4)]
    threads.append(threading.Thread(target=guard, args=(imap,)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert problems == []
    assert (server.count(anna), server.count(anna, "Archive")) == (5, 8)
    assert len(server.rows("account", "undelete", anna.address, "--list")) == 32
    assert "0 findings" in server.admin("account", "check", anna.address)


def test_what_another_removed_answers_err_and_the_rest_goes_on(server, anna):
    fill(server, anna, 3)
    one, other = server.pop3(anna), server.pop3(anna)
    assert one.stat()[0] == other.stat()[0] == 3
    other.dele(2)
    other.quit()
    with pytest.raises(poplib.error_proto):
        one.retr(2)
    one.retr(3)
    one.dele(2)
    one.dele(3)
    one.quit()
    wait_until("one message", lambda: server.count(anna) == 1)

"""offlineimap, getmail and fetchmail bring the account's mail home, by IMAP and by POP3."""

import pytest

from clients import maildir
from server import HOST_NAME, make_raw

MESSAGES = 25


def fill(server, account) -> set[bytes]:
    contents = {f"message {number}\n.dot {'ü' * number}\n".encode() for number in range(MESSAGES)}
    with server.smtp(protocol="smtp") as client:
        for content in contents:
            raw = make_raw(body="") + content.replace(b"\n", b"\r\n")
            client.sendmail("someone@elsewhere.example", [account.address], raw)
    server.messages(account, MESSAGES)
    return contents


def bodies(messages) -> set[bytes]:
    return {message.replace(b"\r\n", b"\n").split(b"\n\n", 1)[1] for message in messages}


def make_maildir(directory):
    for part in ("cur", "new", "tmp"):
        (directory / part).mkdir(parents=True)
    return directory


def test_offlineimap_keeps_both_sides_the_same(server, home, anna):
    contents = fill(server, anna)
    home.write(
        "offlineimaprc",
        f"[general]\naccounts = main\nmetadata = {home.directory}/metadata\nui = basic\n\n"
        "[Account main]\nlocalrepository = near\nremoterepository = far\n\n"
        f"[Repository near]\ntype = Maildir\nlocalfolders = {home.directory}/mail\nsep = /\n\n"
        f"[Repository far]\ntype = IMAP\nremotehost = {HOST_NAME}\nremoteport = {server.ports['imaps']}\nssl = yes\n"
        f"sslcacertfile = {server.certificate}\nremoteuser = {anna}\nremotepass = {anna.password}\nauth_mechanisms = PLAIN\n",
    )
    sync = ("offlineimap", "-c", "offlineimaprc", "-o", "-1")
    home.run(*sync)
    inbox = home.directory / "mail" / "INBOX"
    near = maildir(inbox)
    assert bodies(near.values()) == contents
    victim, seen = sorted(near)[:2]
    path = next(path for part in ("cur", "new") for path in (inbox / part).glob(victim))
    path.unlink()
    path = next(path for part in ("cur", "new") for path in (inbox / part).glob(seen))
    path.rename(inbox / "cur" / (seen.split(":2,")[0] + ":2,FS"))
    make_maildir(home.directory / "mail" / "Projekte")
    (home.directory / "mail" / "Projekte" / "new" / "1.x").write_bytes(make_raw(body="near\r\n").replace(b"\r\n", b"\n"))
    home.run(*sync)
    assert bodies(server.messages(anna, MESSAGES - 1)) == contents - bodies([near[victim]])
    with server.imap(anna, "INBOX", readonly=True) as client:
        status, data = client.search(None, "FLAGGED", "SEEN")
        assert status == "OK" and len(data[0].split()) == 1
    assert bodies(server.messages(anna, 1, "Projekte")) == {b"near\n"}
    with server.imap(anna, "INBOX") as client:
        client.store("1:5", "+FLAGS", r"(\Deleted)")
        client.expunge()
    home.run(*sync)
    assert len(maildir(inbox)) == MESSAGES - 6


def make_agent(home):
    """Puts each message that it gets into a file of its own."""
    return home.write("agent", '#!/bin/sh\nexec cat >"$(mktemp "$HOME/got.XXXXXXXX")"\n')


def got(home) -> list[bytes]:
    return [path.read_bytes() for path in home.directory.glob("got.*")]


@pytest.mark.parametrize("protocol, retriever", [("imaps", "SimpleIMAPSSLRetriever"), ("pop3s", "SimplePOP3SSLRetriever")])
def test_getmail_fetches_once(server, home, anna, protocol, retriever):
    contents = fill(server, anna)
    home.write(
        "getmailrc",
        f"[retriever]\ntype = {retriever}\nserver = {HOST_NAME}\nport = {server.ports[protocol]}\nusername = {anna}\n"
        f"password = {anna.password}\nca_certs = {server.certificate}\n\n"
        f"[destination]\ntype = MDA_external\npath = {make_agent(home)}\nallow_root_commands = true\n\n"
        "[options]\nread_all = false\ndelete = false\n",
    )
    fetch = ("getmail", "--getmaildir", home.directory, "--rcfile", "getmailrc")
    home.run(*fetch)
    assert bodies(got(home)) == contents
    server.deliver(anna, make_raw(body="one more\r\n"))
    server.messages(anna, MESSAGES + 1)
    home.run(*fetch)
    assert bodies(got(home)) == contents | {b"one more\n"}
    assert len(got(home)) == MESSAGES + 1


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_fetchmail_empties_the_account(server, home, anna, protocol):
    contents = fill(server, anna)
    home.write(
        "fetchmailrc",
        f"poll {HOST_NAME} service {server.ports[protocol + 's']} protocol {protocol.upper()}\n"
        f'user "{anna}" password "{anna.password}" ssl sslcertck sslcertfile "{server.certificate}" no rewrite\n'
        f'mda "{make_agent(home)}" fetchall no keep\n',
    )
    fetch = ("fetchmail", "--fetchmailrc", "fetchmailrc", "--nosyslog", "--pidfile", home.directory / "pid")
    home.run(*fetch)
    assert len(got(home)) == MESSAGES and bodies(got(home)) == contents
    assert server.count(anna) == 0
    home.run(*fetch, good=(1,))  # there was no mail

"""Folders shared between accounts: `posthorn share`, and what Python's imaplib and mbsync make of it."""

import re

from clients import maildir
from server import HOST_NAME, make_raw, wait_until


def other(account, folder: str = "INBOX") -> str:
    return f'"Other Users/{account}/{folder}"'


def test_a_folder_is_shared_listed_and_shared_no_longer(server, anna, bert):
    assert server.admin("share", "add", str(bert), "INBOX", str(anna), "--rights", "write") == (
        f"{anna} may do lrswite in INBOX of {bert}\n"
    )
    server.admin("share", "add", str(bert), "Sent", "anyone")
    assert server.rows("share", "list", str(bert)) == [
        {"folder": "INBOX", "whom": str(anna), "rights": "lrswite"},
        {"folder": "Sent", "whom": "anyone", "rights": "lrs"},
    ]
    server.admin("share", "remove", str(bert), "Sent", "anyone")
    assert server.rows("share", "list", str(bert), "Sent") == []
    for words, text in {
        ("add", str(bert), "Nowhere", str(anna)): "has no folder Nowhere",
        ("add", str(bert), "INBOX", "nobody"): "there is nobody called nobody",
        ("add", str(bert), "INBOX", str(bert)): "The owner always has all rights",
        ("add", str(bert), "INBOX", str(anna), "--rights", "lrz"): "are no rights",
        ("list", "nobody@demo.example"): "there is no account",
    }.items():
        run = server.command("share", *words)
        assert run.returncode != 0 and text in run.stderr, run


def test_imaplib_reads_another_account_by_its_rights(server, anna, bert):
    with server.imap(anna) as owner, server.imap(bert) as client:
        assert owner.create("Plans")[0] == "OK"
        assert owner.append("Plans", None, None, make_raw(body="secret\r\n"))[0] == "OK"
        for name in (other(anna, "Plans"), other(anna, "Absent"), '"Other Users/nobody@demo.example/INBOX"'):
            assert client.select(name) == ("NO", [b"[NONEXISTENT] There is no such mailbox"])
        assert owner.setacl("Plans", str(bert), "lrs")[0] == "OK"
        entries = owner.getacl("Plans")[1][0].decode()
        assert entries == f'"Plans" {anna} lrswipkxteacd {bert} lrs'
        assert client.namespace() == ("OK", [b'(("" "/")) (("Other Users/" "/")) NIL'])
        assert client.myrights(other(anna, "Plans"))[1] == [f'{other(anna, "Plans")} lrs'.encode()]
        listed = client.list('""', '"Other Users/*"')[1]
        assert listed == [f'(\\HasNoChildren) "/" {other(anna, "Plans")}'.encode()]
        assert client.select(other(anna, "Plans")) == ("OK", [b"1"])
        assert b"secret" in client.fetch("1", "(BODY[])")[1][0][1]
        assert client.expunge()[0] == "NO"
        assert client.copy("1", "INBOX")[0] == "OK"
        assert client.append(other(anna, "Plans"), None, None, make_raw())[0] == "NO"
        assert owner.select("Plans", readonly=True)[0] == "OK"
        assert b"\\Seen" in owner.fetch("1", "(FLAGS)")[1][0]
        assert owner.deleteacl("Plans", str(bert))[0] == "OK"
    assert server.count(bert) == 1


def test_what_others_deliver_is_told_at_once(server, anna, bert):
    server.admin("share", "add", str(anna), "INBOX", str(bert))
    with server.imap(bert, other(anna)) as client:
        client.send(b"x IDLE\r\n")
        assert client.readline().startswith(b"+")
        server.deliver(anna, make_raw())
        assert re.match(rb"\* 1 EXISTS", client.readline())
        assert client.readline().startswith(b"* 1 RECENT")
        client.send(b"DONE\r\n")
        assert client.readline().startswith(b"x OK")


def test_a_share_lasts_over_a_restart_and_ends_with_the_account(server, anna, bert):
    server.admin("share", "add", str(anna), "INBOX", str(bert))
    server.expect_deaths = True  # the workers that stop
    server.stop()
    server.start()
    server.wait_ready()
    with server.imap(bert, other(anna)):
        pass
    server.admin("account", "remove", str(anna), "--yes")
    with server.imap(bert) as client:
        assert client.select(other(anna))[0] == "NO"
        assert client.list('""', '"Other Users/*"')[1] == [None]


def test_mbsync_fetches_a_shared_folder(server, home, anna, bert):
    with server.imap(anna) as owner:
        owner.create("Plans")
        for number in range(20):
            owner.append("Plans", None, None, make_raw(body=f"plan {number}\r\n"))
    server.admin("share", "add", str(anna), "Plans", str(bert), "--rights", "read")
    home.write(
        "mbsyncrc",
        f"IMAPAccount posthorn\nHost {HOST_NAME}\nPort {server.ports['imaps']}\nSSLType IMAPS\n"
        f'CertificateFile {server.certificate}\nUser {bert}\nPass "{bert.password}"\nAuthMechs PLAIN\nTimeout 60\n\n'
        "IMAPStore far\nAccount posthorn\n\n"
        "MaildirStore near\nPath mail/\nInbox mail/INBOX\nSubFolders Verbatim\n\n"
        f'Channel shared\nFar ":far:Other Users/{anna}/Plans"\nNear :near:plans\nSync Pull\nCreate Near\nSyncState *\n',
    )
    (home.directory / "mail").mkdir()
    home.run("mbsync", "--quiet", "--config", "mbsyncrc", "shared")
    bodies = {raw.split(b"\n\n", 1)[1] for raw in maildir(home.directory / "mail" / "plans").values()}
    assert {body.replace(b"\r", b"") for body in bodies} == {f"plan {number}\n".encode() for number in range(20)}


def test_rights_that_are_taken_away_end_the_session(server, anna, bert):
    server.admin("share", "add", str(anna), "INBOX", str(bert))
    client = server.imap(bert, other(anna))
    server.admin("share", "remove", str(anna), "INBOX", str(bert))

    def ended():
        try:
            return client.noop()[0] != "OK"
        except client.abort:
            return True

    wait_until("the session ends", ended)


def test_a_group_made_anew_has_no_rights_of_the_old_one(server, anna, bert):
    group = f"team.{anna.address}"
    server.admin("group", "add", group, anna.address)
    server.admin("share", "add", str(bert), "INBOX", group)
    with server.imap(anna) as client:
        assert client.select(other(bert), readonly=True)[0] == "OK"
    server.admin("group", "set", group, anna.address, bert.address)
    with server.imap(anna) as client:
        assert client.select(other(bert), readonly=True)[0] == "OK"
    server.admin("group", "remove", group)
    server.admin("group", "add", group, anna.address)
    with server.imap(anna) as client:
        assert client.select(other(bert), readonly=True)[0] == "NO"

"""IMAP's binary parts, composing on the server, replacing drafts, and messages given away by URL."""

import re

from server import DOMAIN, make_raw

PICTURE = b"\x89PNG\r\n\x1a\n\x00\x00 a picture \n"
MESSAGE = (
    b"Subject: picture\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n"
    b"--x\r\n\r\nsee below\r\n"
    b"--x\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: binary\r\n\r\n" + PICTURE + b"\r\n--x--\r\n"
)


def logged_in(server, account):
    wire = server.wire("imaps", tls=True)
    assert wire.line().startswith(b"* OK")
    assert wire.imap("l", f'LOGIN {account} "{account.password}"')[-1].startswith("l OK")
    return wire


def append_binary(server, account) -> None:
    with logged_in(server, account) as wire:
        wire.send(b"a APPEND INBOX ~{%d+}\r\n" % len(MESSAGE) + MESSAGE + b"\r\n")
        assert re.fullmatch(r"a OK \[APPENDUID \d+ 1\] .*", wire.tagged("a")[-1])


def test_binary_part_comes_back_as_it_was(server, anna):
    append_binary(server, anna)
    with server.imap(anna, "INBOX") as client:
        _, parts = client.fetch("1", "(BINARY.SIZE[2] BODY.PEEK[2])")
        assert b"BINARY.SIZE[2] %d" % len(PICTURE) in parts[0][0]
        assert b"\0" not in parts[0][1]
    with logged_in(server, anna) as wire:
        wire.imap("s", "SELECT INBOX")
        wire.send(b"f FETCH 1 BINARY[2]\r\n")
        assert wire.line().endswith(b"BINARY[2] ~{%d}" % len(PICTURE))
        assert b"\r\n".join((wire.line(), wire.line())).startswith(PICTURE)


def test_draft_is_composed_and_replaced(server, anna):
    with server.imap(anna, "INBOX") as client:
        assert client.append("INBOX", None, None, make_raw(subject="quoted", body="what was said\r\n"))[0] == "OK"
        assert client.append("Drafts", r"(\Draft)", None, make_raw(subject="draft"))[0] == "OK"
    with logged_in(server, anna) as wire:
        wire.imap("s", "SELECT Drafts")
        head = b"Subject: new\r\n\r\n"
        wire.send(b"r UID REPLACE 1 Drafts (\\Draft) CATENATE (TEXT {%d+}\r\n" % len(head) + head)
        wire.send(b" URL /INBOX/;UID=1/;SECTION=TEXT)\r\n")
        lines = wire.tagged("r")
        assert any("[APPENDUID " in line for line in lines) and "* 1 EXPUNGE" in lines, lines
        assert lines[-1].startswith("r OK")
    assert server.messages(anna, 1, "Drafts") == [head + b"what was said\r\n"]


def sign(server, account, access: str) -> str:
    user, domain = str(account).split("@")
    rump = f"imap://{user}%40{domain}@{DOMAIN}/INBOX/;UID=1/;SECTION=1;URLAUTH={access}"
    with logged_in(server, account) as wire:
        return re.fullmatch(r'\* GENURLAUTH "(.*)"', wire.imap("g", f'GENURLAUTH "{rump}" INTERNAL')[0]).group(1)


def fetch(server, account, url: str) -> list[str]:
    with logged_in(server, account) as wire:
        lines = wire.imap("u", f'URLFETCH "{url}"')
    assert lines[-1].startswith("u OK")
    return [line.removeprefix(f'* URLFETCH "{url}" ') for line in lines[:-1]]


def test_message_is_given_away_by_url_until_it_is_revoked(server, anna, bert):
    append_binary(server, anna)
    for_nobody = sign(server, anna, f"user+nobody%40{DOMAIN}")
    for_bert = sign(server, anna, f"user+{str(bert).replace('@', '%40')}")
    server.expect_deaths = True  # it is restarted
    server.stop()
    server.start()
    server.wait_ready()
    assert fetch(server, bert, for_nobody) == ["NIL"]
    assert fetch(server, bert, for_bert) == ["{9}", "see below"]
    assert fetch(server, anna, for_bert) == ["NIL"]
    with logged_in(server, anna) as wire:
        assert wire.imap("k", "RESETKEY INBOX")[-1].startswith("k OK [URLMECH INTERNAL]")
    assert fetch(server, bert, for_bert) == ["NIL"]

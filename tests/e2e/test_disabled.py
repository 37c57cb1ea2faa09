"""Who is shut out is out: running sessions end with the account, or when it is disabled."""

import imaplib
import poplib
import ssl

import pytest

from server import make_raw, wait_until

ENDED = (imaplib.IMAP4.abort, ssl.SSLError, OSError, EOFError)


def is_over(ask) -> bool:
    try:
        ask()
        return False
    except ENDED:
        return True
    except poplib.error_proto as error:
        return "EOF" in str(error)


def test_sessions_of_a_disabled_account_end(server, anna, bert):
    imap, pop, other = server.imap(anna, "INBOX"), server.pop3(anna), server.imap(bert, "INBOX")
    server.admin("account", "set", anna.address, "--name", "Anna", "--enabled", "yes")
    assert imap.noop()[0] == "OK"
    with server.smtp(anna) as client:
        server.admin("account", "set", anna.address, "--enabled", "no")
        assert is_over(imap.noop)
        assert is_over(pop.stat)
        with pytest.raises(Exception):
            client.sendmail(anna.address, [bert.address], make_raw())
    assert other.noop()[0] == "OK"
    with pytest.raises(Exception):
        server.imap(anna)
    server.deliver(anna, make_raw())
    server.admin("account", "set", anna.address, "--enabled", "yes")
    server.messages(anna)


def test_idling_session_ends_too(server, anna):
    with server.wire("imap") as wire:
        wire.line()
        wire.imap("a", f'LOGIN {anna} "{anna.password}"')
        wire.imap("b", "SELECT INBOX")
        wire.send("c IDLE\r\n")
        assert wire.line().startswith(b"+")
        server.admin("account", "set", anna.address, "--enabled", "no")
        wait_until("the end", lambda: wire.line() == b"")

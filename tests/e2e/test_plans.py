"""Plans: which doors are open, what a closed one answers, and that a change holds at once."""

import imaplib
import poplib
import smtplib

import pytest

from server import DOMAIN, Account, make_raw, wait_until

NO_IMAP = "this account's plan has no IMAP; use POP3, or have the plan changed"
NO_POP3 = "this account's plan has no POP3; use IMAP, or have the plan changed"
NO_SENDING = "this account's plan sends no mail; have the plan changed"


@pytest.fixture
def plan(server, anna):
    """A plan of its own for anna, with pop3 and submission."""
    server.admin("plan", "add", "test-plan", "--doors", "pop3,submission", "--quota", "1G", "--quota-max", "2G")
    server.admin("account", "set", str(anna), "--plan", "test-plan")
    yield "test-plan"
    server.admin("account", "set", str(anna), "--plan", "imap")
    server.admin("plan", "remove", "test-plan")


def doors(server, plan, names):
    server.admin("plan", "set", plan, "--doors", names)


def app_password(server, anna, *options):
    row = server.rows("account", "app-password", "add", str(anna), *options)[0]
    return Account(anna.address, row["password"])


def test_a_closed_door_says_what_to_do(server, anna, plan):
    with pytest.raises(imaplib.IMAP4.error) as refused:
        server.imap(anna)
    assert NO_IMAP in str(refused.value) and "AUTHORIZATIONFAILED" in str(refused.value)
    server.pop3(anna).quit()
    doors(server, plan, "imap")
    with pytest.raises(poplib.error_proto) as refused:
        server.pop3(anna)
    assert f"-ERR [AUTH] {NO_POP3}" in str(refused.value)
    with pytest.raises(smtplib.SMTPAuthenticationError) as refused:
        server.smtp(anna)
    assert (refused.value.smtp_code, refused.value.smtp_error) == (535, f"5.7.8 {NO_SENDING}".encode())


def test_app_passwords_do_not_open_what_the_plan_shuts(server, anna, plan):
    with pytest.raises(imaplib.IMAP4.error, match="plan has no IMAP"):
        server.imap(app_password(server, anna))
    server.pop3(app_password(server, anna)).quit()
    with pytest.raises(poplib.error_proto, match="app password is for other programs"):
        server.pop3(app_password(server, anna, "--doors", "submission"))


def test_wrong_passwords_learn_nothing_of_the_plan(server, anna, plan):
    with pytest.raises(imaplib.IMAP4.error) as refused:
        server.imap(Account(anna.address, "wrong"))
    assert "plan" not in str(refused.value)


def test_sessions_behind_a_door_that_shuts_end(server, anna, plan):
    doors(server, plan, "imap,pop3,submission")
    session, other = server.imap(anna), server.pop3(anna)
    sender = server.smtp(anna)
    doors(server, plan, "pop3")

    def ended():
        try:
            session.noop()
        except (imaplib.IMAP4.abort, OSError):
            return True
        return False

    wait_until("the session has ended", ended)
    assert other.stat()[0] == 0
    other.quit()
    with pytest.raises((smtplib.SMTPException, OSError)):
        sender.sendmail(anna.address, [anna.address], make_raw())


def test_sessions_of_a_disabled_account_end(server, anna):
    session = server.pop3(anna)
    server.admin("account", "set", str(anna), "--enabled", "no")

    def ended():
        try:
            session.noop()
        except (poplib.error_proto, OSError):
            return True
        return False

    wait_until("the session has ended", ended)
    with pytest.raises(poplib.error_proto, match="this account is disabled; ask its administrator"):
        server.pop3(anna)


def test_another_plan_moves_no_mail(server, anna, plan):
    server.deliver(anna, make_raw("stays"))
    wait_until("the message is there", lambda: server.rows("account", "show", str(anna))[0]["messages"] == 1)
    server.admin("account", "set", str(anna), "--plan", "exchange")
    assert b"stays" in server.messages(anna)[0]
    server.admin("account", "set", str(anna), "--plan", plan)
    client = server.pop3(anna)
    assert client.stat()[0] == 1
    client.quit()


def test_a_plan_s_quota_holds_at_once_and_for_administrators(server, anna, bert, plan):
    shown = server.rows("plan", "show", plan)[0]
    assert (shown["quota"], shown["quota_max"]) == (1 << 30, 2 << 30)
    assert server.rows("account", "show", str(anna))[0]["quota"] == 1 << 30
    refused = server.command("account", "set", str(anna), "--quota", "3G")
    assert refused.returncode == 2 and "more than the plan" in refused.stderr
    server.admin("domain", "administrator", DOMAIN, "--add", str(bert))
    with server.imap(bert) as client:
        status, data = client.setquota(str(anna), f"(STORAGE {3 << 20})")
        assert status == "NO" and b"more than the plan" in data[0]
    doors(server, plan, "imap")
    with server.imap(anna) as client:
        server.admin("plan", "set", plan, "--quota", "1K")
        status, data = client.append("INBOX", None, None, make_raw(body="x" * 2000))
        assert status == "NO" and b"[OVERQUOTA]" in data[0]


def test_a_plan_that_is_used_stays(server, anna, plan):
    refused = server.command("plan", "remove", plan)
    assert refused.returncode == 1 and "1 accounts have the plan test-plan" in refused.stderr

"""Outgoing mail by way of a server that takes all of it: Debian's Postfix with Dovecot's log-in, sinks, a second house."""

import subprocess

import pytest
from names import Names
from postfix import Postfix
from server import Account, make_raw, running, wait_until
from sink import Sink

PEER = "peer.example"  # Postfix's domain
MECHANISMS = ["SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN", "LOGIN"]  # and as many names, so that no connection is kept
PASSWORD = "päss,word=1"
DOVECOT = """protocols =
base_dir = {place}/dovecot
state_dir = {place}/dovecot
log_path = {place}/dovecot-log
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain login scram-sha-1 scram-sha-256
passdb {{
  driver = passwd-file
  args = {place}/users
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home=/tmp
}}
service auth {{
  unix_listener {place}/auth {{
    mode = 0666
  }}
}}
service stats {{
  unix_listener stats-reader {{
    mode = 0600
  }}
}}
"""


@pytest.fixture(scope="module")
def names():
    with Names({(f"mx.{PEER}", "A"): ["127.0.0.9"], ("sink.example", "A"): ["127.0.0.31"]}) as names:
        yield names


@pytest.fixture(scope="module")
def postfix():
    """It takes nothing from anybody who has not logged in, over TLS."""
    peer = Postfix(
        PEER,
        "127.0.0.9",
        ["max"],
        smtpd_sasl_auth_enable="yes",
        smtpd_sasl_type="dovecot",
        smtpd_tls_auth_only="yes",
        smtpd_recipient_restrictions="permit_sasl_authenticated, reject",
    )
    peer.settings["smtpd_sasl_path"] = f"{peer.place}/auth"
    (peer.place / "users").write_text("".join(f"{name.lower()}:{{PLAIN}}{PASSWORD}::::::\n" for name in MECHANISMS))
    (peer.place / "dovecot.conf").write_text(DOVECOT.format(place=peer.place))
    (peer.place / "dovecot").mkdir()
    dovecot = subprocess.Popen(["dovecot", "-F", "-c", peer.place / "dovecot.conf"], stdin=subprocess.DEVNULL)
    try:
        wait_until("dovecot", (peer.place / "auth").exists)
        with peer:
            yield peer
    finally:
        dovecot.terminate()
        dovecot.wait()


@pytest.fixture(scope="module")
def second_house(names):
    with running() as theirs:
        theirs.admin("domain", "add", "far.example")
        theirs.admin("account", "add", "friend@far.example", password="secret")
        yield theirs


@pytest.fixture(scope="module")
def running_server(names, postfix, second_house):
    authorities = postfix.place / "authorities.pem"
    authorities.write_text((postfix.place / "cert.pem").read_text() + second_house.certificate.read_text())
    settings = {"resolver": names.address, "outbound-port": "1", "outbound-private": "no", "ca-file": str(authorities)}
    with running(**settings) as server:
        yield server


@pytest.fixture
def smart_host(server):
    """What a test sets is gone after it."""
    yield lambda *words, password=None: server.admin("smart-host", "set", *words, password=password)
    for row in server.rows("smart-host", "list"):
        owner = [] if row["for"] == "all" else [f"--{row['for']}", row["owner"]]
        server.admin("smart-host", "remove", *owner)


def send(server, account, *recipients: str) -> bytes:
    raw = make_raw(to=recipients[0])
    with server.smtp(account) as client:
        client.sendmail(account.address, list(recipients), raw)
    return raw


def waiting(server) -> list[dict]:
    return server.rows("queue", "list")


def wait_for(predicate):
    return wait_until("the mail", predicate)


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_logs_in_to_postfix(server, postfix, anna, smart_host, mechanism):
    postfix.settings["smtpd_sasl_mechanism_filter"] = mechanism.lower()
    postfix.configure()
    postfix.run("postfix", "-c", str(postfix.place), "reload")
    for file in (postfix.place / "mail" / "max" / "new").glob("*"):
        file.unlink()
    login = ["--user", mechanism, "--password-stdin"]
    smart_host(f"mx.{PEER}:{postfix.port}", *login, password=PASSWORD)
    before = len(postfix.log())
    raw = send(server, anna, f"max@{PEER}")
    assert postfix.mail("max")[0].replace(b"\n", b"\r\n").endswith(raw)
    assert f"sasl_username={mechanism.lower()}" in postfix.log()[before:]
    assert f"sasl_method={mechanism}" in postfix.log()[before:]


def test_wrong_password_waits_and_says_so(server, postfix, anna, smart_host):
    smart_host(f"mx.{PEER}:{postfix.port}", "--user", "nobody", "--password-stdin", password="wrong")
    send(server, anna, f"max@{PEER}")
    wait_for(lambda: waiting(server) and waiting(server)[0]["state"] == "deferred")
    row = waiting(server)[0]
    assert "log-in by" in row["reason"] and "535" in row["reason"] and "wrong" not in row["reason"].split("535")[0]
    server.admin("queue", "drop", row["id"], "--yes")


def test_tls_whose_certificate_is_not_trusted_is_refused(server, anna, smart_host, names):
    names.records[("strange.example", "A")] = ["127.0.0.1"]
    with running() as strange:
        smart_host(f"strange.example:{strange.ports['smtp']}", "--tls", "required")
        send(server, anna, "friend@far.example")
        wait_for(lambda: waiting(server) and waiting(server)[0]["state"] == "deferred")
        assert "certificate" in waiting(server)[0]["reason"]
        server.admin("queue", "drop", waiting(server)[0]["id"], "--yes")


def test_required_tls_is_not_done_without(server, anna, smart_host):
    with Sink("127.0.0.31") as sink:
        smart_host(f"sink.example:{sink.port}", "--tls", "required")
        send(server, anna, "friend@far.example")
        wait_for(lambda: waiting(server) and "no TLS" in waiting(server)[0]["reason"])
        assert not any(command.startswith("MAIL") for command in sink.commands)
        server.admin("queue", "drop", waiting(server)[0]["id"], "--yes")


@pytest.mark.parametrize("door, tls", [("submission", "required"), ("submissions", "implicit")])
def test_sends_by_way_of_another_house(server, second_house, anna, smart_host, names, door, tls):
    """Which lets an account send as itself only: so anna is known there, too."""
    names.records[("localhost", "A")] = ["127.0.0.1"]
    friend = Account("friend@far.example", "secret")
    there = Account(anna.address, "other secret")
    second_house.admin("account", "add", there.address, password=there.password)
    before = second_house.count(friend)
    port = second_house.ports[door]
    smart_host(
        f"localhost:{port}", "--tls", tls, "--user", there.address, "--account", anna.address, "--password-stdin",
        password=there.password,
    )  # fmt: skip
    send(server, anna, friend.address)
    wait_for(lambda: second_house.count(friend) == before + 1)
    text = second_house.messages(friend, before + 1)[-1]
    assert b"with ESMTPSA" in text


def test_one_message_for_all_and_the_nearest_counts(server, anna, bert, smart_host):
    with Sink("127.0.0.31") as all_mail, Sink("127.0.0.32") as of_bert:
        smart_host(f"[127.0.0.31]:{all_mail.port}")
        smart_host(f"[127.0.0.32]:{of_bert.port}", "--account", bert.address)
        send(server, anna, "a@one.example", "b@two.example")
        send(server, bert, "c@one.example")
        wait_for(lambda: all_mail.messages and of_bert.messages and waiting(server) == [])
        assert [recipients for _, recipients, _ in all_mail.messages] == [["a@one.example", "b@two.example"]]
        assert [recipients for _, recipients, _ in of_bert.messages] == [["c@one.example"]]


def test_the_password_is_shown_nowhere(server, smart_host):
    smart_host("mail.example", "--user", "us", "--password-stdin", password="a-very-secret-word")
    assert "a-very-secret-word" not in server.admin("smart-host", "list", "--json")
    assert server.rows("smart-host", "list")[0]["port"] == 587
    for file in server.data.rglob("*"):
        if file.is_file():
            assert b"a-very-secret-word" not in file.read_bytes(), file
    assert "a-very-secret-word" not in server.log_file.read_text()


def test_wrong_words_are_answered(server):
    for words, answer in (
        (["mail.example:x"], "a server is written"),
        (["mail.example", "--tls", "maybe"], "offered, required or implicit"),
        (["mail.example", "--user", "us"], "go together"),
        (["direct", "--tls", "required"], "direct has neither"),
        (["mail.example", "--account", "a@b.example", "--domain", "b.example"], "give one of"),
        (["mail.example", "--domain", "nowhere.example"], "no domain"),
        (["mail.example", "--account", "nobody@nowhere.example"], "no"),
        (["mail.example", "--plan", "golden"], "no plan"),
    ):
        ended = server.command("smart-host", "set", *words)
        assert ended.returncode == 2 and answer in ended.stderr, words
    ended = server.command("smart-host", "set", "mail.example", "--user", "us", "--tls", "offered", "--password-stdin", password="x")
    assert ended.returncode == 2 and "TLS only" in ended.stderr
    assert server.command("smart-host", "remove").returncode == 2

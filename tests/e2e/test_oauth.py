"""Log-in by OAuth tokens, against an identity provider of the tests' own: by its keys, and by asking it."""

import base64
import imaplib
import itertools
import json
import os
import poplib
import signal
import smtplib
import socket
import subprocess
import threading
import time
from contextlib import contextmanager

import pytest

import server as house
from provider import AUDIENCE, CLIENT, ISSUER, Key, Provider
from server import DOMAIN, HOST, HOST_NAME, PATIENCE_SECONDS, wait_until

MECHANISMS = ["OAUTHBEARER", "XOAUTH2"]
REFUSALS = {"OAUTHBEARER": {"status": "invalid_token"}, "XOAUTH2": {"status": "401", "schemes": "bearer"}}
CHECKS_AT_ONCE = 8


@pytest.fixture(scope="module")
def provider(tmp_path_factory):
    directory = tmp_path_factory.mktemp("provider")
    directory.chmod(0o755)
    directory.parent.chmod(0o755)
    provider = Provider(directory)
    yield provider
    provider.close()


@pytest.fixture(autouse=True)
def well_again(request):
    yield
    if "provider" in request.fixturenames:
        provider = request.getfixturevalue("provider")
        provider.mode = "well"
        provider.release.set()


@pytest.fixture(scope="module")
def running_server(provider):
    """It asks the provider about each token."""
    settings = {
        **provider.settings(),
        "oauth-introspection": provider.url("introspect"),
        "oauth-client": f'{CLIENT} "{provider.secret_file}"',
        "oauth-audience": AUDIENCE,
    }
    with house.running(**settings) as running:
        yield running


@contextmanager
def by_keys(provider):
    settings = {
        **provider.settings(),
        "oauth-jwks": provider.url("keys"),
        "oauth-issuer": ISSUER,
        "oauth-audience": AUDIENCE,
    }
    with house.running(**settings) as running:
        yield running
        assert running.events("supervisor.worker_ended", signal=31) == []


@pytest.fixture(scope="module")
def signed_server(provider):
    with by_keys(provider) as running:
        yield running


# --- clients: each comes from an address of its own, since guessing is slowed by address ---

hosts = itertools.count(256)


def address() -> str:
    number = next(hosts)
    return f"127.0.{number // 256}.{number % 256}"


class Imap(imaplib.IMAP4_SSL):
    def __init__(self, server):
        super().__init__(HOST, server.ports["imaps"], ssl_context=server.context, timeout=PATIENCE_SECONDS)

    def _create_socket(self, timeout):
        plain = socket.create_connection((self.host, self.port), timeout, (address(), 0))
        return self.ssl_context.wrap_socket(plain, server_hostname=self.host)


class Pop3(poplib.POP3_SSL):
    def __init__(self, server):
        super().__init__(HOST, server.ports["pop3s"], context=server.context, timeout=PATIENCE_SECONDS)

    def _create_socket(self, timeout):
        plain = socket.create_connection((self.host, self.port), timeout, (address(), 0))
        return self.context.wrap_socket(plain, server_hostname=self.host)


def message(mechanism: str, user, token: str) -> bytes:
    if mechanism == "XOAUTH2":
        return f"user={user}\1auth=Bearer {token}\1\1".encode()
    name = f"a={user}" if user else ""
    return f"n,{name},\1host=localhost\1port=993\1auth=Bearer {token}\1\1".encode()


class Refused(Exception):
    """The answer's text, and what the challenge before it said."""

    def __init__(self, text: str, said: dict | None):
        super().__init__(text)
        self.text = text
        self.said = said


def imap_login(server, user, token: str, mechanism: str = "OAUTHBEARER") -> imaplib.IMAP4_SSL:
    said = []

    def answer(challenge: bytes) -> bytes:
        if not challenge:
            return message(mechanism, user, token)
        said.append(json.loads(challenge))
        return b"\1" if mechanism == "OAUTHBEARER" else b""

    client = Imap(server)
    try:
        client.authenticate(mechanism, answer)
    except imaplib.IMAP4.error as error:
        client.shutdown()
        raise Refused(str(error), said[0] if said else None) from None
    return client


def assert_gets_in(server, user, token: str, mechanism: str = "OAUTHBEARER") -> None:
    with imap_login(server, user, token, mechanism) as client:
        assert client.select("INBOX")[0] == "OK"


def assert_refused(server, user, token: str, why: str, mechanism: str = "OAUTHBEARER") -> None:
    since = server.log_file.stat().st_size
    with pytest.raises(Refused) as refused:
        imap_login(server, user, token, mechanism)
    assert "AUTHENTICATIONFAILED" in refused.value.text
    assert refused.value.said == REFUSALS[mechanism]
    assert server.events("login.token_refused", since)[-1]["why"] == why


def assert_unavailable(server, user, token: str) -> None:
    with pytest.raises(Refused) as refused:
        imap_login(server, user, token)
    assert "UNAVAILABLE" in refused.value.text
    assert refused.value.said is None


# --- what is offered ---


def test_every_protocol_offers_it(server):
    client = Imap(server)
    assert {f"AUTH={name}" for name in MECHANISMS} <= set(client.capabilities)
    client.logout()
    client = Pop3(server)
    assert set(MECHANISMS) <= set(client.capa()["SASL"])
    client.quit()
    with server.smtp(protocol="submissions") as client:
        assert set(MECHANISMS) <= set(client.esmtp_features["auth"].split())


def test_without_a_provider_nobody_offers_it():
    with house.running() as plain:
        client = Imap(plain)
        assert not [name for name in client.capabilities if "OAUTH" in name]
        with pytest.raises(imaplib.IMAP4.error, match="switched off"):
            client.authenticate("XOAUTH2", lambda _: b"")
        client.logout()


# --- asking about each token ---


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_imap(server, provider, anna, mechanism):
    assert_gets_in(server, anna, provider.unsigned(anna), mechanism)
    assert_gets_in(server, "", provider.unsigned(anna), mechanism)
    assert_refused(server, anna, "no-token-of-theirs", "the token is not active", mechanism)


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_pop3(server, provider, anna, mechanism):
    client = Pop3(server)
    good = base64.b64encode(message(mechanism, anna, provider.unsigned(anna))).decode()
    bad = base64.b64encode(message(mechanism, anna, "no-token")).decode()
    challenge = client._shortcmd(f"AUTH {mechanism} {bad}")
    assert json.loads(base64.b64decode(challenge.split()[1])) == REFUSALS[mechanism]
    with pytest.raises(poplib.error_proto, match="AUTH"):
        client._shortcmd("AQ==" if mechanism == "OAUTHBEARER" else "")
    assert client._shortcmd(f"AUTH {mechanism} {good}").startswith(b"+OK")
    assert client.stat() == (0, 0)
    client.quit()


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_submission(server, provider, anna, bert, mechanism):
    with server.smtp(protocol="submissions", source_address=(address(), 0)) as client:
        words = iter([message(mechanism, anna, "no-token").decode(), "\1"])
        with pytest.raises(smtplib.SMTPAuthenticationError) as refused:
            client.auth(mechanism, lambda challenge=None: next(words))
        assert refused.value.smtp_code == 535
        code, _ = client.auth(mechanism, lambda challenge=None: message(mechanism, anna, provider.unsigned(anna)).decode())
        assert code == 235
        client.sendmail(anna.address, [bert.address], house.make_raw())
    server.messages(bert)


@pytest.mark.parametrize("mechanism", MECHANISMS)
@pytest.mark.parametrize("protocol", ["imaps", "pop3s", "submissions"])
def test_curl(server, provider, home, anna, mechanism, protocol):
    url = f"{'smtps' if protocol == 'submissions' else protocol}://{HOST_NAME}:{server.ports[protocol]}/"
    mail = ["--mail-from", anna, "--mail-rcpt", anna, "--upload-file", "-"] if protocol == "submissions" else []

    def curl(token: str, *words, **options) -> str:
        return home.run(
            "curl", "--silent", "--show-error", "--max-time", "60", "--interface", address(), "--cacert", server.certificate, "--sasl-ir",
            "--user", anna.address, "--oauth2-bearer", token, "--login-options", f"AUTH={mechanism}", url, *words, **options,
        )  # fmt: skip

    curl(provider.unsigned(anna), *mail, data=house.make_raw())
    curl("no-token", *mail, data=house.make_raw(), good=(67,))
    if mail:
        server.messages(anna)


def test_somebody_elses_token_is_no_key(server, provider, anna, bert):
    with pytest.raises(Refused, match="AUTHORIZATIONFAILED"):
        imap_login(server, bert, provider.unsigned(anna))
    assert_refused(server, f"nobody@{DOMAIN}", provider.unsigned(f"nobody@{DOMAIN}"), f"no account nobody@{DOMAIN}")


def test_what_the_provider_says_counts(server, provider, anna):
    refused = [
        (provider.unsigned(anna, exp=int(time.time()) - 100), "the token has expired"),
        (provider.unsigned(anna, nbf=int(time.time()) + 100), "the token is not valid yet"),
        (provider.unsigned(anna, aud="calendar"), "the token is for another audience"),
        (provider.unsigned(anna, aud=None), "the token is for another audience"),
        (provider.unsigned(anna, email_verified=False), "the token's address is not verified"),
        (provider.unsigned(anna, email=None), 'the token names no account in "email"'),
    ]
    assert_gets_in(server, anna, provider.unsigned(anna, aud=["calendar", AUDIENCE], email_verified=True))
    for token, why in refused:
        assert_refused(server, anna, token, why)


def test_good_token_is_asked_about_once(server, provider, anna):
    token = provider.unsigned(anna)
    before = len(provider.asked)
    for _ in range(3):
        assert_gets_in(server, anna, token)
    assert provider.asked[before:] == ["/introspect"]


@pytest.mark.parametrize("mode", ["garbage", "long", "error", "gone"])
def test_provider_that_makes_no_sense_refuses_nobody(server, provider, anna, mode):
    token = provider.unsigned(anna)
    provider.mode = mode
    assert_unavailable(server, anna, token)
    with server.imap(anna):
        pass  # by password as ever
    provider.mode = "well"
    assert_gets_in(server, anna, token)


def test_provider_that_is_down_refuses_nobody(server, provider, anna):
    token = provider.unsigned(anna)
    provider.stop_listening()
    try:
        assert_unavailable(server, anna, token)
    finally:
        provider.listen()
    assert_gets_in(server, anna, token)


def test_slow_provider_holds_up_nobody_else(server, provider, anna, bert):
    tokens = [provider.unsigned(anna) for _ in range(CHECKS_AT_ONCE + 4)]
    outcomes = []

    def log_in(token: str) -> None:
        try:
            imap_login(server, anna, token).logout()
            outcomes.append("in")
        except Refused as refused:
            outcomes.append("later" if "UNAVAILABLE" in refused.text else refused.text)

    provider.release.clear()
    provider.mode = "slow"
    threads = [threading.Thread(target=log_in, args=[token]) for token in tokens]
    for thread in threads:
        thread.start()
    wait_until("the provider to be asked", lambda: provider.waiting == CHECKS_AT_ONCE)
    wait_until("the others to be sent away", lambda: outcomes.count("later") == 4)
    begin = time.monotonic()
    with server.imap(bert):
        assert time.monotonic() - begin < 5
    provider.release.set()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
    assert sorted(outcomes) == ["in"] * CHECKS_AT_ONCE + ["later"] * 4


def test_answer_that_never_comes_is_not_waited_for(server, provider, anna):
    provider.release.clear()
    provider.mode = "slow"
    begin = time.monotonic()
    assert_unavailable(server, anna, provider.unsigned(anna))
    assert time.monotonic() - begin < PATIENCE_SECONDS


def test_tokens_are_not_logged(server, provider, anna):
    good = provider.unsigned(anna)
    assert_gets_in(server, anna, good)
    assert_refused(server, anna, "a-token-of-nobody", "the token is not active")
    log = server.log()
    assert good not in log and "a-token-of-nobody" not in log and "secret of ours" not in log


def test_malformed_messages_are_refused_at_once(server, anna):
    for text in [b"", b"\1", b"n,,\1\1", b"n,,\1auth=Bearer \1\1", b"p=tls-exporter,,\1auth=Bearer x\1\1"]:
        client = Imap(server)
        with pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED|LIMIT"):
            client.authenticate("OAUTHBEARER", lambda challenge, text=text: b"\1" if challenge else text)
        client.shutdown()


# --- tokens that are signed ---


def test_signed_tokens(signed_server, provider):
    anna = signed_server.account("anna")
    for mechanism in MECHANISMS:
        assert_gets_in(signed_server, anna, provider.signed(anna), mechanism)
    before = len(provider.asked)
    assert_gets_in(signed_server, anna, provider.signed(anna, header={"alg": "RS256"}))
    assert provider.asked[before:] == []


@pytest.mark.parametrize(
    "claims, why",
    [
        ({"exp": 1000000000}, "the token has expired"),
        ({"exp": None}, "the token never expires"),
        ({"nbf": 4000000000}, "the token is not valid yet"),
        ({"aud": "calendar"}, "the token is for another audience"),
        ({"iss": "https://id.other.example"}, "the token is of another issuer"),
        ({"email_verified": False}, "the token's address is not verified"),
    ],
)
def test_claims_of_signed_tokens_count(signed_server, provider, claims, why):
    anna = signed_server.account("anna")
    assert_refused(signed_server, anna, provider.signed(anna, **claims), why)


def test_forged_tokens_are_refused(signed_server, provider, tmp_path):
    anna = signed_server.account("anna")
    algorithm = "the token's algorithm is none of RS256, ES256, EdDSA"
    forged = Key(tmp_path, "first")  # another key by the same name
    assert_refused(signed_server, anna, provider.signed(anna, key=forged), "the token's signature is wrong")
    head, claims, signature = provider.signed(anna, header={"alg": "none"}).split(".")
    assert_refused(signed_server, anna, f"{head}.{claims}.", algorithm)
    assert_refused(signed_server, anna, provider.signed(anna, header={"alg": "HS256", "kid": "first"}), algorithm)


def test_keys_are_rotated(provider, tmp_path):
    with by_keys(provider) as server:
        anna = server.account("anna")
        old, new = provider.keys[0], Key(tmp_path, "second")
        assert_gets_in(server, anna, provider.signed(anna))
        provider.keys = [new]
        before = len(provider.asked)
        try:
            assert_gets_in(server, anna, provider.signed(anna))
            assert provider.asked[before:] == ["/keys"]
            assert_refused(
                server, anna, provider.signed(anna, key=old),
                "no key for the token, and new ones were looked for a moment ago",
            )  # fmt: skip
            assert provider.asked[before:] == ["/keys"]
        finally:
            provider.keys = [old]


def test_keys_that_can_not_be_had(provider):
    provider.mode = "long"
    with by_keys(provider) as server:
        anna = server.account("anna")
        assert_unavailable(server, anna, provider.signed(anna))
        with server.imap(anna):
            pass
        provider.mode = "well"
        wait_until("another attempt", lambda: not_unavailable(server, anna, provider.signed(anna)))


def not_unavailable(server, account, token: str) -> bool:
    try:
        imap_login(server, account, token).logout()
        return True
    except Refused as refused:
        assert "UNAVAILABLE" in refused.text
        time.sleep(0.5)
        return False


def test_relay_that_died_comes_back(signed_server, provider):
    anna = signed_server.account("anna")
    victim = signed_server.worker("relay")
    os.kill(victim, signal.SIGKILL)
    wait_until("a new relay", lambda: signed_server.worker("relay") != victim)
    assert_gets_in(signed_server, anna, provider.signed(anna))


# --- the configuration ---


@pytest.mark.parametrize(
    "lines, why",
    [
        ("oauth-jwks = https://id.example/keys", "oauth-jwks needs oauth-issuer and oauth-audience"),
        ("oauth-jwks = http://id.example/keys", '"http://id.example/keys" is no https URL'),
        ("oauth-client = a /nonexistent", "cannot read /nonexistent: No such file or directory"),
    ],
)
def test_half_a_configuration_does_not_start(tmp_path, lines, why):
    config = tmp_path / "posthorn.conf"
    config.write_text(f"hostname = a.example\n{lines}\n")
    done = subprocess.run([house.BINARY, "-c", config, "serve"], capture_output=True, text=True, timeout=PATIENCE_SECONDS)
    assert done.returncode == 1 and why in done.stderr

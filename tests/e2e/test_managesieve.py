"""ManageSieve: sieve-connect of Debian, and what it does not do."""

import base64
import os
import re
import subprocess

import pytest
from server import make_raw

SCRIPT = 'require "fileinto";\nif header :is "subject" "filed" { fileinto "Archive"; }\n'


@pytest.fixture
def connect(server, anna, tmp_path):
    """Runs sieve-connect in a directory of its own; all of its output."""

    def run(*words: str, password: str | None = None, status: int = 0) -> str:
        near, far = os.pipe()
        os.write(far, ((password or anna.password) + "\n").encode())
        os.close(far)
        try:
            done = subprocess.run(
                [
                    "sieve-connect", "--server", "localhost", "--port", str(server.ports["managesieve"]), "--4",
                    "--user", anna.address, "--passwordfd", str(near), "--tlscafile", str(server.certificate),
                    "--tlshostname", "mail.demo.example", *words,
                ],
                cwd=tmp_path, pass_fds=[near], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
            )  # fmt: skip
        finally:
            os.close(near)
        said = done.stdout + done.stderr
        assert (done.returncode == 0) == (status == 0), said
        return said

    run.directory = tmp_path
    return run


def test_sieve_connect_uploads_activates_lists_and_downloads(server, anna, connect):
    (connect.directory / "filter.sieve").write_text(SCRIPT)
    connect("--upload", "--localsieve", "filter.sieve")
    connect("--activate", "--remotesieve", "filter.sieve")
    assert re.search(r'filter\.sieve.*ACTIVE', connect("--list"))
    server.deliver(anna, make_raw("filed"))
    server.messages(anna, folder="Archive")
    connect("--download", "--remotesieve", "filter.sieve", "--localsieve", "copy.sieve")
    assert (connect.directory / "copy.sieve").read_text() == SCRIPT
    connect("--deactivate")
    assert "ACTIVE" not in connect("--list")
    connect("--delete", "--remotesieve", "filter.sieve")
    assert "filter.sieve" not in connect("--list")


def test_sieve_connect_is_told_where_a_script_is_wrong(connect):
    (connect.directory / "good.sieve").write_text(SCRIPT)
    (connect.directory / "bad.sieve").write_text('keep;\n  filinto "A";\n')
    connect("--checkscript", "--localsieve", "good.sieve")
    assert "line 2, column 3" in connect("--checkscript", "--localsieve", "bad.sieve", status=1)
    assert "line 2, column 3" in connect("--upload", "--localsieve", "bad.sieve", status=1)
    assert "bad.sieve" not in connect("--list")


def test_sieve_connect_needs_the_right_password(connect):
    connect("--list", password="wrong", status=1)


class Client:
    """A line, and a string behind it, of ManageSieve."""

    def __init__(self, server, tls: bool = True):
        self.wire = server.wire("managesieve")
        self.answer()
        if tls:
            assert self.ask(b"STARTTLS")[-1].startswith(b"OK")
            self.wire.start_tls(server.context)
            self.answer()

    def answer(self) -> list[bytes]:
        lines = [self.wire.line()]
        while not lines[-1].startswith((b"OK", b"NO", b"BYE")):
            lines.append(self.wire.line())
        return [line.rstrip(b"\r\n") for line in lines]

    def ask(self, command: bytes) -> list[bytes]:
        self.wire.send(command + b"\r\n")
        return self.answer()

    def log_in(self, account) -> list[bytes]:
        token = base64.b64encode(f"\0{account.address}\0{account.password}".encode())
        return self.ask(b'AUTHENTICATE "PLAIN" "' + token + b'"')


def test_who_has_logged_in_is_the_owner(server, anna):
    client = Client(server)
    assert client.log_in(anna)[-1].startswith(b"OK")
    assert f'"OWNER" "{anna}"'.encode() in client.ask(b"CAPABILITY")
    assert client.ask(b"LOGOUT")[-1].startswith(b"OK")


def test_a_plan_without_this_door_says_so(server):
    account = server.account("closed", "--plan", "pop3")
    said = Client(server).log_in(account)[-1]
    assert said.startswith(b"NO") and b"plan" in said


def test_texts_are_in_the_owners_language(server, anna):
    server.admin("account", "set", anna.address, "--language", "de")
    client = Client(server)
    client.log_in(anna)
    assert client.ask(b'GETSCRIPT "a"')[-1] == 'NO (NONEXISTENT) "Dieses Skript gibt es nicht"'.encode()


def test_two_people_of_one_account_see_the_same_scripts(server, anna):
    one, other = Client(server), Client(server)
    one.log_in(anna)
    other.log_in(anna)
    one.ask(b'PUTSCRIPT "a" "keep;"')
    assert one.ask(b'SETACTIVE "a"')[-1] == b"OK"
    assert other.ask(b"LISTSCRIPTS") == [b'"a" ACTIVE', b"OK"]


def test_guessing_is_slowed(server, anna):
    client = Client(server)
    wrong = type(anna)(anna.address, "wrong")
    said = [client.log_in(wrong)[-1] for _ in range(5)]
    assert all(line.startswith((b"NO", b"BYE")) for line in said) and said[-1].startswith(b"BYE")



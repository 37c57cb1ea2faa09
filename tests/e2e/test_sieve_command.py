"""`posthorn sieve check` and `posthorn sieve test`, without a server and without settings."""

import json
import os
import subprocess
from pathlib import Path

import pytest

BINARY = os.environ.get("POSTHORN", str(Path(__file__).resolve().parents[2] / "build/posthorn"))
MESSAGE = "From: Bob <bob@example.net>\r\nTo: anna@demo.example\r\nSubject: Lunch?\r\n\r\nHi\r\n"


@pytest.fixture
def sieve(tmp_path):
    (tmp_path / "message.eml").write_bytes(MESSAGE.encode())

    def run(verb: str, script: str, *arguments: str) -> subprocess.CompletedProcess:
        (tmp_path / "script.sieve").write_text(script)
        words = ["message.eml"] if verb == "test" else []
        return subprocess.run(
            [BINARY, "-c", "/nonexistent", "sieve", verb, "script.sieve", *words, *arguments],
            cwd=tmp_path, capture_output=True, text=True, timeout=20,
        )  # fmt: skip

    run.folder = tmp_path
    return run


def actions(run: subprocess.CompletedProcess) -> list[str]:
    return [line for line in run.stdout.splitlines() if line.startswith("=>")]


def test_check_says_where_a_script_is_wrong(sieve):
    run = sieve("check", 'keep;\n  filinto "A";\n')
    assert (run.returncode, run.stdout) == (1, 'line 2    column 3    error: there is no command "filinto"\n')
    row = json.loads(sieve("check", "filinto;", "--json").stdout)
    assert row == {"line": 1, "column": 1, "level": "error", "what": 'there is no command "filinto"'}


def test_check_of_a_right_script(sieve):
    run = sieve("check", "keep;")
    assert (run.returncode, run.stdout) == (0, "the script is right\n")


def test_warnings_are_no_errors(sieve):
    run = sieve("check", 'require "relational"; if header :count "ge" "to" "10" { }')
    assert run.returncode == 0 and "warning" in run.stdout


def test_shows_steps_and_what_would_be_done(sieve):
    run = sieve("test", 'require "fileinto";\nif address :domain "from" "example.net" { fileinto "Friends"; }')
    assert run.returncode == 0
    assert 'line 2    compare        "example.net" is "example.net": yes' in run.stdout
    assert actions(run) == ['=> fileinto "Friends"']


def test_a_reply_is_shown_whole(sieve):
    run = sieve("test", 'require "vacation"; vacation "I am away.";')
    assert actions(run) == ['=> vacation "bob@example.net"', "=> keep"]
    assert "| To: <bob@example.net>" in run.stdout and "| I am away." in run.stdout
    run = sieve("test", 'require "vacation"; vacation "I am away.";', "--from", "owner-list@example.net")
    assert actions(run) == ["=> keep"] and "its sender is a program" in run.stdout


def test_a_script_that_fails_keeps(sieve):
    run = sieve("test", 'require "variables";\nredirect "${x}";')
    assert run.returncode == 1 and actions(run) == ["=> keep"]
    assert 'line 2    error: "" is no address' in run.stdout


def test_throwing_away_is_said(sieve):
    assert actions(sieve("test", "discard;")) == ["=> discard"]


def test_scripts_beside_it_can_be_included(sieve):
    (sieve.folder / "other.sieve").write_text('redirect "x@example.org";')
    run = sieve("test", 'require "include"; include "other";')
    assert actions(run) == ['=> redirect "x@example.org"']
    run = sieve("test", 'require "include"; include "missing";')
    assert run.returncode == 1 and 'there is no script "missing"' in run.stdout


def test_missing_files_are_named(sieve):
    run = subprocess.run([BINARY, "sieve", "check", "/nonexistent.sieve"], capture_output=True, text=True, timeout=20)
    assert run.returncode == 2 and "/nonexistent.sieve" in run.stderr

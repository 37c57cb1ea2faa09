"""The same Sieve scripts over the same messages by Posthorn and by dovecot; see docs/differential.md."""

import shutil
from pathlib import Path

import pytest
import sieve

SEEDS = 60
BASE = (
    b"From: Bob <bob@example.net>\r\nTo: anna@demo.example\r\nSubject: Lunch?\r\n"
    b"Content-Type: multipart/mixed; boundary=b\r\nContent-From: tim@example.com\r\n\r\n"
    b"--b\r\n\r\nHi\r\n--b\r\nContent-ID: <1@example.net>\r\n\r\nBye\r\n--b\r\nContent-MD5: x\r\n\r\n--b--\r\n"
)

pytestmark = pytest.mark.skipif(shutil.which("sieve-test") is None, reason="dovecot-sieve is not installed")


@pytest.fixture
def folder(tmp_path_factory):
    """sieve-test gives up root's rights before it reads."""
    path = tmp_path_factory.mktemp("sieve")
    for each in (path, *path.parents[:2]):
        each.chmod(0o755)
    return path


@pytest.mark.parametrize("seed", range(1, SEEDS + 1))
def test_random_scripts(folder, seed):
    writer = sieve.Writer(seed)
    script, message = writer.script(), writer.message()
    ours, theirs = sieve.both(folder, script, message)
    if ours != theirs:
        assert sieve.explanation(script, message), f"{script}\n{message!r}\nours: {ours}\ntheirs: {theirs}"


def test_the_document_has_every_difference():
    text = (Path(__file__).resolve().parents[2] / "docs/differential.md").read_text()
    assert [name for name, _, reason in sieve.DIFFERENT if f"| {name} | {reason} |" not in text] == []


@pytest.mark.parametrize("name, script, reason", sieve.DIFFERENT, ids=[row[0] for row in sieve.DIFFERENT])
def test_known_differences_are_still_there(folder, name, script, reason):
    ours, theirs = sieve.both(folder, script, BASE)
    assert ours != theirs, f"no longer different: {name}"

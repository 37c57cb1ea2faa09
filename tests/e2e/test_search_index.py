"""The search index is made while the server runs, in its sandbox, and nobody sees it but by the clock."""

import re
from pathlib import Path

import pytest

from server import make_raw, wait_until

MESSAGES = 300  # an account gets an index from 256 on
INDEX_SECONDS = 60  # it is looked after every ten
NICE_FIELD = 19  # of /proc/.../stat, counted from 1; what follows the name begins with the third

QUESTIONS = [
    ("BODY", "häystack", b"124"),
    ("BODY", "haystack", b""),
    ("SUBJECT", "no 77.", b"78"),
    ("NOT TEXT", "GRÜßE", b"124"),
    ("BODY", "nowhere", b""),
]


def index_file(server, account) -> Path:
    identity = server.rows("account", "show", str(account))[0]["id"]
    return server.directory / "data" / "accounts" / identity[:2] / identity / "search.db"


def indexed(server, account) -> int:
    said = server.admin("account", "reindex", str(account))
    return int(re.search(r"indexed (\d+) messages", said).group(1))


def nice_of_indexer(server) -> int:
    for task in Path(f"/proc/{server.worker('store')}/task").iterdir():
        name, fields = (task / "stat").read_text().rsplit(")", 1)
        if name.endswith("(store-index"):
            return int(fields.split()[NICE_FIELD - 3])
    raise AssertionError("there is no such thread")


@pytest.fixture
def filled(server, anna):
    with server.imap(anna, "INBOX") as client:
        for number in range(MESSAGES):
            body = "A Häystack\r\n" if number == 123 else f"{number} Grüße\r\n"
            assert client.append("INBOX", None, None, make_raw(subject=f"no {number}.", body=body))[0] == "OK"
    return anna


def check_answers(server, account) -> None:
    with server.imap(account, "INBOX") as client:
        for key, text, found in QUESTIONS:
            client.literal = text.encode()
            assert client.search("UTF-8", *key.split()) == ("OK", [found]), (key, text)


def test_index_is_made_in_the_background_and_answers_the_same(server, filled):
    check_answers(server, filled)
    with server.imap(filled, "INBOX"):
        wait_until("an index", index_file(server, filled).exists, INDEX_SECONDS)
        check_answers(server, filled)
    assert nice_of_indexer(server) == 19
    assert indexed(server, filled) == MESSAGES
    check_answers(server, filled)
    assert "0 findings" in server.admin("account", "check", str(filled))

"""Random sequences of IMAP commands mean the same to Posthorn and to dovecot, or the difference is explained.

A failure names the seed; `tests/differential/run --from SEED --seeds 1` plays it again.
"""

from pathlib import Path

import pytest

from arena import Arena, describe, shrink
from client import View
from explained import EXPLANATIONS, table
from meaning import differences, structure
from responses import Malformed, parse

SEEDS = 80
BATCH = 10
STEPS = 40
DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "differential.md"


@pytest.fixture(scope="module")
def arena():
    with Arena() as running:
        yield running


@pytest.mark.parametrize("first", range(1, SEEDS + 1, BATCH))
def test_same_meaning(arena, first):
    for seed in range(first, first + BATCH):
        steps = arena.sequence(seed, STEPS)
        unexplained, _ = arena.play(seed, steps)
        if unexplained:
            pytest.fail(f"seed {seed}:\n{describe(*shrink(arena, seed, steps, unexplained[0]))}")


def test_every_explanation_is_whole():
    assert len({one.name for one in EXPLANATIONS}) == len(EXPLANATIONS)
    for one in EXPLANATIONS:
        # What the other server does right is mended, not explained.
        assert one.verdict in ("ours", "allowed"), one.name
        assert one.source.startswith("RFC ") and one.reason.endswith("."), one.name


def test_document_has_the_table():
    assert table() in DOCUMENT.read_text(), "write it with tests/differential/run --table"


def test_reads_responses():
    fetch = parse(b'* 2 FETCH (UID 7 BODY[HEADER.FIELDS ("a b" C)]<0> {3}\r\nx(y FLAGS (\\Seen) ENVELOPE (NIL "q\\"q"))')
    assert (fetch.name, fetch.number) == ("FETCH", 2)
    assert fetch.arguments == [["UID", "7", 'BODY[HEADER.FIELDS ("a b" C)]<0>', b"x(y", "FLAGS", ["\\Seen"], "ENVELOPE", [None, b'q"q']]]
    assert parse(b"* THREAD (1 (2)(3 4))(5)").arguments == [["1", ["2"], ["3", "4"]], ["5"]]
    assert parse(b"a OK [COPYUID 1 2:3 4:5] done").code.arguments == ["1", "2:3", "4:5"]
    for wrong in (b"* 1 FETCH (UID 1", b'* LIST () "/" "a', b"* 1 FETCH (UID 1  FLAGS ())", b'* LIST () "/" "\\a"'):
        with pytest.raises(Malformed):
            parse(wrong)


def test_sees_differences():
    body = parse(b'* 1 FETCH (BODY ("TEXT" "plain" ("CHARSET" "UTF-8") NIL NIL "7BIT" 3 1))').arguments[0][1]
    other = parse(b'* 1 FETCH (BODY ("text" "plain" ("charset" "utf-8") NIL NIL "7bit" 4 1))').arguments[0][1]
    assert differences(structure(body), structure(body)) == []
    assert differences({1: structure(body)}, {1: structure(other)}) == [("/1/size", "3", "4")]
    assert differences({"a": [1, 2]}, {"a": [1], "b": 3}) == [("/a", [1, 2], [1]), ("/b", "missing", 3)]


def test_sees_broken_rules():
    view = View()
    view.exists(2)
    view.fetch(1, {"UID": "5", "FLAGS": ["\\Seen", "\\Recent"]})
    assert view.picture() == [(5, frozenset({"\\seen"})), (None, None)] and view.wrong == []
    view.exists(1)
    view.expunge(2)
    view.fetch(1, {"UID": "6"})
    assert len(view.wrong) == 3

"""Random POP3 commands do the same at Posthorn and at dovecot, or the difference is explained.

A failure names the seed; `tests/differential/run --protocol pop3 --from SEED --seeds 1` plays it again.
"""

from pathlib import Path

import pop3
import pytest
from arena import Arena

SEEDS = 24
BATCH = 8
STEPS = 40
DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "differential.md"


@pytest.fixture(scope="module")
def arena():
    with Arena() as running:
        yield running


@pytest.mark.parametrize("first", range(1, SEEDS + 1, BATCH))
def test_pop3_does_the_same(arena, first):
    for seed in range(first, first + BATCH):
        unexplained = pop3.play(arena, seed, STEPS).unexplained
        assert unexplained == [], f"seed {seed}: " + "\n".join(map(str, unexplained))


def test_every_explanation_is_whole():
    for one in pop3.EXPLANATIONS:
        assert one.verdict in ("ours", "allowed") and one.source.startswith("RFC ") and one.reason.endswith("."), one.name


def test_document_has_the_table():
    assert pop3.table() in DOCUMENT.read_text(), "write it with tests/differential/run --protocol pop3 --table"


def test_sees_differences():
    step = pop3.Step(0, "UIDL")
    side = pop3.Side("one", 0, 0, "", "", identities={"a": 0, "b": 1})
    assert pop3.meaning(side, step, ("+OK", b"", [b"1 a", b"2 b"])) == {"status": "+OK", "messages": [(b"1", 0), (b"2", 1)]}
    assert pop3.meaning(side, pop3.Step(0, "RETR 1"), ("-ERR", b"", None)) == {"status": "-ERR"}
    assert pop3.explain(pop3.Difference(pop3.Step(0, "RETR 2 "), "status", "+OK", "-ERR", False)) is not None
    assert pop3.explain(pop3.Difference(pop3.Step(0, "RETR 2"), "status", "+OK", "-ERR", False)) is None
    assert pop3.explain(pop3.Difference(pop3.Step(0, "RETR 2"), "text", b"a", b"b", False)) is None

"""What a failed step leaves behind: the same step fails again and again, and what the worker holds does not grow.

The other side of test_failing_steps.py, with its scripts and its sample: blocks of memory and descriptors are counted by
tests/doubles/failing.c. The first rounds only show where it is worth to look on: caches grow, too, but not each time.
"""

import contextlib
import imaplib
import poplib
import random
import smtplib
import subprocess
import time
from pathlib import Path

import pytest
from failing import FailingServer
from server import USERS, wait_until
from test_failing_steps import (
    GONE, MEANT_TO_END, PATIENCE_SECONDS, SAMPLE, SCRIPTS, SEED, Lie, World, by_imap, by_sending, by_smtp, failing_house,
)  # fmt: skip

KINDS = ["memory", "write", "read", "descriptor", "socket", "sql"]  # after a failed sync store ends
FIRST_ROUNDS = 5
ROUNDS = 20
# Blocks that a round without failure may add: SQLite keeps more pages of a database that grows.
GROWING = {("store", by_smtp): 1.5, ("store", by_imap): 1.5, ("store", by_sending): 1.5}
STEADY = 0.5
TICKET = 2  # blocks of a log-in whose answer was lost: store keeps it for as long as any (directory/ticket.h)
BROKEN = (Lie, subprocess.TimeoutExpired, smtplib.SMTPException, poplib.error_proto, imaplib.IMAP4.error, *GONE)


def settled(server: FailingServer, role: str) -> tuple[int, int]:
    """Blocks and descriptors, as soon as nothing changes any more: sessions end after their clients, mail is filed later."""
    server.admin("queue", "flush")
    wait_until("the queue to be empty", lambda: server.rows("queue", "list") == [])
    end = time.monotonic() + PATIENCE_SECONDS
    last, times = None, 0
    while times < 5 and time.monotonic() < end:
        blocks, _, descriptors = server.held(role)
        times = times + 1 if (blocks, descriptors) == last else 0
        last = blocks, descriptors
        time.sleep(0.01)
    return last


class Leaks:
    """Repeats one failure."""

    def __init__(self, server: FailingServer):
        self.server = server
        self.said = 0

    def play(self, role: str, kind: str, script, at: int) -> int:
        """How many steps there were."""
        self.server.fail(role, kind, at)
        with contextlib.suppress(*BROKEN):  # what it may say is the other test's affair
            script(self.world)
        return self.server.rest()[0]

    def ended(self) -> bool:
        """A worker that ended holds nothing."""
        return any(self.server.events(event, self.said) for event in (*MEANT_TO_END, "supervisor.worker_ended"))

    def growth(self, role: str, kind: str, script, at: int, rounds: int) -> tuple[int, int] | None:
        """Of blocks and descriptors; None when the worker ended."""
        before = settled(self.server, role)
        for _ in range(rounds):
            self.play(role, kind, script, at)
            if self.ended():
                return None
        after = settled(self.server, role)
        return after[0] - before[0], after[1] - before[1]

    def leak(self, role: str, kind: str, script, at: int) -> str | None:
        """What grows with each round, if anything does."""
        allowed = GROWING.get((role, script), STEADY) + (TICKET if role == "store" and kind in ("memory", "socket") else 0)
        for rounds in (FIRST_ROUNDS, ROUNDS, ROUNDS):
            self.said = self.server.log_file.stat().st_size
            grown = self.growth(role, kind, script, at, rounds)
            if grown is None:
                self.server.kill()
                self.server.start()
                self.fresh()
                return None
            if grown[0] < allowed * rounds and grown[1] < STEADY * rounds:
                return None
        _, _, caller = self.server.rest()
        where = self.server.place_of(role, caller)
        return f"{script.__name__}, {kind} {at} of {role}: {grown} blocks and descriptors in {ROUNDS} rounds [{where}]"

    def fresh(self) -> None:
        self.world = World(self.server, self.server.account("leak"))
        by_imap(self.world)


@pytest.fixture(scope="module")
def leaks(tmp_path_factory):
    with failing_house(Path(tmp_path_factory.mktemp("leaks"))) as server:
        yield Leaks(server)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.__name__)
@pytest.mark.parametrize("role", USERS)
def test_a_failed_step_leaves_nothing_behind(leaks, role, script):
    dice = random.Random(f"{SEED} {role} {script.__name__}")
    found = []
    leaks.fresh()
    for kind in KINDS:
        leaks.play(role, kind, script, 0)  # what is made once is there then
        steps = leaks.play(role, kind, script, 0)
        moments = range(1, steps + 1)
        if SAMPLE != "all":
            moments = dice.sample(moments, min(int(SAMPLE), steps, 1 if script == by_sending else 2))
        found += [leak for at in moments if (leak := leaks.leak(role, kind, script, at)) is not None]
    assert not found, "\n".join(found)

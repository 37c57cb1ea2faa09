"""Both servers, running; sequences are played in fresh accounts."""

import itertools
import time
from contextlib import ExitStack

import commands
import server as house
from commands import Step
from dovecot import PASSWORD, running_dovecot
from explained import explain
from play import Difference, Side, play, without

SHRINK_SECONDS = 40


class Arena:
    def __init__(self, show: str | None = None):
        self.stack = ExitStack()
        self.numbers = itertools.count(1)
        self.show = show

    def __enter__(self) -> "Arena":
        settings = {"plaintext-login": "yes", "sessions-per-account": "1000"}
        self.posthorn = self.stack.enter_context(house.running(**settings))
        self.dovecot = self.stack.enter_context(running_dovecot())
        self.capabilities = frozenset.intersection(*(side.capabilities() for side in self.sides()))
        return self

    def __exit__(self, *_) -> None:
        self.stack.close()

    def sequence(self, seed: int, count: int) -> list[Step]:
        return commands.Generator(seed, self.capabilities).sequence(count)

    def sides(self) -> tuple[Side, Side]:
        account = self.posthorn.account("differ")
        ours = Side("posthorn", house.HOST, self.posthorn.ports["imap"], f'{account.address} "{account.password}"')
        theirs = Side("dovecot", house.HOST, self.dovecot.port, f"user{next(self.numbers)} {PASSWORD}")
        return ours, theirs

    def explain(self, difference: Difference):
        found = explain(difference)
        if found is not None and found.name == self.show:
            print(f"{found.name}: {difference}", flush=True)
        return found

    def play(self, seed: int, steps: list[Step], survey: bool = False) -> tuple[list[Difference], dict]:
        ours, theirs = self.sides()
        try:
            return play(ours, theirs, seed, steps, self.explain, survey)
        finally:
            ours.close()
            theirs.close()


def alike(one: Difference, found: list[Difference]) -> Difference | None:
    """The same command's difference of the same kind, if it is among those found."""
    return next((other for other in found if (one.kind, one.step.verb) == (other.kind, other.step.verb)), None)


def shrink(arena: Arena, seed: int, steps: list[Step], difference: Difference) -> tuple[list[Step], Difference]:
    """Drops commands, many at once at first, as long as a difference like it stays."""
    end = time.monotonic() + SHRINK_SECONDS
    position = next((at for at, step in enumerate(steps) if step is difference.step), len(steps) - 1)
    steps = steps[: position + 1]
    size = max(1, len(steps) // 2)
    while size and time.monotonic() < end:
        at = 0
        while at < len(steps) and time.monotonic() < end:
            shorter = without(steps, at, size)
            found = alike(difference, arena.play(seed, shorter)[0]) if shorter else None
            if found is not None:
                steps, difference = shorter, found
            else:
                at += size
        size //= 2
    return steps, difference


def describe(steps: list[Step], difference: Difference) -> str:
    return "\n".join([*(f"    {step}" for step in steps), f"  {difference}"])

#!/usr/bin/python3
"""Runs the gates over the tree, each preceded by its self-test: a planted violation must be caught.

A gate is a module gate_<name>.py with violations(root), and plant(root) or a list PLANTS of such functions,
each of which puts one violation into a bare tree. clean(root), where there is one, puts something there that
must pass; notes(root) says what is no violation but worth a look.

Prints `ok NAME` or `FAILED NAME` and why, then exits with 1 if any failed.
"""

import importlib
import sys
import tempfile
from pathlib import Path
from types import ModuleType

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BARE_ROOMS = ["base", "rt", "smtp", "pop3"]


def bare_tree(folder: str) -> Path:
    """The least a gate can look at, without a violation."""
    root = Path(folder)
    listed = ", ".join(f"'{room}'" for room in BARE_ROOMS)
    (root / "meson.build").write_text(f"rooms = [{listed}]\n")
    (root / ".clang-format").write_text((ROOT / ".clang-format").read_text())
    (root / "tests/gates").mkdir(parents=True)
    for room in BARE_ROOMS:
        (root / "src" / room).mkdir(parents=True)
    return root


def self_test(gate: ModuleType) -> list[str]:
    wrong = []
    for plant in getattr(gate, "PLANTS", None) or [gate.plant]:
        with tempfile.TemporaryDirectory() as folder:
            root = bare_tree(folder)
            plant(root)
            if not gate.violations(root):
                wrong.append(f"{plant.__name__}: the planted violation was not caught")
    if hasattr(gate, "clean"):
        with tempfile.TemporaryDirectory() as folder:
            root = bare_tree(folder)
            gate.clean(root)
            wrong += [f"clean: {violation}" for violation in gate.violations(root)]
    return wrong


def attempt(name: str, action, argument) -> bool:
    try:
        wrong = action(argument)
    except Exception as error:  # a gate that cannot run is a gate that failed
        wrong = [f"{type(error).__name__}: {error}"]
    print(f"{'FAILED' if wrong else 'ok'} {name}")
    for line in wrong:
        print(f"    {line}")
    return not wrong


def main() -> int:
    good = True
    for path in sorted(HERE.glob("gate_*.py")):
        gate = importlib.import_module(path.stem)
        name = path.stem.replace("_", " ", 1)
        good &= attempt(f"{name} (self-test)", self_test, gate)
        good &= attempt(name, gate.violations, ROOT)
        if hasattr(gate, "notes"):
            for note in gate.notes(ROOT):
                print(f"    note: {note}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.path.insert(0, str(HERE))
    sys.exit(main())

"""Functions have at most 100 lines and a complexity of at most 25; those over 60 lines are named.

Complexity is pmccabe's modified count, in which a switch is one decision: a flat switch is a table.
"""

import subprocess
from pathlib import Path

from tree import files

LINES_MAX = 100
LINES_AIM = 60
COMPLEXITY_MAX = 25


def measured(root: Path) -> list[tuple[int, int, str]]:
    """(complexity, lines, "file(line): name") of every function."""
    sources = [str(path.relative_to(root)) for path in files(root, ".c")]
    if not sources:
        return []
    run = subprocess.run(["pmccabe", *sources], capture_output=True, text=True, cwd=root, check=True)
    rows = []
    for line in run.stdout.splitlines():
        complexity, _, _, _, lines, place = line.split("\t")
        rows.append((int(complexity), int(lines), place))
    return rows


def violations(root: Path) -> list[str]:
    found = []
    for complexity, lines, place in measured(root):
        if lines > LINES_MAX:
            found.append(f"{place}: {lines} lines, at most {LINES_MAX}")
        if complexity > COMPLEXITY_MAX:
            found.append(f"{place}: complexity {complexity}, at most {COMPLEXITY_MAX}")
    return found


def notes(root: Path) -> list[str]:
    long = [(lines, place) for _, lines, place in measured(root) if LINES_AIM < lines <= LINES_MAX]
    return [f"{place}: {lines} lines, aim at {LINES_AIM}" for lines, place in sorted(long, reverse=True)]


def plant(root: Path) -> None:
    body = "    x++;\n" * (LINES_MAX + 1)
    (root / "src/base/planted.c").write_text(f"void f(int x)\n{{\n{body}}}\n")


def plant_complex(root: Path) -> None:
    body = "".join(f"    if (x == {i}) y++;\n" for i in range(COMPLEXITY_MAX + 1))
    (root / "src/base/planted.c").write_text(f"int f(int x)\n{{\n    int y = 0;\n{body}    return y;\n}}\n")


PLANTS = [plant, plant_complex]

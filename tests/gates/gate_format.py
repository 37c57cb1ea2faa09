"""C is formatted as .clang-format says."""

import re
import subprocess
from pathlib import Path

from tree import c_files


def violations(root: Path) -> list[str]:
    sources = c_files(root)
    if not sources:
        return []
    run = subprocess.run(
        ["clang-format", "--dry-run", "--Werror", *map(str, sources)], capture_output=True, text=True, cwd=root
    )
    wrong = {match.group(1) for match in re.finditer(r"^(\S+?):\d+:\d+: error", run.stderr, re.MULTILINE)}
    if run.returncode != 0 and not wrong:
        return [run.stderr.strip()]
    return [f"{Path(name).relative_to(root)}: run clang-format -i" for name in sorted(wrong)]


def plant(root: Path) -> None:
    (root / "src/base/planted.c").write_text("int  f( void ){return 1;}\n")

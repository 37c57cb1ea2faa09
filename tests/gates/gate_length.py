"""Files have at most 1,000 lines, a room's README at most 40."""

from pathlib import Path

from tree import files

FILE_LINES_MAX = 1000
README_LINES_MAX = 40
CODE = (".c", ".h", ".py", ".js", ".css", ".html", ".build")


def line_count(path: Path) -> int:
    return len(path.read_bytes().splitlines())


def violations(root: Path) -> list[str]:
    found = []
    for path in files(root, *CODE):
        if (lines := line_count(path)) > FILE_LINES_MAX:
            found.append(f"{path.relative_to(root)}: {lines} lines, at most {FILE_LINES_MAX}")
    for path in files(root / "src", "README.md"):
        if (lines := line_count(path)) > README_LINES_MAX:
            found.append(f"{path.relative_to(root)}: {lines} lines, at most {README_LINES_MAX}")
    return found


def plant_file(root: Path) -> None:
    (root / "src/base/planted.c").write_text("\n" * (FILE_LINES_MAX + 1))


def plant_readme(root: Path) -> None:
    (root / "src/base/README.md").write_text("line\n" * (README_LINES_MAX + 1))


PLANTS = [plant_file, plant_readme]
